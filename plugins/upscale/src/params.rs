//! What a pipeline can say under `with:`.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_onnx::Provider;
use spotloom_plugin_sdk::api::Failure;

/// How much larger, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// How many times wider and higher. Left out: what the model does, or 2 without a model.
    #[schemars(range(min = 1, max = 8))]
    pub scale: Option<u32>,
    /// Without a model: how much the edges are lifted after the enlargement.
    #[serde(default = "sharpen")]
    #[schemars(range(min = 0.0, max = 1.5))]
    pub sharpen: f64,
    /// With a model: pixels of one tile's side, before enlargement. Less needs less memory. Left out: what the model says.
    #[schemars(range(min = 16, max = 4096))]
    pub tile: Option<usize>,
    /// With a model: what does the arithmetic, `cpu`, an accelerator by name, or `auto`. Left out, the environment's
    /// SPOTLOOM_PROVIDER, else the processor. A provider that is named and can't be had is an error.
    pub provider: Option<Provider>,
    /// Where the clip will be shown, by ISO 3166 codes, `EU` or `WORLD`: a model whose licence forbids one of them is refused.
    #[serde(default)]
    pub territory: Vec<String>,
    /// Loads the model, holds it against its contract and enlarges nothing.
    #[serde(default)]
    #[schemars(extend("x-models" = {"families": ["upscale"]}))]
    pub check_model: bool,
}

fn sharpen() -> f64 {
    0.3
}

impl Params {
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let bad = |name: &str, value: String, expected: &str| {
            Err(Failure::new("bad-params", format!("the parameter `{name}` is {value}; expected {expected}"))
                .hint("correct it under this stage's `with:` in the pipeline"))
        };
        if let Some(scale) = self.scale.filter(|s| !(1..=8).contains(s)) {
            return bad("scale", scale.to_string(), "1 to 8");
        }
        if !(0.0..=1.5).contains(&self.sharpen) {
            return bad("sharpen", self.sharpen.to_string(), "0 to 1.5");
        }
        if let Some(tile) = self.tile.filter(|t| !(16..=4096).contains(t)) {
            return bad("tile", tile.to_string(), "16 to 4096");
        }
        Ok(())
    }
}
