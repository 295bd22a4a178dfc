//! Holds the `cogvideox` family against the frames that the reference pipeline made of tiny random models (`export/`).

mod support;

use ndarray::Axis;
use spotloom_diffusion::contract::SchedulerName;
use spotloom_diffusion::families::chain::ClipFamily;
use spotloom_diffusion::families::cogvideox::CogVideoX;
use support::parity::Fixture;

fn check(fixture: &str) {
    let Fixture { mut model, engines, cases } = Fixture::open(fixture);
    for (engine, case) in engines.iter().flat_map(|engine| cases.iter().map(move |case| (engine, case))) {
        model.contract.sampling.scheduler = case.fact("scheduler");
        model.contract.sampling.dynamic_guidance = case.fact("dynamic-guidance");
        // The reference sees a clip at once, however long it is; ours would look through windows.
        model.contract.video.frames = case.fact("frames");
        let mut cog = CogVideoX::load(&model, engine).expect("the model");
        let shot = case.shot(&model, "noise");
        let rows = cog.encode_text(&[&shot.prompt, &shot.negative_prompt]).expect("text");
        case.check_text(&rows);
        let stirs = shot.scheduler == SchedulerName::SdeDpm;
        let draws = stirs.then(|| case.tensor("draws"));
        let mut drawn = 0;
        let mut draw = |_: &[usize]| {
            drawn += 1;
            draws.as_ref().expect("a scheduler that does not draw").index_axis(Axis(0), drawn - 1).to_owned()
        };
        let mut steps = case.steps(engine.session.resident_latents);
        let latents = cog.denoise(&shot, &rows, case.tensor("noise"), &mut draw, &mut steps).expect("latents");
        case.check_frames(cog.frames(&latents, shot.frames).as_mut());
        let mut whole = cog.begin(&shot).expect("a shot");
        if stirs {
            // Its own noise is another: as many frames come, and they are pictures.
            let frame = whole.next(&mut |_| Ok(())).expect("no failure").expect("a frame");
            assert_eq!((frame.width, frame.height), (shot.width, shot.height));
        } else {
            case.check_frames(whole.as_mut());
        }
    }
}

#[test]
fn the_small_model_has_a_table_of_positions_and_ddim() {
    check("cogvideox-2b");
}

#[test]
fn the_large_model_has_rotary_positions_and_either_scheduler() {
    check("cogvideox-5b");
}

#[test]
fn version_1_5_has_patches_over_time() {
    check("cogvideox-v1.5");
}
