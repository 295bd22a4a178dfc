//! Holds the `ltx` family against the frames that the reference pipeline made of a tiny random model (`export/`).

mod support;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_diffusion::families::chain::ClipFamily;
use spotloom_diffusion::families::ltx::Ltx;
use spotloom_diffusion::families::tiles::{tiles, whole};
use spotloom_diffusion::noise;
use support::parity::Fixture;

#[test]
fn text_and_picture_to_video_give_the_frames_of_the_reference() {
    let Fixture { mut model, engines, cases } = Fixture::open("ltx");
    for (engine, case) in engines.iter().flat_map(|engine| cases.iter().map(move |case| (engine, case))) {
        model.contract.sampling.guidance_rescale = case.number("guidance-rescale") as f32;
        let mut ltx = Ltx::load(&model, engine).expect("the model");
        let shot = case.shot(&model, "noise_grid");
        let rows = ltx.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
        case.check_text(&rows);
        for (rows, key) in rows.iter().zip(["text_mask", "negative_text_mask"]) {
            case.check(key, "text", &rows.mask.mapv(|m| m as f32), &case.tensor(key));
        }
        let first = shot.conditions.first().map(|given| ltx.encode_pictures(&given.pictures).expect("latents"));
        if let Some(first) = &first {
            case.check("the picture's latents", "latents", first, &case.tensor("image_latents"));
        }
        let noise = case.tensor("noise_grid");
        let rescaled = model.contract.sampling.guidance_rescale > 0.0;
        let mut steps = case.steps(engine.session.resident_latents && first.is_none() && !rescaled);
        ltx.denoise(&shot, &rows, &noise, first.as_ref(), &mut steps).expect("latents");
        case.check_frames(ltx.begin(&shot).expect("a shot").as_mut());
    }
}

/// Newer models of this family decode with a little noise and a time; the reference's noise is given, since its generator is another.
#[test]
fn a_decoder_that_takes_a_time_gives_the_frames_of_the_reference() {
    let Fixture { model, engines, cases } = Fixture::open("ltx-timestep");
    let mut ltx = Ltx::load(&model, &engines[0]).expect("the model");
    for case in &cases {
        let shot = case.shot(&model, "noise_grid");
        let rows = ltx.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
        let noise = case.tensor("noise_grid");
        let latents = ltx.denoise(&shot, &rows, &noise, None, &mut case.steps(false)).expect("latents");
        let frame = whole([latents.shape()[3], latents.shape()[4]], [32, 32]);
        let video = ltx.decode(latents.clone(), Some(&case.tensor("decode_noise")), &frame).expect("frames");
        case.check_video(&video);
        // And of its own noise something comes that is like it, and the same each time.
        let own = ltx.decoder_noise(7, latents.shape()).expect("noise");
        assert_eq!(Some(&own), ltx.decoder_noise(7, latents.shape()).as_ref());
        let other = ltx.decode(latents, Some(&own), &frame).expect("frames");
        let differs = video.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!((1e-5..0.5).contains(&differs), "{differs}");
    }
}

/// What only one tile covers is what that tile gives by itself, and between tiles nothing is lost.
#[test]
fn frames_are_decoded_in_tiles_of_the_whole_clip() {
    let Fixture { model, engines, .. } = Fixture::open("ltx");
    let mut ltx = Ltx::load(&model, &engines[0]).expect("the model");
    let latents = noise::normal(5, 0, &[1, 8, 2, 2, 6]);
    let in_tiles = tiles([2, 6], [32, 32], 96);
    assert_eq!(in_tiles.iter().map(|tile| tile.cells[1].clone()).collect::<Vec<_>>(), [0..3, 1..4, 2..5, 3..6]);
    let video = ltx.decode(latents.clone(), None, &in_tiles).expect("frames");
    assert_eq!(video.shape(), [1, 3, 9, 64, 192]);
    for (tile, alone) in [(&in_tiles[0], 0..32), (&in_tiles[3], 160..192)] {
        let own = ltx.decode(tile.cut(&latents), None, &whole([2, 3], [32, 32])).expect("frames");
        let start = tile.cells[1].start * 32;
        let part = video.slice_axis(Axis(4), Slice::from(alone.clone()));
        assert_eq!(part, own.slice_axis(Axis(4), Slice::from(alone.start - start..alone.end - start)));
    }
    let expected = ltx.decode(latents, None, &whole([2, 6], [32, 32])).expect("frames");
    let mean = |video: &ArrayD<f32>| video.mean().expect("values");
    assert!((mean(&video) - mean(&expected)).abs() < 0.1, "{} and {}", mean(&video), mean(&expected));
}
