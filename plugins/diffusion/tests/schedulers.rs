//! Every scheduler against trajectories of its reference implementation, made by `export/`.
//!
//! A vector is walked by the prediction `0.3 x + 0.5 sin(0.01 t)`; the noise that stochastic schedulers draw comes from
//! the file. Times must be the reference's, and every step within a millionth of the size of what is walked.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use ndarray::{Array1, ArrayD};
use serde::Deserialize;
use spotloom_diffusion::contract::SchedulerName;
use spotloom_diffusion::schedulers::{Draw, Here, Schedule, SchedulerConfig, scheduler};

#[derive(Deserialize)]
struct Golden {
    start: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Case {
    name: String,
    scheduler: SchedulerName,
    scheduler_config: SchedulerConfig,
    steps: usize,
    shift: Option<f64>,
    tokens: Option<usize>,
    timesteps: Vec<f64>,
    sigmas: Option<Vec<f64>>,
    #[serde(default)]
    draws: Vec<Vec<f32>>,
    trajectory: Vec<Vec<f64>>,
}

fn check(case: &Case, start: &[f32]) {
    let name = &case.name;
    let schedule = Schedule {
        name: case.scheduler,
        steps: case.steps,
        shift: case.shift.unwrap_or(1.0),
        tokens: case.tokens,
        config: &case.scheduler_config,
    };
    let mut scheduler = scheduler::<ArrayD<f32>>(&schedule).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(scheduler.times().len(), case.steps, "{name}");
    assert_eq!(scheduler.levels().len(), case.steps + 1, "{name}");
    for (ours, theirs) in scheduler.times().iter().zip(&case.timesteps) {
        assert!((ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0), "{name}: time {ours}, not {theirs}");
    }
    for (ours, theirs) in scheduler.levels().iter().zip(case.sigmas.iter().flatten()) {
        assert!((ours - theirs).abs() <= 1e-6, "{name}: level {ours}, not {theirs}");
    }
    let mut draws = case.draws.iter();
    let mut sample: ArrayD<f32> = Array1::from(start.to_vec()).into_dyn();
    for (step, expected) in case.trajectory.iter().enumerate() {
        let wave = 0.5 * (0.01 * case.timesteps[step]).sin();
        let prediction = sample.mapv(|x| (0.3 * f64::from(x) + wave) as f32);
        let draw: &mut Draw<'_> = &mut |shape| {
            let noise = draws.next().unwrap_or_else(|| panic!("{name}: draws more than the reference"));
            ArrayD::from_shape_vec(shape, noise.clone()).unwrap()
        };
        scheduler.step(step, prediction, &mut sample, &mut Here(draw)).unwrap();
        for (ours, theirs) in sample.iter().zip(expected) {
            let off = (f64::from(*ours) - theirs).abs();
            assert!(off <= 1e-6 * theirs.abs().max(1.0), "{name}, step {step}: {ours}, not {theirs}, off by {off:e}");
        }
    }
    assert_eq!(draws.len(), 0, "{name}: draws less than the reference");
}

/// The scheduler that comes after another, so that the compiler tells of one that is new.
fn after(name: SchedulerName) -> Option<SchedulerName> {
    match name {
        SchedulerName::FlowEuler => Some(SchedulerName::FlowAb2),
        SchedulerName::FlowAb2 => Some(SchedulerName::UniPc),
        SchedulerName::UniPc => Some(SchedulerName::Ddim),
        SchedulerName::Ddim => Some(SchedulerName::SdeDpm),
        SchedulerName::SdeDpm => None,
    }
}

#[test]
fn every_scheduler_walks_as_its_reference_does() {
    let golden: Golden = serde_json::from_str(include_str!("fixtures/schedulers.json")).unwrap();
    assert!(golden.cases.len() > 50, "the file has lost its cases");
    for name in std::iter::successors(Some(SchedulerName::FlowEuler), |name| after(*name)) {
        assert!(golden.cases.iter().any(|case| case.scheduler == name), "the file has no case of {name}");
    }
    for case in &golden.cases {
        check(case, &golden.start);
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let check = |name: SchedulerName, steps: usize, config: &str, expected: &str| {
        let config: SchedulerConfig = serde_json::from_str(config).unwrap();
        let refused =
            scheduler::<ArrayD<f32>>(&Schedule { name, steps, shift: 1.0, tokens: None, config: &config }).err();
        let refused = refused.unwrap_or_else(|| panic!("{config:?} was taken"));
        assert!(refused.contains(expected), "{refused}");
    };
    use SchedulerName::{Ddim, FlowAb2, FlowEuler, SdeDpm, UniPc};
    check(UniPc, 8, r#"{"solver_type": "bh1"}"#, "`bh1`; expected bh2 with unipc");
    check(UniPc, 8, r#"{"solver_order": 4}"#, "expected 1 to 3");
    check(Ddim, 8, r#"{"beta_schedule": "linear"}"#, "`linear`; expected scaled_linear with ddim");
    check(Ddim, 2000, "{}", "expected 1 to 1000");
    check(SdeDpm, 8, r#"{"timestep_spacing": "karras"}"#, "leading or trailing or linspace");
    for name in [FlowEuler, FlowAb2, UniPc] {
        check(name, 8, r#"{"use_dynamic_shifting": true}"#, "how many there are");
        check(name, 1, r#"{"shift_terminal": 0.1}"#, "expected 2 or more");
        check(name, 8, r#"{"time_shift_type": "linear"}"#, "`linear`; expected exponential");
        check(name, 8, r#"{"final_sigmas_type": "sigma_min"}"#, "`sigma_min`; expected zero");
        check(name, 8, r#"{"prediction_type": "epsilon"}"#, "`epsilon`; expected flow_prediction");
    }
    for switch in ["predict_x0", "use_flow_sigmas"] {
        check(UniPc, 8, &format!(r#"{{"{switch}": false}}"#), &format!("`scheduler-config.{switch}` is false"));
    }
    let off = [
        "thresholding",
        "use_karras_sigmas",
        "use_exponential_sigmas",
        "use_beta_sigmas",
        "invert_sigmas",
        "stochastic_sampling",
    ];
    for switch in off {
        for name in [FlowEuler, UniPc, SdeDpm] {
            check(name, 8, &format!(r#"{{"{switch}": true}}"#), &format!("`scheduler-config.{switch}` is true"));
        }
    }
    check(UniPc, 8, r#"{"disable_corrector": [0]}"#, "`scheduler-config.disable_corrector`");
    check(UniPc, 8, r#"{"num_train_timesteps": 1}"#, "do not go from noise to data");
    check(Ddim, 8, r#"{"use_flow_sigmas": true}"#, "`scheduler-config.use_flow_sigmas` is true");
    check(Ddim, 8, r#"{"use_dynamic_shifting": true}"#, "`scheduler-config.use_dynamic_shifting` is true");
    check(Ddim, 8, r#"{"snr_shift_scale": 0}"#, "`scheduler-config.snr_shift_scale` is 0");
}

/// Everything that speaks against a configuration is told at once, and a field that is none is no default.
#[test]
fn a_configuration_is_refused_as_a_whole() {
    let config: SchedulerConfig = serde_json::from_str(
        r#"{"solver_type": "bh1", "predict_x0": false, "use_karras_sigmas": true, "beta_schedule": "linear"}"#,
    )
    .unwrap();
    // Flow sigmas do not come from the betas.
    assert_eq!(config.mistakes(SchedulerName::UniPc).len(), 3);
    let unknown = serde_json::from_str::<SchedulerConfig>(r#"{"use_karras_sigma": true}"#).unwrap_err().to_string();
    assert!(unknown.contains("unknown field `use_karras_sigma`"), "{unknown}");
}

/// A shift that grows with the tokens, and the noise left at the last step, belong to the model, not to one scheduler.
#[test]
fn every_scheduler_of_flow_matching_takes_the_grid_that_the_tokens_tell() {
    let golden: Golden = serde_json::from_str(include_str!("fixtures/schedulers.json")).unwrap();
    let dynamic: Vec<&Case> = golden.cases.iter().filter(|case| case.scheduler_config.dynamic()).collect();
    assert!(dynamic.len() > 10, "the file has lost its cases");
    for case in dynamic {
        for name in [SchedulerName::FlowAb2, SchedulerName::UniPc] {
            let config = &case.scheduler_config;
            let schedule = Schedule { name, steps: case.steps, shift: 1.0, tokens: case.tokens, config };
            let made = scheduler::<ArrayD<f32>>(&schedule).unwrap();
            let expected = case.sigmas.as_ref().unwrap();
            assert_eq!(made.levels().len(), expected.len());
            for (ours, theirs) in made.levels().iter().zip(expected) {
                // UniPC steps back a millionth from pure noise.
                assert!((ours - theirs).abs() <= 1.1e-6, "{name}, {}: level {ours}, not {theirs}", case.name);
            }
            for (ours, theirs) in made.times().iter().zip(&case.timesteps) {
                // And its times are whole numbers, cut off.
                let off = theirs - ours;
                let most = if name == SchedulerName::UniPc { 1.001 } else { 1e-3 };
                assert!(-1e-3 <= off && off <= most, "{name}, {}: time {ours}, not {theirs}", case.name);
            }
        }
    }
}

/// Where the shift is the user's, a grid still ends with as much noise as the configuration says.
#[test]
fn a_shift_terminal_is_kept_by_every_scheduler_of_flow_matching() {
    let config: SchedulerConfig = serde_json::from_str(r#"{"shift_terminal": 0.1}"#).unwrap();
    for name in [SchedulerName::FlowEuler, SchedulerName::FlowAb2, SchedulerName::UniPc] {
        let schedule = Schedule { name, steps: 8, shift: 3.0, tokens: None, config: &config };
        let levels = scheduler::<ArrayD<f32>>(&schedule).unwrap().levels().to_vec();
        assert!((levels[7] - 0.1).abs() < 1e-6 && levels[8] == 0.0, "{name}: {levels:?}");
        assert!(levels[0] > 0.999, "{name}: {levels:?}");
    }
}
