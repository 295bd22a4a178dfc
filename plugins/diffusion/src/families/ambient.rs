//! The `ambient` family: a small spacetime-patch transformer with a convolutional decoder (ambient-v0).
//!
//! A clip is made in seven steps, in the order of this file and of `shot`: (1) tokenise, (2) encode the text, (3) draw noise,
//! (4) pin the first latent frame to given pictures, (5) denoise with guidance, (6) decode, (7) go on from the tail.
//! Velocity is noise minus data; time is 1 at noise and 0 at data, one per latent frame. Latents need no scaling.

use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn, Slice, Zip, concatenate};
use spotloom_onnx::{Engine, Error as ModelError, Graph, Port, Tensor};
use tokenizers::Tokenizer;

mod shot;

use self::shot::AmbientShot;
use crate::contract::{Contract, Model, Negative};
use crate::error::Error;
use crate::family::{Family, Frames, Shot};
use crate::noise;
use crate::picture::Picture;
use crate::schedulers::{Schedule, scheduler};

/// Width of the text encoder's rows.
const TEXT_WIDTH: usize = 192;
/// Rows of the text encoder: one per attribute.
const TEXT_ROWS: usize = 7;

/// Share of the variance that the noise of a later clip takes from the first one's. Chosen by eye and by the largest
/// change between two frames: none lets suns and reflections pop up, all of it makes the motion repeat.
const KINSHIP: f32 = 0.5;

/// A loaded model of this family.
pub struct Ambient {
    contract: Contract,
    /// Latent frames, rows and columns of one clip.
    cells: [usize; 3],
    tokenizer: Tokenizer,
    text_encoder: Graph,
    transformer: Graph,
    decoder: Graph,
    encoder: Graph,
}

/// What the text encoder gives for a batch of prompts.
pub struct Text {
    /// [prompts, rows, width]
    pub tokens: ArrayD<f32>,
    /// [prompts, width]
    pub pooled: ArrayD<f32>,
    /// Class probabilities, [prompts, classes].
    pub attributes: ArrayD<f32>,
}

impl Ambient {
    /// Loads the tokenizer and the four graphs, and holds their ports against the contract.
    ///
    /// # Errors
    /// See [`crate::family::load`].
    pub fn load(model: &Model, engine: &Engine) -> Result<Self, Error> {
        let contract = &model.contract;
        let (channels, video) = (contract.latent.channels, &contract.video);
        let cells = contract
            .latent
            .cells(video.width, video.height, video.frames)
            .map_err(|reason| Error::Unable { model: contract.name.clone(), reason: format!("a clip of {reason}") })?;
        let [frames, rows, columns] = cells;
        let classes = contract.attributes.iter().map(|slot| slot.words.len()).sum();
        let latents = [None, Some(channels), Some(frames), Some(rows), Some(columns)];
        let tokens = Port::float("tokens", &[None, Some(TEXT_ROWS), Some(TEXT_WIDTH)]);
        let pooled = Port::float("pooled", &[None, Some(TEXT_WIDTH)]);

        let graph =
            |component: &str, inputs: &[Port], outputs: &[Port]| Graph::open(engine, model, component, inputs, outputs);
        Ok(Self {
            cells,
            tokenizer: tokenizer(model)?,
            text_encoder: graph(
                "text-encoder",
                &[Port::i64("input_ids", &[None, Some(contract.prompt.tokens)])],
                &[tokens.clone(), pooled.clone(), Port::float("attributes", &[None, Some(classes)])],
            )?,
            transformer: graph(
                "transformer",
                &[Port::float("latent", &latents), Port::float("t", &[None, Some(frames)]), tokens, pooled],
                &[Port::float("velocity", &latents)],
            )?,
            decoder: graph(
                "vae-decoder",
                &[Port::float("latent", &latents)],
                &[Port::float("video", &[None, Some(3), Some(video.frames), Some(video.height), Some(video.width)])],
            )?,
            encoder: graph(
                "vae-encoder",
                &[Port::float("video", &[None, Some(3), None, Some(video.height / 2), Some(video.width / 2)])],
                &[Port::float("latent", &[None, Some(channels), None, Some(rows), Some(columns)])],
            )?,
            contract: contract.clone(),
        })
    }

    /// 1. Token ids of prompts, [prompts, tokens]. Unknown words are kept as such; the encoder ignores them.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn tokenise(&self, prompts: &[&str]) -> Result<Array2<i64>, Error> {
        let width = self.contract.prompt.tokens;
        let mut ids = Array2::zeros((prompts.len(), width));
        for (mut row, prompt) in ids.rows_mut().into_iter().zip(prompts) {
            let encoding = self.tokenizer.encode(*prompt, true).map_err(|e| self.failed("tokenizer", e.to_string()))?;
            for (slot, id) in row.iter_mut().zip(encoding.get_ids()) {
                *slot = i64::from(*id);
            }
        }
        Ok(ids)
    }

    /// Whether any word of a prompt is in the vocabulary.
    fn knows_a_word(&self, prompt: &str) -> Result<bool, Error> {
        let encoding = self.tokenizer.encode(prompt, true).map_err(|e| self.failed("tokenizer", e.to_string()))?;
        let unknown = self.tokenizer.token_to_id("[UNK]");
        let words = encoding.get_ids().iter().zip(encoding.get_special_tokens_mask());
        Ok(words.into_iter().any(|(id, special)| *special == 0 && Some(*id) != unknown))
    }

    /// 2. What the transformer is told of each prompt.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn encode_text(&mut self, ids: ArrayView2<'_, i64>) -> Result<Text, Error> {
        let results = self.text_encoder.run(&[("input_ids", Tensor::I64(ids.into_dyn()))])?;
        Ok(Text {
            tokens: results.array("tokens")?,
            pooled: results.array("pooled")?,
            attributes: results.array("attributes")?,
        })
    }

    /// 3. Noise for a clip: [1, channels, frames, height, width]. Clips after the first are akin to it, which keeps
    ///    what noise decides (where a sun stands, where colours gather) in its place: new noise lets things pop up.
    #[must_use]
    pub fn noise(&self, seed: u64, clip: usize) -> ArrayD<f32> {
        let [frames, rows, columns] = self.cells;
        let shape = [1, self.contract.latent.channels, frames, rows, columns];
        let of = |clip: usize| {
            let stream = u32::try_from(clip).unwrap_or(u32::MAX);
            noise::normal(seed, stream, &shape)
        };
        let mut noise = of(clip);
        if clip > 0 {
            let (own, shared) = ((1.0 - KINSHIP).sqrt(), KINSHIP.sqrt());
            Zip::from(&mut noise).and(&of(0)).for_each(|n, first| *n = own * *n + shared * first);
        }
        noise
    }

    /// 4. The latent frame of as many pictures as one latent frame stands for: [1, channels, 1, height, width].
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn encode_pictures(&mut self, pictures: &[Picture]) -> Result<ArrayD<f32>, Error> {
        let small: Vec<_> = pictures.iter().map(Picture::halved).collect();
        let (height, width) = (self.contract.video.height / 2, self.contract.video.width / 2);
        let mut video = ArrayD::zeros(IxDyn(&[1, 3, small.len(), height, width]));
        for (frame, picture) in small.iter().enumerate() {
            for channel in 0..3 {
                let mut target = video.index_axis_mut(Axis(0), 0);
                let mut target = target.index_axis_mut(Axis(0), channel);
                let mut target = target.index_axis_mut(Axis(0), frame);
                target.iter_mut().zip(picture.plane(channel)).for_each(|(t, s)| *t = *s);
            }
        }
        self.encode_video(&video)
    }

    /// The encoder itself: [1, 3, 4n, height / 2, width / 2] to [1, channels, n, rows, columns].
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn encode_video(&mut self, video: &ArrayD<f32>) -> Result<ArrayD<f32>, Error> {
        Ok(self.encoder.run(&[("video", Tensor::F32(video.view()))])?.array("latent")?)
    }

    /// 5. From noise to latents, with guidance from the second row of `text` to the first. `first` is the latent frame
    ///    to start from.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`, and what `on_step` returned.
    pub fn denoise(
        &mut self,
        shot: &Shot,
        text: &Text,
        noise: ArrayD<f32>,
        first: Option<&ArrayD<f32>>,
        on_step: &mut dyn FnMut(usize) -> Result<(), Error>,
    ) -> Result<ArrayD<f32>, Error> {
        let guided = shot.guidance > 1.0;
        let batch = if guided { 2 } else { 1 };
        let rows = Slice::from(0..batch);
        let tokens = text.tokens.slice_axis(Axis(0), rows);
        let pooled = text.pooled.slice_axis(Axis(0), rows);
        let mut scheduler = scheduler(&Schedule {
            name: shot.scheduler,
            steps: shot.steps,
            shift: shot.shift,
            tokens: None,
            config: &self.contract.scheduler_config,
        })
        .map_err(|reason| Error::Param {
            name: "scheduler",
            value: shot.scheduler.to_string(),
            expected: reason,
        })?;
        // This model knows one kind of prediction; a scheduler of another would give nonsense.
        if !shot.scheduler.takes_velocity() {
            return Err(Error::Param {
                name: "scheduler",
                value: shot.scheduler.to_string(),
                expected: "expected flow-ab2, flow-euler or unipc: this model predicts velocity".into(),
            });
        }
        let mut draw = |shape: &[usize]| noise::normal(shot.seed, STIR, shape);
        let mut sample = noise;
        for step in 0..shot.steps {
            let mut t = Array2::from_elem((batch, self.cells[0]), scheduler.levels()[step] as f32);
            if let Some(first) = first {
                pin(&mut sample, first);
                t.column_mut(0).fill(0.0);
            }
            let both = if guided {
                concatenate(Axis(0), &[sample.view(), sample.view()])
                    .map_err(|e| self.failed("transformer", e.to_string()))?
            } else {
                sample.clone()
            };
            let velocity = self.velocity(&both, &t, tokens.view(), pooled.view())?;
            let velocity = if guided { guide(&velocity, shot.guidance) } else { velocity };
            self.check_finite(&velocity, || format!("denoising step {} of {}", step + 1, shot.steps))?;
            scheduler.step(step, velocity, &mut sample, &mut draw);
            on_step(step)?;
        }
        if let Some(first) = first {
            pin(&mut sample, first);
        }
        Ok(sample)
    }

    /// The transformer itself.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn velocity(
        &mut self,
        latent: &ArrayD<f32>,
        t: &Array2<f32>,
        tokens: ndarray::ArrayViewD<'_, f32>,
        pooled: ndarray::ArrayViewD<'_, f32>,
    ) -> Result<ArrayD<f32>, Error> {
        let results = self.transformer.run(&[
            ("latent", Tensor::F32(latent.view())),
            ("t", Tensor::F32(t.view().into_dyn())),
            ("tokens", Tensor::F32(tokens)),
            ("pooled", Tensor::F32(pooled)),
        ])?;
        Ok(results.array("velocity")?)
    }

    /// 6. The frames of one clip.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`.
    pub fn decode(&mut self, latent: &ArrayD<f32>) -> Result<Vec<Picture>, Error> {
        let video = self.decoder.run(&[("latent", Tensor::F32(latent.view()))])?.array("video")?;
        self.check_finite(&video, || "the decoded frames".into())?;
        let (width, height) = (self.contract.video.width, self.contract.video.height);
        let clip = video.index_axis(Axis(0), 0);
        Ok(clip
            .axis_iter(Axis(1))
            .map(|frame| Picture { width, height, data: frame.iter().copied().collect() })
            .collect())
    }

    fn check_finite(&self, values: &ArrayD<f32>, place: impl FnOnce() -> String) -> Result<(), Error> {
        if values.iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        Err(ModelError::NonFinite { model: self.contract.name.clone(), place: place() }.into())
    }

    fn failed(&self, component: &str, reason: String) -> Error {
        ModelError::Inference { model: self.contract.name.clone(), component: component.into(), reason }.into()
    }

    /// Frames that one latent frame stands for.
    fn overlap(&self) -> usize {
        self.contract.video.frames / self.cells[0]
    }

    /// The likeliest word of each slot that was mentioned.
    fn understood(&self, attributes: &ArrayD<f32>) -> Vec<(String, String)> {
        let row: Vec<f32> = attributes.index_axis(Axis(0), 0).iter().copied().collect();
        let mut start = 0;
        let mut mentioned = Vec::new();
        for slot in &self.contract.attributes {
            let classes = &row[start..start + slot.words.len()];
            start += slot.words.len();
            let best = classes.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
            if best > 0 {
                mentioned.push((slot.name.clone(), slot.words[best].clone()));
            }
        }
        mentioned
    }
}

impl Family for Ambient {
    fn begin<'a>(&'a mut self, shot: &Shot) -> Result<Box<dyn Frames + 'a>, Error> {
        let mut warnings = Vec::new();
        let negative = match self.contract.prompt.negative {
            Negative::Used => shot.negative_prompt.as_str(),
            Negative::Ignored => {
                if !shot.negative_prompt.trim().is_empty() {
                    tracing::info!(model = self.contract.name, "the negative prompt has no effect on this model");
                }
                ""
            }
        };
        let ids = self.tokenise(&[&shot.prompt, negative])?;
        let text = self.encode_text(ids.view())?;
        let understood = self.understood(&text.attributes);
        if !self.knows_a_word(&shot.prompt)? {
            warnings.push(format!(
                "{} knows none of the words of the prompt and made an abstract picture; its README lists those it knows",
                self.contract.name
            ));
        }
        Ok(Box::new(AmbientShot::new(self, shot.clone(), text, understood, warnings)))
    }

    fn clips(&self, frames: usize) -> usize {
        let new = self.contract.video.frames - self.overlap();
        1 + frames.saturating_sub(self.contract.video.frames).div_ceil(new)
    }
}

/// Stream of the noise that stochastic schedulers draw; none that this family takes does.
const STIR: u32 = u32::MAX;

/// Puts the given latent frame into the first slot.
fn pin(sample: &mut ArrayD<f32>, first: &ArrayD<f32>) {
    sample.slice_axis_mut(Axis(2), Slice::from(0..1)).assign(first);
}

/// Classifier-free guidance: the second half of the batch is where to lead away from.
fn guide(velocity: &ArrayD<f32>, guidance: f32) -> ArrayD<f32> {
    let wanted = velocity.slice_axis(Axis(0), Slice::from(0..1));
    let away = velocity.slice_axis(Axis(0), Slice::from(1..2));
    let mut result = away.to_owned();
    Zip::from(&mut result).and(&wanted).for_each(|u, c| *u += guidance * (c - *u));
    result
}

fn tokenizer(model: &Model) -> Result<Tokenizer, Error> {
    let unreadable = |reason: String| ModelError::Unreadable {
        model: model.contract.name.clone(),
        file: model.contract.components.get("tokenizer").map_or_else(String::new, |c| c.file.clone()),
        reason,
    };
    Tokenizer::from_bytes(model.read("tokenizer")?).map_err(|e| unreadable(e.to_string()).into())
}
