//! What a pipeline can say under `with:`.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_plugin_sdk::api::Failure;

use crate::names;

/// How the masters are named and what they sound like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// The first part of every file name: brand, campaign and title, joined by underscores. Letters, digits, `_`, `-`
    /// and `.` only.
    pub name: String,
    /// The language of the text, a BCP 47 tag; the last part of every file name.
    #[serde(default)]
    pub locale: Option<String>,
    /// The Ad-ID of the spot, `ABCD1234567H`. Presets that are `named-by: ad-id` call their file so.
    #[serde(default)]
    pub ad_id: Option<String>,
    /// The clock number of the spot, `AAA/BBCC001/030`. Presets that are `named-by: clock-number` call their file so,
    /// with underscores for the slashes.
    #[serde(default)]
    pub clock_number: Option<String>,
    /// What slates say besides the name: `Advertiser`, `Product`, `Title`, … in the order they are given. The last of them are left
    /// out where there is no room beside codes, language, length, picture and sound.
    #[serde(default)]
    pub slate: serde_json::Map<String, serde_json::Value>,
    /// Beats of the music per minute; bars are found with it. Without it the fade goes by the last onset there is.
    #[serde(default)]
    #[schemars(range(min = 30.0, max = 300.0))]
    pub bpm: Option<f64>,
    /// Beats in a bar of the music.
    #[serde(default = "four")]
    #[schemars(range(min = 1, max = 16))]
    pub beats_per_bar: u32,
    /// When each of `effects` is heard, in seconds, in the same order.
    #[serde(default)]
    pub cues: Vec<f64>,
    /// The storyboard: where each sound of `own-sound` is heard, and from where it is taken. Other fields of a scene are passed over.
    #[serde(default)]
    pub scenes: Vec<Scene>,
    /// Each of `effects` against an accent of the music, in dB, in the same order; none is 0.
    #[serde(default)]
    pub cue_gains_db: Vec<Option<f64>>,
    /// All effects against the music, in dB.
    #[serde(default)]
    #[schemars(range(min = -60.0, max = 20.0))]
    pub effects_gain_db: f64,
    /// How far the music goes down under the voice, in dB.
    #[serde(default = "duck")]
    #[schemars(range(min = 0.0, max = 40.0))]
    pub duck_db: f64,
    /// Music against voice-over, in dB, before the whole is brought to the preset's loudness.
    #[serde(default)]
    #[schemars(range(min = -60.0, max = 20.0))]
    pub music_gain_db: f64,
    /// Seconds over which the music comes in.
    #[serde(default = "fade_in")]
    #[schemars(range(min = 0.0, max = 30.0))]
    pub fade_in_seconds: f64,
    /// Seconds over which the music goes out at the end.
    #[serde(default = "fade_out")]
    #[schemars(range(min = 0.0, max = 30.0))]
    pub fade_out_seconds: f64,
    /// When the voice-over starts, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub voiceover_start_seconds: f64,
    /// How long the spot is going to be, for `preflight`; a master is as long as what it is made of.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 7200.0))]
    pub seconds: Option<f64>,
    /// Only sees whether the presets take a spot of so many `seconds` with these codes, and whether slates can be written, and
    /// makes nothing. Before a job begins it is asked this way for every language and shape.
    #[serde(default)]
    #[schemars(extend("x-needs" = "seconds"))]
    pub preflight: bool,
}

/// A scene, as far as its own sound goes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Scene {
    /// Its length.
    #[schemars(range(min = 0.0, max = 7200.0))]
    pub seconds: f64,
    /// Where its footage is entered, in seconds from its start.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 36000.0))]
    pub from: f64,
    /// Whether the sound of its footage is heard: then it is the next one of `own-sound`.
    #[serde(default)]
    pub keep_sound: bool,
}

fn four() -> u32 {
    4
}

fn duck() -> f64 {
    12.0
}

fn fade_in() -> f64 {
    0.05
}

fn fade_out() -> f64 {
    1.0
}

impl Params {
    /// Refuses what the schema can't: names that are not fit for a file, numbers that are not in range.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let fit = |text: &str| {
            !text.is_empty()
                && text.len() <= 160
                && !text.starts_with('.')
                && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        };
        let bad = |what: &str, value: &str, expected: &str| {
            Err(Failure::new("bad-params", format!("`{what}` is {value:?}; expected {expected}")))
        };
        if !fit(&self.name) {
            return bad("name", &self.name, "1 to 160 letters, digits, `_`, `-` or `.`");
        }
        if let Some(locale) = self.locale.as_deref().filter(|l| !fit(l)) {
            return bad("locale", locale, "a language tag such as `en` or `pt-BR`");
        }
        if let Some(code) = self.ad_id.as_deref().filter(|c| !names::is_ad_id(c)) {
            return bad(
                "ad-id",
                code,
                "11 capital letters and digits, not beginning with 0, and maybe an H: `ABCD1234567H`",
            );
        }
        if let Some(code) = self.clock_number.as_deref().filter(|c| !names::is_clock_number(c)) {
            return bad("clock-number", code, "agency, product and seconds, like `AAA/BBCC001/030`");
        }
        if let Some(at) = self.cues.iter().find(|at| !(0.0..=3600.0).contains(*at)) {
            return bad("cues", &at.to_string(), "seconds from 0 to 3600");
        }
        if let Some(gain) = self.cue_gains_db.iter().flatten().find(|gain| !(-60.0..=20.0).contains(*gain)) {
            return bad("cue-gains-db", &gain.to_string(), "decibels from -60 to 20");
        }
        for (what, value, low, high) in [
            ("music-gain-db", self.music_gain_db, -60.0, 20.0),
            ("fade-in-seconds", self.fade_in_seconds, 0.0, 30.0),
            ("fade-out-seconds", self.fade_out_seconds, 0.0, 30.0),
            ("voiceover-start-seconds", self.voiceover_start_seconds, 0.0, 3600.0),
            ("bpm", self.bpm.unwrap_or(120.0), 30.0, 300.0),
            ("beats-per-bar", f64::from(self.beats_per_bar), 1.0, 16.0),
            ("effects-gain-db", self.effects_gain_db, -60.0, 20.0),
            ("duck-db", self.duck_db, 0.0, 40.0),
            ("seconds", self.seconds.unwrap_or(1.0), 0.1, 7200.0),
        ] {
            if !(low..=high).contains(&value) {
                return bad(what, &value.to_string(), &format!("{low} to {high}"));
            }
        }
        Ok(())
    }
}
