//! Clips of footage and pictures, through the same shield as in production.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spotloom_footage::Footage;
use spotloom_media::{Frame, Pixel, ReadOptions, Reader, probe};
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

fn make(folder: &TempDir, name: &str, arguments: &str) -> PathBuf {
    let out = folder.path().join(name);
    let done = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments.split_whitespace()).arg(&out).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    out
}

fn clip(port: &str, path: &Path, params: Value) -> Done {
    let media = if port == "picture" { "image/png" } else { "video/mp4" };
    Harness::<Footage>::new().params(params).input(port, path, media).run()
}

fn frames(path: &Path) -> Vec<Frame> {
    Reader::open(path, ReadOptions::new(Pixel::Rgb24)).unwrap().map(|f| f.unwrap()).collect()
}

/// The mean of the columns of a frame's red, weighted by how red they are: where a red thing is, 0 to 1.
fn where_red(frame: &Frame) -> f64 {
    let w = frame.width() as usize;
    let (mut sum, mut weight) = (0.0, 0.0);
    for (i, p) in frame.plane(0).chunks_exact(3).enumerate() {
        let red = f64::from(p[0].saturating_sub(p[1].max(p[2])));
        sum += red * (i % w) as f64;
        weight += red;
    }
    if weight == 0.0 { -1.0 } else { sum / weight / w as f64 }
}

const SOURCE: &str = "-f lavfi -i color=0x606060:s=320x180:r=50:d=3,drawbox=x=230:y=60:w=50:h=60:c=red:t=fill";

#[test]
fn footage_is_cut_retimed_and_reframed_around_its_subject() {
    let folder = TempDir::new().unwrap();
    let source = make(&folder, "shot.mp4", &format!("{SOURCE} -pix_fmt yuv420p -c:v libx264"));
    let check = |size: (u32, u32), more: Value, expected_frames: usize| {
        let mut params =
            json!({"from": 0.5, "seconds": 1, "handle": 0.2, "width": size.0, "height": size.1, "fps": 25});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let done = clip("footage", &source, params);
        let path = done.path("clip");
        let video = probe(&path).unwrap().video.unwrap();
        assert_eq!((video.width, video.height, video.fps), (size.0, size.1, (25, 1)));
        let frames = frames(&path);
        assert_eq!(frames.len(), expected_frames, "{size:?}");
        where_red(frames.last().unwrap())
    };
    // The red thing is at 0.8 of the width: cutting from the middle would lose it.
    let found = check((90, 160), json!({}), 30);
    assert!((0.2..0.8).contains(&found), "{found}");
    assert_eq!(check((90, 160), json!({"reframe": "centre"}), 30), -1.0);
    assert!((check((160, 90), json!({}), 30) - 0.797).abs() < 0.02);
    // Of three seconds the part from 0.5 to 3 is there, the handle only as far as it reaches.
    check((160, 90), json!({"seconds": 2.4, "handle": 1}), 62);
    let closer = check((160, 90), json!({"move": {"zoom": "in", "amount": 0.5}}), 30);
    assert!(closer > 0.5, "{closer}");
}

#[test]
fn what_is_wrong_is_said() {
    let folder = TempDir::new().unwrap();
    let source = make(&folder, "shot.mp4", &format!("{SOURCE} -pix_fmt yuv420p -c:v libx264"));
    let picture = make(&folder, "still.png", &format!("{SOURCE} -frames:v 1"));
    let check = |port: &str, path: &Path, params: Value, code: &str, words: &str| {
        let done = clip(port, path, params);
        let failure = done.failure();
        assert_eq!(failure.code, code, "{}", failure.message);
        assert!(failure.message.contains(words), "{}", failure.message);
    };
    let size = |more: Value| {
        let mut params = json!({"seconds": 2, "width": 64, "height": 64});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    check(
        "footage",
        &source,
        size(json!({"seconds": 5})),
        "footage-too-short",
        "shot.mp4 is too short: entered at 0 s it lasts 3.00 s",
    );
    check("footage", &source, size(json!({"from": 9})), "footage-too-short", "ends after 3.00 s");
    check("footage", &picture, size(json!({})), "bad-media", "is a picture");
    check("footage", &source, size(json!({"width": 65})), "bad-params", "65");
    check("picture", &picture, size(json!({"ground": "red"})), "bad-params", "#F28C0F");
    let text = folder.path().join("text.mov");
    std::fs::write(&text, "#EXTM3U\nfile:///etc/passwd\n").unwrap();
    check("footage", &text, size(json!({})), "media-not-allowed", "HLS playlist");
}

/// A slow move over a fine edge: its middle goes on by the same fraction of a pixel in every frame.
#[test]
fn a_slow_move_does_not_tremble() {
    let folder = TempDir::new().unwrap();
    let picture = make(
        &folder,
        "edge.png",
        "-f lavfi -i color=black:s=640x360,drawbox=x=320:w=320:h=360:c=white:t=fill -frames:v 1",
    );
    let done = clip(
        "picture",
        &picture,
        json!({"seconds": 2, "handle": 0, "width": 320, "height": 180, "fps": 25,
        "move": {"pan": "right", "amount": 0.05, "focus": [0.5, 0.5]}}),
    );
    let edges: Vec<f64> = frames(&done.path("clip"))
        .iter()
        .map(|f| f.plane(0)[..320 * 3].chunks_exact(3).map(|p| 1.0 - f64::from(p[1]) / 255.0).sum())
        .collect();
    assert_eq!(edges.len(), 50);
    let steps: Vec<f64> = edges.windows(2).map(|e| e[0] - e[1]).collect();
    let expected = 0.05 * 320.0 / 50.0;
    assert!(steps.iter().all(|s| (s - expected).abs() < 0.08), "{steps:?}");
}

/// A product cut out of its background is whole in every shape, on the ground asked for.
#[test]
fn a_cut_out_product_stands_on_the_ground() {
    let folder = TempDir::new().unwrap();
    let picture = make(
        &folder,
        "can.png",
        "-f lavfi -i color=red:s=120x300,format=rgba,geq=r=255:g=0:b=0:a='255*between(X,20,99)*between(Y,30,269)' -frames:v 1",
    );
    for size in [(160, 90), (90, 160), (120, 120)] {
        let done = clip(
            "picture",
            &picture,
            json!({"seconds": 0.4, "handle": 0, "width": size.0, "height": size.1,
            "fps": 10, "ground": "#F28C0F"}),
        );
        let frame = frames(&done.path("clip")).remove(0);
        let at = |x: u32, y: u32| &frame.plane(0)[((y * size.0 + x) * 3) as usize..][..3];
        assert!((where_red(&frame) - 0.5).abs() < 0.03, "{size:?}");
        let middle = at(size.0 / 2, size.1 / 2);
        assert!(middle[0] > 220 && middle[1] < 40, "{middle:?}");
        let corner = at(1, 1);
        assert!(corner[0] > 180 && (95..160).contains(&corner[1]) && corner[2] < 60, "{corner:?}");
    }
    // Room is left below it for words, from the first moment of the camera's approach to the last.
    let params = json!({"seconds": 0.4, "handle": 0, "width": 90, "height": 160, "fps": 10, "ground": "#F28C0F",
        "room": {"top": 0.1, "bottom": 0.4}});
    let frame = frames(&clip("picture", &picture, params).path("clip")).remove(0);
    let red = |y: usize| frame.plane(0)[(y * 90 + 45) * 3..][..3][1] < 40;
    let rows: Vec<usize> = (0..160).filter(|y| red(*y)).collect();
    let (first, last) = (rows[0], rows[rows.len() - 1]);
    assert!((19..=22).contains(&first) && (92..=96).contains(&last), "it stands from {first} to {last} of 160");
}
