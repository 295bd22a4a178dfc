//! What the agent tells those who watch (progress bars, the log). Nothing depends on anybody listening.

use spotloom_plugin_api::Outcome;

use crate::ids::{JobId, TaskKey};
use crate::ledger::AttemptEnd;

/// Something a watcher may want to show.
#[derive(Clone, Debug)]
pub enum Update {
    TaskStarted {
        job: JobId,
        task: TaskKey,
        attempt: u32,
    },
    Progress {
        job: JobId,
        task: TaskKey,
        done: u64,
        total: u64,
        message: String,
    },
    TaskEnded {
        job: JobId,
        task: TaskKey,
        end: AttemptEnd,
    },
    JobFinished {
        job: JobId,
        outcome: Outcome,
    },
    /// No work is started until there is room on the disk.
    DiskLow {
        free: u64,
        needed: u64,
    },
}
