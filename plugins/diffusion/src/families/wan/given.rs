//! 4. Pictures that a clip must show, as each kind of Wan is told of them.
//!
//! `i2v` and the experts made from it: the clip with all other frames grey is encoded, and stands behind the sample's
//! channels together with a mask of which frames are given, one channel for each frame of a latent frame. `i2v-clip`
//! also hears what CLIP sees in the first picture. `ti2v`: the first latent frame is the picture's, and its tokens are
//! told that their time is 0. A clip that is made again is encoded as it is, and stands under the first step's noise.

use std::borrow::Cow;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_onnx::Tensor;

use super::{Wan, conditioned, join};
use crate::contract::{Mode, Variant};
use crate::error::Error;
use crate::families::chain::ClipFamily as _;
use crate::families::{clip, vision};
use crate::family::{Condition, Draft, Edit, Shot};
use crate::footage::Footage;
use crate::picture::Picture;

/// What the transformer is told of given pictures.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Mask and latents that stand behind the sample: [1, stride + channels, latent frames, rows, columns].
    pub behind: Option<ArrayD<f32>>,
    /// What CLIP sees: [1, patches, width].
    pub image: Option<ArrayD<f32>>,
    /// Latent frames to begin with: [1, channels, frames, rows, columns].
    pub pinned: Option<ArrayD<f32>>,
    /// What is under the noise at the first step, in the shape of the sample.
    pub draft: Option<ArrayD<f32>>,
}

impl Given {
    /// What the transformer sees of a sample.
    pub(super) fn seen<'a>(&self, sample: &'a ArrayD<f32>) -> Cow<'a, ArrayD<f32>> {
        match (&self.behind, &self.pinned) {
            (Some(behind), _) => Cow::Owned(join(sample, behind)),
            (None, Some(_)) => {
                let mut seen = sample.clone();
                self.pin(&mut seen);
                Cow::Owned(seen)
            }
            (None, None) => Cow::Borrowed(sample),
        }
    }

    /// Puts the pinned latent frames into a sample.
    pub(super) fn pin(&self, sample: &mut ArrayD<f32>) {
        if let Some(pinned) = &self.pinned {
            sample.slice_axis_mut(Axis(2), Slice::from(0..self.pinned_frames())).assign(pinned);
        }
    }

    /// Puts the draft under a first step's noise, by as much as its `level` leaves.
    pub(super) fn begin(&self, noise: ArrayD<f32>, level: f64) -> ArrayD<f32> {
        match &self.draft {
            Some(draft) => clip::under(draft, &noise, level),
            None => noise,
        }
    }

    pub(super) fn pinned_frames(&self) -> usize {
        self.pinned.as_ref().map_or(0, |p| p.shape()[2])
    }
}

impl Wan {
    /// Refuses pictures that this kind of Wan can't be given.
    ///
    /// # Errors
    /// `model-unable`.
    pub(super) fn check_given(&self, shot: &Shot, frames: usize) -> Result<(), Error> {
        let refuse = |reason: &str| Err(self.loader.unable(reason));
        if shot.edit.is_some() && !self.edits() {
            return refuse("to make a clip again; it takes a model from text, with an encoder in its folder");
        }
        if shot.mode != Mode::TextToVideo && shot.conditions.is_empty() {
            return refuse("a clip from a picture without a picture");
        }
        let variant = self.contract().variant;
        if !shot.conditions.is_empty() && !conditioned(self.contract()) && variant != Some(Variant::Ti2v) {
            return refuse("a given picture or clip; it makes clips from text alone");
        }
        let begins = shot.conditions.iter().any(|c| c.start == 0 && !c.pictures.is_empty());
        if !shot.conditions.is_empty() && !begins {
            return refuse("a clip without a picture of its first frame");
        }
        if variant == Some(Variant::I2vClip) && shot.conditions.len() > 1 {
            return refuse("more than a picture to begin with");
        }
        if variant == Some(Variant::Ti2v) {
            let pictures = shot.conditions.iter().map(|c| c.pictures.len()).sum::<usize>();
            if pictures > 1 {
                return refuse("more than one picture, which is its first frame");
            }
        }
        if shot.conditions.iter().any(|c| c.start + c.pictures.len() > frames) {
            return Err(self.loader.unable(format!("pictures after the end of a clip of {frames} frames")));
        }
        Ok(())
    }

    /// 4. What the transformer is told of the pictures of a shot whose clip has so many frames.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_given(&mut self, shot: &Shot, frames: usize) -> Result<Given, Error> {
        let mut given = Given { draft: self.encode_draft(shot, frames)?, ..Given::default() };
        let Some(first) = shot.first_picture() else { return Ok(given) };
        if self.contract().variant == Some(Variant::I2vClip) {
            let pixels = vision::pixels(first, super::VISION);
            let inputs = [("pixels", Tensor::F32(pixels.view()))];
            let place = || "what CLIP sees in the picture".into();
            given.image = Some(self.image_encoder.run(&mut self.loader, &inputs, "image", &place)?.0);
            self.image_encoder.rest(&self.loader);
        }
        if !conditioned(self.contract()) {
            given.pinned = Some(self.encode_video(&[(0, first)], 1)?);
            return Ok(given);
        }
        let placed = placed(&shot.conditions, frames);
        let latents = self.encode_video(&placed, frames)?;
        let mask = mask(&placed, self.contract().latent.stride[0], latents.shape());
        given.behind = Some(join(&mask, &latents));
        Ok(given)
    }

    /// What a shot begins with in place of noise alone: the clip that it is made from.
    fn encode_draft(&mut self, shot: &Shot, frames: usize) -> Result<Option<ArrayD<f32>>, Error> {
        let Some(Edit { draft: Draft::Clip(footage), .. }) = &shot.edit else { return Ok(None) };
        let footage = Footage { count: frames, ..footage.clone() };
        Ok(Some(self.encode_clip(&mut footage.pictures()?, frames)?))
    }

    /// The latents of a clip, as the transformer knows them: [1, channels, latent frames, rows, columns].
    ///
    /// # Errors
    /// Those of `pictures`, `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_clip(
        &mut self,
        pictures: &mut dyn Iterator<Item = Result<Picture, Error>>,
        frames: usize,
    ) -> Result<ArrayD<f32>, Error> {
        let mut latents = self.encoder.encode_pieces(&mut self.loader, frames, &mut |from, to| {
            let piece = pictures.take(to - from).collect::<Result<Vec<_>, _>>()?;
            let (width, height) = piece.first().map_or((0, 0), |picture| (picture.width, picture.height));
            Ok(clip::video(&piece.iter().enumerate().collect::<Vec<_>>(), to - from, width, height))
        })?;
        self.contract().latent.normalise(&mut latents);
        Ok(latents)
    }

    /// The encoder itself, and the scaling that the transformer was trained with.
    fn encode_video(&mut self, pictures: &[(usize, &Picture)], frames: usize) -> Result<ArrayD<f32>, Error> {
        let mut latents = self.encoder.encode(&mut self.loader, pictures, frames)?;
        self.contract().latent.normalise(&mut latents);
        Ok(latents)
    }
}

/// Pictures by their frames. A clip may be a few frames longer than the shot, in whole latent frames: what is given
/// near its end stays until the end, so that the shot ends on it.
fn placed(conditions: &[Condition], frames: usize) -> Vec<(usize, &Picture)> {
    let mut placed: Vec<(usize, &Picture)> = conditions
        .iter()
        .flat_map(|c| c.pictures.iter().enumerate().map(|(index, picture)| (c.start + index, picture)))
        .collect();
    placed.sort_by_key(|(frame, _)| *frame);
    if let Some((last, picture)) = placed.last().copied().filter(|(frame, _)| *frame > frames / 2) {
        placed.extend((last + 1..frames).map(|frame| (frame, picture)));
    }
    placed
}

/// Which frames are given, a channel for each frame of a latent frame; the first latent frame is one frame, said
/// `stride` times: [1, stride, latent frames, rows, columns].
fn mask(placed: &[(usize, &Picture)], stride: usize, latents: &[usize]) -> ArrayD<f32> {
    let given = |frame: usize| placed.iter().any(|(at, _)| *at == frame);
    let shape = vec![1, stride, latents[2], latents[3], latents[4]];
    ArrayD::from_shape_fn(shape, |at| {
        let frame = if at[2] == 0 { 0 } else { (at[2] - 1) * stride + 1 + at[1] };
        if given(frame) { 1.0 } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_says_which_frames_are_given() {
        let picture = Picture::filled(2, 2, 0.0);
        let check = |starts: &[usize], frames: usize, expected: &[[f32; 4]]| {
            let given: Vec<_> =
                starts.iter().map(|s| Condition { start: *s, pictures: vec![picture.clone()] }).collect();
            let mask = mask(&placed(&given, frames), 4, &[1, 16, expected.len(), 1, 1]);
            let found: Vec<[f32; 4]> =
                (0..expected.len()).map(|f| [0, 1, 2, 3].map(|c| mask[[0, c, f, 0, 0]])).collect();
            assert_eq!(found, expected, "{starts:?} of {frames}");
        };
        check(&[0], 9, &[[1.0; 4], [0.0; 4], [0.0; 4]]);
        check(&[0, 8], 9, &[[1.0; 4], [0.0; 4], [0.0, 0.0, 0.0, 1.0]]);
        // The shot ends two frames before its clip.
        check(&[0, 6], 9, &[[1.0; 4], [0.0; 4], [0.0, 1.0, 1.0, 1.0]]);
    }
}
