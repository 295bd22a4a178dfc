//! Stage `interpolate`: a clip at another frame rate.
//!
//! Purpose: with a model folder of the family `interpolate` a network (RIFE, FILM) makes the frames in between; without one
//! FFmpeg's `minterpolate` does. Neither blends across a cut, and the report names the method.
//!
//! What memory the network takes is reckoned before it is loaded, and refused where there is less; beside the clip stands its recipe.
//!
//! Invariants: the clip keeps its length to within half a frame of the new rate; frames of the clip that stand where one of
//! the new rate does are passed untouched by a network; only the frames that are looked at are in memory, however long the
//! clip is.

mod between;
pub mod contract;
mod cut;
mod memory;
mod network;
mod params;
mod rate;
mod recipe;
mod sink;
mod stage;

pub use params::Params;
pub use stage::Interpolate;

spotloom_plugin_sdk::export_stage!(Interpolate);
