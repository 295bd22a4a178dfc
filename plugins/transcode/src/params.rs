//! What a pipeline can say under `with:`.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_plugin_sdk::api::Failure;

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
        for (what, value, low, high) in [
            ("music-gain-db", self.music_gain_db, -60.0, 20.0),
            ("fade-in-seconds", self.fade_in_seconds, 0.0, 30.0),
            ("fade-out-seconds", self.fade_out_seconds, 0.0, 30.0),
            ("voiceover-start-seconds", self.voiceover_start_seconds, 0.0, 3600.0),
        ] {
            if !(low..=high).contains(&value) {
                return bad(what, &value.to_string(), &format!("{low} to {high}"));
            }
        }
        Ok(())
    }
}
