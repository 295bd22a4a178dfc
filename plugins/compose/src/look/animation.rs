//! Reads what a look writes: `rise 0.6 out-expo`, `float 10 4`, `end-1.5`.

use spotloom_composition::motion::{Animation, Ease, Effect, Idle, Side};

/// What a group says beside `data-in` and `data-out`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    /// `data-from`: the side that a plain `slide` or `wipe` comes from (`left right top bottom start end`).
    pub from: Option<&'a str>,
    /// `data-easing`: the ease of animations that name none.
    pub easing: Option<&'a str>,
    pub rtl: bool,
}

/// Reads `rise 0.6 out-expo`: effect, seconds (0.6), ease (that of `data-easing`, else that of the effect).
///
/// # Errors
/// Says which word was not understood and which there are.
pub fn parse_animation(text: &str, given: Words<'_>) -> Result<Option<Animation>, String> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or("none");
    let (ahead, back) = if given.rtl { (Side::Left, Side::Right) } else { (Side::Right, Side::Left) };
    // A thing that comes from the left moves to the right.
    let towards = || match given.from {
        None => Ok(None),
        Some("left") => Ok(Some(Side::Right)),
        Some("right") => Ok(Some(Side::Left)),
        Some("top") => Ok(Some(Side::Down)),
        Some("bottom") => Ok(Some(Side::Up)),
        Some("start") => Ok(Some(ahead)),
        Some("end") => Ok(Some(back)),
        Some(other) => Err(format!("data-from is `{other}`; expected left, right, top, bottom, start or end")),
    };
    let effect = match name {
        "none" => return Ok(None),
        "slide" => Effect::Slide(towards()?.unwrap_or(Side::Up)),
        "wipe" => Effect::Wipe(towards()?.unwrap_or(ahead)),
        "typewriter" => Effect::Typewriter,
        "count-up" => Effect::CountUp,
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
                "`{name}` is not an effect; there are none, fade, slide, slide-up, -down, -left, -right, -ahead, -back, \
                 rise, drop, rise-ahead, wipe, wipe-up, -down, -left, -right, -ahead, -back, scale, pop, typewriter, \
                 count-up"
            ));
        }
    };
    let long = matches!(effect, Effect::Typewriter | Effect::CountUp);
    let seconds = words.next().map_or(Ok(if long { 1.2 } else { 0.6 }), |w| number(w, 0.01, 30.0))?;
    let usual = match effect {
        Effect::Fade | Effect::Wipe(_) => Ease::InOut,
        Effect::Slide(_) | Effect::Scale => Ease::OutCubic,
        Effect::Rise(_) => Ease::OutExpo,
        Effect::Pop => Ease::OutBack,
        Effect::Typewriter => Ease::Linear,
        Effect::CountUp => Ease::OutCubic,
    };
    let ease = match words.next().or(given.easing) {
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
    use spotloom_composition::motion::{Motion, Pose};

    use super::*;

    fn motion(enter: &str, leave: &str, rtl: bool) -> Motion {
        Motion {
            start: 1.0,
            end: 5.0,
            enter: parse_animation(enter, Words { rtl, ..Words::default() }).unwrap(),
            leave: parse_animation(leave, Words { rtl, ..Words::default() }).unwrap(),
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
