//! The report of a small job: complete, escaped, the same every time.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::Path;

use serde_json::{Value, json};
use spotloom_plugin_sdk::api::Artifact;
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_report::Report;
use tempfile::TempDir;

const EVIL: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}";

fn png(path: &Path) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, 32, 18);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&[200; 32 * 18 * 4]).unwrap();
}

fn run(folder: &Path) -> Done {
    run_with(folder, &json!({}))
}

/// With more in its brief.
fn run_with(folder: &Path, more: &Value) -> Done {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let master = Artifact {
        path: write("m.mp4", "not read"),
        sha256: "ab".repeat(32),
        media: "video/mp4".into(),
        name: "Zest_16x9_TikTok_5s_en.mp4".into(),
        facts: json!({
            "platform": "TikTok", "preset": "tiktok", "locale": "en", "synthetic-voice": "anna",
            "voice-model": {"name": "anna", "sha256": "0a".repeat(32), "seed": 11, "licence": "CC-BY-4.0", "notice": EVIL},
        })
        .as_object()
        .cloned()
        .unwrap(),
    };
    let check = json!({
        "name": "letterbox", "verdict": "warn", "measured": "24 %", "limit": "none", "from": 0.0, "until": 5.0,
        "sentence": "Black bars above and below.", "picture": "place.png",
    });
    let passed = json!({"name": "loudness", "verdict": "pass", "measured": "-14.0 LUFS", "limit": "-14 LUFS",
        "from": null, "until": null, "sentence": "It is as loud as the platform asks for.", "picture": null});
    let curve: Vec<Value> = (1..50).map(|i| json!([f64::from(i) / 10.0, -14.0, -14.5])).collect();
    let checks = json!({"spotloom-checks": 1, "masters": [{
        "file": "Zest_16x9_TikTok_5s_en.mp4", "sha256": "ab".repeat(32), "checks": [check, &passed], "sheet": null,
        "facts": {"seconds": 5.0, "video": {"codec": "h264", "profile": "High", "width": 1920, "height": 1080, "fps": 30.0}, "audio": {"codec": "aac", "rate": 48000}},
        "loudness": {"integrated-lufs": -14.0, "true-peak-db": -1.2, "range-lu": 2.0, "target-lufs": -14.0, "curve": curve},
    }]});
    // A generated shot by itself, before a camera moves over it.
    let still = json!({"name": "frozen", "verdict": "warn", "measured": "5.0 s", "limit": "4.5 s", "from": 0.0, "until": 5.0,
        "sentence": "The picture stands still.", "picture": null});
    let shots =
        json!({"spotloom-checks": 1, "clips": [{"file": "shot-1.mkv", "sha256": "cd", "checks": [still, passed]}]});
    let recipe = json!({"shot": {"prompt": EVIL}, "params": {"seed": 7, "steps": 8}, "clip": {"seconds": 5.0, "sha256": "cd"},
        "model": {"name": "ambient-v7", "sha256": "ef"}, "runtime": {"onnxruntime": "1.32", "provider": "cpu"}});
    let picture = folder.join("place.png");
    png(&picture);
    let mut brief = json!({
        "brand": "zest", "locales": ["en", "ar"], "copy": {"headline": {"en": EVIL, "ar": "ذُق الشمس"}},
        "scenes": [{"prompt": "the sea", "seconds": 5}], "seed": 7, "outputs": ["tiktok"],
        "rights": {"ai_disclosure": "required", "territories": ["EU"]},
        "audio": {"music": "assets/sunny.m4a", "cues": [{"file": "assets/tick.wav", "at": 2.5}], "recording": {"ar": "assets/ar.wav"}},
    });
    brief.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let given = |name: &str, hash: &str| Artifact {
        path: write(&format!("assets/{name}"), "not read"),
        sha256: hash.repeat(32),
        media: "audio/wav".into(),
        name: name.into(),
        facts: serde_json::Map::new(),
    };
    Harness::<Report>::new()
        .job(|job| {
            job.title = EVIL.into();
            job.version = 3;
        })
        .artifact("masters", master)
        .artifact("materials", given("sunny.m4a", "1a"))
        .artifact("materials", given("tick.wav", "2b"))
        .artifact("materials", given("ar.wav", "3c"))
        .input("checks", write("checks.json", &checks.to_string()), "application/json")
        .input("checks", write("shots.json", &shots.to_string()), "application/json")
        .input("recipes", write("recipe.json", &recipe.to_string()), "application/json")
        .input("pictures", &picture, "image/png")
        .input("posters", &picture, "image/png")
        .params(json!({"brief": brief, "pipeline": "social-ad"}))
        .run()
}

#[test]
fn a_page_that_is_complete_and_harmless() {
    let folder = TempDir::new().unwrap();
    let done = run(folder.path());
    let page = done.text("report");
    // What a browser must never see.
    for bad in ["<script", "<img src=x", "onerror=alert(1)>", "http://", "https://", "style=\""] {
        assert!(
            !page.contains(bad),
            "{bad} is in the page: {}",
            &page[page.find(bad).unwrap().saturating_sub(80)..][..200]
        );
    }
    for part in [
        "&lt;script&gt;alert(",
        "ذُق الشمس",
        "Zest_16x9_TikTok_5s_en_v3.mp4",
        "Black bars above and below.",
        "<b>Frozen</b>: The picture stands still.",
        "data:image&#x2f;png;base64,",
        "data:image&#x2f;jpeg;base64,",
        "<path class=\"short\" d=\"M",
        "AI-generated",
        "seed 7",
        "-14.0 LUFS",
        "default-src &#x27;none&#x27;",
    ] {
        let part = part.replace("&#x27;", "'");
        assert!(page.contains(&part), "{part} is not in the page");
    }
    let manifest: Value = serde_json::from_str(&done.text("manifest")).unwrap();
    assert_eq!(manifest["masters"][0]["checks"][0]["name"], "letterbox");
    assert_eq!(manifest["verdicts"], json!({"pass": 1, "warn": 2, "fail": 0}));
    assert_eq!(manifest["recipes"][0]["params"]["seed"], 7);
    assert_eq!(manifest["shots"][0]["checks"][0]["name"], "frozen");
    let voice = &manifest["voices"][0];
    assert_eq!((&voice["locale"], &voice["model"], &voice["seed"]), (&json!("en"), &json!("anna"), &json!(11)));
    for part in ["seed 11 · licence CC-BY-4.0", &format!("Model {}", "0a".repeat(32)), "Voice made with AI"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    let materials: Vec<Value> = manifest["materials"].as_array().unwrap().clone();
    let told = materials.iter().map(|m| (m["file"].as_str().unwrap(), m["sha256"].as_str().unwrap(), &m["uses"][0]));
    let expected = [
        ("assets/sunny.m4a", &*"1a".repeat(32), &json!({"as": "music"})),
        ("assets/tick.wav", &*"2b".repeat(32), &json!({"as": "sound", "at": 2.5})),
        ("assets/ar.wav", &*"3c".repeat(32), &json!({"as": "recording", "locale": "ar"})),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    for part in
        [">music<", ">sound at 2.5 s<", ">recording (ar)<", ">1a1a1a1a1a1a<", ">2b2b2b2b2b2b<", ">3c3c3c3c3c3c<"]
    {
        assert!(page.contains(part), "{part} is not in the page");
    }
    let again = run(folder.path());
    assert_eq!((page, done.text("manifest")), (again.text("report"), again.text("manifest")));
}

/// What a spot is booked by: for all languages or for each, as the brief has it, and nothing where it has none.
#[test]
fn codes_stand_in_the_page_and_the_manifest() {
    let folder = TempDir::new().unwrap();
    let check = |codes: Value, parts: &[&str], missing: &[&str]| {
        let done = run_with(folder.path(), &json!({"codes": codes}));
        let page = done.text("report");
        for part in parts {
            assert!(page.contains(part), "{codes}: {part} is not in the page");
        }
        for part in missing {
            assert!(!page.contains(part), "{codes}: {part} is in the page");
        }
        let manifest: Value = serde_json::from_str(&done.text("manifest")).unwrap();
        assert_eq!(manifest["brief"]["codes"], codes);
    };
    let (ad_id, clock) = ("<dt>Ad-ID</dt>", "<dt>Clock number</dt>");
    let both = json!({"ad_id": "ZEST1234567H", "clock_number": "AGY/ZEST001/005"});
    let booked = "Booked by Ad-ID <b>ZEST1234567H</b></p>";
    check(both, &["<dt>Ad-ID</dt><dd>ZEST1234567H</dd>", booked, clock, "<dd>AGY&#x2f;ZEST001&#x2f;005</dd>"], &[]);
    let each = json!({"ad_id": {"ar": "ZEST1234568H", "en": "ZEST1234567H"}, "clock_number": null});
    let one = |code: &str, locale: &str| format!("<div>{code} <span class=\"meta\">{locale}</span></div>");
    let booked = "Booked by Ad-ID <b>ZEST1234568H</b> (ar), <b>ZEST1234567H</b> (en)</p>";
    check(each, &[ad_id, booked, &one("ZEST1234567H", "en"), &one("ZEST1234568H", "ar")], &[clock, "Booked by clock"]);
    check(json!({"ad_id": null, "clock_number": EVIL}), &[clock, "&lt;script&gt;"], &[ad_id, "<script"]);
    check(json!({}), &[], &[ad_id, clock, "Booked by"]);
}
