//! The layout as `check` reads it. What its tests go by is this very document (`UPDATE_SCHEMAS=1` writes it anew).

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{GREY, clip, compose, params, with_look};

/// Figures to the thousandth: processors don't all round alike.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Array(all) => all.iter().map(rounded).collect(),
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() * 1000.0).round() / 1000.0),
        other => other.clone(),
    }
}

#[test]
fn the_layout_is_the_one_that_check_is_tested_with() {
    let folder = TempDir::new().unwrap();
    let clips =
        [clip(folder.path(), "a.mkv", (64, 36), 75, |_| GREY), clip(folder.path(), "b.mkv", (64, 36), 75, |_| GREY)];
    let scenes = json!([{"seconds": 2.5, "transition": "cut"}, {"seconds": 2.5, "transition": "cut"}]);
    let given = json!({"scenes": scenes, "end-card": {"seconds": 0}, "copy": {"headline": "Taste the sun"}});
    let done = compose("clean", params(given), &clips).run();
    let written = rounded(&serde_json::from_str(&done.text("layout")).unwrap());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../check/tests/support/layout.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&kept, format!("{written:#}\n")).unwrap();
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    assert_eq!(written, known, "{} is out of date: run this test with UPDATE_SCHEMAS=1", kept.display());
    let headline = &written["texts"][0];
    assert_eq!((&headline["text"], &headline["weight"]), (&json!("Taste the sun"), &json!(800)));
}

/// Words as they are drawn, whole however they are divided, with their size and in the weight that the fonts have.
#[test]
fn texts_are_listed_with_words_size_and_weight() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (64, 36), 30, |_| GREY)];
    let look = folder.path().join("words.svg");
    let check = |group: &str, font: &str, text: &str, expected: (&str, u16)| {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 1080' width='1920' height='1080'><g id='words' {group}>\
             <text data-name='headline' data-box='100 200 900 700' {font} font-size='160' fill='#FFFFFF'>{text}</text></g></svg>"
        );
        std::fs::write(&look, svg).unwrap();
        let given = json!({"end-card": {"seconds": 0}, "scenes": [{"seconds": 3}]});
        let done = with_look(&look, params(given), &clips).run();
        let layout: Value = serde_json::from_str(&done.text("layout")).unwrap();
        let texts = layout["texts"].as_array().unwrap();
        // Of the picture's short side, which is 1080 in a look.
        assert!(texts.iter().all(|t| (t["size"].as_f64().unwrap() - 160.0 / 1080.0).abs() < 1e-3), "{texts:#?}");
        let told: Vec<_> = texts.iter().map(|t| (t["text"].as_str().unwrap(), t["weight"].as_u64().unwrap())).collect();
        assert_eq!(told, [(expected.0, u64::from(expected.1))], "{group} {font}");
    };
    let (bold, words) = ("font-family='display' font-weight='800'", "Taste the sun");
    check("", bold, words, (words, 800));
    check("", bold, "{{ copy.headline | upper }}", ("TASTE THE SUN", 800));
    check("data-split='word' data-in='rise 0.4'", bold, words, (words, 800));
    check("data-split='line' data-in='rise 0.4'", bold, words, (words, 800));
    check("data-in='typewriter 1'", bold, words, (words, 800));
    check("data-in='count-up 1 linear'", bold, "only $100", ("only $100", 800));
    check("", "font-family='display'", words, (words, 400));
    check("", "font-family='display' font-weight='bold'", words, (words, 700));
    // Sora has no heavier one.
    check("", "font-family='display' font-weight='900'", words, (words, 800));
    // A font of another script is as heavy as it looks.
    check("", "font-family='display' font-weight='400'", "Солнце", ("Солнце", 500));
}
