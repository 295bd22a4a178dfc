//! How a model is prompted and sampled unless a pipeline says otherwise.

use std::fmt;

use serde::Deserialize;

/// How prompts are handed to the text encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Prompt {
    /// Tokens after padding and cutting.
    pub tokens: usize,
    pub negative: Negative,
    #[serde(default)]
    pub mask: Mask,
    /// Whether prompts are cleaned as the reference does: entities unescaped, white space joined.
    #[serde(default)]
    pub clean: bool,
}

/// What becomes of a negative prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Negative {
    /// Guidance leads away from it instead of from the empty prompt.
    Used,
    /// The model was not trained for it; guidance always leads away from the empty prompt.
    Ignored,
}

/// What becomes of the padding behind a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mask {
    /// The text encoder gets the mask, and its rows past the prompt are set to zero.
    Zeroed,
    /// The transformer gets the mask, the text encoder none.
    Passed,
    /// Padding is treated as text.
    #[default]
    None,
}

/// How the model is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sampling {
    pub scheduler: SchedulerName,
    /// Denoising steps of one clip.
    pub steps: usize,
    /// How much of the schedule is spent at high noise; 1 is even.
    #[serde(default = "even")]
    pub shift: f64,
    /// Strength of classifier-free guidance; 1 is none.
    pub guidance: f32,
    /// Guidance of the second expert (`transformer-low`); left out means the same.
    pub guidance_low: Option<f32>,
    /// Share of noise below which the second expert takes over.
    pub boundary: Option<f64>,
    /// Whether guidance grows along the steps as CogVideoX's does.
    #[serde(default)]
    pub dynamic_guidance: bool,
    /// How much of guidance's gain in contrast is taken back, 0 to 1.
    #[serde(default)]
    pub guidance_rescale: f32,
    /// Time at which a decoder that takes one is asked to decode.
    pub decode_timestep: Option<f64>,
    /// Share of noise that is added before such a decoder.
    pub decode_noise: Option<f64>,
}

/// The schedulers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerName {
    /// First order.
    FlowEuler,
    /// Second-order Adams-Bashforth: the same quality in about half the steps.
    FlowAb2,
    /// Wan's: predictor and corrector, of second order unless the contract says otherwise.
    #[serde(rename = "unipc")]
    UniPc,
    /// CogVideoX's deterministic one.
    Ddim,
    /// CogVideoX's stochastic one, of second order.
    SdeDpm,
}

impl SchedulerName {
    /// Whether it walks along a velocity (noise minus data), as rectified-flow models predict it.
    #[must_use]
    pub fn takes_velocity(self) -> bool {
        matches!(self, Self::FlowEuler | Self::FlowAb2 | Self::UniPc)
    }
}

impl fmt::Display for SchedulerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlowEuler => "flow-euler",
            Self::FlowAb2 => "flow-ab2",
            Self::UniPc => "unipc",
            Self::Ddim => "ddim",
            Self::SdeDpm => "sde-dpm",
        })
    }
}

fn even() -> f64 {
    1.0
}
