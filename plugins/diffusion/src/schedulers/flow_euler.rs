//! Rectified flow, first order: `z <- z - h * v`.
//!
//! Two grids: the even one of `grid`, and that of the reference (`FlowMatchEulerDiscreteScheduler` of diffusers), whose
//! ends come from its training table and whose shift may grow with the number of tokens (LTX-Video).

use super::config::SchedulerConfig;
use super::scheduler::{Arithmetic, Schedule};
use super::{Scheduler, grid};
use crate::error::Error;

/// Euler's method on a shifted grid.
pub struct FlowEuler {
    times: Vec<f64>,
    levels: Vec<f64>,
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
    /// A configuration that is not supported, or a dynamic shift without tokens.
    pub fn reference(schedule: &Schedule<'_>) -> Result<Self, String> {
        let (steps, config) = (schedule.steps, schedule.config);
        let training = config.training_steps() as f64;
        SchedulerConfig::only("time_shift_type", config.time_shift_type.as_deref(), &["exponential"])?;
        let mut levels: Vec<f64> = if config.use_dynamic_shifting == Some(true) {
            let strength = dynamic_shift(config, schedule.tokens)?.exp();
            linspace(1.0, 1.0 / steps as f64, steps).map(|s| strength / (strength + (1.0 / s - 1.0))).collect()
        } else {
            // The reference takes both ends from its training table, which is shifted already, and shifts again.
            let shifted = |s: f64| schedule.shift * s / (1.0 + (schedule.shift - 1.0) * s);
            linspace(shifted(1.0), shifted(1.0 / training), steps).map(shifted).collect()
        };
        if let (Some(left), Some(last)) = (config.shift_terminal.filter(|s| *s > 0.0), levels.last().copied()) {
            let scale = (1.0 - last) / (1.0 - left);
            levels.iter_mut().for_each(|level| *level = 1.0 - (1.0 - *level) / scale);
        }
        // The reference keeps its grid in 32 bits.
        levels.iter_mut().for_each(|level| *level = f64::from(*level as f32));
        let times = levels.iter().map(|level| level * training).collect();
        levels.push(0.0);
        Ok(Self { times, levels })
    }
}

/// `mu`: linear in the number of tokens.
fn dynamic_shift(config: &SchedulerConfig, tokens: Option<usize>) -> Result<f64, String> {
    let tokens = tokens.ok_or("a shift that grows with the tokens needs to know how many there are")? as f64;
    let (low, high) = (config.base_shift.unwrap_or(0.5), config.max_shift.unwrap_or(1.15));
    let from = config.base_image_seq_len.unwrap_or(256) as f64;
    let to = config.max_image_seq_len.unwrap_or(4096) as f64;
    if to <= from {
        return Err("`scheduler-config.max_image_seq_len` must be larger than `base_image_seq_len`".into());
    }
    let slope = (high - low) / (to - from);
    Ok(tokens * slope + low - slope * from)
}

/// `count` values from `from` to `to`, both included; one value is `from`.
fn linspace(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = if count > 1 { (to - from) / (count - 1) as f64 } else { 0.0 };
    (0..count).map(move |i| from + step * i as f64)
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
