//! The `wan` family, text to video: Wan 2.1 and the two experts of Wan 2.2, numbered as the reference pipeline is.
//!
//! (1) clean and tokenise, (2) encode the text, (3) draw noise, (4) denoise with UniPC and guidance in two calls,
//! (5) scale the latents, (6) decode latent frame by latent frame. The decoder hands its caches from one latent frame
//! to the next, which gives what decoding the whole clip would, in constant memory.
//!
//! Components are loaded when they are needed; unless everything fits well into memory, each is dropped after its part.

use std::collections::VecDeque;

use ndarray::{ArrayD, Axis, Slice, Zip};
use spotloom_onnx::{Engine, Error as ModelError, Graph, Kept, Port, Tensor, memory};
use tokenizers::Tokenizer;

use super::text;
use crate::contract::{Model, Negative};
use crate::error::Error;
use crate::family::{Family, Frames, Shot, Step};
use crate::noise;
use crate::picture::Picture;
use crate::schedulers::{Schedule, scheduler};

/// Steps of the time the models were trained with.
const TRAINED: f64 = 1000.0;

/// Told of each step that is done, counted from 0, and of its latents; may end the shot by an error.
pub type OnLatents<'a> = dyn FnMut(usize, &ArrayD<f32>) -> Result<(), Error> + 'a;
/// Channels of the decoder's widest layer at full size.
const DECODER_WIDTH: usize = 192;

/// A model of this family.
pub struct Wan {
    model: Model,
    engine: Engine,
    tokenizer: Tokenizer,
    text_encoder: Part,
    transformer: Part,
    transformer_low: Part,
    decoder_first: Part,
    decoder_next: Part,
    /// Whether components stay loaded.
    warm: bool,
}

/// A component, loaded or not.
struct Part {
    role: &'static str,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    graph: Option<Graph>,
}

impl Part {
    fn new(role: &'static str, inputs: Vec<Port>, outputs: Vec<Port>) -> Self {
        Self { role, inputs, outputs, graph: None }
    }

    /// The graph, loaded now unless it is there.
    fn get(&mut self, model: &Model, engine: &Engine) -> Result<&mut Graph, Error> {
        let graph = match self.graph.take() {
            Some(graph) => graph,
            None => Graph::open(engine, model, self.role, &self.inputs, &self.outputs)?,
        };
        Ok(self.graph.insert(graph))
    }
}

impl Wan {
    /// Reads the tokenizer and sees that every component is there and fits into memory; graphs are loaded when they
    /// are needed.
    ///
    /// # Errors
    /// `model-file-missing` and its kin, `not-enough-memory`.
    pub fn load(model: &Model, engine: &Engine) -> Result<Self, Error> {
        let contract = &model.contract;
        let mut roles = vec!["text-encoder", "transformer", "vae-decoder-first", "vae-decoder-next"];
        if contract.sampling.boundary.is_some() {
            roles.push("transformer-low");
        }
        let sizes = roles.iter().map(|r| model.bytes_on_disk(r)).collect::<Result<Vec<_>, _>>()?;
        let (largest, all) = (sizes.iter().max().copied().unwrap_or(0), sizes.iter().sum::<u64>());
        let available = memory::available();
        memory::require(&contract.name, largest, available.as_ref())?;
        let warm = available.is_none_or(|a| all <= a.bytes / 2);

        let channels = Some(contract.latent.channels);
        let any = None;
        let latents = Port::float("latents", &[any, channels, any, any, any]);
        let tokens = Some(contract.prompt.tokens);
        let transformer = |role| {
            let text = Port::float("text", &[any, tokens, any]);
            let inputs = vec![latents.clone(), Port::number("timestep", &[any]), text];
            Part::new(role, inputs, vec![Port::float("velocity", &[any, channels, any, any, any])])
        };
        let video = Port::float("video", &[any, Some(3), any, any, any]);
        let decoder = |role, inputs| Part::new(role, inputs, vec![video.clone(), Port::numbered("cache_out_")]);
        let ids = [any, tokens];
        Ok(Self {
            tokenizer: text::tokenizer(model)?,
            text_encoder: Part::new(
                "text-encoder",
                vec![Port::i64("input_ids", &ids), Port::i64("attention_mask", &ids).optional()],
                vec![Port::float("hidden_states", &[any, tokens, any])],
            ),
            transformer: transformer("transformer"),
            transformer_low: transformer("transformer-low"),
            decoder_first: decoder("vae-decoder-first", vec![latents.clone()]),
            decoder_next: decoder("vae-decoder-next", vec![latents.clone(), Port::numbered("cache_")]),
            model: model.clone(),
            engine: *engine,
            warm,
        })
    }

    /// 1 and 2. The text encoder's rows of each prompt, [1, tokens, width].
    ///
    /// # Errors
    /// `inference-failed` and what loading may say.
    pub fn encode_text(&mut self, prompts: &[&str]) -> Result<Vec<ArrayD<f32>>, Error> {
        let encoder = self.text_encoder.get(&self.model, &self.engine)?;
        let encode = |prompt: &&str| Ok(text::encode(&self.model, &self.tokenizer, encoder, prompt)?.0);
        let rows = prompts.iter().map(encode).collect();
        if !self.warm {
            self.text_encoder.graph = None;
        }
        rows
    }

    /// 3 and 4. From noise to latents, with guidance from the second of `text` to the first.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`, and what `on_step` returned.
    pub fn denoise(
        &mut self,
        shot: &Shot,
        text: &[ArrayD<f32>],
        noise: ArrayD<f32>,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let schedule = Schedule {
            name: shot.scheduler,
            steps: shot.steps,
            shift: shot.shift,
            tokens: None,
            config: &self.model.contract.scheduler_config,
        };
        let wrong = |expected: String| Error::Param { name: "scheduler", value: shot.scheduler.to_string(), expected };
        if !shot.scheduler.takes_velocity() {
            return Err(wrong("expected unipc, flow-euler or flow-ab2: this family predicts velocity".into()));
        }
        let mut scheduler = scheduler(&schedule).map_err(wrong)?;
        let mut draw = |shape: &[usize]| crate::noise::normal(shot.seed, u32::MAX, shape);
        let mut sample = noise;
        for step in 0..shot.steps {
            // The reference's times are whole numbers, cut off.
            let time = (scheduler.levels()[step] * TRAINED).floor();
            let low = self.model.contract.sampling.boundary.is_some_and(|b| time < b * TRAINED);
            let guidance = if low { shot.guidance_low.unwrap_or(shot.guidance) } else { shot.guidance };
            if low && !self.warm {
                self.transformer.graph = None;
            }
            let part = if low { &mut self.transformer_low } else { &mut self.transformer };
            let graph = part.get(&self.model, &self.engine)?;
            let times = ArrayD::from_elem(vec![1], time as i64);
            let mut predict = |text: &ArrayD<f32>| {
                let results = graph.run(&[
                    ("latents", Tensor::F32(sample.view())),
                    ("timestep", Tensor::I64(times.view())),
                    ("text", Tensor::F32(text.view())),
                ])?;
                Ok::<_, Error>(results.array("velocity")?)
            };
            let mut velocity = predict(&text[0])?;
            if let Some(away) = text.get(1).filter(|_| guidance > 1.0) {
                let away = predict(away)?;
                Zip::from(&mut velocity).and(&away).for_each(|c, u| *c = u + guidance * (*c - u));
            }
            self.check_finite(&velocity, || format!("denoising step {} of {}", step + 1, shot.steps))?;
            scheduler.step(step, velocity, &mut sample, &mut draw);
            on_step(step, &sample)?;
        }
        if !self.warm {
            self.transformer.graph = None;
            self.transformer_low.graph = None;
        }
        Ok(sample)
    }

    /// 6. The frames of latent frame `index`, with the caches of the one before.
    fn decode(
        &mut self,
        latents: &ArrayD<f32>,
        index: usize,
        caches: &mut Vec<Kept>,
    ) -> Result<VecDeque<Picture>, Error> {
        let part = if index == 0 { &mut self.decoder_first } else { &mut self.decoder_next };
        let graph = part.get(&self.model, &self.engine)?;
        let slice = latents.slice_axis(Axis(2), Slice::from(index..=index)).as_standard_layout().into_owned();
        let names: Vec<String> = (0..caches.len()).map(|i| format!("cache_{i}")).collect();
        let mut inputs = vec![("latents", Tensor::F32(slice.view()))];
        inputs.extend(names.iter().zip(&*caches).map(|(name, cache)| (name.as_str(), Tensor::Kept(cache))));
        let mut results = graph.run(&inputs)?;
        *caches = results.keep("cache_out_");
        let video = results.array("video")?;
        self.check_finite(&video, || "the decoded frames".into())?;
        let clip = video.index_axis(Axis(0), 0);
        let frames = clip.axis_iter(Axis(1)).map(|frame| Picture {
            width: frame.shape()[2],
            height: frame.shape()[1],
            data: frame.iter().map(|v| v.clamp(-1.0, 1.0)).collect(),
        });
        Ok(frames.collect())
    }

    fn check_finite(&self, values: &ArrayD<f32>, place: impl FnOnce() -> String) -> Result<(), Error> {
        if values.iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        Err(ModelError::NonFinite { model: self.model.contract.name.clone(), place: place() }.into())
    }

    fn unable(&self, reason: String) -> Error {
        Error::Unable { model: self.model.contract.name.clone(), reason }
    }
}

impl Family for Wan {
    fn begin<'a>(&'a mut self, shot: &Shot) -> Result<Box<dyn Frames + 'a>, Error> {
        let contract = &self.model.contract;
        if !shot.conditions.is_empty() || shot.edit.is_some() {
            return Err(self.unable("a given picture or clip; it makes clips from text alone".into()));
        }
        let most = contract.video.frames.max(contract.latent.whole(contract.video.frames));
        let frames = contract.latent.whole(shot.frames).min(most);
        // The stage asks for two frames more than it shows.
        if shot.frames > most + 2 {
            let seconds = most as f64 / contract.video.fps;
            return Err(self.unable(format!("a shot of {} frames; one clip has {most} ({seconds:.1} s)", shot.frames)));
        }
        let cells = contract.latent.cells(shot.width, shot.height, frames);
        let [count, rows, columns] = cells.map_err(|reason| self.unable(format!("a clip of {reason}")))?;
        let step = [DECODER_WIDTH, contract.latent.stride[0], shot.height, shot.width];
        memory::check_elements("the decoder's widest layer", &step)?;
        let shape = [1, contract.latent.channels, count, rows, columns];
        memory::check_elements("the latents", &shape)?;
        let noise = match &shot.noise {
            Some(noise) if noise.shape() == shape => noise.clone(),
            Some(noise) => return Err(self.unable(format!("noise of {:?} for latents of {shape:?}", noise.shape()))),
            None => noise::normal(shot.seed, 0, &shape),
        };
        let negative = match contract.prompt.negative {
            Negative::Used => shot.negative_prompt.as_str(),
            Negative::Ignored => "",
        };
        let guided = shot.guidance > 1.0 || shot.guidance_low.is_some_and(|g| g > 1.0);
        let prompts = if guided { vec![shot.prompt.as_str(), negative] } else { vec![shot.prompt.as_str()] };
        let text = self.encode_text(&prompts)?;
        Ok(Box::new(WanShot {
            model: self,
            shot: shot.clone(),
            text,
            noise: Some(noise),
            latents: None,
            decoded: 0,
            caches: Vec::new(),
            ready: VecDeque::new(),
        }))
    }

    fn clips(&self, _frames: usize) -> usize {
        1
    }
}

/// A shot of this family under way.
struct WanShot<'a> {
    model: &'a mut Wan,
    shot: Shot,
    text: Vec<ArrayD<f32>>,
    noise: Option<ArrayD<f32>>,
    /// Scaled for the decoder.
    latents: Option<ArrayD<f32>>,
    /// Latent frames decoded so far.
    decoded: usize,
    caches: Vec<Kept>,
    ready: VecDeque<Picture>,
}

impl Frames for WanShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        if let Some(noise) = self.noise.take() {
            let mut latents = self
                .model
                .denoise(&self.shot, &self.text, noise, &mut |step, _| on_step(Step { clip: 1, step: step + 1 }))?;
            // 5. What the decoder was trained on.
            self.model.model.contract.latent.denormalise(&mut latents);
            self.latents = Some(latents);
        }
        let Some(latents) = &self.latents else { return Ok(None) };
        if self.ready.is_empty() && self.decoded < latents.shape()[2] {
            self.ready = self.model.decode(latents, self.decoded, &mut self.caches)?;
            self.decoded += 1;
        }
        Ok(self.ready.pop_front())
    }

    fn understood(&self) -> &[(String, String)] {
        &[]
    }

    fn warnings(&self) -> &[String] {
        &[]
    }
}
