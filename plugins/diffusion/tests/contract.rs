//! What a contract is refused for when it is read: its sampling and its modes are held against what the family can do, before
//! anything is loaded.

mod support;

use spotloom_diffusion::contract::{Contract, FamilyName, Mode, Model, SchedulerName};
use spotloom_onnx::Described as _;
use support::parity;

const FIXTURES: [&str; 11] = [
    "wan-t2v",
    "wan-t2v-other",
    "wan-i2v",
    "wan-i2v-clip",
    "wan-a14b",
    "wan-a14b-i2v",
    "wan-ti2v",
    "ltx",
    "ltx-timestep",
    "cogvideox-2b",
    "cogvideox-v1.5",
];
const MODES: [Mode; 8] = [
    Mode::TextToVideo,
    Mode::ImageToVideo,
    Mode::FirstLast,
    Mode::Extend,
    Mode::Loop,
    Mode::Bridge,
    Mode::Edit,
    Mode::Retake,
];

fn contract(fixture: &str) -> Contract {
    Model::open(&parity::folder(fixture)).expect("a model").contract
}

/// Changes a fixture's contract; what is told of it must have all of these parts, and nothing is told where there are none.
fn check(fixture: &str, change: impl FnOnce(&mut Contract), expected: &[&str]) {
    let mut contract = contract(fixture);
    change(&mut contract);
    let told = contract.mistakes();
    assert_eq!(told.len(), expected.len(), "{fixture}: {told:#?}");
    for part in expected {
        assert!(told.iter().any(|mistake| mistake.contains(part)), "{fixture}, {part}: {told:#?}");
    }
}

#[test]
fn a_scheduler_that_does_not_fit_is_told_with_the_rest() {
    let taken = |scheduler| move |c: &mut Contract| c.sampling.scheduler = scheduler;
    for fixture in ["wan-t2v", "ltx"] {
        for scheduler in [SchedulerName::FlowEuler, SchedulerName::FlowAb2, SchedulerName::UniPc] {
            check(fixture, taken(scheduler), &[]);
        }
        for scheduler in [SchedulerName::Ddim, SchedulerName::SdeDpm] {
            check(fixture, taken(scheduler), &["`sampling.scheduler` is "]);
        }
    }
    check("cogvideox-2b", taken(SchedulerName::SdeDpm), &[]);
    check(
        "cogvideox-2b",
        taken(SchedulerName::UniPc),
        &["`sampling.scheduler` is unipc; expected one of ddim, sde-dpm"],
    );
    let several = |c: &mut Contract| {
        c.scheduler_config.solver_type = Some("bh1".into());
        c.scheduler_config.thresholding = Some(true);
        c.sampling.guidance = 0.0;
    };
    check(
        "wan-t2v",
        several,
        &["config.solver_type` is `bh1`", "config.thresholding` is true", "`sampling.guidance` is 0"],
    );
    let linear = |c: &mut Contract| c.scheduler_config.beta_schedule = Some("linear".into());
    check("cogvideox-2b", linear, &["`scheduler-config.beta_schedule` is `linear`; expected scaled_linear with ddim"]);
    // As every configuration of UniPC says, whose flow sigmas do not come from it.
    check("wan-t2v", linear, &[]);
    check("wan-t2v", |c| c.scheduler_config.use_dynamic_shifting = Some(true), &["which only LTX tells"]);
    check("wan-t2v", |c| c.scheduler_config.flow_shift = Some(5.0), &["`sampling.shift` 3: leave the one out"]);
    check("ltx", |c| c.scheduler_config.shift = Some(5.0), &[]);
    check("ltx", |c| c.sampling.steps = 1, &["expected 2 or more"]);
    check("cogvideox-2b", |c| c.sampling.steps = 2000, &["2000 steps of a schedule that was trained with 1000"]);
}

#[test]
fn a_shift_has_an_effect_where_nothing_else_says_it() {
    use SchedulerName::{Ddim, FlowAb2, FlowEuler, SdeDpm, UniPc};
    let check = |fixture: &str, schedulers: &[SchedulerName], expected: bool| {
        let contract = contract(fixture);
        schedulers.iter().for_each(|name| assert_eq!(contract.takes_shift(*name), expected, "{fixture}, {name}"));
    };
    check("wan-t2v", &[FlowAb2, FlowEuler, UniPc], true);
    check("ltx", &[FlowAb2, FlowEuler, UniPc], false);
    check("cogvideox-2b", &[Ddim, SdeDpm], false);
}

#[test]
fn a_mode_that_the_family_cannot_do_is_told_by_name() {
    for fixture in FIXTURES {
        let own = contract(fixture).modes;
        // Two experts are told apart by it, so that one mode changes what the others may be.
        let telling = fixture.starts_with("wan-a14b");
        for mode in MODES.into_iter().filter(|mode| !(own.contains(mode) || telling && *mode == Mode::ImageToVideo)) {
            let named = match (mode, fixture) {
                (Mode::Edit, "wan-t2v-other" | "wan-a14b") => {
                    "`modes` has `edit`, and `components` has no encoder for it".to_owned()
                }
                _ => format!("`modes` has `{mode}`, which this kind of model can't do"),
            };
            check(fixture, |c| c.modes.push(mode), &[&named]);
        }
        check(fixture, |c| c.modes.clear(), &["`modes` is empty; expected some of"]);
        check(fixture, |c| c.modes.truncate(1), &[]);
    }
    check("cogvideox-2b", |c| c.modes.push(Mode::ImageToVideo), &["expected some of `text-to-video`"]);
    let both = |c: &mut Contract| c.modes.push(Mode::TextToVideo);
    check("wan-a14b-i2v", both, &["`retake`, as `image-to-video` among them or not tells"]);
}

#[test]
fn latents_that_are_scaled_by_channel_need_their_figures() {
    for fixture in FIXTURES {
        let scaled = contract(fixture).family != FamilyName::CogVideoX;
        let expected: &[&str] = if scaled { &["`latent.mean` is missing", "`latent.std` is missing"] } else { &[] };
        check(fixture, |c| (c.latent.mean, c.latent.std) = (None, None), expected);
    }
}
