//! The trait, call by call: one transaction each.

use super::super::api::Ledger;
use super::super::error::Result;
use super::super::types::{
    Agent, AttemptEnd, AttemptView, CacheEntry, Claim, ClaimRequest, Counts, EventRecord, Finished, Heartbeat,
    IntakeRecord, JobFilter, JobView, Lease, LogLine, LogRecord, NewJob, Progress, Submitted, TaskView,
};
use super::store::SqliteLedger;
use super::{keep, queue, submit, views};
use crate::ids::{JobId, TaskKey, Timestamp};
use crate::job::Command;
use crate::pipeline::plan::Plan;

impl Ledger for SqliteLedger {
    fn submit(&self, job: &NewJob, now: Timestamp) -> Result<Submitted> {
        self.write(|write| submit::submit(write, job, now))
    }

    fn claim(&self, request: &ClaimRequest, now: Timestamp) -> Result<Option<Claim>> {
        self.write(|write| queue::claim(write, request, now))
    }

    fn heartbeat(&self, lease: &Lease, progress: Option<&Progress>, now: Timestamp) -> Result<Heartbeat> {
        self.write_unsynced(|write| queue::heartbeat(write, lease, progress, now))
    }

    fn finish(&self, lease: &Lease, end: &AttemptEnd, now: Timestamp) -> Result<Finished> {
        self.write(|write| queue::finish(write, lease, end, now))
    }

    fn cancel(&self, job: JobId, reason: &str, now: Timestamp) -> Result<()> {
        self.write(|write| submit::command(write, job, &Command::Cancel { reason: reason.into() }, now))
    }

    fn retry(&self, job: JobId, now: Timestamp) -> Result<()> {
        self.write(|write| submit::command(write, job, &Command::Retry, now))
    }

    fn reap(&self, now: Timestamp) -> Result<Vec<Lease>> {
        self.write(|write| queue::reap(write, now))
    }

    fn release(&self, agent: &Agent, now: Timestamp) -> Result<Vec<Lease>> {
        self.write(|write| queue::release(write, agent, now))
    }

    fn next_wakeup(&self) -> Result<Option<Timestamp>> {
        self.read(views::next_wakeup)
    }

    fn events(&self, after: i64, limit: usize) -> Result<Vec<EventRecord>> {
        self.read(|tx| views::events(tx, None, after, limit))
    }

    fn job_events(&self, job: JobId) -> Result<Vec<EventRecord>> {
        self.read(|tx| views::events(tx, Some(job), 0, usize::MAX))
    }

    fn job(&self, job: JobId) -> Result<Option<JobView>> {
        self.read(|tx| views::job(tx, job))
    }

    fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobView>> {
        self.read(|tx| views::jobs(tx, filter))
    }

    fn tasks(&self, job: JobId) -> Result<Vec<TaskView>> {
        self.read(|tx| match self.plans.get(tx, job)? {
            Some(plan) => views::tasks(tx, job, &plan),
            None => Ok(Vec::new()),
        })
    }

    fn attempts(&self, job: JobId, task: Option<&TaskKey>) -> Result<Vec<AttemptView>> {
        self.read(|tx| views::attempts(tx, job, task))
    }

    fn plan(&self, job: JobId) -> Result<Option<Plan>> {
        self.read(|tx| views::plan(tx, job))
    }

    fn counts(&self) -> Result<Counts> {
        self.read(views::counts)
    }

    fn log(&self, lease: &Lease, lines: &[LogLine], now: Timestamp) -> Result<()> {
        self.write_unsynced(|write| keep::log(write, lease, lines, now))
    }

    fn log_lines(&self, job: JobId, task: Option<&TaskKey>, after: i64, limit: usize) -> Result<Vec<LogRecord>> {
        self.read(|tx| keep::log_lines(tx, job, task, after, limit))
    }

    fn cache_get(&self, key: &str) -> Result<Option<CacheEntry>> {
        self.read(|tx| keep::cache(tx, key))
    }

    fn cache_put(&self, key: &str, entry: &CacheEntry, now: Timestamp) -> Result<()> {
        self.write(|write| keep::put_cache(write, key, entry, now))
    }

    fn cache_remove(&self, key: &str) -> Result<()> {
        self.write(|write| keep::remove_cache(write, key))
    }

    fn intake_put(&self, record: &IntakeRecord, now: Timestamp) -> Result<()> {
        self.write(|write| keep::put_intake(write, record, now))
    }

    fn intake(&self, id: &str) -> Result<Option<IntakeRecord>> {
        self.read(|tx| keep::intake(tx, id))
    }

    fn open_intakes(&self) -> Result<Vec<IntakeRecord>> {
        self.read(keep::open_intakes)
    }

    fn verify(&self) -> Result<()> {
        self.check_everything()
    }
}
