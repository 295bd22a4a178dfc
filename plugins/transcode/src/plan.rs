//! What each master will be, decided before anything is encoded. Pure.

use spotloom_media::rate::same as same_rate;
use spotloom_media::{
    AudioCodec, Codec, Container, EncoderChoice, MasterOptions, Pass, RateControl, Written, master_format,
};
use spotloom_plugin_sdk::api::Failure;

use crate::names;
use crate::params::Params;
use crate::preset::{self, Encoder, Preset, VideoCodec};

/// The facts of the mezzanine that matter here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mezzanine {
    pub width: u32,
    pub height: u32,
    pub fps: (u32, u32),
    pub seconds: f64,
}

/// One master to be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// The preset's name.
    pub name: String,
    pub preset: Preset,
    /// `Zest_SummerSplash_CitrusHero_16x9_YouTube_12s_en.mp4`
    pub file: String,
    /// The name is a code, which stands alone: no version is added to it.
    pub coded: bool,
    pub options: MasterOptions,
    /// Frames of what stands around the programme, at the master's rate.
    pub around: Around,
    /// The size of the picture differs from the mezzanine's.
    pub scale: bool,
    /// The frame rate differs from the mezzanine's.
    pub retime: bool,
}

impl Planned {
    /// Bytes that its encoder holds, about, for a programme of so many seconds: pictures that it looks ahead at, is at work on or refers
    /// to. With x264 and its threads 150 were seen; codecs whose pictures stand alone, or in short groups, keep few; a GIF is kept whole, in RGBA.
    fn memory(&self, seconds: f64) -> u64 {
        let options = &self.options;
        if self.preset.container == preset::Container::Gif {
            return (seconds * value(options.fps)) as u64 * u64::from(options.width) * u64::from(options.height) * 4;
        }
        let pictures = match options.codec {
            Codec::H264 | Codec::Hevc | Codec::Av1 | Codec::Vp9 => 150,
            Codec::ProRes422Hq | Codec::XdcamHd422 | Codec::WebP => 20,
        };
        pictures * master_format(options).bytes() as u64
    }

    /// Whether it may come out too large for its preset and be made again, or too small.
    pub(crate) fn may_need_another_pass(&self, seconds: f64) -> bool {
        let seconds = seconds + self.around.total() as f64 / value(self.options.fps);
        let too_large = match (&self.options.rate, room(&self.preset, seconds)) {
            // A ceiling holds over the decoder's buffer, not to the bit.
            (RateControl::Quality { max_kbps, .. }, Some(room)) => f64::from(*max_kbps) * 1.1 > room,
            (RateControl::Quality { .. }, None) => keeps_no_ceiling(self.options.codec),
            _ => false,
        };
        too_large || self.preset.limits.min_kbps.is_some()
    }
}

/// What the encoders that run at once may hold together, for each four threads: more cores need more of them to be busy.
const AT_ONCE: u64 = 2 << 30;

/// Which masters are made in one pass over the programme: as many in their order as the memory of their encoders allows, and one at
/// least. Painting once more costs a hundredth of encoding, and footage is decoded in the first pass alone; a dozen encoders of 1080p at once
/// would take six gigabytes.
pub(crate) fn passes(planned: &[Planned], seconds: f64, threads: usize) -> Vec<usize> {
    grouped(planned.iter().map(|p| p.memory(seconds)), AT_ONCE * (threads / 4).max(1) as u64)
}

/// The lengths of runs whose sums stay within `most`.
fn grouped(sizes: impl Iterator<Item = u64>, most: u64) -> Vec<usize> {
    let (mut lengths, mut held) = (Vec::new(), most);
    for size in sizes {
        match lengths.last_mut().filter(|_| held.saturating_add(size) <= most) {
            Some(length) => (*length, held) = (*length + 1, held + size),
            None => {
                lengths.push(1);
                held = size;
            }
        }
    }
    lengths
}

/// Frames before and after the programme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Around {
    pub slate: u64,
    pub black: u64,
    pub tail: u64,
}

impl Around {
    /// Frames before the programme.
    pub(crate) fn leader(self) -> u64 {
        self.slate + self.black
    }

    pub(crate) fn total(self) -> u64 {
        self.leader() + self.tail
    }
}

/// Holds the mezzanine against every preset.
///
/// # Errors
/// The first preset that can't be met: `wrong-aspect`, `wrong-length`, `too-long`, `too-short`, `too-large`; a code that
/// does not fit its pattern; or `duplicate-output`.
pub(crate) fn plan(
    mezzanine: Mezzanine,
    presets: Vec<(String, Preset)>,
    params: &Params,
) -> Result<Vec<Planned>, Failure> {
    let mut planned: Vec<Planned> = Vec::with_capacity(presets.len());
    for (name, preset) in presets {
        if planned.iter().any(|p| p.name == name) {
            return Err(Failure::new("duplicate-output", format!("the preset {name} is asked for twice"))
                .hint("name each preset once under `outputs:`"));
        }
        let options = options(mezzanine, &name, &preset)?;
        let seconds = mezzanine.seconds;
        let code = names::by_code(&name, &preset, params, seconds)?;
        let coded = code.is_some();
        let free = |file: &String| planned.iter().all(|p| !names::same_stem(&p.file, file));
        let label = preset.label();
        let file = match code {
            Some(code) => names::coded(&code, &preset, &label, &name).find(free),
            None => names::distinct(&label, &name)
                .map(|label| names::file_name(params, &preset, &label, seconds))
                .find(free),
        };
        let file = file.unwrap_or_default();
        planned.push(Planned {
            scale: (options.width, options.height) != (mezzanine.width, mezzanine.height),
            retime: !same_rate(options.fps, mezzanine.fps),
            around: around(&preset, options.fps),
            name,
            preset,
            file,
            coded,
            options,
        });
    }
    Ok(planned)
}

fn options(mezzanine: Mezzanine, name: &str, preset: &Preset) -> Result<MasterOptions, Failure> {
    let Mezzanine { width, height, fps, seconds } = mezzanine;
    let shape = |w: u32, h: u32| f64::from(w) / f64::from(h);
    if (shape(width, height) / shape(preset.width, preset.height) - 1.0).abs() > 0.015 {
        let message = format!("{name} takes {} and the composed video is {width}x{height}", preset.aspect);
        return Err(Failure::new("wrong-aspect", message).hint(
            "give each transcode only the presets of the aspect it was composed for (`for-each: {{ aspects }}`)",
        ));
    }
    length(name, preset, mezzanine)?;
    let fps = frame_rate(fps, preset);
    let around = around(preset, fps);
    let whole = seconds + around.total() as f64 / value(fps);
    Ok(MasterOptions {
        container: match preset.container {
            preset::Container::Mp4 | preset::Container::Gif => Container::Mp4,
            preset::Container::Mov => Container::Mov,
            preset::Container::Webm => Container::WebM,
            preset::Container::Mxf => Container::Mxf,
            preset::Container::Webp => Container::WebP,
        },
        codec: match preset.video.codec {
            VideoCodec::H264 | VideoCodec::Gif => Codec::H264,
            VideoCodec::Hevc => Codec::Hevc,
            VideoCodec::Av1 => Codec::Av1,
            VideoCodec::Vp9 => Codec::Vp9,
            VideoCodec::Prores422Hq => Codec::ProRes422Hq,
            VideoCodec::XdcamHd422 => Codec::XdcamHd422,
            VideoCodec::Webp => Codec::WebP,
        },
        encoder: match preset.video.encoder {
            Encoder::Auto => EncoderChoice::Auto,
            Encoder::Software => EncoderChoice::Software,
            Encoder::Nvenc => EncoderChoice::Nvenc,
            Encoder::Vaapi => EncoderChoice::Vaapi,
            Encoder::Qsv => EncoderChoice::Qsv,
            Encoder::VideoToolbox => EncoderChoice::VideoToolbox,
        },
        width: preset.width,
        height: preset.height,
        fps,
        rate: rate(name, preset, whole)?,
        gop: (preset.video.gop_seconds * value(fps)).round().max(1.0) as u32,
        profile: preset.video.profile.map(|p| p.name().to_owned()),
        level: preset.video.level.clone(),
        audio: preset.audio.as_ref().map(|audio| {
            let kbps = audio.kbps.unwrap_or(192);
            match (audio.codec, audio.mono_tracks) {
                (preset::AudioCodec::Aac, _) => AudioCodec::Aac { kbps },
                (preset::AudioCodec::Opus, _) => AudioCodec::Opus { kbps },
                (preset::AudioCodec::Pcm24, None) => AudioCodec::Pcm24,
                (preset::AudioCodec::Pcm24, Some(tracks)) => AudioCodec::Pcm24Mono { tracks },
            }
        }),
        timecode: preset.timecode.clone(),
    })
}

fn around(preset: &Preset, fps: (u32, u32)) -> Around {
    let frames = |seconds: f64| (seconds * value(fps)).round() as u64;
    Around {
        slate: frames(preset.leader.slate_seconds),
        black: frames(preset.leader.black_seconds),
        tail: frames(preset.tail_black_seconds),
    }
}

/// The rate of the master, from what the mezzanine has and the preset takes.
fn frame_rate(fps: (u32, u32), preset: &Preset) -> (u32, u32) {
    let limit = preset.max_fps.and_then(preset::rational);
    let mut taken: Vec<(u32, u32)> = preset.rates.iter().copied().filter_map(preset::rational).collect();
    taken.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
    match (taken.first(), limit) {
        (Some(lowest), _) => *taken.iter().rev().find(|rate| value(**rate) <= value(fps) + 1e-6).unwrap_or(lowest),
        (None, Some(limit)) if value(fps) > value(limit) + 1e-6 => limit,
        _ => fps,
    }
}

fn length(name: &str, preset: &Preset, mezzanine: Mezzanine) -> Result<(), Failure> {
    let Mezzanine { seconds, fps, .. } = mezzanine;
    // Containers round times; half a frame over is not a longer film.
    let slack = 0.5 / value(fps);
    let lengths = &preset.limits.lengths;
    if !lengths.is_empty() && lengths.iter().all(|l| (seconds - l).abs() > slack) {
        let list = lengths.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let nearest = lengths.iter().copied().min_by(|a, b| (a - seconds).abs().total_cmp(&(b - seconds).abs()));
        let by = nearest.unwrap_or_default() - seconds;
        let word = if by > 0.0 { "lengthen" } else { "shorten" };
        return Err(Failure::new(
            "wrong-length",
            format!("{name} takes exactly {list} s and the video lasts {seconds:.2} s"),
        )
        .hint(format!(
            "{word} the scenes in the brief by {:.2} s in all, or leave {name} out of its outputs",
            by.abs()
        )));
    }
    if preset.limits.whole_seconds && (seconds - seconds.round()).abs() > slack {
        let by = seconds.ceil() - seconds;
        return Err(Failure::new(
            "wrong-length",
            format!("{name} takes whole seconds and the video lasts {seconds:.2} s"),
        )
        .hint(format!("lengthen the scenes in the brief by {by:.2} s in all, or leave {name} out of its outputs")));
    }
    if let Some(most) = preset.limits.max_seconds.filter(|most| seconds > most + slack) {
        return Err(Failure::new(
            "too-long",
            format!("{name} takes at most {most} s and the video lasts {seconds:.2} s"),
        )
        .hint(format!(
            "shorten the scenes in the brief by {:.1} s in all, or leave {name} out of its outputs",
            seconds - most
        )));
    }
    if let Some(least) = preset.limits.min_seconds.filter(|least| seconds < least - slack) {
        return Err(Failure::new(
            "too-short",
            format!("{name} takes at least {least} s and the video lasts {seconds:.2} s"),
        )
        .hint(format!(
            "lengthen the scenes in the brief by {:.1} s in all, or leave {name} out of its outputs",
            least - seconds
        )));
    }
    Ok(())
}

/// The bits the picture may take. A constant rate has to fit from the start; one that depends on the picture is held
/// against the size afterwards, and only what is too large is coded again (see [`smaller`]).
fn rate(name: &str, preset: &Preset, seconds: f64) -> Result<RateControl, Failure> {
    if !preset.video.codec.has_rate() {
        // XDCAM has the same rate whatever is seen. How much ProRes takes is known only when it is made: a quarter as much for
        // flat colours as for noise.
        let too_large = preset.video.codec == VideoCodec::XdcamHd422
            && room(preset, seconds).is_some_and(|room| f64::from(XDCAM_KBPS) > room);
        return if too_large { Err(no_room(name, preset, XDCAM_KBPS, seconds)) } else { Ok(RateControl::Fixed) };
    }
    match (preset.video.constant_kbps, preset.video.crf, preset.video.max_kbps) {
        (Some(kbps), ..) => match room(preset, seconds) {
            Some(room) if f64::from(kbps) > room => Err(no_room(name, preset, kbps, seconds)),
            _ => Ok(RateControl::Constant { kbps }),
        },
        (None, crf, max) => {
            let max_kbps = max.unwrap_or(8000);
            let buffer_kbps = preset.video.buffer_kbps.unwrap_or(max_kbps + max_kbps / 2);
            Ok(RateControl::Quality { crf: crf.unwrap_or(18.0), max_kbps, buffer_kbps })
        }
    }
}

/// What XDCAM HD422 always has.
const XDCAM_KBPS: u32 = 50_000;

fn no_room(name: &str, preset: &Preset, kbps: u32, seconds: f64) -> Failure {
    let most = preset.limits.max_megabytes.unwrap_or_default();
    let message = format!("{name} takes {kbps} kb/s and at most {most} MB, which is too little for {seconds:.1} s");
    Failure::new("too-large", message).hint(remedy(name, preset))
}

/// What can be done about a master that is too large: not every codec has a rate to lower.
pub(crate) fn remedy(name: &str, preset: &Preset) -> String {
    let less = match preset.video.codec {
        VideoCodec::Gif | VideoCodec::Webp => "lower the preset's `width` and `height` or its `max-fps`",
        VideoCodec::Prores422Hq | VideoCodec::XdcamHd422 => {
            "take a preset of another codec, as this one's rate is fixed"
        }
        _ if preset.video.constant_kbps.is_some() => "lower the preset's `constant-kbps`",
        _ => "lower the preset's `max-kbps`",
    };
    format!("shorten the scenes in the brief, {less}, or leave {name} out of its outputs")
}

/// What the file's size leaves for the picture, in kb/s.
fn room(preset: &Preset, seconds: f64) -> Option<f64> {
    let uncompressed = |audio: &preset::Audio| audio.mono_tracks.unwrap_or(2) * 1152;
    let sound = preset.audio.as_ref().map_or(0.0, |a| f64::from(a.kbps.unwrap_or_else(|| uncompressed(a))));
    preset.limits.max_megabytes.map(|mb| mb * 8000.0 / seconds * 0.97 - sound)
}

/// Encoders without a model of the decoder's buffer: a ceiling is what they tend to, and hard pictures pass it.
fn keeps_no_ceiling(codec: Codec) -> bool {
    matches!(codec, Codec::Vp9 | Codec::Av1)
}

/// How many times what it may have a master has, over 1 where it is too large: of its preset's bytes, and of what its ceiling comes to
/// with the buffer once.
pub(crate) fn excess(planned: &Planned, written: &Written) -> f64 {
    let size = planned.preset.limits.max_megabytes.map_or(0.0, |mb| written.bytes as f64 / (mb * 1e6));
    match planned.options.rate {
        RateControl::Quality { max_kbps, buffer_kbps, .. } if keeps_no_ceiling(planned.options.codec) => {
            let kilobits = f64::from(max_kbps) * 1.02 * written.seconds + f64::from(buffer_kbps);
            size.max(written.picture_bytes as f64 / (kilobits * 125.0))
        }
        _ => size,
    }
}

/// The same master, to be coded so that it stays inside what its preset takes; `None` when its rate is not to be
/// chosen. `scale` is below 1 when the size was missed before.
pub(crate) fn smaller(planned: &Planned, seconds: f64, scale: f64, pass: Pass) -> Option<Planned> {
    let RateControl::Quality { max_kbps, buffer_kbps, .. } = planned.options.rate else { return None };
    let room = room(&planned.preset, seconds).unwrap_or(f64::INFINITY);
    let kbps = (room.min(f64::from(max_kbps)) * scale).max(50.0) as u32;
    let max_kbps = max_kbps.min(kbps * 2);
    let mut again = planned.clone();
    again.options.rate = RateControl::Average { kbps, max_kbps, buffer_kbps: buffer_kbps.min(max_kbps * 3 / 2), pass };
    Some(again)
}

pub(crate) fn value((numerator, denominator): (u32, u32)) -> f64 {
    f64::from(numerator) / f64::from(denominator.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_not_fit_is_refused_with_what_can_be_done() {
        const TV: &str = "{summary: s, platform: TV, aspect: '16:9', width: 1280, height: 720, fps: 25, CODECS, \
            limits: {max-megabytes: 50}, dated: 2026-11-22, sources: [here]}";
        let sound = "audio: {codec: pcm_s24le, loudness-lufs: -23, true-peak-db: -3}";
        let aac = "audio: {codec: aac, kbps: 128, loudness-lufs: -23, true-peak-db: -3}";
        let check = |codecs: &str, seconds: f64, fits: bool, hint: &str| {
            let preset = Preset::parse("tv.yaml", &TV.replace("CODECS", codecs)).unwrap();
            assert!(remedy("tv", &preset).contains(hint), "{}", remedy("tv", &preset));
            match rate("tv", &preset, seconds) {
                Ok(_) => assert!(fits, "{codecs}"),
                Err(failure) => {
                    assert!(!fits && failure.code == "too-large", "{codecs}: {}", failure.message);
                    assert!(failure.hint.unwrap().contains(hint), "{codecs}");
                }
            }
        };
        let xdcam = format!("container: mxf, video: {{codec: xdcam-hd422}}, {sound}");
        check(&xdcam, 5.0, true, "another codec");
        check(&xdcam, 10.0, false, "another codec");
        let prores = format!("container: mov, video: {{codec: prores-422-hq}}, {sound}");
        check(&prores, 10.0, true, "another codec");
        check(&format!("video: {{codec: h264, constant-kbps: 50000}}, {aac}"), 10.0, false, "`constant-kbps`");
        check(&format!("video: {{codec: h264, crf: 18, max-kbps: 50000}}, {aac}"), 10.0, true, "`max-kbps`");
        check("container: gif, video: {codec: gif}", 10.0, true, "`max-fps`");
        check("container: webp, video: {codec: webp}", 10.0, true, "`width` and `height`");
    }

    #[test]
    fn encoders_share_a_pass_while_their_memory_allows() {
        fn check(sizes: &[u64], expected: &[usize]) {
            assert_eq!(grouped(sizes.iter().copied(), 10), expected, "{sizes:?}");
        }
        check(&[], &[]);
        check(&[4, 4, 2], &[3]);
        check(&[4, 4, 3], &[2, 1]);
        // One that is too large by itself is made alone.
        check(&[12, 1, 1], &[1, 2]);
        check(&[1, 12, 12], &[1, 1, 1]);
        check(&[u64::MAX, u64::MAX], &[1, 1]);
    }
}
