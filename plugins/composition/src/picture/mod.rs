//! Pixels: frames in BT.709 limited range, 4:2:0, 8 bit, and what is done to them row by row.

mod axis;
pub mod blend;
pub mod footage;
mod kernel;
pub mod mix;
pub mod reel;
mod roll;
mod runs;
pub mod samples;
pub mod sprite;
