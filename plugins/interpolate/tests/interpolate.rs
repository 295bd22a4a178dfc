//! Clips at other rates, through the same shield as in production.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

#[path = "../../media/tests/support/film.rs"]
mod film;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_interpolate::Interpolate;
use spotloom_media::{Frame, Pixel, ReadOptions, Reader};
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

/// A clip whose frames are as bright as `luma` says, with a faint texture that a motion search can hold on to.
fn clip(folder: &TempDir, fps: (u32, u32), luma: &[u16]) -> PathBuf {
    let path = folder.path().join("in.mkv");
    film::grey(&path, (64, 48), fps, luma.len(), |index, x, y| luma[index] + ((x + y * 64) % 7) as u16)
}

fn interpolate(clip: &Path, params: Value) -> Done {
    Harness::<Interpolate>::new().params(params).input("clip", clip, "video/x-matroska").run()
}

/// The mean brightness of every frame.
fn means(path: &Path) -> Vec<f64> {
    let reader = Reader::open(path, ReadOptions::new(Pixel::Yuv420p10)).unwrap();
    let mean = |frame: Frame| {
        let samples = frame.plane(0).chunks_exact(2).map(|s| f64::from(u16::from_le_bytes([s[0], s[1]])));
        samples.sum::<f64>() / (64.0 * 48.0)
    };
    reader.map(|frame| mean(frame.unwrap())).collect()
}

#[test]
fn the_clip_keeps_its_length_at_any_rate() {
    let folder = TempDir::new().unwrap();
    for (from, to, expected) in [
        ((24, 1), json!(59.94), 60),
        ((60000, 1001), json!(24), 10),
        ((24, 1), json!(24), 24),
        ((25, 1), json!("30000/1001"), 29),
    ] {
        let clip = clip(&folder, from, &[400; 24]);
        let done = interpolate(&clip, json!({"fps": to, "method": "blend"}));
        assert_eq!(means(&done.path("clip")).len(), expected, "{from:?} to {to}");
    }
}

#[test]
fn a_frame_in_between_lies_in_between() {
    let folder = TempDir::new().unwrap();
    let ramp: Vec<u16> = (0..16).map(|i| 300 + 20 * i).collect();
    let done = interpolate(&clip(&folder, (12, 1), &ramp), json!({"fps": 24, "method": "blend"}));
    let found = means(&done.path("clip"));
    assert_eq!(found.len(), 32);
    for pair in found[2..28].windows(2) {
        assert!((pair[1] - pair[0] - 10.0).abs() < 4.0, "{found:?}");
    }
}

#[test]
fn the_last_frame_is_seen() {
    let folder = TempDir::new().unwrap();
    for (method, to, expected) in [("motion", 24, 12), ("blend", 24, 12), ("blend", 30, 15), ("blend", 6, 3)] {
        let ramp: Vec<u16> = (0..6).map(|i| 300 + 20 * i).collect();
        let done = interpolate(&clip(&folder, (12, 1), &ramp), json!({"fps": to, "method": method}));
        let found = means(&done.path("clip"));
        assert_eq!(found.len(), expected, "{method} to {to}");
        let last = found[expected - 1];
        // At half the rate the last frame of the clip has no place of its own.
        assert!((last - 403.0).abs() < if to == 6 { 24.0 } else { 2.0 }, "{method} to {to}: {found:?}");
    }
}

#[test]
fn a_cut_is_not_blended() {
    let folder = TempDir::new().unwrap();
    let mut scenes = vec![200_u16; 10];
    scenes.extend([800; 10]);
    for method in ["motion", "blend"] {
        let done = interpolate(&clip(&folder, (12, 1), &scenes), json!({"fps": 48, "method": method}));
        let found = means(&done.path("clip"));
        assert_eq!(found.len(), 80);
        let mixed = found.iter().filter(|m| (230.0..780.0).contains(*m)).count();
        assert_eq!(mixed, 0, "{method}: {found:?}");
    }
}

#[test]
fn what_is_wrong_has_a_name() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (24, 1), &[400; 3]);
    assert_eq!(interpolate(&clip, json!({"fps": 0})).failure().code, "bad-params");
    assert_eq!(interpolate(&clip, json!({"fps": "soon"})).failure().code, "bad-params");
    let text = folder.path().join("text.mkv");
    std::fs::write(&text, "no video").unwrap();
    let code = interpolate(&text, json!({"fps": 24})).failure().code.clone();
    assert!(["media-not-allowed", "bad-media"].contains(&code.as_str()), "{code}");
}
