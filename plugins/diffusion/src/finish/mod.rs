//! From a model's frames to frames of the pipeline: colour, clean-up, rate, size, depth.
//!
//! Everything is done in 32-bit floats and rounded once, into 10 bits, under grain: nothing bands on the way.

pub mod colour;
pub mod film;
pub mod grain;
pub mod motion;
pub mod pace;
pub mod scale;
pub mod smooth;
pub mod timeline;
