//! The trait every store implements. `conformance` says in code what it promises.

use crate::ids::{JobId, TaskKey, Timestamp};
use crate::pipeline::plan::Plan;

use super::error::Result;
use super::types::{
    Agent, AttemptEnd, AttemptView, CacheEntry, Claim, ClaimRequest, Counts, EventRecord, Finished, Heartbeat,
    IntakeRecord, JobFilter, JobView, Lease, LogLine, LogRecord, NewJob, Progress, Submitted, TaskView,
};

/// A durable record of jobs and the queue of their tasks.
///
/// Calls block (use `spawn_blocking`); each is one transaction and durable when it returns (but a power cut, not a
/// killed process, may undo the newest heartbeats and log lines). No call reads a clock: `now` is the caller's. Shared freely between threads, and between processes on one machine.
pub trait Ledger: Send + Sync {
    /// Takes a job in. The same `intake_id` again gives the job that it made the first time.
    ///
    /// # Errors
    /// `IntakeConflict` when that intake id came with other content; `Refused` for an empty plan.
    fn submit(&self, job: &NewJob, now: Timestamp) -> Result<Submitted>;

    /// Hands out one ready task whose pool has a free slot: highest priority first, then the job with the fewest
    /// running tasks, then the oldest job, then plan order. `None` when there is nothing for this agent now. With
    /// [`ClaimRequest::in_place_of`] only a task of that one's job, and only if it would be next with one running task fewer.
    fn claim(&self, request: &ClaimRequest, now: Timestamp) -> Result<Option<Claim>>;

    /// Extends a lease by its own length from now, and brings back what the agent should do.
    fn heartbeat(&self, lease: &Lease, progress: Option<&Progress>, now: Timestamp) -> Result<Heartbeat>;

    /// Records how an attempt ended and decides what follows. Safe to repeat.
    ///
    /// # Errors
    /// `NoSuchLease` for a lease that was never given.
    fn finish(&self, lease: &Lease, end: &AttemptEnd, now: Timestamp) -> Result<Finished>;

    /// Cancels what has not started, asks what runs to stop.
    ///
    /// # Errors
    /// `NoSuchJob`; `Refused` when the outcome is known already.
    fn cancel(&self, job: JobId, reason: &str, now: Timestamp) -> Result<()>;

    /// Another round of a failed or cancelled job from where it broke: what succeeded stays.
    ///
    /// # Errors
    /// `NoSuchJob`; `Refused` unless the job failed or was cancelled, and while a task of it runs.
    fn retry(&self, job: JobId, now: Timestamp) -> Result<()>;

    /// Puts tasks whose lease has run out back into the queue; gives the leases taken.
    fn reap(&self, now: Timestamp) -> Result<Vec<Lease>>;

    /// Takes back at once what earlier lives of this agent (same name, other boot) held. Call it at start.
    fn release(&self, agent: &Agent, now: Timestamp) -> Result<Vec<Lease>>;

    /// The earliest time after which something can change without anybody's doing: a delayed task, a lease.
    fn next_wakeup(&self) -> Result<Option<Timestamp>>;

    /// Events with a number greater than `after`, oldest first, `limit` at most. Numbers grow and never repeat.
    fn events(&self, after: i64, limit: usize) -> Result<Vec<EventRecord>>;

    /// The events of one job, oldest first.
    fn job_events(&self, job: JobId) -> Result<Vec<EventRecord>>;

    fn job(&self, job: JobId) -> Result<Option<JobView>>;

    /// Newest first.
    fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobView>>;

    /// In plan order; empty when there is no such job.
    fn tasks(&self, job: JobId) -> Result<Vec<TaskView>>;

    /// The attempts of a job, or of one task of it, oldest first.
    fn attempts(&self, job: JobId, task: Option<&TaskKey>) -> Result<Vec<AttemptView>>;

    /// The frozen plan.
    fn plan(&self, job: JobId) -> Result<Option<Plan>>;

    fn counts(&self) -> Result<Counts>;

    /// Keeps log lines of an attempt. Bounded: 1,000 lines an attempt, the last of which then says that the rest was
    /// dropped, and 4 KiB a message.
    ///
    /// # Errors
    /// `NoSuchLease` for a lease that was never given.
    fn log(&self, lease: &Lease, lines: &[LogLine], now: Timestamp) -> Result<()>;

    /// Log lines of a job, or of one task of it, with a number greater than `after`, oldest first.
    fn log_lines(&self, job: JobId, task: Option<&TaskKey>, after: i64, limit: usize) -> Result<Vec<LogRecord>>;

    /// What a stage made from the same inputs before.
    fn cache_get(&self, key: &str) -> Result<Option<CacheEntry>>;

    /// Overwrites what was there. A successful `finish` with a `cache_key` does this by itself.
    fn cache_put(&self, key: &str, entry: &CacheEntry, now: Timestamp) -> Result<()>;

    /// Forgets an entry whose files are gone.
    fn cache_remove(&self, key: &str) -> Result<()>;

    /// Notes a dropped file, or what became of it.
    fn intake_put(&self, record: &IntakeRecord, now: Timestamp) -> Result<()>;

    fn intake(&self, id: &str) -> Result<Option<IntakeRecord>>;

    /// The intakes that are not settled, oldest first: what an inbox has to reconcile at start.
    fn open_intakes(&self) -> Result<Vec<IntakeRecord>>;

    /// Reads everything and compares the state of every job with the fold over its events.
    ///
    /// # Errors
    /// `Damaged`, with what does not fit.
    fn verify(&self) -> Result<()>;
}
