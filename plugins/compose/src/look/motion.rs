//! How a layer comes, stays and goes: a pure function from time to pose.

use std::f64::consts::TAU;

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
}

impl Pose {
    pub const REST: Self = Self { opacity: 1.0, offset: (0.0, 0.0), scale: 1.0, inset: None };

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
        }
    }
}

/// The ways to come in; going out is the same backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// Where a movement goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Up,
    Down,
    Left,
    Right,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ease {
    Linear,
    OutCubic,
    OutExpo,
    OutBack,
    InOut,
}

/// An effect with its length, as written in `data-in` and `data-out`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Animation {
    pub effect: Effect,
    pub seconds: f64,
    pub ease: Ease,
}

/// What a layer does all the time it is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Idle {
    /// Up and down by so many units.
    Float { distance: f64, period: f64 },
    /// Bigger by a fraction and back.
    Pulse { amount: f64, period: f64 },
    /// Slowly bigger by a fraction over its whole life.
    Grow { amount: f64 },
}

/// A layer's life.
#[derive(Clone, Debug, PartialEq)]
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

/// Reads `rise 0.6 out-expo`: effect, seconds (0.6), ease (that of the effect).
///
/// # Errors
/// Says which word was not understood and which there are.
pub fn parse_animation(text: &str, rtl: bool) -> Result<Option<Animation>, String> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or("none");
    let (ahead, back) = if rtl { (Side::Left, Side::Right) } else { (Side::Right, Side::Left) };
    let effect = match name {
        "none" => return Ok(None),
        "fade" => Effect::Fade,
        "slide-up" => Effect::Slide(Side::Up),
        "slide-down" => Effect::Slide(Side::Down),
        "slide-left" => Effect::Slide(Side::Left),
        "slide-right" => Effect::Slide(Side::Right),
        "slide-ahead" => Effect::Slide(ahead),
        "slide-back" => Effect::Slide(back),
        "rise" => Effect::Rise(Side::Up),
        "drop" => Effect::Rise(Side::Down),
        "rise-ahead" => Effect::Rise(ahead),
        "wipe-up" => Effect::Wipe(Side::Up),
        "wipe-down" => Effect::Wipe(Side::Down),
        "wipe-left" => Effect::Wipe(Side::Left),
        "wipe-right" => Effect::Wipe(Side::Right),
        "wipe-ahead" => Effect::Wipe(ahead),
        "wipe-back" => Effect::Wipe(back),
        "scale" => Effect::Scale,
        "pop" => Effect::Pop,
        _ => {
            return Err(format!(
                "`{name}` is not an effect; there are none, fade, slide-up, -down, -left, -right, -ahead, -back, rise, \
                 drop, rise-ahead, wipe-up, -down, -left, -right, -ahead, -back, scale, pop"
            ));
        }
    };
    let seconds = words.next().map_or(Ok(0.6), |w| number(w, 0.01, 30.0))?;
    let usual = match effect {
        Effect::Fade | Effect::Wipe(_) => Ease::InOut,
        Effect::Slide(_) | Effect::Scale => Ease::OutCubic,
        Effect::Rise(_) => Ease::OutExpo,
        Effect::Pop => Ease::OutBack,
    };
    let ease = match words.next() {
        None => usual,
        Some("linear") => Ease::Linear,
        Some("out-cubic") => Ease::OutCubic,
        Some("out-expo") => Ease::OutExpo,
        Some("out-back") => Ease::OutBack,
        Some("in-out") => Ease::InOut,
        Some(other) => {
            return Err(format!("`{other}` is not an ease; there are linear, out-cubic, out-expo, out-back, in-out"));
        }
    };
    Ok(Some(Animation { effect, seconds, ease }))
}

/// Reads `float 10 4` (units, seconds), `pulse 0.03 1.6` (fraction, seconds) or `grow 0.05` (fraction).
///
/// # Errors
/// Says what was not understood.
pub fn parse_idle(text: &str) -> Result<Option<Idle>, String> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or("none");
    let mut next = |usual: f64, low: f64, high: f64| words.next().map_or(Ok(usual), |w| number(w, low, high));
    Ok(match name {
        "none" => None,
        "float" => Some(Idle::Float { distance: next(10.0, 0.0, 500.0)?, period: next(4.0, 0.5, 60.0)? }),
        "pulse" => Some(Idle::Pulse { amount: next(0.03, 0.0, 0.5)?, period: next(1.6, 0.4, 60.0)? }),
        "grow" => Some(Idle::Grow { amount: next(0.05, -0.5, 2.0)? }),
        _ => return Err(format!("`{name}` is not a motion; there are none, float, pulse, grow")),
    })
}

/// Reads `1.5`, `end` or `end-1.5` as seconds within a part that is `length` long.
///
/// # Errors
/// Says what was not understood.
pub fn parse_time(text: &str, length: f64) -> Result<f64, String> {
    let text = text.trim();
    let seconds = match text.strip_prefix("end") {
        Some("") => length,
        Some(rest) => match rest.trim().strip_prefix('-') {
            Some(before) => length - number(before, 0.0, 3600.0)?,
            None => return Err(format!("`{text}` is not a time; expected seconds, `end` or `end-SECONDS`")),
        },
        None => number(text, 0.0, 3600.0)?,
    };
    Ok(seconds.clamp(0.0, length))
}

fn number(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(v) if (low..=high).contains(&v) => Ok(v),
        _ => Err(format!("`{text}` is not a number from {low} to {high}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn motion(enter: &str, leave: &str, rtl: bool) -> Motion {
        Motion {
            start: 1.0,
            end: 5.0,
            enter: parse_animation(enter, rtl).unwrap(),
            leave: parse_animation(leave, rtl).unwrap(),
            idle: None,
            distance: 60.0,
        }
    }

    #[test]
    fn a_layer_is_there_from_its_start_until_before_its_end() {
        let m = motion("none", "none", false);
        for (t, there) in [(0.0, false), (1.0, true), (4.99, true), (5.0, false)] {
            assert_eq!(m.pose(t, 100.0, 50.0).is_some(), there, "{t}");
        }
        assert_eq!(m.pose(3.0, 100.0, 50.0), Some(Pose::REST));
    }

    #[test]
    fn effects_start_away_and_arrive() {
        let check = |enter: &str, rtl: bool, first: Pose| {
            let m = motion(enter, "none", rtl);
            assert_eq!(m.pose(1.0, 100.0, 50.0), Some(first), "{enter}");
            assert_eq!(m.pose(1.7, 100.0, 50.0), Some(Pose::REST), "{enter}");
        };
        let rest = Pose::REST;
        check("fade 0.5", false, Pose { opacity: 0.0, ..rest });
        check("slide-up 0.5", false, Pose { opacity: 0.0, offset: (0.0, 60.0), ..rest });
        check("slide-ahead 0.5", false, Pose { opacity: 0.0, offset: (-60.0, 0.0), ..rest });
        check("slide-ahead 0.5", true, Pose { opacity: 0.0, offset: (60.0, 0.0), ..rest });
        check("rise 0.5", false, Pose { offset: (0.0, 50.0), inset: Some([0.0; 4]), ..rest });
        check("wipe-ahead 0.5", false, Pose { inset: Some([0.0, 0.0, 1.0, 0.0]), ..rest });
        check("wipe-ahead 0.5", true, Pose { inset: Some([1.0, 0.0, 0.0, 0.0]), ..rest });
        check("wipe-up 0.5", false, Pose { inset: Some([0.0, 1.0, 0.0, 0.0]), ..rest });
    }

    #[test]
    fn leaving_carries_on_in_the_same_direction() {
        let m = motion("wipe-right 0.5", "wipe-right 0.5 linear", false);
        assert_eq!(m.pose(4.75, 100.0, 50.0).unwrap().inset, Some([0.5, 0.0, 0.0, 0.0]));
        let m = motion("slide-up 0.5", "slide-up 0.5 linear", false);
        assert_eq!(m.pose(4.75, 100.0, 50.0).unwrap().offset, (0.0, -30.0));
    }

    #[test]
    fn times_count_from_either_end() {
        for (text, expected) in [("1.5", Ok(1.5)), ("end", Ok(4.0)), ("end-1", Ok(3.0)), ("9", Ok(4.0))] {
            assert_eq!(parse_time(text, 4.0), expected);
        }
        assert!(parse_time("soon", 4.0).is_err());
    }
}
