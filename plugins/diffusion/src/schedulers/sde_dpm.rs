//! SDE-DPM-Solver++ (2M), as CogVideoX's `CogVideoXDPMScheduler` walks it (Lu et al., "DPM-Solver++", 2022).
//!
//! Noise is drawn once a step, and a second time where the second order applies; there only the second is used. That
//! is how the reference spends its random numbers, so the same draws give the same clip.

use ndarray::{ArrayD, Zip};

use super::Scheduler;
use super::alphas::Alphas;
use super::scheduler::{Draw, Schedule};

/// Stochastic, second order.
pub struct SdeDpm {
    alphas: Alphas,
    times: Vec<f64>,
    levels: Vec<f64>,
    /// The clean sample meant at the step before.
    before: Option<ArrayD<f32>>,
}

impl SdeDpm {
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

impl Scheduler for SdeDpm {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn levels(&self) -> &[f64] {
        &self.levels
    }

    fn step(&mut self, step: usize, prediction: ArrayD<f32>, sample: &mut ArrayD<f32>, draw: &mut Draw<'_>) {
        let now = self.alphas.at(step);
        let after = self.alphas.after(step);
        let next = after.unwrap_or(self.alphas.end());
        let (of_sample, of_prediction) = self.alphas.clean(now);
        let mut clean = prediction;
        Zip::from(&mut clean)
            .and(&*sample)
            .for_each(|v, x| *v = (of_sample * f64::from(*x) + of_prediction * f64::from(*v)) as f32);

        let h = lambda(next) - lambda(now);
        let keep = ((1.0 - next) / (1.0 - now)).sqrt() * (-h).exp();
        let towards = (-2.0 * h).exp_m1() * next.sqrt();
        let stir = (1.0 - next).sqrt() * (1.0 - (-2.0 * h).exp()).sqrt();
        let mut noise = draw(sample.shape());
        // The second order: the clean sample is extrapolated along the last two.
        let before = self.before.take().filter(|_| after.is_some());
        let aim = match &before {
            Some(before) => {
                noise = draw(sample.shape());
                let ratio = (lambda(now) - lambda(self.alphas.at(step - 1))) / h;
                let share = 1.0 / (2.0 * ratio);
                let mut aim = clean.clone();
                Zip::from(&mut aim)
                    .and(before)
                    .for_each(|x, b| *x = ((1.0 + share) * f64::from(*x) - share * f64::from(*b)) as f32);
                aim
            }
            None => clean.clone(),
        };
        Zip::from(sample)
            .and(&aim)
            .and(&noise)
            .for_each(|x, a, n| *x = (keep * f64::from(*x) - towards * f64::from(*a) + stir * f64::from(*n)) as f32);
        self.before = Some(clean);
    }
}
