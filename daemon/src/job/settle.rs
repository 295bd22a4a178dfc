//! What becomes of the tasks nobody has asked about: who is ready, who is skipped, how the job ends.
//!
//! Invariant: settling a settled state changes nothing.

use spotloom_plugin_api::TaskFailure;

use super::event::Event;
use super::state::{IllegalTransition, JobState, Phase, TaskState};
use super::step::Round;
use crate::ids::TaskKey;
use crate::pipeline::plan::{Plan, PlannedTask, Trigger};

/// The stage that hands results over. A job in which one of these was skipped has not delivered.
const DELIVERY_STAGE: &str = "deliver";

/// Emits events until nothing follows any more.
pub(super) fn settle(round: &mut Round) -> Result<(), IllegalTransition> {
    loop {
        let before = round.emitted();
        let plan = round.plan;
        for task in &plan.tasks {
            if let Some(event) = next_for_task(round, task) {
                round.emit(event)?;
            }
        }
        if let Some(event) = outcome(&round.state, plan) {
            round.emit(event)?;
        }
        if round.emitted() == before {
            break;
        }
    }
    let all_ended = round.state.tasks.values().all(|t| t.state.has_ended());
    if round.state.phase.is_decided() && !round.state.finished && all_ended {
        round.emit(Event::JobFinished)?;
    }
    Ok(())
}

fn next_for_task(round: &Round, planned: &PlannedTask) -> Option<Event> {
    let state = &round.state;
    let task = planned.key.clone();
    let here = &state.tasks.get(&planned.key)?.state;
    let phase = state.phase;
    // A cancelled job stops altogether, a failed one only in its ordinary work.
    let stop = phase == Phase::Cancelled || (phase == Phase::Failed && planned.trigger == Trigger::Needs);
    match here {
        TaskState::Running { cancel_requested: false, .. } if stop => Some(Event::CancelRequested { task }),
        TaskState::Waiting | TaskState::Ready { .. } if stop => Some(match unwell_need(state, planned) {
            Some(need) if phase == Phase::Failed => Event::TaskSkipped { task, because: Some(need.clone()) },
            _ => Event::TaskCancelled { task },
        }),
        TaskState::Waiting => {
            let told_of = match planned.trigger {
                Trigger::Needs => return next_for_ordinary(round, planned),
                Trigger::OnAccepted => Some(true),
                Trigger::OnDelivered => phase.is_decided().then_some(phase == Phase::Delivered),
                Trigger::OnFailed => phase.is_decided().then_some(phase == Phase::Failed),
            };
            match told_of {
                None => None,
                Some(false) => Some(Event::TaskSkipped { task, because: None }),
                // A message is sent with whatever files there are in the end: it waits for its needs, not for their success.
                Some(true) => needs(state, planned)
                    .all(|(_, need)| need.has_ended())
                    .then_some(Event::TaskReady { task, not_before: round.now }),
            }
        }
        _ => None,
    }
}

fn next_for_ordinary(round: &Round, planned: &PlannedTask) -> Option<Event> {
    let task = planned.key.clone();
    if let Some(need) = unwell_need(&round.state, planned) {
        return Some(Event::TaskSkipped { task, because: Some(need.clone()) });
    }
    needs(&round.state, planned)
        .all(|(_, need)| need.succeeded())
        .then_some(Event::TaskReady { task, not_before: round.now })
}

/// The first needed task that ended without success.
fn unwell_need<'a>(state: &JobState, planned: &'a PlannedTask) -> Option<&'a TaskKey> {
    needs(state, planned).find(|(_, need)| need.has_ended() && !need.succeeded()).map(|(key, _)| key)
}

/// A need that the plan names but does not have counts as one that never ends; expansion does not make such plans.
fn needs<'a, 's>(
    state: &'s JobState,
    planned: &'a PlannedTask,
) -> impl Iterator<Item = (&'a TaskKey, &'s TaskState)> + use<'a, 's> {
    planned.needs.iter().map(|key| (key, state.tasks.get(key).map_or(&TaskState::Waiting, |t| &t.state)))
}

/// The job's outcome, once its ordinary tasks decide it.
fn outcome(state: &JobState, plan: &Plan) -> Option<Event> {
    if state.phase.is_decided() {
        return None;
    }
    let ordinary = || plan.tasks.iter().filter(|t| t.trigger == Trigger::Needs);
    let cause = ordinary().find_map(|planned| {
        let here = &state.tasks.get(&planned.key)?.state;
        let undelivered = planned.stage == DELIVERY_STAGE && matches!(here, TaskState::Skipped { .. });
        if planned.continue_on_error || !(here.failure().is_some() || undelivered) {
            return None;
        }
        root_cause(state, &planned.key)
    });
    if let Some(cause) = cause {
        return Some(Event::JobFailed { cause });
    }
    let all_ended = ordinary().all(|t| state.tasks.get(&t.key).is_some_and(|t| t.state.has_ended()));
    all_ended.then_some(Event::JobDelivered)
}

/// The failure at the root of a task's own, or of its being skipped.
fn root_cause(state: &JobState, key: &TaskKey) -> Option<TaskFailure> {
    match &state.tasks.get(key)?.state {
        TaskState::Failed { failure } | TaskState::Quarantined { failure } => {
            Some(TaskFailure { task: key.to_string(), failure: failure.clone() })
        }
        // Tasks are skipped because of tasks before them in the plan, so this ends.
        TaskState::Skipped { because: Some(need) } => root_cause(state, need),
        _ => None,
    }
}
