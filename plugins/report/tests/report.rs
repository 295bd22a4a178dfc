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
        facts: json!({"platform": "TikTok", "preset": "tiktok"}).as_object().cloned().unwrap(),
    };
    let check = json!({
        "name": "letterbox", "verdict": "warn", "measured": "24 %", "limit": "none", "from": 0.0, "until": 5.0,
        "sentence": "Black bars above and below.", "picture": "place.png",
    });
    let passed = json!({"name": "loudness", "verdict": "pass", "measured": "-14.0 LUFS", "limit": "-14 LUFS",
        "from": null, "until": null, "sentence": "It is as loud as the platform asks for.", "picture": null});
    let curve: Vec<Value> = (1..50).map(|i| json!([f64::from(i) / 10.0, -14.0, -14.5])).collect();
    let checks = json!({"spotloom-checks": 1, "masters": [{
        "file": "Zest_16x9_TikTok_5s_en.mp4", "sha256": "ab".repeat(32), "checks": [check, passed], "sheet": null,
        "facts": {"seconds": 5.0, "video": {"codec": "h264", "profile": "High", "width": 1920, "height": 1080, "fps": 30.0}, "audio": {"codec": "aac", "rate": 48000}},
        "loudness": {"integrated-lufs": -14.0, "true-peak-db": -1.2, "range-lu": 2.0, "target-lufs": -14.0, "curve": curve},
    }]});
    let recipe = json!({"shot": {"prompt": EVIL}, "params": {"seed": 7, "steps": 8}, "clip": {"seconds": 5.0, "sha256": "cd"},
        "model": {"name": "ambient-v6", "sha256": "ef"}, "runtime": {"onnxruntime": "1.32", "provider": "cpu"}});
    let picture = folder.join("place.png");
    png(&picture);
    let brief = json!({
        "brand": "zest", "locales": ["en", "ar"], "copy": {"headline": {"en": EVIL, "ar": "ذُق الشمس"}},
        "scenes": [{"prompt": "the sea", "seconds": 5}], "seed": 7, "outputs": ["tiktok"],
        "rights": {"ai_disclosure": "required", "territories": ["EU"]},
    });
    Harness::<Report>::new()
        .job(|job| {
            job.title = EVIL.into();
            job.version = 3;
        })
        .artifact("masters", master)
        .input("checks", write("checks.json", &checks.to_string()), "application/json")
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
    assert_eq!(manifest["verdicts"], json!({"pass": 1, "warn": 1, "fail": 0}));
    assert_eq!(manifest["recipes"][0]["params"]["seed"], 7);
    let again = run(folder.path());
    assert_eq!((page, done.text("manifest")), (again.text("report"), again.text("manifest")));
}
