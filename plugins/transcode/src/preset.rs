//! A preset: what one placement of a platform takes, as data.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_plugin_sdk::api::Failure;

/// What a placement takes. The file's name is the preset's name.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Preset {
    /// One line for lists.
    pub summary: String,
    /// The platform, as people call it.
    pub platform: String,
    /// The part of the file name that tells placements of one platform apart; the platform when left out.
    #[serde(default)]
    pub label: Option<String>,
    /// Width to height, `16:9`. Masters are composed once per aspect.
    #[schemars(regex(pattern = r"^[1-9][0-9]*:[1-9][0-9]*$"))]
    pub aspect: String,
    /// In pixels, even.
    #[schemars(range(min = 16, max = 8192))]
    pub width: u32,
    /// In pixels, even.
    #[schemars(range(min = 16, max = 8192))]
    pub height: u32,
    /// Frames per second that are composed for it.
    #[schemars(range(min = 1.0, max = 120.0))]
    pub fps: f64,
    /// The highest rate the platform takes. A mezzanine up to this keeps its rate, a faster one is brought down to it.
    #[serde(default)]
    #[schemars(range(min = 1.0, max = 120.0))]
    pub max_fps: Option<f64>,
    #[serde(default)]
    pub container: Container,
    pub video: Video,
    pub audio: Audio,
    /// What is refused.
    #[serde(default)]
    pub limits: Limits,
    /// What the platform's own buttons and text cover, as fractions of each side.
    #[serde(default)]
    pub safe_zone: SafeZone,
    /// When this was last held against the sources, `2026-11-22`.
    pub dated: String,
    /// Where it comes from.
    pub sources: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// MP4 with the index in front.
    #[default]
    Mp4,
}

/// How the picture is coded: constant quality under a ceiling, or a constant rate.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Video {
    pub codec: VideoCodec,
    #[serde(default)]
    pub profile: Profile,
    /// Quality: 0 is lossless, 17 looks lossless, 23 shows.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 40.0))]
    pub crf: Option<f64>,
    /// Ceiling in kb/s; needed with `crf`.
    #[serde(default)]
    #[schemars(range(min = 100, max = 200_000))]
    pub max_kbps: Option<u32>,
    /// Decoder buffer the ceiling is measured over, in kb; one and a half seconds of the ceiling when left out.
    #[serde(default)]
    #[schemars(range(min = 100, max = 400_000))]
    pub buffer_kbps: Option<u32>,
    /// A constant rate in kb/s, padded where the picture is simpler; instead of `crf`.
    #[serde(default)]
    #[schemars(range(min = 100, max = 200_000))]
    pub constant_kbps: Option<u32>,
    /// The longest time between key frames.
    #[schemars(range(min = 0.1, max = 10.0))]
    pub gop_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VideoCodec {
    H264,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    #[default]
    High,
}

/// The sound: always stereo at 48 kHz.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Audio {
    pub codec: AudioCodec,
    /// In kb/s.
    #[schemars(range(min = 32, max = 512))]
    pub kbps: u32,
    /// Integrated loudness to reach, in LUFS.
    #[schemars(range(min = -40.0, max = -5.0))]
    pub loudness_lufs: f64,
    /// Highest true peak, in dBTP.
    #[schemars(range(min = -12.0, max = 0.0))]
    pub true_peak_db: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AudioCodec {
    /// AAC, low complexity.
    Aac,
}

/// What is refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    #[serde(default)]
    pub min_seconds: Option<f64>,
    #[serde(default)]
    pub max_seconds: Option<f64>,
    /// Size of the file, in millions of bytes.
    #[serde(default)]
    pub max_megabytes: Option<f64>,
    /// Average rate of the whole file.
    #[serde(default)]
    pub min_kbps: Option<u32>,
}

/// Margins that text and logo keep clear, as fractions of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SafeZone {
    #[schemars(range(min = 0.0, max = 0.45))]
    pub top: f64,
    #[schemars(range(min = 0.0, max = 0.45))]
    pub right: f64,
    #[schemars(range(min = 0.0, max = 0.45))]
    pub bottom: f64,
    #[schemars(range(min = 0.0, max = 0.45))]
    pub left: f64,
}

impl Preset {
    /// Reads a preset; `file` is named in errors.
    ///
    /// # Errors
    /// `bad-preset` with the place of the mistake.
    pub fn parse(file: &str, text: &str) -> Result<Self, Failure> {
        let preset: Self = serde_saphyr::from_str(text)
            .map_err(|e| Failure::new("bad-preset", format!("the preset {file} can't be read: {e}")))?;
        preset.check().map_err(|why| {
            Failure::new("bad-preset", format!("the preset {file}: {why}"))
                .hint("`spotloom schema preset` shows what a preset may say")
        })?;
        Ok(preset)
    }

    fn check(&self) -> Result<(), String> {
        let Self { width, height, aspect, .. } = self;
        let (across, down) = self.ratio().ok_or_else(|| format!("`aspect` is {aspect:?}; expected one like `16:9`"))?;
        for (name, side) in [("width", *width), ("height", *height)] {
            if !(16..=8192).contains(&side) || side % 2 == 1 {
                return Err(format!("`{name}` is {side}; expected an even number from 16 to 8192"));
            }
        }
        let (shape, promised) = (f64::from(*width) / f64::from(*height), f64::from(across) / f64::from(down));
        if (shape / promised - 1.0).abs() > 0.01 {
            return Err(format!("`aspect` is {aspect}, but {width}x{height} is not of that shape"));
        }
        for (name, fps) in [("fps", Some(self.fps)), ("max-fps", self.max_fps)] {
            if fps.is_some_and(|f| rational(f).is_none()) {
                return Err(format!("`{name}` is not a frame rate; expected a whole number or 23.976, 29.97, 59.94"));
            }
        }
        match (self.video.crf, self.video.max_kbps, self.video.constant_kbps) {
            (Some(crf), Some(_), None) if (0.0..=40.0).contains(&crf) => {}
            (None, None, Some(_)) => {}
            _ => return Err("`video` needs either `crf` (0 to 40) and `max-kbps`, or `constant-kbps` alone".into()),
        }
        if !(0.1..=10.0).contains(&self.video.gop_seconds) {
            return Err("`video.gop-seconds` must be 0.1 to 10".into());
        }
        if !(32..=512).contains(&self.audio.kbps)
            || !(-40.0..=-5.0).contains(&self.audio.loudness_lufs)
            || !(-12.0..=0.0).contains(&self.audio.true_peak_db)
        {
            return Err("`audio` must have `kbps` 32 to 512, `loudness-lufs` -40 to -5, `true-peak-db` -12 to 0".into());
        }
        let SafeZone { top, right, bottom, left } = self.safe_zone;
        if [top, right, bottom, left].iter().any(|m| !(0.0..=0.45).contains(m)) {
            return Err("`safe-zone` margins are fractions from 0 to 0.45".into());
        }
        Ok(())
    }

    /// `16:9` as numbers.
    pub(crate) fn ratio(&self) -> Option<(u32, u32)> {
        let (across, down) = self.aspect.split_once(':')?;
        let (across, down) = (across.parse().ok()?, down.parse().ok()?);
        (across > 0 && down > 0).then_some((across, down))
    }

    /// The part of the file name that says where it goes.
    pub(crate) fn label(&self) -> String {
        let label: String =
            self.label.as_ref().unwrap_or(&self.platform).chars().filter(|c| c.is_alphanumeric()).collect();
        if label.is_empty() { "Master".into() } else { label }
    }
}

/// A rate as a fraction: whole numbers, and the NTSC rates that are written with decimals.
pub(crate) fn rational(fps: f64) -> Option<(u32, u32)> {
    let whole = fps.round();
    if !(1.0..=120.0).contains(&whole) {
        return None;
    }
    if (fps - whole).abs() < 1e-9 {
        return Some((whole as u32, 1));
    }
    // 29.97 is 30000/1001; 23.98 is a common way to write 24000/1001.
    let ntsc = fps.ceil();
    ((fps - ntsc * 1000.0 / 1001.0).abs() < 0.006).then_some((ntsc as u32 * 1000, 1001))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        fn check(fps: f64, expected: Option<(u32, u32)>) {
            assert_eq!(rational(fps), expected, "{fps}");
        }
        check(25.0, Some((25, 1)));
        check(29.97, Some((30_000, 1001)));
        check(23.976, Some((24_000, 1001)));
        check(23.98, Some((24_000, 1001)));
        check(59.94, Some((60_000, 1001)));
        check(29.5, None);
        check(0.0, None);
        check(f64::NAN, None);
        check(1000.0, None);
    }

    const GOOD: &str = "
summary: A test
platform: Test TV
aspect: '16:9'
width: 1920
height: 1080
fps: 25
video: {codec: h264, crf: 18, max-kbps: 8000, gop-seconds: 0.5}
audio: {codec: aac, kbps: 192, loudness-lufs: -14, true-peak-db: -1}
dated: 2026-11-22
sources: [here]
";

    #[test]
    fn mistakes_are_named() {
        assert_eq!(Preset::parse("good.yaml", GOOD).map(|p| p.label()), Ok("TestTV".into()));
        let check = |from: &str, to: &str, expected: &str| {
            assert!(GOOD.contains(from));
            let error = Preset::parse("mine.yaml", &GOOD.replace(from, to)).unwrap_err();
            assert_eq!(error.code, "bad-preset");
            assert!(error.message.contains("mine.yaml") && error.message.contains(expected), "{}", error.message);
        };
        check("fps: 25", "fps: 25\nfsp: 30", "fsp");
        check("kbps: 192", "kbps: 192, bitrate: 9", "bitrate");
        check("codec: h264", "codec: h265", "h265");
        check("width: 1920", "width: 1921", "1921; expected an even number");
        check("'16:9'", "'9:16'", "1920x1080 is not of that shape");
        check("'16:9'", "wide", "expected one like `16:9`");
        check("fps: 25", "fps: 26.5", "`fps` is not a frame rate");
        check("crf: 18, ", "", "`crf` (0 to 40) and `max-kbps`");
        check("crf: 18, ", "crf: 18, constant-kbps: 9000, ", "`constant-kbps` alone");
        check("loudness-lufs: -14", "loudness-lufs: 14", "`loudness-lufs` -40 to -5");
    }
}
