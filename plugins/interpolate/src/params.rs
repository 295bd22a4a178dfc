//! What a pipeline can say under `with:`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The rate, and how to reach it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Frames a second of the result, more than 0 and at most 240: `24`, `59.94` (read as 60000/1001) or `"30000/1001"`.
    pub fps: Rate,
    /// How frames between frames are made.
    #[serde(default)]
    pub method: Method,
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
