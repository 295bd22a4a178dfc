//! The levers that make a shot cheaper: each does something, says what it did, and leaves the rest as it was.

mod support;

use std::fs;
use std::path::Path;

use ndarray::Axis;
use serde_json::{Value, json};
use spotloom_onnx::folder::sha256 as hash;
use spotloom_plugin_sdk::harness::Done;
use support::parity;
use tempfile::TempDir;

fn run(model: &Path, folder: &Path, prompt: &str, params: &Value) -> Done {
    let mut all = json!({"steps": 8, "fps": 12, "motion-fps": 12});
    all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
    support::shot(model, folder, prompt, &all).run()
}

fn clip(done: &Done) -> String {
    hash(&done.path("clip")).expect("a clip")
}

/// A copy of a fixture, to be changed.
fn copied(fixture: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for file in fs::read_dir(parity::folder(fixture)).expect("the fixture").map(|f| f.expect("a file")) {
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
    }
    folder
}

#[test]
fn levers_that_only_move_memory_change_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    for model in [parity::folder("wan-t2v"), parity::folder("cogvideox-5b"), support::model()] {
        let of = |params: &Value| clip(&run(&model, folder.path(), "a golden bottle on the sea", params));
        let plain = of(&json!({}));
        let check = |params: Value| assert!(of(&params) == plain, "{params}");
        check(json!({"session": {"spinning": true, "arena": false}}));
        check(json!({"session": {"spinning": false, "io-binding": true}}));
        check(json!({"embedding-cache": false}));
        check(json!({"step-cache": 0}));
    }
}

/// Without a card nothing is recorded; what is tried is all around it: buffers that stay, copies in and out, and the check
/// of what comes out, which would tell of a difference.
#[test]
fn buffers_for_cuda_graphs_give_the_same_frames() {
    use spotloom_diffusion::contract::Model;
    use spotloom_diffusion::family::{self, Shot};
    use spotloom_onnx::{Engine, SessionOptions};

    let make = |folder: &Path, cuda_graphs: bool| {
        let model = Model::open(folder).expect("a model");
        let session = SessionOptions { cuda_graphs, ..SessionOptions::default() };
        let engine = Engine { session, ..Engine::cpu(1).expect("a runtime") };
        let mut family = family::load(&model, &engine).expect("a family");
        let mut made = Vec::new();
        for seed in [1, 2] {
            let usual = Shot::usual(&model.contract, "a golden bottle");
            let shot =
                Shot { negative_prompt: "blurry".into(), seed, steps: 6, guidance: usual.guidance.max(2.0), ..usual };
            let mut frames = family.begin(&shot).expect("a shot");
            for _ in 0..model.contract.video.frames {
                let frame = frames.next(&mut |_| Ok(())).expect("a frame").expect("another frame");
                made.extend(frame.data.iter().map(|v| v.to_bits()));
            }
            assert_eq!(frames.warnings(), &[] as &[String], "{}", folder.display());
        }
        made
    };
    for folder in
        ["wan-t2v", "wan-a14b", "ltx", "cogvideox-5b"].map(parity::folder).into_iter().chain([support::model()])
    {
        assert!(make(&folder, true) == make(&folder, false), "{}", folder.display());
    }
}

/// That the frames are the reference's is shown where those are, in the tests of parity.
#[test]
fn latents_that_could_not_stay_are_told_with_the_reason() {
    let folder = TempDir::new().expect("a temporary folder");
    let check = |model: &Path, more: Value, reason: Option<&str>| {
        let mut params = json!({"session": {"resident-latents": true}});
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let done = run(model, folder.path(), "a golden bottle on the sea", &params);
        let warnings = done.facts()["warnings"].to_string();
        match reason {
            Some(reason) => assert!(warnings.contains(&format!("came back at every step: {reason}")), "{warnings}"),
            None => assert!(!warnings.contains("came back"), "{warnings}"),
        }
    };
    let wan = parity::folder("wan-t2v");
    check(&wan, json!({}), None);
    check(&parity::folder("cogvideox-5b"), json!({}), None);
    check(&wan, json!({"step-cache": 0.1}), Some("the processor decides"));
    check(&wan, json!({"guidance-calls": "together"}), Some("guidance is asked for in one call"));
    check(&wan, json!({"session": {"resident-latents": false}, "step-cache": 0.1}), None);
    check(&support::model(), json!({}), Some("this family lays windows over each other"));
}

/// No card is here, so `auto` takes the processor, and the report says so.
#[test]
fn what_a_provider_left_to_the_processor_is_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let told = |params: &Value| {
        let done = run(&parity::folder("wan-t2v"), folder.path(), "a golden bottle", params);
        done.facts()["warnings"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|w| w.to_string().contains("processor"))
            .count()
    };
    assert_eq!(told(&json!({"provider": "cpu"})), 0);
    // The text encoder, the transformer, and the first and the next frames of the decoder.
    assert_eq!(told(&json!({"provider": "auto"})), 4);
}

#[test]
fn what_step_caching_left_out_stands_in_the_recipe_with_its_error() {
    let folder = TempDir::new().expect("a temporary folder");
    let done = run(&support::model(), folder.path(), "sea", &json!({"steps": 16, "step-cache": 0.2}));
    let recipe: Value = serde_json::from_str(&done.text("recipe")).expect("JSON");
    let (steps, error) = (recipe["skipped"]["steps"].as_u64(), recipe["skipped"]["error"].as_f64());
    assert!(steps.is_some_and(|n| (3..12).contains(&n)), "{}", recipe["skipped"]);
    assert!(error.is_some_and(|e| e > 0.0 && e < 0.5), "{}", recipe["skipped"]);
    assert_eq!(recipe["params"]["step-cache"], json!(0.2));
    assert_eq!(done.facts()["skipped"], recipe["skipped"]);
    // Progress counts the steps that were left out as well.
    assert_eq!(done.facts()["steps"], json!(16));
    let plain = run(&support::model(), folder.path(), "sea", &json!({"steps": 16}));
    assert_eq!(plain.facts()["skipped"], Value::Null);
}

#[test]
fn guidance_in_one_call_or_in_two_gives_the_same_picture() {
    use spotloom_diffusion::families::guidance::Prompts;
    use spotloom_diffusion::families::text::Rows;
    use spotloom_diffusion::family::Calls;

    let folder = TempDir::new().expect("a temporary folder");
    for fixture in ["wan-t2v", "wan-a14b", "ltx", "cogvideox-5b"] {
        let of = |calls: &str| {
            let done =
                run(&parity::folder(fixture), folder.path(), "a golden bottle", &json!({"guidance-calls": calls}));
            support::parity::frames(&done.path("clip"))
        };
        let (one, two) = (of("together"), of("apart"));
        let differs = one.iter().zip(&two).map(|(a, b)| a.abs_diff(*b)).max().expect("pixels");
        assert!(differs <= 4, "{fixture}: {differs} of 1023");
    }

    // And the one call has both prompts, the first one first.
    let rows =
        |v: f32| Rows { values: ndarray::ArrayD::from_elem(vec![1, 2, 3], v), mask: ndarray::ArrayD::ones(vec![1, 2]) };
    let prompts = Prompts::new(&[rows(1.0), rows(2.0)], Calls::Together);
    let mut batches = Vec::new();
    let predicted = prompts.predict(true, &mut |prompt| {
        batches.push(prompt.batch);
        Ok(ndarray::stack(Axis(0), &[ndarray::arr1(&[5.0]).view(), ndarray::arr1(&[7.0]).view()])
            .expect("two")
            .into_dyn())
    });
    let (towards, away) = predicted.expect("a prediction");
    assert_eq!((towards[[0, 0]], away.map(|a| a[[0, 0]]), batches), (5.0, Some(7.0), vec![2]));
}

#[test]
fn a_prompt_is_encoded_once_by_a_process() {
    let folder = TempDir::new().expect("a temporary folder");
    let model = copied("wan-t2v-other");
    let prompt = "a prompt of this test alone";
    // What is told of the encoder's run, such as that `auto` left it to the processor, is no reason to run it again.
    let auto = json!({"provider": "auto"});
    let [plain, on_auto] = [&json!({}), &auto].map(|params| run(model.path(), folder.path(), prompt, params));
    // A new stage, as when a warm host had another model in between; the encoder can't be read any more.
    let file = model.path().join("text_encoder.onnx");
    fs::write(&file, "not a graph").expect("the file");
    for (first, params) in [(plain, &json!({})), (on_auto, &auto)] {
        assert_eq!(clip(&first), clip(&run(model.path(), folder.path(), prompt, params)), "{params}");
    }
    let refused = |prompt: &str, params: Value| {
        let done = run(model.path(), folder.path(), prompt, &params);
        assert_eq!(done.failure().code, "model-hash-mismatch", "{}", done.failure().message);
    };
    refused(prompt, json!({"embedding-cache": false}));
    refused("another prompt", json!({}));
}

#[test]
fn quantised_weights_are_used_where_there_are_any_and_asked_for_in_vain_where_not() {
    let folder = TempDir::new().expect("a temporary folder");
    let of = |params: &Value| run(&parity::folder("wan-t2v-other"), folder.path(), "a golden bottle", params);
    let (own, int8) = (of(&json!({})), of(&json!({"weights": "int8"})));
    let (own, int8) = (parity::frames(&own.path("clip")), parity::frames(&int8.path("clip")));
    let mean = own.iter().zip(&int8).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / own.len() as f64;
    assert!(mean > 0.0 && mean < 30.0, "{mean} of 1023");
    let done = run(&parity::folder("wan-t2v"), folder.path(), "a golden bottle", &json!({"weights": "int8"}));
    let failure = done.failure();
    assert_eq!(failure.code, "model-unable");
    insta::assert_snapshot!(failure.message);
}

#[test]
fn how_frames_were_decoded_stands_in_the_recipe_and_other_families_refuse_tiles() {
    let folder = TempDir::new().expect("a temporary folder");
    let wan = parity::folder("wan-t2v");
    let decoded = |done: &Done| -> Value {
        let recipe: Value = serde_json::from_str(&done.text("recipe")).expect("JSON");
        recipe["params"]["decode"].clone()
    };
    let of = |decode: &str| run(&wan, folder.path(), "a golden bottle", &json!({"decode": decode}));
    let (auto, tiles) = (of("auto"), of("tiles"));
    assert_eq!((decoded(&auto), decoded(&tiles)), (json!("whole"), json!("tiles")));
    // A frame of this size is one tile.
    assert_eq!(clip(&auto), clip(&tiles));
    let done = run(&support::model(), folder.path(), "sea", &json!({"decode": "tiles"}));
    assert_eq!(done.failure().code, "model-unable");
    insta::assert_snapshot!(done.failure().message);
}
