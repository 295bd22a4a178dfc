//! A voice's configuration, the `.onnx.json` beside it, as Piper writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What is read of it; Piper knows more fields.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Config {
    pub audio: Audio,
    #[serde(default)]
    pub espeak: Espeak,
    #[serde(default)]
    pub phoneme_type: PhonemeType,
    #[serde(default)]
    pub inference: Inference,
    /// Ids of each phoneme. `^` begins a sentence, `$` ends it, `_` stands after every other.
    pub phoneme_id_map: BTreeMap<String, Vec<i64>>,
    /// Vowels that are one phoneme together.
    #[serde(default)]
    pub vowel_clusters: Vec<Vec<String>>,
    #[serde(default = "one")]
    pub num_speakers: u32,
    #[serde(default)]
    pub speaker_id_map: BTreeMap<String, i64>,
    #[serde(default)]
    pub default_speaker_id: i64,
    #[serde(default)]
    pub language: Language,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Audio {
    /// Samples a second.
    pub sample_rate: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Espeak {
    /// The voice of espeak-ng that says how words are pronounced.
    #[serde(default)]
    pub voice: String,
}

/// What a sentence is cut into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PhonemeType {
    /// The sounds of the International Phonetic Alphabet that espeak-ng gives.
    #[default]
    Espeak,
    /// The letters themselves.
    Text,
    #[serde(untagged)]
    Other(String),
}

/// How the voice is used unless it is said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Inference {
    /// How much the sound varies.
    pub noise_scale: f32,
    /// How long everything takes: above 1 is slower.
    pub length_scale: f32,
    /// How much the lengths of sounds vary.
    pub noise_w: f32,
}

impl Default for Inference {
    fn default() -> Self {
        Self { noise_scale: 0.667, length_scale: 1.0, noise_w: 0.8 }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Language {
    /// `en_US`.
    pub code: String,
}

fn one() -> u32 {
    1
}

impl Config {
    /// Everything that is wrong with it.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |good: bool, text: String| {
            if !good {
                found.push(text);
            }
        };
        let rate = self.audio.sample_rate;
        check((8_000..=192_000).contains(&rate), format!("`audio.sample_rate` is {rate}; expected 8000 to 192000"));
        for mark in ["^", "_", "$"] {
            let there = self.phoneme_id_map.get(mark).is_some_and(|ids| !ids.is_empty());
            check(there, format!("`phoneme_id_map` has no `{mark}`"));
        }
        let ids = self.phoneme_id_map.values().flatten().all(|id| *id >= 0);
        check(ids, "`phoneme_id_map` has an id below 0".into());
        if let PhonemeType::Other(other) = &self.phoneme_type {
            check(false, format!("`phoneme_type` is `{other}`; this stage takes `espeak` and `text`"));
        }
        let silent = self.phoneme_type == PhonemeType::Espeak && self.espeak.voice.is_empty();
        check(!silent, "`espeak.voice` is missing, the voice of espeak-ng that tells how words are pronounced".into());
        let Inference { noise_scale, length_scale, noise_w } = self.inference;
        for (name, value, least) in
            [("noise_scale", noise_scale, 0.0), ("length_scale", length_scale, 0.1), ("noise_w", noise_w, 0.0)]
        {
            check((least..=10.0).contains(&value), format!("`inference.{name}` is {value}; expected {least} to 10"));
        }
        check(self.num_speakers >= 1, "`num_speakers` is 0; expected at least 1".into());
        found
    }

    /// The id of a speaker, by name or by number.
    ///
    /// # Errors
    /// Those that there are.
    pub(crate) fn speaker(&self, name: Option<&str>) -> Result<i64, String> {
        let Some(name) = name else { return Ok(self.default_speaker_id) };
        if let Some(id) = self.speaker_id_map.get(name) {
            return Ok(*id);
        }
        let number = name.parse::<u32>().ok().filter(|n| *n < self.num_speakers);
        number.map(i64::from).ok_or_else(|| {
            let names: Vec<&str> = self.speaker_id_map.keys().map(String::as_str).collect();
            match (names.as_slice(), self.num_speakers) {
                (_, 1) => "it has one speaker alone".to_owned(),
                ([], n) => format!("its speakers are the numbers 0 to {}", n - 1),
                (names, n) if names.len() > 12 => {
                    format!("it has {n} speakers, among them {}", names[..12].join(", "))
                }
                (names, _) => format!("its speakers are {}", names.join(", ")),
            }
        })
    }
}
