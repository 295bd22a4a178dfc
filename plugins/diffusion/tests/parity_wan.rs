//! Holds the `wan` family against the frames that the reference pipeline made of tiny random models (`export/`).

mod support;

use std::path::Path;

use ndarray::{ArrayD, Axis};
use serde_json::Value;
use spotloom_diffusion::contract::{Mode, Model};
use spotloom_diffusion::families::wan::Wan;
use spotloom_diffusion::family::{Family, Shot};
use spotloom_onnx::Engine;
use support::safetensors::SafeTensors;

fn difference(found: &ArrayD<f32>, expected: &ArrayD<f32>) -> f32 {
    assert_eq!(found.shape(), expected.shape());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn check(fixture: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    let golden = SafeTensors::open(&folder.join("golden.safetensors"));
    let cases: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("cases.json")).expect("cases")).expect("JSON");
    let model = Model::open(&folder).expect("the model");
    let mut wan = Wan::load(&model, &Engine::cpu(2).expect("ONNX Runtime")).expect("the model");
    assert!(!cases.is_empty());
    for case in &cases {
        let text = |key: &str| case[key].as_str().expect("text").to_owned();
        let number = |key: &str| case[key].as_f64().expect("a number");
        let tensor = |key: &str| golden.f32(case["tensors"][key].as_str().expect("a tensor"));
        let limit = |key: &str| case["tolerance"][key].as_f64().expect("a limit") as f32;
        let shot = Shot {
            prompt: text("prompt"),
            negative_prompt: text("negative"),
            seed: 0,
            mode: Mode::TextToVideo,
            width: case["size"][0].as_u64().expect("pixels") as usize,
            height: case["size"][1].as_u64().expect("pixels") as usize,
            frames: number("frames") as usize,
            conditions: Vec::new(),
            edit: None,
            noise: Some(tensor("noise")),
            scheduler: model.contract.sampling.scheduler,
            steps: number("steps") as usize,
            shift: number("shift"),
            guidance: number("guidance") as f32,
            guidance_low: model.contract.sampling.guidance_low,
        };
        let name = format!("{fixture}, {}", text("name"));

        let rows = wan.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
        for (rows, key) in rows.iter().zip(["text", "negative_text"]) {
            let found = difference(rows, &tensor(key));
            assert!(found <= limit("text"), "{name}: {key} differs by {found}");
        }
        let steps = tensor("steps");
        let on_step = &mut |step: usize, sample: &ArrayD<f32>| {
            let found = difference(sample, &steps.index_axis(Axis(0), step).to_owned());
            assert!(found <= limit("latents"), "{name}: latents of step {step} differ by {found}");
            Ok(())
        };
        wan.denoise(&shot, &rows, tensor("noise"), on_step).expect("latents");

        let expected = tensor("frames");
        let mut frames = wan.begin(&shot).expect("a shot");

        for (index, expected) in expected.axis_iter(Axis(0)).enumerate() {
            let frame = frames.next(&mut |_| Ok(())).expect("no failure").expect("a frame");
            let planes = ArrayD::from_shape_vec(vec![3, frame.height, frame.width], frame.data).expect("planes");
            let planes = planes.mapv(|v| v / 2.0 + 0.5).permuted_axes(vec![1, 2, 0]);
            let found = difference(&planes.as_standard_layout().to_owned(), &expected.to_owned());
            assert!(found <= limit("frames"), "{name}: frame {index} differs by {found}");
        }
        assert!(frames.next(&mut |_| Ok(())).expect("no failure").is_none(), "{name}: no frame more");
    }
}

#[test]
fn text_to_video_gives_the_frames_of_the_reference() {
    check("wan-t2v");
}

#[test]
fn a_model_of_other_shapes_does_so_too() {
    check("wan-t2v-other");
}

#[test]
fn two_experts_take_over_from_each_other_where_the_reference_swaps_them() {
    check("wan-a14b");
}
