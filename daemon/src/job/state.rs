//! The state of a job: what its events add up to.
//!
//! Invariant: [`JobState::apply`] is the only way to change one, and it refuses an event that cannot follow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spotloom_plugin_api::{Failure, Outcome, TaskFailure};

use super::event::Event;
use crate::ids::{Epoch, TaskKey, Timestamp};

/// A job as its events made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    pub phase: Phase,
    /// No task is left to do, notifications included.
    pub finished: bool,
    /// Why it failed: the first task that did.
    pub cause: Option<TaskFailure>,
    pub tasks: BTreeMap<TaskKey, Task>,
}

/// How far a job is. The last three are its outcomes; notifications may still be under way then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    #[default]
    Accepted,
    Running,
    Delivered,
    Failed,
    Cancelled,
}

/// A task as its events made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    #[serde(flatten)]
    pub state: TaskState,
    /// The epoch of the newest claim; 0 before the first. Never goes back.
    pub epoch: Epoch,
    /// Attempts of this round that failed without crashing their host.
    pub failures: u32,
    /// Attempts of this round that took their host process with them.
    pub crashes: u32,
    /// Why earlier results were refused, one reason for each seed that was tried in vain. Outlives a round: a seed that
    /// was bad once is not tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reseeded: Vec<String>,
}

/// Where a task stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum TaskState {
    /// For tasks it needs, or for what it tells of.
    #[default]
    Waiting,
    Ready {
        not_before: Timestamp,
    },
    /// How long the agent may keep it is a matter of its lease, which the ledger knows.
    Running {
        attempt: u32,
        agent: String,
        cancel_requested: bool,
    },
    Succeeded {
        from_cache: bool,
    },
    Failed {
        failure: Failure,
    },
    Quarantined {
        failure: Failure,
    },
    Skipped {
        because: Option<TaskKey>,
    },
    Cancelled,
}

/// An event that cannot follow from the state it met: a defect of ours or a damaged ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot follow: {why}")]
pub struct IllegalTransition {
    pub event: &'static str,
    pub why: String,
}

impl Phase {
    /// The name of the phase, as in its JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the outcome is known.
    #[must_use]
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Cancelled)
    }

    /// As plugins are told it.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Running => Outcome::Running,
            Self::Delivered => Outcome::Delivered,
            Self::Failed => Outcome::Failed,
            Self::Cancelled => Outcome::Cancelled,
        }
    }
}

impl TaskState {
    /// The name of the state, as in its JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready { .. } => "ready",
            Self::Running { .. } => "running",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Quarantined { .. } => "quarantined",
            Self::Skipped { .. } => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen to the task in this round.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready { .. } | Self::Running { .. })
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Succeeded { .. })
    }

    /// Why it failed for good, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure } | Self::Quarantined { failure } => Some(failure),
            _ => None,
        }
    }
}

impl JobState {
    /// How many of its tasks run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tasks.values().filter(|t| t.state.is_running()).count()
    }

    /// The state that a sequence of events adds up to.
    ///
    /// # Errors
    /// When an event cannot follow those before it.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, IllegalTransition> {
        let mut state = Self::default();
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// Takes one event in.
    ///
    /// # Errors
    /// When the event cannot follow; the state is then as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        let illegal = |why: String| IllegalTransition { event: event.kind(), why };
        if let Event::JobAccepted { tasks } = event {
            if !self.tasks.is_empty() || tasks.is_empty() {
                return Err(illegal("a job is accepted once, with at least one task".into()));
            }
            self.tasks = tasks.iter().map(|key| (key.clone(), Task::default())).collect();
            return Ok(());
        }
        if self.tasks.is_empty() {
            return Err(illegal("the job has not been accepted".into()));
        }
        match event.task() {
            Some(key) => {
                let task = self.tasks.get_mut(key).ok_or_else(|| illegal(format!("there is no task `{key}`")))?;
                task.apply(event).map_err(|why| illegal(format!("task `{key}` {why}")))
            }
            None => self.apply_to_job(event).map_err(illegal),
        }
    }

    fn apply_to_job(&mut self, event: &Event) -> Result<(), String> {
        let decided = self.phase.is_decided();
        let next = match event {
            Event::JobRunning if self.phase == Phase::Accepted => Phase::Running,
            Event::JobDelivered if !decided => Phase::Delivered,
            Event::JobCancelled { .. } if !decided => Phase::Cancelled,
            Event::JobFailed { cause } if !decided => {
                self.cause = Some(cause.clone());
                Phase::Failed
            }
            Event::JobFinished if decided && !self.finished && self.tasks.values().all(|t| t.state.has_ended()) => {
                self.finished = true;
                self.phase
            }
            Event::JobRetried if matches!(self.phase, Phase::Failed | Phase::Cancelled) => {
                self.finished = false;
                self.cause = None;
                Phase::Running
            }
            _ => {
                return Err(format!(
                    "the job is {}{}",
                    self.phase.name(),
                    if self.finished { " and finished" } else { "" }
                ));
            }
        };
        self.phase = next;
        Ok(())
    }
}

impl Task {
    fn apply(&mut self, event: &Event) -> Result<(), String> {
        let here = self.state.name();
        let wrong = || Err(format!("is {here}"));
        let next = match (event, &self.state) {
            // From running back to ready only by way of a failed or lost attempt, which leaves it waiting.
            (Event::TaskReady { not_before, .. }, TaskState::Waiting) => TaskState::Ready { not_before: *not_before },
            (Event::TaskStarted { attempt, epoch, agent, .. }, TaskState::Ready { .. }) => {
                if epoch.0 != self.epoch.0 + 1 {
                    return Err(format!("has epoch {}, so {} cannot be the next", self.epoch.0, epoch.0));
                }
                self.epoch = *epoch;
                TaskState::Running { attempt: *attempt, agent: agent.clone(), cancel_requested: false }
            }
            (Event::CancelRequested { .. }, TaskState::Running { attempt, agent, .. }) => {
                TaskState::Running { attempt: *attempt, agent: agent.clone(), cancel_requested: true }
            }
            (Event::AttemptFailed { epoch, crash, .. }, TaskState::Running { .. }) => {
                self.expect_epoch(*epoch)?;
                if *crash {
                    self.crashes += 1;
                } else {
                    self.failures += 1;
                }
                TaskState::Waiting
            }
            (Event::AttemptLost { epoch, .. }, TaskState::Running { .. }) => {
                self.expect_epoch(*epoch)?;
                TaskState::Waiting
            }
            (Event::TaskSucceeded { epoch, from_cache, .. }, TaskState::Running { .. }) => {
                self.expect_epoch(*epoch)?;
                TaskState::Succeeded { from_cache: *from_cache }
            }
            (Event::TaskFailed { failure, .. }, TaskState::Waiting) => TaskState::Failed { failure: failure.clone() },
            (Event::TaskQuarantined { failure, .. }, TaskState::Waiting) => {
                TaskState::Quarantined { failure: failure.clone() }
            }
            (Event::TaskSkipped { because, .. }, TaskState::Waiting | TaskState::Ready { .. }) => {
                TaskState::Skipped { because: because.clone() }
            }
            (Event::TaskCancelled { .. }, TaskState::Waiting | TaskState::Ready { .. } | TaskState::Running { .. }) => {
                TaskState::Cancelled
            }
            (Event::TaskReseeded { because, .. }, TaskState::Succeeded { .. }) => {
                self.failures = 0;
                self.crashes = 0;
                self.reseeded.push(because.message.clone());
                TaskState::Waiting
            }
            (Event::TaskReset { .. }, TaskState::Running { .. }) => return wrong(),
            (Event::TaskReset { .. }, _) => {
                self.failures = 0;
                self.crashes = 0;
                TaskState::Waiting
            }
            _ => return wrong(),
        };
        self.state = next;
        Ok(())
    }

    fn expect_epoch(&self, epoch: Epoch) -> Result<(), String> {
        if epoch == self.epoch { Ok(()) } else { Err(format!("has epoch {}, not {}", self.epoch.0, epoch.0)) }
    }
}
