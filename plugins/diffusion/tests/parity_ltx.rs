//! Holds the `ltx` family against the frames that the reference pipeline made of a tiny random model (`export/`).

mod support;

use std::ops::Range;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_diffusion::contract::Mode;
use spotloom_diffusion::error::Error;
use spotloom_diffusion::families::chain::ClipFamily;
use spotloom_diffusion::families::ltx::{Given, Ltx};
use spotloom_diffusion::families::tiles::{tiles, whole};
use spotloom_diffusion::family::{Draft, Edit};
use spotloom_diffusion::noise;
use support::parity::Fixture;

/// And a clip that is made again.
#[test]
fn text_and_picture_to_video_give_the_frames_of_the_reference() {
    let Fixture { mut model, engines, cases } = Fixture::open("ltx");
    for (engine, case) in engines.iter().flat_map(|engine| cases.iter().map(move |case| (engine, case))) {
        model.contract.sampling.guidance_rescale = case.number("guidance-rescale") as f32;
        let mut ltx = Ltx::load(&model, engine).expect("the model");
        let mut shot = case.shot(&model, "noise_grid");
        let again = shot.mode == Mode::Edit;
        // How far it leaves its clip; the clip itself is given below, as the reference was given it.
        shot.edit = again.then(|| Edit { draft: Draft::Given, strength: case.number("strength") });
        let begun = shot.first_step();
        let rows = ltx.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
        case.check_text(&rows);
        for (rows, key) in rows.iter().zip(["text_mask", "negative_text_mask"]) {
            case.check(key, "text", &rows.mask.mapv(|m| m as f32), &case.tensor(key));
        }
        let first = shot.conditions.first().map(|given| ltx.encode_pictures(&given.pictures).expect("latents"));
        if let Some(first) = &first {
            case.check("the picture's latents", "latents", first, &case.tensor("image_latents"));
        }
        let draft = again.then(|| {
            let draft = ltx.encode_clip(&mut case.clip().into_iter().map(Ok), shot.frames).expect("latents");
            case.check("the clip's latents", "latents", &draft, &case.tensor("draft"));
            draft
        });
        let noise = case.tensor("noise_grid");
        let rescaled = model.contract.sampling.guidance_rescale > 0.0;
        let stay = engine.session.resident_latents && first.is_none() && !again && !rescaled;
        let mut steps = case.steps(stay);
        let on_step = &mut |step, sample: Option<&_>| steps(step - begun, sample);
        let latents = ltx.denoise(&shot, &rows, &noise, &Given { first, draft }, on_step).expect("latents");
        if again {
            let frame = whole([latents.shape()[3], latents.shape()[4]], [32, 32]);
            case.check_video(&ltx.decode(latents, None, &frame, &mut || Ok(())).expect("frames"));
        } else {
            case.check_frames(ltx.begin(&shot).expect("a shot").as_mut());
        }
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
        let latents = ltx.denoise(&shot, &rows, &noise, &Given::default(), &mut case.steps(false)).expect("latents");
        let frame = whole([latents.shape()[3], latents.shape()[4]], [32, 32]);
        let video =
            ltx.decode(latents.clone(), Some(&case.tensor("decode_noise")), &frame, &mut || Ok(())).expect("frames");
        case.check_video(&video);
        // And of its own noise something comes that is like it, and the same each time.
        let own = ltx.decoder_noise(7, latents.shape()).expect("noise");
        assert_eq!(Some(&own), ltx.decoder_noise(7, latents.shape()).as_ref());
        let other = ltx.decode(latents, Some(&own), &frame, &mut || Ok(())).expect("frames");
        let differs = video.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!((1e-5..0.5).contains(&differs), "{differs}");
    }
}

/// Each tile is decoded by itself and laid where it belongs, in parts that add up to one.
#[test]
fn frames_are_decoded_in_tiles_of_the_whole_clip() {
    let Fixture { model, engines, .. } = Fixture::open("ltx");
    let mut ltx = Ltx::load(&model, &engines[0]).expect("the model");
    let latents = noise::normal(5, 0, &[1, 8, 2, 4, 6]);
    let in_tiles = tiles([4, 6], [32, 32], 96);
    assert_eq!(in_tiles.len(), 2 * 4);
    let stopped = || Error::Clip { name: "this".into(), reason: "was stopped".into() };
    let mut asked = 0;
    let mut pause = || {
        asked += 1;
        Ok(())
    };
    let video = ltx.decode(latents.clone(), None, &in_tiles, &mut pause).expect("frames");
    assert_eq!((video.shape(), asked), (&[1, 3, 9, 128, 192][..], 8));
    let mut expected = ArrayD::zeros(video.shape());
    for tile in &in_tiles {
        let [width, height] = tile.size();
        let alone = whole([height / 32, width / 32], [32, 32]);
        let own = ltx.decode(tile.cut(&latents), None, &alone, &mut || Ok(())).expect("frames");
        assert!(tile.lay(&own, &mut expected));
    }
    assert_eq!(video, expected);
    // Upper left and lower right corners lie in one tile each.
    let corner = |video: &ArrayD<f32>, rows: Range<usize>, columns: Range<usize>| {
        video.slice_axis(Axis(3), Slice::from(rows)).slice_axis(Axis(4), Slice::from(columns)).into_owned()
    };
    for (tile, rows, columns) in [(&in_tiles[0], 0..32, 0..32), (&in_tiles[7], 96..128, 160..192)] {
        let own = ltx.decode(tile.cut(&latents), None, &whole([3, 3], [32, 32]), &mut || Ok(())).expect("frames");
        let (top, left) = (tile.cells[0].start * 32, tile.cells[1].start * 32);
        let (down, across) = (rows.start - top..rows.end - top, columns.start - left..columns.end - left);
        assert_eq!(corner(&video, rows, columns), corner(&own, down, across));
    }
    let ended = ltx.decode(latents, None, &in_tiles, &mut || Err(stopped())).expect_err("an end");
    assert_eq!(ended.to_string(), stopped().to_string());
}
