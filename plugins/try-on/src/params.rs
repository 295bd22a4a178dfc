//! What a pipeline can say under `with:`.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_onnx::Provider;
use spotloom_plugin_sdk::api::Failure;

use crate::contract::Contract;

/// How the garment is worn, and how long the model works at it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// How the garment is worn: one of the model's `categories`, like `tops`, `bottoms` or `one-pieces`.
    #[serde(default)]
    #[schemars(extend("x-offered-by" = {"input": "model", "field": "categories"}))]
    pub category: String,
    /// What the noise is drawn from: the same seed, the same picture.
    #[serde(default)]
    pub seed: u64,
    /// Denoising steps: more is slower and finer. Left out: the model's own.
    #[schemars(range(min = 1, max = 200))]
    pub steps: Option<usize>,
    /// Guidance scale: how closely person and garment are followed. Left out: the model's own.
    #[schemars(range(min = 1.0, max = 20.0))]
    pub guidance: Option<f64>,
    /// What does the arithmetic: a way into a graphics card, or the processor. Left out: the environment variable
    /// SPOTLOOM_PROVIDER, else the processor. A provider that is named and can't be had is an error.
    pub provider: Option<Provider>,
    /// Countries by ISO 3166, or `EU`, where the picture is going to be used; a model whose licence forbids one is refused.
    #[serde(default)]
    pub territory: Vec<String>,
    /// Loads the model, holds it against its contract and makes nothing.
    #[serde(default)]
    #[schemars(extend("x-models" = {"families": ["fashn-vton"]}))]
    pub check_model: bool,
}

impl Params {
    /// What does the arithmetic.
    ///
    /// # Errors
    /// `bad-params` when the environment names none that there is.
    pub fn provider(&self) -> Result<Provider, Failure> {
        Ok(Provider::chosen(self.provider)?)
    }

    /// The number of the category, where all of this can be done with the model.
    ///
    /// # Errors
    /// `bad-params`, `licence-territory`.
    pub fn check(&self, model: &Contract) -> Result<i64, Failure> {
        let bad = |name: &str, value: String, expected: &str| {
            Failure::new("bad-params", format!("the parameter `{name}` is {value}; expected {expected}"))
                .hint("correct it under this stage's `with:` in the pipeline")
        };
        if let Some(steps) = self.steps.filter(|s| !(1..=200).contains(s)) {
            return Err(bad("steps", steps.to_string(), "1 to 200"));
        }
        if let Some(guidance) = self.guidance.filter(|g| !(1.0..=20.0).contains(g)) {
            return Err(bad("guidance", guidance.to_string(), "1 to 20"));
        }
        model.licence.check(&model.name, &self.territory)?;
        let known = || format!("one of {}", model.categories.join(", "));
        model.category(&self.category).ok_or_else(|| bad("category", format!("`{}`", self.category), &known()))
    }
}
