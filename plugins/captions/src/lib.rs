//! Stage `captions`: what is said, as SRT, WebVTT and cues to burn in.
//!
//! Purpose: the words come from a given SRT or WebVTT file, from the voice's own times, or from the script: what each
//! scene says, or the whole text. Without times the speed of reading decides.
//!
//! Invariants: cues never overlap, are in order, none is shorter than a second or longer than seven unless a given file
//! says so, and each is at most two lines of a length that can be read (Netflix's timed text style guide: 42 letters a
//! line, half of it in Chinese, Japanese and Korean; five sixths of a second to seven seconds).

mod cues;
mod given;
mod params;
mod stage;
mod write;

pub use params::Params;
pub use stage::Captions;

spotloom_plugin_sdk::export_stage!(Captions);
