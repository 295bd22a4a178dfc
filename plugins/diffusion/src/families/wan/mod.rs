//! The `wan` family, numbered as the reference pipelines (`WanPipeline` and `WanImageToVideoPipeline` of diffusers) go:
//! Wan 2.1 from text (`t2v`) and from a picture with and without CLIP (`i2v`, `i2v-clip`), the two experts of Wan 2.2
//! (`a14b`), and its small model of both (`ti2v`).
//!
//! (1) clean and tokenise, (2) encode the text, (3) draw noise, (4) encode given pictures (`given`, `encode`), (5) denoise with
//! UniPC and guidance in two calls, (6) scale the latents, (7) decode latent frame by latent frame (`decoder`).
//!
//! Components are loaded when they are needed; unless everything fits well into memory, each is dropped after its part.

mod encode;
mod given;
mod memory;
mod shot;
mod there;

use ndarray::{ArrayD, Axis, Slice, concatenate};
use spotloom_onnx::{Engine, Port, Tensor};

use self::encode::Encoder;
pub use self::given::Given;
use self::shot::WanShot;
use super::chain::ClipFamily as _;
use super::clip::{self, OnLatents};
use super::decoder::Decoder;
use super::guidance::{Prompt, Prompts, guide, repeated};
use super::parts::{Loader, Part};
use super::resident;
use super::text::{Rows, TextEncoder};
use super::tiles::{self, Tile};
use super::windows::Windows;
use crate::contract::{Contract, Mode, Model, Variant};
use crate::error::Error;
use crate::family::{Calls, Decode, Frames, Shot};
use crate::noise;
use crate::schedulers::{Draw, Here, Scheduler, StepCache};

/// Channels of the decoder's widest layer at full size.
const DECODER_WIDTH: usize = 192;
/// Side of the picture that CLIP looks at.
const VISION: usize = 224;

/// A model of this family.
pub struct Wan {
    loader: Loader,
    text_encoder: TextEncoder,
    image_encoder: Part,
    encoder: Encoder,
    transformer: Part,
    transformer_low: Part,
    decoder: Decoder,
}

/// Whether given pictures go in as channels behind the sample's.
fn conditioned(contract: &Contract) -> bool {
    match contract.variant {
        Some(Variant::I2v | Variant::I2vClip) => true,
        // Two experts come as either.
        Some(Variant::A14b) => contract.modes.contains(&Mode::ImageToVideo),
        _ => false,
    }
}

/// What a step is taken with.
#[derive(Clone, Copy)]
struct Moment {
    time: f32,
    /// Whether it is the second expert's.
    low: bool,
    guidance: f32,
}

/// What each step is taken with. The transformer is told a time of its training: that of the scheduler, whole numbers of `unipc` and
/// fractions of the reference's `flow-euler`; schedulers that have no reference tell the level.
fn moments<T>(contract: &Contract, shot: &Shot, scheduler: &dyn Scheduler<T>) -> Vec<Moment> {
    let (sampling, training) = (&contract.sampling, contract.scheduler_config.training_steps() as f64);
    let scale = if scheduler.levels().starts_with(scheduler.times()) { training } else { 1.0 };
    let moment = |told: &f64| {
        let time = told * scale;
        let low = sampling.boundary.is_some_and(|b| time < b * training);
        let guidance = if low { shot.guidance_low.unwrap_or(shot.guidance) } else { shot.guidance };
        Moment { time: time as f32, low, guidance }
    };
    scheduler.times().iter().map(moment).collect()
}

impl Wan {
    /// Reads the tokenizer and sees that every component is there and fits into memory; graphs are loaded when they
    /// are needed.
    ///
    /// # Errors
    /// `model-contract-invalid`, `model-file-missing` and its kin, `not-enough-memory`.
    pub fn load(model: &Model, engine: &Engine) -> Result<Self, Error> {
        let contract = &model.contract;
        let (conditioned, variant) = (conditioned(contract), contract.variant);
        let mut roles = vec!["text-encoder", "transformer", "vae-decoder-first", "vae-decoder-next"];
        roles.extend((variant == Some(Variant::A14b)).then_some("transformer-low"));
        let encoder = Encoder::roles(model);
        if conditioned || variant == Some(Variant::Ti2v) || encoder.iter().all(|role| model.has(role)) {
            roles.extend(encoder);
        }
        roles.extend((variant == Some(Variant::I2vClip)).then_some("image-encoder"));

        let (any, tokens) = (None, Some(contract.prompt.tokens));
        let channels = contract.latent.channels;
        let latents = |channels| Port::float("latents", &[any, Some(channels), any, any, any]);
        // The mask has a channel for each frame of a latent frame.
        let inside = if conditioned { 2 * channels + contract.latent.stride[0] } else { channels };
        let times: &[_] = if variant == Some(Variant::Ti2v) { &[any, any] } else { &[any] };
        let transformer = |role| {
            let text = Port::float("text", &[any, tokens, any]);
            let mut inputs = vec![latents(inside), Port::number("timestep", times), text];
            // For how many rows of text each stands; models that were exported before there was such a port have none.
            inputs.push(Port::float("text_weight", &[any, any]).optional());
            inputs.extend((variant == Some(Variant::I2vClip)).then(|| Port::float("image", &[any, any, any])));
            Part::new(role, inputs, vec![Port::float("velocity", &[any, Some(channels), any, any, any])])
        };
        let video = Port::float("video", &[any, Some(3), any, any, any]);
        let mean = Port::float("latents_mean", &[any, Some(channels), any, any, any]);
        let decoder = |role, caches: Option<Port>| {
            let inputs = std::iter::once(latents(channels)).chain(caches).collect();
            Part::new(role, inputs, vec![video.clone(), Port::numbered("cache_out_")])
        };
        let caches = Some(Port::numbered("cache_"));
        let pixels = Port::float("pixels", &[any, Some(3), Some(VISION), Some(VISION)]);
        let mut loader = Loader::new(model, engine, &roles)?;
        let mut wan = Self {
            text_encoder: TextEncoder::new(&mut loader),
            loader,
            image_encoder: Part::new("image-encoder", vec![pixels], vec![Port::float("image", &[any, any, any])]),
            encoder: Encoder::new(model, &video, &mean),
            transformer: transformer("transformer"),
            transformer_low: transformer("transformer-low"),
            decoder: Decoder::new(vec![decoder("vae-decoder-first", None)], decoder("vae-decoder-next", caches), 1),
        };
        let (loader, parts) = wan.split(true);
        loader.complete(&parts)?;
        Ok(wan)
    }

    /// 1 and 2. The text encoder's rows of each prompt.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_text(&mut self, prompts: &[&str]) -> Result<Vec<Rows>, Error> {
        self.text_encoder.encode(&mut self.loader, prompts)
    }

    /// 3 and 5. From noise to latents, with guidance from the second of `text` to the first.
    ///
    /// # Errors
    /// `bad-params`, `inference-failed`, `non-finite`, and what `on_step` returned.
    pub fn denoise(
        &mut self,
        shot: &Shot,
        text: &[Rows],
        given: &Given,
        noise: ArrayD<f32>,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let calls = shot.levers.calls.unwrap_or(Calls::Apart);
        let (frames, window) = (noise.shape()[2], self.contract().window());
        let hindrance = given.pinned.as_ref().map(|_| "the first picture is put in at every step");
        let windows = clip::windows(self.contract(), frames);
        let hindrance = hindrance.or((windows > 1).then_some(clip::THROUGH_WINDOWS));
        let hindrance = hindrance.or(given.draft.as_ref().map(|_| "a clip is made again"));
        if resident::wanted(&mut self.loader, shot, calls, hindrance) {
            return self.denoise_there(shot, text, given, &noise, on_step);
        }
        let mut scheduler = clip::schedule(self.contract(), shot, None)?;
        let draw: &mut Draw<'_> = &mut |shape| noise::normal(shot.seed, clip::STIR, shape);
        let prompts = Prompts::new(text, calls);
        let moments = moments(self.contract(), shot, scheduler.as_ref());
        let first = shot.first_step();
        let mut cache = StepCache::new(shot.levers.step_cache, shot.steps - first);
        let over = Windows { axis: Axis(2), window, ring: false };
        let mut sample = given.begin(noise, scheduler.levels()[first]);
        for (step, moment) in moments.into_iter().enumerate().skip(first) {
            let level = scheduler.levels()[step];
            let Moment { time, low, guidance } = moment;
            if low {
                self.transformer.rest(&self.loader);
            }
            let mut shape = sample.shape().to_vec();
            shape[2] = frames.min(window);
            let times = self.times(time, &shape, given);
            let part = if low { &mut self.transformer_low } else { &mut self.transformer };
            let mut predict = |latents: &ArrayD<f32>, prompt: &Prompt| {
                let (latents, times) = (repeated(latents, prompt.batch), repeated(&times, prompt.batch));
                let image = given.image.as_ref().map(|image| repeated(image, prompt.batch));
                let folded = part.get(&self.loader)?.takes("text_weight").then(|| prompt.folded());
                let text = folded.as_ref().map_or(&prompt.text, |(text, _)| text);
                let mut inputs = vec![
                    ("latents", Tensor::F32(latents.view())),
                    ("timestep", Tensor::F32(times.view())),
                    ("text", Tensor::F32(text.view())),
                ];
                inputs.extend(folded.as_ref().map(|(_, weights)| ("text_weight", Tensor::F32(weights.view()))));
                inputs.extend(image.iter().map(|image| ("image", Tensor::F32(image.view()))));
                let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                Ok(part.run(&mut self.loader, &inputs, "velocity", &place)?.0)
            };
            let velocity = match cache.predict(step - first, level, &sample) {
                Some(velocity) => {
                    (1..windows).try_for_each(|_| on_step(step, None))?;
                    velocity
                }
                None => {
                    let velocity = over.average(&sample, step, &mut |seen| {
                        let shown = given.seen(seen.sample);
                        let (mut velocity, away) =
                            prompts.predict(guidance > 1.0, &mut |prompt: &Prompt| predict(&shown, prompt))?;
                        away.iter().for_each(|away| guide(&mut velocity, away, guidance));
                        if seen.number + 1 < windows {
                            on_step(step, None)?;
                        }
                        Ok(velocity)
                    })?;
                    cache.learn(level, &sample, &velocity);
                    velocity
                }
            };
            scheduler.step(step, velocity, &mut sample, &mut Here(draw))?;
            on_step(step, Some(&sample))?;
        }
        self.loader.skipped = cache.report();
        self.transformer.rest(&self.loader);
        self.transformer_low.rest(&self.loader);
        given.pin(&mut sample);
        Ok(sample)
    }

    /// 6 and 7. The frames of denoised latents, as they are asked for.
    pub fn frames<'a>(&'a mut self, latents: ArrayD<f32>, [height, width]: [usize; 2]) -> Box<dyn Frames + 'a> {
        let [_, down, across] = self.contract().latent.stride;
        let tiles = tiles::whole([latents.shape()[3], latents.shape()[4]], [down, across]);
        self.begin_decoding(latents, [height, width], tiles);
        Box::new(WanShot { model: self, text: Vec::new(), work: None, decode: Decode::Whole })
    }

    /// 6. What the decoder was trained on.
    fn begin_decoding(&mut self, mut latents: ArrayD<f32>, size: [usize; 2], tiles: Vec<Tile>) {
        self.contract().latent.denormalise(&mut latents);
        self.decoder.begin(latents, size, tiles);
    }

    /// The time, one for all, or one for each token where pinned ones are told that they are done: `[1]` or `[1, tokens]`.
    fn times(&self, time: f32, shape: &[usize], given: &Given) -> ArrayD<f32> {
        if self.contract().variant != Some(Variant::Ti2v) {
            return ArrayD::from_elem(vec![1], time);
        }
        let [_, py, px] = self.contract().latent.patch;
        let (frames, frame) = (shape[2], shape[3] / py * (shape[4] / px));
        let mut times = ArrayD::from_elem(vec![1, frames * frame], time);
        times.slice_axis_mut(Axis(1), Slice::from(0..given.pinned_frames() * frame)).fill(0.0);
        times
    }

    /// The parts that a shot takes; of one to which nothing is given the encoder is none.
    fn split(&mut self, encodes: bool) -> (&mut Loader, Vec<&mut Part>) {
        let Self { loader, text_encoder, image_encoder, encoder, transformer, transformer_low, decoder } = self;
        let parts = [&mut text_encoder.part, image_encoder, transformer, transformer_low];
        let encoder = encoder.parts().filter(|_| encodes);
        (loader, parts.into_iter().chain(encoder).chain(decoder.parts_mut()).collect())
    }
}

/// Arrays one behind the other along the channels.
fn join(first: &ArrayD<f32>, second: &ArrayD<f32>) -> ArrayD<f32> {
    // Both have the same frames, rows and columns, so the fallback is never taken.
    concatenate(Axis(1), &[first.view(), second.view()]).unwrap_or_else(|_| first.clone())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contract::SchedulerName;

    #[test]
    fn the_transformer_is_told_the_time_of_the_scheduler() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wan-t2v");
        let contract = Model::open(&folder).expect("the fixture").contract;
        let told = |scheduler: SchedulerName, steps: usize, shift: f64| -> (Vec<f32>, Vec<f32>) {
            let shot = Shot { scheduler, shift, steps, ..Shot::usual(&contract, "a golden bottle") };
            let scheduler = clip::schedule::<ArrayD<f32>>(&contract, &shot, None).expect("a scheduler");
            let moments = moments(&contract, &shot, scheduler.as_ref());
            let own = scheduler.times().iter().map(|time| *time as f32).collect();
            (moments.iter().map(|moment| moment.time).collect(), own)
        };
        // Whole numbers are cut off levels of 64 bits, which those of 32 bits fall short of in places.
        for shift in [1.0, 3.0, 5.0, 6.0, 8.0] {
            for steps in 1..=90 {
                let (told, own) = told(SchedulerName::UniPc, steps, shift);
                assert_eq!(told, own, "{steps} steps with a shift of {shift}");
            }
        }
        // As diffusers passes them; those of flow-euler are not cut off.
        assert_eq!(told(SchedulerName::UniPc, 4, 3.0).0, [999.0, 900.0, 750.0, 500.0]);
        assert_eq!(told(SchedulerName::FlowEuler, 4, 3.0).0, [1000.0, 857.692_3, 602.150_6, 8.928_572]);
        // On the grid without a reference: the level.
        assert_eq!(told(SchedulerName::FlowAb2, 4, 1.0).0, [1000.0, 750.0, 500.0, 250.0]);
    }
}
