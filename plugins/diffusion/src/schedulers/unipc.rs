//! UniPC (Zhao et al., 2023) for flow matching: predicts the clean sample, B2(h) = e^h - 1, orders 1 to 3, with the
//! corrector; the scheduler of Wan. Coefficients are 64-bit, as small differences of them decide; samples are 32-bit.
//!
//! Follows the steps of `UniPCMultistepScheduler` of diffusers with `use_flow_sigmas`; where the shift grows with the tokens,
//! along the grid that LTX's pipeline hands to any scheduler.

use std::collections::VecDeque;

use super::scheduler::{Arithmetic, Schedule};
use super::{Scheduler, grid};
use crate::error::Error;

/// Predictor and corrector over the last clean samples.
pub struct UniPc<T> {
    times: Vec<f64>,
    levels: Vec<f64>,
    order: usize,
    lower_at_end: bool,
    /// Clean samples meant so far, the newest last; at most `order`.
    clean: VecDeque<T>,
    /// The sample before the last prediction, and the order that was predicted with.
    before: Option<(T, usize)>,
}

impl<T> UniPc<T> {
    /// # Errors
    /// Those of [`grid::reference`].
    pub fn new(schedule: &Schedule<'_>) -> Result<Self, String> {
        let (steps, shift, config) = (schedule.steps, schedule.shift, schedule.config);
        let training = config.training_steps() as f64;
        let mut levels = if config.dynamic() {
            grid::reference(schedule)?
        } else {
            let even = (0..steps).map(|k| 1.0 + (1.0 / training - 1.0) / steps as f64 * k as f64);
            grid::stretched(even.map(|level| shift * level / (1.0 + (shift - 1.0) * level)).collect(), config)?
        };
        // At pure noise the logarithm of the signal is infinite; the reference steps back a millionth.
        if let Some(first) = levels.first_mut().filter(|l| (**l - 1.0).abs() < 1e-6) {
            *first -= 1e-6;
        }
        let times = levels.iter().map(|level| (level * training).trunc()).collect();
        levels.push(0.0);
        // The reference keeps its grid in 32 bits.
        levels.iter_mut().for_each(|level| *level = f64::from(*level as f32));
        Ok(Self {
            times,
            levels,
            order: config.solver_order.unwrap_or(2),
            lower_at_end: config.lower_order_final.unwrap_or(true),
            clean: VecDeque::new(),
            before: None,
        })
    }

    /// Half the logarithm of the signal-to-noise ratio at a step.
    fn lambda(&self, step: usize) -> f64 {
        (1.0 - self.levels[step]).ln() - self.levels[step].ln()
    }

    /// From `sample` at step `from` to step `to`, along the differences of the clean samples seen at `from` and before,
    /// and, for the corrector, `newest` seen at `to`.
    fn advance(
        &self,
        sample: &T,
        (from, to): (usize, usize),
        order: usize,
        newest: Option<&T>,
        sums: &mut dyn Arithmetic<T>,
    ) -> Result<T, Error> {
        let h = self.lambda(to) - self.lambda(from);
        let ratio = self.levels[to] / self.levels[from];
        let signal = 1.0 - self.levels[to];
        let latest = self.clean.len() - 1;
        let base = &self.clean[latest];
        if h.is_infinite() {
            // Without noise the sample is what is meant.
            return sums.sum(&[(1.0, base)]);
        }
        // Differences to earlier clean samples, scaled by their distances in lambda.
        let distances: Vec<f64> = (1..order).map(|k| (self.lambda(from - k) - self.lambda(from)) / h).collect();
        let weights = weights(h, &distances, newest.is_some());
        let grown = (-h).exp_m1();
        let mut of_base = -signal * grown;
        let mut terms = vec![(ratio, sample)];
        let earlier = distances.iter().enumerate().map(|(k, r)| (&self.clean[latest - 1 - k], *r));
        for ((other, distance), weight) in earlier.chain(newest.map(|n| (n, 1.0))).zip(&weights) {
            let factor = signal * grown * weight / distance;
            terms.push((-factor, other));
            of_base += factor;
        }
        terms.push((of_base, base));
        sums.sum(&terms)
    }
}

/// The weights of the differences: the solution of the paper's Vandermonde system; the lowest orders have fixed ones.
fn weights(h: f64, distances: &[f64], corrector: bool) -> Vec<f64> {
    let mut nodes = distances.to_vec();
    if corrector {
        nodes.push(1.0);
    }
    match nodes.len() {
        0 => return Vec::new(),
        1 => return vec![0.5],
        _ => {}
    }
    let (minus, grown) = (-h, (-h).exp_m1());
    let (mut phi, mut factorial) = (grown / minus - 1.0, 1.0);
    let mut rows = Vec::with_capacity(nodes.len());
    for power in 0..nodes.len() {
        let mut row: Vec<f64> = nodes.iter().map(|node| node.powi(power as i32)).collect();
        row.push(phi * factorial / grown);
        rows.push(row);
        factorial *= (power + 2) as f64;
        phi = phi / minus - 1.0 / factorial;
    }
    solve(rows)
}

/// Gaussian elimination with pivots on at most three rows, each with its right side at the end.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let n = rows.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()));
        rows.swap(column, pivot.unwrap_or(column));
        let lead = rows[column].clone();
        for row in rows.iter_mut().skip(column + 1) {
            let factor = row[column] / lead[column];
            row.iter_mut().zip(&lead).for_each(|(value, lead)| *value -= factor * lead);
        }
    }
    let mut solution = vec![0.0; n];
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| rows[row][k] * solution[k]).sum();
        solution[row] = (rows[row][n] - known) / rows[row][row];
    }
    solution
}

impl<T: Send> Scheduler<T> for UniPc<T> {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn levels(&self) -> &[f64] {
        &self.levels
    }

    fn step(&mut self, step: usize, velocity: T, sample: &mut T, sums: &mut dyn Arithmetic<T>) -> Result<(), Error> {
        // 1. What the model means: x0 = x - sigma v
        let clean = sums.sum(&[(1.0, &*sample), (-self.levels[step], &velocity)])?;
        // 2. The corrector: the last step again, now that its end is known.
        if let Some((before, order)) = self.before.take() {
            *sample = self.advance(&before, (step - 1, step), order, Some(&clean), sums)?;
        }
        // 3. The predictor.
        self.clean.push_back(clean);
        if self.clean.len() > self.order {
            self.clean.pop_front();
        }
        let left = if self.lower_at_end { self.times.len() - step } else { self.order };
        // Of a clip that is made again the first steps are not taken.
        let order = self.order.min(left).min(self.clean.len());
        let next = self.advance(sample, (step, step + 1), order, None, sums)?;
        self.before = Some((std::mem::replace(sample, next), order));
        Ok(())
    }
}
