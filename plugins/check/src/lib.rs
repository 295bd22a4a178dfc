//! Looks at finished masters before anybody else does: is the file what its preset says, and is the ad in it fit to be seen?
//!
//! Purpose: one decode of every master ([`pass`]) feeds all checks. FFmpeg's own filters measure black, frozen, bars,
//! silence and loudness; [`flash`] is ours. [`mod@file`], [`video`], [`picture`], [`shots`], [`sound`] and [`text`] hold what was
//! measured against the preset, the brief and what compose says of its texts.
//!
//! Invariant: nothing that failed a check is handed on unless the pipeline said so, and every verdict names what was
//! measured, what is allowed, where it is, and says it in a sentence.

mod boxes;
mod check;
mod file;
pub mod flash;
mod layout;
mod mxf;
mod params;
mod pass;
mod picture;
mod pictures;
mod preset;
mod shots;
mod sound;
mod stage;
mod text;
mod timecode;
mod video;
mod webp;

pub use check::{Check, Name, Verdict};
pub use params::{Params, Severity};
pub use stage::CheckStage;

spotloom_plugin_sdk::export_stage!(CheckStage);
