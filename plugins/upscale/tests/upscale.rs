//! Clips enlarged, through the same shield as in production.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

#[path = "../../media/tests/support/film.rs"]
mod film;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_media::{Frame, Pixel, ReadOptions, Reader};
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_upscale::Upscale;
use tempfile::TempDir;

/// A clip with waves of brightness that move, no two pixels' surroundings alike.
fn clip(folder: &TempDir, size: (u32, u32), frames: usize, fps: (u32, u32)) -> PathBuf {
    film::grey(&folder.path().join("in.mkv"), size, fps, frames, |index, x, y| {
        (500.0 + 300.0 * ((x + 3 * index) as f64 * 0.37).sin() * (y as f64 * 0.29).cos()) as u16
    })
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/double")
}

fn upscale(clip: &Path, model: Option<&Path>, params: Value) -> Done {
    let harness = Harness::<Upscale>::new().params(params).input("clip", clip, "video/x-matroska");
    match model {
        Some(model) => harness.input("model", model, "inode/directory").run(),
        None => harness.run(),
    }
}

fn frames(path: &Path) -> Vec<Frame> {
    Reader::open(path, ReadOptions::new(Pixel::Yuv420p10)).unwrap().map(Result::unwrap).collect()
}

fn luma(frame: &Frame, x: usize, y: usize) -> i32 {
    let at = y * frame.stride(0) + x * 2;
    i32::from(u16::from_le_bytes([frame.plane(0)[at], frame.plane(0)[at + 1]]))
}

#[test]
fn tiles_give_what_the_whole_picture_gives() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (71, 45), 2, (24, 1));
    let tiled = upscale(&clip, Some(&model()), json!({"tile": 16}));
    let whole = upscale(&clip, Some(&model()), json!({"tile": 4096}));
    let (tiled, whole) = (frames(&tiled.path("clip")), frames(&whole.path("clip")));
    assert_eq!((tiled[0].width(), tiled[0].height(), tiled.len()), (142, 90, 2));
    assert!(tiled == whole, "seams");
}

#[test]
fn the_network_does_what_its_arithmetic_says() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (40, 30), 1, (24, 1));
    let (small, large) = (frames(&clip), frames(&upscale(&clip, Some(&model()), json!({})).path("clip")));
    for (x, y) in [(5, 5), (12, 20), (33, 8)] {
        // Phase (1, 1) of a pixel: three quarters itself, one quarter its neighbour, both ways.
        let at = |dx, dy| f64::from(luma(&small[0], x + dx, y + dy));
        let expected = 0.5625 * at(0, 0) + 0.1875 * (at(1, 0) + at(0, 1)) + 0.0625 * at(1, 1);
        let found = f64::from(luma(&large[0], 2 * x + 1, 2 * y + 1));
        assert!((found - expected).abs() <= 2.0, "at {x},{y}: {found}, expected {expected}");
    }
}

#[test]
fn without_a_model_ffmpeg_does_it_and_the_report_says_so() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (33, 21), 5, (60000, 1001));
    let done = upscale(&clip, None, json!({"scale": 3}));
    assert_eq!(done.facts()["method"], "lanczos");
    assert!(done.facts()["warnings"][0].as_str().unwrap().contains("without a model"));
    let out = frames(&done.path("clip"));
    assert_eq!((out[0].width(), out[0].height(), out.len()), (99, 63, 5));
    let info = spotloom_media::probe(done.path("clip")).unwrap().video.unwrap();
    // Matroska counts milliseconds: so short a clip tells its rate that well and no better.
    let rate = f64::from(info.fps.0) / f64::from(info.fps.1);
    assert!((rate - 60000.0 / 1001.0).abs() < 0.01, "{rate}");
    let small = frames(&clip);
    let off = (luma(&out[0], 3 * 16 + 1, 3 * 10 + 1) - luma(&small[0], 16, 10)).abs();
    assert!(off < 60, "the middle of the picture is {off} of 1023 off");
}

#[test]
fn what_is_wrong_has_a_name() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (32, 32), 1, (24, 1));
    let code = |model: Option<&Path>, params| upscale(&clip, model, params).failure().code.clone();
    assert_eq!(code(Some(&model()), json!({"scale": 4})), "bad-params");
    assert_eq!(code(None, json!({"scale": 9})), "bad-params");
    assert_eq!(code(Some(folder.path()), json!({})), "model-contract-missing");
    let text = std::fs::read_to_string(model().join("model.yaml")).unwrap();
    std::fs::write(folder.path().join("model.yaml"), text.replace("scale: 2", "scale: 3")).unwrap();
    std::fs::copy(model().join("upscaler.onnx"), folder.path().join("upscaler.onnx")).unwrap();
    assert_eq!(code(Some(folder.path()), json!({})), "inference-failed");
    std::fs::write(folder.path().join("upscaler.onnx"), b"no network").unwrap();
    assert_eq!(code(Some(folder.path()), json!({})), "model-hash-mismatch");
    let kept = text.replace("Apache-2.0}", "Apache-2.0, territories: {except: [EU]}}");
    std::fs::write(folder.path().join("model.yaml"), kept).unwrap();
    assert_eq!(code(Some(folder.path()), json!({"territory": ["US", "DE"]})), "licence-territory");
    let text = text.replace("family: upscale", "family: wan");
    std::fs::write(folder.path().join("model.yaml"), text).unwrap();
    assert_eq!(code(Some(folder.path()), json!({})), "model-contract-invalid");
}

#[test]
fn a_model_is_checked_without_a_clip() {
    let check = |model: &Path| {
        Harness::<Upscale>::new().params(json!({"check-model": true})).input("model", model, "inode/directory").run()
    };
    assert!(matches!(check(&model()).end, spotloom_plugin_sdk::api::End::Succeeded { .. }));
    let empty = TempDir::new().unwrap();
    assert_eq!(check(empty.path()).failure().code, "model-contract-missing");
}

#[test]
fn it_ends_when_asked() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (32, 32), 30, (24, 1));
    let done =
        Harness::<Upscale>::new().params(json!({})).input("clip", &clip, "video/x-matroska").cancel_after(2).run();
    assert_eq!(done.end, spotloom_plugin_sdk::api::End::Cancelled);
}
