//! The `ambient` family: a small spacetime-patch transformer with a convolutional decoder (the embedded model).
//!
//! A shot is made in six steps, in the order of this file and of `shot`: (1) tokenise, (2) encode the text, (3) draw noise,
//! (4) encode what is given and pin it, (5) denoise all windows of the shot with guidance, (6) decode window by window.
//! Velocity is noise minus data; time is 1 at noise and 0 at data, one per latent frame, so that any of them may be
//! given: it is held at time 0. Latents need no scaling.

use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn};
use spotloom_onnx::{Engine, Error as ModelError, Port, Tensor, memory};
use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;

mod denoise;
mod shot;
mod words;

use self::shot::AmbientShot;
use self::words::{Said, Words};
use crate::contract::{Contract, Mode, Model, Negative};
use crate::error::Error;
use crate::families::parts::{Call, Loader, Part};
use crate::families::{resident, windows};
use crate::family::{Calls, Draft, Family, Frames, Shot, Subject};
use crate::picture::Picture;

/// Width of the text encoder's rows.
const TEXT_WIDTH: usize = 192;
/// Pixels of a latent cell, each way, that the encoder sees: pictures are averaged down to so many.
const SEEN: usize = 8;
/// Tokens that a picture is made wider by where its subject is to stand to one side. What stands in the middle of 11 tokens
/// is at 61 % of the nine that are kept. An even number, since places are whole tokens from the middle: of 12 tokens in a row
/// things come out twice.
const WIDER: usize = 2;
/// Rows of the text encoder: one per attribute.
const TEXT_ROWS: usize = 7;

/// Channels of the decoder at full size: it gives a value of each colour to each pixel of a block of 4 frames, 4 x 4.
const DECODER_WIDTH: usize = 3;

/// A loaded model of this family.
pub struct Ambient {
    loader: Loader,
    /// Latent frames, rows and columns of one clip in the contract's first size.
    cells: [usize; 3],
    tokenizer: Tokenizer,
    text_encoder: Part,
    transformer: Part,
    decoder: Part,
    encoder: Part,
}

/// What a shot is denoised from besides noise.
#[derive(Default)]
pub struct Given {
    /// Latent frames that are given, with their numbers: [1, channels, 1, rows, columns].
    pub pins: Vec<(usize, ArrayD<f32>)>,
    /// Latents of the whole shot that are under the noise at the first step.
    pub draft: Option<ArrayD<f32>>,
    /// The first step that is taken.
    pub first_step: usize,
    /// Whether the last frame leads into the first.
    pub ring: bool,
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
    /// Sees that there is memory for it, loads the tokenizer and the four graphs, and holds their ports against the
    /// contract.
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
        let [_, down, across] = contract.latent.stride;
        if down != across || !down.is_multiple_of(SEEN) {
            let reason =
                format!("latent.stride of {down}x{across} pixels; this family's are equal and multiples of {SEEN}");
            return Err(Error::Unable { model: contract.name.clone(), reason });
        }
        let classes = contract.attributes.iter().map(|slot| slot.words.len()).sum();
        // A graph of several sizes has none.
        let fixed = |length: usize| video.sizes.is_empty().then_some(length);
        let latents = [None, Some(channels), Some(frames), fixed(rows), fixed(columns)];
        let tokens = Port::float("tokens", &[None, Some(TEXT_ROWS), Some(TEXT_WIDTH)]);
        let pooled = Port::float("pooled", &[None, Some(TEXT_WIDTH)]);
        let mut loader = Loader::new(model, engine, &["text-encoder", "transformer", "vae-decoder", "vae-encoder"])?;
        let mut ambient = Self {
            cells,
            tokenizer: loader.hold(tokenizer(model), || Tokenizer::new(BPE::default())),
            loader,
            text_encoder: Part::new(
                "text-encoder",
                vec![Port::i64("input_ids", &[None, Some(contract.prompt.tokens)])],
                vec![tokens.clone(), pooled.clone(), Port::float("attributes", &[None, Some(classes)])],
            ),
            transformer: Part::new(
                "transformer",
                vec![Port::float("latent", &latents), Port::float("t", &[None, Some(frames)]), tokens, pooled],
                vec![Port::float("velocity", &latents)],
            ),
            decoder: Part::new(
                "vae-decoder",
                vec![Port::float("latent", &latents)],
                vec![Port::float(
                    "video",
                    &[None, Some(3), Some(video.frames), fixed(video.height), fixed(video.width)],
                )],
            ),
            encoder: Part::new(
                "vae-encoder",
                vec![Port::float("video", &[None, Some(3), None, fixed(SEEN * rows), fixed(SEEN * columns)])],
                vec![Port::float("latent", &[None, Some(channels), None, fixed(rows), fixed(columns)])],
            ),
        };
        let (loader, parts) = ambient.split();
        loader.complete(&parts)?;
        ambient.require(video.width, video.height, frames)?;
        let (loader, mut parts) = ambient.split();
        let loaded = parts.iter_mut().try_for_each(|part| part.get(loader).map(drop));
        if let Err(failed) = loaded {
            // What is wrong with all of them, where their files tell.
            loader.inspect(&parts)?;
            return Err(failed);
        }
        Ok(ambient)
    }

    fn contract(&self) -> &Contract {
        &self.loader.model.contract
    }

    fn split(&mut self) -> (&mut Loader, [&mut Part; 4]) {
        let Self { loader, text_encoder, transformer, decoder, encoder, .. } = self;
        (loader, [text_encoder, transformer, decoder, encoder])
    }

    /// Refuses a shot of so many latent frames that memory doesn't suffice for, or with a tensor that is too large.
    fn require(&mut self, width: usize, height: usize, slots: usize) -> Result<(), Error> {
        let contract = self.contract();
        let [_, sy, sx] = contract.latent.stride;
        let [_, py, px] = contract.latent.patch;
        let (rows, columns) = (height / sy, width / sx);
        let latents = memory::check_elements("the latents", &[contract.latent.channels, slots, rows, columns])?;
        let layer = [DECODER_WIDTH, contract.video.frames, height, width];
        let decoding = memory::check_elements("the decoder's widest layer", &layer)?;
        // Guidance is asked for in one call unless a shot says otherwise; it has one time for all tokens of a frame.
        let call = Call { batch: 2, tokens: self.window() * (rows / py) * (columns / px), timed: false };
        let transforming = self.loader.transforming(&self.transformer, &call)?;
        self.loader.require(&[
            (&self.text_encoder, 0),
            (&self.transformer, transforming.max(latents)),
            (&self.decoder, decoding),
            (&self.encoder, 0),
        ])
    }

    /// 1. Token ids of prompts, [prompts, tokens]. Unknown words are kept as such; the encoder ignores them.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn tokenise(&self, prompts: &[&str]) -> Result<Array2<i64>, Error> {
        let width = self.contract().prompt.tokens;
        let mut ids = Array2::zeros((prompts.len(), width));
        for (mut row, prompt) in ids.rows_mut().into_iter().zip(prompts) {
            let encoding = self.tokenizer.encode(*prompt, true).map_err(|e| self.failed("tokenizer", e.to_string()))?;
            for (slot, id) in row.iter_mut().zip(encoding.get_ids()) {
                *slot = i64::from(*id);
            }
        }
        Ok(ids)
    }

    /// 2. What the transformer is told of each prompt.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn encode_text(&mut self, ids: ArrayView2<'_, i64>) -> Result<Text, Error> {
        let inputs = [("input_ids", Tensor::I64(ids.into_dyn()))];
        let place = || "the encoded prompt".into();
        let (tokens, results) = self.text_encoder.run(&mut self.loader, &inputs, "tokens", &place)?;
        Ok(Text { tokens, pooled: results.array("pooled")?, attributes: results.array("attributes")? })
    }

    /// 3. Noise for a shot: [1, channels, frames, rows, columns].
    #[must_use]
    pub fn noise(&self, shot: &Shot, slots: usize) -> ArrayD<f32> {
        let [_, sy, sx] = self.contract().latent.stride;
        let shape = [1, self.contract().latent.channels, slots, shot.height / sy, shot.width / sx];
        windows::noise(shot.seed, &shape, Axis(2), self.window())
    }

    /// 4. The latent frame of as many pictures as one latent frame stands for: [1, channels, 1, height, width].
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn encode_pictures(&mut self, pictures: &[Picture]) -> Result<ArrayD<f32>, Error> {
        let factor = self.contract().latent.stride[1] / SEEN;
        let small: Vec<_> = pictures.iter().map(|picture| picture.shrunk(factor)).collect();
        let (width, height) = small.first().map_or((0, 0), |picture| (picture.width, picture.height));
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

    /// The encoder itself: [1, 3, 4n, 8 rows, 8 columns] to [1, channels, n, rows, columns].
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn encode_video(&mut self, video: &ArrayD<f32>) -> Result<ArrayD<f32>, Error> {
        let inputs = [("video", Tensor::F32(video.view()))];
        let place = || "the encoded picture".into();
        Ok(self.encoder.run(&mut self.loader, &inputs, "latent", &place)?.0)
    }

    /// 6. The frames of one clip.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`.
    pub fn decode(&mut self, latent: &ArrayD<f32>) -> Result<Vec<Picture>, Error> {
        let inputs = [("latent", Tensor::F32(latent.view()))];
        let place = || "the decoded frames".into();
        let (video, _) = self.decoder.run(&mut self.loader, &inputs, "video", &place)?;
        Ok((0..video.len_of(Axis(2))).map(|frame| Picture::of_video(&video, frame)).collect())
    }

    fn failed(&self, component: &str, reason: String) -> Error {
        ModelError::Inference { model: self.loader.name(), component: component.into(), reason }.into()
    }

    /// The shot as it is made, and the first column of what is kept of it. Its things stand in the middle: of a
    /// picture that is made wider, and cut off on one side, they stand to the other.
    fn widened(&self, shot: &Shot) -> (Shot, usize) {
        let contract = self.contract();
        let free = shot.conditions.is_empty() && shot.edit.is_none() && shot.noise.is_none();
        // A graph of one size makes nothing wider.
        let wide = shot.width > shot.height && !contract.video.sizes.is_empty();
        let more = WIDER * contract.latent.patch[2] * contract.latent.stride[2];
        let first = match shot.subject {
            Subject::Right if free && wide => 0,
            Subject::Left if free && wide => more,
            _ => return (shot.clone(), 0),
        };
        (Shot { width: shot.width + more, ..shot.clone() }, first)
    }

    /// Frames that one latent frame stands for.
    fn overlap(&self) -> usize {
        self.contract().video.frames / self.cells[0]
    }

    /// Latent frames of one window.
    fn window(&self) -> usize {
        self.cells[0]
    }

    /// Latent frames of a shot of so many frames: never less than a window.
    fn slots(&self, frames: usize) -> usize {
        frames.div_ceil(self.overlap()).max(self.window())
    }
}

impl Family for Ambient {
    fn begin<'a>(&'a mut self, shot: &Shot) -> Result<Box<dyn Frames + 'a>, Error> {
        self.loader.begin(shot)?;
        let (kept, (shot, first)) = (shot.width, self.widened(shot));
        self.require(shot.width, shot.height, self.slots(shot.frames))?;
        let (loader, parts) = self.split();
        // Others than those that are loaded already.
        loader.inspect(&parts)?;
        parts.into_iter().for_each(Part::reset);
        let negative = match self.contract().prompt.negative {
            Negative::Used => shot.negative_prompt.as_str(),
            Negative::Ignored => {
                if !shot.negative_prompt.trim().is_empty() {
                    tracing::info!(model = self.loader.name(), "the negative prompt has no effect on this model");
                }
                ""
            }
        };
        let say = |prompt| Said::of(prompt, &self.contract().said_as, &self.tokenizer);
        let ids = self.tokenise(&[&say(&shot.prompt).prompt, &say(negative).prompt])?;
        let text = self.encode_text(ids.view())?;
        let slots = &self.contract().attributes;
        let understood = words::understood(slots, &text.attributes);
        let asked = Said::of(shot.asked.as_deref().unwrap_or(&shot.prompt), &self.contract().said_as, &self.tokenizer);
        let words = Words::of(&asked.prompt, &self.tokenizer).map_err(|e| self.failed("tokenizer", e.to_string()))?;
        let model = self.loader.name();
        let told = [asked.told(&model), words.told(self.contract(), &understood)];
        self.loader.warnings.extend(told.into_iter().flatten());
        let calls = self.calls();
        resident::wanted(&mut self.loader, &shot, calls, Some("this family lays windows over each other"));
        Ok(Box::new(AmbientShot::new(self, shot, [first, kept], text, understood)))
    }

    fn takes_draft(&self, _: &Draft) -> bool {
        true
    }

    fn try_out(&mut self) -> Result<(), Error> {
        // Its parts are small: all of them are loaded with the model.
        let (loader, parts) = self.split();
        loader.inspect(&parts)
    }

    fn calls(&self) -> Calls {
        Calls::Together
    }

    fn clips(&self, frames: usize) -> usize {
        windows::count(self.slots(frames), self.window(), false)
    }

    fn windows(&self, shot: &Shot) -> usize {
        windows::count(self.slots(shot.frames), self.window(), shot.mode == Mode::Loop)
    }
}

fn tokenizer(model: &Model) -> Result<Tokenizer, ModelError> {
    let unreadable = |reason: String| ModelError::Unreadable {
        model: model.contract.name.clone(),
        file: model.contract.components.get("tokenizer").map_or_else(String::new, |c| c.file.clone()),
        reason,
    };
    Tokenizer::from_bytes(model.read("tokenizer")?).map_err(|e| unreadable(e.to_string()))
}
