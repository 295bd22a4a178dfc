//! Words to a spoken track, with the times of its sentences.
//!
//! Purpose: [`text`] cuts the words into sentences, [`espeak`] speaks them one by one, [`track`] puts them where they
//! belong and writes the sound and the times. A recording is passed on as it is; its times are estimated.
//!
//! Invariant: what a machine has spoken is marked as a guide track, in the facts and in the log: nobody ships it by
//! accident.

mod espeak;
mod stage;
mod text;
mod track;

pub use stage::{Params, Voice};

spotloom_plugin_sdk::export_stage!(Voice);
