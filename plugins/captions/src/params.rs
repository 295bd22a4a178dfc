//! The parameters under `with:`; their doc comments are the reference.

use schemars::JsonSchema;
use serde::Deserialize;

/// Parameters of `captions`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Language tag of the words.
    pub locale: String,
    /// The stem of the files' names; the language is added.
    #[serde(default = "default_name")]
    pub name: String,
    /// The storyboard: what is said over each scene begins with it.
    #[serde(default)]
    pub scenes: Vec<Scene>,
    /// The whole text, when the scenes say nothing of their own.
    #[serde(default)]
    pub text: Option<String>,
    /// Length of what follows the scenes, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60))]
    pub end_card_seconds: f64,
    /// How fast is read, in letters a second.
    #[serde(default = "default_speed")]
    #[schemars(range(min = 5, max = 40))]
    pub letters_per_second: f64,
    /// The most letters of a line; wide letters count twice.
    #[serde(default = "default_line")]
    #[schemars(range(min = 12, max = 60))]
    pub line: usize,
    /// Whether the headlines of the scenes become chapters, as a WebVTT file.
    #[serde(default)]
    pub chapters: bool,
}

/// One scene. Other fields of a scene are other stages' business.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Scene {
    /// Its length.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub seconds: f64,
    /// What is said over it.
    #[serde(default)]
    pub say: Option<String>,
    /// The name of its chapter.
    #[serde(default)]
    pub headline: Option<String>,
}

fn default_name() -> String {
    "captions".into()
}

fn default_speed() -> f64 {
    15.0
}

fn default_line() -> usize {
    37
}
