//! What of a preset matters here. The stage that makes masters owns the format; this reads it as data and passes over
//! what it does not know.

use serde::Deserialize;
use spotloom_plugin_sdk::prelude::*;

/// What a master is to be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Preset {
    pub platform: String,
    pub aspect: String,
    pub container: Option<String>,
    pub width: u32,
    pub height: u32,
    pub max_fps: Option<f64>,
    /// The rates it takes, where it takes no other.
    pub rates: Vec<f64>,
    pub video: Video,
    pub audio: Option<Audio>,
    pub limits: Limits,
    pub safe_zone: SafeZone,
    pub leader: Leader,
    /// Black after the ad.
    pub tail_black_seconds: f64,
    pub silence: Silence,
    /// Of the first frame of the file.
    pub timecode: Option<String>,
    /// Set by the reader: the preset's name.
    #[serde(skip)]
    pub name: String,
}

impl Preset {
    /// Whether it is seen on a television set, where nothing is ever meant to be silent.
    pub(crate) fn is_television(&self) -> bool {
        ["Broadcast", "CTV", "Roku", "Netflix"].contains(&self.platform.as_str())
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Video {
    pub codec: String,
    pub profile: Option<String>,
    pub max_kbps: Option<f64>,
    pub buffer_kbps: Option<f64>,
    pub constant_kbps: Option<f64>,
    /// The highest level, as `4.1`.
    pub level: Option<String>,
    /// The longest time between key frames.
    pub gop_seconds: Option<f64>,
}

impl Video {
    /// How many frames there may be from one key frame to the next; of a preset that says nothing, those of half a second,
    /// which the transcoder takes then.
    pub(crate) fn longest_gop(&self, fps: f64) -> u64 {
        (self.gop_seconds.unwrap_or(0.5) * fps).round().max(1.0) as u64
    }

    /// What the decoder's buffer holds, in kilobits, for a rate of so many in a second; where it is not said, as the transcoder
    /// takes it then.
    pub(crate) fn buffer(&self, most: f64) -> f64 {
        let usual = if self.constant_kbps.is_some() { most } else { 1.5 * most };
        self.buffer_kbps.unwrap_or(usual)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Audio {
    pub codec: String,
    /// How many tracks of one channel there are, where it isn't one of two.
    pub mono_tracks: Option<usize>,
    pub loudness_lufs: Option<f64>,
    pub loudness_tolerance_lu: Option<f64>,
    pub true_peak_db: Option<f64>,
    pub max_short_term_lufs: Option<f64>,
}

impl Audio {
    /// How far the loudness may be from the one that is asked for, in LU.
    pub(crate) fn tolerance(&self) -> f64 {
        self.loudness_tolerance_lu.unwrap_or(1.0)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Limits {
    pub min_seconds: Option<f64>,
    pub max_seconds: Option<f64>,
    /// The lengths it takes, where it takes no other.
    pub lengths: Vec<f64>,
    pub whole_seconds: bool,
    pub max_megabytes: Option<f64>,
    pub min_kbps: Option<f64>,
}

/// What stands before the ad itself.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Leader {
    pub slate_seconds: f64,
    pub black_seconds: f64,
}

impl Leader {
    pub(crate) fn seconds(self) -> f64 {
        self.slate_seconds + self.black_seconds
    }
}

/// How many frames at the start and at the end of the ad are without sound.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Silence {
    pub head_frames: u32,
    pub tail_frames: u32,
}

/// Margins as fractions of each side.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SafeZone {
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub left: f64,
}

impl Preset {
    /// Reads the file of a preset.
    ///
    /// # Errors
    /// `bad-preset`, or an I/O failure.
    pub(crate) fn read(artifact: &Artifact) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(&artifact.path).map_err(|e| io_failure("read", &artifact.path, &e))?;
        let file = artifact.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if artifact.name.is_empty() { file } else { artifact.name.clone() };
        let name = name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned();
        let preset: Self = serde_saphyr::from_str(&text)
            .map_err(|e| Failure::new("bad-preset", format!("the preset {name}.yaml can't be read: {e}")))?;
        Ok(Self { name, ..preset })
    }
}
