//! Every mode with the embedded model: the ends are what was given, the seams don't show, and what does not fit is said.

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_diffusion::Diffusion;
use spotloom_media::{Frame, Pixel, ReadOptions, Reader};
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

const FPS: f64 = 24.0;

fn frames(path: &Path) -> Vec<Frame> {
    Reader::open(path, ReadOptions::new(Pixel::Rgb24)).expect("a clip").map(|f| f.expect("a frame")).collect()
}

/// Mean difference of two frames, in 8-bit steps.
fn difference(a: &Frame, b: &Frame) -> f64 {
    let pairs = a.plane(0).iter().zip(b.plane(0));
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.plane(0).len() as f64
}

/// A shot of a few steps without grain.
fn shot(folder: &Path, prompt: &str, params: &Value) -> Harness<Diffusion> {
    let mut all = json!({"grain": 0, "steps": 6});
    all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
    support::shot(&support::model(), folder, prompt, &all)
}

struct Clips {
    folder: TempDir,
    sunset: PathBuf,
    night: PathBuf,
    _runs: Vec<Done>,
}

/// Two clips of a second and a half of the same sea at different hours.
fn clips() -> Clips {
    let folder = TempDir::new().expect("a temporary folder");
    let make = |prompt: &str, seed: u64| shot(folder.path(), prompt, &json!({"seconds": 1.5, "seed": seed})).run();
    let runs = vec![make("waves at sunset with warm light", 1), make("calm ocean at night", 5)];
    let paths = [runs[0].path("clip"), runs[1].path("clip")];
    let [sunset, night] = paths;
    Clips { folder, sunset, night, _runs: runs }
}

/// The largest step from one frame to the next.
fn largest(frames: &[Frame]) -> f64 {
    frames.windows(2).map(|f| difference(&f[0], &f[1])).fold(0.0, f64::max)
}

/// The median step from one frame to the next.
fn usual(frames: &[Frame]) -> f64 {
    let mut steps: Vec<f64> = frames.windows(2).map(|f| difference(&f[0], &f[1])).collect();
    steps.sort_by(f64::total_cmp);
    steps[steps.len() / 2]
}

#[test]
fn a_loop_leads_into_its_own_beginning() {
    let folder = TempDir::new().expect("a temporary folder");
    let done = shot(folder.path(), "teal and orange gradient", &json!({"mode": "loop", "seconds": 2})).run();
    let frames = frames(&done.path("clip"));
    assert_eq!(frames.len(), 48);
    let seam = difference(&frames[47], &frames[0]);
    assert!(seam <= 1.5 * largest(&frames), "from the last to the first {seam}, else {}", largest(&frames));
    assert!(difference(&frames[24], &frames[0]) > 3.0 * seam, "it moves in between");
    assert_eq!(done.facts()["mode"], "loop");
}

#[test]
fn extending_keeps_the_clip_and_goes_on_before_and_after_it_without_a_jump() {
    let clips = clips();
    let original = frames(&clips.sunset);
    let check = |port: &str, at: usize| {
        let run =
            shot(clips.folder.path(), "waves at sunset with warm light", &json!({"mode": "extend", "seconds": 3}));
        let done = run.input(port, &clips.sunset, "video/x-matroska").run();
        let found = frames(&done.path("clip"));
        assert_eq!(found.len(), 72);
        // The far half of the clip is as it was, to the rounding of its colours.
        let far = if at == 0 { 0..18 } else { 18..36 };
        let kept = far.map(|i| difference(&found[at + i], &original[i])).fold(0.0, f64::max);
        assert!(kept < 1.0, "{port}: {kept}");
    };
    check("clip", 0);
    check("clip-after", 36);
}

/// A thing before a white wall is where the joint shows most.
#[test]
fn an_extended_clip_moves_at_the_joint_as_it_does_elsewhere() {
    let folder = TempDir::new().expect("a temporary folder");
    let prompt = "a blue bottle on a pedestal, white background";
    let given = shot(folder.path(), prompt, &json!({"seconds": 2.5})).run();
    let params = json!({"mode": "extend", "seconds": 5});
    let done = shot(folder.path(), prompt, &params).input("clip", given.path("clip"), "video/x-matroska").run();
    let found = frames(&done.path("clip"));
    let (joint, usual) = (largest(&found[57..63]), usual(&found));
    assert!(joint < 1.6 * usual, "a step of {joint} at the joint, {usual} elsewhere");
}

#[test]
fn a_bridge_begins_in_one_clip_and_ends_in_the_other() {
    let clips = clips();
    let run = shot(clips.folder.path(), "calm ocean", &json!({"seconds": 5}));
    let done = run
        .input("clip", &clips.sunset, "video/x-matroska")
        .input("clip-after", &clips.night, "video/x-matroska")
        .run();
    assert_eq!(done.facts()["mode"], "bridge");
    let found = frames(&done.path("clip"));
    let (sunset, night) = (frames(&clips.sunset), frames(&clips.night));
    assert!(difference(&found[0], &sunset[0]) < 1.0);
    assert!(difference(&found[119], &night[35]) < 1.0);
    let cut = difference(&sunset[35], &night[0]);
    assert!(largest(&found) < cut / 3.0, "largest step {}, a cut would be {cut}", largest(&found));
}

#[test]
fn first_and_last_picture_are_where_they_belong() {
    let clips = clips();
    let run = shot(clips.folder.path(), "calm ocean", &json!({"seconds": 3}));
    let done = run.input("image", &clips.sunset, "image/png").input("last-image", &clips.night, "image/png").run();
    let (found, sunset, night) = (frames(&done.path("clip")), frames(&clips.sunset), frames(&clips.night));
    let (near, far) = (difference(&found[71], &night[0]), difference(&found[71], &sunset[0]));
    assert!(near < far / 5.0, "{near} {far}");
    let (near, far) = (difference(&found[0], &sunset[0]), difference(&found[0], &night[0]));
    assert!(near < far / 5.0, "{near} {far}");
}

#[test]
fn an_edit_is_the_nearer_to_the_clip_the_less_its_strength() {
    let clips = clips();
    let original = frames(&clips.sunset);
    let apart = |strength: f64| {
        let run = shot(clips.folder.path(), "calm ocean at night", &json!({"mode": "edit", "strength": strength}));
        let done = run.input("clip", &clips.sunset, "video/x-matroska").run();
        let found = frames(&done.path("clip"));
        assert_eq!(found.len(), 12, "the shot's half second");
        difference(&found[6], &original[6])
    };
    let (little, much) = (apart(0.2), apart(1.0));
    assert!(little < 8.0 && much > 3.0 * little, "{little} {much}");
}

#[test]
fn a_retake_changes_its_part_and_nothing_else() {
    let clips = clips();
    let original = frames(&clips.sunset);
    let params = json!({"from": 0.6, "to": 1.0, "seconds": 1.5, "strength": 1.0, "seed": 3});
    let done = shot(clips.folder.path(), "calm ocean at night", &params)
        .input("clip", &clips.sunset, "video/x-matroska")
        .run();
    assert_eq!(done.facts()["mode"], "retake");
    let found = frames(&done.path("clip"));
    assert_eq!(found.len(), original.len());
    let at = |seconds: f64| {
        let i = (seconds * FPS) as usize;
        difference(&found[i], &original[i])
    };
    assert!(at(0.1) < 1.0 && at(1.45) < 1.0, "{} {}", at(0.1), at(1.45));
    // How far it goes is the model's: what lies around it is a sunset on both sides.
    assert!(at(0.8) > 1.0 && at(0.8) > 5.0 * at(0.1).max(at(1.45)), "{} {} {}", at(0.8), at(0.1), at(1.45));
}

#[test]
fn variations_come_from_as_many_seeds_and_a_preview_is_small() {
    let folder = TempDir::new().expect("a temporary folder");
    let params = json!({"variations": 2, "preview": true, "width": 384, "height": 216});
    let done = shot(folder.path(), "sea", &params).run();
    let (first, others) = (&done.outputs("clip")[0], done.outputs("variations"));
    assert_eq!((first.facts["width"].as_u64(), first.facts["seed"].as_u64()), (Some(128), Some(7)));
    assert_eq!((others.len(), others[0].facts["seed"].as_u64()), (1, Some(8)));
    assert_eq!(done.outputs("variation-recipes").len(), 1);
    assert!(difference(&frames(&first.path)[6], &frames(&others[0].path)[6]) > 1.0);
}

#[test]
fn what_a_mode_cannot_use_is_said_before_anything_is_made() {
    let clips = clips();
    let mut report = String::new();
    let mut check = |params: Value, ports: &[&str]| {
        let mut run = shot(clips.folder.path(), "sea", &params);
        for port in ports {
            let media = if port.contains("image") { "image/png" } else { "video/x-matroska" };
            run = run.input(port, &clips.sunset, media);
        }
        let done = run.run();
        let failure = done.failure();
        report.push_str(&format!("{params} {ports:?}\n  {}: {}\n", failure.code, failure.message));
    };
    check(json!({"seconds": 3}), &["clip"]);
    check(json!({"mode": "loop"}), &["image", "clip"]);
    check(json!({"mode": "extend", "seconds": 1}), &["clip"]);
    check(json!({"from": 0.2, "to": 9, "seconds": 20}), &["clip"]);
    insta::assert_snapshot!(report);
}
