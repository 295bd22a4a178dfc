//! Planted defects, each found, and nothing else found; judged beside ffprobe, mediainfo and FFmpeg's own meter.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use spotloom_check::CheckStage;
use spotloom_plugin_sdk::harness::{Done, Harness};
use support::*;
use tempfile::TempDir;

fn warned(made: &Made) -> (TempDir, Done) {
    warned_with(made, json!({"on-fail": "warn", "seconds": SECONDS}))
}

fn warned_with(made: &Made, params: Value) -> (TempDir, Done) {
    let folder = TempDir::new().unwrap();
    let (master, layout) = (make(folder.path(), made), layout(folder.path(), made));
    let done = run(&master, &layout, params);
    (folder, done)
}

#[test]
fn every_planted_defect_is_found_and_nothing_else() {
    let good = Made::default;
    let mut wrong = Vec::new();
    let mut check = |what: &str, made: Made, expected: &[&str]| {
        let (_folder, done) = warned(&made);
        if found(&done) != expected {
            let not_passed: Vec<Value> = checks(&done).into_iter().filter(|c| c["verdict"] != "pass").collect();
            wrong.push(format!("{what}: expected {expected:?}, found {not_passed:#?}"));
        }
        // What has a place has a picture of it.
        for c in checks(&done).iter().filter(|c| c["verdict"] != "pass" && !c["from"].is_null()) {
            let name = c["picture"].as_str().unwrap_or_else(|| panic!("{what}: no picture of {c}"));
            let file = done.outputs("pictures").iter().find(|o| o.name == name).unwrap();
            assert!(std::fs::read(&file.path).unwrap().starts_with(b"\x89PNG"), "{what}");
        }
    };
    let over = |filter: &str| Made { video: format!("{},{filter}", good().video), ..good() };
    check("a good master", good(), &[]);
    check("2 s black", over("drawbox=color=black:t=fill:enable='between(t,1,3)'"), &["black"]);
    check("black for a moment", over("drawbox=color=black:t=fill:enable='between(t,1,1.5)'"), &[]);
    check("a frozen shot", over("loop=loop=75:size=1:start=60,trim=end_frame=150,setpts=N/30/TB"), &["frozen"]);
    check("silence", Made { audio: "0".into(), ..good() }, &["silent"]);
    check("a silent stretch", Made { audio: format!("{TONE}*lt(t\\,2.5)"), ..good() }, &["silent"]);
    check("-20 LUFS", Made { audio: "0.1085*sin(2*PI*440*t)".into(), ..good() }, &["loudness"]);
    let loud = format!("if(lt(mod(t\\,1)\\,0.02)\\,1.122*sin(2*PI*997*t)\\,{TONE}*0.85)");
    check("+1 dBTP", Made { audio: loud, ..good() }, &["clipped", "true-peak"]);
    check("4 Hz flash over 30 %", Made { video: flashing(4.0, 0.3), ..good() }, &["flash"]);
    check("3 Hz flash over 30 %", Made { video: flashing(3.0, 0.3), ..good() }, &[]);
    check("4 Hz flash over 20 %", Made { video: flashing(4.0, 0.2), ..good() }, &[]);
    let outside = Made { text: [0.04, 0.44, 0.54, 0.58], ..good() };
    check("text outside of the safe zone", outside, &["safe-zone"]);
    let pale = format!("{PICTURE},{PLATE},{}", words("0x405060"));
    check("low contrast", Made { video: pale, colour: "#405060", ..good() }, &["legible"]);
    check(
        "letterbox",
        over("drawbox=y=0:h=22:color=black:t=fill,drawbox=y=158:h=22:color=black:t=fill"),
        &["letterbox"],
    );
    check("pillars", over("drawbox=x=0:w=30:color=black:t=fill,drawbox=x=290:w=30:color=black:t=fill"), &["letterbox"]);
    check("a truncated master", Made { keep: 0.7, ..good() }, &["container", "decode", "length"]);
    check("cut off before its index", Made { keep: 0.7, flags: "+write_colr", ..good() }, &["decode"]);
    check("wrong colour tags", Made { tags: "smpte170m", ..good() }, &["colour-tags"]);
    check("no fast start", Made { flags: "+write_colr", ..good() }, &["container"]);
    check("flicker", over("lutyuv=y=val*0.9:enable='eq(mod(n,2),0)'"), &["flicker"]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How far from its target a preset lets the loudness be: the built-in ones, and one that says nothing.
#[test]
fn loudness_is_as_near_as_the_preset_says() {
    let folder = TempDir::new().unwrap();
    let check = |lufs: f64, preset: &str, params: Value, expected: &[&str]| {
        // The tone of a good master is at -14 LUFS.
        let gain = 10_f64.powf((lufs + 14.0) / 20.0);
        let made = Made { audio: format!("{gain:.5}*{TONE}"), ..Made::default() };
        let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
        let audio = match preset {
            "" => "loudness-lufs: -23, true-peak-db: -1}".to_owned(),
            name => built_in(name).split_once("loudness-lufs").map(|(_, a)| format!("loudness-lufs{a}")).unwrap(),
        };
        let audio = audio.lines().next().unwrap();
        let text = PRESET.replace("loudness-lufs: -14, true-peak-db: -1}", audio);
        assert!(text.contains(audio), "{text}");
        let mut given = json!({"on-fail": "warn", "seconds": SECONDS});
        given.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let done = run_for(&text, &master, &layout, given);
        assert_eq!(found(&done), expected, "{lufs} for {preset:?}: {:#?}", checks(&done));
    };
    let wrong = ["loudness"];
    for preset in ["uk-broadcast-prores", "uk-broadcast-xdcam", "eu-broadcast-xdcam"] {
        check(-23.9, preset, json!({}), &wrong);
    }
    check(-23.4, "uk-broadcast-prores", json!({}), &[]);
    check(-23.9, "", json!({}), &[]);
    check(-24.2, "", json!({}), &wrong);
    check(-22.5, "us-broadcast-prores", json!({}), &[]);
    check(-22.5, "netflix-ads", json!({}), &[]);
    check(-21.8, "us-broadcast-prores", json!({}), &wrong);
    // What the pipeline says comes first.
    check(-23.9, "uk-broadcast-prores", json!({"loudness-tolerance-lu": 1.0}), &[]);
}

/// What is told of a text quotes it; a layout that lacks what has to be known of one is refused.
#[test]
fn texts_are_told_in_their_words() {
    let made = Made { text: [0.04, 0.44, 0.54, 0.58], ..Made::default() };
    let folder = TempDir::new().unwrap();
    let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
    let failed = run(&master, &layout, json!({}));
    let message = &failed.failure().message;
    assert!(message.contains("The headline \u{201c}Taste the sun\u{201d} reaches"), "{message}");
    let document: Value = serde_json::from_slice(&std::fs::read(&layout).unwrap()).unwrap();
    for field in ["text", "weight", "size", "lines"] {
        let mut without = document.clone();
        without["texts"][0].as_object_mut().unwrap().remove(field);
        std::fs::write(&layout, without.to_string()).unwrap();
        let failed = run(&master, &layout, json!({}));
        let failure = failed.failure();
        assert_eq!(failure.code, "bad-layout");
        assert!(failure.message.contains(&format!("`{field}`")), "{}", failure.message);
    }
}

/// Left and right each in a track of its own, and two that are silent, as broadcasters have it.
#[test]
fn sound_in_tracks_of_one_channel_is_heard_in_stereo() {
    let folder = TempDir::new().unwrap();
    let made = Made::default();
    let (source, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
    let master = source.with_extension("mov");
    let made = |right: &str, codec: &str| {
        let silent = "anullsrc=cl=mono:r=48000:d=5";
        let graph = format!("[0:a]aresample=48000,channelsplit[l][s];[s]{right}[r];{silent}[x];{silent}[y]");
        let maps = "-map 0:v -map [l] -map [r] -map [x] -map [y] -c:v copy -c:a pcm_s24le -movflags +write_colr";
        let mut arguments = vec!["-i", source.to_str().unwrap(), "-filter_complex", &graph];
        arguments.extend(maps.split(' ').chain(["-c:a:3", codec, master.to_str().unwrap()]));
        ffmpeg(&arguments);
    };
    let check = |audio: &str, expected: &[&str]| {
        let preset = PRESET.replace("fps: 30\nmax", "fps: 30\ncontainer: mov\nmax").replace("aac, kbps: 128", audio);
        let done = run_for(&preset, &master, &layout, json!({"on-fail": "warn", "seconds": SECONDS}));
        assert_eq!(found(&done), expected, "{audio}: {:#?}", checks(&done));
    };
    made("anull", "pcm_s24le");
    check("pcm_s24le, mono-tracks: 4", &[]);
    check("pcm_s24le, mono-tracks: 8", &["container"]);
    check("pcm_s24le", &["audio-stream", "container"]);
    made("atrim=end=2", "pcm_s24le");
    check("pcm_s24le, mono-tracks: 4", &["decode", "length"]);
    made("anull", "pcm_s16le");
    check("pcm_s24le, mono-tracks: 4", &["audio-stream"]);
}

#[test]
fn a_failed_check_fails_the_stage_unless_the_pipeline_says_so() {
    let folder = TempDir::new().unwrap();
    let made = Made { audio: "0.1085*sin(2*PI*440*t)".into(), ..Made::default() };
    let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
    let failed = run(&master, &layout, json!({"seconds": 9.0}));
    let failure = failed.failure();
    assert_eq!(failure.code, "check-failed");
    for part in [
        "2 checks failed",
        "Test_5s_en.mp4: It lasts 5.00 s where the brief asks for 9.00 s",
        "-20.0 LUFS",
        "platform asks for -14 LUFS",
    ] {
        assert!(failure.message.contains(part), "{} lacks {part}", failure.message);
    }
    assert!(failure.hint.as_deref().unwrap().contains("`severity`") && !failure.retryable);
    let severity = json!({"loudness": "warn", "length": "off"});
    let done = run(&master, &layout, json!({"seconds": 9.0, "severity": severity}));
    assert_eq!(found(&done), ["loudness"]);
    assert_eq!(done.facts()["warnings"], 1);
    let wrong = run(&master, &layout, json!({"severity": {"loudnes": "warn"}}));
    assert!(wrong.failure().message.contains("loudnes"), "{}", wrong.failure());
}

/// A spot without sound is what the brief asked for; on television it was rather forgotten.
#[test]
fn a_silent_spot_is_told_of_on_television() {
    let folder = TempDir::new().unwrap();
    let made = Made { audio: "0".into(), ..Made::default() };
    let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
    let check = |platform: &str, verdict: &str| {
        let preset = format!("platform: {platform}\naspect: '16:9'\n");
        let done = run_for(&preset, &master, &layout, json!({"sound": false}));
        let silent = checks(&done).into_iter().find(|c| c["name"] == "silent").unwrap();
        assert_eq!(silent["verdict"], verdict, "{platform}: {silent}");
    };
    check("Broadcast", "warn");
    check("CTV", "warn");
    check("YouTube", "pass");
}

/// Shots fresh from a model, each as one scene: what they may be made again for, and nothing else.
#[test]
fn defects_of_shots_are_refused_with_their_places() {
    let folder = TempDir::new().unwrap();
    let clip = folder.path().join("clip.mkv");
    let run = |filter: &str, params: Value| {
        let source = format!("testsrc2=s=320x180:r=30:d=2,eq=brightness=0.02:contrast=0.35,gblur=2{filter}");
        ffmpeg(&["-f", "lavfi", "-i", &source, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le", clip.to_str().unwrap()]);
        Harness::<CheckStage>::new().input("clips", &clip, "video/x-matroska").params(params).run()
    };
    let check = |filter: &str, expected: &str| {
        let done = run(filter, json!({}));
        let failure = done.failure();
        assert_eq!(failure.code, "check-failed", "{expected}");
        assert!(failure.message.contains(expected), "{expected}: {}", failure.message);
        assert!(failure.hint.as_deref().unwrap().contains("seed"), "{:?}", failure.hint);
        let document: Value = serde_json::from_str(&done.text("checks")).unwrap();
        let checks = document["clips"][0]["checks"].as_array().unwrap();
        let wrong: Vec<_> = checks.iter().filter(|c| c["verdict"] != "pass").collect();
        assert!(wrong.len() == 1 && checks.len() == 5, "{expected}: {wrong:#?}");
        let name = wrong[0]["picture"].as_str().unwrap();
        assert!(done.outputs("pictures").iter().any(|o| o.name == name), "{expected}: no picture");
    };
    check(",drawbox=color=black:t=fill", "black");
    check(",loop=loop=60:size=1:start=0,trim=end_frame=60,setpts=N/30/TB", "frozen");
    check(",lutyuv=y=val*0.9:enable='eq(mod(n,2),0)'", "flickers");
    check(",eq=brightness='0.4*t/2':eval=frame", "drifts");
    check(",loop=loop=36:size=1:start=24,trim=end_frame=60,setpts=N/30/TB", "frozen");
    assert_eq!(run("", json!({})).facts()["failed"], 0);
    let neither = Harness::<CheckStage>::new().params(json!({})).run();
    assert_eq!(neither.failure().code, "missing-input");
}

/// A shot that is not made again stops a job only when nothing of it is any good.
#[test]
fn a_shot_that_is_not_made_again_fails_as_a_whole() {
    let check = |filter: &str, expected: &[&str]| {
        let folder = TempDir::new().unwrap();
        let clip = folder.path().join("clip.mkv");
        let source = format!("testsrc2=s=320x180:r=30:d=2,eq=brightness=0.02:contrast=0.35,gblur=2{filter}");
        ffmpeg(&["-f", "lavfi", "-i", &source, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le", clip.to_str().unwrap()]);
        for (on_fail, verdict) in [("fail", "fail"), ("warn", "warn")] {
            let done = Harness::<CheckStage>::new()
                .input("clips", &clip, "video/x-matroska")
                .params(json!({"whole-shot": true, "on-fail": on_fail}))
                .run();
            let document: Value = serde_json::from_str(&done.text("checks")).unwrap();
            let checks = document["clips"][0]["checks"].as_array().unwrap();
            let wrong: Vec<_> = checks.iter().filter(|c| c["verdict"] != "pass").collect();
            assert!(wrong.iter().all(|c| c["verdict"] == verdict), "{filter}: {wrong:#?}");
            let names: Vec<_> = wrong.iter().map(|c| c["name"].as_str().unwrap()).collect();
            assert_eq!((names.as_slice(), checks.len()), (expected, 3), "{filter}");
            if verdict == "fail" && !expected.is_empty() {
                assert_eq!(done.failure().code, "check-failed", "{filter}");
            } else {
                assert_eq!(done.facts()["failed"], 0, "{filter}");
            }
        }
    };
    check("", &[]);
    check(",loop=loop=60:size=1:start=0,trim=end_frame=60,setpts=N/30/TB", &["frozen"]);
    check(",loop=loop=58:size=1:start=2,trim=end_frame=60,setpts=N/30/TB", &["frozen"]);
    check(",loop=loop=36:size=1:start=24,trim=end_frame=60,setpts=N/30/TB", &[]);
    check(",drawbox=color=black:t=fill", &["black"]);
    check(",drawbox=color=black:t=fill:enable='lt(t,1.4)'", &[]);
    check(",lutyuv=y=val*0.9:enable='eq(mod(n,2),0)'", &[]);
    check(",eq=brightness='0.4*t/2':eval=frame", &[]);
}

/// An end card may stand on black, and footage of the brief's own may have been made for the cinema.
#[test]
fn bars_count_where_the_picture_is_ours() {
    let folder = TempDir::new().unwrap();
    let good = Made::default().video;
    let letterbox = format!("{good},drawbox=y=0:h=22:color=black:t=fill,drawbox=y=158:h=22:color=black:t=fill");
    let dark = "drawbox=color=black:t=fill:enable='gte(t,2.5)',drawbox=x=110:y=0:w=100:h=180:color=gray:t=fill:enable='gte(t,2.5)'";
    let dark = format!("{good},{dark}");
    let check = |video: &str, parts: &[&str], params: Value, expected: Option<&str>| {
        let made = Made { video: video.into(), ..Made::default() };
        let (master, layout) = (make(folder.path(), &made), layout(folder.path(), &made));
        let mut document: Value = serde_json::from_slice(&std::fs::read(&layout).unwrap()).unwrap();
        let long = SECONDS / parts.len() as f64;
        let part = |(i, what): (usize, &&str)| {
            let card = *what == "end-card";
            let (kind, source) = if card { ("end-card", None) } else { ("scene", Some(*what)) };
            json!({"kind": kind, "source": source, "from": i as f64 * long, "until": (i + 1) as f64 * long})
        };
        document["parts"] = parts.iter().enumerate().map(part).collect();
        document["texts"] = json!([]);
        std::fs::write(&layout, document.to_string()).unwrap();
        let mut given = json!({"on-fail": "report", "severity": {"frozen": "off", "drift": "off"}});
        given["severity"].as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let done = run(&master, &layout, given);
        let wrong: Vec<Value> = checks(&done).into_iter().filter(|c| c["verdict"] != "pass").collect();
        let found: Vec<_> =
            wrong.iter().map(|c| (c["name"].as_str().unwrap(), c["verdict"].as_str().unwrap())).collect();
        let expected: Vec<_> = expected.into_iter().map(|verdict| ("letterbox", verdict)).collect();
        assert_eq!(found, expected, "{parts:?}: {wrong:#?}");
    };
    check(&dark, &["generated", "end-card"], json!({}), None);
    check(&dark, &["generated", "generated"], json!({}), Some("fail"));
    check(&letterbox, &["generated", "end-card"], json!({}), Some("fail"));
    check(&letterbox, &["footage"], json!({}), Some("warn"));
    check(&letterbox, &["footage", "picture"], json!({}), Some("warn"));
    check(&letterbox, &["footage", "generated"], json!({}), Some("fail"));
    check(&letterbox, &["footage"], json!({"letterbox": "fail"}), Some("fail"));
    check(&letterbox, &["generated"], json!({"letterbox": "warn"}), Some("warn"));
}

fn text_of(command: &mut Command) -> Option<String> {
    let out = command.output().ok()?;
    Some(format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
}

/// The report agrees with tools that share none of our code, and the loudness with FFmpeg's command.
#[test]
fn others_measure_the_same() {
    let (folder, done) = warned(&Made::default());
    let document: Value = serde_json::from_str(&done.text("checks")).unwrap();
    let master = &document["masters"][0];
    let (facts, loudness) = (&master["facts"], &master["loudness"]);
    let path = folder.path().join("Test_Campaign_Title_16x9_Test_5s_en.mp4");
    let probe = text_of(
        Command::new("ffprobe").args(["-v", "error", "-show_streams", "-show_format", "-of", "json"]).arg(&path),
    )
    .unwrap();
    let probe: Value = serde_json::from_str(&probe).unwrap();
    let (video, audio) = (&probe["streams"][0], &probe["streams"][1]);
    for (ours, theirs) in [
        ("codec", "codec_name"),
        ("width", "width"),
        ("height", "height"),
        ("pixel", "pix_fmt"),
        ("matrix", "color_space"),
        ("profile", "profile"),
    ] {
        assert_eq!(facts["video"][ours], video[theirs], "{ours}");
    }
    assert_eq!(facts["video"]["frames"].to_string(), video["nb_frames"].as_str().unwrap());
    assert_eq!(facts["audio"]["channels"], audio["channels"]);
    assert_eq!(facts["bytes"].to_string(), probe["format"]["size"].as_str().unwrap());

    let meter = text_of(Command::new("ffmpeg").args(["-nostats", "-i"]).arg(&path).args([
        "-af",
        "ebur128=peak=true",
        "-f",
        "null",
        "-",
    ]))
    .unwrap();
    let summary = meter.rsplit("Summary:").next().unwrap();
    let figure = |key: &str| -> f64 {
        let line = summary.lines().find(|l| l.trim_start().starts_with(key)).unwrap();
        line.split_whitespace().find_map(|w| w.parse().ok()).unwrap()
    };
    let near = |what: &str, ours: &Value, theirs: f64| {
        assert!((ours.as_f64().unwrap() - theirs).abs() <= 0.1001, "{what}: {ours} and {theirs}");
    };
    near("integrated", &loudness["integrated-lufs"], figure("I:"));
    near("true peak", &loudness["true-peak-db"], figure("Peak:"));

    // Not installed everywhere.
    if let Some(info) = text_of(Command::new("mediainfo").arg("--Output=JSON").arg(&path)) {
        let info: Value = serde_json::from_str(&info).unwrap();
        let track = |kind: &str| {
            info["media"]["track"].as_array().unwrap().iter().find(|t| t["@type"] == kind).unwrap().clone()
        };
        let (video, general) = (track("Video"), track("General"));
        assert_eq!(
            (video["Width"].as_str(), video["Height"].as_str(), video["Format"].as_str()),
            (Some("320"), Some("180"), Some("AVC"))
        );
        assert_eq!(video["FrameCount"].as_str().unwrap(), facts["video"]["frames"].to_string());
        assert_eq!(
            (video["matrix_coefficients"].as_str(), general["IsStreamable"].as_str()),
            (Some("BT.709"), Some("Yes"))
        );
    }
}
