//! Container, sound and what the file says of itself against the preset, from the header alone; [`crate::video`] has the
//! picture.

use std::path::Path;

use spotloom_media::inspect::{Header, Passed};

use crate::boxes::Boxes;
use crate::check::{Check, Name, capital};
use crate::mxf::Mxf;
use crate::picture::Around;
use crate::preset::Preset;
use crate::video;

/// What is measured without decoding, and what the file is held against.
pub(crate) struct Facts<'a> {
    pub path: &'a Path,
    pub header: &'a Header,
    /// For MP4 and MOV.
    pub boxes: Option<Boxes>,
    /// For MXF.
    pub mxf: Option<Mxf>,
    pub preset: Option<&'a Preset>,
}

/// Differences, each as "what it is; expected what".
#[derive(Default)]
pub(crate) struct Differences {
    pub found: Vec<String>,
    pub expected: Vec<String>,
    pub wrong: Vec<String>,
}

impl Differences {
    pub(crate) fn is(&mut self, what: &str, found: &str, expected: &str) {
        self.found.push(found.to_owned());
        self.expected.push(expected.to_owned());
        if found != expected {
            let found = if found.is_empty() { "not known" } else { found };
            self.wrong.push(format!("{what} is {found} where {expected} is expected"));
        }
    }

    pub(crate) fn check(self, name: Name, good: &str) -> Check {
        let check = match self.wrong.as_slice() {
            [] => Check::pass(name, good),
            wrong => Check::fail(name, format!("{}.", capital(&wrong.join("; ")))),
        };
        check.figures(self.found.join(", "), self.expected.join(", "))
    }
}

/// All checks of the header.
pub(crate) fn checks(facts: &Facts<'_>) -> Vec<Check> {
    let mut checks = vec![container(facts), video::check(facts), colours(facts)];
    checks.extend(audio(facts));
    checks.extend(timecode(facts));
    checks
}

fn container(Facts { path, header, boxes, preset, .. }: &Facts<'_>) -> Check {
    let mut d = Differences::default();
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    // A preset that names none gets what the transcoder takes then.
    let expected = preset.map_or(extension, |p| p.container.clone().unwrap_or_else(|| "mp4".into()));
    // FFmpeg names a demuxer by all it reads: `mov,mp4,m4a,3gp,3g2,mj2`.
    let family = match expected.as_str() {
        "mkv" | "webm" => "matroska",
        other => other,
    };
    let is = header.info.container.split(',').any(|c| c == family);
    d.is("the container", if is { &expected } else { &header.info.container }, &expected);
    // One, or what the preset has.
    let sounds = preset.map_or(Some(1), |p| p.audio.as_ref().map(|audio| audio.mono_tracks.unwrap_or(1)));
    d.is("the number of video streams", &header.video_streams.to_string(), "1");
    if let Some(sounds) = sounds {
        d.is("the number of audio streams", &header.audio_streams.to_string(), &sounds.to_string());
    }
    if let Some(boxes) = boxes {
        let yes = |b: bool| if b { "yes" } else { "no" };
        // Fast start and edit lists matter for what is uploaded as MP4.
        if expected == "mp4" {
            d.is("the index in front (fast start)", yes(boxes.index_in_front), "yes");
            d.is("an edit list", yes(boxes.edit_lists), "no");
        }
        if !boxes.whole {
            d.wrong.push("the file ends in the middle of a box: it is cut off".into());
        }
    }
    d.check(Name::Container, "The container is what the platform takes.")
}

pub(crate) fn join(figures: &[f64], between: &str) -> String {
    figures.iter().map(f64::to_string).collect::<Vec<_>>().join(between)
}

fn colours(Facts { header, .. }: &Facts<'_>) -> Check {
    let Some(video) = &header.info.video else {
        return Check::fail(Name::ColourTags, "There is no video stream.");
    };
    let mut d = Differences::default();
    let tags = &video.color;
    for (what, found) in
        [("the colour matrix", &tags.matrix), ("the primaries", &tags.primaries), ("the transfer", &tags.transfer)]
    {
        d.is(what, found, "bt709");
    }
    d.is("the range", &tags.range, "tv");
    d.check(Name::ColourTags, "Colours are tagged as BT.709, limited range.")
}

fn audio(Facts { header, preset, .. }: &Facts<'_>) -> Option<Check> {
    let expected = match preset {
        Some(preset) => preset.audio.as_ref()?,
        None => return None,
    };
    if header.sounds.is_empty() {
        return Some(Check::fail(Name::AudioStream, "There is no audio stream.").figures("none", "one"));
    }
    let mut d = Differences::default();
    let channels = if expected.mono_tracks.is_some() { "1" } else { "2" };
    for (i, audio) in header.sounds.iter().enumerate() {
        let mut is = |what: &str, found: &str, expected: &str| match i {
            0 => d.is(what, found, expected),
            // Of the others only what is wrong is worth a figure.
            _ if found != expected => d.is(&format!("{what} of track {}", i + 1), found, expected),
            _ => {}
        };
        is("the codec", &audio.codec, &expected.codec);
        if audio.codec == "aac" && i == 0 {
            is("the profile", &header.audio_profile, "Low");
        }
        is("the rate", &format!("{} Hz", audio.rate), "48000 Hz");
        if expected.codec == "aac" || expected.codec.starts_with("pcm_") {
            is("the number of channels", &audio.channels.to_string(), channels);
        }
    }
    Some(d.check(Name::AudioStream, "The sound is coded as the platform takes it."))
}

/// The time code, where the preset wants one; of the containers that presets have, these keep it.
fn timecode(Facts { preset, boxes, mxf, .. }: &Facts<'_>) -> Option<Check> {
    let preset = preset.filter(|p| matches!(p.container.as_deref(), Some("mov" | "mxf")))?;
    let mut d = Differences::default();
    let found = boxes.as_ref().map_or_else(|| mxf.and_then(|m| m.timecode), |b| b.timecode);
    let found = found.map(|t| t.to_string()).unwrap_or_default();
    d.is("the time code of the first frame", &found, preset.timecode.as_deref()?);
    Some(d.check(Name::Timecode, "The time code begins where it has to."))
}

/// Rates and size, with the length that was decoded.
pub(crate) fn rates(Facts { header, preset, .. }: &Facts<'_>, passed: &Passed) -> Vec<Check> {
    let bytes = header.info.bytes as f64;
    let seconds = passed.video_seconds.max(0.001);
    let kbps = bytes * 8.0 / 1000.0 / seconds;
    let Some(preset) = preset else { return Vec::new() };
    let mut checks = Vec::new();
    let least = preset.limits.min_kbps;
    let most = preset.video.constant_kbps.or(preset.video.max_kbps);
    let video_kbps = passed.video_kbps();
    let limit = match (least, most) {
        (Some(l), Some(m)) => format!("{l} kb/s in all, at most {m} kb/s of picture"),
        (Some(l), None) => format!("at least {l} kb/s in all"),
        (None, Some(m)) => format!("at most {m} kb/s of picture"),
        (None, None) => "any".into(),
    };
    let rate = if least.is_some_and(|l| kbps < l) {
        Check::fail(Name::BitRate, format!("The file has {kbps:.0} kb/s and the platform takes none below {limit}."))
    } else if most.is_some_and(|m| video_kbps > 1.02 * m + preset.video.buffer(m) / seconds) {
        // A rate is held over the decoder's buffer: a short file may have what is in it besides.
        Check::fail(Name::BitRate, format!("The picture has {video_kbps:.0} kb/s; {limit}."))
    } else {
        Check::pass(Name::BitRate, "The bit rate is within the preset's.")
    };
    checks.push(rate.figures(format!("{kbps:.0} kb/s, picture {video_kbps:.0} kb/s"), limit));
    checks.extend(size(header.info.bytes, preset));
    checks
}

/// The file's size, where the platform has a limit.
pub(crate) fn size(bytes: u64, preset: &Preset) -> Option<Check> {
    let most = preset.limits.max_megabytes?;
    let size = bytes as f64 / 1e6;
    let check = if size > most {
        Check::fail(Name::FileSize, format!("The file has {size:.1} MB and the platform takes {most} MB."))
    } else {
        Check::pass(Name::FileSize, "The file is small enough.")
    };
    Some(check.figures(format!("{size:.2} MB"), format!("at most {most} MB")))
}

/// How long a file's picture and sound last, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lasting {
    pub picture: f64,
    pub sound: Option<f64>,
    pub fps: f64,
}

impl Lasting {
    pub(crate) fn of(header: &Header, passed: &Passed) -> Self {
        let fps = header.info.video.as_ref().map_or(25.0, |v| f64::from(v.fps.0) / f64::from(v.fps.1.max(1)));
        Self { picture: passed.video_seconds, sound: header.info.audio.as_ref().map(|_| passed.audio_seconds), fps }
    }
}

/// The length against the brief and the platform, and the sound against the picture. What the brief and the platform mean
/// is the ad, without the slate and the black around it.
pub(crate) fn length(lasting: &Lasting, preset: Option<&Preset>, expected: Option<f64>, around: Around) -> Check {
    let Lasting { picture, sound, fps } = *lasting;
    let around = around.leader + around.tail;
    let seconds = picture - around;
    // A container rounds, and so does a change of the frame rate.
    let slack = 1.5 / fps.max(1.0);
    let limits = preset.map(|p| p.limits.clone()).unwrap_or_default();
    let mut allowed = Vec::new();
    let mut wrong = Vec::new();
    if let Some(expected) = expected {
        allowed.push(format!("{expected:.2} s"));
        if (seconds - expected).abs() > slack {
            wrong.push(format!("it lasts {seconds:.2} s where the brief asks for {expected:.2} s"));
        }
    }
    if !limits.lengths.is_empty() {
        let lengths = join(&limits.lengths, ", ");
        if limits.lengths.iter().all(|l| (seconds - l).abs() > slack) {
            wrong.push(format!("it lasts {seconds:.2} s and the platform takes exactly {lengths} s"));
        }
        allowed.push(format!("exactly {lengths} s"));
    }
    if limits.whole_seconds {
        allowed.push("whole seconds".into());
        if (seconds - seconds.round()).abs() > slack {
            wrong.push(format!("it lasts {seconds:.2} s and the platform takes whole seconds"));
        }
    }
    if let Some(most) = limits.max_seconds {
        allowed.push(format!("at most {most} s"));
        if seconds > most + slack {
            wrong.push(format!("it lasts {seconds:.2} s and the platform takes at most {most} s"));
        }
    }
    if let Some(least) = limits.min_seconds {
        allowed.push(format!("at least {least} s"));
        if seconds < least - slack {
            wrong.push(format!("it lasts {seconds:.2} s and the platform takes none below {least} s"));
        }
    }
    if let Some(sound) = sound.filter(|sound| (sound - picture).abs() > 0.12) {
        wrong.push(format!("its sound lasts {sound:.2} s and its picture {picture:.2} s"));
    }
    let check = match wrong.as_slice() {
        [] => Check::pass(Name::Length, "It is as long as it has to be."),
        wrong => Check::fail(Name::Length, format!("{}.", capital(&wrong.join("; ")))),
    };
    let beside = if around > 0.0 { format!(" and {around:.3} s around it") } else { String::new() };
    let heard = sound.map(|sound| format!(", sound {sound:.3} s")).unwrap_or_default();
    check.figures(format!("{seconds:.3} s{beside}{heard}"), allowed.join(", "))
}

/// Whether all of it decodes.
pub(crate) fn decode(header: &Header, passed: &Passed, damage: &[(f64, String)]) -> Check {
    let promised = header.info.video.as_ref().and_then(|v| v.frames);
    let limit = promised.map_or_else(|| "every frame".into(), |n| format!("{n} frames, every one"));
    let measured = format!("{} frames, {} damaged places", passed.frames, damage.len());
    let seconds = header.info.video.as_ref().and_then(|v| v.seconds).unwrap_or_default();
    let check = if passed.frames == 0 {
        Check::fail(Name::Decode, "Not one frame can be decoded.")
    } else if let Some(n) = promised.filter(|n| *n > passed.frames) {
        let missing = n - passed.frames;
        let end = passed.video_seconds;
        let sentence =
            format!("{missing} of {n} frames are missing: it ends at {end:.2} s and says it lasts {seconds:.2} s.");
        Check::fail(Name::Decode, sentence).at(end, seconds.max(end))
    } else if let Some((at, what)) = damage.first() {
        let more = if damage.len() > 1 { format!(", and at {} more places", damage.len() - 1) } else { String::new() };
        Check::fail(Name::Decode, format!("At {at:.2} s {what}{more}.")).at(*at, *at)
    } else if passed.irregular > 0 {
        let sentence = format!("{} frames come later or earlier than the frame rate says.", passed.irregular);
        Check::fail(Name::Decode, sentence)
    } else if passed.interlaced > 0 {
        Check::warn(Name::Decode, format!("{} frames are interlaced.", passed.interlaced))
    } else {
        Check::pass(Name::Decode, "Every frame and sample decodes.")
    };
    check.figures(measured, limit)
}
