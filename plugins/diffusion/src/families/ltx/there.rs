//! Denoising with latents that stay where the provider computes.

use ndarray::{Array2, ArrayD};
use spotloom_onnx::{Sums, Tensor};

use super::{Ltx, coordinates, pack, unpack};
use crate::error::Error;
use crate::families::chain::ClipFamily as _;
use crate::families::clip::{self, OnLatents};
use crate::families::guidance::Prompts;
use crate::families::resident::{self, Told};
use crate::families::text::Rows;
use crate::family::{Calls, Shot};
use crate::noise;

impl Ltx {
    /// 5 and 6, as [`Ltx::denoise`] does without step caching, with guidance in two calls that is not rescaled, and no pinned
    /// frames.
    pub(super) fn denoise_there(
        &mut self,
        shot: &Shot,
        text: &[Rows],
        noise: &ArrayD<f32>,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let packed = pack(noise);
        let tokens = packed.shape()[1];
        let contract = self.contract();
        let scheduler = clip::schedule(contract, shot, Some(tokens))?;
        let training = contract.scheduler_config.training_steps() as f64;
        let times: Vec<_> = scheduler.levels().iter().map(|level| (level * training) as f32).collect();
        let coordinates = coordinates(contract, &noise.shape()[2..]).into_dyn();
        let mut sums = Sums::new(&self.loader.name(), &self.loader.engine);
        let coordinates = sums.put(coordinates.view())?;
        let prompts = Prompts::new(text, Calls::Apart);
        let told: Vec<Told> =
            prompts.each().map(|prompt| Told::new(prompt, false, &mut sums)).collect::<Result<_, _>>()?;
        let masks: Vec<_> = prompts.each().map(|prompt| &prompt.mask).collect();
        let Self { loader, transformer, .. } = self;
        let latents = resident::walk(
            &mut sums,
            scheduler,
            &packed,
            &mut |shape: &[usize]| noise::normal(shot.seed, clip::STIR, shape),
            &|_| shot.guidance,
            &mut |sums, step, sample, prompt| {
                let times = Array2::from_elem((1, tokens), times[step]).into_dyn();
                let inputs = [
                    ("latents", Tensor::Kept(sample)),
                    ("text", Tensor::Kept(&told[prompt].text)),
                    ("timestep", Tensor::F32(times.view())),
                    ("text_mask", Tensor::I64(masks[prompt].view())),
                    ("coordinates", Tensor::Kept(&coordinates)),
                ];
                let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                transformer.run_there(loader, &inputs, "velocity", sums, &place)
            },
            on_step,
        )?;
        self.transformer.rest(&self.loader);
        Ok(unpack(&latents, noise.shape()))
    }
}
