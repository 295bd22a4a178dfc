"""Tiny random models of every family, exported by the exporter, with golden values from the reference pipelines."""
