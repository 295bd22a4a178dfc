//! A voice that is a network, through the same shield as in production. The voices are `fixtures/make.py`'s: each sound has a
//! pitch and a length of its own, so that what arrived can be heard.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_media::AudioClip;
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_voice::Voice;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn speak(model: &Path, params: Value) -> Done {
    Harness::<Voice>::new().params(params).input("model", model, "inode/directory").run()
}

/// Start and length of each sentence, in seconds.
fn times(done: &Done) -> Vec<(f64, f64)> {
    let times: Value = serde_json::from_str(&done.text("timings")).unwrap();
    let number = |s: &Value, name: &str| s[name].as_f64().unwrap();
    let sentences = times["sentences"].as_array().unwrap().clone();
    sentences.iter().map(|s| (number(s, "start"), number(s, "end") - number(s, "start"))).collect()
}

/// What is heard from a moment on, for so long.
fn heard(done: &Done, from: f64, seconds: f64) -> Vec<f32> {
    let clip = AudioClip::read(done.path("speech"), 60.0).unwrap();
    let at = |seconds: f64| (seconds * 48_000.0).round() as usize;
    let samples = clip.samples();
    samples[at(from)..at(from + seconds).min(samples.len())].iter().map(|s| s.0).collect()
}

/// Mean pitch in Hz, by the waves that are loud enough to be one.
fn pitch(samples: &[f32]) -> f64 {
    let mut below = false;
    let mut waves = 0;
    let mut loud = 0;
    for sample in samples {
        loud += usize::from(sample.abs() > 0.005);
        if below && *sample > 0.05 {
            waves += 1;
            below = false;
        }
        below |= *sample < -0.05;
    }
    f64::from(waves) * 48_000.0 / loud as f64
}

#[test]
fn words_are_spoken_sentence_by_sentence() {
    let params = json!({"locale": "en", "text": "Taste the sun. Order now!", "start-seconds": 1.0, "gap-seconds": 0.4});
    let done = speak(&fixture("tone"), params);
    let speech = &done.outputs("speech")[0].facts;
    assert_eq!(
        (&speech["guide"], &speech["synthetic"], &speech["voice"]),
        (&json!(false), &json!(true), &json!("tone"))
    );
    let model = &speech["model"];
    assert_eq!(
        (&model["name"], &model["licence"], &model["seed"]),
        (&json!("tone"), &json!("MIT OR Apache-2.0"), &json!(0))
    );
    assert_eq!(model["sha256"], done.facts()["model-sha256"]);
    assert_eq!((&done.facts()["model"], &done.facts()["seeded"]), (&json!("tone"), &json!(true)));
    let found = times(&done);
    let [(first, length), (second, _)] = found[..] else { panic!("{found:?}") };
    assert_eq!(first, 1.0);
    assert!((second - (1.0 + length + 0.4)).abs() < 0.002, "{found:?}");
    let clip = AudioClip::read(done.path("speech"), 60.0).unwrap();
    assert!(clip.samples()[..47_000].iter().all(|s| s.0 == 0.0), "silence before the words");
    assert!(heard(&done, 1.0, length).iter().any(|s| s.abs() > 0.1));
}

#[test]
fn pace_and_noise_and_speaker_arrive() {
    let say = |model: &str, more: Value| {
        let mut params = json!({"locale": "en", "text": "Mmm", "start-seconds": 0.0, "noise": 0, "length-noise": 0});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let done = speak(&fixture(model), params);
        let length = times(&done)[0].1;
        (length, heard(&done, 0.0, length))
    };
    let (usual, tone) = say("tone", json!({}));
    let (fast, _) = say("tone", json!({"pace": 2.0}));
    // The margins of silence stay as long as they are.
    assert!((fast / usual - 0.5).abs() < 0.1, "{fast} s at twice the pace, {usual} s at once");
    let (_, noisy) = say("tone", json!({"noise": 2.0}));
    assert!(noisy != tone, "noise is heard");
    let (_, bert) = say("duo", json!({"speaker": "bert"}));
    let (_, anna) = say("duo", json!({}));
    assert!((pitch(&bert) / pitch(&anna) - 1.25).abs() < 0.03, "{} Hz and {} Hz", pitch(&bert), pitch(&anna));
    assert!((pitch(&anna) / pitch(&tone) - 1.0).abs() < 0.01);
    assert!(say("duo", json!({"speaker": "1"})).1 == bert, "by number");
}

#[test]
fn a_seed_means_the_same_sound_wherever_the_sentence_stands() {
    let say = |text: &str, seed: u32| {
        let params = json!({"locale": "en", "text": text, "start-seconds": 0.0, "seed": seed});
        let done = speak(&fixture("tone"), params);
        let (start, length) = *times(&done).last().unwrap();
        (fs::read(done.path("speech")).unwrap(), heard(&done, start, length))
    };
    let (track, alone) = say("Taste the sun.", 7);
    assert!(say("Taste the sun.", 7).0 == track, "the same bytes");
    assert!(say("Taste the sun.", 8).1 != alone, "another seed");
    let (_, second) = say("Order now! Taste the sun.", 7);
    assert!(second == alone, "the second sentence sounds as if it stood alone");
}

#[test]
fn a_voice_as_it_was_downloaded_needs_no_contract() {
    let done = speak(&fixture("duo"), json!({"locale": "en-GB", "text": "Order now!"}));
    assert_eq!(done.outputs("speech")[0].facts["voice"], "duo");
    assert_eq!(done.facts()["licence"], "NOASSERTION");
    let told = speak(&fixture("duo"), json!({"check-model": true}));
    let contract = &told.facts()["contract"];
    assert_eq!((&contract["family"], &contract["locales"]), (&json!("piper"), &json!(["en-US"])));
    assert_eq!(contract["components"]["voice"]["file"], "duo.onnx");
    let written = speak(&fixture("tone"), json!({"check-model": true}));
    assert_eq!(written.facts()["contract"], Value::Null);
}

/// A copy of a voice without contract, to spoil: file names of `tone` and what is replaced in its configuration.
fn spoiled(replace: (&str, &str), graph: &Path) -> TempDir {
    let folder = TempDir::new().unwrap();
    let config = fs::read_to_string(fixture("tone/tone.onnx.json")).unwrap();
    assert!(config.contains(replace.0));
    fs::write(folder.path().join("tone.onnx.json"), config.replace(replace.0, replace.1)).unwrap();
    fs::copy(graph, folder.path().join("tone.onnx")).unwrap();
    folder
}

#[test]
fn what_can_not_speak_says_why() {
    let check = |model: &Path, more: Value, code: &str, part: &str| {
        let mut params = json!({"locale": "en", "text": "Taste the sun."});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let done = speak(model, params);
        let failure = done.failure();
        assert_eq!(failure.code, code, "{}", failure.message);
        assert!(failure.message.contains(part), "{}", failure.message);
    };
    let (tone, duo) = (fixture("tone"), fixture("duo"));
    check(&tone, json!({"locale": "de"}), "voice-unable", "does not speak de; it speaks en-US");
    check(&tone, json!({"speaker": "carl"}), "no-speaker", "no speaker `carl`; it has one speaker alone");
    check(&duo, json!({"speaker": "carl"}), "no-speaker", "its speakers are anna, bert");
    check(&duo, json!({"pace": 9}), "bad-params", "`pace` is 9; expected 0.5 to 2");
    let graph = tone.join("tone.onnx");
    let config = |from: &str, to: &str| spoiled((from, to), &graph);
    let several = config("\"num_speakers\": 1", "\"num_speakers\": 2");
    check(several.path(), json!({}), "model-port-mismatch", "the input `sid` is missing");
    let other = spoiled(("x", "x"), &fixture("../../../upscale/tests/fixtures/double/upscaler.onnx"));
    check(other.path(), json!({}), "model-port-mismatch", "the input `input` is ");
    let pinyin = config("\"phoneme_type\": \"espeak\"", "\"phoneme_type\": \"pinyin\"");
    check(
        pinyin.path(),
        json!({}),
        "model-unreadable",
        "`phoneme_type` is `pinyin`; this stage takes `espeak` and `text`",
    );
    let foreign = config("\"voice\": \"en-us\"", "\"voice\": \"xx-mars\"");
    check(foreign.path(), json!({}), "no-voice", "no voice `xx-mars`");
    fs::write(foreign.path().join("b.onnx.json"), "{}").unwrap();
    check(
        foreign.path(),
        json!({}),
        "model-contract-invalid",
        "several voices in one folder: b.onnx.json, tone.onnx.json",
    );
    let changed = TempDir::new().unwrap();
    for file in ["model.yaml", "tone.onnx", "tone.onnx.json"] {
        fs::copy(tone.join(file), changed.path().join(file)).unwrap();
    }
    let contract = fs::read_to_string(tone.join("model.yaml")).unwrap();
    let here = contract.replace("{spdx: MIT OR Apache-2.0}", "{spdx: LicenseRef-here, territories: {only: [EU]}}");
    assert_ne!(here, contract);
    fs::write(changed.path().join("model.yaml"), here).unwrap();
    assert!(
        speak(changed.path(), json!({"locale": "en", "text": "Sun.", "territory": ["DE"]})).facts()["model"] == "tone"
    );
    let told = "the licence of tone (LicenseRef-here) does not allow its use in US";
    check(changed.path(), json!({"territory": ["EU", "US"]}), "licence-territory", told);
    fs::write(changed.path().join("tone.onnx"), "x").unwrap();
    check(changed.path(), json!({}), "model-hash-mismatch", "tone.onnx of tone has the hash");
}

#[test]
fn letters_in_the_place_of_sounds() {
    let folder = spoiled(("\"phoneme_type\": \"espeak\"", "\"phoneme_type\": \"text\""), &fixture("tone/tone.onnx"));
    let done = speak(folder.path(), json!({"locale": "en", "text": "MMM", "noise": 0, "length-noise": 0}));
    let small = speak(folder.path(), json!({"locale": "en", "text": "mmm", "noise": 0, "length-noise": 0}));
    assert!(fs::read(done.path("speech")).unwrap() == fs::read(small.path("speech")).unwrap());
}
