//! Holds this runtime against the numbers the model's own Python reference wrote (golden.npz).

mod support;

use ndarray::{Array2, ArrayD, Axis};
use spotloom_diffusion::contract::Model;
use spotloom_diffusion::families::ambient::{Ambient, Given, Text};
use spotloom_diffusion::family::Shot;
use spotloom_diffusion::picture::Picture;
use spotloom_onnx::Engine;
use support::npz::Npz;

/// Holds every value within `limit` of the reference.
fn check(name: &str, found: &ArrayD<f32>, expected: &ArrayD<f32>, limit: f32) {
    assert_eq!(found.shape(), expected.shape(), "{name}");
    let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= limit, "{name}: {difference} is more than {limit}");
}

/// Holds a frame within one step of 255 of the reference's bytes, [rows, columns, channels].
fn check_frame(name: &str, frame: &Picture, golden: &Npz) {
    let planes = ArrayD::from_shape_vec(vec![3, frame.height, frame.width], frame.data.clone()).expect("three planes");
    let bytes = planes.mapv(|x| ((x + 1.0) * 127.5 + 0.5).floor()).permuted_axes(vec![1, 2, 0]);
    check(name, &bytes.as_standard_layout().to_owned(), &golden.f32(name), 1.0);
}

#[test]
fn every_stage_of_the_sampler_agrees_with_the_reference() {
    let golden = Npz::open(&support::model().join("golden.npz"));
    let model = Model::open(&support::model()).expect("the embedded model");
    let mut ambient = Ambient::load(&model, &Engine::cpu(2).expect("ONNX Runtime")).expect("the embedded model");
    let prompt = "golden bokeh lights drifting left, black background";
    let shot = Shot { frames: 20, ..Shot::usual(&model.contract, prompt) };

    let ids = ambient.tokenise(&[&shot.prompt, ""]).expect("ids");
    assert_eq!(ids.clone().into_dyn(), golden.i64("input_ids"));

    let text = ambient.encode_text(ids.view()).expect("text");
    let Text { tokens, pooled, attributes } = &text;
    check("tokens", tokens, &golden.f32("tokens"), 1e-5);
    check("pooled", pooled, &golden.f32("pooled"), 1e-5);
    check("attributes", attributes, &golden.f32("attributes"), 1e-5);

    let noise = golden.f32("noise");
    let both = ndarray::concatenate(Axis(0), &[noise.view(), noise.view()]).expect("two of a shape");
    let velocity = ambient.velocity(&both, &Array2::ones((2, 4)), tokens.view(), pooled.view()).expect("velocity");
    check("velocity_step0", &velocity, &golden.f32("velocity_step0"), 1e-4);

    let latent = ambient.denoise(&shot, &text, noise, &Given::default(), &mut |_| Ok(())).expect("latent");
    check("latent_final", &latent, &golden.f32("latent_final"), 1e-3);

    let frames = ambient.decode(&latent).expect("frames");
    check_frame("frame_first", &frames[0], &golden);
    check_frame("frame_last", &frames[15], &golden);

    let encoded = ambient.encode_video(&golden.f32("encoder_input")).expect("latent");
    check("encoder_latent", &encoded, &golden.f32("encoder_latent"), 1e-4);

    // Another shape of frame, with both ends given.
    let shot = Shot { prompt: "waves at sunset".into(), width: shot.height, height: shot.width, ..shot };
    let ids = ambient.tokenise(&[&shot.prompt, ""]).expect("ids");
    let text = ambient.encode_text(ids.view()).expect("text");
    let pin = |name: &str, slot: usize| (slot, golden.f32(name).insert_axis(Axis(2)));
    let given = Given { pins: vec![pin("tall_first", 0), pin("tall_last", 3)], ..Given::default() };
    let latent = ambient.denoise(&shot, &text, golden.f32("tall_noise"), &given, &mut |_| Ok(())).expect("latent");
    check("tall_latent", &latent, &golden.f32("tall_latent"), 1e-3);
    check_frame("tall_frame", &ambient.decode(&latent).expect("frames")[0], &golden);
}
