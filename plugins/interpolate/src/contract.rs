//! The `model.yaml` of an interpolator.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_onnx::Described;
use spotloom_onnx::component::{Component, Licence, Mistakes};

/// The component that does the work.
pub(crate) const NETWORK: &str = "interpolator";

/// A network that makes the picture between two: both `[1,3,H,W]`, RGB in 0-1, and the time between them, 0 to 1, to
/// `[1,3,H,W]`. As it is, the interface of RIFE 4; with `times: middle` and other `ports`, that of FILM.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Interpolator")]
pub struct Contract {
    /// Version of this format; always 1.
    #[schemars(range(min = 1, max = 1))]
    contract: u32,
    /// The model's name.
    pub name: String,
    /// One line for lists.
    #[serde(default, rename = "summary")]
    _summary: String,
    /// Always `interpolate`.
    #[schemars(extend("const" = "interpolate"))]
    family: String,
    pub licence: Licence,
    /// Which pictures it makes.
    #[serde(default)]
    pub times: Times,
    /// What the sides of its pictures are multiples of, 1 to 256: others are continued at their right and lower edge, and cut again.
    #[serde(default = "multiple")]
    #[schemars(range(min = 1, max = 256))]
    pub multiple: usize,
    /// What its ports are called.
    #[serde(default)]
    pub ports: Ports,
    /// `interpolator` is the ONNX graph.
    components: BTreeMap<String, Component>,
}

/// Which pictures a network makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// Of any time between the two, as RIFE since 4.
    #[default]
    Any,
    /// The one in the middle, as FILM; others are middles of middles, to a sixteenth of the way.
    Middle,
}

/// What the ports of a network are called; left out, as in exports of RIFE.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ports {
    /// The earlier picture.
    pub first: String,
    /// The later picture.
    pub second: String,
    /// The time, as a number or, of four free dimensions, as a plane of the picture's size. With `times: middle` it need not be
    /// there, and is 0.5.
    pub time: String,
    /// The picture in between.
    pub output: String,
}

impl Default for Ports {
    fn default() -> Self {
        Self { first: "img0".into(), second: "img1".into(), time: "timestep".into(), output: "output".into() }
    }
}

fn multiple() -> usize {
    32
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
        let mut found = Mistakes::of(self.contract, (&self.family, "interpolate"), &self.components, &[NETWORK]);
        let mut check = |good, wrong| found.check(good, wrong);
        check((1..=256).contains(&self.multiple), format!("`multiple` is {}; expected 1 to 256", self.multiple));
        let Ports { first, second, time, output } = &self.ports;
        let inputs = [first, second, time];
        let apart = inputs.iter().enumerate().all(|(at, name)| !inputs[at + 1..].contains(name));
        check(apart, "`ports` names one input twice".into());
        check(!inputs.iter().any(|name| name.is_empty()) && !output.is_empty(), "`ports` has an empty name".into());
        found.all()
    }
}
