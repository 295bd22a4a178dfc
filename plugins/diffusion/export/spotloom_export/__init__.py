"""From a diffusers checkout of a video model to a folder that the stage `diffusion` can run."""
