//! What a model family is to the rest of the stage: something that turns a shot into a stream of frames.

use ndarray::ArrayD;
use spotloom_onnx::Engine;

use crate::contract::{FamilyName, Mode, Model, SchedulerName};
use crate::error::Error;
use crate::families::ambient::Ambient;
use crate::families::cogvideox::CogVideoX;
use crate::families::ltx::Ltx;
use crate::families::wan::Wan;
use crate::picture::Picture;

/// What to make, with every default already filled in.
#[derive(Clone, Debug)]
pub struct Shot {
    pub prompt: String,
    pub negative_prompt: String,
    pub seed: u64,
    pub mode: Mode,
    /// Pixels of the model's own frames: a size of its contract.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Frames of the model that are wanted; a family may give more, and those that make one clip only give fewer.
    pub frames: usize,
    /// What is given and must appear.
    pub conditions: Vec<Condition>,
    /// What is to be made again rather than from nothing.
    pub edit: Option<Edit>,
    /// The first clip's noise, in the shape of its latents, instead of the seed's: for parity with a reference.
    pub noise: Option<ArrayD<f32>>,
    pub scheduler: SchedulerName,
    pub steps: usize,
    pub shift: f64,
    pub guidance: f32,
    /// Guidance of a second expert, where a model has one.
    pub guidance_low: Option<f32>,
}

/// Pictures that are given, in the shot's size, RGB from -1 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The frame of the shot that the first picture is.
    pub start: usize,
    /// One picture is a still; several are frames one after the other.
    pub pictures: Vec<Picture>,
}

/// A clip to be made again, nearer to the prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Its frames, in the shot's size, RGB from -1 to 1.
    pub pictures: Vec<Picture>,
    /// How much is made anew: 0 nothing, 1 everything.
    pub strength: f64,
}

impl Shot {
    /// The picture that the shot begins with, when one is given.
    #[must_use]
    pub fn first_picture(&self) -> Option<&Picture> {
        self.conditions.iter().find(|c| c.start == 0).and_then(|c| c.pictures.first())
    }
}

/// A loaded model. It stays loaded between runs of a warm host.
pub trait Family: Send {
    /// Starts a shot.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`.
    fn begin<'a>(&'a mut self, shot: &Shot) -> Result<Box<dyn Frames + 'a>, Error>;

    /// How many clips a shot of so many frames takes.
    fn clips(&self, frames: usize) -> usize;
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
    fn understood(&self) -> &[(String, String)];

    /// What a person should know about this shot.
    fn warnings(&self) -> &[String];
}

/// A denoising step that is done, both counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub clip: usize,
    pub step: usize,
}

/// Loads a model by the family its contract names.
///
/// # Errors
/// `model-file-missing`, `model-hash-mismatch`, `model-unreadable`, `model-port-mismatch` and their kin.
pub fn load(model: &Model, engine: &Engine) -> Result<Box<dyn Family>, Error> {
    match model.contract.family {
        FamilyName::Ambient => Ok(Box::new(Ambient::load(model, engine)?)),
        FamilyName::Wan => Ok(Box::new(Wan::load(model, engine)?)),
        FamilyName::Ltx => Ok(Box::new(Ltx::load(model, engine)?)),
        FamilyName::CogVideoX => Ok(Box::new(CogVideoX::load(model, engine)?)),
    }
}
