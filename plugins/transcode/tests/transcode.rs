//! Masters of real (tiny) mezzanines, through the same shield as in production; ffprobe is the judge.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spotloom_media::{AudioClip, Frame, FrameFormat, Mezzanine, Pixel, WriteOptions, Writer, probe};
use spotloom_plugin_sdk::api::{Artifact, End, Event, Output};
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_transcode::{Transcode, preset::Preset};
use tempfile::TempDir;

/// A folder of things to transcode.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A mezzanine with a bright square that moves.
    fn mezzanine(&self, (width, height): (u32, u32), fps: u32, seconds: f64) -> PathBuf {
        let path = self.0.path().join(format!("{width}x{height}-{fps}-{seconds}.mkv"));
        let format = FrameFormat::new(width, height, Pixel::Yuv420p10);
        let mut writer =
            Writer::create(&path, WriteOptions { codec: Mezzanine::Ffv1, format, fps: (fps, 1), threads: 2 }).unwrap();
        for index in 0..(seconds * f64::from(fps)).round() as usize {
            let mut frame = Frame::black(format);
            let stride = frame.stride(0);
            let left = (index * 4) % (width as usize - 16) * 2;
            for row in frame.plane_mut(0).chunks_exact_mut(stride).skip(8).take(16) {
                row[left..left + 32].chunks_exact_mut(2).for_each(|s| s.copy_from_slice(&800_u16.to_le_bytes()));
            }
            writer.write(&frame).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    /// One of the built-in presets, fifteen times smaller.
    fn preset(&self, name: &str) -> PathBuf {
        let text = std::fs::read_to_string(built_in(name)).unwrap();
        let small: String = text
            .lines()
            .map(|line| match line.split_once(": ") {
                Some((key @ ("width" | "height"), value)) => format!("{key}: {}\n", value.parse::<u32>().unwrap() / 15),
                _ => format!("{line}\n"),
            })
            .collect();
        let path = self.0.path().join(format!("{name}.yaml"));
        std::fs::write(&path, small).unwrap();
        path
    }

    /// A track with two notes, as an m4a.
    fn music(&self, seconds: u32) -> PathBuf {
        let path = self.0.path().join("music.m4a");
        let source = format!("sine=frequency=330:duration={seconds}:sample_rate=44100");
        let done = Command::new("ffmpeg").args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]).arg(&path).status();
        assert!(done.unwrap().success());
        path
    }
}

fn built_in(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../pipelines/presets/{name}.yaml"))
}

fn harness(mezzanine: &Path, presets: &[PathBuf], params: Value) -> Harness<Transcode> {
    let start = Harness::new().params(params).input("mezzanine", mezzanine, "video/x-matroska");
    presets.iter().fold(start, |harness, preset| harness.input("presets", preset, "application/yaml"))
}

fn params() -> Value {
    json!({"name": "Zest_SummerSplash_CitrusHero", "locale": "en"})
}

fn masters(done: &Done) -> Vec<(&str, &Output)> {
    done.outputs("masters").iter().map(|o| (o.name.as_str(), o)).collect()
}

fn ffprobe(path: &Path, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "compact=p=0", "-show_entries", entries])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_mezzanine_becomes_a_master_per_preset() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 30, 6.0);
    let presets =
        ["youtube-bumper", "youtube-15s", "youtube", "x-landscape", "linkedin-landscape"].map(|n| bench.preset(n));
    let done = harness(&mezzanine, &presets, params()).input("music", bench.music(2), "audio/mp4").run();
    let found = masters(&done);
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "Zest_SummerSplash_CitrusHero_16x9_YouTubeBumper_6s_en.mp4",
            "Zest_SummerSplash_CitrusHero_16x9_YouTube_6s_en.mp4",
            // A second one of the same platform is told apart by its preset.
            "Zest_SummerSplash_CitrusHero_16x9_YouTube2_6s_en.mp4",
            "Zest_SummerSplash_CitrusHero_16x9_X_6s_en.mp4",
            "Zest_SummerSplash_CitrusHero_16x9_LinkedIn_6s_en.mp4",
        ]
    );
    let (_, bumper) = found[0];
    for (key, expected) in [
        ("preset", json!("youtube-bumper")),
        ("platform", json!("YouTube")),
        ("aspect", json!("16:9")),
        ("width", json!(128)),
        ("height", json!(72)),
        ("seconds", json!(6.0)),
        ("fps", json!(30.0)),
        ("frames", json!(180)),
        ("bytes", json!(std::fs::metadata(&bumper.path).unwrap().len())),
        ("video-codec", json!("h264")),
        ("audio-codec", json!("aac")),
    ] {
        assert_eq!(bumper.facts.get(key), Some(&expected), "{key}");
    }
    // LinkedIn takes less than 30 frames a second.
    assert_eq!(found[4].1.facts["fps"], json!(29.97));
    assert!(ffprobe(&found[4].1.path, "stream=r_frame_rate").starts_with("r_frame_rate=30000/1001"));
    assert!(
        done.events.iter().any(|e| matches!(e, Event::Progress { message, .. } if message == "encoding 5 masters"))
    );
}

#[test]
fn every_built_in_preset_gives_what_it_promises() {
    let bench = Bench::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(built_in("x").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        seen += 1;
        let name = path.file_stem().unwrap().to_str().unwrap();
        Preset::parse(name, &std::fs::read_to_string(&path).unwrap()).unwrap();
        let small = bench.preset(name);
        let preset = Preset::parse(name, &std::fs::read_to_string(&small).unwrap()).unwrap();
        let mezzanine = bench.mezzanine((preset.width, preset.height), 25, 6.0);
        let done = harness(&mezzanine, &[small], params()).input("music", bench.music(3), "audio/mp4").run();
        let (file, output) = masters(&done)[0];
        let info = probe(&output.path).unwrap();
        let (video, audio) = (info.video.unwrap(), info.audio.unwrap());
        assert_eq!((video.width, video.height, video.fps), (preset.width, preset.height, (25, 1)), "{file}");
        assert_eq!((audio.rate, audio.channels), (48_000, 2), "{file}");
        let streams = ffprobe(&output.path, "stream=codec_name,profile,color_space,field_order,nb_read_frames");
        assert!(
            streams.starts_with(
                "codec_name=h264|profile=High|color_space=bt709|field_order=progressive|nb_read_frames=150"
            ),
            "{file}: {streams}"
        );
        let sound = AudioClip::read(&output.path, 60.0).unwrap().loudness().unwrap();
        let lufs = sound.integrated_lufs.unwrap();
        assert!((lufs - preset.audio.loudness_lufs).abs() < 1.0, "{file}: {lufs} LUFS");
        assert!(sound.true_peak_db <= preset.audio.true_peak_db, "{file}: {} dBTP", sound.true_peak_db);
        let kbps = info.bytes as f64 * 8.0 / 6.0 / 1000.0;
        assert!(preset.limits.min_kbps.is_none_or(|floor| kbps >= f64::from(floor)), "{file}: {kbps} kb/s");
    }
    assert!(seen >= 12, "{seen} presets");
}

#[test]
fn what_a_preset_does_not_take_is_said_with_figures() {
    let bench = Bench::new();
    let check = |size, seconds, preset: &str, code: &str, words: &[&str]| {
        let mezzanine = bench.mezzanine(size, 25, seconds);
        let done = harness(&mezzanine, &[bench.preset(preset)], params()).run();
        let failure = done.failure();
        assert_eq!((failure.code.as_str(), failure.retryable), (code, false), "{}", failure.message);
        for word in words {
            let text = format!("{} / {}", failure.message, failure.hint.as_deref().unwrap_or_default());
            assert!(text.contains(word), "{text}");
        }
    };
    check((128, 72), 8.0, "youtube-bumper", "too-long", &["at most 6 s", "8.00 s", "by 2.0 s"]);
    check((128, 72), 3.0, "ctv-hd", "too-short", &["at least 6 s", "3.00 s"]);
    check((72, 128), 1.0, "youtube", "wrong-aspect", &["16:9", "72x128"]);
}

#[test]
fn bad_input_is_a_failure_that_names_it() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 25, 1.0);
    let preset = bench.preset("youtube");
    let words = bench.0.path().join("words.mkv");
    std::fs::write(&words, "not a video").unwrap();
    let cut = bench.0.path().join("cut.mkv");
    let bytes = std::fs::read(&mezzanine).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let broken = bench.0.path().join("broken.yaml");
    std::fs::write(&broken, "summary: only this\n").unwrap();
    let check = |harness: Harness<Transcode>, code: &str, word: &str| {
        let done = harness.run();
        let failure = done.failure();
        assert_eq!(failure.code, code, "{}", failure.message);
        assert!(failure.message.contains(word), "{}", failure.message);
    };
    check(harness(&words, std::slice::from_ref(&preset), params()), "bad-media", "words.mkv");
    check(harness(&cut, std::slice::from_ref(&preset), params()), "bad-media", "cut.mkv");
    check(harness(&bench.music(1), std::slice::from_ref(&preset), params()), "no-video", "music.m4a");
    check(harness(&mezzanine, &[broken], params()), "bad-preset", "broken.yaml");
    check(harness(&mezzanine, &[], params()), "missing-input", "presets");
    check(harness(&mezzanine, &[preset.clone(), preset.clone()], params()), "duplicate-output", "youtube");
    check(harness(&mezzanine, std::slice::from_ref(&preset), json!({"name": "../up"})), "bad-params", "../up");
    check(
        harness(&mezzanine, std::slice::from_ref(&preset), json!({"name": "a", "volume": 1})),
        "bad-params",
        "volume",
    );
    check(
        harness(&mezzanine, std::slice::from_ref(&preset), params()).input("music", &words, "audio/mp4"),
        "bad-media",
        "words.mkv",
    );
    let long =
        harness(&mezzanine, std::slice::from_ref(&preset), params()).input("voiceover", bench.music(3), "audio/mp4");
    check(long, "voiceover-too-long", "3.0 s");
}

#[test]
fn without_music_the_track_is_silent_and_there() {
    let bench = Bench::new();
    let done = harness(&bench.mezzanine((128, 72), 25, 1.0), &[bench.preset("youtube")], params()).run();
    let (_, output) = masters(&done)[0];
    assert_eq!(output.facts["loudness-lufs"], Value::Null);
    assert_eq!(AudioClip::read(&output.path, 9.0).unwrap().loudness().unwrap().integrated_lufs, None);
}

#[test]
fn a_run_that_is_cancelled_stops_between_frames() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 25, 6.0);
    let presets = [bench.preset("youtube"), bench.preset("x-landscape")];
    let done = harness(&mezzanine, &presets, params()).cancel_after(3).run();
    assert_eq!(done.end, End::Cancelled);
    let last = done
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Progress { done, .. } => Some(*done),
            Event::Log { .. } => None,
        })
        .max();
    assert!(last.unwrap() < 60, "{last:?} of 150 frames were done");
}

#[test]
fn the_same_inputs_are_the_same_bytes() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 25, 2.0);
    let bytes = |threads| {
        let done = harness(&mezzanine, &[bench.preset("youtube")], params())
            .input("music", bench.music(3), "audio/mp4")
            .threads(threads)
            .run();
        std::fs::read(done.path("masters")).unwrap()
    };
    assert!(bytes(1) == bytes(4));
}

/// An artifact's own name counts, not the file name of the store it lies in.
#[test]
fn presets_go_by_their_artifacts_name() {
    let bench = Bench::new();
    let stored = bench.0.path().join("3fa9c2");
    std::fs::copy(bench.preset("tiktok"), &stored).unwrap();
    let preset = Artifact {
        path: stored,
        sha256: "0".repeat(64),
        media: "application/yaml".into(),
        name: "tiktok.yaml".into(),
        facts: serde_json::Map::new(),
    };
    let done = harness(&bench.mezzanine((72, 128), 25, 5.0), &[], params()).artifact("presets", preset).run();
    assert_eq!(masters(&done)[0].1.facts["preset"], json!("tiktok"));
}
