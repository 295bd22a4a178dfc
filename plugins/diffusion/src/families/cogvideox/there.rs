//! Denoising with latents that stay where the provider computes.

use ndarray::ArrayD;
use spotloom_onnx::{Sums, Tensor};

use super::{CogVideoX, growing};
use crate::error::Error;
use crate::families::chain::ClipFamily as _;
use crate::families::clip::{self, OnLatents};
use crate::families::guidance::Prompts;
use crate::families::resident::{self, Told};
use crate::families::text::Rows;
use crate::family::{Calls, Shot};
use crate::schedulers::Draw;

impl CogVideoX {
    /// 4 and 5, as [`CogVideoX::denoise`] does without step caching and with guidance in two calls.
    pub(super) fn denoise_there(
        &mut self,
        shot: &Shot,
        text: &[Rows],
        noise: &ArrayD<f32>,
        rope: Option<&[ArrayD<f32>; 2]>,
        draw: &mut Draw<'_>,
        on_step: &mut OnLatents<'_>,
    ) -> Result<ArrayD<f32>, Error> {
        let contract = self.contract();
        let dynamic = contract.sampling.dynamic_guidance;
        let scheduler = clip::schedule(contract, shot, None)?;
        let times = scheduler.times().to_vec();
        let mut sums = Sums::new(&self.loader.name(), &self.loader.engine);
        let rope = match rope {
            Some([cos, sin]) => Some([sums.put(cos.view())?, sums.put(sin.view())?]),
            None => None,
        };
        let prompts = Prompts::new(text, Calls::Apart);
        let told: Vec<Told> =
            prompts.each().map(|prompt| Told::new(prompt, false, &mut sums)).collect::<Result<_, _>>()?;
        let Self { loader, transformer, .. } = self;
        let latents = resident::walk(
            &mut sums,
            scheduler,
            noise,
            draw,
            &|step| match shot.guidance {
                guidance if dynamic && guidance > 1.0 => growing(guidance, shot.steps, times[step]),
                guidance => guidance,
            },
            &mut |sums, step, sample, prompt| {
                let times = ArrayD::from_elem(vec![1], times[step] as i64);
                let mut inputs = vec![
                    ("latents", Tensor::Kept(sample)),
                    ("text", Tensor::Kept(&told[prompt].text)),
                    ("timestep", Tensor::I64(times.view())),
                ];
                if let Some([cos, sin]) = &rope {
                    inputs.extend([("rope_cos", Tensor::Kept(cos)), ("rope_sin", Tensor::Kept(sin))]);
                }
                let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                transformer.run_there(loader, &inputs, "prediction", sums, &place)
            },
            on_step,
        )?;
        self.transformer.rest(&self.loader);
        Ok(latents)
    }
}
