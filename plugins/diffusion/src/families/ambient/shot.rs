//! A shot of the `ambient` family under way: clip after clip, each going on from the tail of the one before.
//!
//! Invariant: memory holds one clip, however long the shot is.

use std::collections::VecDeque;

use super::{Ambient, Text};
use crate::error::Error;
use crate::family::{Frames, Shot, Step};
use crate::finish::smooth::boxed;
use crate::picture::Picture;

/// Reach in pixels over which a seam is evened out.
const SEAM: usize = 10;

/// A shot of this family under way.
pub(super) struct AmbientShot<'a> {
    model: &'a mut Ambient,
    shot: Shot,
    text: Text,
    understood: Vec<(String, String)>,
    warnings: Vec<String>,
    /// Clips made so far.
    clips: usize,
    ready: VecDeque<Picture>,
    /// The last frames made, as many as one latent frame stands for.
    tail: Vec<Picture>,
}

impl<'a> AmbientShot<'a> {
    pub(super) fn new(
        model: &'a mut Ambient,
        shot: Shot,
        text: Text,
        understood: Vec<(String, String)>,
        warnings: Vec<String>,
    ) -> Self {
        Self { model, shot, text, understood, warnings, clips: 0, ready: VecDeque::new(), tail: Vec::new() }
    }

    /// 7. Makes the next clip. From the second on it goes on from the tail: its first latent frame is the tail, encoded
    ///    again, and only the frames after that are new.
    fn make_clip(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<(), Error> {
        let (overlap, clip) = (self.model.overlap(), self.clips);
        let given = match self.shot.first_picture() {
            Some(image) if clip == 0 => vec![image.clone(); overlap],
            _ => std::mem::take(&mut self.tail),
        };
        let first = if given.is_empty() { None } else { Some(self.model.encode_pictures(&given)?) };
        let noise = self.model.noise(self.shot.seed, clip);
        let latent = self.model.denoise(&self.shot, &self.text, noise, first.as_ref(), &mut |step| {
            on_step(Step { clip: clip + 1, step: step + 1 })
        })?;
        let mut frames = self.model.decode(&latent)?;
        if clip > 0 {
            frames = join(&given, frames);
        }
        self.tail = frames[frames.len() - overlap..].to_vec();
        self.ready.extend(frames);
        self.clips += 1;
        Ok(())
    }
}

impl Frames for AmbientShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            self.make_clip(on_step)?;
        }
    }

    fn understood(&self) -> &[(String, String)] {
        &self.understood
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// The new frames of a clip that begins with `given`, without a seam: what the codec changed in brightness and colour
/// on the way through it is taken back at first and let in over the clip.
fn join(given: &[Picture], mut frames: Vec<Picture>) -> Vec<Picture> {
    let mut new = frames.split_off(given.len());
    let Some(first) = given.first() else { return new };
    let (width, height) = (first.width, first.height);
    let share = 1.0 / given.len() as f32;
    let mut change = Picture::filled(width, height, 0.0);
    for (was, is) in given.iter().zip(&frames) {
        for (sum, (was, is)) in change.data.iter_mut().zip(was.data.iter().zip(&is.data)) {
            *sum += (was - is) * share;
        }
    }
    for plane in 0..3 {
        let soft = boxed(&boxed(change.plane(plane), width, height, SEAM), width, height, SEAM);
        change.plane_mut(plane).copy_from_slice(&soft);
    }
    let count = new.len() as f32;
    for (i, frame) in new.iter_mut().enumerate() {
        let weight = 1.0 - (i as f32 + 1.0) / count;
        frame.data.iter_mut().zip(&change.data).for_each(|(v, c)| *v += weight * c);
    }
    new
}
