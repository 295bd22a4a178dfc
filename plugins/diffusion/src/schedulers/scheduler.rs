//! What a scheduler is, and the one place that picks it by name.

use ndarray::ArrayD;

use super::config::SchedulerConfig;
use super::ddim::Ddim;
use super::flow_ab2::FlowAb2;
use super::flow_euler::FlowEuler;
use super::sde_dpm::SdeDpm;
use super::unipc::UniPc;
use crate::contract::SchedulerName;

/// Standard normal noise of a shape; each call gives the next of a shot's series.
pub type Draw<'a> = dyn FnMut(&[usize]) -> ArrayD<f32> + 'a;

/// Walks a sample from noise to data.
pub trait Scheduler: Send {
    /// What the model is told at each step, as its reference pipeline tells it; one per step.
    fn times(&self) -> &[f64];

    /// The share of noise at each step and after the last: 1 is noise, 0 is data. One more than there are steps.
    fn levels(&self) -> &[f64];

    /// Moves `sample` from one level to the next by what the model predicted (velocity, noise or v, as the scheduler's
    /// configuration says). Steps are taken in order, from 0. Only stochastic schedulers draw.
    fn step(&mut self, step: usize, prediction: ArrayD<f32>, sample: &mut ArrayD<f32>, draw: &mut Draw<'_>);
}

/// What a schedule is made from.
#[derive(Clone, Copy, Debug)]
pub struct Schedule<'a> {
    pub name: SchedulerName,
    pub steps: usize,
    /// How much of the schedule is spent at high noise; 1 is even.
    pub shift: f64,
    /// Tokens of the latents, for a shift that depends on them.
    pub tokens: Option<usize>,
    pub config: &'a SchedulerConfig,
}

/// A new scheduler by its name.
///
/// # Errors
/// What of the configuration is not supported, for a person to read.
pub fn scheduler(schedule: &Schedule<'_>) -> Result<Box<dyn Scheduler>, String> {
    Ok(match schedule.name {
        SchedulerName::FlowEuler if schedule.config.num_train_timesteps.is_some() => {
            Box::new(FlowEuler::reference(schedule)?)
        }
        SchedulerName::FlowEuler => Box::new(FlowEuler::new(schedule.steps, schedule.shift)),
        SchedulerName::FlowAb2 => Box::new(FlowAb2::new(schedule.steps, schedule.shift)),
        SchedulerName::UniPc => Box::new(UniPc::new(schedule)?),
        SchedulerName::Ddim => Box::new(Ddim::new(schedule)?),
        SchedulerName::SdeDpm => Box::new(SdeDpm::new(schedule)?),
    })
}
