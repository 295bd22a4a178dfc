//! What a check comes to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that is checked, by the name used in reports and under `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// Every frame and sample decodes, none is missing, all come at their time.
    Decode,
    /// The container and its layout: the index in front, no edit lists, one stream of each kind.
    Container,
    /// Codec, profile, level, distance of key frames, size, frame rate, pixel format, progressive, square pixels.
    VideoStream,
    /// Time code of the first frame.
    Timecode,
    /// BT.709, limited range, and tagged so.
    ColourTags,
    /// Codec, profile, rate, channels.
    AudioStream,
    /// Average rates against floor and ceiling.
    BitRate,
    FileSize,
    /// Against the brief and the preset's limits; picture and sound equally long.
    Length,
    Black,
    Frozen,
    /// Bars above and below, or left and right.
    Letterbox,
    /// ITU-R BT.1702-3: more than three flashes in a second over a quarter of the area.
    Flash,
    /// The brightness of a shot trembles.
    Flicker,
    /// The colours of a shot wander from its start to its end.
    Drift,
    Silent,
    /// Frames without sound at the start and at the end of the ad.
    SilentEnds,
    Clipped,
    /// EBU R128.
    Loudness,
    TruePeak,
    /// Texts keep clear of what the platform covers.
    SafeZone,
    /// Contrast and size of texts.
    Legible,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Pass,
    Warn,
    Fail,
}

/// One check of one master.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    pub name: Name,
    pub verdict: Verdict,
    /// With its unit, for people.
    pub measured: String,
    /// What is allowed, with its unit, for people.
    pub limit: String,
    /// Seconds; none when it is about the whole file.
    pub from: Option<f64>,
    pub until: Option<f64>,
    pub sentence: String,
    /// Found in what the brief itself brings: told, unless the pipeline says otherwise.
    #[serde(skip)]
    pub own: bool,
    /// File name of a picture of the place.
    pub picture: Option<String>,
}

impl Check {
    pub(crate) fn new(name: Name, verdict: Verdict, sentence: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            measured: String::new(),
            limit: String::new(),
            from: None,
            until: None,
            sentence: sentence.into(),
            own: false,
            picture: None,
        }
    }

    pub(crate) fn pass(name: Name, sentence: impl Into<String>) -> Self {
        Self::new(name, Verdict::Pass, sentence)
    }

    pub(crate) fn fail(name: Name, sentence: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, sentence)
    }

    pub(crate) fn warn(name: Name, sentence: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, sentence)
    }

    /// Adds what was measured and what is allowed.
    pub(crate) fn figures(mut self, measured: impl Into<String>, limit: impl Into<String>) -> Self {
        self.measured = measured.into();
        self.limit = limit.into();
        self
    }

    /// Adds the place, in seconds.
    pub(crate) fn at(mut self, from: f64, until: f64) -> Self {
        self.from = Some(round(from));
        self.until = Some(round(until));
        self
    }
}

/// To the millisecond.
pub(crate) fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// A sentence from what is written small.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
