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

/// Codecs have profiles, levels and flavours, and pixels formats, of which players take one; and key frames come as often as
/// they have to.
#[test]
fn the_picture_is_coded_as_the_preset_says() {
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
    let main = "-c:v libx264 -preset ultrafast -profile:v main -x264-params cabac=1:bframes=1";
    check("codec: h264, profile: main", "mp4", &format!("{main} -g 15"), &[]);
    check("codec: h264, profile: main", "mp4", &format!("{main} -g 16"), &wrong);
    check("codec: h264, profile: baseline", "mp4", "-c:v libx264 -profile:v baseline -g 15", &[]);
    let level = "-c:v libx264 -preset ultrafast -profile:v high -x264-params cabac=1:8x8dct=1 -g 15 -level";
    check("codec: h264, profile: high, level: '3.1'", "mp4", &format!("{level} 3.1"), &[]);
    check("codec: h264, profile: high, level: '3.1'", "mov", &format!("{level} 3.0"), &[]);
    check("codec: h264, profile: high, level: '3.1'", "mp4", &format!("{level} 3.2"), &wrong);
    check("codec: h264, profile: high, level: '3.1'", "mov", &format!("{level} 4.0"), &wrong);
    let hevc = "-c:v libx265 -preset ultrafast -x265-params open-gop=0:log-level=error -g 15 -pix_fmt";
    check("codec: hevc, profile: main", "mp4", &format!("{hevc} yuv420p"), &[]);
    check("codec: hevc, profile: main", "mp4", &format!("{hevc} yuv420p10le"), &wrong);
    check("codec: hevc, profile: main10", "mp4", &format!("{hevc} yuv420p10le"), &[]);
    check("codec: hevc, profile: main, level: '1.0'", "mp4", &format!("{hevc} yuv420p"), &wrong);
    check("codec: av1", "mp4", "-c:v libsvtav1 -preset 12 -g 15", &[]);
    check("codec: av1, profile: main10", "mp4", "-c:v libsvtav1 -preset 12 -g 15", &wrong);
    check("codec: vp9", "webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -an", &[]);
    check("codec: vp9", "webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv444p -an", &wrong);
    check("codec: prores-422-hq", "mov", "-c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le", &[]);
    check("codec: prores-422-hq", "mov", "-c:v prores_ks -profile:v 2 -pix_fmt yuv422p10le", &wrong);
    check("codec: prores-422-hq", "mov", "-c:v prores_ks -profile:v 0 -pix_fmt yuv422p10le", &wrong);
    check("codec: prores-422-hq", "mov", "-c:v prores_ks -profile:v 4 -pix_fmt yuv444p10le", &wrong);
    check("codec: xdcam-hd422", "mov", "-c:v mpeg2video -pix_fmt yuv422p -b:v 4M", &[]);
    check("codec: xdcam-hd422", "mov", "-c:v mpeg2video -pix_fmt yuv420p -b:v 4M", &wrong);
    let mxf = "-c:v mpeg2video -pix_fmt yuv422p -b:v 8M -bf 2 -sc_threshold 1000000000 -c:a pcm_s24le -g";
    check("codec: xdcam-hd422", "mxf", &format!("{mxf} 15"), &[]);
    check("codec: xdcam-hd422", "mxf", &format!("{mxf} 18"), &wrong);
}

/// Frames at both ends of the ad are silent that have to be, with and without black around it.
#[test]
fn both_ends_are_silent_where_the_preset_says_so() {
    let folder = TempDir::new().unwrap();
    let layout = layout(folder.path(), &Made::default());
    let check = |(from, until): (f64, f64), around: &str, ends: &str, expected: Option<&str>| {
        let gate = format!("val(ch)*gte(t\\,{from})*lt(t\\,{until})");
        let gate = [gate.replace("ch", "0"), gate.replace("ch", "1")].join("|");
        let (black, quiet, seconds) = match around {
            "" => ("null", "anull", 5),
            _ => ("tpad=start_duration=2:stop_duration=1", "adelay=2000:all=1,apad=pad_dur=1", 8),
        };
        let coding = format!(
            "-map [v] -map [l] -map [r] -c:v libx264 -preset veryfast -crf 18 -g 15 -c:a pcm_s24le -colorspace bt709 \
             -color_primaries bt709 -color_trc bt709 -color_range tv -t {seconds} -movflags +write_colr"
        );
        let (picture, sound) = (format!("{black},format=yuv420p"), format!("asetpts=N/SR/TB,aeval={gate},{quiet}"));
        let master = made(folder.path(), &picture, &sound, "spot.mov", &coding);
        let preset = PRESET
            .replace("fps: 30\nmax", "fps: 30\ncontainer: mov\nmax")
            .replace("aac, kbps: 128", "pcm_s24le, mono-tracks: 2");
        let done = run_for(&format!("{preset}{around}{ends}"), &master, &layout, warn());
        let wrong: Vec<Value> = checks(&done).into_iter().filter(|c| c["verdict"] != "pass").collect();
        let told: Vec<&str> = wrong.iter().map(|c| c["sentence"].as_str().unwrap()).collect();
        let good = told.len() == expected.iter().len() && told.iter().zip(expected).all(|(told, e)| told.contains(e));
        assert!(good, "{from} to {until}, {around}{ends}: {wrong:#?} instead of {expected:?}");
    };
    let six = "silence: {head-frames: 6, tail-frames: 6}\n";
    let around = "leader: {slate-seconds: 1, black-seconds: 1}\ntail-black-seconds: 1\n";
    check((0.2, 4.8), "", six, None);
    check((0.2, 4.81), "", six, Some("The last 6 frames have to be silent and there is sound until 4.81"));
    check((0.19, 4.8), "", six, Some("The first 6 frames have to be silent and there is sound from 0.19"));
    check((0.0, 5.0), "", "", None);
    check((0.0, 4.8), "", "silence: {tail-frames: 6}\n", None);
    check((0.2, 4.8), around, six, None);
    check((0.2, 5.0), around, six, Some("there is sound until 7.000 s"));
}

/// What the first frame's time code has to be, in the containers that keep one.
#[test]
fn time_codes_begin_where_the_preset_says() {
    let folder = TempDir::new().unwrap();
    let layout = layout(folder.path(), &Made::default());
    let check = |container: &str, picture: &str, written: &str, asked: &str, expected: &[&str]| {
        let codec = match container {
            "mxf" => "mpeg2video -pix_fmt yuv422p -b:v 8M",
            _ => "libx264 -pix_fmt yuv420p -preset veryfast -crf 18 -g 15",
        };
        let coding = format!(
            "-map [v] -map [l] -map [r] -c:v {codec} -c:a pcm_s24le -colorspace bt709 -color_primaries bt709 -color_trc bt709 \
             -color_range tv -t 5 {written}"
        );
        let master = made(folder.path(), picture, "anull", &format!("spot.{container}"), coding.trim());
        let coded = if container == "mxf" { "xdcam-hd422" } else { "h264" };
        let preset = PRESET
            .replace("fps: 30\nmax", &format!("fps: 30\ncontainer: {container}\nmax"))
            .replace(
                "{codec: h264, profile: high, crf: 18, max-kbps: 4000, gop-seconds: 0.5}",
                &format!("{{codec: {coded}}}"),
            )
            .replace("aac, kbps: 128", "pcm_s24le, mono-tracks: 2");
        let done = run_for(&format!("{preset}timecode: '{asked}'\n"), &master, &layout, warn());
        let named: Vec<String> = found(&done).into_iter().filter(|name| name == "timecode").collect();
        assert_eq!(named, expected, "{container} {written} for {asked}: {:#?}", checks(&done));
    };
    let wrong = ["timecode"];
    for container in ["mov", "mxf"] {
        check(container, "null", "-timecode 10:00:00:00", "10:00:00:00", &[]);
        check(container, "null", "-timecode 10:00:00:00", "00:59:53:00", &wrong);
        check(container, "null", "", "10:00:00:00", &wrong);
        check(container, "fps=30000/1001", "-timecode 00:59:53;00", "00:59:53;00", &[]);
        check(container, "fps=30000/1001", "-timecode 00:59:53:00", "00:59:53;00", &wrong);
    }
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
