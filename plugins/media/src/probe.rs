//! What a media file is, from its headers.

use std::path::Path;

use ffmpeg_next::format::context::Input;
use ffmpeg_next::{Rational, Stream, codec, media};

use crate::demux;
use crate::error::Result;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaInfo {
    /// FFmpeg's name of the container: `matroska,webm`, `mov,mp4,…`, `png_pipe`, ….
    pub container: String,
    /// The longest stream; `None` for pictures and for files that don't say.
    pub seconds: Option<f64>,
    /// Size of the file.
    pub bytes: u64,
    pub video: Option<VideoInfo>,
    pub audio: Option<AudioInfo>,
}

/// The best video stream.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoInfo {
    /// `h264`, `ffvhuff`, `png`, ….
    pub codec: String,
    /// As coded, before `rotation`.
    pub width: u32,
    pub height: u32,
    /// Average rate as numerator and denominator; (0, 1) when the file does not say.
    pub fps: (u32, u32),
    /// From the container, when it counts them.
    pub frames: Option<u64>,
    pub seconds: Option<f64>,
    /// FFmpeg's name of the pixel format: `yuv420p`, `rgba`, ….
    pub pixel: String,
    pub color: ColorTags,
    /// Width over height of one pixel; (1, 1) for square ones.
    pub sample_aspect: (u32, u32),
    /// Degrees clockwise to turn it for display: 0, 90, 180 or 270.
    pub rotation: u32,
    /// Whether it is shown as in a mirror, before it is turned, as some front cameras write it.
    pub mirrored: bool,
}

/// Colour tags by FFmpeg's names; `unknown` when untagged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorTags {
    pub matrix: String,
    pub primaries: String,
    pub transfer: String,
    /// `tv` (limited) or `pc` (full).
    pub range: String,
}

/// The best audio stream.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioInfo {
    pub codec: String,
    /// Samples per second.
    pub rate: u32,
    pub channels: u32,
    pub seconds: Option<f64>,
}

/// Reads the headers of a file.
///
/// # Errors
/// When it can't be read, is not one of the allowed formats, or is damaged.
pub fn probe(path: impl AsRef<Path>) -> Result<MediaInfo> {
    let path = path.as_ref();
    let input = demux::open(path)?;
    describe(path, &input)
}

pub(crate) fn describe(path: &Path, input: &Input) -> Result<MediaInfo> {
    let bytes = input.io_size().and_then(|b| u64::try_from(b).ok()).unwrap_or_default();
    let container = input.format().name().to_owned();
    let video = input.streams().best(media::Type::Video).map(|s| video_info(path, &s)).transpose()?;
    let audio = input.streams().best(media::Type::Audio).map(|s| audio_info(path, &s)).transpose()?;
    // The pipe demuxers make up a duration for a single picture.
    let seconds = if container.ends_with("_pipe") { None } else { positive(input.duration(), Rational(1, 1_000_000)) };
    Ok(MediaInfo { container, seconds, bytes, video, audio })
}

fn video_info(path: &Path, stream: &Stream) -> Result<VideoInfo> {
    let decoder = demux::decoder(path, stream.parameters(), 1, stream.time_base())?
        .video()
        .map_err(crate::Error::damaged(path, "opening its decoder"))?;
    let sar = decoder.aspect_ratio();
    let (turn, mirrored) = rotation(stream);
    Ok(VideoInfo {
        codec: decoder.id().name().to_owned(),
        width: decoder.width(),
        height: decoder.height(),
        fps: frame_rate(stream).unwrap_or((0, 1)),
        frames: u64::try_from(stream.frames()).ok().filter(|f| *f > 0),
        seconds: seconds(stream),
        pixel: decoder.format().descriptor().map_or("unknown", |d| d.name()).to_owned(),
        color: ColorTags {
            matrix: decoder.color_space().name().unwrap_or("unknown").to_owned(),
            primaries: decoder.color_primaries().name().unwrap_or("unknown").to_owned(),
            transfer: decoder.color_transfer_characteristic().name().unwrap_or("unknown").to_owned(),
            range: decoder.color_range().name().unwrap_or("unknown").to_owned(),
        },
        sample_aspect: rate(sar).unwrap_or((1, 1)),
        rotation: turn,
        mirrored,
    })
}

pub(crate) fn audio_info(path: &Path, stream: &Stream) -> Result<AudioInfo> {
    let decoder = demux::decoder(path, stream.parameters(), 1, stream.time_base())?
        .audio()
        .map_err(crate::Error::damaged(path, "opening its decoder"))?;
    Ok(AudioInfo {
        codec: decoder.id().name().to_owned(),
        rate: decoder.rate(),
        channels: decoder.channels().into(),
        seconds: seconds(stream),
    })
}

/// How long a stream lasts: from its own header, or from the tag Matroska keeps it in.
pub(crate) fn seconds(stream: &Stream) -> Option<f64> {
    positive(stream.duration(), stream.time_base()).or_else(|| clock(stream.metadata().get("DURATION")?))
}

fn positive(duration: i64, time_base: Rational) -> Option<f64> {
    (duration > 0 && time_base.numerator() > 0)
        .then(|| duration as f64 * f64::from(time_base.numerator()) / f64::from(time_base.denominator()))
}

/// `HH:MM:SS.fraction` as seconds.
fn clock(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    (seconds > 0.0).then_some(seconds)
}

/// The rate that a stream tells, as it is meant; `None` where it tells none.
pub(crate) fn frame_rate(stream: &Stream) -> Option<(u32, u32)> {
    rate(stream.avg_frame_rate()).or_else(|| rate(stream.rate())).map(crate::rate::told)
}

fn rate(r: Rational) -> Option<(u32, u32)> {
    match (u32::try_from(r.numerator()), u32::try_from(r.denominator())) {
        (Ok(n), Ok(d)) if n > 0 && d > 0 => Some((n, d)),
        _ => None,
    }
}

/// The display matrix says how to turn the picture, as phones write it, and whether to mirror it first.
fn rotation(stream: &Stream) -> (u32, bool) {
    let Some(matrix) = stream.side_data().find(|d| d.kind() == codec::packet::side_data::Type::DisplayMatrix) else {
        return (0, false);
    };
    let cell = |i: usize| {
        let bytes = matrix.data().get(i * 4..i * 4 + 4).and_then(|b| <[u8; 4]>::try_from(b).ok());
        f64::from(i32::from_ne_bytes(bytes.unwrap_or_default()))
    };
    let mirrored = cell(0) * cell(4) - cell(1) * cell(3) < 0.0;
    let side = if mirrored { -1.0 } else { 1.0 };
    // Row-major; the first row of the 2x2 part is where the x axis of the picture points to.
    let degrees = (side * cell(1)).atan2(side * cell(0)).to_degrees();
    let turn = match degrees.rem_euclid(360.0) {
        d if (45.0..135.0).contains(&d) => 90,
        d if (135.0..225.0).contains(&d) => 180,
        d if (225.0..315.0).contains(&d) => 270,
        _ => 0,
    };
    (turn, mirrored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matroska_durations() {
        fn check(text: &str, expected: Option<f64>) {
            assert_eq!(clock(text), expected, "{text}");
        }
        check("00:00:12.500000000", Some(12.5));
        check("01:02:03", Some(3723.0));
        check("00:00:00.000000000", None);
        check("soon", None);
        check("", None);
    }
}
