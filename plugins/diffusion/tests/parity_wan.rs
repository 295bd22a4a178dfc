//! Holds the `wan` family against the frames that the reference pipelines made of tiny random models (`export/`).

mod support;

use spotloom_diffusion::contract::Mode;
use spotloom_diffusion::families::chain::ClipFamily;
use spotloom_diffusion::families::wan::{Given, Wan};
use spotloom_diffusion::family::{Draft, Edit};
use support::parity::Fixture;

fn check(fixture: &str) {
    let Fixture { model, engines, cases } = Fixture::open(fixture);
    for engine in &engines {
        let mut wan = Wan::load(&model, engine).expect("the model");
        for case in &cases {
            let mut shot = case.shot(&model, "noise");
            let again = shot.mode == Mode::Edit;
            // How far it leaves its clip; the clip itself is given below, as the reference was given it.
            shot.edit = again.then(|| Edit { draft: Draft::Given, strength: case.number("strength") });
            let first = shot.first_step();
            let rows = wan.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
            case.check_text(&rows);
            let mut given = match again {
                true => Given::default(),
                false => wan.encode_given(&shot, shot.frames).expect("pictures"),
            };
            if again {
                let draft = wan.encode_clip(&mut case.clip().into_iter().map(Ok), shot.frames).expect("latents");
                case.check("the clip's latents", "text", &draft, &case.tensor("draft"));
                given.draft = Some(draft);
            }
            if let Some(image) = &given.image {
                case.check("what CLIP sees", "text", image, &case.tensor("image_embedding"));
            }
            let stay = engine.session.resident_latents && given.pinned.is_none() && !again;
            let mut steps = case.steps(stay);
            let on_step = &mut |step, sample: Option<&_>| steps(step - first, sample);
            let latents = wan.denoise(&shot, &rows, &given, case.tensor("noise"), on_step).expect("latents");
            case.check_frames(wan.frames(latents, [shot.height, shot.width]).as_mut());
            if !again {
                case.check_frames(wan.begin(&shot).expect("a shot").as_mut());
            }
        }
    }
}

/// And of a clip that is made again from text.
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
    check("wan-a14b-i2v");
}

#[test]
fn a_first_picture_and_a_last_are_told_by_channels_and_a_mask() {
    check("wan-i2v");
}

#[test]
fn clip_sees_the_first_picture_as_the_reference_shows_it() {
    check("wan-i2v-clip");
}

#[test]
fn one_model_of_both_pins_the_first_frame_by_times_of_its_tokens() {
    check("wan-ti2v");
}

/// Weights and ports of 16 bits: what is computed is rounded at every operator, so the frames are near the reference's and no more.
#[test]
fn a_model_in_16_bits_gives_frames_near_those_of_the_reference() {
    check("wan-t2v-f16");
}
