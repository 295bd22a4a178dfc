//! When what is on screen.
//!
//! Invariant: the ad is exactly as long as its scenes and its end card together. A transition takes half of its time
//! from either side of the cut and shortens nothing: footage reaches over the cut by that half.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parts of an ad, one after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Frames per second as a fraction.
    pub fps: (u32, u32),
    /// Frames in all, at least 1.
    pub frames: u64,
    pub seconds: f64,
    /// Scenes in order, then the end card when there is one.
    pub parts: Vec<Part>,
}

/// A scene or the end card, in seconds from the start of the ad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub kind: PartKind,
    pub start: f64,
    pub end: f64,
    /// How it takes over from the part before.
    pub transition: TransitionKind,
    /// Length of that transition, around `start`.
    pub transition_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// By number from 0.
    Scene(usize),
    EndCard,
}

/// What the footage shows at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Showing {
    One {
        part: usize,
    },
    /// `to` has taken over by `progress`, 0 to 1.
    Two {
        from: usize,
        to: usize,
        kind: TransitionKind,
        progress: f64,
    },
}

/// How one scene becomes the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionKind {
    /// From one frame to the next.
    Cut,
    /// A dissolve.
    #[default]
    Fade,
    /// Out to the brand's ink colour and in again.
    Dip,
    /// The new scene moves over the old one in reading direction.
    Wipe,
}

/// What is behind the end card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndCardBackground {
    /// The look's own brand-coloured ground.
    #[default]
    Brand,
    /// The last scene, out of focus.
    Blur,
}

impl Timeline {
    /// The instant at which a frame is shown.
    #[must_use]
    pub fn time(&self, frame: u64) -> f64 {
        frame as f64 * f64::from(self.fps.1) / f64::from(self.fps.0)
    }

    /// The frame that is shown at `t` seconds.
    #[must_use]
    pub fn number(&self, t: f64) -> u64 {
        (t.max(0.0) * f64::from(self.fps.0) / f64::from(self.fps.1)) as u64
    }

    /// What the footage shows at `t` seconds.
    #[must_use]
    pub fn showing(&self, t: f64) -> Showing {
        for (i, part) in self.parts.iter().enumerate().skip(1) {
            let half = part.transition_seconds / 2.0;
            if half > 0.0 && t >= part.start - half && t < part.start + half {
                let progress = (t - (part.start - half)) / part.transition_seconds;
                return Showing::Two { from: i - 1, to: i, kind: part.transition, progress };
            }
        }
        let part = self.parts.iter().rposition(|p| t >= p.start - 1e-9).unwrap_or(0);
        Showing::One { part }
    }

    /// From when until when a part's footage is seen, its transitions included.
    #[must_use]
    pub fn footage(&self, part: usize) -> (f64, f64) {
        let p = &self.parts[part];
        let after = self.parts.get(part + 1).map_or(0.0, |n| n.transition_seconds / 2.0);
        (p.start - p.transition_seconds / 2.0, p.end + after)
    }

    /// The end card, when there is one.
    #[must_use]
    pub fn end_card(&self) -> Option<&Part> {
        self.parts.iter().find(|p| p.kind == PartKind::EndCard)
    }

    /// Where the scenes end and the end card begins.
    #[must_use]
    pub fn scenes_end(&self) -> f64 {
        self.end_card().map_or(self.seconds, |c| c.start)
    }
}
