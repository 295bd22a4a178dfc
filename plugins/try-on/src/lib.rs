//! Stage `try-on`: a picture of a person and one of a garment to a picture of the person wearing it.
//!
//! Theory of operation: `photo` reads both pictures and brings them to the model's size; `detect` finds people, `pose`
//! their joints, `skeleton` draws these as the model was trained to see them; `sampler` walks from noise to the picture;
//! `network` loads the three graphs of a model folder one after another; `stage` ties these together.
//!
//! The order of the work and all its figures are those of FASHN VTON 1.5 (<https://github.com/fashn-AI/fashn-vton-1.5>,
//! Apache-2.0) without its human parser: the person is not masked, and the garment is one that nobody wears.
//!
//! Invariants: the same pictures, model and seed give the same picture on one machine and ONNX Runtime; one graph is in
//! memory at a time; nothing is made of a picture in which nobody can be found.

pub mod contract;
pub mod detect;
pub mod network;
pub mod params;
pub mod photo;
pub mod pose;
mod recipe;
pub mod sampler;
pub mod skeleton;
mod stage;

pub use params::Params;
pub use stage::TryOn;

spotloom_plugin_sdk::export_stage!(TryOn);
