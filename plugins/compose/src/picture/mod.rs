//! Pixels: frames in BT.709 limited range, 4:2:0, 8 bit, and what is done to them row by row.

pub mod blend;
pub mod footage;
pub mod mix;

pub mod sprite;
