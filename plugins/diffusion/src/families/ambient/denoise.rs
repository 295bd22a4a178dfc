//! 5. From noise to latents: windows over the whole shot at every step, guidance, one step of the scheduler.

use ndarray::{Array2, ArrayD, ArrayViewD, Axis, Slice, Zip};
use spotloom_onnx::Tensor;

use super::shot::pin;
use super::{Ambient, Given, Text};
use crate::error::Error;
use crate::families::clip::{self, STIR};
use crate::families::guidance::{guide, repeated};
use crate::families::windows::{self, Windows};
use crate::family::{Calls, Shot, Step};
use crate::noise;
use crate::schedulers::{Here, StepCache};

impl Ambient {
    /// 5. From noise to latents, with guidance from the second row of `text` to the first.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`, and what `on_step` returned.
    pub fn denoise(
        &mut self,
        shot: &Shot,
        text: &Text,
        noise: ArrayD<f32>,
        given: &Given,
        on_step: &mut dyn FnMut(Step) -> Result<(), Error>,
    ) -> Result<ArrayD<f32>, Error> {
        let mut scheduler = clip::schedule(self.contract(), shot, None)?;
        let mut draw = |shape: &[usize]| noise::normal(shot.seed, STIR, shape);
        let mut sample = noise;
        if let Some(draft) = &given.draft {
            let level = scheduler.levels()[given.first_step] as f32;
            Zip::from(&mut sample).and(draft).for_each(|z, draft| *z = level * *z + (1.0 - level) * draft);
        }
        let slots = sample.len_of(Axis(2));
        let windows = Windows { axis: Axis(2), window: self.window(), ring: given.ring };
        let count = windows::count(slots, windows.window, given.ring);
        let mut cache = StepCache::new(shot.levers.step_cache, shot.steps - given.first_step);
        for step in given.first_step..shot.steps {
            pin(&mut sample, &given.pins);
            let mut times = vec![scheduler.levels()[step] as f32; slots];
            given.pins.iter().for_each(|(slot, _)| times[*slot] = 0.0);
            let level = scheduler.levels()[step];
            let velocity = match cache.predict(step - given.first_step, level, &sample) {
                Some(velocity) => {
                    (1..=count).try_for_each(|clip| on_step(Step { clip, step: step + 1, decoding: false }))?;
                    velocity
                }
                None => {
                    let place = || format!("denoising step {} of {}", step + 1, shot.steps);
                    let velocity = windows.average(&sample, step, &mut |seen| {
                        let times: Vec<_> = seen.slots.iter().map(|slot| times[*slot]).collect();
                        let velocity = self.guided(shot, text, seen.sample, &times, &place)?;
                        on_step(Step { clip: seen.number + 1, step: step + 1, decoding: false })?;
                        Ok(velocity)
                    })?;
                    cache.learn(level, &sample, &velocity);
                    velocity
                }
            };
            scheduler.step(step, velocity, &mut sample, &mut Here(&mut draw))?;
        }
        self.loader.skipped = cache.report();
        pin(&mut sample, &given.pins);
        Ok(sample)
    }

    /// The velocity of one window, led away from the second row of `text`.
    fn guided(
        &mut self,
        shot: &Shot,
        text: &Text,
        latent: &ArrayD<f32>,
        times: &[f32],
        place: &dyn Fn() -> String,
    ) -> Result<ArrayD<f32>, Error> {
        let mut predict = |latent: &ArrayD<f32>, from: usize, to: usize| {
            let rows = Slice::from(from..to);
            let (tokens, pooled) = (text.tokens.slice_axis(Axis(0), rows), text.pooled.slice_axis(Axis(0), rows));
            let t = Array2::from_shape_fn((to - from, times.len()), |(_, frame)| times[frame]);
            self.velocity_at(latent, &t, tokens, pooled, place)
        };
        if shot.guidance <= 1.0 {
            return predict(latent, 0, 1);
        }
        if shot.levers.calls == Some(Calls::Apart) {
            let mut velocity = predict(latent, 0, 1)?;
            guide(&mut velocity, &predict(latent, 1, 2)?, shot.guidance);
            return Ok(velocity);
        }
        let both = predict(&repeated(latent, 2), 0, 2)?;
        let half = |at: usize| both.slice_axis(Axis(0), Slice::from(at..=at)).to_owned();
        let mut velocity = half(0);
        guide(&mut velocity, &half(1), shot.guidance);
        Ok(velocity)
    }

    /// The transformer itself.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite`.
    pub fn velocity(
        &mut self,
        latent: &ArrayD<f32>,
        t: &Array2<f32>,
        tokens: ArrayViewD<'_, f32>,
        pooled: ArrayViewD<'_, f32>,
    ) -> Result<ArrayD<f32>, Error> {
        self.velocity_at(latent, t, tokens, pooled, &|| "the transformer".into())
    }

    fn velocity_at(
        &mut self,
        latent: &ArrayD<f32>,
        t: &Array2<f32>,
        tokens: ArrayViewD<'_, f32>,
        pooled: ArrayViewD<'_, f32>,
        place: &dyn Fn() -> String,
    ) -> Result<ArrayD<f32>, Error> {
        let inputs = [
            ("latent", Tensor::F32(latent.view())),
            ("t", Tensor::F32(t.view().into_dyn())),
            ("tokens", Tensor::F32(tokens)),
            ("pooled", Tensor::F32(pooled)),
        ];
        Ok(self.transformer.run(&mut self.loader, &inputs, "velocity", place)?.0)
    }
}
