//! What a recipe tells of a network.

use serde_json::{Value, json};

use super::PictureNetwork;
use crate::folder::Described;
use crate::provider::Provider;

impl<C: Described> PictureNetwork<C> {
    /// The model, by the name of its folder: what finds it again, and what it has to be.
    #[must_use]
    pub fn recipe_model(&self, folder: &str) -> Value {
        let model = &self.model;
        json!({
            "name": model.contract.name(),
            "folder": folder,
            "sha256": model.sha256,
            "licence": model.contract.licence().spdx,
            "components": model.files(),
        })
    }

    /// Adds what ran it to the `runtime`: the provider that was asked for, and where that is `auto`, which may be another elsewhere, the
    /// one that it was.
    pub fn recipe_runtime(&self, asked: Provider, runtime: &mut Value) {
        runtime["onnxruntime"] = self.version.as_str().into();
        runtime["provider"] = asked.to_string().into();
        if asked == Provider::Auto {
            runtime["ran-on"] = self.provider.to_string().into();
        }
    }
}
