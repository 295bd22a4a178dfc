//! What the families of large models share: what they refuse before anything is loaded, and small steps that are the same
//! for all.

use ndarray::{ArrayD, Axis, IxDyn};

use super::parts::Loader;
use super::tiles::{self, Tile};
use super::windows;
use crate::contract::{Contract, Negative, Variant};
use crate::error::Error;
use crate::family::{Calls, Decode, Shot, Step};
use crate::picture::Picture;
use crate::schedulers::{Schedule, Scheduler, scheduler};

/// Told of each step that is done, counted from 0, and of its latents unless they lie on a device; of a step through several
/// windows once for each, with the latents after the last. May end the shot by an error.
pub type OnLatents<'a> = dyn FnMut(usize, Option<&ArrayD<f32>>) -> Result<(), Error> + 'a;

/// Why the latents of a shot that is longer than a clip do not stay on a device.
pub const THROUGH_WINDOWS: &str = "the shot is longer than one clip of the model, which looks at it through windows";

/// The stream of noise that stochastic schedulers stir in; the clip's own is 0.
pub const STIR: u32 = u32::MAX;

/// Latent frames, rows and columns of a clip; it may be longer than the model's where the transformer looks at it through
/// `windows`.
///
/// # Errors
/// `model-unable` for a mode that the contract does not list, a length that one clip does not have, or a size that the
/// latents can't have.
pub fn cells(loader: &Loader, shot: &Shot, windows: bool) -> Result<[usize; 3], Error> {
    let contract = &loader.model.contract;
    check_mode(contract, shot)?;
    let frames = frames(loader, shot, windows)?;
    contract
        .latent
        .cells(shot.width, shot.height, frames)
        .map_err(|reason| loader.unable(format!("a clip of {reason}")))
}

/// Through how many windows the transformer looks at so many latent frames.
#[must_use]
pub fn windows(contract: &Contract, latents: usize) -> usize {
    windows::count(latents, contract.window(), false)
}

/// Told of each window of a step rather than of each step: that many calls make a step.
pub fn counted<'a>(
    windows: usize,
    on_step: &'a mut dyn FnMut(Step) -> Result<(), Error>,
) -> impl FnMut(usize, Option<&ArrayD<f32>>) -> Result<(), Error> + 'a {
    let mut clip = 0;
    move |step, _| {
        clip = clip % windows + 1;
        on_step(Step { clip, step: step + 1, decoding: false })
    }
}

/// How frames are decoded, in which tiles, and what is to be said of it.
pub struct Decoding {
    pub decode: Decode,
    pub tiles: Vec<Tile>,
    pub told: Option<String>,
}

/// Chooses how a shot is decoded: as it is asked for, else whole frames; tiles of `side` pixels come to the rescue where `require` refuses
/// those.
///
/// # Errors
/// Those of `require`; where tiles do not fit either, that is what is told.
pub fn decoding(
    loader: &Loader,
    shot: &Shot,
    side: usize,
    require: &dyn Fn(&[Tile]) -> Result<(), Error>,
) -> Result<Decoding, Error> {
    let [_, down, across] = loader.model.contract.latent.stride;
    let lay = |side| tiles::tiles([shot.height / down, shot.width / across], [down, across], side);
    let whole = lay(usize::MAX);
    let refused = match shot.levers.decode {
        Decode::Tiles => None,
        Decode::Whole => return require(&whole).map(|()| Decoding { decode: Decode::Whole, tiles: whole, told: None }),
        Decode::Auto => match require(&whole) {
            Ok(()) => return Ok(Decoding { decode: Decode::Whole, tiles: whole, told: None }),
            Err(refused) => Some(refused),
        },
    };
    let tiles = lay(side);
    require(&tiles)?;
    let told = refused.map(|why| {
        format!("frames were decoded in tiles, which takes longer and differs a little from whole ones, since {why}")
    });
    Ok(Decoding { decode: Decode::Tiles, tiles, told })
}

/// Refuses to begin with a clip in place of noise.
///
/// # Errors
/// `model-unable`.
pub fn new_only(loader: &Loader, shot: &Shot) -> Result<(), Error> {
    match shot.edit {
        Some(_) => Err(loader.unable("to make a clip again; it makes new ones only")),
        None => Ok(()),
    }
}

/// Refuses a mode that the contract does not list.
///
/// # Errors
/// `model-unable`, naming what the model can do.
pub fn check_mode(contract: &Contract, shot: &Shot) -> Result<(), Error> {
    if contract.modes.contains(&shot.mode) {
        return Ok(());
    }
    let can = contract.modes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Error::Unable { model: contract.name.clone(), reason: format!("{}; it can do {can}", shot.mode) })
}

/// Frames of the clip: what the shot wants, filled up to what the model makes.
///
/// # Errors
/// `model-unable` when that is more than one clip.
pub fn frames(loader: &Loader, shot: &Shot, windows: bool) -> Result<usize, Error> {
    let contract = &loader.model.contract;
    let most = contract.most();
    if windows && shot.frames > most {
        return Ok(contract.latent.whole(shot.frames));
    }
    if shot.frames > most {
        let seconds = most as f64 / contract.video.fps;
        return Err(loader.unable(format!("a shot of {} frames; one clip has {most} ({seconds:.1} s)", shot.frames)));
    }
    // Places are part of this transformer's weights: it knows one length alone, and what a shorter shot leaves of a clip is not shown.
    let least = if contract.variant == Some(Variant::B2) { most } else { 1 };
    Ok(contract.latent.whole(shot.frames).clamp(least, most))
}

/// The noise that a clip starts from: the shot's own, or the seed's.
///
/// # Errors
/// `model-unable` when the shot's has another shape.
pub fn noise(loader: &Loader, shot: &Shot, shape: &[usize], time: Axis) -> Result<ArrayD<f32>, Error> {
    match &shot.noise {
        Some(noise) if noise.shape() == shape => Ok(noise.clone()),
        Some(noise) => Err(loader.unable(format!("noise of {:?} for latents of {shape:?}", noise.shape()))),
        None => Ok(windows::noise(shot.seed, shape, time, loader.model.contract.window())),
    }
}

/// The prompt, and with guidance the one to lead away from.
#[must_use]
pub fn prompts<'a>(contract: &Contract, shot: &'a Shot) -> Vec<&'a str> {
    let away = match contract.prompt.negative {
        Negative::Used => shot.negative_prompt.as_str(),
        Negative::Ignored => "",
    };
    let guided = shot.guidance > 1.0 || shot.guidance_low.is_some_and(|g| g > 1.0);
    if guided { vec![&shot.prompt, away] } else { vec![&shot.prompt] }
}

/// How many prompts the transformer is asked for at once.
#[must_use]
pub fn batch(contract: &Contract, shot: &Shot) -> usize {
    match shot.levers.calls.unwrap_or(Calls::Apart) {
        Calls::Together => prompts(contract, shot).len(),
        Calls::Apart => 1,
    }
}

/// A shot's scheduler, of those that fit what the family predicts.
///
/// # Errors
/// `bad-params` for another, or a configuration that is not supported.
pub fn schedule<T: Send + 'static>(
    contract: &Contract,
    shot: &Shot,
    tokens: Option<usize>,
) -> Result<Box<dyn Scheduler<T>>, Error> {
    let wrong = |expected: String| Error::Param { name: "scheduler", value: shot.scheduler.to_string(), expected };
    contract.family.fits(shot.scheduler).map_err(wrong)?;
    let config = &contract.scheduler_config;
    scheduler(&Schedule { name: shot.scheduler, steps: shot.steps, shift: shot.shift, tokens, config }).map_err(wrong)
}

/// Pictures as a video, [1, 3, pictures, height, width], with `frames` in all; those that are not given are grey.
#[must_use]
pub fn video(pictures: &[(usize, &Picture)], frames: usize, width: usize, height: usize) -> ArrayD<f32> {
    let mut video = ArrayD::zeros(IxDyn(&[1, 3, frames, height, width]));
    for (frame, picture) in pictures {
        lay(&mut video, *frame, picture);
    }
    video
}

/// Puts a picture into a video, [1, 3, frames, height, width].
pub fn lay(video: &mut ArrayD<f32>, frame: usize, picture: &Picture) {
    let mut clip = video.index_axis_mut(Axis(0), 0);
    for (channel, plane) in picture.planes().enumerate() {
        let mut target = clip.index_axis_mut(Axis(0), channel);
        target.index_axis_mut(Axis(0), frame).iter_mut().zip(plane).for_each(|(t, s)| *t = *s);
    }
}

/// A draft under a first step's noise, by as much as its `level` leaves.
#[must_use]
pub fn under(draft: &ArrayD<f32>, noise: &ArrayD<f32>, level: f64) -> ArrayD<f32> {
    draft * (1.0 - level as f32) + noise * level as f32
}

/// A frame of a video, [1, 3, frames, height, width], held to the range that pictures have.
#[must_use]
pub fn picture(video: &ArrayD<f32>, frame: usize) -> Picture {
    let mut picture = Picture::of_video(video, frame);
    picture.data.iter_mut().for_each(|v| *v = v.clamp(-1.0, 1.0));
    picture
}
