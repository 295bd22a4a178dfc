//! What can happen to a job. The sequence of these events is the truth about it; everything else is a fold over them.
//!
//! Invariant: an event says what is the case, never what should be decided: a fold needs no plan and no policy.

use serde::{Deserialize, Serialize};
use spotloom_plugin_api::{Failure, TaskFailure};

use crate::ids::{Epoch, TaskKey, Timestamp};

/// One fact about a job. The tag (`kind`) is the name that failpoints and the dashboard use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// The job is in the ledger, with these tasks, all waiting. Always the first event, and only that.
    JobAccepted {
        tasks: Vec<TaskKey>,
    },
    /// The first task has started.
    JobRunning,
    /// All ordinary tasks ended well.
    JobDelivered,
    /// An ordinary task failed for good; the first one is the cause.
    JobFailed {
        cause: TaskFailure,
    },
    /// A person cancelled it.
    JobCancelled {
        reason: String,
    },
    /// No task is left to do, notifications included.
    JobFinished,
    /// A person asked for another round; what had succeeded stays.
    JobRetried,

    /// The task may be claimed from this time on.
    TaskReady {
        task: TaskKey,
        not_before: Timestamp,
    },
    /// An agent has the task; `attempt` counts the tries of this round, `epoch` every claim there ever was.
    TaskStarted {
        task: TaskKey,
        attempt: u32,
        epoch: Epoch,
        agent: String,
        lease_until: Timestamp,
    },
    /// The attempt that runs should end soon.
    CancelRequested {
        task: TaskKey,
    },
    /// An attempt failed; `crash` when it took its host process with it. What follows from it is another event.
    AttemptFailed {
        task: TaskKey,
        epoch: Epoch,
        failure: Failure,
        crash: bool,
    },
    /// An attempt is gone without a verdict on the task; no try is used up.
    AttemptLost {
        task: TaskKey,
        epoch: Epoch,
        reason: LossReason,
    },
    TaskSucceeded {
        task: TaskKey,
        epoch: Epoch,
        from_cache: bool,
    },
    /// No further try is left, or none would help.
    TaskFailed {
        task: TaskKey,
        failure: Failure,
    },
    /// It crashed its host too often.
    TaskQuarantined {
        task: TaskKey,
        failure: Failure,
    },
    /// It will not run: a task it needs did not succeed, or (`None`) what it would tell of did not happen.
    TaskSkipped {
        task: TaskKey,
        because: Option<TaskKey>,
    },
    TaskCancelled {
        task: TaskKey,
    },
    /// Back to waiting, its counts at zero, for another round.
    TaskReset {
        task: TaskKey,
    },
    /// What it made was refused: back to waiting, to be made again with the next seed.
    TaskReseeded {
        task: TaskKey,
        because: Failure,
    },
}

/// Why an attempt ended without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossReason {
    /// Its agent gave no sign of life for the length of the lease.
    LeaseExpired,
    /// Its agent has been started anew.
    AgentRestarted,
    /// Its agent stopped it without having been asked to, because it was shutting down.
    Interrupted,
}

impl Event {
    /// Every kind there is, in the order of the definition: the names of the failpoints.
    pub const KINDS: [&str; 19] = [
        "job-accepted",
        "job-running",
        "job-delivered",
        "job-failed",
        "job-cancelled",
        "job-finished",
        "job-retried",
        "task-ready",
        "task-started",
        "cancel-requested",
        "attempt-failed",
        "attempt-lost",
        "task-succeeded",
        "task-failed",
        "task-quarantined",
        "task-skipped",
        "task-cancelled",
        "task-reset",
        "task-reseeded",
    ];

    /// The name of this kind of event, as in its JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::JobAccepted { .. } => "job-accepted",
            Self::JobRunning => "job-running",
            Self::JobDelivered => "job-delivered",
            Self::JobFailed { .. } => "job-failed",
            Self::JobCancelled { .. } => "job-cancelled",
            Self::JobFinished => "job-finished",
            Self::JobRetried => "job-retried",
            Self::TaskReady { .. } => "task-ready",
            Self::TaskStarted { .. } => "task-started",
            Self::CancelRequested { .. } => "cancel-requested",
            Self::AttemptFailed { .. } => "attempt-failed",
            Self::AttemptLost { .. } => "attempt-lost",
            Self::TaskSucceeded { .. } => "task-succeeded",
            Self::TaskFailed { .. } => "task-failed",
            Self::TaskQuarantined { .. } => "task-quarantined",
            Self::TaskSkipped { .. } => "task-skipped",
            Self::TaskCancelled { .. } => "task-cancelled",
            Self::TaskReset { .. } => "task-reset",
            Self::TaskReseeded { .. } => "task-reseeded",
        }
    }

    /// The task it is about, if it is about one.
    #[must_use]
    pub fn task(&self) -> Option<&TaskKey> {
        match self {
            Self::JobAccepted { .. }
            | Self::JobRunning
            | Self::JobDelivered
            | Self::JobFailed { .. }
            | Self::JobCancelled { .. }
            | Self::JobFinished
            | Self::JobRetried => None,
            Self::TaskReady { task, .. }
            | Self::TaskStarted { task, .. }
            | Self::CancelRequested { task }
            | Self::AttemptFailed { task, .. }
            | Self::AttemptLost { task, .. }
            | Self::TaskSucceeded { task, .. }
            | Self::TaskFailed { task, .. }
            | Self::TaskQuarantined { task, .. }
            | Self::TaskSkipped { task, .. }
            | Self::TaskCancelled { task }
            | Self::TaskReset { task }
            | Self::TaskReseeded { task, .. } => Some(task),
        }
    }
}
