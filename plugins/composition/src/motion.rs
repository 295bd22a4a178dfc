//! How a layer comes, stays and goes: a pure function from time to pose.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

/// Where, how big and how opaque a layer is at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// 0 to 1.
    pub opacity: f32,
    /// In units of the look.
    pub offset: (f32, f32),
    /// Around the layer's middle.
    pub scale: f32,
    /// Shown part of the layer's resting box: what is cut off left, top, right, bottom, as fractions. `None` shows all.
    pub inset: Option<[f32; 4]>,
    /// How much of a text is written, 0 to 1.
    pub typed: f32,
}

impl Pose {
    pub const REST: Self = Self { opacity: 1.0, offset: (0.0, 0.0), scale: 1.0, inset: None, typed: 1.0 };

    fn and(self, other: Self) -> Self {
        let inset = match (self.inset, other.inset) {
            (Some(a), Some(b)) => Some(std::array::from_fn(|i| a[i].max(b[i]))),
            (a, b) => a.or(b),
        };
        Self {
            opacity: self.opacity * other.opacity,
            offset: (self.offset.0 + other.offset.0, self.offset.1 + other.offset.1),
            scale: self.scale * other.scale,
            inset,
            typed: self.typed.min(other.typed),
        }
    }
}

/// The ways to come in; going out is the same backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    Fade,
    /// Towards the top while fading in; `Left`, `Right` and `Down` likewise.
    Slide(Side),
    /// Out from behind an edge, unfaded, such as a line of text from under its baseline.
    Rise(Side),
    /// Uncovered in place.
    Wipe(Side),
    /// From a little smaller while fading in.
    Scale,
    /// From much smaller, past the goal and back.
    Pop,
    /// Letter by letter, unfaded.
    Typewriter,
    /// A number that counts up to what it is: a series of pictures, so no pose of its own.
    CountUp,
}

/// Where a movement goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Up,
    Down,
    Left,
    Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ease {
    Linear,
    OutCubic,
    OutExpo,
    OutBack,
    InOut,
}

/// An effect with its length, as written in `data-in` and `data-out`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Animation {
    pub effect: Effect,
    pub seconds: f64,
    pub ease: Ease,
}

/// What a layer does all the time it is there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idle {
    /// Up and down by so many units.
    Float { distance: f64, period: f64 },
    /// Bigger by a fraction and back.
    Pulse { amount: f64, period: f64 },
    /// Slowly bigger by a fraction over its whole life.
    Grow { amount: f64 },
}

/// A layer's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Seconds from the start of the ad.
    pub start: f64,
    pub end: f64,
    pub enter: Option<Animation>,
    pub leave: Option<Animation>,
    pub idle: Option<Idle>,
    /// How far slides travel, in units of the look.
    pub distance: f32,
}

impl Motion {
    /// The pose at `t`; `None` while the layer is not there. `height` and `width` are those of its resting box.
    #[must_use]
    pub fn pose(&self, t: f64, width: f32, height: f32) -> Option<Pose> {
        if t < self.start - 1e-9 || t >= self.end - 1e-9 {
            return None;
        }
        let mut pose = Pose::REST;
        let mut apply = |animation: &Option<Animation>, elapsed: f64, reach: f32| {
            if let Some(a) = animation
                && elapsed < a.seconds
            {
                let e = a.ease.at(elapsed / a.seconds) as f32;
                pose = pose.and(a.effect.pose(e, reach, width, height));
            }
        };
        apply(&self.enter, t - self.start, self.distance);
        // Going out, a slide carries on in its direction instead of turning back.
        apply(&self.leave, self.end - t, -self.distance);
        match self.idle {
            Some(Idle::Float { distance, period }) => {
                pose.offset.1 += (distance * (TAU * (t - self.start) / period).sin()) as f32;
            }
            Some(Idle::Pulse { amount, period }) => {
                let wave = 0.5 - 0.5 * (TAU * (t - self.start) / period).cos();
                pose.scale *= (1.0 + amount * wave) as f32;
            }
            Some(Idle::Grow { amount }) => {
                pose.scale *= (1.0 + amount * (t - self.start) / (self.end - self.start)) as f32;
            }
            None => {}
        }
        Some(pose)
    }
}

impl Effect {
    /// The pose when it is `e` of the way in.
    fn pose(self, e: f32, reach: f32, width: f32, height: f32) -> Pose {
        let away = 1.0 - e;
        let fade = e.clamp(0.0, 1.0);
        match self {
            Self::Fade => Pose { opacity: fade, ..Pose::REST },
            Self::Slide(side) => {
                let (x, y) = side.vector();
                // Opaque well before it arrives: a thing in motion that can be seen through looks cheap.
                let fade = (fade * 1.6).min(1.0);
                Pose { opacity: fade, offset: (-x * reach * away, -y * reach * away), ..Pose::REST }
            }
            Self::Rise(side) => {
                let (x, y) = side.vector();
                let sign = reach.signum();
                let offset = (-x * width * away * sign, -y * height * away * sign);
                Pose { offset, inset: Some([0.0; 4]), ..Pose::REST }
            }
            Self::Wipe(side) => {
                let mut inset = [0.0; 4];
                // Coming in, the far side is still covered; going out, the near side is covered first.
                let covered = if reach < 0.0 { side } else { side.opposite() };
                inset[covered.opposite().index()] = away.clamp(0.0, 1.0);
                Pose { inset: Some(inset), ..Pose::REST }
            }
            Self::Scale => Pose { opacity: fade, scale: 0.9 + 0.1 * e, ..Pose::REST },
            Self::Typewriter => Pose { typed: fade, ..Pose::REST },
            Self::CountUp => Pose::REST,
            Self::Pop => Pose { opacity: (e * 2.0).clamp(0.0, 1.0), scale: 0.6 + 0.4 * e, ..Pose::REST },
        }
    }
}

impl Side {
    fn vector(self) -> (f32, f32) {
        match self {
            Self::Up => (0.0, -1.0),
            Self::Down => (0.0, 1.0),
            Self::Left => (-1.0, 0.0),
            Self::Right => (1.0, 0.0),
        }
    }

    fn opposite(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// Its place in an inset.
    fn index(self) -> usize {
        match self {
            Self::Left => 0,
            Self::Up => 1,
            Self::Right => 2,
            Self::Down => 3,
        }
    }
}

impl Ease {
    /// Progress for a fraction of the time; may overshoot 1 on the way.
    #[must_use]
    pub fn at(self, x: f64) -> f64 {
        let x = x.clamp(0.0, 1.0);
        match self {
            Self::Linear => x,
            Self::OutCubic => 1.0 - (1.0 - x).powi(3),
            Self::OutExpo => (1.0 - 2.0_f64.powf(-10.0 * x)) / (1.0 - 2.0_f64.powi(-10)),
            Self::OutBack => {
                let (c, y) = (1.6, x - 1.0);
                1.0 + (c + 1.0) * y.powi(3) + c * y.powi(2)
            }
            Self::InOut => x * x * x * (x * (x * 6.0 - 15.0) + 10.0),
        }
    }
}
