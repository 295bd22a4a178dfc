//! Rectified flow, first order: `z <- z - h * v`.

use ndarray::{ArrayD, Zip};

use super::{Scheduler, grid};

/// Euler's method on the shifted grid.
pub struct FlowEuler {
    times: Vec<f64>,
}

impl FlowEuler {
    #[must_use]
    pub fn new(steps: usize, shift: f64) -> Self {
        Self { times: grid::shifted(steps, shift) }
    }
}

impl Scheduler for FlowEuler {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn step(&mut self, step: usize, velocity: ArrayD<f32>, sample: &mut ArrayD<f32>) {
        let h = (self.times[step] - self.times[step + 1]) as f32;
        Zip::from(sample).and(&velocity).for_each(|z, v| *z -= h * v);
    }
}
