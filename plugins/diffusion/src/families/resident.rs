//! Denoising with latents that stay where the provider computes: between two steps nothing comes back but a number, which says
//! whether all others are numbers.
//!
//! Invariant: the steps are those that are taken with arrays, in 32 bits throughout.

use ndarray::ArrayD;
use spotloom_onnx::{Kept, Sums};

use super::clip::OnLatents;
use super::guidance::Prompt;
use super::parts::Loader;
use crate::error::Error;
use crate::family::{Calls, Shot};
use crate::schedulers::{self, Draw, Scheduler};

/// Whether the latents of a shot are to stay. Where they can't, for a `hindrance` of the family's own or another, a warning
/// says why.
pub fn wanted(loader: &mut Loader, shot: &Shot, calls: Calls, hindrance: Option<&str>) -> bool {
    let session = loader.engine.session;
    if !session.resident_latents {
        return false;
    }
    let guided = shot.guidance > 1.0 || shot.guidance_low.is_some_and(|g| g > 1.0);
    let hindrance = hindrance
        .or(session.cuda_graphs.then_some("graphs that are recorded have buffers of their own"))
        .or((shot.levers.step_cache > 0.0).then_some("the processor decides which steps are left out"))
        .or((guided && calls == Calls::Together).then_some("guidance is asked for in one call"));
    if let Some(hindrance) = hindrance {
        loader.warnings.push(format!("the latents came back at every step: {hindrance}"));
    }
    hindrance.is_none()
}

/// What the transformer is told of a prompt, where it computes.
pub struct Told {
    pub text: Kept,
    /// For how many rows each row of the text stands, for a transformer that takes that.
    pub weights: Option<Kept>,
}

impl Told {
    /// # Errors
    /// `inference-failed`.
    pub fn new(prompt: &Prompt, folds: bool, sums: &mut Sums) -> Result<Self, Error> {
        if !folds {
            return Ok(Self { text: sums.put(prompt.text.view())?, weights: None });
        }
        let (text, weights) = prompt.folded();
        Ok(Self { text: sums.put(text.view())?, weights: Some(sums.put(weights.view())?) })
    }
}

/// Sums on the device, and noise that is drawn here.
struct There<'a, 'd> {
    sums: &'a mut Sums,
    draw: &'a mut Draw<'d>,
    shape: &'a [usize],
}

impl schedulers::Arithmetic<Kept> for There<'_, '_> {
    fn sum(&mut self, terms: &[(f64, &Kept)]) -> Result<Kept, Error> {
        Ok(self.sums.sum(terms)?)
    }

    fn noise(&mut self, _: &Kept) -> Result<Kept, Error> {
        Ok(self.sums.put((self.draw)(self.shape).view())?)
    }
}

/// What the transformer predicts at a step for a sample, with the prompt (0) or with the one to lead away from (1).
pub type Predict<'a> = dyn FnMut(&mut Sums, usize, &Kept, usize) -> Result<Kept, Error> + 'a;

/// From noise to latents; `guidance` is asked for at each step.
///
/// # Errors
/// Those of `predict`, `inference-failed`, and what `on_step` returned.
pub fn walk(
    sums: &mut Sums,
    mut scheduler: Box<dyn Scheduler<Kept>>,
    noise: &ArrayD<f32>,
    draw: &mut Draw<'_>,
    guidance: &dyn Fn(usize) -> f32,
    predict: &mut Predict<'_>,
    on_step: &mut OnLatents<'_>,
) -> Result<ArrayD<f32>, Error> {
    let mut sample = sums.put(noise.view())?;
    for step in 0..scheduler.times().len() {
        let mut one = |prompt| {
            let predicted = predict(sums, step, &sample, prompt)?;
            Ok::<_, Error>(sums.widened(predicted)?)
        };
        let (mut predicted, guidance) = (one(0)?, guidance(step));
        if guidance > 1.0 {
            let away = one(1)?;
            let guidance = f64::from(guidance);
            predicted = sums.sum(&[(guidance, &predicted), (1.0 - guidance, &away)])?;
        }
        scheduler.step(step, predicted, &mut sample, &mut There { sums, draw, shape: noise.shape() })?;
        on_step(step, None)?;
    }
    Ok(sums.fetch(&sample)?)
}
