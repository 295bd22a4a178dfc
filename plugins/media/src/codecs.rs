//! Which encoder makes what, and how it is told.
//!
//! Invariant: a software encoder gives the same bytes for the same frames with the same libraries, whatever the number
//! of processors. Hardware encoders promise no such thing.

use std::path::{Path, PathBuf};

use ffmpeg_next::{Rational, codec, encoder};

use crate::error::{Error, Result};
use crate::frame::{FrameFormat, Pixel};
use crate::writer::{self, X264_THREADS};

/// The file around picture and sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Container {
    /// MP4, the index in front, no edit lists.
    #[default]
    Mp4,
    /// QuickTime, the index in front, no edit lists.
    Mov,
    WebM,
    /// MXF OP1a.
    Mxf,
    /// Animated WebP: a picture without sound.
    WebP,
}

impl Container {
    /// FFmpeg's short name of its muxer.
    pub(crate) const fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::WebM => "webm",
            Self::Mxf => "mxf",
            Self::WebP => "webp",
        }
    }
}

/// How the picture is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Baseline to High, 4:2:0, 8 bit.
    #[default]
    H264,
    /// Main or Main 10.
    Hevc,
    Av1,
    /// Profile 0.
    Vp9,
    /// ProRes 422 HQ, 10 bit 4:2:2.
    ProRes422Hq,
    /// MPEG-2 4:2:2 profile at 50 Mb/s, as Sony's XDCAM HD422.
    XdcamHd422,
    /// The frames of an animated WebP.
    WebP,
}

/// Where the picture is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncoderChoice {
    /// On the processor: the same bytes everywhere.
    #[default]
    Software,
    /// On the first hardware encoder that opens, else on the processor.
    Auto,
    Nvenc,
    Vaapi,
    Qsv,
    VideoToolbox,
}

/// How many bits the picture may take.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RateControl {
    /// Constant quality under a ceiling.
    Quality {
        /// The encoder's own scale: lower is better; 17 of x264 is visually lossless.
        crf: f64,
        max_kbps: u32,
        /// Size of the decoder buffer the ceiling is measured over, in kb.
        buffer_kbps: u32,
    },
    /// A constant rate, padded where the picture is simpler.
    Constant { kbps: u32 },
    /// A mean rate under a ceiling, for files that must not pass a size.
    Average { kbps: u32, max_kbps: u32, buffer_kbps: u32, pass: Pass },
    /// The codec's own: ProRes, XDCAM and WebP leave no choice.
    #[default]
    Fixed,
}

/// One of two passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pass {
    /// There is only one.
    #[default]
    Only,
    /// Looks at the frames and writes what it saw to this file; the master is thrown away.
    First(PathBuf),
    /// Spends the bits by what the first pass saw.
    Second(PathBuf),
}

/// Encoders by name: software last under `Auto`.
fn candidates(codec: Codec, choice: EncoderChoice) -> &'static [&'static str] {
    use EncoderChoice as E;
    match (codec, choice) {
        (Codec::H264, E::Software) => &["libx264"],
        (Codec::H264, E::Auto) => &["h264_nvenc", "h264_videotoolbox", "libx264"],
        (Codec::H264, E::Nvenc) => &["h264_nvenc"],
        (Codec::H264, E::Qsv) => &["h264_qsv"],
        (Codec::H264, E::VideoToolbox) => &["h264_videotoolbox"],
        (Codec::Hevc, E::Software) => &["libx265"],
        (Codec::Hevc, E::Auto) => &["hevc_nvenc", "hevc_videotoolbox", "libx265"],
        (Codec::Hevc, E::Nvenc) => &["hevc_nvenc"],
        (Codec::Hevc, E::Qsv) => &["hevc_qsv"],
        (Codec::Hevc, E::VideoToolbox) => &["hevc_videotoolbox"],
        (Codec::Av1, E::Software) => &["libsvtav1"],
        (Codec::Av1, E::Auto) => &["av1_nvenc", "libsvtav1"],
        (Codec::Av1, E::Nvenc) => &["av1_nvenc"],
        (Codec::Av1, E::Qsv) => &["av1_qsv"],
        (Codec::Vp9, E::Software | E::Auto) => &["libvpx-vp9"],
        (Codec::ProRes422Hq, E::Software | E::Auto) => &["prores_ks"],
        (Codec::XdcamHd422, E::Software | E::Auto) => &["mpeg2video"],
        (Codec::WebP, E::Software | E::Auto) => &["libwebp_anim"],
        // VAAPI takes frames in the GPU's memory only, which needs a device context that libav's safe interface lacks.
        (_, E::Vaapi) | (Codec::Vp9 | Codec::ProRes422Hq | Codec::XdcamHd422 | Codec::WebP | Codec::Av1, _) => &[],
    }
}

/// What an encoder is asked for.
pub(crate) struct Wanted<'a> {
    pub codec: Codec,
    pub choice: EncoderChoice,
    pub container: Container,
    pub format: FrameFormat,
    pub rate: Rational,
    pub control: &'a RateControl,
    pub gop: u32,
    pub profile: Option<&'a str>,
    pub level: Option<&'a str>,
}

/// What frames a codec takes.
pub(crate) fn pixel(codec: Codec, profile: Option<&str>) -> Pixel {
    match codec {
        Codec::Hevc | Codec::Av1 if profile == Some("main10") => Pixel::Yuv420p10,
        Codec::ProRes422Hq => Pixel::Yuv422p10,
        Codec::XdcamHd422 => Pixel::Yuv422p,
        _ => Pixel::Yuv420p,
    }
}

/// FFmpeg's name of the frames that an encoder takes, where it is not that of ours: hardware wants the two planes of chroma as one,
/// and ten bits at the top of their sixteen.
pub(crate) fn packed(name: &str, pixel: Pixel) -> Option<&'static str> {
    let hardware = |suffix: &str| name.ends_with(suffix);
    match pixel {
        Pixel::Yuv420p if hardware("_qsv") => Some("nv12"),
        Pixel::Yuv420p10 if ["_qsv", "_nvenc", "_videotoolbox"].into_iter().any(hardware) => Some("p010le"),
        _ => None,
    }
}

/// Opens the encoder that was asked for, and says by which name.
pub(crate) fn open(path: &Path, wanted: &Wanted) -> Result<(encoder::Video, &'static str)> {
    let names = candidates(wanted.codec, wanted.choice);
    let mut failed = Error::NoEncoder {
        what: format!("{:?} on {:?}", wanted.codec, wanted.choice),
        why: "it is not supported here",
    };
    for name in names {
        let hardware = name.contains('_') && !matches!(*name, "prores_ks" | "libwebp_anim");
        match open_named(path, name, wanted) {
            Ok(encoder) => return Ok((encoder, name)),
            Err(_) if hardware => {
                let why = "this machine, its driver or this FFmpeg does not have it";
                failed = Error::NoEncoder { what: (*name).to_owned(), why };
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn open_named(path: &Path, name: &'static str, wanted: &Wanted) -> Result<encoder::Video> {
    let settings = settings(name, wanted);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let mut flags = codec::Flags::BITEXACT | codec::Flags::CLOSED_GOP;
    // MXF repeats the headers in the stream; the others keep them in front.
    if wanted.container != Container::Mxf {
        flags |= codec::Flags::GLOBAL_HEADER;
    }
    match wanted.control {
        RateControl::Average { pass: Pass::First(_), .. } => flags |= codec::Flags::PASS1,
        RateControl::Average { pass: Pass::Second(_), .. } => flags |= codec::Flags::PASS2,
        _ => {}
    }
    let threading = match name {
        "prores_ks" | "mpeg2video" => {
            codec::threading::Config { kind: codec::threading::Type::Slice, count: 4, ..Default::default() }
        }
        "libx265" | "libsvtav1" | "libwebp_anim" => codec::threading::Config::count(1),
        _ => codec::threading::Config::count(X264_THREADS),
    };
    writer::open_encoder_with(path, name, wanted.format, wanted.rate, threading, flags, &settings)
}

fn settings(name: &str, wanted: &Wanted) -> Vec<(&'static str, String)> {
    let mut set: Vec<(&'static str, String)> = vec![("g", wanted.gop.max(1).to_string())];
    let profile = wanted.profile;
    match name {
        "libx264" => {
            let profile = profile.unwrap_or("high");
            set.extend([
                ("preset", "medium".into()),
                ("profile", profile.into()),
                ("bf", if profile == "baseline" { "0" } else { "2" }.into()),
                ("x264-params", "cpu-independent=1:open-gop=0".into()),
            ]);
            set.extend(wanted.level.map(|l| ("level", l.to_owned())));
        }
        "libx265" => {
            // Frame threads change the result, so their number is fixed; the pool below them does not.
            let mut params = "log-level=none:open-gop=0:frame-threads=2:info=0:repeat-headers=0".to_owned();
            match wanted.control {
                RateControl::Average { pass: Pass::First(file), .. } => {
                    params.push_str(&format!(":pass=1:stats={}", file.display()));
                }
                RateControl::Average { pass: Pass::Second(file), .. } => {
                    params.push_str(&format!(":pass=2:stats={}", file.display()));
                }
                RateControl::Constant { kbps } => {
                    params.push_str(&format!(":strict-cbr=1:hrd=1:bitrate={kbps}:filler=1"));
                }
                _ => {}
            }
            params.extend(wanted.level.map(|l| format!(":level-idc={l}")));
            set.extend([
                ("preset", "medium".into()),
                ("profile", profile.unwrap_or("main").into()),
                ("x265-params", params),
            ]);
        }
        "libsvtav1" => set.push(("preset", "8".into())),
        "libvpx-vp9" => set.extend([
            ("deadline", "good".into()),
            ("cpu-used", "3".into()),
            ("lag-in-frames", "25".into()),
            ("auto-alt-ref", "1".into()),
            ("tile-columns", "2".into()),
            ("row-mt", "0".into()),
        ]),
        "prores_ks" => set.extend([
            ("profile", "3".into()), // HQ
            ("vendor", "apl0".into()),
            ("field_order", "progressive".into()),
        ]),
        "mpeg2video" => set.extend([
            ("profile", "0".into()), // 4:2:2
            ("level", "2".into()),   // High
            ("b", "50000000".into()),
            ("minrate", "50000000".into()),
            ("maxrate", "50000000".into()),
            ("bufsize", "36408333".into()),
            ("rc_init_occupancy", "36408333".into()),
            ("bf", "2".into()),
            ("dc", "10".into()),
            ("intra_vlc", "1".into()),
            ("non_linear_quant", "1".into()),
            ("qmin", "1".into()),
            ("qmax", "12".into()),
            // With a threshold that is ever passed, the encoder could not keep its groups closed.
            ("sc_threshold", "1000000000".into()),
            ("seq_disp_ext", "always".into()),
            ("field_order", "progressive".into()),
        ]),
        "libwebp_anim" => {
            set.extend([("quality", "72".into()), ("compression_level", "4".into()), ("loop", "0".into())])
        }
        _ => {
            set.extend([("preset", if name.ends_with("nvenc") { "p5" } else { "medium" }.to_owned())]);
            set.extend(profile.map(|p| ("profile", p.to_owned())));
            set.extend(wanted.level.map(|l| ("level", l.to_owned())));
        }
    }
    set.extend(rate(name, wanted.control));
    set
}

/// The rate in the encoder's own words.
fn rate(name: &str, control: &RateControl) -> Vec<(&'static str, String)> {
    let kilo = |value: u32| format!("{value}k");
    match control {
        RateControl::Fixed => Vec::new(),
        RateControl::Quality { crf, max_kbps, buffer_kbps } => {
            let quality = match name {
                n if n.ends_with("nvenc") => vec![("rc", "vbr".to_owned()), ("cq", crf.to_string())],
                n if n.ends_with("qsv") => vec![("global_quality", crf.round().to_string())],
                n if n.ends_with("videotoolbox") => vec![("b", kilo(*max_kbps))],
                // Constrained quality: the rate is what it tends to at most.
                "libvpx-vp9" => vec![("crf", crf.round().to_string()), ("b", kilo(*max_kbps * 4 / 5))],
                "libsvtav1" => vec![("crf", crf.round().to_string())],
                _ => vec![("crf", crf.to_string())],
            };
            let ceiling = [("maxrate", kilo(*max_kbps)), ("bufsize", kilo(*buffer_kbps))];
            quality.into_iter().chain(ceiling).collect()
        }
        RateControl::Constant { kbps } => {
            let mut all = vec![("b", kilo(*kbps)), ("maxrate", kilo(*kbps)), ("bufsize", kilo(*kbps))];
            match name {
                "libx264" => all.push(("nal-hrd", "cbr".into())),
                n if n.ends_with("nvenc") => all.push(("rc", "cbr".into())),
                "libvpx-vp9" => all.push(("minrate", kilo(*kbps))),
                _ => {}
            }
            all
        }
        RateControl::Average { kbps, max_kbps, buffer_kbps, pass } => {
            let mut all = vec![("b", kilo(*kbps))];
            if name != "libsvtav1" {
                all.extend([("maxrate", kilo(*max_kbps)), ("bufsize", kilo(*buffer_kbps))]);
            }
            match pass {
                Pass::First(file) | Pass::Second(file) if name == "libx264" => {
                    all.push(("stats", file.display().to_string()));
                }
                _ => {}
            }
            all
        }
    }
}

/// Whether a codec can be coded in two passes here.
#[must_use]
pub fn takes_two_passes(codec: Codec, choice: EncoderChoice) -> bool {
    matches!((codec, choice), (Codec::H264 | Codec::Hevc, EncoderChoice::Software))
}

#[cfg(test)]
mod tests {
    use ffmpeg_next::format;

    use super::*;

    /// By what the encoders say of themselves: they are there without the hardware, and only opening them needs it.
    #[test]
    fn every_encoder_is_given_frames_that_it_takes() {
        use EncoderChoice as E;
        let mut seen = 0;
        for choice in [E::Software, E::Auto, E::Nvenc, E::Qsv, E::VideoToolbox] {
            for (codec, profile) in [
                (Codec::H264, None),
                (Codec::Hevc, None),
                (Codec::Hevc, Some("main10")),
                (Codec::Av1, None),
                (Codec::Av1, Some("main10")),
            ] {
                let pixel = pixel(codec, profile);
                for name in candidates(codec, choice) {
                    // What this FFmpeg was built without can't be asked.
                    let Some(found) = encoder::find_by_name(name) else { continue };
                    let takes = packed(name, pixel).map_or(pixel.av(), |p| p.parse::<format::Pixel>().unwrap());
                    let known: Vec<_> = found.video().unwrap().formats().into_iter().flatten().collect();
                    assert!(known.contains(&takes), "{name} takes {known:?}, not {takes:?}");
                    seen += 1;
                }
            }
        }
        assert!(seen >= 10, "{seen} were there");
    }
}
