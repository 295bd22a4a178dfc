//! A preset: what one placement of a platform takes, as data.

use schemars::JsonSchema;
use serde::Deserialize;

mod check;

pub(crate) use check::rational;

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
    /// The only rates that are taken, for broadcasters that insist. A mezzanine of another rate is brought to the
    /// highest of them that is not above its own, else to the lowest.
    #[serde(default)]
    pub rates: Vec<f64>,
    #[serde(default)]
    pub container: Container,
    pub video: Video,
    /// Left out for previews without sound.
    #[serde(default)]
    pub audio: Option<Audio>,
    /// What is refused.
    #[serde(default)]
    pub limits: Limits,
    /// What the platform's own buttons and text cover, as fractions of each side.
    #[serde(default)]
    pub safe_zone: SafeZone,
    /// What stands before the programme.
    #[serde(default)]
    pub leader: Leader,
    /// Seconds of black and silence after the programme.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 60.0))]
    pub tail_black_seconds: f64,
    /// Frames without sound at the start and at the end of the programme.
    #[serde(default)]
    pub silence: Silence,
    /// Time code of the first frame of the file, `00:59:53:00`; MOV and MXF keep it.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9]{2}:[0-9]{2}:[0-9]{2}[:;][0-9]{2}$"))]
    pub timecode: Option<String>,
    /// Which code of the brief is the file's name, when the brief gives it.
    #[serde(default)]
    pub named_by: Option<NamedBy>,
    /// What a person has to do when uploading, one line each, for the report: in place of the platform's own list. What has to
    /// be said of pictures and voices made with AI is added in any case.
    #[serde(default)]
    pub checklist: Vec<String>,
    /// When this was last held against the sources, `2026-11-22`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub dated: String,
    /// Where it comes from.
    #[schemars(length(min = 1))]
    pub sources: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// MP4 with the index in front.
    #[default]
    Mp4,
    /// QuickTime with the index in front.
    Mov,
    Webm,
    /// MXF OP1a.
    Mxf,
    /// Animated, without sound.
    Gif,
    /// Animated, without sound.
    Webp,
}

/// How the picture is coded: constant quality under a ceiling, or a constant rate. ProRes, XDCAM and previews have a
/// rate of their own.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Video {
    pub codec: VideoCodec,
    /// The codec's profile; the usual one of the codec when left out.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// The codec's level, `4.1`; the encoder's choice when left out.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[1-6](\.[0-9])?$"))]
    pub level: Option<String>,
    /// Where it is encoded. Hardware encoders are faster and don't give the same bytes everywhere.
    #[serde(default)]
    pub encoder: Encoder,
    /// Quality on the codec's own scale: of H.264 0 is lossless, 17 looks lossless, 23 shows; of AV1 and VP9 30 is good.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 63.0))]
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
    #[serde(default = "half_a_second")]
    #[schemars(range(min = 0.1, max = 10.0))]
    pub gop_seconds: f64,
}

fn half_a_second() -> f64 {
    0.5
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VideoCodec {
    H264,
    Hevc,
    Av1,
    Vp9,
    /// ProRes 422 HQ: 10 bit, every frame on its own.
    #[serde(rename = "prores-422-hq")]
    Prores422Hq,
    /// MPEG-2 4:2:2 at 50 Mb/s.
    #[serde(rename = "xdcam-hd422")]
    XdcamHd422,
    Gif,
    Webp,
}

impl VideoCodec {
    /// Whether the rate is the preset's to choose.
    #[must_use]
    pub fn has_rate(self) -> bool {
        matches!(self, Self::H264 | Self::Hevc | Self::Av1 | Self::Vp9)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// H.264 for the oldest devices.
    Baseline,
    /// H.264, HEVC, AV1.
    Main,
    /// HEVC and AV1 with ten bits.
    Main10,
    /// H.264.
    High,
}

impl Profile {
    /// FFmpeg's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Main => "main",
            Self::Main10 => "main10",
            Self::High => "high",
        }
    }
}

/// Where the picture is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// The first hardware encoder that opens, else the processor.
    Auto,
    /// The processor: the same bytes everywhere.
    #[default]
    Software,
    Nvenc,
    Vaapi,
    Qsv,
    VideoToolbox,
}

/// The sound: always stereo at 48 kHz, in one track but where `mono-tracks` says otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Audio {
    pub codec: AudioCodec,
    /// In kb/s; needed for AAC and Opus.
    #[serde(default)]
    #[schemars(range(min = 32, max = 512))]
    pub kbps: Option<u32>,
    /// Uncompressed sound as so many tracks of one channel: left, right, and silence in the others. What broadcasters take
    /// in MXF (SMPTE RDD 9, EBU R 123).
    #[serde(default)]
    #[schemars(range(min = 2, max = 16))]
    pub mono_tracks: Option<u32>,
    /// Integrated loudness to reach, in LUFS.
    #[schemars(range(min = -40.0, max = -5.0))]
    pub loudness_lufs: f64,
    /// How far a finished file's loudness may be from that, in LU (EBU R128 s1: 0.5, ATSC A/85: 2).
    #[serde(default = "one")]
    #[schemars(range(min = 0.1, max = 6.0))]
    pub loudness_tolerance_lu: f64,
    /// Highest true peak, in dBTP.
    #[schemars(range(min = -12.0, max = 0.0))]
    pub true_peak_db: f64,
    /// Highest short-term loudness, in LUFS, where short spots are held to one (EBU R128 s1: -18).
    #[serde(default)]
    #[schemars(range(min = -40.0, max = 0.0))]
    pub max_short_term_lufs: Option<f64>,
}

fn one() -> f64 {
    1.0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AudioCodec {
    /// AAC, low complexity.
    Aac,
    Opus,
    /// Uncompressed, 24 bit.
    #[serde(rename = "pcm_s24le")]
    Pcm24,
}

/// What is refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_seconds: Option<f64>,
    /// Not below `min-seconds`.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_seconds: Option<f64>,
    /// The only lengths that are taken, in seconds.
    #[serde(default)]
    pub lengths: Vec<f64>,
    /// The programme must last whole seconds, to the frame.
    #[serde(default)]
    pub whole_seconds: bool,
    /// Size of the file, in millions of bytes.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
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

/// What stands before the programme: a slate that says what it is, then black.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Leader {
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 60.0))]
    pub slate_seconds: f64,
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 60.0))]
    pub black_seconds: f64,
}

/// Frames without sound at both ends of the programme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Silence {
    #[serde(default)]
    #[schemars(range(max = 250))]
    pub head_frames: u32,
    #[serde(default)]
    #[schemars(range(max = 250))]
    pub tail_frames: u32,
}

/// A code that identifies a spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamedBy {
    /// The Ad-ID of US advertising.
    AdId,
    /// The clock number of UK advertising.
    ClockNumber,
}
