//! Shots from the embedded model: what comes out, that it is reproducible, and how it is reported.

mod support;

use std::fmt::Write as _;
use std::fs;

use serde_json::json;
use spotloom_diffusion::contract::Model;
use spotloom_diffusion::families::ambient::Ambient;
use spotloom_diffusion::family::{Family, Shot};
use spotloom_media::{Frame, Pixel, ReadOptions, Reader, probe};
use spotloom_onnx::Engine;
use spotloom_plugin_sdk::api::{End, Event};
use tempfile::TempDir;

fn frames(path: &std::path::Path, pixel: Pixel) -> Vec<Frame> {
    Reader::open(path, ReadOptions::new(pixel)).expect("a clip").map(|f| f.expect("a frame")).collect()
}

/// Mean difference of two frames, in 8-bit steps.
fn difference(a: &Frame, b: &Frame) -> f64 {
    let pairs = a.plane(0).iter().zip(b.plane(0));
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.plane(0).len() as f64
}

#[test]
fn a_caption_becomes_a_clip_that_is_what_it_says() {
    let folder = TempDir::new().expect("a temporary folder");
    let prompt = "waves at sunset with warm light";
    let params = json!({"seconds": 2, "grain": 0});
    let done = support::shot(&support::model(), folder.path(), prompt, &params).run();

    let clip = &done.outputs("clip")[0];
    insta::assert_snapshot!(serde_json::to_string_pretty(&clip.facts).expect("JSON"));
    let info = probe(&clip.path).expect("a clip");
    let video = info.video.expect("video");
    assert_eq!((video.codec.as_str(), video.pixel.as_str(), video.fps), ("ffvhuff", "yuv420p10le", (24, 1)));
    assert_eq!((video.width, video.height), (192, 108));
    assert_eq!((video.color.matrix.as_str(), video.color.range.as_str()), ("bt709", "tv"));

    let frames = frames(&clip.path, Pixel::Rgb24);
    assert_eq!(frames.len(), 48);
    // A sunset: the sky is redder than it is blue.
    let sky = &frames[20].plane(0)[192 * 30 * 3..192 * 40 * 3];
    let of = |c: usize| sky.chunks_exact(3).map(|p| f64::from(p[c])).sum::<f64>() / (sky.len() / 3) as f64;
    assert!(of(0) > of(2) + 50.0, "red {} blue {}", of(0), of(2));
    // It moves, in every step, and nowhere jumps: the seam at the sixteenth frame of the model lies within.
    let steps: Vec<_> = frames.windows(2).map(|f| difference(&f[0], &f[1])).collect();
    assert!(steps.iter().all(|d| (0.02..4.0).contains(d)), "{steps:?}");

    let facts = done.facts();
    assert_eq!(facts["understood"], json!({"scene": "sea", "time": "sunset"}));
    assert_eq!((&facts["clips"], &facts["steps"]), (&json!(2), &json!(32)));
    assert_eq!((&facts["provider"], &facts["warnings"]), (&json!("cpu"), &json!([])));
    assert!(facts["onnxruntime"].as_str().is_some_and(|v| v.starts_with("1.")), "{facts:?}");

    let mut last = 0;
    for event in &done.events {
        if let Event::Progress { done, total, .. } = event {
            assert!(*done == last + 1 && done <= total, "{done} of {total} after {last}");
            last = *done;
        }
    }
    assert_eq!(last, 32 + 48, "the last progress is the total");
}

#[test]
fn the_same_shot_gives_the_same_file_bit_for_bit_and_another_seed_another() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = |seed: u64, threads: u32| {
        let params = json!({"seed": seed, "seconds": 1.8, "steps": 4});
        let run = support::shot(&support::model(), folder.path(), "teal and orange gradient", &params);
        fs::read(run.threads(threads).run().path("clip")).expect("a clip")
    };
    let first = file(1, 2);
    assert!(first == file(1, 2), "a fresh stage gives the same file");
    assert!(first == file(1, 1), "so does another number of threads");
    assert!(first != file(2, 2), "another seed gives another");
}

#[test]
fn a_warm_model_remembers_nothing_of_the_shot_before() {
    let model = Model::open(&support::model()).expect("the embedded model");
    let mut ambient = Ambient::load(&model, &Engine::cpu(2).expect("ONNX Runtime")).expect("the embedded model");
    let mut last_frame = |prompt: &str| {
        let shot = Shot { seed: 3, frames: 20, steps: 3, ..Shot::usual(&model.contract, prompt) };
        let mut frames = ambient.begin(&shot).expect("a shot");
        (0..20).map(|_| frames.next(&mut |_| Ok(())).expect("a frame")).last().flatten().expect("twenty frames")
    };
    let first = last_frame("blue studio backdrop");
    let other = last_frame("red soda can");
    assert!(first != other);
    assert!(first == last_frame("blue studio backdrop"));
}

/// Where the red of a frame is on the whole, as a share of its width.
fn redness(frame: &Frame, width: usize) -> f64 {
    let pixels = frame.plane(0).chunks_exact(3).enumerate();
    let red = pixels.map(|(i, p)| (i % width, f64::from(p[0]) - f64::from(p[1]) / 2.0 - f64::from(p[2]) / 2.0));
    let (sum, total) = red.filter(|(_, red)| *red > 60.0).fold((0.0, 0.0), |(s, t), (x, v)| (s + v * x as f64, t + v));
    sum / total / width as f64
}

#[test]
fn the_subject_of_a_wide_picture_leaves_a_side_to_words() {
    let folder = TempDir::new().expect("a temporary folder");
    let made = |params| {
        support::shot(&support::model(), folder.path(), "a red can on a pedestal, white background", &params).run()
    };
    let check = |subject: &str, expected: std::ops::Range<f64>| {
        let done = made(json!({"subject": subject, "grain": 0}));
        let at = redness(&frames(&done.path("clip"), Pixel::Rgb24)[6], 192);
        assert!(expected.contains(&at), "{subject}: {at}");
    };
    check("left", 0.34..0.44);
    check("middle", 0.46..0.54);
    check("right", 0.56..0.66);
    // An upright picture has no side to spare.
    let tall = |subject: &str| {
        let params = json!({"subject": subject, "grain": 0, "width": 108, "height": 192});
        fs::read(made(params).path("clip")).expect("a clip")
    };
    assert!(tall("right") == tall("middle"));
}

#[test]
fn a_picture_is_where_the_shot_begins() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = |prompt: &str, params| support::shot(&support::model(), folder.path(), prompt, &params);
    let still = run("soft blue studio backdrop", json!({"grain": 0})).run();
    let moved = run("soft blue studio backdrop", json!({"grain": 0, "seed": 99}))
        .input("image", still.path("clip"), "image/png")
        .run();
    let elsewhere = run("soft blue studio backdrop", json!({"grain": 0, "seed": 99})).run();
    let first = |done: &spotloom_plugin_sdk::harness::Done| frames(&done.path("clip"), Pixel::Gray8).remove(0);
    let (near, far) = (difference(&first(&still), &first(&moved)), difference(&first(&still), &first(&elsewhere)));
    assert!(near < 3.0 && near < far / 3.0, "with the picture {near}, without it {far}");
}

#[test]
fn a_prompt_without_a_known_word_is_said_to_be_so() {
    let folder = TempDir::new().expect("a temporary folder");
    let params = json!({"steps": 2});
    let model = Model::open(&support::model()).expect("the model");
    let mut ambient = Ambient::load(&model, &Engine::cpu(1).expect("a runtime")).expect("the family");
    let mut told = String::new();
    for prompt in [
        "zorblat qwixel",
        "a zebra in the savannah, static camera, film lens",
        "a blue zebra on a red background",
        "luminous teal liquid gradient",
        "blue and purple, calm",
        "an elegant watch on black velvet",
        "two watches and a laptop on a wooden table",
        "red lipstick",
        "a handbag on a pedestal",
        "headphones, a leather bag",
        "a tree on a hill",
        "food",
        "a music app, real estate, blue",
        "premium, cinematic",
        "two glasses of juice",
        "sea waves at sunset",
        "Oranges and lemons on a kitchen table, near some oranges and a ukulele",
    ] {
        let frames = ambient.begin(&Shot::usual(&model.contract, prompt)).expect("a shot");
        let _ = writeln!(told, "{prompt}: {}", frames.warnings().first().map_or("nothing", String::as_str));
    }
    // Through the stage: the words that a template adds are not the brief's.
    let file = folder.path().join("shot.json");
    let prompts = json!({"prompt": "a zebra, anamorphic lens", "asked": "a zebra", "seconds": 0.5}).to_string();
    let run = support::shot(&support::model(), folder.path(), "", &params);
    fs::write(&file, prompts).expect("a shot");
    let done = run.run();
    let warnings = done.facts()["warnings"].clone();
    let _ =
        writeln!(told, "a zebra, and the template's anamorphic lens: {}", warnings[0].as_str().unwrap_or("nothing"));
    insta::assert_snapshot!(told);
}

/// What is understood, or only says what the picture is for, is not told of.
#[test]
fn nothing_is_said_of_prompts_that_are_understood() {
    let model = Model::open(&support::model()).expect("the model");
    let mut ambient = Ambient::load(&model, &Engine::cpu(1).expect("a runtime")).expect("the family");
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/studio/examples");
    let mut prompts: Vec<String> = fs::read_dir(examples)
        .expect("the examples")
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .flat_map(|path| {
            let text = fs::read_to_string(path).expect("an example");
            let brief: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
            let scenes = brief["scenes"].as_array().cloned().unwrap_or_default();
            scenes.iter().filter_map(|scene| Some(scene["prompt"].as_str()?.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    assert!(prompts.len() > 5, "{prompts:?}");
    let others = [
        // Of the README of the pipelines.
        "waves at sunset",
        "waves from day to sunset",
        "waves from sunset to night",
        "teal and orange gradient",
        // Topics beside a scene, and words that mean something else in a phrase.
        "soft blue bokeh lights for a beauty brand",
        "orange liquid gradient for a summer sale",
        "a bottle on a wooden table at home, fashion",
        "snow white silk",
        "a blue lava lamp",
        "forest green and gold",
        // A gradient by its colours or its motion alone.
        "blue and purple, shallow depth of field",
        "zoom in",
        "a glass of juice with ice and a straw",
        "a candle on a table",
        "people walking on a hill at sunset",
    ];
    prompts.extend(others.map(str::to_owned));
    for prompt in prompts {
        let shot = Shot::usual(&model.contract, &prompt);
        let frames = ambient.begin(&shot).expect("a shot");
        assert_eq!(frames.warnings(), &[] as &[String], "{prompt}");
    }
}

/// Words that the model does not know, or takes for something else, are said in those it knows.
#[test]
fn other_words_are_understood_as_well() {
    let folder = TempDir::new().expect("a temporary folder");
    let params = json!({"steps": 2});
    let check = |prompt: &str, expected: serde_json::Value| {
        let done = support::shot(&support::model(), folder.path(), prompt, &params).run();
        assert_eq!(done.facts()["understood"], expected, "{prompt}");
    };
    check("Oranges, on a table", json!({"scene": "table", "object": "fruit", "colour": "orange"}));
    check("an orange fruit on a table", json!({"scene": "table", "object": "fruit", "colour": "orange"}));
    check("an orange silk ribbon", json!({"scene": "silk", "colour": "orange"}));
    check("lemons", json!({"scene": "product", "object": "fruit", "colour": "gold"}));
    check("whisky on a wooden table", json!({"scene": "table", "object": "glass", "colour": "gold"}));
    // One for many, and many for one.
    check("a skyscraper at night", json!({"scene": "city", "time": "night"}));
    check("laptops and smartphones", json!({"scene": "product", "object": "phone"}));
}

#[test]
fn a_run_ends_between_two_steps_when_it_is_asked_to() {
    let folder = TempDir::new().expect("a temporary folder");
    let done = support::shot(&support::model(), folder.path(), "sea", &json!({})).cancel_after(3).run();
    assert_eq!(done.end, End::Cancelled);
    assert_eq!(done.events.iter().filter(|e| matches!(e, Event::Progress { .. })).count(), 3);
}
