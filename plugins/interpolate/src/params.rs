//! What a pipeline can say under `with:`.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_onnx::Provider;
use spotloom_plugin_sdk::api::Failure;

/// The rate, and how to reach it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Frames a second of the result, more than 0 and at most 240: `24`, `59.94` (read as 60000/1001) or `"30000/1001"`.
    // Checking a model needs none.
    #[schemars(required)]
    pub fps: Option<Rate>,
    /// Without a model: how frames between frames are made. Left out: along the motion.
    pub method: Option<Method>,
    /// With a model: what does the arithmetic, `cpu`, an accelerator by name, or `auto`. Left out, the environment's
    /// SPOTLOOM_PROVIDER, else the processor. A provider that is named and can't be had is an error.
    pub provider: Option<Provider>,
    /// Where the clip will be shown, by ISO 3166 codes, `EU` or `WORLD`: a model whose licence forbids one of them is refused.
    #[serde(default)]
    pub territory: Vec<String>,
    /// Loads the model, holds it against its contract and makes nothing.
    #[serde(default)]
    #[schemars(extend("x-models" = {"families": ["interpolate"]}))]
    pub check_model: bool,
}

/// A rate as people write it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rate {
    Number(f64),
    Text(String),
}

/// How frames between frames are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Along the motion. Slow; best for camera moves and large shapes.
    #[default]
    Motion,
    /// The two neighbours mixed. Fast; shows doubled edges.
    Blend,
}

impl Method {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Motion => "motion",
            Self::Blend => "blend",
        }
    }
}

impl Params {
    /// A mistake under `with:`, in words for people.
    pub(crate) fn wrong(reason: impl Into<String>) -> Failure {
        Failure::new("bad-params", reason).hint("correct it under this stage's `with:` in the pipeline")
    }
}
