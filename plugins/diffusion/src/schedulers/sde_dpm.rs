//! SDE-DPM-Solver++ (2M), as CogVideoX's `CogVideoXDPMScheduler` walks it (Lu et al., "DPM-Solver++", 2022).
//!
//! Noise is drawn once a step, and a second time where the second order applies; there only the second is used. That
//! is how the reference spends its random numbers, so the same draws give the same clip.

use super::Scheduler;
use super::alphas::Alphas;
use super::scheduler::{Arithmetic, Schedule};
use crate::error::Error;

/// Stochastic, second order.
pub struct SdeDpm<T> {
    alphas: Alphas,
    times: Vec<f64>,
    levels: Vec<f64>,
    /// The clean sample meant at the step before.
    before: Option<T>,
}

impl<T> SdeDpm<T> {
    /// # Errors
    /// A configuration that is not supported.
    pub fn new(schedule: &Schedule<'_>) -> Result<Self, String> {
        let alphas = Alphas::new(schedule)?;
        Ok(Self { times: alphas.times(), levels: alphas.levels(), alphas, before: None })
    }
}

/// Half the logarithm of the signal-to-noise ratio; infinite without noise, minus infinite without signal.
fn lambda(alpha: f64) -> f64 {
    if alpha < 1.0 { (alpha / (1.0 - alpha)).sqrt().ln() } else { f64::INFINITY }
}

impl<T: Send> Scheduler<T> for SdeDpm<T> {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn levels(&self) -> &[f64] {
        &self.levels
    }

    fn step(&mut self, step: usize, prediction: T, sample: &mut T, sums: &mut dyn Arithmetic<T>) -> Result<(), Error> {
        let now = self.alphas.at(step);
        let after = self.alphas.after(step);
        let next = after.unwrap_or(self.alphas.end());
        let (of_sample, of_prediction) = self.alphas.clean(now);
        let clean = sums.sum(&[(of_sample, &*sample), (of_prediction, &prediction)])?;

        let h = lambda(next) - lambda(now);
        let keep = ((1.0 - next) / (1.0 - now)).sqrt() * (-h).exp();
        let towards = (-2.0 * h).exp_m1() * next.sqrt();
        let stir = (1.0 - next).sqrt() * (1.0 - (-2.0 * h).exp()).sqrt();
        let mut noise = sums.noise(sample)?;
        // The second order: the clean sample is extrapolated along the last two.
        let before = self.before.take().filter(|_| after.is_some());
        *sample = match &before {
            Some(before) => {
                noise = sums.noise(sample)?;
                let ratio = (lambda(now) - lambda(self.alphas.at(step - 1))) / h;
                let share = 1.0 / (2.0 * ratio);
                let aim = [(-towards * (1.0 + share), &clean), (towards * share, before)];
                sums.sum(&[(keep, &*sample), aim[0], aim[1], (stir, &noise)])?
            }
            None => sums.sum(&[(keep, &*sample), (-towards, &clean), (stir, &noise)])?,
        };
        self.before = Some(clean);
        Ok(())
    }
}
