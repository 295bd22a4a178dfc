//! Rectified flow, first order: `z <- z - h * v`.

use super::scheduler::{Arithmetic, Schedule};
use super::{Scheduler, grid};
use crate::error::Error;

/// Euler's method on a shifted grid.
pub struct FlowEuler {
    pub(super) times: Vec<f64>,
    pub(super) levels: Vec<f64>,
}

impl FlowEuler {
    /// On the grid from exactly 1 to exactly 0; the model is told the level.
    #[must_use]
    pub fn new(steps: usize, shift: f64) -> Self {
        let levels = grid::shifted(steps, shift);
        Self { times: levels[..steps].to_vec(), levels }
    }

    /// On the reference's grid; the model is told the training step.
    ///
    /// # Errors
    /// Those of [`grid::reference`].
    pub fn reference(schedule: &Schedule<'_>) -> Result<Self, String> {
        let training = schedule.config.training_steps() as f64;
        // The reference keeps its grid in 32 bits.
        let mut levels: Vec<f64> =
            grid::reference(schedule)?.into_iter().map(|level| f64::from(level as f32)).collect();
        let times = levels.iter().map(|level| level * training).collect();
        levels.push(0.0);
        Ok(Self { times, levels })
    }
}

impl<T> Scheduler<T> for FlowEuler {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn levels(&self) -> &[f64] {
        &self.levels
    }

    fn step(&mut self, step: usize, velocity: T, sample: &mut T, sums: &mut dyn Arithmetic<T>) -> Result<(), Error> {
        let h = self.levels[step] - self.levels[step + 1];
        *sample = sums.sum(&[(1.0, &*sample), (-h, &velocity)])?;
        Ok(())
    }
}
