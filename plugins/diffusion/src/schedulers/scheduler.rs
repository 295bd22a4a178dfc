//! What a scheduler is, and the one place that picks it by name.

use ndarray::ArrayD;
use spotloom_onnx::Error as ModelError;

use super::config::SchedulerConfig;
use super::ddim::Ddim;
use super::flow_ab2::FlowAb2;
use super::flow_euler::FlowEuler;
use super::sde_dpm::SdeDpm;
use super::unipc::UniPc;
use crate::contract::SchedulerName;
use crate::error::Error;

/// Standard normal noise of a shape; each call gives the next of a shot's series.
pub type Draw<'a> = dyn FnMut(&[usize]) -> ArrayD<f32> + 'a;

/// What a scheduler computes with: every step is sums of tensors with factors, wherever the tensors lie.
pub trait Arithmetic<T> {
    /// The sum of some tensors of one shape, each times its factor. There is at least one.
    ///
    /// # Errors
    /// Shapes that differ, and those of the device that computes.
    fn sum(&mut self, terms: &[(f64, &T)]) -> Result<T, Error>;

    /// The next noise of the shot's series, in the shape of a tensor.
    ///
    /// # Errors
    /// Those of the device that takes it; none of arrays.
    fn noise(&mut self, like: &T) -> Result<T, Error>;
}

/// Arithmetic of arrays, added up in 64 bits.
pub struct Here<'a, 'd>(pub &'a mut Draw<'d>);

impl Arithmetic<ArrayD<f32>> for Here<'_, '_> {
    fn sum(&mut self, terms: &[(f64, &ArrayD<f32>)]) -> Result<ArrayD<f32>, Error> {
        if let Some((_, odd)) = terms.iter().find(|(_, array)| array.shape() != terms[0].1.shape()) {
            let reason = format!("the transformer gave {:?} for {:?}", odd.shape(), terms[0].1.shape());
            return Err(
                ModelError::Inference { model: "the model".into(), component: "scheduler".into(), reason }.into()
            );
        }
        let parts: Vec<_> = terms.iter().map(|(factor, array)| (*factor, array.as_standard_layout())).collect();
        let slices: Vec<(f64, &[f32])> = parts.iter().filter_map(|(f, array)| Some((*f, array.as_slice()?))).collect();
        let shape = terms.first().map_or(&[][..], |(_, first)| first.shape());
        let mut sum = ArrayD::zeros(shape);
        let mut chunk = [0.0_f64; CHUNK];
        for (n, out) in sum.as_slice_mut().into_iter().flat_map(|out| out.chunks_mut(CHUNK)).enumerate() {
            chunk.fill(0.0);
            for (factor, values) in &slices {
                chunk.iter_mut().zip(&values[n * CHUNK..]).for_each(|(sum, value)| *sum += factor * f64::from(*value));
            }
            out.iter_mut().zip(&chunk).for_each(|(out, sum)| *out = *sum as f32);
        }
        Ok(sum)
    }

    fn noise(&mut self, like: &ArrayD<f32>) -> Result<ArrayD<f32>, Error> {
        Ok((self.0)(like.shape()))
    }
}

/// Values that are added up at a time; they stay in the processor's nearest cache.
const CHUNK: usize = 1024;

/// Walks a sample from noise to data. `T` is what tensors are: arrays, or what lies on a device.
pub trait Scheduler<T = ArrayD<f32>>: Send {
    /// What the model is told at each step, as its reference pipeline tells it; one per step.
    fn times(&self) -> &[f64];

    /// The share of noise at each step and after the last: 1 is noise, 0 is data. One more than there are steps.
    fn levels(&self) -> &[f64];

    /// Moves `sample` from one level to the next by what the model predicted (velocity, noise or v, as the scheduler's
    /// configuration says). Steps are taken in order, from 0. Only stochastic schedulers draw.
    ///
    /// # Errors
    /// Those of `sums`.
    fn step(&mut self, step: usize, prediction: T, sample: &mut T, sums: &mut dyn Arithmetic<T>) -> Result<(), Error>;
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
pub fn scheduler<T: Send + 'static>(schedule: &Schedule<'_>) -> Result<Box<dyn Scheduler<T>>, String> {
    let config = schedule.config;
    let wrong = config.mistakes(schedule.name);
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let made: Box<dyn Scheduler<T>> = match schedule.name {
        SchedulerName::FlowEuler if config.reference() => Box::new(FlowEuler::reference(schedule)?),
        SchedulerName::FlowEuler => Box::new(FlowEuler::new(schedule.steps, schedule.shift)),
        SchedulerName::FlowAb2 => Box::new(FlowAb2::of(schedule)?),
        SchedulerName::UniPc => Box::new(UniPc::new(schedule)?),
        SchedulerName::Ddim => Box::new(Ddim::new(schedule)?),
        SchedulerName::SdeDpm => Box::new(SdeDpm::new(schedule)?),
    };
    // Steps of no length are divided by where a velocity is walked along; a discrete schedule may stand still at its end.
    let falls = |l: &[f64]| if schedule.name.takes_velocity() { l[0] > l[1] } else { l[0] >= l[1] };
    let levels = made.levels();
    if !levels.iter().all(|level| level.is_finite()) || !levels.windows(2).all(falls) {
        return Err(format!(
            "{} steps of `{}` do not go from noise to data with the figures of `scheduler-config` and a shift of {}",
            schedule.steps, schedule.name, schedule.shift
        ));
    }
    Ok(made)
}
