//! 7. Latents to frames, one latent frame at a time: the first gives one frame, each later one four. The decoder hands
//!    its caches from one latent frame to the next, which gives what decoding the whole clip would, in constant memory.

use std::collections::VecDeque;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_onnx::{Kept, Port, Tensor};

use crate::error::Error;
use crate::families::clip;
use crate::families::parts::{Loader, Part, WORK};
use crate::picture::Picture;

/// Bytes of memory for each pixel of a frame that the two graphs take, weights left out: measured on the autoencoder of Wan 2.1
/// at 416x240 (2.1 and 7.4 GB) and 832x480. Nearly half are the caches that go in and come out.
const BYTES: [u64; 2] = [21_000, 74_000];

/// The decoder, and how far it has come.
pub struct Decoder {
    first: Part,
    next: Part,
    /// [1, channels, latent frames, rows, columns], scaled for the decoder.
    latents: ArrayD<f32>,
    /// Latent frames decoded so far.
    decoded: usize,
    caches: Vec<Kept>,
    ready: VecDeque<Picture>,
}

impl Decoder {
    pub fn new(latents: &Port, video: &Port) -> Self {
        let part = |role, inputs| Part::new(role, inputs, vec![video.clone(), Port::numbered("cache_out_")]);
        Self {
            first: part("vae-decoder-first", vec![latents.clone()]),
            next: part("vae-decoder-next", vec![latents.clone(), Port::numbered("cache_")]),
            latents: ArrayD::zeros(vec![0; 5]),
            decoded: 0,
            caches: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    pub fn parts(&mut self) -> [&mut Part; 2] {
        [&mut self.first, &mut self.next]
    }

    /// Both graphs with what they take in memory for frames of so many pixels, in values.
    pub fn needs(&self, pixels: u64) -> [(&Part, u64); 2] {
        let [first, next] = BYTES.map(|bytes| pixels.saturating_mul(bytes) / WORK);
        [(&self.first, first), (&self.next, next)]
    }

    /// Starts with the latents of a clip; what was left of another is forgotten.
    pub fn begin(&mut self, latents: ArrayD<f32>) {
        (self.latents, self.decoded) = (latents, 0);
        self.caches.clear();
        self.ready.clear();
    }

    /// The next frame, or `None` after the last.
    pub fn next(&mut self, loader: &mut Loader) -> Result<Option<Picture>, Error> {
        if self.ready.is_empty() && self.decoded < self.latents.shape()[2] {
            self.decode(loader)?;
        }
        Ok(self.ready.pop_front())
    }

    fn decode(&mut self, loader: &mut Loader) -> Result<(), Error> {
        let part = if self.decoded == 0 { &mut self.first } else { &mut self.next };
        let range = Slice::from(self.decoded..=self.decoded);
        let slice = self.latents.slice_axis(Axis(2), range).as_standard_layout().into_owned();
        let (video, mut results) = {
            let names: Vec<String> = (0..self.caches.len()).map(|i| format!("cache_{i}")).collect();
            let mut inputs = vec![("latents", Tensor::F32(slice.view()))];
            inputs.extend(names.iter().zip(&self.caches).map(|(name, cache)| (name.as_str(), Tensor::Kept(cache))));
            part.run(loader, &inputs, "video", &|| "the decoded frames".into())?
        };
        if self.decoded == 0 {
            part.rest(loader);
        }
        self.caches = results.keep("cache_out_");
        self.decoded += 1;
        self.ready.extend((0..video.shape()[2]).map(|frame| clip::picture(&video, frame)));
        Ok(())
    }
}
