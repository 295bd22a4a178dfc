//! The `model.yaml` of a try-on model.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_onnx::Described;
use spotloom_onnx::component::{Component, Licence, Mistakes};

/// Velocity of the picture under noise.
pub const TRANSFORMER: &str = "transformer";
/// Finds people: YOLOX.
pub const DETECTOR: &str = "person-detector";
/// Finds their joints: a whole-body pose network with SimCC outputs.
pub const POSE: &str = "pose";
/// All of them, in the order in which they run.
pub const COMPONENTS: [&str; 3] = [DETECTOR, POSE, TRANSFORMER];

/// The family this stage takes.
pub const FAMILY: &str = "fashn-vton";

/// A model that dresses a person, in pixels instead of latents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Try-on model")]
pub struct Contract {
    /// Version of this format; always 1.
    #[schemars(range(min = 1, max = 1))]
    contract: u32,
    /// The model's name.
    pub name: String,
    /// One line for lists.
    #[serde(default, rename = "summary")]
    _summary: String,
    /// Always `fashn-vton`.
    #[schemars(extend("const" = "fashn-vton"))]
    family: String,
    pub licence: Licence,
    /// Pixels of the picture that it makes, 16 to 4096; smaller pictures are padded with black.
    #[schemars(range(min = 16, max = 4096))]
    pub width: usize,
    /// Pixels, 16 to 4096.
    #[schemars(range(min = 16, max = 4096))]
    pub height: usize,
    /// How a garment can be worn. The first has the number 1 at the port `category`; 0 means that nothing is told.
    #[schemars(length(min = 1))]
    pub categories: Vec<String>,
    #[serde(default)]
    pub sampling: Sampling,
    /// `person-detector`, `pose` and `transformer`, an ONNX graph each.
    components: BTreeMap<String, Component>,
}

/// How the model is walked from noise to a picture.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Sampling {
    /// Denoising steps, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub steps: usize,
    /// Guidance scale, 1 to 20: how much more than without person and garment the picture follows them.
    #[schemars(range(min = 1.0, max = 20.0))]
    pub guidance: f64,
    /// How much of the schedule is spent at high noise, -10 to 10; 0 is even.
    #[schemars(range(min = -10.0, max = 10.0))]
    pub shift: f64,
    /// Steps at the end that take no guidance, so that colours do not saturate.
    pub unguided: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { steps: 30, guidance: 1.5, shift: 1.5, unguided: 1 }
    }
}

impl Contract {
    /// What the port `category` gets.
    #[must_use]
    pub fn category(&self, name: &str) -> Option<i64> {
        self.categories.iter().position(|c| c == name).and_then(|at| i64::try_from(at + 1).ok())
    }
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
        let mut found = Mistakes::of(self.contract, (&self.family, FAMILY), &self.components, &COMPONENTS);
        let mut check = |good, wrong| found.check(good, wrong);
        let Sampling { steps, guidance, shift, unguided } = self.sampling;
        for (name, side) in [("width", self.width), ("height", self.height)] {
            check((16..=4096).contains(&side), format!("`{name}` is {side}; expected 16 to 4096"));
        }
        check(!self.categories.is_empty(), "`categories` is empty; expected how a garment can be worn".into());
        check((1..=200).contains(&steps), format!("`sampling.steps` is {steps}; expected 1 to 200"));
        check((1.0..=20.0).contains(&guidance), format!("`sampling.guidance` is {guidance}; expected 1 to 20"));
        check((-10.0..=10.0).contains(&shift), format!("`sampling.shift` is {shift}; expected -10 to 10"));
        check(unguided <= steps, format!("`sampling.unguided` is {unguided}; there are {steps} steps"));
        found.all()
    }
}
