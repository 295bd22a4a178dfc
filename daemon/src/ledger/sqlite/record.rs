//! Loading a job's state, and recording what `step` decided.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{OptionalExtension, Transaction, params};

use super::super::error::{LedgerError, Result};
use super::store::Write;
use super::text::{from_json, from_word, maybe_json, to_json};
use crate::ids::{JobId, TaskKey, Timestamp};
use crate::job::{Command, Event, JobState, Task, TaskState, step};
use crate::pipeline::plan::Plan;

/// A job in one transaction.
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) plan: Arc<Plan>,
    pub(super) state: JobState,
}

/// Plans never change, so reading and parsing one once is enough.
#[derive(Default)]
pub(super) struct PlanCache(Mutex<HashMap<JobId, Arc<Plan>>>);

impl PlanCache {
    const CAPACITY: usize = 256;

    pub(super) fn get(&self, tx: &Transaction, job: JobId) -> Result<Option<Arc<Plan>>> {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&job) {
            return Ok(Some(Arc::clone(plan)));
        }
        let text: Option<String> = tx
            .prepare_cached("SELECT plan FROM plans WHERE job = ?1")?
            .query_row([job.0], |row| row.get(0))
            .optional()?;
        let Some(text) = text else { return Ok(None) };
        let plan = Arc::new(from_json::<Plan>(&text)?);
        // Starting over is cheap, and jobs are worked on in order: no need to know which was used last.
        if plans.len() >= Self::CAPACITY {
            plans.clear();
        }
        plans.insert(job, Arc::clone(&plan));
        Ok(Some(plan))
    }
}

impl Write<'_> {
    /// The job as its projection has it.
    pub(super) fn load(&self, job: JobId) -> Result<Job> {
        let plan = self.plans.get(self.tx, job)?.ok_or(LedgerError::NoSuchJob(job))?;
        let state = stored_state(self.tx, job)?.ok_or(LedgerError::NoSuchJob(job))?;
        Ok(Job { id: job, plan, state })
    }

    /// Lets `step` decide and records it. `job` is then as it is after that.
    pub(super) fn step(&mut self, job: &mut Job, command: &Command, now: Timestamp) -> Result<Vec<Event>> {
        let events = step(&job.state, &job.plan, command, now)?;
        let before = job.state.clone();
        for event in &events {
            job.state.apply(event)?;
            self.append(job.id, event, now)?;
        }
        self.project(job, &before, now)?;
        Ok(events)
    }

    fn append(&mut self, job: JobId, event: &Event, now: Timestamp) -> Result<()> {
        self.names.push(event.kind());
        self.tx.prepare_cached("INSERT INTO events (job, at, event) VALUES (?1, ?2, ?3)")?.execute(params![
            job.0,
            now.0,
            to_json(event)?
        ])?;
        if let Event::CancelRequested { task } = event {
            self.tx
                .prepare_cached("UPDATE leases SET cancel = 1 WHERE job = ?1 AND task = ?2")?
                .execute(params![job.0, task.as_str()])?;
        }
        Ok(())
    }

    /// Brings the projection from `before` to where the job is now.
    fn project(&self, job: &Job, before: &JobState, now: Timestamp) -> Result<()> {
        let after = &job.state;
        if (before.phase, before.finished, &before.cause) != (after.phase, after.finished, &after.cause) {
            let cause = after.cause.as_ref().map(to_json).transpose()?;
            self.tx
                .prepare_cached(
                    "UPDATE jobs SET phase = ?2, finished = ?3, cause = ?4,
                       decided_at = CASE WHEN ?5 THEN COALESCE(decided_at, ?7) END,
                       finished_at = CASE WHEN ?6 THEN COALESCE(finished_at, ?7) END
                     WHERE id = ?1",
                )?
                .execute(params![
                    job.id.0,
                    after.phase.name(),
                    after.finished,
                    cause,
                    after.phase.is_decided(),
                    after.finished,
                    now.0
                ])?;
        }
        let share = i64::try_from(after.running()).unwrap_or(i64::MAX);
        for (key, task) in &after.tasks {
            if before.tasks.get(key).is_none_or(|t| t != task) {
                self.project_task(job.id, key, task, share, now)?;
            }
        }
        if before.running() != after.running() {
            self.tx
                .prepare_cached("UPDATE tasks SET share = ?2 WHERE job = ?1 AND state = 'ready'")?
                .execute(params![job.id.0, share])?;
        }
        Ok(())
    }

    /// A task that changed has no result; a success adds its own after this.
    fn project_task(&self, job: JobId, key: &TaskKey, task: &Task, share: i64, now: Timestamp) -> Result<()> {
        let not_before = match task.state {
            TaskState::Ready { not_before } => Some(not_before),
            _ => None,
        };
        let due = not_before.is_some_and(|t| t <= now);
        self.tx
            .prepare_cached(
                "UPDATE tasks SET task = ?3, state = ?4, share = ?5, due = ?6, not_before = ?7, outputs = NULL, facts = NULL
                 WHERE job = ?1 AND key = ?2",
            )?
            .execute(params![
                job.0,
                key.as_str(),
                to_json(task)?,
                task.state.name(),
                share,
                due,
                not_before.map(|t| t.0)
            ])?;
        Ok(())
    }
}

/// The state of a job as the projection has it.
pub(super) fn stored_state(tx: &Transaction, job: JobId) -> Result<Option<JobState>> {
    let row = tx
        .prepare_cached("SELECT phase, finished, cause FROM jobs WHERE id = ?1")?
        .query_row([job.0], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((phase, finished, cause)) = row else { return Ok(None) };
    let mut tasks = BTreeMap::new();
    let mut statement = tx.prepare_cached("SELECT key, task FROM tasks WHERE job = ?1")?;
    let mut rows = statement.query([job.0])?;
    while let Some(row) = rows.next()? {
        let task: Task = from_json(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        tasks.insert(TaskKey(row.get(0)?), task);
    }
    Ok(Some(JobState { phase: from_word(&phase)?, finished, cause: maybe_json(cause.as_deref())?, tasks }))
}
