//! spotloom-diffusion
