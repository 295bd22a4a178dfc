"""One file for each family: its components as graphs, and what its contract says."""
