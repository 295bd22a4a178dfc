//! Words to a spoken track, with the times of its sentences.
//!
//! Purpose: [`text`] cuts the words into sentences; [`piper`], a network in a model folder, or [`espeak`], a plain guide,
//! speaks them one by one; [`track`] puts them where they belong. A recording is passed on as it is; its times are
//! estimated.
//!
//! Invariants: what espeak-ng has spoken is marked as a guide track, in the facts and in the log: nobody ships it by
//! accident. What any machine has spoken is marked as synthetic.

mod espeak;
pub mod piper;
mod stage;
mod text;
mod track;
mod wav;

pub use stage::{Params, Voice};

spotloom_plugin_sdk::export_stage!(Voice);
