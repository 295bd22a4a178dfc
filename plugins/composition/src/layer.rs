//! A drawn layer, and where its picture goes at an instant.

use serde::{Deserialize, Serialize};

use crate::motion::Motion;
use crate::picture::blend::Placement;
use crate::picture::sprite::Sprite;

/// Graphics that move as one.
#[derive(Clone, Debug)]
pub struct DrawnLayer {
    pub motion: Motion,
    pub sprite: Sprite,
    /// Left, top, right, bottom of its resting box in pixels of the picture.
    pub resting: [f32; 4],
    /// Pixels per unit of the look.
    pub unit: f32,
    /// Where a text that is written ends after each letter, in pixels of the picture.
    pub letters: Vec<f32>,
    /// Whether it hides the whole picture while at rest.
    pub covers: bool,
    /// Set where it is a shade.
    pub shade: Option<Shade>,
}

/// A layer that is drawn as strong as what is read over it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shade {
    /// The least of its own opacity, 0 to 1, that it always has.
    pub least: f32,
    /// Strength at rising instants, straight lines between them; all of it where there are none.
    pub keys: Vec<(f64, f32)>,
}

impl Shade {
    /// The strength that is `part` of the way from the least to all.
    #[must_use]
    pub fn between(&self, part: f32) -> f32 {
        self.least + (1.0 - self.least) * part
    }

    /// The strength at `t` seconds.
    #[must_use]
    pub fn at(&self, t: f64) -> f32 {
        let after = self.keys.iter().position(|(time, _)| *time > t).unwrap_or(self.keys.len());
        match (after.checked_sub(1).map(|i| self.keys[i]), self.keys.get(after)) {
            (Some((from, a)), Some((to, b))) => a + (b - a) * ((t - from) / (to - from)) as f32,
            (Some((_, strength)), None) | (None, Some(&(_, strength))) => strength,
            (None, None) => 1.0,
        }
    }
}

impl DrawnLayer {
    /// Where and how it is to be drawn at `t` seconds; `None` when it can't be seen.
    #[must_use]
    pub fn placement(&self, t: f64) -> Option<Placement> {
        self.placed(t, self.shade.as_ref().map_or(1.0, |s| s.at(t)))
    }

    /// The same with a shade of another strength than its own.
    #[must_use]
    pub fn placed(&self, t: f64, strength: f32) -> Option<Placement> {
        let [left, top, right, bottom] = self.resting;
        let pose = self.motion.pose(t, (right - left) / self.unit, (bottom - top) / self.unit)?;
        let opacity = (pose.opacity.clamp(0.0, 1.0) * strength * 256.0).round() as u16;
        if opacity == 0 || pose.scale <= 0.01 {
            return None;
        }
        let mut clip = pose.inset.map(|[l, t, r, b]| {
            let (w, h) = (right - left, bottom - top);
            // An edge that nothing is cut from keeps a little air for what reaches over the box.
            let air = |cut: f32, side: f32| if cut > 0.0 { cut * side } else { -2.0 };
            [left + air(l, w), top + air(t, h), right - air(r, w), bottom - air(b, h)]
        });
        if pose.typed < 1.0 && !self.letters.is_empty() {
            let written = (pose.typed * self.letters.len() as f32) as usize;
            let edge = *self.letters.get(written.checked_sub(1)?)?;
            // Letters go up from left to right, or down from right to left.
            let rightwards = self.letters.first() <= self.letters.last();
            clip = Some(if rightwards {
                [left - 2.0, top - 2.0, edge, bottom + 2.0]
            } else {
                [edge, top - 2.0, right + 2.0, bottom + 2.0]
            });
        }
        let offset = (pose.offset.0 * self.unit, pose.offset.1 * self.unit);
        Some(Placement { opacity, offset, scale: pose.scale, clip })
    }

    /// Whether nothing beneath it can be seen when it is placed so.
    #[must_use]
    pub fn hides_all(&self, placement: &Placement) -> bool {
        self.covers && placement.opacity == 256 && placement.at_rest() && placement.clip.is_none()
    }
}
