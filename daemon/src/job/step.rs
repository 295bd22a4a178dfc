//! `step`: what follows from a command, in the state a job is in. The only scheduler there is.
//!
//! Invariant: a function of its arguments. Stores apply the events it gives, in order, in one transaction.

use spotloom_plugin_api::Failure;

use super::event::{Event, LossReason};
use super::settle::settle;
use super::state::{IllegalTransition, JobState, Phase, TaskState};
use crate::ids::{Epoch, TaskKey, Timestamp};
use crate::pipeline::plan::{Plan, PlannedTask, Retry, Trigger};

/// A task whose attempts crashed their host so often in one round is quarantined.
pub const CRASH_LIMIT: u32 = 3;

/// The longest a plugin can put off the next try, in seconds.
const LONGEST_RETRY_AFTER_S: f64 = 86_400.0;
/// The longest that doubling can make the wait between two tries, in seconds.
const LONGEST_BACKOFF_S: f64 = 3_600.0;

/// What is asked of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take it in.
    Submit,
    /// Give a ready task to an agent.
    Claim { task: TaskKey, agent: String, lease_until: Timestamp },
    /// An attempt ended.
    Finish { task: TaskKey, epoch: Epoch, end: End },
    /// An attempt is gone without a word.
    Lose { task: TaskKey, epoch: Epoch, reason: LossReason },
    /// Stop everything.
    Cancel { reason: String },
    /// Another round, from where it broke.
    Retry,
}

/// How an attempt ended, as far as scheduling goes.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Succeeded {
        from_cache: bool,
    },
    Failed {
        failure: Failure,
        crash: bool,
    },
    /// It judged, and the answer is no.
    Refused {
        failure: Failure,
    },
    Cancelled,
}

/// Why a command cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    #[error("the plan has no tasks")]
    EmptyPlan,
    #[error("the plan has no task `{0}`")]
    NoSuchTask(TaskKey),
    #[error("task `{task}` is {state}, not ready")]
    NotReady { task: TaskKey, state: &'static str },
    #[error("task `{task}` does not run with epoch {}", .epoch.0)]
    NotRunning { task: TaskKey, epoch: Epoch },
    #[error("the job is {} already", .0.name())]
    AlreadyDecided(Phase),
    #[error("the job is {}; only a failed or cancelled one can be retried", .0.name())]
    NothingToRetry(Phase),
    #[error("task `{0}` is still being stopped; try again when it has ended")]
    StillRunning(TaskKey),
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
}

/// A state being moved on, and the events that moved it.
pub(super) struct Round<'a> {
    pub(super) state: JobState,
    pub(super) plan: &'a Plan,
    pub(super) now: Timestamp,
    events: Vec<Event>,
}

impl Round<'_> {
    pub(super) fn emit(&mut self, event: Event) -> Result<(), IllegalTransition> {
        self.state.apply(&event)?;
        self.events.push(event);
        Ok(())
    }

    pub(super) fn emitted(&self) -> usize {
        self.events.len()
    }
}

/// Decides what follows from `command`: the events to record, in order. Applied to `state` they give the next one.
///
/// # Errors
/// When the command is not possible in this state; nothing follows then.
pub fn step(state: &JobState, plan: &Plan, command: &Command, now: Timestamp) -> Result<Vec<Event>, StepError> {
    let mut round = Round { state: state.clone(), plan, now, events: Vec::new() };
    match command {
        Command::Submit => submit(&mut round)?,
        Command::Claim { task, agent, lease_until } => claim(&mut round, task, agent, *lease_until)?,
        Command::Finish { task, epoch, end } => finish(&mut round, task, *epoch, end)?,
        Command::Lose { task, epoch, reason } => lose(&mut round, task, *epoch, *reason)?,
        Command::Cancel { reason } => {
            if state.phase.is_decided() {
                return Err(StepError::AlreadyDecided(state.phase));
            }
            round.emit(Event::JobCancelled { reason: reason.clone() })?;
        }
        Command::Retry => retry(&mut round)?,
    }
    settle(&mut round)?;
    Ok(round.events)
}

fn submit(round: &mut Round) -> Result<(), StepError> {
    if round.plan.tasks.is_empty() {
        return Err(StepError::EmptyPlan);
    }
    let tasks = round.plan.tasks.iter().map(|t| t.key.clone()).collect();
    Ok(round.emit(Event::JobAccepted { tasks })?)
}

fn claim(round: &mut Round, key: &TaskKey, agent: &str, lease_until: Timestamp) -> Result<(), StepError> {
    let planned = planned(round.plan, key)?;
    let task = round.state.tasks.get(key).ok_or_else(|| StepError::NoSuchTask(key.clone()))?;
    if !matches!(task.state, TaskState::Ready { .. }) {
        return Err(StepError::NotReady { task: key.clone(), state: task.state.name() });
    }
    let started = Event::TaskStarted {
        task: key.clone(),
        attempt: task.failures + task.crashes + 1,
        epoch: Epoch(task.epoch.0 + 1),
        agent: agent.into(),
        lease_until,
    };
    round.emit(started)?;
    if planned.trigger == Trigger::Needs && round.state.phase == Phase::Accepted {
        round.emit(Event::JobRunning)?;
    }
    Ok(())
}

fn finish(round: &mut Round, key: &TaskKey, epoch: Epoch, end: &End) -> Result<(), StepError> {
    let cancel_requested = running(round, key, epoch)?;
    match end {
        End::Succeeded { from_cache } => {
            round.emit(Event::TaskSucceeded { task: key.clone(), epoch, from_cache: *from_cache })?;
        }
        End::Cancelled if cancel_requested => round.emit(Event::TaskCancelled { task: key.clone() })?,
        End::Cancelled => lose(round, key, epoch, LossReason::Interrupted)?,
        End::Refused { failure } => match again(round, key).filter(|_| !cancel_requested) {
            Some(made) => {
                let (task, failure) = (key.clone(), failure.clone());
                round.emit(Event::AttemptFailed { task, epoch, failure: failure.clone(), crash: false })?;
                round.emit(Event::TaskReset { task: key.clone() })?;
                round.emit(Event::TaskReseeded { task: made, because: failure })?;
            }
            None => finish(round, key, epoch, &End::Failed { failure: failure.clone(), crash: false })?,
        },
        End::Failed { failure, crash } => {
            let failed = Event::AttemptFailed { task: key.clone(), epoch, failure: failure.clone(), crash: *crash };
            round.emit(failed)?;
            let next = if cancel_requested {
                Event::TaskCancelled { task: key.clone() }
            } else {
                after_failure(round, key, failure, *crash)?
            };
            round.emit(next)?;
        }
    }
    Ok(())
}

/// The task to run again with another seed because this one refused what it made, while there are seeds left to try.
fn again(round: &Round, key: &TaskKey) -> Option<TaskKey> {
    let reseed = round.plan.task(key)?.reseed.as_ref()?;
    let made = round.state.tasks.get(&reseed.task)?;
    let left = made.reseeded.len() < reseed.retries as usize;
    (left && made.state.succeeded()).then(|| reseed.task.clone())
}

fn after_failure(round: &Round, key: &TaskKey, failure: &Failure, crash: bool) -> Result<Event, StepError> {
    let retry = &planned(round.plan, key)?.retry;
    let task = round.state.tasks.get(key).ok_or_else(|| StepError::NoSuchTask(key.clone()))?;
    let (key, failure) = (key.clone(), failure.clone());
    Ok(if crash && task.crashes >= CRASH_LIMIT {
        Event::TaskQuarantined { task: key, failure }
    } else if crash || (failure.retryable && task.failures < retry.max_attempts) {
        let tries = if crash { task.crashes } else { task.failures };
        Event::TaskReady { task: key, not_before: next_try(retry, tries, &failure, round.now) }
    } else {
        Event::TaskFailed { task: key, failure }
    })
}

/// When to try again after the `tries`th failure: backoff doubles, and the plugin's own wish is honoured.
fn next_try(retry: &Retry, tries: u32, failure: &Failure, now: Timestamp) -> Timestamp {
    let doublings = i32::try_from(tries.saturating_sub(1).min(30)).unwrap_or(30);
    let backoff = (retry.backoff_s * 2f64.powi(doublings)).clamp(0.0, LONGEST_BACKOFF_S);
    let asked = failure.retry_after_s.unwrap_or(0.0).clamp(0.0, LONGEST_RETRY_AFTER_S);
    // `max` also drops a NaN, and the cast saturates.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a day")]
    let wait_ms = (backoff.max(asked).max(0.0) * 1000.0).ceil() as i64;
    now.plus_ms(wait_ms)
}

fn lose(round: &mut Round, key: &TaskKey, epoch: Epoch, reason: LossReason) -> Result<(), StepError> {
    let cancel_requested = running(round, key, epoch)?;
    round.emit(Event::AttemptLost { task: key.clone(), epoch, reason })?;
    let next = if cancel_requested {
        Event::TaskCancelled { task: key.clone() }
    } else {
        Event::TaskReady { task: key.clone(), not_before: round.now }
    };
    Ok(round.emit(next)?)
}

fn retry(round: &mut Round) -> Result<(), StepError> {
    let phase = round.state.phase;
    if !matches!(phase, Phase::Failed | Phase::Cancelled) {
        return Err(StepError::NothingToRetry(phase));
    }
    if let Some((key, _)) = round.state.tasks.iter().find(|(_, t)| t.state.is_running()) {
        return Err(StepError::StillRunning(key.clone()));
    }
    round.emit(Event::JobRetried)?;
    for planned in &round.plan.tasks {
        let Some(task) = round.state.tasks.get(&planned.key) else { continue };
        // A second failure is told again, and one that nobody has been told of yet need not be told any more.
        let again = planned.trigger == Trigger::OnFailed;
        let again = again || (task.state.has_ended() && !task.state.succeeded());
        if again && task.state != TaskState::Waiting {
            round.emit(Event::TaskReset { task: planned.key.clone() })?;
        }
    }
    Ok(())
}

/// Whether the attempt that runs has been asked to stop.
fn running(round: &Round, key: &TaskKey, epoch: Epoch) -> Result<bool, StepError> {
    let task = round.state.tasks.get(key).ok_or_else(|| StepError::NoSuchTask(key.clone()))?;
    match &task.state {
        TaskState::Running { cancel_requested, .. } if task.epoch == epoch => Ok(*cancel_requested),
        _ => Err(StepError::NotRunning { task: key.clone(), epoch }),
    }
}

fn planned<'a>(plan: &'a Plan, key: &TaskKey) -> Result<&'a PlannedTask, StepError> {
    plan.task(key).ok_or_else(|| StepError::NoSuchTask(key.clone()))
}
