//! 4. Frames to latents, one latent frame at a time: the first frame is one by itself, then four are one. The encoder
//!    hands its caches on as the decoder does, which gives what encoding the whole clip would, in constant memory.
//!
//! Folders that were exported before have one graph over the whole clip in its place (`vae-encoder`).

use ndarray::{ArrayD, Axis, concatenate};
use spotloom_onnx::{Kept, Port, Tensor, memory};

use crate::contract::Model;
use crate::error::Error;
use crate::families::clip;
use crate::families::parts::{Loader, Part};
use crate::family::Shot;
use crate::picture::Picture;

/// Channels of the encoder's first layer, which is of full size.
const WIDTH: usize = 96;
/// The graphs of a folder that encodes step by step.
const STEPS: [&str; 2] = ["vae-encoder-first", "vae-encoder-next"];
/// The graph of one that doesn't.
const WHOLE: &str = "vae-encoder";

/// The encoder: one graph, or two that go step by step.
pub struct Encoder {
    parts: Vec<Part>,
    stride: usize,
}

impl Encoder {
    /// The roles of a folder's encoder.
    pub fn roles(model: &Model) -> &'static [&'static str] {
        if model.has(STEPS[0]) || !model.has(WHOLE) { &STEPS } else { &[WHOLE] }
    }

    pub fn new(model: &Model, video: &Port, mean: &Port) -> Self {
        let part = |role: &&'static str| {
            let caches = (*role == STEPS[1]).then(|| Port::numbered("cache_"));
            let inputs = std::iter::once(video.clone()).chain(caches).collect();
            Part::new(role, inputs, vec![mean.clone(), Port::numbered("cache_out_")])
        };
        Self { parts: Self::roles(model).iter().map(part).collect(), stride: model.contract.latent.stride[0] }
    }

    pub fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        self.parts.iter_mut()
    }

    /// Its graphs with the values of their widest layer, when so many frames are encoded.
    ///
    /// # Errors
    /// `tensor-too-large`.
    pub fn needs(&self, shot: &Shot, frames: usize) -> Result<Vec<(&Part, u64)>, Error> {
        let steps = self.parts.len() > 1;
        let at_once = if steps { self.stride.min(frames) } else { frames };
        let layer = memory::check_elements("the encoder's widest layer", &[WIDTH, at_once, shot.height, shot.width])?;
        let used = if steps && frames == 1 { 1 } else { self.parts.len() };
        Ok(self.parts[..used].iter().map(|part| (part, layer)).collect())
    }

    /// The mean of the latents of a clip of so many frames, not normalised; frames without a picture are grey.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode(
        &mut self,
        loader: &mut Loader,
        pictures: &[(usize, &Picture)],
        frames: usize,
    ) -> Result<ArrayD<f32>, Error> {
        let (width, height) = pictures.first().map_or((0, 0), |(_, picture)| (picture.width, picture.height));
        self.encode_pieces(loader, frames, &mut |from, to| {
            let within = pictures.iter().filter(|(frame, _)| (from..to).contains(frame));
            let within: Vec<_> = within.map(|(frame, picture)| (frame - from, *picture)).collect();
            Ok(clip::video(&within, to - from, width, height))
        })
    }

    /// The same of a clip whose frames `video` gives, from one to before another, as they are needed.
    ///
    /// # Errors
    /// Those of `video`, `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_pieces(
        &mut self,
        loader: &mut Loader,
        frames: usize,
        video: &mut dyn FnMut(usize, usize) -> Result<ArrayD<f32>, Error>,
    ) -> Result<ArrayD<f32>, Error> {
        let steps = self.parts.len() > 1;
        let (mut latents, mut caches): (Vec<ArrayD<f32>>, Vec<Kept>) = (Vec::new(), Vec::new());
        let mut start = 0;
        while start < frames {
            let count = match (steps, start) {
                (false, _) => frames,
                (true, 0) => 1,
                (true, _) => self.stride,
            };
            let video = video(start, start + count)?;
            let names: Vec<String> = (0..caches.len()).map(|i| format!("cache_{i}")).collect();
            let mut inputs = vec![("video", Tensor::F32(video.view()))];
            inputs.extend(names.iter().zip(&caches).map(|(name, cache)| (name.as_str(), Tensor::Kept(cache))));
            let part = &mut self.parts[usize::from(start > 0)];
            let (mean, mut results) = part.run(loader, &inputs, "latents_mean", &|| "the encoded picture".into())?;
            if start == 0 {
                part.rest(loader);
            }
            caches = results.keep("cache_out_");
            latents.push(mean);
            start += count;
        }
        self.parts.iter_mut().for_each(|part| part.rest(loader));
        let views: Vec<_> = latents.iter().map(|l| l.view()).collect();
        // They are of one size, so the fallback is never taken.
        Ok(concatenate(Axis(2), &views).unwrap_or_else(|_| latents.swap_remove(0)))
    }
}
