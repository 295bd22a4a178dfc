//! Rectified flow, second-order Adams-Bashforth with uneven steps:
//! `w = v + (h / h_before) / 2 * (v - v_before)`, `z <- z - h * w`; the first step is Euler's.

use super::flow_euler::FlowEuler;
use super::{Arithmetic, Schedule, Scheduler, grid};
use crate::error::Error;

/// Adams-Bashforth on a shifted grid; remembers the last velocity.
pub struct FlowAb2<T> {
    times: Vec<f64>,
    levels: Vec<f64>,
    before: Option<(f64, T)>,
}

impl<T> FlowAb2<T> {
    /// On the grid from exactly 1 to exactly 0; the model is told the level.
    #[must_use]
    pub fn new(steps: usize, shift: f64) -> Self {
        let levels = grid::shifted(steps, shift);
        Self { times: levels[..steps].to_vec(), levels, before: None }
    }

    /// On the reference's grid where the shift grows with the tokens, as a model that was trained along it expects; the
    /// model is told the training step then. Else on the even one, which ends where the configuration says.
    ///
    /// # Errors
    /// Those of [`grid::reference`].
    pub fn of(schedule: &Schedule<'_>) -> Result<Self, String> {
        let config = schedule.config;
        if config.dynamic() {
            let FlowEuler { times, levels } = FlowEuler::reference(schedule)?;
            return Ok(Self { times, levels, before: None });
        }
        let mut even = Self::new(schedule.steps, schedule.shift);
        even.times = grid::stretched(even.times, config)?;
        even.levels[..schedule.steps].copy_from_slice(&even.times);
        Ok(even)
    }
}

impl<T: Send> Scheduler<T> for FlowAb2<T> {
    fn times(&self) -> &[f64] {
        &self.times
    }

    fn levels(&self) -> &[f64] {
        &self.levels
    }

    fn step(&mut self, step: usize, velocity: T, sample: &mut T, sums: &mut dyn Arithmetic<T>) -> Result<(), Error> {
        let h = self.levels[step] - self.levels[step + 1];
        *sample = match &self.before {
            Some((h_before, v_before)) => {
                let c = 0.5 * h / h_before;
                sums.sum(&[(1.0, &*sample), (-h * (1.0 + c), &velocity), (h * c, v_before)])?
            }
            None => sums.sum(&[(1.0, &*sample), (-h, &velocity)])?,
        };
        self.before = Some((h, velocity));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;
    use crate::schedulers::Here;

    /// Integrates dz/dt = z from t = 1 (z = e) to t = 0, where z is 1; the error left.
    fn error(mut scheduler: impl Scheduler) -> f32 {
        let mut z = ArrayD::from_elem(vec![1], std::f32::consts::E);
        for step in 0..scheduler.times().len() {
            let velocity = z.clone();
            scheduler.step(step, velocity, &mut z, &mut Here(&mut |shape| ArrayD::zeros(shape))).expect("a step");
        }
        (z[[0]] - 1.0).abs()
    }

    #[test]
    fn the_order_of_each_method_shows_when_the_steps_are_halved() {
        let check = |coarse: f32, fine: f32, at_least: f32| {
            assert!(coarse / fine > at_least, "{coarse} / {fine}");
        };
        check(error(FlowEuler::new(16, 1.0)), error(FlowEuler::new(32, 1.0)), 1.8);
        check(error(FlowAb2::new(16, 1.0)), error(FlowAb2::new(32, 1.0)), 3.5);
        check(error(FlowAb2::new(16, 3.0)), error(FlowAb2::new(32, 3.0)), 3.0);
    }

    #[test]
    fn the_grid_goes_from_noise_to_data_and_lingers_at_noise() {
        let times = grid::shifted(16, 3.0);
        assert_eq!((times[0], times[16]), (1.0, 0.0));
        assert!(times.windows(2).all(|t| t[0] > t[1]));
        assert!(times[8] > 0.74, "{}", times[8]);
    }
}
