//! The `cogvideox` family, text to video: CogVideoX 2B, 5B and 1.5, numbered as the reference pipeline
//! (`CogVideoXPipeline` of diffusers) goes.
//!
//! (1) tokenise and (2) encode the text without a mask, (3) draw noise, in whole patches over time, (4) rotary positions
//! of the size asked for, (5) denoise along v with DDIM or SDE-DPM, guidance growing with the steps where the contract
//! says so, (6) drop the latent frames that only filled a patch, and scale, (7) decode chunk by chunk.
//!
//! The decoder normalises over the frames of a chunk, so that the chunks must be the reference's: three latent frames
//! first when their number is odd, then two and two. Memory does not grow with the clip.

mod shot;
mod size;
mod there;

use ndarray::{Array2, ArrayD, Axis, Slice};
use spotloom_onnx::{Engine, Port, Tensor};

use self::shot::CogShot;
use super::chain::ClipFamily as _;
use super::clip::{self, OnLatents};
use super::decoder::Decoder;
use super::guidance::{Prompt, Prompts, guide, repeated};
use super::parts::{Loader, Part};
use super::resident;
use super::text::{Rows, TextEncoder};
use super::tiles::{self, Tile};
use super::windows::Windows;
use crate::contract::{Model, Rope};
use crate::error::Error;
use crate::family::{Calls, Decode, Frames, Shot};
use crate::schedulers::{Draw, Here, StepCache};

/// Latent frames of every chunk but the first, which has one more when their number is odd.
const CHUNK: usize = 2;
/// Pixels of a tile's side, at most: its layers are normalised over all of a tile, so that small ones would differ in brightness.
const TILE: usize = 512;
/// Base of the rotary frequencies.
const THETA: f32 = 10_000.0;

/// A model of this family.
pub struct CogVideoX {
    loader: Loader,
    text_encoder: TextEncoder,
    transformer: Part,
    decoder: Decoder,
}

impl CogVideoX {
    /// Reads the tokenizer and sees that every component is there; graphs are loaded when they are needed.
    ///
    /// # Errors
    /// `model-contract-invalid`, `model-file-missing` and its kin, `not-enough-memory`.
    pub fn load(model: &Model, engine: &Engine) -> Result<Self, Error> {
        const FIRST: [&str; 3] = ["vae-decoder-first-1", "vae-decoder-first-2", "vae-decoder-first-3"];
        let contract = &model.contract;
        let roles = [&["text-encoder", "transformer", "vae-decoder-next"][..], &FIRST].concat();
        let mut loader = Loader::new(model, engine, &roles)?;
        let channels = Some(contract.latent.channels);
        let (any, tokens) = (None, Some(contract.prompt.tokens));
        let latents = Port::float("latents", &[any, any, channels, any, any]);
        let mut inputs = vec![latents, Port::float("text", &[any, tokens, any]), Port::number("timestep", &[any])];
        if let Some(rope) = contract.rope {
            let positions = [any, Some(rope.head_dim)];
            inputs.extend([Port::float("rope_cos", &positions), Port::float("rope_sin", &positions)]);
        }
        let decoder = |role, frames, caches: Option<Port>| {
            let chunk = Port::float("latents", &[any, channels, Some(frames), any, any]);
            let video = Port::float("video", &[any, Some(3), any, any, any]);
            let inputs = std::iter::once(chunk).chain(caches).collect();
            Part::new(role, inputs, vec![video, Port::numbered("cache_out_")])
        };
        let mut cog = Self {
            text_encoder: TextEncoder::new(&mut loader),
            loader,
            transformer: Part::new(
                "transformer",
                inputs,
                vec![Port::float("prediction", &[any, any, channels, any, any])],
            ),
            decoder: Decoder::new(
                [1, 2, 3].map(|frames| decoder(FIRST[frames - 1], frames, None)).into(),
                decoder("vae-decoder-next", CHUNK, Some(Port::numbered("cache_"))),
                CHUNK,
            ),
        };
        let (loader, parts) = cog.split();
        loader.complete(&parts)?;
        Ok(cog)
    }

    /// 1 and 2. The text encoder's rows of each prompt.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn encode_text(&mut self, prompts: &[&str]) -> Result<Vec<Rows>, Error> {
        self.text_encoder.encode(&mut self.loader, prompts)
    }

    /// 4 and 5. From noise, [1, latent frames, channels, rows, columns], to latents of the same shape. Stochastic
    ///          schedulers `draw`.
    ///
    /// # Errors
    /// `bad-params`, `inference-failed`, `non-finite`, and what `on_step` returned.
    pub fn denoise(
        &mut self,
        shot: &Shot,
        text: &[Rows],
        noise: ArrayD<f32>,
        draw: &mut Draw<'_>,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let calls = shot.levers.calls.unwrap_or(Calls::Apart);
        let contract = self.contract();
        let [pt, py, px] = contract.latent.patch;
        let (frames, window) = (noise.shape()[1], contract.window());
        let windows = clip::windows(contract, frames);
        let patches = [frames.min(window) / pt, noise.shape()[3] / py, noise.shape()[4] / px];
        let rope = contract.rope.map(|rope| positions(rope, patches, pt > 1).map(Array2::into_dyn));
        if resident::wanted(&mut self.loader, shot, calls, (windows > 1).then_some(clip::THROUGH_WINDOWS)) {
            return self.denoise_there(shot, text, &noise, rope.as_ref(), draw, on_step);
        }
        let contract = self.contract();
        let dynamic = contract.sampling.dynamic_guidance;
        let mut scheduler = clip::schedule(contract, shot, None)?;
        let prompts = Prompts::new(text, calls);
        let mut cache = StepCache::new(shot.levers.step_cache, shot.steps);
        let over = Windows { axis: Axis(1), window, ring: false };
        let mut sample = noise;
        for step in 0..shot.steps {
            let time = scheduler.times()[step];
            let level = scheduler.levels()[step];
            let mut predict = |latents: &ArrayD<f32>, prompt: &Prompt| {
                let latents = repeated(latents, prompt.batch);
                let times = ArrayD::from_elem(vec![prompt.batch], time as i64);
                let mut inputs = vec![
                    ("latents", Tensor::F32(latents.view())),
                    ("text", Tensor::F32(prompt.text.view())),
                    ("timestep", Tensor::I64(times.view())),
                ];
                if let Some([cos, sin]) = &rope {
                    inputs.extend([("rope_cos", Tensor::F32(cos.view())), ("rope_sin", Tensor::F32(sin.view()))]);
                }
                let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                Ok(self.transformer.run(&mut self.loader, &inputs, "prediction", &place)?.0)
            };
            let prediction = match cache.predict(step, level, &sample) {
                Some(prediction) => {
                    (1..windows).try_for_each(|_| on_step(step, None))?;
                    prediction
                }
                None => {
                    let guidance = if dynamic { growing(shot.guidance, shot.steps, time) } else { shot.guidance };
                    let prediction = over.average(&sample, step, &mut |seen| {
                        let (mut prediction, away) = prompts
                            .predict(shot.guidance > 1.0, &mut |prompt: &Prompt| predict(seen.sample, prompt))?;
                        away.iter().for_each(|away| guide(&mut prediction, away, guidance));
                        if seen.number + 1 < windows {
                            on_step(step, None)?;
                        }
                        Ok(prediction)
                    })?;
                    cache.learn(level, &sample, &prediction);
                    prediction
                }
            };
            scheduler.step(step, prediction, &mut sample, &mut Here(draw))?;
            on_step(step, Some(&sample))?;
        }
        self.loader.skipped = cache.report();
        self.transformer.rest(&self.loader);
        Ok(sample)
    }

    /// 6 and 7. The `frames` of denoised latents, whole ones, as they are asked for.
    pub fn frames<'a>(&'a mut self, latents: &ArrayD<f32>, frames: usize) -> Box<dyn Frames + 'a> {
        let [_, down, across] = self.contract().latent.stride;
        let tiles = tiles::whole([latents.shape()[3], latents.shape()[4]], [down, across]);
        self.begin_decoding(latents, frames, tiles);
        Box::new(CogShot { work: None, decode: Decode::Whole, model: self })
    }

    fn begin_decoding(&mut self, latents: &ArrayD<f32>, frames: usize, tiles: Vec<Tile>) {
        let latents = self.scaled(latents, frames);
        let [_, down, across] = self.contract().latent.stride;
        let size = [latents.shape()[3] * down, latents.shape()[4] * across];
        self.decoder.begin(latents, size, tiles);
    }

    /// 6. [1, channels, latent frames, rows, columns], scaled for the decoder, without those that filled a patch: they
    ///    come first.
    fn scaled(&self, latents: &ArrayD<f32>, frames: usize) -> ArrayD<f32> {
        let latent = &self.contract().latent;
        let surplus = latents.shape()[1].saturating_sub(latent.frames(frames));
        let shown = latents.slice_axis(Axis(1), Slice::from(surplus..));
        let mut turned = shown.permuted_axes(vec![0, 2, 1, 3, 4]).as_standard_layout().into_owned();
        latent.denormalise(&mut turned);
        turned
    }

    fn split(&mut self) -> (&mut Loader, Vec<&mut Part>) {
        let Self { loader, text_encoder, transformer, decoder } = self;
        (loader, [&mut text_encoder.part, transformer].into_iter().chain(decoder.parts_mut()).collect())
    }
}

/// Guidance that grows along the steps, as the reference has it, which mixes the time of training (0 to 999) with the
/// number of steps: 1 at least, the double of what was asked for and 1 more at most.
fn growing(guidance: f32, steps: usize, time: f64) -> f32 {
    let steps = steps as f64;
    let way = ((steps - time) / steps).powi(5);
    (1.0 + f64::from(guidance) * (1.0 - (std::f64::consts::PI * way).cos()) / 2.0) as f32
}

/// 4. Cosines and sines of each token's place, [tokens, head width] each; columns count fastest.
///
/// A quarter of a head turns with time, three eighths with rows and with columns. Models without patches over time
/// squeeze the grid into the one they were trained on, cut from its middle; the others count its cells.
fn positions(rope: Rope, patches: [usize; 3], counted: bool) -> [Array2<f32>; 2] {
    let [_, rows, columns] = patches;
    let (top, left, high, wide) = crop(rope, rows, columns);
    let spread = |start: f64, length: f64, count: usize, at: usize| {
        let last = (start + length) * (count as f64 - 1.0) / count as f64;
        let step = if count > 1 { (last - start) / (count as f64 - 1.0) } else { 0.0 };
        (start + step * at as f64) as f32
    };
    let quarter = rope.head_dim / 4;
    let rest = rope.head_dim / 8 * 3;
    let angle = |token: usize, feature: usize| {
        let (row, column) = (token / columns % rows, token % columns);
        let (place, width, feature) = if feature < quarter {
            ((token / (rows * columns)) as f32, quarter, feature)
        } else if feature < quarter + rest {
            let place = if counted { row as f32 } else { spread(top, high, rows, row) };
            (place, rest, feature - quarter)
        } else {
            let place = if counted { column as f32 } else { spread(left, wide, columns, column) };
            (place, rest, feature - quarter - rest)
        };
        let exponent = (feature / 2 * 2) as f32 / width as f32;
        place * (1.0 / THETA.powf(exponent))
    };
    let shape = (patches.iter().product(), rope.head_dim);
    let angles = Array2::from_shape_fn(shape, |(token, feature)| angle(token, feature));
    [angles.mapv(f32::cos), angles.mapv(f32::sin)]
}

/// Where in the trained grid one of another shape lies, largest and centred: top, left, height, width.
fn crop(rope: Rope, rows: usize, columns: usize) -> (f64, f64, f64, f64) {
    let (base_rows, base_columns) = (rope.base_height as f64, rope.base_width as f64);
    let (rows, columns) = (rows as f64, columns as f64);
    let (high, wide) = if rows / columns > base_rows / base_columns {
        (base_rows, (base_rows / rows * columns).round_ties_even())
    } else {
        ((base_columns / columns * rows).round_ties_even(), base_columns)
    };
    let middle = |base: f64, length: f64| ((base - length) / 2.0).round_ties_even();
    (middle(base_rows, high), middle(base_columns, wide), high, wide)
}
