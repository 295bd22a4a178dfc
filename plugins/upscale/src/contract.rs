//! The `model.yaml` of an upscaler.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_onnx::Described;
use spotloom_onnx::component::{Component, Licence, Mistakes};

/// The component that does the work.
pub(crate) const NETWORK: &str = "upscaler";

/// A network with the interface of Real-ESRGAN: `input` `[1,3,H,W]` to `output` `[1,3,S*H,S*W]`, RGB in 0-1.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Upscaler")]
pub struct Contract {
    /// Version of this format; always 1.
    #[schemars(range(min = 1, max = 1))]
    contract: u32,
    /// The model's name.
    pub name: String,
    /// One line for lists.
    #[serde(default, rename = "summary")]
    _summary: String,
    /// Always `upscale`.
    #[schemars(extend("const" = "upscale"))]
    family: String,
    pub licence: Licence,
    /// How many times wider and higher the output is, 1 to 8.
    #[schemars(range(min = 1, max = 8))]
    pub scale: usize,
    /// Pixels of one tile's side, 16 to 4096.
    #[serde(default = "tile")]
    #[schemars(range(min = 16, max = 4096))]
    pub tile: usize,
    /// Pixels around a tile that it is computed with, at most 256; at least what the network sees around a pixel.
    #[serde(default = "pad")]
    #[schemars(range(max = 256))]
    pub pad: usize,
    /// `upscaler` is the ONNX graph.
    components: BTreeMap<String, Component>,
}

fn tile() -> usize {
    512
}

fn pad() -> usize {
    16
}

impl Described for Contract {
    fn name(&self) -> &str {
        &self.name
    }

    fn licence(&self) -> &Licence {
        &self.licence
    }

    fn components(&self) -> &BTreeMap<String, Component> {
        &self.components
    }

    fn mistakes(&self) -> Vec<String> {
        let mut found = Mistakes::of(self.contract, (&self.family, "upscale"), &self.components, &[NETWORK]);
        let mut check = |good, wrong| found.check(good, wrong);
        check((1..=8).contains(&self.scale), format!("`scale` is {}; expected 1 to 8", self.scale));
        check((16..=4096).contains(&self.tile), format!("`tile` is {}; expected 16 to 4096", self.tile));
        check(self.pad <= 256, format!("`pad` is {}; expected at most 256", self.pad));
        found.all()
    }
}
