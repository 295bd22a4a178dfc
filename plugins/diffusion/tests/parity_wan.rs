//! Holds the `wan` family against the frames that the reference pipelines made of tiny random models (`export/`).

mod support;

use spotloom_diffusion::families::wan::Wan;
use spotloom_diffusion::family::Family;
use support::parity::Fixture;

fn check(fixture: &str) {
    let Fixture { model, engines, cases } = Fixture::open(fixture);
    for engine in &engines {
        let mut wan = Wan::load(&model, engine).expect("the model");
        for case in &cases {
            let shot = case.shot(&model, "noise");
            let rows = wan.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
            case.check_text(&rows);
            let given = wan.encode_given(&shot, shot.frames).expect("pictures");
            if let Some(image) = &given.image {
                case.check("what CLIP sees", "text", image, &case.tensor("image_embedding"));
            }
            let mut steps = case.steps(engine.session.resident_latents && given.pinned.is_none());
            wan.denoise(&shot, &rows, &given, case.tensor("noise"), &mut steps).expect("latents");
            case.check_frames(wan.begin(&shot).expect("a shot").as_mut());
        }
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
