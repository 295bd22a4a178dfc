//! The discrete noise schedule that DDIM and SDE-DPM share, as CogVideoX's reference schedulers set it up:
//! scaled-linear variances, SNR shift, zero terminal SNR (Lin et al., "Common Diffusion Noise Schedules and Sample
//! Steps are Flawed", 2023), and the training steps that are visited. All in 64 bits.

use super::config::SchedulerConfig;
use super::scheduler::Schedule;

/// Cumulative products of the schedule, and the way through it.
pub(super) struct Alphas {
    /// Share of signal variance by training step.
    cumulative: Vec<f64>,
    /// After the last step.
    last: f64,
    /// Training steps visited, falling.
    pub visited: Vec<usize>,
    /// Training steps from one visited to the next.
    stride: usize,
    epsilon: bool,
}

impl Alphas {
    pub fn new(schedule: &Schedule<'_>) -> Result<Self, String> {
        let (steps, config) = (schedule.steps, schedule.config);
        let training = config.training_steps();
        if steps == 0 || steps > training {
            return Err(format!(
                "{steps} steps of a schedule that was trained with {training}; expected 1 to {training}"
            ));
        }
        let cumulative = cumulative(config, training);
        let last = if config.set_alpha_to_one.unwrap_or(true) { 1.0 } else { cumulative[0] };
        Ok(Self {
            last,
            visited: visited(config, training, steps)?,
            stride: training / steps,
            epsilon: config.prediction_type.as_deref().is_none_or(|kind| kind == "epsilon"),
            cumulative,
        })
    }

    /// The share of signal variance at a step, and whether it is one of the schedule's own.
    pub fn at(&self, step: usize) -> f64 {
        self.cumulative[self.visited[step]]
    }

    /// The share the sample has after a step; `None` beyond the schedule's end, where [`Alphas::end`] holds.
    pub fn after(&self, step: usize) -> Option<f64> {
        self.visited[step].checked_sub(self.stride).map(|t| self.cumulative[t])
    }

    pub fn end(&self) -> f64 {
        self.last
    }

    /// What the model means as a clean sample: factors of sample and prediction.
    pub fn clean(&self, alpha: f64) -> (f64, f64) {
        let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        if self.epsilon { (1.0 / signal, -noise / signal) } else { (signal, -noise) }
    }

    /// What the model is told.
    pub fn times(&self) -> Vec<f64> {
        self.visited.iter().map(|t| *t as f64).collect()
    }

    /// The share of noise, as an amplitude.
    pub fn levels(&self) -> Vec<f64> {
        let steps = (0..self.visited.len()).map(|step| self.at(step));
        steps.chain([self.last]).map(|alpha| (1.0 - alpha).sqrt()).collect()
    }
}

fn cumulative(config: &SchedulerConfig, training: usize) -> Vec<f64> {
    let from = config.beta_start.unwrap_or(0.000_85).sqrt();
    let to = config.beta_end.unwrap_or(0.012).sqrt();
    let mut product = 1.0;
    let shift = config.snr_shift_scale.unwrap_or(3.0);
    let mut alphas: Vec<f64> = (0..training)
        .map(|t| {
            let beta = (from + (to - from) * t as f64 / (training.max(2) - 1) as f64).powi(2);
            product *= 1.0 - beta;
            product / (shift + (1.0 - shift) * product)
        })
        .collect();
    if config.rescale_betas_zero_snr == Some(true) {
        // Roots are moved so that the last is 0, and scaled so that the first stays.
        let (first, last) = (alphas[0].sqrt(), alphas[training - 1].sqrt());
        alphas.iter_mut().for_each(|a| *a = ((a.sqrt() - last) * first / (first - last)).powi(2));
    }
    alphas
}

fn visited(config: &SchedulerConfig, training: usize, steps: usize) -> Result<Vec<usize>, String> {
    let spacing = config.timestep_spacing.as_deref().unwrap_or("leading");
    let (all, count) = (training as f64, steps as f64);
    let rising = |at: &dyn Fn(usize) -> usize| (0..steps).rev().map(at).collect::<Vec<_>>();
    let found = match spacing {
        "trailing" => (0..steps).map(|k| (all - k as f64 * all / count).round_ties_even() as usize - 1).collect(),
        "linspace" => rising(&|k| ((all - 1.0) * k as f64 / (count - 1.0).max(1.0)).round_ties_even() as usize),
        // Others than this one were refused.
        _ => rising(&|k| k * (training / steps) + config.steps_offset.unwrap_or(0)),
    };
    match found.iter().find(|t| **t >= training) {
        Some(t) => {
            Err(format!("the schedule visits step {t} of {training}: `scheduler-config.steps_offset` is too large"))
        }
        None => Ok(found),
    }
}
