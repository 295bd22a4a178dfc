//! Whatever is asked in whatever order, the rules hold.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use spotloom_plugin_api::Failure;

use super::{Command, End, Event, JobState, LossReason, Phase, TaskState, step};
use crate::ids::{Epoch, Sha256, TaskKey, Timestamp};
use crate::ledger::conformance::planned;
use crate::pipeline::plan::{Plan, PlannedTask, Reseed, Trigger};

/// Something asked of a job; numbers pick among what there is.
#[derive(Clone, Debug)]
enum Ask {
    Claim(usize),
    /// Of a task, with an epoch so many behind.
    Finish(usize, u64, How),
    Lose(usize, u64),
    Cancel,
    Retry,
    Pass(i64),
}

#[derive(Clone, Copy, Debug)]
enum How {
    Succeed,
    Fail,
    FailForNow,
    Crash,
    Stop,
    Refuse,
}

fn ask() -> impl Strategy<Value = Ask> {
    let how = prop_oneof![
        6 => Just(How::Succeed), 1 => Just(How::Fail), 2 => Just(How::FailForNow), 2 => Just(How::Crash),
        1 => Just(How::Stop), 2 => Just(How::Refuse),
    ];
    prop_oneof![
        10 => (0..12usize).prop_map(Ask::Claim),
        10 => (0..12usize, prop_oneof![5 => Just(0u64), 1 => 1..3u64], how).prop_map(|(t, e, h)| Ask::Finish(t, e, h)),
        2 => (0..12usize, 0..2u64).prop_map(|(t, e)| Ask::Lose(t, e)),
        1 => Just(Ask::Cancel),
        2 => Just(Ask::Retry),
        2 => (-100_000..4_000_000i64).prop_map(Ask::Pass),
    ]
}

fn tasks() -> impl Strategy<Value = Vec<PlannedTask>> {
    let trigger = prop_oneof![
        6 => Just(Trigger::Needs), 1 => Just(Trigger::OnAccepted), 1 => Just(Trigger::OnDelivered),
        1 => Just(Trigger::OnFailed),
    ];
    let one = (trigger, any::<u16>(), prop::bool::weighted(0.2), prop::bool::weighted(0.3));
    vec(one, 1..10).prop_map(|tasks| {
        let mut made: Vec<PlannedTask> = Vec::new();
        for (n, (trigger, needs, continue_on_error, delivers)) in tasks.into_iter().enumerate() {
            // Ordinary tasks need ordinary ones before them; messages may need anything before them.
            let needs: Vec<TaskKey> = made
                .iter()
                .enumerate()
                .filter(|(i, t)| needs & (1 << i) != 0 && (trigger != Trigger::Needs || t.trigger == Trigger::Needs))
                .map(|(_, t)| t.key.clone())
                .collect();
            let stage = if delivers { "deliver".into() } else { "work".into() };
            made.push(PlannedTask { trigger, needs, continue_on_error, stage, ..planned(&format!("t{n}"), &[]) });
        }
        for judge in 0..made.len() {
            judged(&mut made, judge);
        }
        made
    })
}

/// Has a task judge the first one it needs where the rule of plans allows it: nothing else before it needs that one, and
/// everything after it then needs the judge as well.
fn judged(made: &mut [PlannedTask], judge: usize) {
    let Some(task) = made[judge].needs.first().cloned().filter(|_| made[judge].trigger == Trigger::Needs) else {
        return;
    };
    if made[..judge].iter().any(|t| t.needs.contains(&task)) {
        return;
    }
    let key = made[judge].key.clone();
    for later in made[judge + 1..].iter_mut().filter(|t| t.needs.contains(&task) && !t.needs.contains(&key)) {
        later.needs.push(key.clone());
    }
    made[judge].reseed = Some(Reseed { task, retries: 2 });
}

fn plan(tasks: Vec<PlannedTask>) -> Plan {
    Plan {
        campaign: "c".into(),
        title: "t".into(),
        brand: "b".into(),
        pipeline: "p".into(),
        content_sha256: Sha256("0".repeat(64)),
        tasks,
    }
}

fn command(ask: &Ask, state: &JobState, plan: &Plan) -> Option<Command> {
    let pick = |n: &usize| plan.tasks[n % plan.tasks.len()].key.clone();
    let behind = |key: &TaskKey, e: &u64| Epoch(state.tasks[key].epoch.0.saturating_sub(*e));
    let failure = || Failure::new("broken", "it is broken");
    Some(match ask {
        Ask::Claim(n) => Command::Claim { task: pick(n), agent: "a".into(), lease_until: Timestamp(1) },
        Ask::Finish(n, e, how) => {
            let end = match how {
                How::Succeed => End::Succeeded { from_cache: false },
                How::Fail => End::Failed { failure: failure(), crash: false },
                How::FailForNow => End::Failed { failure: failure().retryable(), crash: false },
                How::Crash => End::Failed { failure: failure(), crash: true },
                How::Stop => End::Cancelled,
                How::Refuse => End::Refused { failure: failure() },
            };
            Command::Finish { epoch: behind(&pick(n), e), task: pick(n), end }
        }
        Ask::Lose(n, e) => {
            Command::Lose { epoch: behind(&pick(n), e), task: pick(n), reason: LossReason::LeaseExpired }
        }
        Ask::Cancel => Command::Cancel { reason: "no".into() },
        Ask::Retry => Command::Retry,
        Ask::Pass(_) => return None,
    })
}

fn check(before: &JobState, state: &JobState, plan: &Plan) {
    let is = |key: &TaskKey| &state.tasks[key].state;
    let open = plan.tasks.iter().filter(|t| !is(&t.key).has_ended()).count();
    let moving = plan.tasks.iter().any(|t| matches!(is(&t.key), TaskState::Ready { .. } | TaskState::Running { .. }));
    assert_eq!(state.finished, state.phase.is_decided() && open == 0, "finished means that nothing is left");
    assert!(state.finished || moving, "an unfinished job can always go on: {state:?}");
    assert_eq!(state.cause.is_some(), state.phase == Phase::Failed, "a failed job has a cause, no other has");
    for task in &plan.tasks {
        let (was, here) = (before.tasks.get(&task.key), &state.tasks[&task.key]);
        assert!(was.is_none_or(|t| t.epoch <= here.epoch), "an epoch never goes back");
        let ordinary = task.trigger == Trigger::Needs;
        let tried = task.reseed.as_ref().map_or(0, |r| state.tasks[&r.task].reseeded.len());
        assert!(tried <= 2, "more seeds are tried than was said");
        if ordinary && matches!(here.state, TaskState::Ready { .. } | TaskState::Running { .. }) {
            assert!(task.needs.iter().all(|n| is(n).succeeded()), "{} works without what it needs", task.key);
        }
        if ordinary && state.phase.is_decided() {
            assert!(!matches!(here.state, TaskState::Ready { .. } | TaskState::Waiting), "{} is left over", task.key);
        }
        if ordinary && state.phase == Phase::Delivered {
            let undelivered = task.stage == "deliver" && matches!(here.state, TaskState::Skipped { .. });
            let well = here.state.failure().is_none() && !undelivered;
            assert!(well || task.continue_on_error, "delivered although {} is {}", task.key, here.state.name());
        }
    }
}

/// Claims and succeeds until nothing is ready: every job comes to an end.
fn drain(state: &mut JobState, plan: &Plan) {
    for _ in 0..1_000 {
        let next = plan.tasks.iter().find_map(|t| match state.tasks[&t.key].state {
            TaskState::Ready { .. } => Some((t.key.clone(), true)),
            TaskState::Running { .. } => Some((t.key.clone(), false)),
            _ => None,
        });
        let Some((task, ready)) = next else { break };
        let command = if ready {
            Command::Claim { task, agent: "a".into(), lease_until: Timestamp(1) }
        } else {
            let epoch = state.tasks[&task].epoch;
            Command::Finish { task, epoch, end: End::Succeeded { from_cache: false } }
        };
        for event in step(state, plan, &command, Timestamp(0)).unwrap() {
            state.apply(&event).unwrap();
        }
    }
    assert!(state.finished, "it does not end: {state:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_in_any_order(tasks in tasks(), asks in vec(ask(), 0..60)) {
        let plan = plan(tasks);
        let mut now = Timestamp(0);
        let mut events: Vec<Event> = step(&JobState::default(), &plan, &Command::Submit, now).unwrap();
        let mut state = JobState::fold(&events).unwrap();
        check(&JobState::default(), &state, &plan);
        let mut refusals = BTreeMap::new();
        for ask in &asks {
            if let Ask::Pass(ms) = ask {
                now = now.plus_ms(*ms);
            }
            let Some(command) = command(ask, &state, &plan) else { continue };
            let before = state.clone();
            match step(&state, &plan, &command, now) {
                Ok(new) => {
                    for event in new {
                        state.apply(&event).unwrap();
                        events.push(event);
                    }
                    check(&before, &state, &plan);
                }
                Err(super::StepError::Illegal(error)) => panic!("{command:?} in {before:?}: {error}"),
                Err(refused) => *refusals.entry(refused.to_string()).or_insert(0) += 1,
            }
        }
        prop_assert_eq!(&JobState::fold(&events).unwrap(), &state);
        drain(&mut state, &plan);
    }
}
