//! What goes into a ledger and comes out of it. All of it is plain data with a stable JSON form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spotloom_plugin_api::{Failure, JobContext, Level, Outcome, Resource, TaskFailure};

use crate::ids::{Epoch, JobId, Sha256, TaskKey, Timestamp};
use crate::job::{Event, LossReason, Phase, TaskState};
use crate::pipeline::plan::{Plan, PlannedTask, Trigger};

/// A job to be taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewJob {
    pub plan: Plan,
    /// What versions are counted in: the delivery folder without its `-vN`, such as `summer-splash/citrus-hero`.
    pub series: String,
    /// The file's name as it was dropped.
    pub brief_name: String,
    /// Hash of the spooled file.
    pub brief_sha256: Sha256,
    /// One per drop: submitting it twice makes one job.
    pub intake_id: String,
    /// `inbox`, `run`, `api`, …
    pub source: String,
    /// Higher goes first; 0 is ordinary.
    pub priority: i32,
    /// Who is told what, as the brief says it; handed back unread.
    pub stakeholders: Value,
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    pub job: JobId,
    /// Counts from 1 in each series; the same normalised brief as the latest version's is that version again.
    pub version: u32,
    /// The intake id had made this job before.
    pub existing: bool,
}

/// Who runs tasks: a name that stays, and a nonce that is new at each start.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Agent {
    pub name: String,
    pub boot: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    pub agent: Agent,
    /// Free slots by pool; tasks of other pools are not for this agent.
    pub pools: BTreeMap<String, u32>,
    /// A task that is about to leave its slot: of what is ready, only that is handed out to which the slot would go if the task had
    /// ended already, and only if it is of the same job and not the same work, which would be answered from the cache then.
    pub in_place_of: Option<Lease>,
    /// Milliseconds without a heartbeat after which the task may be given to somebody else.
    pub lease_ms: i64,
}

/// The right to report on one attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    pub job: JobId,
    pub task: TaskKey,
    pub epoch: Epoch,
}

/// A task to run, with all that is needed to run it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub lease: Lease,
    /// The how-manyth try of this round, from 1. A try that was lost with its agent does not count.
    pub attempt: u32,
    pub lease_until: Timestamp,
    pub task: PlannedTask,
    /// Files by input port, in the order of the plan. Only notifications can meet tasks that did not succeed: what one
    /// that refused has to show is there, all else is left out.
    pub inputs: BTreeMap<String, Vec<ResolvedInput>>,
    /// The outcome in it is what this task has to tell (`running` for ordinary tasks), the failure the job's cause.
    pub context: JobContext,
    /// By input port: tasks of the job with the same plugin and the same files there that have not been started. A hint, nothing
    /// depends on it.
    #[serde(default)]
    pub to_come: BTreeMap<String, u32>,
    /// No other task of the job with the same plugin is under way or can still be started. A hint as well.
    #[serde(default)]
    pub last: bool,
}

/// A file for an input port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum ResolvedInput {
    /// Made by another task; lies in the artifact store.
    Artifact(ArtifactRecord),
    /// A file or folder of the studio, as the plan names it.
    File { resource: Option<Resource>, path: String, name: String, media: String, sha256: Sha256 },
}

/// A file that a task made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    pub sha256: Sha256,
    pub media: String,
    /// A file name fit for people, without folders.
    pub name: String,
    pub bytes: u64,
    pub facts: Map<String, Value>,
}

/// Files by output port.
pub type Outputs = BTreeMap<String, Vec<ArtifactRecord>>;

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    /// 0 when unknown.
    pub total: u64,
    pub message: String,
}

/// What an agent should do about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heartbeat {
    Keep,
    /// End it soon and report.
    Cancel,
    /// The task is no longer this attempt's: kill it, nothing it says counts.
    Lost,
}

/// The `code` of an attempt whose stage refused what it was given.
pub const REFUSED: &str = "refused";

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum AttemptEnd {
    Succeeded {
        outputs: Outputs,
        facts: Map<String, Value>,
        from_cache: bool,
        /// Where to keep the result for later; `None` for what must not be cached.
        cache_key: Option<String>,
    },
    Failed {
        failure: Failure,
        /// It took the host process with it (killed, exited, protocol violation); worth another try, counted apart.
        crash: bool,
        /// The supervisor's word for the end: `failed`, `refused`, `timed-out`, `stalled`, `killed`, `exited`, …
        code: String,
        /// What shows people why, from a stage that refused what it was given. Kept when the task fails for good.
        #[serde(default, skip_serializing_if = "Outputs::is_empty")]
        outputs: Outputs,
    },
    /// Stopped. When nobody asked for it, the task goes back into the queue.
    Cancelled,
}

/// What became of a `finish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finish", rename_all = "kebab-case")]
pub enum Finished {
    /// Recorded. The outcome is there when this was the last thing the job had to do.
    Applied { job_finished: Option<Outcome> },
    /// The same attempt had been reported before.
    AlreadyApplied,
    /// The attempt had lost its lease; nothing was recorded.
    Fenced,
}

/// An event with its place in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Grows over the whole ledger.
    pub seq: i64,
    pub job: JobId,
    pub at: Timestamp,
    pub event: Event,
}

/// Which jobs to list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFilter {
    /// Only those in one of these phases; empty means all.
    pub phases: Vec<Phase>,
    /// Only those that still have something to do.
    pub unfinished: bool,
    /// Only those older than this one: the page after it.
    pub before: Option<JobId>,
    pub limit: u32,
}

impl Default for JobFilter {
    fn default() -> Self {
        Self { phases: Vec::new(), unfinished: false, before: None, limit: 100 }
    }
}

/// A job, for lists and pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    pub id: JobId,
    pub phase: Phase,
    /// Nothing is left to do, notifications included.
    pub finished: bool,
    pub cause: Option<TaskFailure>,
    pub campaign: String,
    pub title: String,
    pub brand: String,
    pub pipeline: String,
    pub series: String,
    pub version: u32,
    pub brief_name: String,
    pub brief_sha256: Sha256,
    pub intake_id: String,
    pub source: String,
    pub priority: i32,
    pub stakeholders: Value,
    pub submitted_at: Timestamp,
    /// When the outcome was known.
    pub decided_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub tasks: TaskCounts,
}

/// How many tasks of a job are where. Tasks that were cancelled or skipped are in `total` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounts {
    pub total: u32,
    pub waiting: u32,
    pub ready: u32,
    pub running: u32,
    pub succeeded: u32,
    /// Failed for good or quarantined.
    pub failed: u32,
}

/// A task, for lists and pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    pub key: TaskKey,
    pub stage: String,
    /// The plugin's id.
    pub uses: String,
    pub pool: String,
    pub trigger: Trigger,
    pub needs: Vec<TaskKey>,
    pub state: TaskState,
    pub epoch: Epoch,
    pub failures: u32,
    pub crashes: u32,
    /// Why earlier results were thrown away and made again with another seed.
    pub reseeded: Vec<String>,
    /// While it runs.
    pub lease: Option<LeaseView>,
    /// Of the newest attempt.
    pub started_at: Option<Timestamp>,
    /// Of the newest attempt.
    pub ended_at: Option<Timestamp>,
    /// Once it has succeeded; or what a stage that refused shows of it.
    pub outputs: Outputs,
    /// Figures its stage reported.
    pub facts: Map<String, Value>,
}

/// A running attempt's lease and last sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseView {
    pub until: Timestamp,
    pub progress: Option<Progress>,
}

/// One try of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptView {
    pub task: TaskKey,
    pub attempt: u32,
    pub epoch: Epoch,
    pub agent: Agent,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// `None` while it runs.
    pub outcome: Option<AttemptOutcome>,
}

/// How a try ended, without its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum AttemptOutcome {
    Succeeded { from_cache: bool },
    Failed { failure: Failure, crash: bool, code: String },
    Cancelled,
    Lost { reason: LossReason },
}

/// What the stage cache keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheEntry {
    pub outputs: Outputs,
    pub facts: Map<String, Value>,
}

/// The ledger in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Jobs with something left to do.
    pub jobs_unfinished: u64,
    pub jobs_delivered: u64,
    pub jobs_failed: u64,
    pub jobs_cancelled: u64,
    pub tasks_ready: u64,
    pub tasks_running: u64,
}

/// A line an attempt said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: Timestamp,
    pub level: Level,
    pub message: String,
    pub fields: Map<String, Value>,
}

/// A kept log line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Grows over the whole ledger.
    pub seq: i64,
    pub lease: Lease,
    pub line: LogLine,
}

/// A dropped file and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeRecord {
    /// One per drop.
    pub id: String,
    /// The file's name, below the intake folder.
    pub name: String,
    /// Hash of the spooled copy.
    pub sha256: Sha256,
    pub state: IntakeState,
    /// Set by `submit`.
    pub job: Option<JobId>,
}

/// Where a dropped file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntakeState {
    /// Copied and hashed; nothing decided.
    Spooled,
    /// A job was made of it (`submit` sets this in its own transaction).
    Accepted,
    /// It cannot be used; the report may still have to be written.
    Rejected,
    /// The file and its report lie in their final folder; nothing is left to do.
    Settled,
}
