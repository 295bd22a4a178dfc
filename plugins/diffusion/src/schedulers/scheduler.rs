//! What a scheduler is, and the one place that picks it by name.

use ndarray::ArrayD;

use super::flow_ab2::FlowAb2;
use super::flow_euler::FlowEuler;
use super::unipc::UniPc;
use crate::contract::SchedulerName;

/// Walks a sample from noise to data.
pub trait Scheduler: Send {
    /// The time at each step and after the last: 1 is noise, 0 is data. One more than there are steps.
    fn times(&self) -> &[f64];

    /// Moves `sample` from `times()[step]` to `times()[step + 1]` along `velocity` (noise minus data). Steps are taken
    /// in order, from 0.
    fn step(&mut self, step: usize, velocity: ArrayD<f32>, sample: &mut ArrayD<f32>);
}

/// A new scheduler by its name.
#[must_use]
pub fn scheduler(name: SchedulerName, steps: usize, shift: f64) -> Box<dyn Scheduler> {
    match name {
        SchedulerName::FlowEuler => Box::new(FlowEuler::new(steps, shift)),
        SchedulerName::FlowAb2 => Box::new(FlowAb2::new(steps, shift)),
        SchedulerName::UniPc => Box::new(UniPc::new(steps, shift)),
    }
}
