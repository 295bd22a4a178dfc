//! What a model family is to the rest of the stage: something that turns a shot into a stream of frames.

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};
use spotloom_onnx::{Engine, SessionOptions};

use crate::contract::{Contract, FamilyName, Mode, Model, SchedulerName};
use crate::error::Error;
use crate::families::ambient::Ambient;
use crate::families::chain::Chain;
use crate::families::cogvideox::CogVideoX;
use crate::families::ltx::Ltx;
use crate::families::wan::Wan;
use crate::footage::Footage;
use crate::picture::Picture;
use crate::schedulers::Skipped;

/// What to make, with every default already filled in.
#[derive(Clone, Debug)]
pub struct Shot {
    pub prompt: String,
    /// What of the prompt the brief asked for; `None` is all of it.
    pub asked: Option<String>,
    pub negative_prompt: String,
    pub seed: u64,
    pub mode: Mode,
    /// Pixels of the model's own frames: a size of its contract.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Frames of the model that are wanted; a family may give more, or up to two fewer where a clip has no more. Of a
    /// loop the frames of one turn: a family then gives the last one first, and goes on round and round.
    pub frames: usize,
    /// Where the subject stands, for families that can say.
    pub subject: Subject,
    /// What is given and must appear.
    pub conditions: Vec<Condition>,
    /// What is there before the first step, when that is not noise alone.
    pub edit: Option<Edit>,
    /// The first clip's noise, in the shape of its latents, instead of the seed's: for parity with a reference.
    pub noise: Option<ArrayD<f32>>,
    pub scheduler: SchedulerName,
    pub steps: usize,
    pub shift: f64,
    pub guidance: f32,
    /// Guidance of a second expert, where a model has one.
    pub guidance_low: Option<f32>,
    pub levers: Levers,
}

/// Where the subject of a wide picture stands: to one side, it leaves the other to words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Left,
    #[default]
    Middle,
    Right,
}

/// Ways to spend less on a shot. The default is none of them: what the reference does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levers {
    /// Threshold of step caching; 0 computes every step. See [`crate::schedulers::StepCache`].
    pub step_cache: f64,
    /// How guidance calls the transformer; left out, as the family does.
    pub calls: Option<Calls>,
    pub weights: Weights,
    /// Whether prompts that were encoded before, in this process, are taken from then.
    pub embedding_cache: bool,
    /// How latents become frames.
    pub decode: Decode,
}

/// How guidance calls the transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Calls {
    /// One call with a batch of two.
    Together,
    /// Two calls, in half the memory.
    Apart,
}

/// Which of a model's weights are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// Those it came with.
    #[default]
    Own,
    /// Quantised ones: the components `ROLE-int8`, which the exporter makes, where there are any.
    Int8,
}

/// How latents become frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decode {
    /// Whole frames where there is memory for them, tiles where there is not.
    #[default]
    Auto,
    /// Whole frames, as the reference does unless it is told otherwise.
    Whole,
    /// Tiles of 256 or 512 pixels, as the family does, that overlap by 64 and more: less memory, more time, and pictures that differ a little.
    Tiles,
}

/// Pictures that are given, in the shot's size, RGB from -1 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The frame of the shot that the first picture is, counted in the model's frames from 0.
    pub start: usize,
    /// One picture is a still; several are frames one after the other.
    pub pictures: Vec<Picture>,
}

/// What is in the shot before it is made: it begins with that under noise in place of noise alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    pub draft: Draft,
    /// The share of the steps that is walked: 0 is nothing, 1 everything, and then nothing is left of the draft.
    pub strength: f64,
}

/// Where a draft comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Draft {
    /// A clip, read as it is needed; as many of its frames as the shot has.
    Clip(Footage),
    /// What is given (`conditions`), each held until the next one, and one running over into the next.
    Given,
}

impl Shot {
    /// A shot of this prompt alone, as the model makes it of itself: its size, its length, its sampling.
    #[must_use]
    pub fn usual(contract: &Contract, prompt: impl Into<String>) -> Self {
        let Contract { video, sampling, .. } = contract;
        Self {
            prompt: prompt.into(),
            asked: None,
            negative_prompt: String::new(),
            seed: 0,
            mode: Mode::TextToVideo,
            width: video.width,
            height: video.height,
            frames: video.frames,
            subject: Subject::default(),
            conditions: Vec::new(),
            edit: None,
            noise: None,
            scheduler: sampling.scheduler,
            steps: sampling.steps,
            shift: sampling.shift,
            guidance: sampling.guidance,
            guidance_low: sampling.guidance_low,
            levers: Levers::default(),
        }
    }

    /// The picture that the shot begins with, when one is given.
    #[must_use]
    pub fn first_picture(&self) -> Option<&Picture> {
        self.conditions.iter().find(|c| c.start == 0).and_then(|c| c.pictures.first())
    }

    /// The first denoising step that is taken; there are some before it when the shot begins with a draft.
    #[must_use]
    pub fn first_step(&self) -> usize {
        let strength = self.edit.as_ref().map_or(1.0, |edit| edit.strength.clamp(0.0, 1.0));
        let walked = (strength * self.steps as f64).round() as usize;
        self.steps - walked.clamp(1.min(self.steps), self.steps)
    }
}

/// A loaded model. It stays loaded between runs of a warm host.
pub trait Family: Send {
    /// Starts a shot.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`.
    fn begin<'a>(&'a mut self, shot: &Shot) -> Result<Box<dyn Frames + 'a>, Error>;

    /// Loads every component once, so that what its files declare is held against the contract.
    ///
    /// # Errors
    /// `model-port-mismatch`, `model-unreadable` and their kin.
    fn try_out(&mut self) -> Result<(), Error>;

    /// Whether a shot may begin with this in place of noise alone (`Shot::edit`).
    fn takes_draft(&self, _draft: &Draft) -> bool {
        false
    }

    /// Whether frames can be decoded in tiles (`Levers::decode`).
    fn decodes_in_tiles(&self) -> bool {
        false
    }

    /// How guidance calls the transformer unless a shot says otherwise.
    fn calls(&self) -> Calls {
        Calls::Apart
    }

    /// How many clips a shot of so many frames takes.
    fn clips(&self, frames: usize) -> usize;

    /// How many times each denoising step of a shot is counted: once for each clip, or window of it.
    fn windows(&self, shot: &Shot) -> usize {
        self.clips(shot.frames)
    }
}

/// The frames of one shot, made as they are asked for. Families that can go on from their own tail have no end.
pub trait Frames {
    /// The next frame at the model's own rate and size, RGB from -1 to 1, or `None` after the last. `on_step` is called after each denoising step
    /// and may end the shot by an error.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`, and what `on_step` returned.
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error>;

    /// What the text encoder understood, as (slot, word); empty when the model can't say.
    fn understood(&self) -> &[(String, String)] {
        &[]
    }

    /// What a person should know about this shot.
    fn warnings(&self) -> &[String];

    /// How frames are decoded.
    fn decode(&self) -> Decode {
        Decode::Whole
    }

    /// What step caching left out, once the shot is denoised.
    fn skipped(&self) -> Option<Skipped> {
        None
    }
}

/// A denoising step that is done, counted from 1 as its clip is.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub clip: usize,
    pub step: usize,
    /// No step, but a sign of life while the clip is decoded, which takes long where no frame is seen before all are.
    pub decoding: bool,
}

/// What was left out of `asked`, by measurement (`tests/BENCH.md`): threads that spin make the steps of a large model
/// shorter and its processor time a tenth more; of a small one with many short operations they take twice as much.
#[must_use]
pub fn session(asked: SessionOptions, family: FamilyName) -> SessionOptions {
    SessionOptions { spinning: Some(asked.spinning.unwrap_or(family != FamilyName::Ambient)), ..asked }
}

/// Loads a model by the family its contract names.
///
/// # Errors
/// `model-file-missing`, `model-hash-mismatch`, `model-unreadable`, `model-port-mismatch` and their kin.
pub fn load(model: &Model, engine: &Engine) -> Result<Box<dyn Family>, Error> {
    match model.contract.family {
        FamilyName::Ambient => Ok(Box::new(Ambient::load(model, engine)?)),
        FamilyName::Wan => Ok(Box::new(Chain::new(Wan::load(model, engine)?))),
        FamilyName::Ltx => Ok(Box::new(Chain::new(Ltx::load(model, engine)?))),
        FamilyName::CogVideoX => Ok(Box::new(Chain::new(CogVideoX::load(model, engine)?))),
    }
}
