//! The figures of a reference scheduler, by the names that its own `scheduler_config.json` uses.
//!
//! Fields that only choose between Python classes are ignored; values that would change the arithmetic and are not
//! supported are refused by the scheduler that meets them.

use serde::Deserialize;

/// `scheduler-config` of a contract. What is left out has the reference's default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
pub struct SchedulerConfig {
    /// Steps of the training schedule, nearly always 1000.
    pub num_train_timesteps: Option<usize>,
    /// `flow_prediction`, `v_prediction` or `epsilon`.
    pub prediction_type: Option<String>,
    /// Variance of the first training step.
    pub beta_start: Option<f64>,
    /// Variance of the last training step.
    pub beta_end: Option<f64>,
    /// Only `scaled_linear`.
    pub beta_schedule: Option<String>,
    /// `leading`, `trailing` or `linspace`: which training steps are visited.
    pub timestep_spacing: Option<String>,
    pub steps_offset: Option<usize>,
    /// Whether the last training step is pure noise.
    pub rescale_betas_zero_snr: Option<bool>,
    /// CogVideoX: 3 for 2B, 1 for the others.
    pub snr_shift_scale: Option<f64>,
    /// Whether the step after the last is without noise.
    pub set_alpha_to_one: Option<bool>,
    /// Not supported when true.
    pub clip_sample: Option<bool>,
    /// UniPC: 1 to 3.
    pub solver_order: Option<usize>,
    /// UniPC: only `bh2`.
    pub solver_type: Option<String>,
    /// UniPC: lower orders for the last steps.
    pub lower_order_final: Option<bool>,
    /// Flow matching: the shift grows with the number of tokens.
    pub use_dynamic_shifting: Option<bool>,
    /// Flow matching: only `exponential`.
    pub time_shift_type: Option<String>,
    pub base_shift: Option<f64>,
    pub max_shift: Option<f64>,
    pub base_image_seq_len: Option<usize>,
    pub max_image_seq_len: Option<usize>,
    /// Flow matching: the noise left at the last step.
    pub shift_terminal: Option<f64>,
}

impl SchedulerConfig {
    /// Steps of the training schedule.
    #[must_use]
    pub fn training_steps(&self) -> usize {
        self.num_train_timesteps.unwrap_or(1000)
    }

    /// Refuses a value that would change the arithmetic and is not supported.
    pub(super) fn only(name: &str, value: Option<&str>, supported: &[&str]) -> Result<(), String> {
        match value {
            Some(value) if !supported.contains(&value) => {
                Err(format!("`scheduler-config.{name}` is `{value}`; supported: {}", supported.join(", ")))
            }
            _ => Ok(()),
        }
    }
}
