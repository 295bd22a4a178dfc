//! The stage `diffusion`: a caption, and perhaps a picture, to a clip.
//!
//! Theory of operation: `contract` is a model's `model.yaml`; `spotloom-onnx` verifies its files, finds ONNX Runtime,
//! loads graphs and checks their ports; `ask` is what a shot is asked for, `cut` where its frames
//! lie in time; `families` turn a shot into frames at the model's own size and rate, walking `schedulers` from
//! reproducible `noise`; `finish` brings them to the size, rate and depth of the pipeline; `stage` ties these together
//! and `printer` writes the mezzanine through `spotloom-media`.
//!
//! Invariant: the same shot, model and seed give the same file, bit for bit, on one machine and ONNX Runtime; memory
//! does not grow with the length of a shot.

pub mod ask;
pub mod contract;
pub mod cut;
pub mod error;
pub mod families;
pub mod family;
pub mod finish;
pub mod footage;
mod layout;
mod limits;
pub use spotloom_onnx::noise;
pub mod params;
pub mod picture;
mod printer;
pub mod recipe;
mod reel;
pub mod schedulers;
mod stage;

pub use stage::Diffusion;

spotloom_plugin_sdk::export_stage!(Diffusion);
