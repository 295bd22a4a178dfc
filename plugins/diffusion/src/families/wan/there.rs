//! Denoising with latents that stay where the provider computes.

use ndarray::ArrayD;
use spotloom_onnx::{Sums, Tensor};

use super::given::Given;
use super::{Wan, moments};
use crate::error::Error;
use crate::families::chain::ClipFamily as _;
use crate::families::clip::{self, OnLatents};
use crate::families::guidance::Prompts;
use crate::families::resident::{self, Told};
use crate::families::text::Rows;
use crate::family::{Calls, Shot};
use crate::noise;

impl Wan {
    /// 3 and 5, as [`Wan::denoise`] does without step caching, with guidance in two calls and no pinned frames.
    pub(super) fn denoise_there(
        &mut self,
        shot: &Shot,
        text: &[Rows],
        given: &Given,
        noise: &ArrayD<f32>,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let scheduler = clip::schedule(self.contract(), shot, None)?;
        let moments = moments(self.contract(), shot, scheduler.as_ref());
        let times: Vec<_> = moments.iter().map(|moment| self.times(moment.time, noise.shape(), given)).collect();
        let mut sums = Sums::new(&self.loader.name(), &self.loader.engine);
        let mut put = |array: &Option<ArrayD<f32>>| array.as_ref().map(|array| sums.put(array.view())).transpose();
        let (behind, image) = (put(&given.behind)?, put(&given.image)?);
        let prompts = Prompts::new(text, Calls::Apart);
        // The two experts may have been exported at different times.
        let mut told: [Vec<Told>; 2] = [Vec::new(), Vec::new()];
        let Self { loader, transformer, transformer_low, .. } = self;
        let latents = resident::walk(
            &mut sums,
            scheduler,
            noise,
            &mut |shape: &[usize]| noise::normal(shot.seed, clip::STIR, shape),
            &|step| moments[step].guidance,
            &mut |sums, step, sample, prompt| {
                let part = if moments[step].low {
                    transformer.rest(loader);
                    &mut *transformer_low
                } else {
                    &mut *transformer
                };
                let told = &mut told[usize::from(moments[step].low)];
                if told.is_empty() {
                    let folds = part.get(loader)?.takes("text_weight");
                    *told = prompts.each().map(|prompt| Told::new(prompt, folds, sums)).collect::<Result<_, _>>()?;
                }
                let joined = behind.as_ref().map(|behind| sums.join(sample, behind)).transpose()?;
                let told = &told[prompt];
                let mut inputs = vec![
                    ("latents", Tensor::Kept(joined.as_ref().unwrap_or(sample))),
                    ("timestep", Tensor::F32(times[step].view())),
                    ("text", Tensor::Kept(&told.text)),
                ];
                inputs.extend(told.weights.iter().map(|weights| ("text_weight", Tensor::Kept(weights))));
                inputs.extend(image.iter().map(|image| ("image", Tensor::Kept(image))));
                let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                part.run_there(loader, &inputs, "velocity", sums, &place)
            },
            on_step,
        )?;
        self.transformer.rest(&self.loader);
        self.transformer_low.rest(&self.loader);
        Ok(latents)
    }
}
