//! A composed mezzanine to the master files that platforms take.
//!
//! Purpose: one decode, many masters. Every preset is a YAML file that says what a placement takes; [`plan`] holds the
//! mezzanine against it and decides everything before a frame is encoded; [`encode`] fans the decoded frames out to one
//! encoder per master; [`sound`] makes the track that goes under them; [`slate`] says before a
//! broadcast master what it is; [`facts`] reads everything back.
//!
//! Invariant: a master that is handed on is inside every limit of its preset, and the same inputs give the same bytes.

mod duck;
mod encode;
mod facts;
mod music;
mod names;
mod own;
mod params;
mod plan;
pub mod preset;
mod sheet;
mod slate;
mod sound;
mod source;
mod stage;
mod tracks;

pub use params::Params;
pub use stage::Transcode;

spotloom_plugin_sdk::export_stage!(Transcode);
