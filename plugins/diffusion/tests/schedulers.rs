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
    use SchedulerName::{Ddim, FlowEuler, SdeDpm, UniPc};
    check(UniPc, 8, r#"{"solver_type": "bh1"}"#, "`bh1`; supported: bh2");
    check(UniPc, 8, r#"{"solver_order": 4}"#, "expected 1 to 3");
    check(Ddim, 8, r#"{"beta_schedule": "linear"}"#, "`linear`; supported: scaled_linear");
    check(Ddim, 2000, "{}", "expected 1 to 1000");
    check(SdeDpm, 8, r#"{"timestep_spacing": "karras"}"#, "leading, trailing, linspace");
    check(FlowEuler, 8, r#"{"num_train_timesteps": 1000, "use_dynamic_shifting": true}"#, "how many there are");
}
