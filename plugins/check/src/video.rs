//! The picture against the preset: what its codec says, and what the container says of it.

use crate::boxes::Picture;
use crate::check::{Check, Name};
use crate::file::{Differences, Facts, join};
use crate::preset::Video;

/// The picture as its preset wants it.
pub(crate) fn check(Facts { header, boxes, mxf, preset, .. }: &Facts<'_>) -> Check {
    let mut d = Differences::default();
    let Some(video) = &header.info.video else {
        return Check::fail(Name::VideoStream, "There is no video stream.").figures("none", "one");
    };
    let Some(preset) = preset else {
        return Check::pass(Name::VideoStream, "There is a video stream; no preset says what it has to be.")
            .figures(format!("{} {}x{}", video.codec, video.width, video.height), "");
    };
    d.is("the codec", &video.codec, codec(&preset.video.codec));
    let coded = coded(&preset.video);
    if let Some(profile) = coded.and_then(|(profile, _)| profile) {
        let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
        let found = plain(&header.video_profile);
        // As the specifications call them.
        let found = match (video.codec.as_str(), found.as_str()) {
            ("mpeg2video", "422") => "4:2:2".to_owned(),
            ("vp9", number) => format!("profile{number}"),
            _ => found,
        };
        d.is("the profile", &found, &plain(profile));
    }
    if let Some(boxes) = boxes {
        boxed(&boxes.picture, &video.codec, &preset.video, &mut d);
    }
    d.is("the size", &format!("{}x{}", video.width, video.height), &format!("{}x{}", preset.width, preset.height));
    if let Some((_, pixel)) = coded {
        d.is("the pixel format", &video.pixel, pixel);
    }
    // Not every container writes it in lowest terms.
    let (n, m) = video.sample_aspect;
    let shape = if n == m { "1:1".to_owned() } else { format!("{n}:{m}") };
    d.is("the shape of a pixel", &shape, "1:1");
    let fps = f64::from(video.fps.0) / f64::from(video.fps.1.max(1));
    if let Some(most) = preset.max_fps.filter(|most| fps > most + 0.01) {
        d.wrong.push(format!("the frame rate is {fps:.2} and the platform takes at most {most}"));
    }
    let rates = join(&preset.rates, " or ");
    if !preset.rates.is_empty() && preset.rates.iter().all(|rate| (fps - rate).abs() > 0.006) {
        d.wrong.push(format!("the frame rate is {fps:.2} where {rates} is expected"));
    }
    d.found.push(format!("{fps:.3} fps"));
    d.expected.push(match preset.max_fps {
        _ if !preset.rates.is_empty() => format!("{rates} fps"),
        Some(most) => format!("at most {most} fps"),
        None => "any rate".into(),
    });
    let longest = boxes.as_ref().map_or_else(|| mxf.and_then(|m| m.longest_gop), |b| b.picture.longest_gop);
    if let Some(found) = longest {
        let most = preset.video.longest_gop(fps);
        d.found.push(format!("{found} frames from key frame to key frame"));
        d.expected.push(format!("at most {most}"));
        if found > most {
            d.wrong.push(format!(
                "there are {found} frames from one key frame to the next where at most {most} are expected"
            ));
        }
    }
    d.check(Name::VideoStream, "The picture is coded as the platform takes it.")
}

/// What only the boxes tell: which ProRes it is, and the level of H.264 and HEVC.
fn boxed(picture: &Picture, codec: &str, video: &Video, d: &mut Differences) {
    if codec == "prores" && video.codec == "prores-422-hq" {
        d.is("the ProRes", prores(&picture.format), prores("apch"));
    }
    // A player that takes a level takes what is below it.
    let figure = |level: &str| level.parse::<f64>().ok();
    if let (Some(found), Some(most)) = (&picture.level, &video.level)
        && let (Some(is), Some(limit)) = (figure(found), figure(most))
    {
        d.found.push(format!("level {found}"));
        d.expected.push(format!("at most {most}"));
        if is > limit {
            d.wrong.push(format!("the level is {found} where at most {most} is expected"));
        }
    }
}

/// The ProRes that a sample's name means (Apple ProRes White Paper).
fn prores(format: &str) -> &str {
    match format {
        "apco" => "422 Proxy",
        "apcs" => "422 LT",
        "apcn" => "422",
        "apch" => "422 HQ",
        "ap4h" => "4444",
        "ap4x" => "4444 XQ",
        other => other,
    }
}

/// The profile and the pixel format, by FFmpeg's names, of a preset's picture; what the transcoder takes where it names none.
/// Neither is known of a preview.
fn coded(video: &Video) -> Option<(Option<&str>, &'static str)> {
    let (named, ten) = (video.profile.as_deref(), video.profile.as_deref() == Some("main10"));
    let pixel = if ten { "yuv420p10le" } else { "yuv420p" };
    Some(match codec(&video.codec) {
        "h264" if named == Some("baseline") => (Some("constrained baseline"), pixel),
        "h264" => (named.or(Some("high")), pixel),
        "hevc" => (named.or(Some("main")), pixel),
        "vp9" => (Some("profile 0"), pixel),
        // Which AV1 it is, the library does not tell; which ProRes, the container does.
        "av1" => (None, pixel),
        "prores" => (None, "yuv422p10le"),
        "mpeg2video" => (Some("4:2:2"), "yuv422p"),
        _ => return None,
    })
}

/// FFmpeg's names of the codecs that presets name.
fn codec(name: &str) -> &str {
    match name {
        "h265" => "hevc",
        "mpeg2" | "xdcam-hd422" | "xdcam" => "mpeg2video",
        "prores-422-hq" | "prores_ks" | "prores-hq" => "prores",
        other => other,
    }
}
