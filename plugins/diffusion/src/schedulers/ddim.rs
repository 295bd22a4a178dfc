//! DDIM without added noise (Song et al., 2020), as CogVideoX uses it: v-prediction, zero terminal SNR.

use super::Scheduler;
use super::alphas::Alphas;
use super::scheduler::{Arithmetic, Schedule};
use crate::error::Error;

/// Deterministic, first order.
pub struct Ddim {
    alphas: Alphas,
    times: Vec<f64>,
    levels: Vec<f64>,
}

impl Ddim {
    /// # Errors
    /// A configuration that is not supported.
    pub fn new(schedule: &Schedule<'_>) -> Result<Self, String> {
        let alphas = Alphas::new(schedule)?;
        Ok(Self { times: alphas.times(), levels: alphas.levels(), alphas })
    }
}

impl<T> Scheduler<T> for Ddim {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn levels(&self) -> &[f64] {
        &self.levels
    }

    fn step(&mut self, step: usize, prediction: T, sample: &mut T, sums: &mut dyn Arithmetic<T>) -> Result<(), Error> {
        let now = self.alphas.at(step);
        let next = self.alphas.after(step).unwrap_or(self.alphas.end());
        let (of_sample, of_prediction) = self.alphas.clean(now);
        // x' = a x + b x0, with x0 = of_sample x + of_prediction v
        let a = ((1.0 - next) / (1.0 - now)).sqrt();
        let b = next.sqrt() - now.sqrt() * a;
        *sample = sums.sum(&[(a + b * of_sample, &*sample), (b * of_prediction, &prediction)])?;
        Ok(())
    }
}
