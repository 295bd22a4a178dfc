//! Masters in other containers than MP4, with slate and black around them, and of what the brief itself brings.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::*;
use tempfile::TempDir;

fn warn() -> Value {
    json!({"on-fail": "warn", "seconds": SECONDS})
}

/// A good master, changed by a filter of the picture and one of the sound.
fn made(folder: &Path, picture: &str, sound: &str, name: &str, coding: &str) -> std::path::PathBuf {
    let source = make(folder, &Made::default());
    let master = folder.join(name);
    let graph = format!("[0:v]{picture}[v];[0:a]{sound},channelsplit[l][r]");
    let mut arguments = vec!["-i", source.to_str().unwrap(), "-filter_complex", &graph];
    arguments.extend(coding.split(' ').chain([master.to_str().unwrap()]));
    ffmpeg(&arguments);
    master
}

#[test]
fn masters_in_mxf_are_held_against_the_same() {
    let folder = TempDir::new().unwrap();
    let layout = layout(folder.path(), &Made::default());
    let preset = PRESET
        .replace("fps: 30\nmax", "fps: 30\ncontainer: mxf\nmax")
        .replace("{codec: h264, profile: high, crf: 18, max-kbps: 4000, gop-seconds: 0.5}", "{codec: xdcam-hd422}")
        .replace("aac, kbps: 128", "pcm_s24le, mono-tracks: 2");
    let check = |picture: &str, sound: &str, keep: f64, expected: &[&str]| {
        let coding = "-map [v] -map [l] -map [r] -c:v mpeg2video -pix_fmt yuv422p -b:v 8M -colorspace bt709 \
                      -color_primaries bt709 -color_trc bt709 -color_range tv -c:a pcm_s24le -t 5";
        let master = made(folder.path(), picture, sound, "spot.mxf", coding);
        let bytes = std::fs::read(&master).unwrap();
        std::fs::write(&master, &bytes[..(bytes.len() as f64 * keep) as usize]).unwrap();
        let done = run_for(&preset, &master, &layout, warn());
        assert_eq!(found(&done), expected, "{picture} {sound}: {:#?}", checks(&done));
    };
    check("null", "anull", 1.0, &[]);
    check("drawbox=color=black:t=fill:enable='between(t,1,3)'", "anull", 1.0, &["black"]);
    check("null", "volume=-6dB", 1.0, &["loudness"]);
    check("null", "anull", 0.6, &["decode", "length"]);
}

#[test]
fn previews_are_whole_as_large_and_as_long_as_they_have_to_be() {
    let folder = TempDir::new().unwrap();
    let layout = layout(folder.path(), &Made::default());
    let check = |name: &str, coding: &str, picture: &str, keep: f64, expected: &[&str]| {
        let kind = name.split_once('.').unwrap().1;
        let preset = PRESET
            .replace("fps: 30\nmax-fps: 30", &format!("fps: 30\ncontainer: {kind}\nmax-fps: 10"))
            .replace(
                "{codec: h264, profile: high, crf: 18, max-kbps: 4000, gop-seconds: 0.5}",
                &format!("{{codec: {kind}}}"),
            )
            .lines()
            .filter(|line| !line.starts_with("audio"))
            .collect::<Vec<_>>()
            .join("\n");
        let coding = format!("-map [v] {coding}");
        let source = make(folder.path(), &Made::default());
        let master = folder.path().join(name);
        let graph = format!("[0:v]fps=10,{picture}[v]");
        let mut arguments = vec!["-i", source.to_str().unwrap(), "-filter_complex", &graph];
        arguments.extend(coding.split(' ').chain([master.to_str().unwrap()]));
        ffmpeg(&arguments);
        let bytes = std::fs::read(&master).unwrap();
        std::fs::write(&master, &bytes[..(bytes.len() as f64 * keep) as usize]).unwrap();
        let done = run_for(&preset, &master, &layout, warn());
        assert_eq!(found(&done), expected, "{name} {picture}: {:#?}", checks(&done));
        assert!(expected.contains(&"decode") || checks(&done).len() >= 3, "{:#?}", checks(&done));
    };
    let (gif, webp) = ("-f gif", "-c:v libwebp_anim -loop 0");
    for (name, coding) in [("spot.gif", gif), ("spot.webp", webp)] {
        check(name, coding, "null", 1.0, &[]);
        check(name, coding, "scale=160:90", 1.0, &["video-stream"]);
        check(name, coding, "trim=end=4", 1.0, &["length"]);
    }
    check("spot.gif", gif, "drawbox=color=black:t=fill:enable='between(t,1,3)'", 1.0, &["black"]);
    check("spot.gif", gif, "null", 0.5, &["decode", "length"]);
    check("spot.webp", webp, "null", 0.5, &["decode"]);
}

/// The platform's limits are about the ad: two seconds of slate and black before it and one of black after it are not in them.
#[test]
fn what_stands_around_the_ad_is_not_judged() {
    let folder = TempDir::new().unwrap();
    let layout = layout(folder.path(), &Made::default());
    let coding = "-map [v] -map [l] -map [r] -c:v libx264 -preset veryfast -crf 18 -g 15 -c:a pcm_s24le -colorspace bt709 \
                  -color_primaries bt709 -color_trc bt709 -color_range tv -t 8 -movflags +write_colr";
    let picture = "tpad=start_duration=2:stop_duration=1,format=yuv420p";
    let master = made(folder.path(), picture, "adelay=2000:all=1,apad=pad_dur=1", "spot.mov", coding);
    let check = |around: &str, expected: &[&str]| {
        let preset = PRESET
            .replace("fps: 30\nmax", "fps: 30\ncontainer: mov\nmax")
            .replace("aac, kbps: 128", "pcm_s24le, mono-tracks: 2")
            .replace("max-seconds: 10", "max-seconds: 5");
        let done = run_for(&format!("{preset}{around}"), &master, &layout, warn());
        assert_eq!(found(&done), expected, "{around}: {:#?}", checks(&done));
    };
    let leader = "leader: {slate-seconds: 1, black-seconds: 1}\n";
    check(&format!("{leader}tail-black-seconds: 1\n"), &[]);
    check(leader, &["length"]);
}

/// What a platform takes and nothing else: rates, lengths, whole seconds.
#[test]
fn rates_and_lengths_are_those_of_the_preset() {
    let folder = TempDir::new().unwrap();
    let made = Made::default();
    let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
    let short = master.with_file_name("short.mp4");
    ffmpeg(&[
        "-i",
        master.to_str().unwrap(),
        "-c",
        "copy",
        "-t",
        "4.5",
        "-movflags",
        "+faststart",
        short.to_str().unwrap(),
    ]);
    let check = |master: &Path, was: &str, is: &str, expected: &[&str]| {
        let preset = PRESET.replace(was, is);
        let done = run_for(&preset, master, &layout, json!({"on-fail": "warn"}));
        let asked = ["length", "video-stream"];
        let found: Vec<String> = found(&done).into_iter().filter(|name| asked.contains(&name.as_str())).collect();
        assert_eq!(found, expected, "{is}: {:#?}", checks(&done));
    };
    check(&master, "max-fps: 30", "max-fps: 30\nrates: [29.97, 30]", &[]);
    check(&master, "max-fps: 30", "rates: [25, 29.97]", &["video-stream"]);
    check(&master, "min-seconds: 3", "lengths: [5, 10], whole-seconds: true", &[]);
    check(&master, "min-seconds: 3", "lengths: [6, 15]", &["length"]);
    std::fs::write(&layout, r#"{"seconds": 4.5}"#).unwrap();
    check(&short, "min-seconds: 3", "min-seconds: 3", &[]);
    check(&short, "min-seconds: 3", "whole-seconds: true", &["length"]);
}

/// Codecs have profiles, and pixels formats, of which players take one.
#[test]
fn profiles_and_pixel_formats_are_those_of_the_preset() {
    let folder = TempDir::new().unwrap();
    let (source, layout) = (make(folder.path(), &Made::default()), layout(folder.path(), &Made::default()));
    let check = |codec: &str, container: &str, coding: &str, expected: &[&str]| {
        let preset = PRESET
            .replace("fps: 30\nmax", &format!("fps: 30\ncontainer: {container}\nmax"))
            .replace("codec: h264, profile: high", codec);
        let master = folder.path().join(format!("spot.{container}"));
        let mut arguments = vec!["-i", source.to_str().unwrap(), "-c:a", "copy", "-t", "1"];
        arguments.extend(coding.split(' ').chain([master.to_str().unwrap()]));
        ffmpeg(&arguments);
        let done = run_for(&preset, &master, &layout, warn());
        let wrong: Vec<String> = found(&done).into_iter().filter(|name| name == "video-stream").collect();
        assert_eq!(wrong, expected, "{codec}, {coding}: {:#?}", checks(&done));
    };
    let wrong = ["video-stream"];
    check(
        "codec: h264, profile: main",
        "mp4",
        "-c:v libx264 -preset ultrafast -profile:v main -x264-params cabac=1:bframes=1",
        &[],
    );
    check("codec: h264, profile: baseline", "mp4", "-c:v libx264 -profile:v baseline", &[]);
    check("codec: hevc, profile: main", "mp4", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p", &[]);
    check("codec: hevc, profile: main", "mp4", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le", &wrong);
    check("codec: hevc, profile: main10", "mp4", "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le", &[]);
    check("codec: av1", "mp4", "-c:v libsvtav1 -preset 12", &[]);
    check("codec: av1, profile: main10", "mp4", "-c:v libsvtav1 -preset 12", &wrong);
    check("codec: vp9", "webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -an", &[]);
    check("codec: vp9", "webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv444p -an", &wrong);
    check("codec: prores-422-hq", "mov", "-c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le", &[]);
    check("codec: prores-422-hq", "mov", "-c:v prores_ks -profile:v 4 -pix_fmt yuv444p10le", &wrong);
    check("codec: xdcam-hd422", "mov", "-c:v mpeg2video -pix_fmt yuv422p -b:v 4M", &[]);
    check("codec: xdcam-hd422", "mov", "-c:v mpeg2video -pix_fmt yuv420p -b:v 4M", &wrong);
}

/// A scene from a still picture or a tripod is not a defect; one that a model made is.
#[test]
fn what_the_brief_brings_may_stand_still() {
    let folder = TempDir::new().unwrap();
    let still = format!("{},loop=loop=75:size=1:start=60,trim=end_frame=150,setpts=N/30/TB", Made::default().video);
    let made = Made { video: still, ..Made::default() };
    let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
    let mut document: Value = serde_json::from_slice(&std::fs::read(&layout).unwrap()).unwrap();
    for (source, verdict) in [("generated", "fail"), ("picture", "warn"), ("footage", "warn")] {
        document["parts"] = json!([{"kind": "scene", "from": 0.0, "until": SECONDS, "source": source}]);
        std::fs::write(&layout, document.to_string()).unwrap();
        let done = run(&master, &layout, json!({"on-fail": "report", "seconds": SECONDS}));
        assert_eq!(found(&done), ["frozen"], "{source}");
        let frozen = checks(&done).into_iter().find(|c| c["name"] == "frozen").unwrap();
        assert_eq!(frozen["verdict"], verdict, "{source}: {frozen:#}");
    }
}
