//! The captions of a spot.

use schemars::JsonSchema;
use serde::Serialize;

use super::audio::recording;
use super::check::{Known, settled};
use super::text::Text;
use crate::yaml::{Fields, Mistakes, Node};

/// The captions: made of what is said, timed to the voice, or a given file.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Captions {
    /// Whether they are burnt into the picture. SRT and WebVTT files lie beside the masters in any case.
    #[schemars(default = "yes")]
    pub burn: bool,
    /// A SubRip or WebVTT file of the studio in place of what is said; for several languages one for each.
    #[schemars(default)]
    pub script: Option<Text>,
}

fn yes() -> bool {
    true
}

impl Default for Captions {
    fn default() -> Self {
        Self { burn: true, script: None }
    }
}

pub(super) fn captions(node: &Node, known: &Known, m: &mut Mistakes) -> Option<Captions> {
    let mut f = Fields::of(node, "the captions", m)?;
    let burn = f.get("burn").map_or(Some(true), |n| m.boolean(n));
    let script = f.get("script").map(|n| recording(n, "script", known, m));
    f.finish(m);
    Some(Captions { burn: burn?, script: settled(script)? })
}
