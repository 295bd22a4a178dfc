//! Stage `upscale`: a clip to a larger one, frame by frame.
//!
//! Purpose: with a model folder of the family `upscale` a network enlarges each picture in [`tiles`]; without one FFmpeg
//! does, and the report says so.
//!
//! What memory the network takes is reckoned before it is loaded, and refused where there is less; beside the clip stands its recipe.
//!
//! Invariants: one frame is in memory at a time, however long the clip is; as many frames come out as went in, at the
//! same rate; where tiles meet can't be seen, because each is computed with its surroundings.

pub mod contract;
mod memory;
mod network;
mod params;
mod recipe;
mod stage;
mod tiles;

pub use params::Params;
pub use stage::Upscale;

spotloom_plugin_sdk::export_stage!(Upscale);
