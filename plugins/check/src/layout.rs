//! What compose says of its picture: where texts stand and which scene is seen when (its output `layout`).

use std::path::Path;

use serde::Deserialize;
use spotloom_plugin_sdk::prelude::*;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Layout {
    pub seconds: f64,
    pub parts: Vec<Part>,
    pub texts: Vec<Text>,
}

/// A scene or the end card.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Part {
    pub kind: String,
    pub from: f64,
    pub until: f64,
    pub transition_seconds: f64,
    /// Where a scene's clip comes from: `generated`, or the brief's own `footage` or `picture`.
    pub source: Option<String>,
}

/// A text of the look. All of it has to be there: what is missing would be a rule that never holds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Text {
    pub name: String,
    pub text: String,
    /// When all of it is there and at rest.
    pub from: f64,
    pub until: f64,
    /// Left, top, right, bottom of its lines as fractions of the picture.
    pub lines: Vec<[f64; 4]>,
    /// Of the type, as a fraction of the picture's short side.
    pub size: f64,
    pub weight: u16,
    pub colour: Option<String>,
    pub opacity: f64,
}

impl Layout {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|e| io_failure("read", path, &e))?;
        serde_json::from_str(&text).map_err(|e| {
            Failure::new("bad-layout", format!("{} is not what compose writes: {e}", path.display()))
                .hint("give the output `layout` of the stage that composed the video to `layout`")
        })
    }

    /// Of a shot alone.
    pub(crate) fn one_scene(seconds: f64) -> Self {
        let part = Part { kind: "scene".into(), from: 0.0, until: seconds, ..Part::default() };
        Self { seconds, parts: vec![part], texts: Vec::new() }
    }

    /// The same behind a leader of so many seconds.
    pub(crate) fn behind(&self, leader: f64) -> Self {
        let mut later = self.clone();
        later.seconds += leader;
        later.parts.iter_mut().for_each(|p| (p.from, p.until) = (p.from + leader, p.until + leader));
        later.texts.iter_mut().for_each(|t| (t.from, t.until) = (t.from + leader, t.until + leader));
        later
    }

    /// When scenes are seen, without the transitions that join them.
    pub(crate) fn scenes(&self) -> Vec<(f64, f64)> {
        let mut scenes = Vec::new();
        for (i, part) in self.parts.iter().enumerate().filter(|(_, p)| p.kind == "scene") {
            let after = self.parts.get(i + 1).map_or(0.0, |n| n.transition_seconds / 2.0);
            let before = if i == 0 { 0.0 } else { part.transition_seconds / 2.0 };
            scenes.push((part.from + before, part.until - after));
        }
        scenes
    }

    /// When scenes are seen, to the middle of the transitions, whose footage or picture the brief itself brings.
    pub(crate) fn own_scenes(&self) -> Vec<(f64, f64)> {
        let own = |part: &&Part| matches!(part.source.as_deref(), Some("footage" | "picture"));
        self.parts.iter().filter(own).map(|part| (part.from, part.until)).collect()
    }

    /// When the end card is seen.
    pub(crate) fn end_card(&self) -> Option<(f64, f64)> {
        self.parts.iter().find(|p| p.kind == "end-card").map(|p| (p.from, p.until))
    }
}
