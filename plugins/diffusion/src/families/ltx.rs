//! The `ltx` family: LTX-Video, from text or from a picture, numbered as the reference pipeline
//! (`LTXImageToVideoPipeline` of diffusers) goes.
//!
//! (1) tokenise and (2) encode the text without a mask, (3) draw noise, (4) encode given pictures and pin them, or a clip that is made
//! again, which stands under the first step's noise, (5) pack latents into tokens with their coordinates, (6) denoise along a shift that grows with the tokens, pinned tokens at
//! time 0, (7) unpack and scale, (8) decode the clip at once, or all of its frames tile by tile; a decoder that takes a time
//! gets a little noise first.

mod shot;
mod there;

use ndarray::{Array2, Array3, ArrayD, Axis, Ix3, Slice, s};
use spotloom_onnx::{Engine, Port, Tensor};

use super::chain::ClipFamily as _;
use super::clip::{self, OnLatents};
use super::guidance::{Prompt, Prompts, guide, repeated};
use super::parts::{Loader, Part};
use super::resident;
use super::text::{Rows, TextEncoder};
use super::tiles::Tile;
use crate::contract::{Contract, Model, Variant};
use crate::error::Error;
use crate::family::{Calls, Shot};
use crate::noise;
use crate::picture::Picture;
use crate::schedulers::{Draw, Here, StepCache};

/// The stream of the noise that a timed decoder gets.
const DECODER_NOISE: u32 = u32::MAX - 1;

/// What is given, in latents as the transformer knows them: [1, channels, latent frames, rows, columns].
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// What the clip begins with.
    pub first: Option<ArrayD<f32>>,
    /// What is under the noise at the first step, in the shape of the sample.
    pub draft: Option<ArrayD<f32>>,
}

/// A model of this family.
pub struct Ltx {
    loader: Loader,
    text_encoder: TextEncoder,
    transformer: Part,
    decoder: Part,
    encoder: Part,
}

impl Ltx {
    /// Reads the tokenizer and sees that every component is there; graphs are loaded when they are needed.
    ///
    /// # Errors
    /// `model-contract-invalid`, `model-file-missing` and its kin, `not-enough-memory`.
    pub fn load(model: &Model, engine: &Engine) -> Result<Self, Error> {
        let contract = &model.contract;
        let mut loader = Loader::new(model, engine, &["text-encoder", "transformer", "vae-decoder", "vae-encoder"])?;
        if contract.latent.patch != [1, 1, 1] {
            return Err(loader.unable("latents in patches; every model of this family has one token per latent cell"));
        }
        let channels = Some(contract.latent.channels);
        let (any, tokens) = (None, Some(contract.prompt.tokens));
        let latents = [any, any, channels];
        let grid = Port::float("latents", &[any, channels, any, any, any]);
        let video = Port::float("video", &[any, Some(3), any, any, any]);
        let mut decoder = vec![grid.clone()];
        if contract.variant == Some(Variant::Timestep) {
            decoder.push(Port::float("timestep", &[any]));
        }
        let mut ltx = Self {
            text_encoder: TextEncoder::new(&mut loader),
            transformer: Part::new(
                "transformer",
                vec![
                    Port::float("latents", &latents),
                    Port::float("text", &[any, tokens, any]),
                    Port::number("timestep", &[any, any]),
                    Port::number("text_mask", &[any, tokens]),
                    Port::float("coordinates", &[any, Some(3), any]),
                ],
                vec![Port::float("velocity", &latents)],
            ),
            decoder: Part::new("vae-decoder", decoder, vec![video.clone()]),
            encoder: Part::new(
                "vae-encoder",
                vec![video],
                vec![Port::float("latents_mean", &[any, channels, any, any, any])],
            ),
            loader,
        };
        let (loader, parts) = ltx.split();
        loader.complete(&parts)?;
        Ok(ltx)
    }

    /// 1 and 2. The text encoder's rows of each prompt.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_text(&mut self, prompts: &[&str]) -> Result<Vec<Rows>, Error> {
        self.text_encoder.encode(&mut self.loader, prompts)
    }

    /// 4. The latents of given frames as the transformer knows them: [1, channels, latent frames, rows, columns].
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_pictures(&mut self, pictures: &[Picture]) -> Result<ArrayD<f32>, Error> {
        let (width, height) = pictures.first().map_or((0, 0), |p| (p.width, p.height));
        let given: Vec<_> = pictures.iter().enumerate().collect();
        let video = clip::video(&given, pictures.len(), width, height);
        self.encode_video(&video)
    }

    /// The same of a clip of so many frames, whose pictures are read as they are laid out.
    ///
    /// # Errors
    /// Those of `pictures`, `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_clip(
        &mut self,
        pictures: &mut dyn Iterator<Item = Result<Picture, Error>>,
        frames: usize,
    ) -> Result<ArrayD<f32>, Error> {
        let mut video = ArrayD::zeros(vec![0; 5]);
        for (frame, picture) in pictures.take(frames).enumerate() {
            let picture = picture?;
            if frame == 0 {
                video = ArrayD::zeros(vec![1, 3, frames, picture.height, picture.width]);
            }
            clip::lay(&mut video, frame, &picture);
        }
        self.encode_video(&video)
    }

    fn encode_video(&mut self, video: &ArrayD<f32>) -> Result<ArrayD<f32>, Error> {
        let inputs = [("video", Tensor::F32(video.view()))];
        let place = || "the encoded picture".into();
        let (mut latents, _) = self.encoder.run(&mut self.loader, &inputs, "latents_mean", &place)?;
        self.encoder.rest(&self.loader);
        self.contract().latent.normalise(&mut latents);
        Ok(latents)
    }

    /// 5 and 6. From noise, [1, channels, latent frames, rows, columns], to latents of the same shape. `on_step` is given the packed
    ///          tokens.
    ///
    /// # Errors
    /// `bad-params`, `inference-failed`, `non-finite`, and what `on_step` returned.
    pub fn denoise(
        &mut self,
        shot: &Shot,
        text: &[Rows],
        noise: &ArrayD<f32>,
        given: &Given,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let shape: Vec<usize> = noise.shape().to_vec();
        let calls = shot.levers.calls.unwrap_or(Calls::Apart);
        let rescaled = (self.contract().sampling.guidance_rescale > 0.0 && shot.guidance > 1.0)
            .then_some("the contrast of what guidance gives is measured at every step");
        let pinned = given.first.as_ref().map(|_| "the first picture is put in at every step");
        let again = given.draft.as_ref().map(|_| "a clip is made again");
        if resident::wanted(&mut self.loader, shot, calls, pinned.or(again).or(rescaled)) {
            return self.denoise_there(shot, text, noise, on_step);
        }
        let mut sample = pack(noise);
        let tokens = sample.shape()[1];
        let pinned = given.first.as_ref().map(pack);
        let fixed = pinned.as_ref().map_or(0, |p| p.shape()[1]);
        let pin = |sample: &mut ArrayD<f32>| {
            if let Some(pinned) = &pinned {
                sample.slice_axis_mut(Axis(1), Slice::from(0..fixed)).assign(pinned);
            }
        };
        let contract = self.contract();
        let coordinates = coordinates(contract, &shape[2..]).into_dyn();
        let mut scheduler = clip::schedule(contract, shot, Some(tokens))?;
        let begun = shot.first_step();
        if let Some(draft) = &given.draft {
            sample = clip::under(&pack(draft), &sample, scheduler.levels()[begun]);
        }
        pin(&mut sample);
        let training = contract.scheduler_config.training_steps() as f64;
        let rescale = contract.sampling.guidance_rescale;
        let coordinates = [1, 2].map(|batch| repeated(&coordinates, batch).into_owned());
        let prompts = Prompts::new(text, calls);
        let mut cache = StepCache::new(shot.levers.step_cache, shot.steps - begun);
        let draw: &mut Draw<'_> = &mut |shape| noise::normal(shot.seed, clip::STIR, shape);
        for step in begun..shot.steps {
            let level = scheduler.levels()[step];
            let mut times = Array2::from_elem((1, tokens), (level * training) as f32);
            times.slice_mut(s![.., ..fixed]).fill(0.0);
            let times = times.into_dyn();
            let predict = &mut |prompt: &Prompt| {
                let (latents, times) = (repeated(&sample, prompt.batch), repeated(&times, prompt.batch));
                let inputs = [
                    ("latents", Tensor::F32(latents.view())),
                    ("text", Tensor::F32(prompt.text.view())),
                    ("timestep", Tensor::F32(times.view())),
                    ("text_mask", Tensor::I64(prompt.mask.view())),
                    ("coordinates", Tensor::F32(coordinates[prompt.batch - 1].view())),
                ];
                let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                Ok(self.transformer.run(&mut self.loader, &inputs, "velocity", &place)?.0)
            };
            let velocity = match cache.predict(step - begun, level, &sample) {
                Some(velocity) => velocity,
                None => {
                    let (mut velocity, away) = prompts.predict(shot.guidance > 1.0, predict)?;
                    if let Some(away) = away {
                        let contrast = deviation(&velocity);
                        guide(&mut velocity, &away, shot.guidance);
                        if rescale > 0.0 {
                            // In the order of the reference, so that the rounding is the same.
                            let factor = contrast / deviation(&velocity);
                            velocity.mapv_inplace(|v| rescale * (v * factor) + (1.0 - rescale) * v);
                        }
                    }
                    cache.learn(level, &sample, &velocity);
                    velocity
                }
            };
            scheduler.step(step, velocity, &mut sample, &mut Here(draw))?;
            pin(&mut sample);
            on_step(step, Some(&sample))?;
        }
        self.loader.skipped = cache.report();
        self.transformer.rest(&self.loader);
        Ok(unpack(&sample, &shape))
    }

    /// 7. The noise that is mixed into the latents of a decoder that takes a time; `None` for one that takes none.
    #[must_use]
    pub fn decoder_noise(&self, seed: u64, shape: &[usize]) -> Option<ArrayD<f32>> {
        (self.contract().variant == Some(Variant::Timestep)).then(|| noise::normal(seed, DECODER_NOISE, shape))
    }

    /// 8. The clip of denoised latents, [1, 3, frames, height, width], whose frames are decoded in these tiles. `pause` is asked before
    ///    each of them and may end the work.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say; `model-unable` when pictures come out of another size than
    /// the contract says; those of `pause`.
    pub fn decode(
        &mut self,
        mut latents: ArrayD<f32>,
        noise: Option<&ArrayD<f32>>,
        tiles: &[Tile],
        pause: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<ArrayD<f32>, Error> {
        self.contract().latent.denormalise(&mut latents);
        let sampling = &self.contract().sampling;
        let time = sampling.decode_timestep.unwrap_or(0.0) as f32;
        let share = sampling.decode_noise.unwrap_or(time.into()) as f32;
        if let Some(noise) = noise {
            latents.zip_mut_with(noise, |z, n| *z = (1.0 - share) * *z + share * n);
        }
        let times = ArrayD::from_elem(vec![1], time);
        let [_, down, across] = self.contract().latent.stride;
        let size = [latents.shape()[3] * down, latents.shape()[4] * across];
        let mut whole: Option<ArrayD<f32>> = None;
        for tile in tiles {
            pause()?;
            let latents = tile.cut(&latents);
            let inputs = [("latents", Tensor::F32(latents.view())), ("timestep", Tensor::F32(times.view()))];
            let place = || "the decoded frames".into();
            let (video, _) = self.decoder.run(&mut self.loader, &inputs, "video", &place)?;
            let shape = [1, video.shape()[1], video.shape()[2], size[0], size[1]];
            if tiles.len() == 1 && video.shape() == shape {
                // A whole frame needs no second copy to be laid into.
                whole = Some(video);
            } else if !tile.lay(&video, whole.get_or_insert_with(|| ArrayD::zeros(&shape[..]))) {
                let found = &video.shape()[3..];
                let reason = format!("a decoder that makes pictures of {found:?}; latents and `stride` say others");
                return Err(self.loader.unable(reason));
            }
        }
        self.decoder.rest(&self.loader);
        Ok(whole.unwrap_or_else(|| ArrayD::zeros(vec![0; 5])))
    }

    fn split(&mut self) -> (&mut Loader, Vec<&mut Part>) {
        let Self { loader, text_encoder, transformer, decoder, encoder } = self;
        (loader, vec![&mut text_encoder.part, transformer, decoder, encoder])
    }
}

/// From a grid, [1, channels, frames, rows, columns], to tokens, [1, tokens, channels]; columns count fastest.
fn pack(grid: &ArrayD<f32>) -> ArrayD<f32> {
    let shape = grid.shape();
    let (channels, tokens) = (shape[1], shape[2..].iter().product());
    let flat =
        grid.to_shape((1, channels, tokens)).map(|g| g.permuted_axes([0, 2, 1]).as_standard_layout().into_owned());
    flat.unwrap_or_else(|_| Array3::zeros((1, tokens, channels))).into_dyn()
}

/// The way back, to a grid of `shape`.
fn unpack(tokens: &ArrayD<f32>, shape: &[usize]) -> ArrayD<f32> {
    let turned = tokens
        .view()
        .into_dimensionality::<Ix3>()
        .map(|t| t.permuted_axes([0, 2, 1]).as_standard_layout().into_owned());
    let grid = turned.ok().and_then(|t| t.into_shape_with_order(shape).ok());
    // The number of values is the same by construction, so the fallback is never taken.
    grid.unwrap_or_else(|| ArrayD::zeros(shape))
}

/// Where each token lies, in seconds and pixels: [1, 3, tokens].
fn coordinates(contract: &Contract, cells: &[usize]) -> Array3<f32> {
    let [time, down, across] = contract.latent.stride;
    let scale = [(time as f64 / contract.video.fps) as f32, down as f32, across as f32];
    let (rows, columns) = (cells[1], cells[2]);
    Array3::from_shape_fn((1, 3, cells.iter().product()), |(_, axis, token)| {
        let place = [token / (rows * columns), token / columns % rows, token % columns];
        place[axis] as f32 * scale[axis]
    })
}

/// Standard deviation with Bessel's correction.
fn deviation(values: &ArrayD<f32>) -> f32 {
    values.mapv(f64::from).std(1.0) as f32
}
