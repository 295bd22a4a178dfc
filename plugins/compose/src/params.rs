//! The parameters under `with:`; their doc comments are the reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
pub use spotloom_composition::timeline::{EndCardBackground, TransitionKind};

/// Parameters of `compose`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Width of the picture in pixels; even, 64 to 4096.
    #[schemars(range(min = 64, max = 4096))]
    pub width: u32,
    /// Height of the picture in pixels; even, 64 to 4096.
    #[schemars(range(min = 64, max = 4096))]
    pub height: u32,
    /// Frames per second, 10 to 120. 23.976, 29.97 and 59.94 mean the exact 1001 rates.
    #[serde(default = "default_fps")]
    #[schemars(range(min = 10, max = 120))]
    pub fps: f64,
    /// Language tag of the texts (`en`, `de`, `ar-EG`): decides reading direction and the brand's legal line.
    #[serde(default = "default_locale")]
    pub locale: String,
    /// The texts, already in the language of `locale`, by name. The built-in looks use `headline`, `subline`, `cta`,
    /// `legal` and `kicker`; null or empty means not there.
    #[serde(default)]
    pub copy: BTreeMap<String, Option<String>>,
    /// One entry per clip, in order. Left out, every clip plays for its own length.
    #[serde(default)]
    pub scenes: Vec<SceneParams>,
    /// The closing card.
    #[serde(default)]
    pub end_card: EndCardParams,
    /// A colour like `#F28C0F` in place of the brand's accent.
    #[serde(default)]
    pub accent: Option<String>,
    /// What the platform's own buttons cover, as fractions of the picture: texts and logo stay out of it.
    #[serde(default)]
    pub safe_zone: SafeZone,
    /// Film grain over the footage, 0 (none) to 1 (strong). It also hides banding.
    #[serde(default = "default_grain")]
    #[schemars(range(min = 0, max = 1))]
    pub grain: f64,
    /// How far the camera moves in during a scene: 0.06 enlarges the picture by 6 %. 0 holds it still.
    #[serde(default = "default_push")]
    #[schemars(range(min = 0, max = 0.5))]
    pub push: f64,
    /// What stays in the frame when a clip has another shape than the picture.
    #[serde(default)]
    pub reframe: Reframe,
    /// The second the poster is taken at; left out, the end card once it is complete.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub poster_at: Option<f64>,
    /// What the poster's file is called, without ending; left out, `poster`.
    #[serde(default)]
    pub poster_name: Option<String>,
    /// Also writes the finished picture track as a file, `mezzanine`: nearly lossless H.264 in Matroska, for whoever
    /// edits on. Masters are made from the composition and don't need it.
    #[serde(default)]
    pub mezzanine: bool,
    /// Draws the sheet of the brand kit in place of an ad: only `brand` is read, `poster` is the sheet, and its fact
    /// `mistakes` lists what is wrong with the kit. For `spotloom validate`.
    #[serde(default)]
    pub brand_sheet: bool,
    /// Only sees whether brand, look and words go together, and makes nothing: no clip is needed, and `scenes` says how long
    /// they are. Before a job begins it is asked this way for every language and shape.
    #[serde(default)]
    pub preflight: bool,
}

/// One scene of the storyboard. A brief's scenes can be handed over as they are: fields that are not named here are
/// other stages' business, and ignored.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct SceneParams {
    /// Length in seconds, 0.2 to 600. A longer clip is cut, a shorter one is slowed down to fill it.
    #[schemars(range(min = 0.2, max = 600))]
    pub seconds: f64,
    /// How this scene takes over from the one before; the first scene simply starts.
    #[serde(default)]
    pub transition: TransitionKind,
    /// Length of the transition in seconds, half of it before the cut and half after. At most 0.8 of the shorter scene.
    #[serde(default)]
    #[schemars(range(min = 0, max = 5))]
    pub transition_seconds: Option<f64>,
    /// A text of this scene's own; the look shows it in place of the ad's headline.
    #[serde(default)]
    pub headline: Option<String>,
    /// Where the clip comes from (`generated`, `footage`, `picture`): only a generated one gets the slow `push`, the
    /// others have a camera of their own.
    #[serde(default)]
    pub source: Option<String>,
}

/// The closing card: brand, call to action, legal line.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EndCardParams {
    /// Length in seconds, added after the scenes; 0 leaves the card out.
    #[schemars(range(min = 0, max = 60))]
    pub seconds: f64,
    /// How the card's ground takes over from the last scene; left out, the look does it (`brand`) or it fades (`blur`).
    pub transition: Option<TransitionKind>,
    /// What is behind the card.
    pub background: EndCardBackground,
}

impl Default for EndCardParams {
    fn default() -> Self {
        Self { seconds: 3.0, transition: None, background: EndCardBackground::Brand }
    }
}

/// What stays in the frame when a clip has another shape than the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reframe {
    /// The subject, followed smoothly.
    #[default]
    Subject,
    /// The middle.
    Centre,
}

/// Margins as fractions of the picture's width or height, each 0 to 0.45.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SafeZone {
    /// Fraction of the height.
    pub top: f64,
    /// Fraction of the width.
    pub right: f64,
    /// Fraction of the height.
    pub bottom: f64,
    /// Fraction of the width.
    pub left: f64,
}

fn default_fps() -> f64 {
    30.0
}

fn default_locale() -> String {
    "en".into()
}

fn default_grain() -> f64 {
    0.08
}

fn default_push() -> f64 {
    0.06
}
