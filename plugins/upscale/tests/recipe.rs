//! The recipe beside an enlarged clip makes the same clip again; and what there is no memory for is refused before it is loaded.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

#[path = "../../media/tests/support/film.rs"]
mod film;
#[path = "../../onnx/tests/support/wire.rs"]
mod wire;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_onnx::folder::sha256;
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_upscale::Upscale;
use tempfile::TempDir;
use wire::{message, number};

fn clip(folder: &TempDir) -> PathBuf {
    let luma = |index: usize, x: usize, y: usize| (100 + ((x + y * 48) * 7 + index * 31) % 800) as u16;
    film::grey(&folder.path().join("hero.mkv"), (48, 32), (24, 1), 3, luma)
}

fn double() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/double")
}

fn upscale(clip: &Path, model: Option<&Path>, parent: Option<&Path>, params: &Value) -> Done {
    let mut harness = Harness::<Upscale>::new().params(params.clone()).input("clip", clip, "video/x-matroska");
    if let Some(model) = model {
        harness = harness.input("model", model, "inode/directory");
    }
    if let Some(parent) = parent {
        harness = harness.input("recipe", parent, "application/json");
    }
    harness.run()
}

fn recipe(done: &Done) -> Value {
    serde_json::from_str(&done.text("recipe")).unwrap()
}

#[test]
fn a_recipe_tells_all_and_makes_the_same_again() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder);
    let parent = folder.path().join("hero.recipe.json");
    fs::write(&parent, json!({"spotloom-recipe": 1, "shot": {"prompt": "a can"}}).to_string()).unwrap();
    fn check(clip: &Path, parent: &Path, model: Option<&Path>, params: Value, expected: &[(&str, Value)]) {
        let done = upscale(clip, model, Some(parent), &params);
        let told = recipe(&done);
        for (pointer, value) in expected {
            assert_eq!(told.pointer(pointer), Some(value), "{pointer} of {told:#}");
        }
        assert_eq!(told["clip"]["sha256"], sha256(&done.path("clip")).unwrap());
        assert_eq!(told["inputs"]["clip"][0]["name"], "hero.mkv");
        assert_eq!(told["inputs"]["clip"][0]["sha256"], "0".repeat(64), "as the daemon gave it");
        assert_eq!(told["parents"][0]["shot"]["prompt"], "a can");
        assert!(told["params"].as_object().unwrap().values().all(|value| !value.is_null()), "{told:#}");
        let again = recipe(&upscale(clip, model, Some(parent), &told["params"]));
        assert_eq!(again, told, "from what it says alone");
    }
    let network = [
        ("/method", json!("network")),
        ("/params/scale", json!(2)),
        ("/params/tile", json!(16)),
        ("/params/territory", json!(["US"])),
        ("/params/provider", json!("cpu")),
        ("/runtime/provider", json!("cpu")),
        ("/runtime/threads", json!(2)),
        ("/model/name", json!("double")),
        ("/model/folder", json!("double")),
        ("/model/components/upscaler/0/file", json!("upscaler.onnx")),
        ("/clip/frames", json!(3)),
    ];
    check(&clip, &parent, Some(&double()), json!({"tile": 16, "territory": ["US"]}), &network);
    let done = upscale(&clip, None, None, &json!({"scale": 3}));
    let told = recipe(&done);
    assert!(told["filter"].as_str().unwrap().contains("unsharp"), "{told:#}");
    assert_eq!((told.get("model"), told.get("parents"), told["runtime"].get("onnxruntime")), (None, None, None));
    let classical = [
        ("/method", json!("lanczos")),
        ("/params/scale", json!(3)),
        ("/params/sharpen", json!(0.3)),
        ("/clip/frames", json!(3)),
    ];
    check(&clip, &parent, None, json!({"scale": 3}), &classical);
}

#[test]
fn a_parent_that_is_no_recipe_is_refused() {
    let folder = TempDir::new().unwrap();
    let parent = folder.path().join("other.json");
    fs::write(&parent, "{}").unwrap();
    let done = upscale(&clip(&folder), None, Some(&parent), &json!({}));
    assert_eq!(done.failure().code, "bad-input");
    assert!(done.failure().message.contains("other.json is no recipe"), "{}", done.failure().message);
}

/// A model whose graph declares so many layers of so many channels, all of them in memory at once; nothing of it can be loaded.
fn declared(folder: &TempDir, layers: usize, channels: usize) -> PathBuf {
    let sides = [number(1, 1), number(1, 3), message(2, b"h"), message(2, b"w")].map(|side| message(1, &side)).concat();
    let kind = message(2, &message(1, &[number(1, 1), message(2, &sides)].concat()));
    let input = message(11, &[message(1, b"input"), kind].concat());
    let weight = [channels, 3, 1, 1].iter().flat_map(|side| number(1, *side)).collect::<Vec<u8>>();
    let weight = message(5, &[message(8, b"kernel"), weight].concat());
    let layer = |at: usize| {
        let output = message(2, format!("l{at}").as_bytes());
        message(1, &[message(1, b"input"), message(1, b"kernel"), output, message(4, b"Conv")].concat())
    };
    let nodes: Vec<u8> = (0..layers).flat_map(layer).collect();
    let file = folder.path().join("upscaler.onnx");
    fs::write(&file, message(7, &[input, weight, nodes].concat())).unwrap();
    let text = fs::read_to_string(double().join("model.yaml")).unwrap();
    let known = text.split("sha256: ").nth(1).unwrap().split('}').next().unwrap();
    fs::write(folder.path().join("model.yaml"), text.replace(known, &sha256(&file).unwrap())).unwrap();
    folder.path().to_path_buf()
}

#[test]
fn what_is_too_much_is_refused_before_anything_is_loaded() {
    fn check(layers: usize, channels: usize, code: &str, message: &str) {
        let folder = TempDir::new().unwrap();
        let done = upscale(&clip(&folder), Some(&declared(&folder, layers, channels)), None, &json!({}));
        let failure = done.failure();
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(failure.message.starts_with(message), "{failure:?}");
        assert!(failure.hint.as_ref().unwrap().contains("leave `model` out"), "{failure:?}");
    }
    let needs = "double (enlarging in tiles of 48x32) needs about 18432.";
    check(1000, 1_000_000, "not-enough-memory", needs);
    check(1, 1_500_000, "tensor-too-large", "the widest layer of double would be a tensor of 2304000000 values");
    // What is declared is no more than there is memory for: it is loaded, and found to be nothing.
    let folder = TempDir::new().unwrap();
    let done = upscale(&clip(&folder), Some(&declared(&folder, 1, 16)), None, &json!({}));
    assert!(done.failure().code.starts_with("model-"), "{:?}", done.failure());
}
