//! Frames made by small networks with the interfaces of RIFE and FILM, whose arithmetic is known: the two pictures mixed by
//! the time.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_interpolate::Interpolate;
use spotloom_media::{Frame, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer};
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

/// Neither a multiple of what the networks want nor even.
const SIZE: (u32, u32) = (71, 45);

/// What is seen at a pixel of a clip whose frames get brighter: no two pixels' surroundings alike.
fn luma(x: usize, y: usize, bright: f64) -> f64 {
    bright + 60.0 * (x as f64 * 0.37).sin() * (y as f64 * 0.29).cos()
}

/// A clip, a little warm, whose frames are so bright.
fn clip(folder: &TempDir, fps: (u32, u32), bright: &[f64]) -> PathBuf {
    let path = folder.path().join("in.mkv");
    let format = FrameFormat::new(SIZE.0, SIZE.1, Pixel::Yuv420p10);
    let mut writer =
        Writer::create(&path, WriteOptions { codec: Mezzanine::Lossless, format, fps, threads: 1 }).unwrap();
    for bright in bright {
        let mut frame = Frame::black(format);
        for (at, sample) in frame.plane_mut(0).as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let (x, y) = (at % SIZE.0 as usize, at / SIZE.0 as usize);
            *sample = (luma(x, y, *bright).round() as u16).to_le_bytes();
        }
        for (plane, value) in [(1, 500_u16), (2, 530)] {
            frame.plane_mut(plane).as_chunks_mut::<2>().0.fill(value.to_le_bytes());
        }
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn interpolate(clip: &Path, model: &Path, params: Value) -> Done {
    Harness::<Interpolate>::new()
        .params(params)
        .input("clip", clip, "video/x-matroska")
        .input("model", model, "inode/directory")
        .run()
}

fn frames(path: &Path) -> Vec<Frame> {
    Reader::open(path, ReadOptions::new(Pixel::Yuv420p10)).unwrap().map(Result::unwrap).collect()
}

/// How bright a frame is, if each of its pixels is as far from the pattern as that says.
fn bright(frame: &Frame) -> f64 {
    let samples: Vec<f64> = frame
        .plane(0)
        .as_chunks::<2>()
        .0
        .iter()
        .enumerate()
        .map(|(at, s)| {
            let (x, y) = (at % SIZE.0 as usize, at / SIZE.0 as usize);
            f64::from(u16::from_le_bytes(*s)) - luma(x, y, 0.0)
        })
        .collect();
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    let off = samples.iter().map(|s| (s - mean).abs()).fold(0.0, f64::max);
    assert!(off < 1.6, "a pixel is {off:.2} of 1023 from where it belongs");
    mean
}

#[test]
fn frames_in_between_lie_where_their_time_says() {
    // A second of twelve frames, each 20 steps brighter, so a place in time can be read off.
    let ramp: Vec<f64> = (0..12).map(|i| 300.0 + 20.0 * f64::from(i)).collect();
    fn check(model_name: &str, to: Value, ramp: &[f64], expected: impl Fn(usize) -> f64) {
        let folder = TempDir::new().unwrap();
        let clip = clip(&folder, (12, 1), ramp);
        let done = interpolate(&clip, &model(model_name), json!({"fps": to}));
        let (found, source) = (frames(&done.path("clip")), frames(&clip));
        for (index, frame) in found.iter().enumerate() {
            let place = expected(index).min(11.0);
            let off = (bright(frame) - 300.0 - 20.0 * place).abs();
            assert!(off < 0.6, "{model_name} at {to}: frame {index} is {off:.2} of 1023 from where it belongs");
            let same = |plane| frame.plane(plane) == source[place as usize].plane(plane);
            assert!(place.fract() != 0.0 || (0..3).all(same), "{model_name}: frame {index} is not untouched");
            let warm = |plane, value: u16| {
                let mut samples = frame.plane(plane).as_chunks::<2>().0.iter().map(|s| u16::from_le_bytes(*s));
                samples.all(|sample| sample.abs_diff(value) <= 1)
            };
            assert!(warm(1, 500) && warm(2, 530), "{model_name}: the colour of frame {index}");
        }
        let rate = to.as_f64().unwrap();
        assert_eq!(found.len(), rate.round() as usize, "a second");
        // Where nothing is to be made no network is asked, nor named.
        let (method, provider) =
            if rate == 12.0 || rate == 6.0 { ("none", json!(null)) } else { ("network", json!("cpu")) };
        let facts = done.facts();
        let named = facts.get("provider").cloned().unwrap_or_default();
        assert_eq!((&facts["method"], named), (&json!(method), provider));
    }
    for any in ["rife", "plane"] {
        check(any, json!(24), &ramp, |index| index as f64 / 2.0);
        check(any, json!(30), &ramp, |index| index as f64 * 0.4);
        check(any, json!(5), &ramp, |index| index as f64 * 2.4);
        check(any, json!(12), &ramp, |index| index as f64);
        check(any, json!(6), &ramp, |index| 2.0 * index as f64);
    }
    // Middles of middles, to a sixteenth.
    let sixteenth = |place: f64| (place * 16.0).round() / 16.0;
    check("film", json!(24), &ramp, |index| index as f64 / 2.0);
    check("film", json!(30), &ramp, |index| sixteenth(index as f64 * 0.4));
}

#[test]
fn the_end_stands_and_the_report_says_how_long() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (12, 1), &[300.0, 320.0, 340.0]);
    let done = interpolate(&clip, &model("rife"), json!({"fps": 48}));
    let found: Vec<f64> = frames(&done.path("clip")).iter().map(bright).collect();
    assert_eq!(found.len(), 12);
    assert!(found[8..].iter().all(|bright| (bright - 340.0).abs() < 0.6), "{found:?}");
    assert_eq!(done.facts()["frames-repeated-at-the-end"], 3);
}

/// Matroska tells 60000/1001 as 19001/317; neither that nor a picture that stays is a reason to make anything.
#[test]
fn what_is_there_is_not_made_again() {
    let folder = TempDir::new().unwrap();
    let ramp: Vec<f64> = (0..24).map(|i| 300.0 + 8.0 * f64::from(i)).collect();
    for (bright, to, expected) in [(&ramp[..], 59.94, 24), (&ramp[..], 29.97, 12), (&[400.0; 24][..], 119.88, 48)] {
        let clip = clip(&folder, (60000, 1001), bright);
        let done = interpolate(&clip, &model("rife"), json!({"fps": to}));
        assert_eq!(done.facts()["method"], "none", "to {to}");
        let (found, source) = (frames(&done.path("clip")), frames(&clip));
        assert_eq!(found.len(), expected, "to {to}");
        let place = |index: usize| (index as f64 * 60000.0 / 1001.0 / to + 1e-3) as usize;
        let same =
            |(index, frame): (usize, &Frame)| (0..3).all(|p| frame.plane(p) == source[place(index).min(23)].plane(p));
        assert!(found.iter().enumerate().all(same), "to {to}");
    }
}

#[test]
fn a_cut_is_not_mixed() {
    let folder = TempDir::new().unwrap();
    let mut scenes = vec![200.0; 6];
    scenes.extend([800.0; 6]);
    for name in ["rife", "film"] {
        let clip = clip(&folder, (12, 1), &scenes);
        let found = frames(&interpolate(&clip, &model(name), json!({"fps": 48})).path("clip"));
        let dark = found.iter().filter(|frame| bright(frame) < 201.0).count();
        let light = found.iter().filter(|frame| bright(frame) > 799.0).count();
        // The nearer neighbour: the dark scene ends in the middle between its last frame and the next.
        assert_eq!((dark, light), (23, 25), "{name}");
    }
}

#[test]
fn what_is_wrong_has_a_name() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (24, 1), &[300.0, 310.0, 320.0]);
    let code = |model: &Path, params| interpolate(&clip, model, params).failure().code.clone();
    assert_eq!(code(&model("rife"), json!({})), "bad-params");
    assert_eq!(code(&model("rife"), json!({"fps": 48, "method": "blend"})), "bad-params");
    assert_eq!(code(folder.path(), json!({"fps": 48})), "model-contract-missing");

    fn spoiled(from: &str, (what, with): (&str, &str)) -> TempDir {
        let folder = TempDir::new().unwrap();
        let text = std::fs::read_to_string(model(from).join("model.yaml")).unwrap();
        assert!(text.contains(what), "{what}");
        std::fs::write(folder.path().join("model.yaml"), text.replace(what, with)).unwrap();
        std::fs::copy(model(from).join("interpolator.onnx"), folder.path().join("interpolator.onnx")).unwrap();
        folder
    }
    let fails = |from: &str, change: (&str, &str), expected: &str, says: &str| {
        let folder = spoiled(from, change);
        let done = interpolate(&clip, folder.path(), json!({"fps": 48, "territory": ["DE"]}));
        assert_eq!(done.failure().code, expected, "{change:?}");
        assert!(done.failure().message.contains(says), "{}", done.failure().message);
    };
    fails("rife", ("family: interpolate", "family: upscale"), "model-contract-invalid", "takes `interpolate`");
    fails("rife", ("contract: 1", "contract: 1\nmultiple: 0"), "model-contract-invalid", "`multiple` is 0");
    fails("film", ("time: time", "time: x0"), "model-contract-invalid", "one input twice");
    fails("film", ("first: x0", "first: left"), "model-port-mismatch", "`left`");
    fails("rife", ("components:", "ports: {time: when}\ncomponents:"), "model-port-mismatch", "`when`");
    fails("rife", ("contract: 1", "contract: 1\nmultiple: 2"), "inference-failed", "interpolator");
    fails(
        "plane",
        ("components:", "ports: {first: timestep, time: img0}\ncomponents:"),
        "model-port-mismatch",
        "`timestep`",
    );
    fails(
        "broken",
        ("components:", "ports: {output: smaller}\ncomponents:"),
        "inference-failed",
        "it gave [1, 3, 23, 36]",
    );
    fails("broken", ("components:", "ports: {output: nothing}\ncomponents:"), "non-finite", "a frame in between");
    fails("rife", ("Apache-2.0}", "Apache-2.0, territories: {except: [EU]}}"), "licence-territory", "DE");
    fails("rife", ("sha256: ", "sha256: 0"), "model-contract-invalid", "sha256");
}

#[test]
fn a_model_is_checked_without_a_clip() {
    let check = |model: &Path| {
        Harness::<Interpolate>::new()
            .params(json!({"check-model": true}))
            .input("model", model, "inode/directory")
            .run()
    };
    assert!(matches!(check(&model("film")).end, spotloom_plugin_sdk::api::End::Succeeded { .. }));
    let empty = TempDir::new().unwrap();
    assert_eq!(check(empty.path()).failure().code, "model-contract-missing");
}

#[test]
fn it_ends_when_asked() {
    let folder = TempDir::new().unwrap();
    let clip = clip(&folder, (24, 1), &[300.0; 30]);
    let done = Harness::<Interpolate>::new()
        .params(json!({"fps": 48}))
        .input("clip", &clip, "video/x-matroska")
        .input("model", model("rife"), "inode/directory")
        .cancel_after(2)
        .run();
    assert_eq!(done.end, spotloom_plugin_sdk::api::End::Cancelled);
}
