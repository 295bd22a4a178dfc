//! Lays an ad out in time. Pure: parameters and clip lengths in, times out.

pub use spotloom_composition::timeline::{Part, PartKind, Showing, Timeline};

use spotloom_media::rate;

use crate::error::Error;
use crate::params::{EndCardBackground, Params, TransitionKind};

/// Lays out the parts. `clips` are the lengths of the clips in seconds.
///
/// # Errors
/// Figures out of range, or not one scene per clip.
pub fn lay_out(params: &Params, clips: &[f64]) -> Result<Timeline, Error> {
    let fps = frame_rate(params.fps)?;
    if !params.scenes.is_empty() && params.scenes.len() != clips.len() {
        return Err(Error::Param {
            name: "scenes".into(),
            value: format!("a list of {}", params.scenes.len()),
            expected: format!("one scene for each of the {} clips, or none at all", clips.len()),
        });
    }
    let mut parts = Vec::new();
    let mut at = 0.0;
    for (i, &clip) in clips.iter().enumerate() {
        let scene = params.scenes.get(i);
        let seconds = scene.map_or(clip, |s| s.seconds);
        in_range(&format!("scenes[{i}].seconds"), seconds, 0.2, 600.0)?;
        let transition = scene.map_or(TransitionKind::default(), |s| s.transition);
        let wanted = scene.and_then(|s| s.transition_seconds).unwrap_or(default_seconds(transition));
        in_range(&format!("scenes[{i}].transition-seconds"), wanted, 0.0, 5.0)?;
        parts.push(Part {
            kind: PartKind::Scene(i),
            start: at,
            end: at + seconds,
            transition,
            transition_seconds: wanted,
        });
        at += seconds;
    }
    let card = &params.end_card;
    in_range("end-card.seconds", card.seconds, 0.0, 60.0)?;
    if card.seconds > 0.0 {
        let usual = match card.background {
            EndCardBackground::Brand => TransitionKind::Cut,
            EndCardBackground::Blur => TransitionKind::Fade,
        };
        let transition = card.transition.unwrap_or(usual);
        parts.push(Part {
            kind: PartKind::EndCard,
            start: at,
            end: at + card.seconds,
            transition,
            transition_seconds: default_seconds(transition),
        });
        at += card.seconds;
    }
    for i in (0..parts.len()).rev() {
        let shorter = if i == 0 { 0.0 } else { length(&parts[i]).min(length(&parts[i - 1])) };
        let part = &mut parts[i];
        let cut = part.transition == TransitionKind::Cut;
        part.transition_seconds = if cut { 0.0 } else { part.transition_seconds.min(0.8 * shorter) };
    }
    let frames = (at * f64::from(fps.0) / f64::from(fps.1)).round().max(1.0) as u64;
    Ok(Timeline { fps, frames, seconds: at, parts })
}

fn length(part: &Part) -> f64 {
    part.end - part.start
}

fn default_seconds(kind: TransitionKind) -> f64 {
    match kind {
        TransitionKind::Cut => 0.0,
        TransitionKind::Fade => 0.6,
        TransitionKind::Dip => 0.8,
        TransitionKind::Wipe => 0.7,
    }
}

/// # Errors
/// `value` is not within `low..=high`.
pub fn in_range(name: &str, value: f64, low: f64, high: f64) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(Error::Param { name: name.into(), value: value.to_string(), expected: format!("{low} to {high}") })
    }
}

/// The exact fraction behind a rate: 29.97 is 30000/1001.
fn frame_rate(fps: f64) -> Result<(u32, u32), Error> {
    in_range("fps", fps, 10.0, 120.0)?;
    Ok(rate::exact(fps))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn timeline(scenes: Value, card: f64, clips: &[f64]) -> Timeline {
        let given = json!({"width": 64, "height": 64, "scenes": scenes, "end-card": {"seconds": card}});
        lay_out(&serde_json::from_value(given).unwrap(), clips).unwrap()
    }

    #[test]
    fn transitions_lie_around_the_cut_and_shorten_nothing() {
        let t = timeline(json!([{"seconds": 4}, {"seconds": 2, "transition-seconds": 1}]), 3.0, &[9.0, 9.0]);
        assert_eq!((t.frames, t.seconds), (270, 9.0));
        let check = |at: f64, expected: Showing| assert_eq!(t.showing(at), expected, "{at}");
        check(0.0, Showing::One { part: 0 });
        check(3.49, Showing::One { part: 0 });
        check(3.5, Showing::Two { from: 0, to: 1, kind: TransitionKind::Fade, progress: 0.0 });
        check(4.25, Showing::Two { from: 0, to: 1, kind: TransitionKind::Fade, progress: 0.75 });
        check(4.5, Showing::One { part: 1 });
        // The look sweeps the card in: the footage itself cuts.
        check(6.0, Showing::One { part: 2 });
        check(99.0, Showing::One { part: 2 });
        assert_eq!(t.footage(0), (0.0, 4.5));
        assert_eq!(t.footage(1), (3.5, 6.0));
    }

    #[test]
    fn a_transition_is_never_longer_than_the_scenes_it_joins() {
        let t = timeline(json!([{"seconds": 4}, {"seconds": 0.5, "transition-seconds": 2}]), 0.0, &[9.0, 9.0]);
        assert_eq!(t.parts[1].transition_seconds, 0.4);
        let cut = timeline(json!([{"seconds": 4}, {"seconds": 4, "transition": "cut"}]), 0.0, &[9.0, 9.0]);
        assert_eq!(cut.parts[1].transition_seconds, 0.0);
    }

    #[test]
    fn rates_are_exact_fractions() {
        for (fps, expected) in [
            (25.0, (25, 1)),
            (30.0, (30, 1)),
            (23.976, (24_000, 1001)),
            (29.97, (30_000, 1001)),
            (59.94, (60_000, 1001)),
            (12.5, (12_500, 1000)),
        ] {
            assert_eq!(frame_rate(fps).unwrap(), expected, "{fps}");
        }
        assert!(frame_rate(5.0).is_err());
    }
}
