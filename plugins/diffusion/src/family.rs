//! What a model family is to the rest of the stage: something that turns a shot into a stream of frames.

use crate::contract::{FamilyName, Model, SchedulerName};
use crate::error::Error;
use crate::families::ambient::Ambient;
use crate::picture::Picture;
use crate::runtime::Runtime;

/// What to make, with every default already filled in.
#[derive(Clone, Debug)]
pub struct Shot {
    pub prompt: String,
    pub negative_prompt: String,
    pub seed: u64,
    /// The first frame, in the model's size, RGB from -1 to 1.
    pub image: Option<Picture>,
    pub scheduler: SchedulerName,
    pub steps: usize,
    pub shift: f64,
    pub guidance: f32,
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

/// The frames of one shot, made as they are asked for, without an end: longer shots go on from their own tail.
pub trait Frames {
    /// The next frame at the model's own rate and size, RGB from -1 to 1. `on_step` is called after each denoising step
    /// and may end the shot by an error.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`, and what `on_step` returned.
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Picture, Error>;

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
pub fn load(model: &Model, runtime: &Runtime, threads: usize) -> Result<Box<dyn Family>, Error> {
    match model.contract.family {
        FamilyName::Ambient => Ok(Box::new(Ambient::load(model, runtime, threads)?)),
    }
}
