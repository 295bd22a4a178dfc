//! Stage `interpolate`: a clip at another frame rate.
//!
//! Purpose: frames between frames are made along the motion by FFmpeg's `minterpolate`, which also notices cuts and does
//! not blend across them. The report names the method. Networks (RIFE, FILM) are not read yet.
//!
//! Invariants: the clip keeps its length to within a frame of the new rate; only what the filter looks at is in memory,
//! however long the clip is.

mod params;
mod rate;
mod stage;

pub use params::Params;
pub use stage::Interpolate;

spotloom_plugin_sdk::export_stage!(Interpolate);
