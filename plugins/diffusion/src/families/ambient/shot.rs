//! A shot of the `ambient` family under way: all of its latents are denoised together, window beside window, and then
//! decoded as its frames are asked for.
//!
//! Invariant: memory holds the latents of the shot (a two-hundredth of its pictures) and one decoded window.

use std::collections::VecDeque;

use ndarray::{ArrayD, Axis, Slice, concatenate};

use super::{Ambient, Given, Text};
use crate::contract::Mode;
use crate::error::Error;
use crate::families::seam::change;
use crate::families::windows;
use crate::family::{Draft, Frames, Shot, Step};
use crate::picture::Picture;
use crate::schedulers::Skipped;

/// Frames over which what was evened out at a seam is let in again, in a shot that is given at one end only.
const LET_IN: f32 = 24.0;

/// A shot of this family under way.
pub(super) struct AmbientShot<'a> {
    model: &'a mut Ambient,
    shot: Shot,
    /// Of each frame: the first column that is kept, and how many are.
    kept: [usize; 2],
    text: Text,
    understood: Vec<(String, String)>,
    /// Once they are denoised.
    latents: Option<ArrayD<f32>>,
    /// Where the windows begin that are still to be decoded.
    starts: VecDeque<usize>,
    /// Decoded, and to be blended with the next window.
    held: Vec<Picture>,
    ready: VecDeque<Picture>,
    /// The first frames of a loop: it ends with them.
    opening: Vec<Picture>,
    /// What is to be added where the shot begins and where it ends.
    seams: [Option<Picture>; 2],
    /// Frames that have gone through the seams.
    evened: usize,
}

impl<'a> AmbientShot<'a> {
    pub(super) fn new(
        model: &'a mut Ambient,
        shot: Shot,
        kept: [usize; 2],
        text: Text,
        understood: Vec<(String, String)>,
    ) -> Self {
        Self {
            model,
            shot,
            kept,
            text,
            understood,
            latents: None,
            starts: VecDeque::new(),
            held: Vec::new(),
            ready: VecDeque::new(),
            opening: Vec::new(),
            seams: [None, None],
            evened: 0,
        }
    }

    fn ring(&self) -> bool {
        self.shot.mode == Mode::Loop
    }

    /// Latent frames of the shot.
    fn slots(&self) -> usize {
        self.model.slots(self.shot.frames)
    }

    /// 4. What is given, encoded: still pictures fill a latent frame.
    fn given(&mut self) -> Result<Given, Error> {
        let (one, slots) = (self.model.overlap(), self.slots());
        let mut given = Given { first_step: self.shot.first_step(), ring: self.ring(), ..Given::default() };
        for condition in self.shot.conditions.clone() {
            let slot = (condition.start / one).min(slots - 1);
            let (Some(last), mut pictures) = (condition.pictures.last(), condition.pictures.clone()) else { continue };
            pictures.resize(one, last.clone());
            given.pins.push((slot, self.model.encode_pictures(&pictures)?));
        }
        given.pins.sort_by_key(|(slot, _)| *slot);
        given.draft = match self.shot.edit.as_ref().map(|edit| &edit.draft) {
            None => None,
            Some(Draft::Given) => between(&given.pins, slots),
            Some(Draft::Clip(footage)) => {
                let mut pictures = footage.pictures()?;
                let mut latents = Vec::new();
                for _ in 0..slots {
                    let four = pictures.by_ref().take(one).collect::<Result<Vec<_>, _>>()?;
                    latents.push(self.model.encode_pictures(&four)?);
                }
                joined(&latents)
            }
        };
        Ok(given)
    }

    /// 5. Denoises the whole shot, and looks at how what was given comes out.
    fn make(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<ArrayD<f32>, Error> {
        let given = self.given()?;
        let noise = self.model.noise(&self.shot, self.slots());
        let latents = self.model.denoise(&self.shot, &self.text, noise, &given, on_step)?;
        let (slots, window) = (self.slots(), self.model.window());
        self.starts = windows::decoded(slots, window, self.ring()).into();
        if !self.ring() {
            let one = self.model.overlap();
            for condition in self.shot.conditions.clone() {
                let slot = (condition.start / one).min(slots - 1);
                let (side, start) = if slot == 0 { (0, 0) } else { (1, slots - window) };
                if slot != 0 && slot + 1 != slots {
                    continue;
                }
                let frames = self.model.decode(&cut(&latents, &windows::slots(start, window, slots)))?;
                let of = (slot - start) * one;
                self.seams[side] = change(&condition.pictures, &frames[of..of + one]);
            }
        }
        Ok(latents)
    }

    /// 6. Decodes the next window and lets it grow out of the one before.
    fn decode_next(&mut self, start: usize, latents: &ArrayD<f32>) -> Result<(), Error> {
        let (one, slots, window) = (self.model.overlap(), self.slots(), self.model.window());
        let mut frames = self.model.decode(&cut(latents, &windows::slots(start, window, slots)))?;
        blend(&self.held, &mut frames);
        let keep = match self.starts.front() {
            Some(next) => (next - start) * one,
            None if self.ring() => (2 * slots - start) * one,
            None => frames.len(),
        };
        if self.ring() && self.opening.is_empty() {
            self.opening = frames[..(one + 2).min(frames.len())].to_vec();
            // Of the turn before only the last frame is shown.
            frames.drain(..one - 1);
            self.held = frames.split_off((keep + 1).saturating_sub(one).min(frames.len()));
        } else {
            self.held = frames.split_off(keep.min(frames.len()));
        }
        for frame in frames {
            let frame = self.even(frame);
            self.ready.push_back(frame);
        }
        Ok(())
    }

    /// The loop is closed: its last frames run over into those it began with.
    fn close(&mut self) {
        let one = self.model.overlap();
        let last: Vec<_> = self.ready.split_off(self.ready.len().saturating_sub(one)).into();
        let mut opening = self.opening.clone();
        blend(&last, &mut opening);
        self.ready.extend(opening);
    }

    /// Takes back what the codec changed in brightness and colour where the shot is given.
    fn even(&mut self, mut frame: Picture) -> Picture {
        let (one, at) = (self.model.overlap() as f32, self.evened as f32);
        self.evened += 1;
        let total = (self.slots() * self.model.overlap()) as f32;
        let from_start = (at - (one - 1.0)).max(0.0);
        let to_end = (total - one - at).max(0.0);
        let weights = match &self.seams {
            [Some(_), Some(_)] => {
                let end = from_start / (from_start + to_end).max(1.0);
                [1.0 - end, end]
            }
            _ => [from_start, to_end].map(|far| (1.0 - far / LET_IN).max(0.0)),
        };
        for (seam, weight) in self.seams.iter().zip(weights) {
            let Some(seam) = seam.as_ref().filter(|_| weight > 0.0) else { continue };
            frame.data.iter_mut().zip(&seam.data).for_each(|(v, c)| *v += weight * c);
        }
        frame
    }
}

impl Frames for AmbientShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                let [first, width] = self.kept;
                return Ok(Some(if width < frame.width { frame.columns(first, width) } else { frame }));
            }
            let latents = match self.latents.take() {
                Some(latents) => latents,
                None => self.make(on_step)?,
            };
            let Some(start) = self.starts.pop_front() else { return Ok(None) };
            let decoded = self.decode_next(start, &latents);
            self.latents = Some(latents);
            decoded?;
            if self.ring() && self.starts.is_empty() {
                self.close();
            }
        }
    }

    fn understood(&self) -> &[(String, String)] {
        &self.understood
    }

    fn warnings(&self) -> &[String] {
        &self.model.loader.warnings
    }

    fn skipped(&self) -> Option<Skipped> {
        self.model.loader.skipped
    }
}

/// Latent frames by number, in their order: [1, channels, frames, rows, columns].
pub(super) fn cut(latents: &ArrayD<f32>, slots: &[usize]) -> ArrayD<f32> {
    latents.select(Axis(2), slots)
}

/// Latent frames one after the other.
fn joined(latents: &[ArrayD<f32>]) -> Option<ArrayD<f32>> {
    let views: Vec<_> = latents.iter().map(|l| l.view()).collect();
    // They are of one size, since the pictures are.
    concatenate(Axis(2), &views).ok()
}

/// What is given, held before the first and after the last, and running over from one to the next.
fn between(pins: &[(usize, ArrayD<f32>)], slots: usize) -> Option<ArrayD<f32>> {
    let (first, last) = (pins.first()?, pins.last()?);
    let at = |slot: usize| {
        let after = pins.iter().find(|(s, _)| *s >= slot).unwrap_or(last);
        let before = pins.iter().rev().find(|(s, _)| *s <= slot).unwrap_or(first);
        if before.0 >= after.0 {
            return before.1.clone();
        }
        let t = (slot - before.0) as f32 / (after.0 - before.0) as f32;
        let t = t * t * (3.0 - 2.0 * t);
        &before.1 * (1.0 - t) + &after.1 * t
    };
    joined(&(0..slots).map(at).collect::<Vec<_>>())
}

/// Lets `frames` begin with `held`: the same moments, decoded in the window before.
fn blend(held: &[Picture], frames: &mut [Picture]) {
    let count = held.len() as f32;
    for (i, (held, frame)) in held.iter().zip(frames).enumerate() {
        let own = (i as f32 + 1.0) / count;
        frame.data.iter_mut().zip(&held.data).for_each(|(v, h)| *v = own * *v + (1.0 - own) * h);
    }
}

/// Puts the given latent frames where they belong.
pub(super) fn pin(sample: &mut ArrayD<f32>, pins: &[(usize, ArrayD<f32>)]) {
    for (slot, latent) in pins {
        sample.slice_axis_mut(Axis(2), Slice::from(*slot..slot + 1)).assign(latent);
    }
}
