//! Masters of real (tiny) mezzanines, through the same shield as in production; ffprobe is the judge.

mod common;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_composition::timeline::{EndCardBackground, Part, PartKind, Timeline, TransitionKind};
use spotloom_composition::{ClipMark, Composition};
use spotloom_media::AudioClip;
use spotloom_plugin_sdk::api::{Artifact, End, Event};
use spotloom_plugin_sdk::harness::{Done, Harness, Warm};
use spotloom_transcode::Transcode;

use common::{Bench, built_in, ffprobe, harness, masters, params};

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
    check(harness(&bench.music(1), std::slice::from_ref(&preset), params()), "no-video", "music-1.m4a");
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

#[test]
fn a_warm_host_makes_the_sound_of_this_run_and_not_of_the_last() {
    let (bench, host) = (Bench::new(), Warm::default());
    let mezzanine = bench.mezzanine((128, 72), 25, 2.0);
    let bytes = |host: &Warm<Transcode>, music: u32, more: Value| {
        let mut params = params();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let artifact = Artifact {
            path: bench.music(music),
            sha256: format!("{music:064}"),
            media: "audio/mp4".into(),
            name: "music.m4a".into(),
            facts: serde_json::Map::new(),
        };
        let run = harness(&mezzanine, &[bench.preset("youtube")], params).artifact("music", artifact).warm(host);
        std::fs::read(run.run().path("masters")).unwrap()
    };
    let cold = |music, more| bytes(&Warm::default(), music, more);
    let mut before = Vec::new();
    for (music, more) in [
        (3, json!({})),
        (3, json!({"fade-in-seconds": 1.0})),
        (1, json!({"fade-in-seconds": 1.0})),
        (3, json!({})),
        (3, json!({"locale": "de"})),
    ] {
        let made = bytes(&host, music, more.clone());
        assert!(made == cold(music, more.clone()), "{music} {more}");
        // Only the name is another one in the last.
        assert_eq!(made == before, more == json!({"locale": "de"}), "{music} {more}");
        before = made;
    }
}

/// The first keeps what it decodes for the second, and the second gives the room back.
#[test]
fn an_aspect_after_another_is_what_it_is_alone() {
    let (bench, host) = (Bench::new(), Warm::default());
    let clip = bench.mezzanine((96, 96), 25, 5.0);
    let bytes = |host: &Warm<Transcode>, (width, height): (usize, usize), preset: &str, to_come: u32| {
        let file = bench.0.path().join(format!("{width}x{height}"));
        composition(width, height).write(&file).unwrap();
        let run = Harness::<Transcode>::new().params(params()).warm(host).to_come("clips", to_come);
        let run = run.artifact("composition", artifact(&file)).artifact("clips", artifact(&clip));
        let done = run.input("presets", bench.preset(preset), "application/yaml").run();
        std::fs::read(done.path("masters")).unwrap()
    };
    // Files that are open and have no name; only this test has any.
    let nameless = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|e| std::fs::read_link(e.ok()?.path()).ok());
        links.map(|l| l.to_string_lossy().into_owned()).filter(|l| l.contains("/#") && l.ends_with("(deleted)")).count()
    };
    for (size, preset, to_come) in [((128, 72), "youtube", 2), ((72, 128), "tiktok", 1), ((128, 72), "youtube", 0)] {
        let alone = bytes(&Warm::default(), size, preset, 0);
        assert!(bytes(&host, size, preset, to_come) == alone, "{size:?}");
        assert_eq!(nameless() > 0, to_come > 0, "{to_come} to come");
    }
}

/// A file as the composition's clip is known.
fn artifact(path: &Path) -> Artifact {
    Artifact {
        path: path.into(),
        sha256: "c".repeat(64),
        media: "video/x-matroska".into(),
        name: "clip".into(),
        facts: serde_json::Map::new(),
    }
}

/// A master in 4K and another do not fit into one pass.
#[test]
fn masters_of_several_passes_are_what_they_are_alone() {
    let bench = Bench::new();
    let clip = bench.mezzanine((96, 96), 25, 1.0);
    let file = bench.0.path().join("composition");
    let mut short = composition(128, 72);
    let part = Part { end: 0.48, ..short.timeline.parts[0].clone() };
    short.timeline = Timeline { fps: (25, 1), frames: 12, seconds: 0.48, parts: vec![part] };
    short.write(&file).unwrap();
    let run = |presets: &[PathBuf]| {
        let run = Harness::<Transcode>::new().params(params());
        let run = run.artifact("composition", artifact(&file)).artifact("clips", artifact(&clip));
        presets.iter().fold(run, |run, preset| run.input("presets", preset, "application/yaml")).run()
    };
    let bytes = |done: &Done, output: &str| -> Vec<Vec<u8>> {
        done.outputs(output).iter().map(|output| std::fs::read(&output.path).unwrap()).collect()
    };
    // How far it came, out of how many frames of all passes.
    let progress = |done: &Done| {
        let of = |event: &Event| match event {
            Event::Progress { done, total, .. } => Some((*done, *total)),
            Event::Log { .. } => None,
        };
        done.events.iter().filter_map(of).max().unwrap()
    };
    // One of another loudness, so that its sound is another.
    let presets = ["youtube-4k", "youtube", "netflix-ads-prores"].map(built_in);
    let short = std::fs::read_to_string(&presets[2]).unwrap().replace("lengths: [10, 15, 20], ", "");
    let prores = bench.0.path().join("prores.yaml");
    std::fs::write(&prores, short).unwrap();
    let presets = [presets[0].clone(), presets[1].clone(), prores];
    let alone: Vec<Done> = presets.iter().map(|preset| run(std::slice::from_ref(preset))).collect();
    let together = run(&presets);
    assert!(bytes(&together, "masters") == alone.iter().flat_map(|done| bytes(done, "masters")).collect::<Vec<_>>());
    assert!(bytes(&together, "contact-sheet") == bytes(&alone[0], "contact-sheet"));
    assert_eq!((progress(&alone[0]), progress(&together)), ((12, 12), (24, 24)));

    // What the second pass can't have is told before the first.
    let text = std::fs::read_to_string(&presets[1]).unwrap().replace("codec: h264", "codec: h264, encoder: vaapi");
    let hardware = bench.0.path().join("hardware.yaml");
    std::fs::write(&hardware, text).unwrap();
    let refused = run(&[presets[0].clone(), hardware]);
    assert_eq!((refused.failure().code.as_str(), progress(&refused).0), ("no-encoder", 0));
}

/// Five seconds of one clip, nothing over it.
fn composition(width: usize, height: usize) -> Composition {
    let scene = Part {
        kind: PartKind::Scene(0),
        start: 0.0,
        end: 5.0,
        transition: TransitionKind::Cut,
        transition_seconds: 0.0,
    };
    Composition {
        width,
        height,
        timeline: Timeline { fps: (25, 1), frames: 125, seconds: 5.0, parts: vec![scene] },
        clips: vec![ClipMark { sha256: "c".repeat(64) }],
        layers: Vec::new(),
        push: vec![0.05],
        subjects: vec![None],
        grain: 0.0,
        dip: [16, 128, 128],
        rtl: false,
        background: EndCardBackground::Brand,
    }
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
