//! Real speech by the real program, through the same shield as in production.

use serde_json::{Value, json};
use spotloom_media::AudioClip;
use spotloom_plugin_sdk::api::{Event, Level};
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_voice::Voice;

fn speak(params: Value) -> Done {
    Harness::<Voice>::new().params(params).run()
}

#[test]
fn words_become_a_guide_track_with_times() {
    for (locale, text) in [
        ("en", "Taste the sun. Order now!"),
        ("en-GB", "Taste the sun. Order now!"),
        ("de-AT", "Schmeck die Sonne. Jetzt bestellen!"),
        ("ar", "ذُق الشمس. اطلب الآن."),
        ("zh", "尝尝阳光。现在订购！"),
    ] {
        let done = speak(json!({"locale": locale, "text": text, "start-seconds": 1.0}));
        let times: Value = serde_json::from_str(&done.text("timings")).unwrap();
        let sentences = times["sentences"].as_array().unwrap();
        assert_eq!(sentences.len(), 2, "{locale}: {times}");
        assert_eq!((&times["guide"], &times["estimated"]), (&json!(true), &json!(false)));
        let clip = AudioClip::read(done.path("speech"), 60.0).unwrap();
        let loud = |s: &(f32, f32)| s.0.abs() > 0.005;
        let first = clip.samples().iter().position(loud).unwrap() as f64 / 48_000.0;
        assert!((first - sentences[0]["start"].as_f64().unwrap()).abs() < 0.05, "{locale}: heard at {first} s");
        assert!((0.3..4.0).contains(&(sentences[0]["end"].as_f64().unwrap() - 1.0)), "{locale}: {times}");
        assert!((clip.seconds() - sentences[1]["end"].as_f64().unwrap()).abs() < 0.01, "{locale}");
        assert_eq!(done.outputs("speech")[0].facts["guide"], json!(true));
    }
}

#[test]
fn the_same_words_sound_the_same() {
    let bytes = || std::fs::read(speak(json!({"locale": "en", "text": "Taste the sun."})).path("speech")).unwrap();
    assert!(bytes() == bytes());
}

#[test]
fn a_recording_is_passed_on() {
    let spoken = speak(json!({"locale": "en", "text": "Taste the sun. Order now!", "start-seconds": 0.0}));
    let done = Harness::<Voice>::new()
        .params(json!({"locale": "en", "text": "Taste the sun. Order now!"}))
        .input("recording", spoken.path("speech"), "audio/wav")
        .run();
    assert_eq!(done.outputs("speech")[0].facts["guide"], json!(false));
    let found = AudioClip::read(done.path("speech"), 60.0).unwrap();
    assert!(found == AudioClip::read(spoken.path("speech"), 60.0).unwrap());
    let start = |done: &Done| {
        let times: Value = serde_json::from_str(&done.text("timings")).unwrap();
        times["sentences"][1]["start"].as_f64().unwrap()
    };
    assert!((start(&done) - start(&spoken)).abs() < 0.5, "{} {}", start(&done), start(&spoken));
}

#[test]
fn words_that_hold_up_the_next_scene_are_warned_of() {
    let check = |first: f64, expected: &[&str]| {
        let scenes = json!([{"seconds": first, "say": "Taste the sun. Order now!"}, {"seconds": 3, "say": "Today."}]);
        let done = speak(json!({"locale": "en", "scenes": scenes}));
        let warnings: Vec<&str> = done
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Log { level: Level::Warn, message, .. } if message.contains("outlast") => Some(&**message),
                _ => None,
            })
            .collect();
        assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            assert!(warning.starts_with(expected) && warning.contains(" s late; "), "{warning}");
        }
    };
    check(8.0, &[]);
    check(1.0, &["the words of scene 1 in en outlast it: those of scene 2 begin "]);
}

#[test]
fn what_can_not_be_said_is_said() {
    let check = |params: Value, code: &str| assert_eq!(speak(params).failure().code, code);
    check(json!({"locale": "en"}), "nothing-to-say");
    check(json!({"locale": "en", "text": " … "}), "nothing-to-say");
    check(json!({"locale": "tlh", "text": "nuqneH"}), "no-voice");
    check(json!({"locale": "en", "words": "x"}), "bad-params");
    let words = |seconds: f64| json!({"locale": "en", "text": "Taste the sun. Order now!", "seconds": seconds});
    check(words(1.0), "voiceover-too-long");
    assert!(speak(words(1.0)).failure().message.starts_with("the voice-over in en ends at "));
    assert_eq!(speak(words(15.0)).outputs("speech").len(), 1);
}
