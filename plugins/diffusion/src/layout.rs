//! A mode and its files to what the model is given and where its frames go.

use spotloom_plugin_sdk::prelude::*;

use crate::ask::{self, Files};
use crate::contract::{Contract, FamilyName, Mode};
use crate::cut::{Cut, Ends};
use crate::error::Error;
use crate::family::{Condition, Draft, Edit};
use crate::finish::timeline::Blend;
use crate::footage::{Clip, Footage, picture};
use crate::params::{Params, Settings};

/// A shot laid out.
pub(crate) struct Layout {
    /// What the family is asked for: a clip that is made to loop is a bridge from its end to its beginning, and of a family without
    /// rings a picture is the first and the last.
    pub mode: Mode,
    pub cut: Cut,
    pub conditions: Vec<Condition>,
    pub edit: Option<Edit>,
    /// The clips at the ends of the result.
    pub before: Option<Clip>,
    pub after: Option<Clip>,
    /// Seconds of the result.
    pub seconds: f64,
    /// How far the result may leave what is given.
    pub strength: f64,
}

/// Which files a run has.
pub(crate) fn files(run: &Run) -> Files {
    let has = |port: &str| run.input(port).is_some();
    Files { image: has("image"), last_image: has("last-image"), clip: has("clip"), clip_after: has("clip-after") }
}

/// What laying out needs to know.
pub(crate) struct Plan<'a> {
    pub params: &'a Params,
    pub settings: &'a Settings,
    pub contract: &'a Contract,
    pub mode: Mode,
    /// Seconds that are asked for.
    pub seconds: Option<f64>,
    pub size: (usize, usize),
}

/// Lays a shot out.
///
/// # Errors
/// `bad-picture`, `bad-clip`, `bad-params`.
pub(crate) fn lay_out(plan: &Plan<'_>, run: &Run, warnings: &mut Vec<String>) -> Result<Layout, Error> {
    let Plan { params, settings, contract, mode, size, .. } = *plan;
    let fps = settings.rate();
    let clip = run.input("clip").map(|a| Clip::open(a, settings.fps)).transpose()?;
    let clip_after = run.input("clip-after").map(|a| Clip::open(a, settings.fps)).transpose()?;
    let context = contract.carried();
    let rings = contract.family == FamilyName::Ambient;
    let blend = if rings { Blend::Spline } else { Blend::Between };
    // All windows of a family with rings are as long; the others make shorter clips as well.
    let lengths = if rings { contract.video.frames..=usize::MAX } else { 1..=contract.most() };
    let rate = params.motion_fps.unwrap_or(contract.video.fps) / fps;
    let asked = plan.seconds.map(|s| (s * fps).round().max(1.0) as u64);
    let frames = match (&clip, mode) {
        (Some(clip), Mode::Edit | Mode::Retake) => asked.map_or(clip.frames, |n| n.min(clip.frames)),
        _ => asked.unwrap_or((5.0 * fps).round() as u64),
    };
    let seconds = frames as f64 / fps;

    let (mut before, mut after) = (None, None);
    let mut ends = Ends { last_picture: mode == Mode::FirstLast, ..Ends::default() };
    match mode {
        Mode::Extend | Mode::Bridge => {
            ends.before = clip.as_ref().map(|c| c.frames);
            ends.after = clip_after.as_ref().map(|c| frames.saturating_sub(c.frames));
            (before, after) = (clip.clone(), clip_after);
        }
        // Of a model that knows no ring, from the picture back to it.
        Mode::Loop if clip.is_none() && !rings => {
            if run.input("image").is_none() {
                let reason = format!("needs an `image` or a `clip` with {}", contract.name);
                return Err(Error::Mode { mode: mode.name(), reason });
            }
            (ends.after, ends.turn) = (Some(frames), true);
        }
        Mode::Loop if clip.is_some() => {
            ends = Ends { before: clip.as_ref().map(|c| c.frames), after: Some(frames), ..Ends::default() };
            before = clip.clone();
        }
        Mode::Retake => {
            let frame = |seconds: Option<f64>| (seconds.unwrap_or_default() * fps).round() as u64;
            let (from, to) = (frame(params.from), frame(params.to));
            if to > frames {
                let expected = format!("expected at most {seconds:.2}, where the clip ends");
                return Err(Error::Param { name: "to", value: to_text(to, fps), expected });
            }
            if from >= to {
                let expected = format!("expected at least a frame, {:.3} s, after `from`", 1.0 / fps);
                return Err(Error::Param { name: "to", value: to_text(to, fps), expected });
            }
            // Too little beside it to go on from: the part begins or ends with the clip.
            let reach = (context as f64 / rate).ceil() as u64;
            ends.before = (from >= reach).then_some(from);
            ends.after = (to + reach <= frames).then_some(to);
            before = ends.before.and(clip.clone());
            after = ends.after.and(clip.clone());
        }
        _ => {}
    }
    if mode == Mode::Loop && clip.is_none() && rings {
        let cut = Cut::ring(frames, rate, context, contract.video.frames);
        let conditions = image(run, "image", 0, size, warnings)?;
        let strength = params.strength.unwrap_or(ask::strength(mode));
        let edit = (!conditions.is_empty()).then_some(Edit { draft: Draft::Given, strength });
        return Ok(Layout { mode, cut, conditions, edit, before: None, after: None, seconds, strength });
    }
    room(plan, &clip, ends, frames, rate)?;

    let mut cut = Cut::new(frames, rate, ends, context, lengths, blend);
    // A clip that comes after begins where it begins; the rest of one that is retaken stays where it is.
    if let Some(kept) = cut.after.as_mut().filter(|_| mode != Mode::Retake) {
        kept.offset = i64::try_from(kept.until).unwrap_or(0);
    }
    let footage = |clip: &Clip, first: usize, count: usize, offset: f64| Footage {
        clip: clip.clone(),
        size,
        at: cut.moment(first) - offset,
        step: 1.0 / cut.rate,
        count,
    };
    let mut conditions = image(run, "image", 0, size, warnings)?;
    conditions.extend(image(run, "last-image", cut.wanted - 1, size, warnings)?);
    if ends.turn {
        let again = conditions.first().map(|first| Condition { start: cut.wanted - 1, ..first.clone() });
        conditions.extend(again);
    }
    let mut given = |clip: Option<&Clip>, first: usize, offset: f64| -> Result<(), Error> {
        let Some(clip) = clip else { return Ok(()) };
        let pictures = footage(clip, first, context, offset).pictures()?.collect::<Result<_, _>>()?;
        conditions.push(Condition { start: first, pictures });
        Ok(())
    };
    given(before.as_ref(), 0, 0.0)?;
    let offset = cut.after.map_or(0, |kept| kept.offset) as f64;
    // What a clip loops into is its own beginning.
    let into = if mode == Mode::Loop { clip.as_ref() } else { after.as_ref() };
    let offset = if mode == Mode::Loop { frames as f64 } else { offset };
    given(into, cut.wanted - context, offset)?;

    let strength = params.strength.unwrap_or(ask::strength(mode));
    let draft = match (mode, &clip) {
        (Mode::TextToVideo, _) => None,
        (Mode::Edit | Mode::Retake, Some(clip)) => {
            // Whole latent frames, and never less than the model's own clip.
            let count = cut.wanted.max(contract.video.frames).next_multiple_of(context);
            Some(Draft::Clip(footage(clip, 0, count, 0.0)))
        }
        _ => Some(Draft::Given),
    };
    let edit = draft.map(|draft| Edit { draft, strength });
    let mode = match (mode, &clip) {
        (Mode::Loop, Some(_)) => Mode::Bridge,
        (Mode::Loop, None) => Mode::FirstLast,
        (mode, _) => mode,
    };
    Ok(Layout { mode, cut, conditions, edit, before, after: after.filter(|_| cut.after.is_some()), seconds, strength })
}

/// Whether the clips leave something to make, and are long enough to go on from.
fn room(plan: &Plan<'_>, clip: &Option<Clip>, ends: Ends, frames: u64, rate: f64) -> Result<(), Error> {
    let fps = plan.settings.rate();
    let context = (plan.contract.carried() as f64 / rate).ceil() as u64;
    if plan.mode == Mode::Retake || plan.mode == Mode::Edit {
        return Ok(());
    }
    if clip.as_ref().is_some_and(|clip| clip.frames < context) {
        let (is, least) = (clip.as_ref().map_or(0, |c| c.frames), to_text(context, fps));
        let name = "clip".into();
        let reason = format!("it is {} s long; at least {least} s are needed to go on from", to_text(is, fps));
        return Err(Error::Clip { name, reason });
    }
    if ends.before.is_none() && ends.after.is_none() {
        // No clip takes any of the length: a family makes shots as short as it likes.
        return Ok(());
    }
    let (start, end) = (ends.before.unwrap_or(0), ends.after.unwrap_or(frames));
    if end < start + context {
        let given = to_text(start + (frames - end.min(frames)), fps);
        return Err(Error::Param {
            name: "seconds",
            value: to_text(frames, fps),
            expected: format!(
                "the clips are {given} s already, and the length is that of the whole result: expected at least {} more",
                to_text(context, fps)
            ),
        });
    }
    Ok(())
}

fn image(
    run: &Run,
    port: &str,
    start: usize,
    size: (usize, usize),
    warnings: &mut Vec<String>,
) -> Result<Vec<Condition>, Error> {
    let Some(artifact) = run.input(port) else { return Ok(Vec::new()) };
    Ok(vec![Condition { start, pictures: vec![picture(artifact, size, warnings)?] }])
}

/// Frames as seconds, for a person.
fn to_text(frames: u64, fps: f64) -> String {
    format!("{:.2}", frames as f64 / fps)
}
