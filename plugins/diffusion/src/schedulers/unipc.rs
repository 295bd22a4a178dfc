//! UniPC for rectified flow (Zhao et al., "UniPC: a unified predictor-corrector framework", NeurIPS 2023): order 2,
//! `bh2`, data prediction, as Wan is sampled. Each step first corrects the sample with what the model now says, then
//! predicts the next one. The last step gives the data prediction itself.

use ndarray::{ArrayD, Zip};

use super::Scheduler;

/// Trained times; the grid ends one of these above zero.
const TRAINED: f64 = 1000.0;

/// UniPC of order 2 on the shifted grid.
pub struct UniPc {
    /// Shares of noise before the 32-bit rounding; what the model is told comes from these.
    times: Vec<f64>,
    /// The same, rounded as the reference rounds them, and 0.
    sigmas: Vec<f64>,
    /// Data predictions of the last two steps, the newest last.
    data: Vec<ArrayD<f32>>,
    /// The corrected sample of the last step and the order it was predicted with.
    last: Option<(ArrayD<f32>, usize)>,
}

impl UniPc {
    #[must_use]
    pub fn new(steps: usize, shift: f64) -> Self {
        let mut times: Vec<f64> = (0..steps)
            .map(|k| {
                let u = 1.0 + (1.0 / TRAINED - 1.0) * k as f64 / steps as f64;
                shift * u / (1.0 + (shift - 1.0) * u)
            })
            .collect();
        // The logarithm of the signal's share must be finite.
        if let Some(first) = times.first_mut().filter(|t| (**t - 1.0).abs() < 1e-6) {
            *first -= 1e-6;
        }
        times.push(0.0);
        let sigmas = times.iter().map(|t| f64::from(*t as f32)).collect();
        Self { times, sigmas, data: Vec::new(), last: None }
    }

    /// Logarithm of the signal-to-noise ratio.
    fn lambda(&self, index: usize) -> f64 {
        let sigma = self.sigmas[index];
        libm::log(1.0 - sigma) - libm::log(sigma)
    }

    /// The correction of the last prediction by this step's data prediction.
    fn correct(&self, step: usize, data: &ArrayD<f32>, last: &ArrayD<f32>, order: usize) -> Option<ArrayD<f32>> {
        let newest = self.data.last()?;
        let (to, from) = (self.sigmas[step], self.sigmas[step - 1]);
        let h = self.lambda(step) - self.lambda(step - 1);
        let (phi, b) = coefficients(h);
        let scale = -(1.0 - to) * phi;
        let mut result = base(last, newest, to / from, scale);
        let before = self.data.len().checked_sub(2).and_then(|i| self.data.get(i)).filter(|_| order == 2);
        match before {
            Some(before) => {
                let r = (self.lambda(step - 2) - self.lambda(step - 1)) / h;
                // Two equations: rho0 + rho1 = b0 and r * rho0 + rho1 = b1.
                let rho0 = (b[1] - b[0]) / (r - 1.0);
                let (old, new) = ((scale * rho0 / r) as f32, (scale * (b[0] - rho0)) as f32);
                Zip::from(&mut result).and(newest).and(before).and(data).for_each(|x, m, m1, d| {
                    *x += old * (m1 - m) + new * (d - m);
                });
            }
            None => {
                let new = (scale * 0.5) as f32;
                Zip::from(&mut result).and(newest).and(data).for_each(|x, m, d| *x += new * (d - m));
            }
        }
        Some(result)
    }
}

/// `expm1(-h)` and the right-hand side of the order conditions.
fn coefficients(h: f64) -> (f64, [f64; 2]) {
    let hh = -h;
    let phi = libm::expm1(hh);
    let first = phi / hh - 1.0;
    let second = first / hh - 0.5;
    (phi, [first / phi, 2.0 * second / phi])
}

/// `ratio * sample + scale * data`.
fn base(sample: &ArrayD<f32>, data: &ArrayD<f32>, ratio: f64, scale: f64) -> ArrayD<f32> {
    let (ratio, scale) = (ratio as f32, scale as f32);
    let mut result = sample.clone();
    Zip::from(&mut result).and(data).for_each(|x, d| *x = ratio * *x + scale * d);
    result
}

impl Scheduler for UniPc {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn step(&mut self, step: usize, velocity: ArrayD<f32>, sample: &mut ArrayD<f32>) {
        let sigma = self.sigmas[step] as f32;
        let mut data = velocity;
        Zip::from(&mut data).and(&*sample).for_each(|v, x| *v = x - sigma * *v);
        if let Some((last, order)) = self.last.take()
            && let Some(corrected) = self.correct(step, &data, &last, order)
        {
            *sample = corrected;
        }
        if self.data.len() == 2 {
            self.data.remove(0);
        }
        self.data.push(data);

        let steps = self.sigmas.len() - 1;
        let order = self.data.len().min(steps - step);
        let newest = &self.data[self.data.len() - 1];
        let to = self.sigmas[step + 1];
        let next = if to <= 0.0 {
            newest.clone()
        } else {
            let h = self.lambda(step + 1) - self.lambda(step);
            let scale = -(1.0 - to) * libm::expm1(-h);
            let mut next = base(sample, newest, to / self.sigmas[step], scale);
            if order == 2 {
                let before = &self.data[self.data.len() - 2];
                let r = (self.lambda(step - 1) - self.lambda(step)) / h;
                let old = (scale * 0.5 / r) as f32;
                Zip::from(&mut next).and(newest).and(before).for_each(|x, m, m1| *x += old * (m1 - m));
            }
            next
        };
        self.last = Some((std::mem::replace(sample, next), order));
    }
}
