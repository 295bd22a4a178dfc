//! Stage `footage`: own footage or a picture to a clip, without generating anything.
//!
//! Purpose: a part of a video that somebody filmed, or a picture with a camera move, at exactly the size and rate of the
//! ad and reframed to its shape so that the subject stays in it. Whatever the source was (variable frame rate, turned,
//! interlaced, high dynamic range, other pixels), the clip is like every other clip.
//!
//! Invariants: the file named is the only one that is read; a clip is exactly as long as asked for or an error, never
//! padded with black or a frozen frame; the camera moves by fractions of a pixel, so a slow move does not tremble.

mod camera;
mod film;
mod params;
mod stage;
mod still;

pub use params::Params;
pub use stage::Footage;

spotloom_plugin_sdk::export_stage!(Footage);
