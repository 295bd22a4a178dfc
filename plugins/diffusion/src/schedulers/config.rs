//! The figures of a reference scheduler, by the names that its own `scheduler_config.json` uses.
//!
//! Every argument of the four reference classes is known here. What changes nothing in what is computed, as the betas of UniPC
//! with flow sigmas, is read and left; a value that would change the arithmetic and is not supported is refused.

use serde::Deserialize;
use serde_json::Value;

use crate::contract::SchedulerName;

/// `scheduler-config` of a contract. What is left out has the reference's default, but for what has one value only that is
/// supported, which it has then.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchedulerConfig {
    /// Steps of the training schedule, nearly always 1000.
    pub num_train_timesteps: Option<usize>,
    /// `flow_prediction` of rectified flow, else `v_prediction` or `epsilon`.
    pub prediction_type: Option<String>,
    /// Variance of the first training step.
    pub beta_start: Option<f64>,
    /// Variance of the last training step.
    pub beta_end: Option<f64>,
    /// DDIM and SDE-DPM: only `scaled_linear`.
    pub beta_schedule: Option<String>,
    /// DDIM and SDE-DPM: not supported.
    pub trained_betas: Option<Vec<f64>>,
    /// DDIM and SDE-DPM: `leading`, `trailing` or `linspace`: which training steps are visited.
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
    /// Only of use with `clip_sample`.
    pub clip_sample_range: Option<f64>,
    /// Not supported when true.
    pub thresholding: Option<bool>,
    /// Only of use with `thresholding`.
    pub dynamic_thresholding_ratio: Option<f64>,
    /// Only of use with `thresholding`.
    pub sample_max_value: Option<f64>,
    /// UniPC: 1 to 3.
    pub solver_order: Option<usize>,
    /// UniPC: only `bh2`.
    pub solver_type: Option<String>,
    /// UniPC: only true.
    pub predict_x0: Option<bool>,
    /// UniPC: lower orders for the last steps.
    pub lower_order_final: Option<bool>,
    /// UniPC: no step may be without the corrector.
    pub disable_corrector: Option<Vec<usize>>,
    /// UniPC: another scheduler as predictor, which is not supported.
    pub solver_p: Option<Value>,
    /// Whether the grid is that of rectified flow: only true of it, only false of the others.
    pub use_flow_sigmas: Option<bool>,
    /// Not supported when true.
    pub use_karras_sigmas: Option<bool>,
    /// Not supported when true.
    pub use_exponential_sigmas: Option<bool>,
    /// Not supported when true.
    pub use_beta_sigmas: Option<bool>,
    /// Only of use with one of these three.
    pub sigma_min: Option<f64>,
    /// Only of use with one of these three.
    pub sigma_max: Option<f64>,
    /// Only `zero`.
    pub final_sigmas_type: Option<String>,
    /// The shift that `sampling.shift` says: UniPC's name for it.
    pub flow_shift: Option<f64>,
    /// The shift that `sampling.shift` says: Euler's name for it.
    pub shift: Option<f64>,
    /// Flow matching: the shift grows with the number of tokens, and `sampling.shift` has no effect.
    pub use_dynamic_shifting: Option<bool>,
    /// Flow matching: only `exponential`.
    pub time_shift_type: Option<String>,
    pub base_shift: Option<f64>,
    pub max_shift: Option<f64>,
    pub base_image_seq_len: Option<usize>,
    pub max_image_seq_len: Option<usize>,
    /// Flow matching: the noise left at the last step.
    pub shift_terminal: Option<f64>,
    /// Not supported when true.
    pub invert_sigmas: Option<bool>,
    /// Not supported when true.
    pub stochastic_sampling: Option<bool>,
}

impl SchedulerConfig {
    /// The names of its fields.
    #[must_use]
    pub fn fields() -> Vec<String> {
        let schema = schemars::schema_for!(Self);
        let properties = schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|all| all.keys().cloned()).collect()
    }

    /// Steps of the training schedule.
    #[must_use]
    pub fn training_steps(&self) -> usize {
        self.num_train_timesteps.unwrap_or(1000)
    }

    /// Whether the shift grows with the number of tokens.
    #[must_use]
    pub fn dynamic(&self) -> bool {
        self.use_dynamic_shifting == Some(true)
    }

    /// Whether Euler's grid is the reference's, which all of its figures belong to.
    pub(super) fn reference(&self) -> bool {
        self.num_train_timesteps.is_some() || self.dynamic() || self.shift_terminal.is_some()
    }

    /// What of it would change the arithmetic of a scheduler and is not supported, all of it.
    #[must_use]
    pub fn mistakes(&self, name: SchedulerName) -> Vec<String> {
        let velocity = name.takes_velocity();
        // All that walk along a velocity are held to the same: a shot may choose another one of them.
        let words: [(&str, &Option<String>, &[&str]); 4] = if velocity {
            [
                ("prediction_type", &self.prediction_type, &["flow_prediction"]),
                ("solver_type", &self.solver_type, &["bh2"]),
                ("time_shift_type", &self.time_shift_type, &["exponential"]),
                ("final_sigmas_type", &self.final_sigmas_type, &["zero"]),
            ]
        } else {
            [
                ("prediction_type", &self.prediction_type, &["v_prediction", "epsilon"]),
                ("beta_schedule", &self.beta_schedule, &["scaled_linear"]),
                ("timestep_spacing", &self.timestep_spacing, &["leading", "trailing", "linspace"]),
                ("final_sigmas_type", &self.final_sigmas_type, &["zero"]),
            ]
        };
        let switches = [
            ("use_flow_sigmas", self.use_flow_sigmas, velocity),
            ("predict_x0", self.predict_x0, true),
            ("clip_sample", self.clip_sample, false),
            ("thresholding", self.thresholding, false),
            ("use_karras_sigmas", self.use_karras_sigmas, false),
            ("use_exponential_sigmas", self.use_exponential_sigmas, false),
            ("use_beta_sigmas", self.use_beta_sigmas, false),
            ("invert_sigmas", self.invert_sigmas, false),
            ("stochastic_sampling", self.stochastic_sampling, false),
            // Only flow matching has a shift.
            ("use_dynamic_shifting", self.use_dynamic_shifting.filter(|_| !velocity), false),
        ];
        let absent = [
            ("solver_p", self.solver_p.is_some()),
            ("disable_corrector", self.disable_corrector.as_ref().is_some_and(|steps| !steps.is_empty())),
            ("trained_betas", self.trained_betas.is_some() && !velocity),
        ];
        let mut found: Vec<String> = Vec::new();
        for (field, value, supported) in words {
            if let Some(value) = value.as_deref().filter(|value| !supported.contains(value)) {
                found.push(format!(
                    "`scheduler-config.{field}` is `{value}`; expected {} with {name}",
                    supported.join(" or ")
                ));
            }
        }
        for (field, value, supported) in switches {
            if value.is_some_and(|value| value != supported) {
                found.push(format!("`scheduler-config.{field}` is {}; expected {supported} with {name}", !supported));
            }
        }
        for (field, _) in absent.iter().filter(|(_, given)| *given) {
            found.push(format!("`scheduler-config.{field}` is not supported; leave it out"));
        }
        self.check_figures(velocity, &mut found);
        found
    }

    fn check_figures(&self, velocity: bool, found: &mut Vec<String>) {
        let count = |n: Option<usize>| n.map(|n| n as f64);
        let (both, flow, discrete) = (true, velocity, !velocity);
        let figures = [
            ("num_train_timesteps", count(self.num_train_timesteps), both, 1.0, 16_384.0),
            ("solver_order", count(self.solver_order), flow, 1.0, 3.0),
            ("base_shift", self.base_shift, flow, -100.0, 100.0),
            ("max_shift", self.max_shift, flow, -100.0, 100.0),
            ("shift_terminal", self.shift_terminal, flow, 0.0, 0.999),
            ("beta_start", self.beta_start, discrete, 1e-9, 0.999),
            ("beta_end", self.beta_end, discrete, 1e-9, 0.999),
            ("snr_shift_scale", self.snr_shift_scale, discrete, 1e-3, 1e3),
        ];
        for (field, value, counts, least, most) in figures {
            if let Some(value) = value.filter(|value| counts && !(least..=most).contains(value)) {
                found.push(format!("`scheduler-config.{field}` is {value}; expected {least} to {most}"));
            }
        }
    }
}
