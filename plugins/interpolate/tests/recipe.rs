//! The recipe beside a clip at another rate makes the same clip again.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

#[path = "../../media/tests/support/film.rs"]
mod film;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_interpolate::Interpolate;
use spotloom_onnx::folder::sha256;
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

fn clip(folder: &TempDir) -> PathBuf {
    let luma = |index: usize, x: usize, y: usize| (300 + 20 * index + (x + y * 64) % 7) as u16;
    film::grey(&folder.path().join("hero.mkv"), (64, 48), (12, 1), 6, luma)
}

fn interpolate(clip: &Path, model: Option<&str>, parent: &Path, params: &Value) -> Done {
    let mut harness = Harness::<Interpolate>::new().params(params.clone()).input("clip", clip, "video/x-matroska");
    if let Some(model) = model {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(model);
        harness = harness.input("model", folder, "inode/directory");
    }
    harness.input("recipe", parent, "application/json").run()
}

#[test]
fn a_recipe_tells_all_and_makes_the_same_again() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder);
    let parent = folder.path().join("hero.recipe.json");
    fs::write(&parent, json!({"spotloom-recipe": 1, "shot": {"prompt": "a can"}}).to_string()).unwrap();
    let check = |model: Option<&str>, params: Value, expected: &[(&str, Value)]| {
        let make = |params: &Value, model: Option<&str>| {
            let done = interpolate(&clip, model, &parent, params);
            let told: Value = serde_json::from_str(&done.text("recipe")).unwrap();
            assert_eq!(told["clip"]["sha256"], sha256(&done.path("clip")).unwrap());
            told
        };
        let told = make(&params, model);
        for (pointer, value) in expected {
            assert_eq!(told.pointer(pointer).cloned().unwrap_or_default(), *value, "{pointer} of {told:#}");
        }
        assert_eq!(told["inputs"]["clip"][0]["name"], "hero.mkv");
        assert_eq!(told["parents"][0]["shot"]["prompt"], "a can");
        assert!(told["params"].as_object().unwrap().values().all(|value| !value.is_null()), "{told:#}");
        // With the model that it names, or none.
        let named = told.pointer("/model/folder").and_then(Value::as_str);
        assert_eq!(make(&told["params"], named), told, "from what it says alone");
    };
    check(
        Some("rife"),
        json!({"fps": 59.94, "territory": ["US"]}),
        &[
            ("/method", json!("network")),
            ("/params/fps", json!("60000/1001")),
            ("/params/provider", json!("cpu")),
            ("/params/territory", json!(["US"])),
            ("/runtime/provider", json!("cpu")),
            ("/model/name", json!("rife")),
            ("/model/components/interpolator/0/file", json!("interpolator.onnx")),
            ("/filter", json!(null)),
        ],
    );
    // Nothing is made, but a recipe without its model would have FFmpeg make it.
    check(Some("film"), json!({"fps": 6}), &[("/method", json!("none")), ("/model/name", json!("film"))]);
    // At its own rate no model is asked for.
    check(
        Some("film"),
        json!({"fps": 12}),
        &[("/method", json!("none")), ("/model", json!(null)), ("/filter", json!(""))],
    );
    check(
        None,
        json!({"fps": "30000/1001", "method": "blend"}),
        &[
            ("/method", json!("minterpolate-blend")),
            ("/params/method", json!("blend")),
            ("/params/fps", json!("30000/1001")),
            ("/filter", json!("minterpolate=fps=30000/1001:mi_mode=blend:scd=fdiff:scd_threshold=10")),
            ("/model", json!(null)),
        ],
    );
    check(None, json!({"fps": 24}), &[("/method", json!("minterpolate-mci")), ("/params/method", json!("motion"))]);
}
