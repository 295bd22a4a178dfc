//! What a preset may say, beyond what its types say.

use spotloom_plugin_sdk::api::Failure;

use super::{Audio, AudioCodec, Container, Leader, Limits, Preset, Profile, SafeZone, VideoCodec};

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
        if let Some(rate) = self.rates.iter().find(|r| rational(**r).is_none()) {
            return Err(format!("`rates` has {rate}; expected whole numbers or 23.976, 29.97, 59.94"));
        }
        self.check_video()?;
        self.check_container()?;
        self.audio.as_ref().map_or(Ok(()), check_audio)?;
        let Leader { slate_seconds, black_seconds } = self.leader;
        if [slate_seconds, black_seconds, self.tail_black_seconds].iter().any(|s| !(0.0..=60.0).contains(s)) {
            return Err("`leader` and `tail-black-seconds` take 0 to 60 seconds".into());
        }
        self.limits.check()?;
        let SafeZone { top, right, bottom, left } = self.safe_zone;
        if [top, right, bottom, left].iter().any(|m| !(0.0..=0.45).contains(m)) {
            return Err("`safe-zone` margins are fractions from 0 to 0.45".into());
        }
        if !is_date(&self.dated) {
            return Err(format!("`dated` is {:?}; expected a day like `2026-11-22`", self.dated));
        }
        // What nobody can look up can't be held against anything.
        if self.sources.is_empty() || self.sources.iter().any(|source| source.trim().is_empty()) {
            return Err("`sources` must say where it comes from, one line each".into());
        }
        Ok(())
    }

    fn check_video(&self) -> Result<(), String> {
        let video = &self.video;
        let worst = if matches!(video.codec, VideoCodec::Av1 | VideoCodec::Vp9) { 63.0 } else { 40.0 };
        match (video.crf, video.max_kbps, video.constant_kbps) {
            (None, None, None) if !video.codec.has_rate() => {}
            _ if !video.codec.has_rate() => {
                return Err("`video`: this codec has a rate of its own; leave `crf` and the others out".into());
            }
            (Some(crf), Some(_), None) if (0.0..=worst).contains(&crf) => {}
            (None, None, Some(_)) => {}
            _ => {
                return Err(format!(
                    "`video` needs either `crf` (0 to {worst}) and `max-kbps`, or `constant-kbps` alone"
                ));
            }
        }
        let fits = match (video.profile, video.codec) {
            (None, _) => true,
            (Some(Profile::Main), VideoCodec::H264 | VideoCodec::Hevc | VideoCodec::Av1) => true,
            (Some(Profile::Main10), codec) => matches!(codec, VideoCodec::Hevc | VideoCodec::Av1),
            (Some(_), codec) => codec == VideoCodec::H264,
        };
        if !fits {
            return Err("`video.profile` is none of this codec's".into());
        }
        if !(0.1..=10.0).contains(&video.gop_seconds) {
            return Err("`video.gop-seconds` must be 0.1 to 10".into());
        }
        Ok(())
    }

    /// What goes into which file.
    fn check_container(&self) -> Result<(), String> {
        use AudioCodec as A;
        use VideoCodec as V;
        let sound = self.audio.as_ref().map(|a| a.codec);
        let (videos, sounds, takes): (&[V], &[A], _) = match self.container {
            Container::Mp4 => {
                (&[V::H264, V::Hevc, V::Av1, V::Vp9], &[A::Aac, A::Opus], "h264, hevc, av1 or vp9 with aac")
            }
            Container::Mov => (
                &[V::H264, V::Hevc, V::Prores422Hq],
                &[A::Aac, A::Pcm24],
                "prores-422-hq, h264 or hevc with pcm_s24le or aac",
            ),
            Container::Webm => (&[V::Vp9, V::Av1], &[A::Opus], "vp9 or av1 with opus"),
            Container::Mxf => (&[V::XdcamHd422], &[A::Pcm24], "xdcam-hd422 with pcm_s24le"),
            Container::Gif => (&[V::Gif], &[], "gif without audio"),
            Container::Webp => (&[V::Webp], &[], "webp without audio"),
        };
        if !videos.contains(&self.video.codec) || sound.is_some_and(|s| !sounds.contains(&s)) {
            return Err(format!("`container` does not take these codecs; it takes {takes}"));
        }
        if sound.is_none() && !sounds.is_empty() {
            return Err("`audio` is missing; only gif and webp are without".into());
        }
        Ok(())
    }

    /// The end of the file's name, and its media type.
    pub(crate) fn file_kind(&self) -> (&'static str, &'static str) {
        match self.container {
            Container::Mp4 => ("mp4", "video/mp4"),
            Container::Mov => ("mov", "video/quicktime"),
            Container::Webm => ("webm", "video/webm"),
            Container::Mxf => ("mxf", "application/mxf"),
            Container::Gif => ("gif", "image/gif"),
            Container::Webp => ("webp", "image/webp"),
        }
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

impl Limits {
    fn check(&self) -> Result<(), String> {
        if self.lengths.iter().any(|l| !(0.5..=3600.0).contains(l)) {
            return Err("`limits.lengths` takes seconds from 0.5 to 3600".into());
        }
        let Self { min_seconds, max_seconds, max_megabytes, .. } = *self;
        for (name, value) in [("max-seconds", max_seconds), ("max-megabytes", max_megabytes)] {
            if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                return Err(format!("`limits.{name}` is {value}; expected a number above 0"));
            }
        }
        if let Some(least) = min_seconds.filter(|least| !(least.is_finite() && *least >= 0.0)) {
            return Err(format!("`limits.min-seconds` is {least}; expected a number from 0"));
        }
        if let (Some(least), Some(most)) = (min_seconds, max_seconds)
            && least > most
        {
            return Err(format!(
                "`limits.min-seconds` is {least} and `max-seconds` {most}: no spot is of such a length"
            ));
        }
        Ok(())
    }
}

/// `2026-11-22`, a day that there is; ISO 8601 has shorter ways to write one.
fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn check_audio(audio: &Audio) -> Result<(), String> {
    let in_range = match (audio.codec, audio.kbps) {
        (AudioCodec::Pcm24, kbps) => kbps.is_none(),
        (_, kbps) => kbps.is_some_and(|k| (32..=512).contains(&k)),
    };
    if !in_range {
        return Err("`audio.kbps` must be 32 to 512 for aac and opus, and left out for pcm_s24le".into());
    }
    let uncompressed = audio.codec == AudioCodec::Pcm24;
    if audio.mono_tracks.is_some_and(|tracks| !uncompressed || !(2..=16).contains(&tracks)) {
        return Err("`audio.mono-tracks` must be 2 to 16, and left out for other codecs than pcm_s24le".into());
    }
    if !(-40.0..=-5.0).contains(&audio.loudness_lufs) || !(-12.0..=0.0).contains(&audio.true_peak_db) {
        return Err("`audio` must have `loudness-lufs` -40 to -5 and `true-peak-db` -12 to 0".into());
    }
    if !(0.1..=6.0).contains(&audio.loudness_tolerance_lu) {
        let given = audio.loudness_tolerance_lu;
        return Err(format!("`audio.loudness-tolerance-lu` is {given}; expected 0.1 to 6"));
    }
    Ok(())
}

/// A rate as a fraction: whole numbers, and the NTSC rates that are written with decimals.
pub(crate) fn rational(fps: f64) -> Option<(u32, u32)> {
    let fraction = spotloom_media::rate::exact(fps);
    let whole = (1.0..=120.0).contains(&fps.round());
    (whole && fraction.1 != 1000).then_some(fraction)
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
    fn a_tolerance_that_is_not_said_is_one() {
        let check = |audio: &str, expected: f64| {
            let preset = Preset::parse("mine.yaml", &GOOD.replace("true-peak-db: -1", audio)).unwrap();
            assert_eq!(preset.audio.unwrap().loudness_tolerance_lu, expected, "{audio}");
        };
        check("true-peak-db: -1", 1.0);
        check("true-peak-db: -1, loudness-tolerance-lu: 0.5", 0.5);
    }

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
        check("codec: h264, crf: 18, max-kbps: 8000", "codec: prores-422-hq", "`container` does not take these codecs");
        check("codec: h264", "codec: prores-422-hq", "a rate of its own");
        check("codec: h264", "codec: h264, profile: main10", "none of this codec's");
        check("fps: 25", "fps: 25\ncontainer: webm", "vp9 or av1 with opus");
        check("fps: 25", "fps: 25\nrates: [25, 26.5]", "`rates` has 26.5");
        check("kbps: 192, ", "", "`audio.kbps` must be 32 to 512");
        check("audio: {codec: aac, kbps: 192, loudness-lufs: -14, true-peak-db: -1}", "", "`audio` is missing");
        check("width: 1920", "width: 1921", "1921; expected an even number");
        check("'16:9'", "'9:16'", "1920x1080 is not of that shape");
        check("'16:9'", "wide", "expected one like `16:9`");
        check("fps: 25", "fps: 26.5", "`fps` is not a frame rate");
        check("kbps: 192", "kbps: 192, mono-tracks: 4", "`audio.mono-tracks` must be 2 to 16");
        check("crf: 18, ", "", "`crf` (0 to 40) and `max-kbps`");
        check("crf: 18, ", "crf: 18, constant-kbps: 9000, ", "`constant-kbps` alone");
        let limits =
            |limits: &str, expected: &str| check("fps: 25", &format!("fps: 25\nlimits: {{{limits}}}"), expected);
        limits("lengths: [10, 0]", "`limits.lengths` takes seconds");
        limits("min-seconds: 30, max-seconds: 15", "`limits.min-seconds` is 30 and `max-seconds` 15");
        limits("min-seconds: -1", "`limits.min-seconds` is -1; expected a number from 0");
        limits("max-seconds: 0", "`limits.max-seconds` is 0; expected a number above 0");
        limits("max-megabytes: -25", "`limits.max-megabytes` is -25");
        limits("max-megabytes: .inf", "`limits.max-megabytes` is inf");
        limits("min-kbps: -1", "min");
        for dated in ["lately", "2026-13-01", "2026-02-29", "2026-11-31", "22.11.2026", "2026-11-2", "2026-00-10"] {
            check("dated: 2026-11-22", &format!("dated: {dated}"), &format!("`dated` is \"{dated}\"; expected a day"));
        }
        check("sources: [here]", "sources: []", "`sources` must say where it comes from");
        check("sources: [here]", "sources: [' ']", "`sources` must say where it comes from");
        check("loudness-lufs: -14", "loudness-lufs: 14", "`loudness-lufs` -40 to -5");
        check(
            "true-peak-db",
            "loudness-tolerance-lu: 0, true-peak-db",
            "`audio.loudness-tolerance-lu` is 0; expected 0.1",
        );
    }
}
