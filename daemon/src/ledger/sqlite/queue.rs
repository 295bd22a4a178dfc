//! Claiming, keeping and ending attempts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};
use spotloom_plugin_api::{JobContext, Outcome, Reseeded};

use super::super::error::{LedgerError, Result};
use super::super::types::{
    Agent, AttemptEnd, AttemptOutcome, CacheEntry, Claim, ClaimRequest, Finished, Heartbeat, Lease, Outputs, Progress,
    REFUSED, ResolvedInput,
};
use super::keep::put_cache;
use super::record::Job;
use super::store::Write;
use super::text::{from_json, maybe_json, to_json};
use crate::ids::{Epoch, JobId, TaskKey, Timestamp};
use crate::job::{Command, End, Event, LossReason, StepError, Task, TaskState};
use crate::pipeline::plan::{InputRef, PlannedTask, SEED_OFFSET, Trigger};

/// Answered by the index alone, however long the queue is.
pub(super) const FIRST_OF_POOL: &str = "SELECT priority, share, job, ordinal, key FROM tasks
     WHERE state = 'ready' AND due = 1 AND pool = ?1 ORDER BY priority DESC, share, job, ordinal LIMIT 1";

/// The same of one job, counted as if one of its tasks had ended, and of all others.
const FIRST_OF_JOB: &str = "SELECT priority, share - 1, job, ordinal, key FROM tasks
     WHERE state = 'ready' AND due = 1 AND pool = ?1 AND job = ?2 ORDER BY priority DESC, share, job, ordinal LIMIT 1";
const FIRST_OF_OTHERS: &str = "SELECT priority, share, job, ordinal, key FROM tasks
     WHERE state = 'ready' AND due = 1 AND pool = ?1 AND job <> ?2 ORDER BY priority DESC, share, job, ordinal LIMIT 1";

pub(super) fn claim(write: &mut Write, request: &ClaimRequest, now: Timestamp) -> Result<Option<Claim>> {
    // Once due, always due: a clock set back delays nothing that was ready.
    write
        .tx
        .prepare_cached("UPDATE tasks SET due = 1 WHERE state = 'ready' AND due = 0 AND not_before <= ?1")?
        .execute([now.0])?;
    let first = match &request.in_place_of {
        Some(ending) => next_of(write, request, ending)?,
        None => first_in_queue(write, request)?,
    };
    let Some((job, key)) = first else { return Ok(None) };
    let mut job = write.load(job)?;
    let lease_until = now.plus_ms(request.lease_ms);
    let command = Command::Claim { task: key.clone(), agent: request.agent.name.clone(), lease_until };
    let events = write.step(&mut job, &command, now)?;
    let (attempt, epoch) = events
        .iter()
        .find_map(|e| match e {
            Event::TaskStarted { attempt, epoch, .. } => Some((*attempt, *epoch)),
            _ => None,
        })
        .ok_or(StepError::NotReady { task: key.clone(), state: "not started" })?;
    let lease = Lease { job: job.id, task: key, epoch };
    open_attempt(write, &lease, attempt, request, lease_until, now)?;
    let planned = job.plan.task(&lease.task).ok_or_else(|| StepError::NoSuchTask(lease.task.clone()))?;
    Ok(Some(Claim {
        attempt,
        lease_until,
        inputs: resolve_inputs(write, job.id, planned)?,
        context: context(write, &job, planned, attempt)?,
        task: seeded(planned, &job),
        to_come: to_come(planned, &job),
        last: is_last(planned, &job),
        lease,
    }))
}

/// By input port: how many tasks with the same plugin and the same files there have not been started.
fn to_come(planned: &PlannedTask, job: &Job) -> BTreeMap<String, u32> {
    let unstarted = |key: &TaskKey| {
        job.state.tasks.get(key).is_some_and(|t| matches!(t.state, TaskState::Waiting | TaskState::Ready { .. }))
    };
    let alike = |t: &&PlannedTask| t.uses.id == planned.uses.id && t.key != planned.key && unstarted(&t.key);
    let mut ports = BTreeMap::new();
    for other in job.plan.tasks.iter().filter(alike) {
        let same =
            planned.inputs.iter().filter(|(port, files)| !files.is_empty() && other.inputs.get(*port) == Some(*files));
        same.for_each(|(port, _)| *ports.entry(port.clone()).or_default() += 1);
    }
    ports
}

/// Whether nothing that waits in the job is for its plugin. Of several that run at once the last to begin is told so.
fn is_last(planned: &PlannedTask, job: &Job) -> bool {
    let state = |key: &TaskKey| job.state.tasks.get(key).map(|t| &t.state);
    let to_start = |key: &TaskKey| matches!(state(key), Some(TaskState::Waiting | TaskState::Ready { .. }));
    let running = |key: &TaskKey| matches!(state(key), Some(TaskState::Running { .. }));
    // One that judges may have it, or another one of the plugin, made again.
    let of_plugin = |key: &TaskKey| job.plan.task(key).is_some_and(|task| task.uses.id == planned.uses.id);
    let more = |t: &PlannedTask| {
        let judges = t.reseed.as_ref().is_some_and(|reseed| of_plugin(&reseed.task));
        let comes = to_start(&t.key) && t.uses.id == planned.uses.id;
        t.key != planned.key && (comes || judges && (to_start(&t.key) || running(&t.key)))
    };
    !job.plan.tasks.iter().any(more)
}

/// The task as it is to run: one that is made again gets to know how far its seed moves on.
fn seeded(planned: &PlannedTask, job: &Job) -> PlannedTask {
    let mut task = planned.clone();
    if let Some(offset) = job.state.tasks.get(&planned.key).map(|t| t.reseeded.len()).filter(|n| *n > 0) {
        task.params.insert(SEED_OFFSET.into(), offset.into());
    }
    task
}

/// A place in the queue: priority, running tasks of the job, job, place in the plan.
type Rank = (Reverse<i64>, i64, i64, i64);

/// The best task of the pools with a free slot: priority, fewest running tasks of its job, oldest job, plan order.
fn first_in_queue(write: &Write, request: &ClaimRequest) -> Result<Option<(JobId, TaskKey)>> {
    let mut first_of_pool = write.tx.prepare_cached(FIRST_OF_POOL)?;
    let mut best: Option<(Rank, TaskKey)> = None;
    for (pool, _) in request.pools.iter().filter(|(_, free)| **free > 0) {
        let first = first_of_pool.query_row([pool], ranked).optional()?;
        best = match (best, first) {
            (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
            (a, b) => a.or(b),
        };
    }
    Ok(best.map(|((_, _, job, _), key)| (JobId(job), key)))
}

fn ranked(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Rank, TaskKey)> {
    Ok(((Reverse(row.get(0)?), row.get(1)?, row.get(2)?, row.get(3)?), TaskKey(row.get(4)?)))
}

/// What its job would get for the slot that a task leaves, if that had ended already: nothing where somebody else's turn would come.
fn next_of(write: &Write, request: &ClaimRequest, ending: &Lease) -> Result<Option<(JobId, TaskKey)>> {
    let (job, task, epoch) = columns(ending);
    let mut held = write.tx.prepare_cached("SELECT 1 FROM leases WHERE job = ?1 AND task = ?2 AND epoch = ?3")?;
    // It has ended: its slot is anybody's, and the job's running tasks are counted without it.
    if !held.exists(params![job, task, epoch])? {
        return Ok(None);
    }
    for (pool, _) in request.pools.iter().filter(|(_, free)| **free > 0) {
        let first = |sql| write.tx.prepare_cached(sql)?.query_row(params![pool, job], ranked).optional();
        match (first(FIRST_OF_JOB)?, first(FIRST_OF_OTHERS)?) {
            (Some(own), Some(other)) if other.0 < own.0 => {}
            (Some((_, key)), _) => {
                let plan = write.load(ending.job)?.plan;
                let work = |key: &TaskKey| plan.task(key).map(|t| (&t.uses.id, &t.params, &t.inputs));
                return Ok((work(&key) != work(&ending.task)).then_some((ending.job, key)));
            }
            (None, _) => {}
        }
    }
    Ok(None)
}

fn open_attempt(
    write: &Write,
    lease: &Lease,
    attempt: u32,
    request: &ClaimRequest,
    until: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let (job, task, epoch) = columns(lease);
    let Agent { name, boot } = &request.agent;
    write
        .tx
        .prepare_cached(
            "INSERT INTO attempts (job, task, epoch, attempt, agent, boot, started_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![job, task, epoch, attempt, name, boot, now.0])?;
    write
        .tx
        .prepare_cached(
            "INSERT INTO leases (job, task, epoch, agent, boot, lease_ms, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![job, task, epoch, name, boot, request.lease_ms, until.0])?;
    Ok(())
}

fn resolve_inputs(write: &Write, job: JobId, planned: &PlannedTask) -> Result<BTreeMap<String, Vec<ResolvedInput>>> {
    let mut made: BTreeMap<&TaskKey, Outputs> = BTreeMap::new();
    let mut inputs = BTreeMap::new();
    for (port, references) in &planned.inputs {
        let mut files = Vec::new();
        for reference in references {
            match reference {
                InputRef::Output { task, output } => {
                    if !made.contains_key(task) {
                        made.insert(task, outputs_of(write, job, task)?);
                    }
                    let records = made.get(task).and_then(|outputs| outputs.get(output));
                    files.extend(records.into_iter().flatten().cloned().map(ResolvedInput::Artifact));
                }
                InputRef::File { resource, path, name, media, sha256 } => files.push(ResolvedInput::File {
                    resource: *resource,
                    path: path.clone(),
                    name: name.clone(),
                    media: media.clone(),
                    sha256: sha256.clone(),
                }),
            }
        }
        inputs.insert(port.clone(), files);
    }
    Ok(inputs)
}

fn outputs_of(write: &Write, job: JobId, task: &TaskKey) -> Result<Outputs> {
    let text: Option<String> = write
        .tx
        .prepare_cached("SELECT outputs FROM tasks WHERE job = ?1 AND key = ?2")?
        .query_row(params![job.0, task.as_str()], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(maybe_json(text.as_deref())?.unwrap_or_default())
}

fn context(write: &Write, job: &Job, planned: &PlannedTask, attempt: u32) -> Result<JobContext> {
    let version =
        write.tx.prepare_cached("SELECT version FROM jobs WHERE id = ?1")?.query_row([job.id.0], |row| row.get(0))?;
    Ok(JobContext {
        id: job.id.to_string(),
        task: planned.key.to_string(),
        attempt,
        campaign: job.plan.campaign.clone(),
        title: job.plan.title.clone(),
        brand: job.plan.brand.clone(),
        version,
        outcome: match planned.trigger {
            Trigger::Needs => Outcome::Running,
            Trigger::OnAccepted => Outcome::Accepted,
            Trigger::OnDelivered => Outcome::Delivered,
            Trigger::OnFailed => Outcome::Failed,
        },
        failure: job.state.cause.clone(),
        reseeded: job.state.tasks.iter().filter(|(_, t)| !t.reseeded.is_empty()).map(reseeded).collect(),
    })
}

fn reseeded((key, task): (&TaskKey, &Task)) -> Reseeded {
    Reseeded { task: key.to_string(), because: task.reseeded.clone() }
}

pub(super) fn heartbeat(
    write: &mut Write,
    lease: &Lease,
    progress: Option<&Progress>,
    now: Timestamp,
) -> Result<Heartbeat> {
    let (job, task, epoch) = columns(lease);
    let progress = progress.map(to_json).transpose()?;
    let cancel: Option<bool> = write
        .tx
        .prepare_cached(
            "UPDATE leases SET until = ?4 + lease_ms, progress = COALESCE(?5, progress)
             WHERE job = ?1 AND task = ?2 AND epoch = ?3 RETURNING cancel",
        )?
        .query_row(params![job, task, epoch, now.0, progress], |row| row.get(0))
        .optional()?;
    write.names.push("heartbeat");
    Ok(match cancel {
        None => Heartbeat::Lost,
        Some(true) => Heartbeat::Cancel,
        Some(false) => Heartbeat::Keep,
    })
}

pub(super) fn finish(write: &mut Write, lease: &Lease, end: &AttemptEnd, now: Timestamp) -> Result<Finished> {
    match outcome_of(write, lease)? {
        None => {}
        // An interruption was this attempt's own word, so hearing it again is nothing new.
        Some(AttemptOutcome::Lost { reason: LossReason::Interrupted }) => return Ok(Finished::AlreadyApplied),
        Some(AttemptOutcome::Lost { .. }) => return Ok(Finished::Fenced),
        Some(_) => return Ok(Finished::AlreadyApplied),
    }
    let mut job = write.load(lease.job)?;
    let was_finished = job.state.finished;
    let command = Command::Finish { task: lease.task.clone(), epoch: lease.epoch, end: bare(end) };
    let events = write.step(&mut job, &command, now)?;
    let interrupted = events.iter().any(|e| matches!(e, Event::AttemptLost { .. }));
    let outcome = match end {
        AttemptEnd::Succeeded { from_cache, .. } => AttemptOutcome::Succeeded { from_cache: *from_cache },
        AttemptEnd::Failed { failure, crash, code, .. } => {
            AttemptOutcome::Failed { failure: failure.clone(), crash: *crash, code: code.clone() }
        }
        AttemptEnd::Cancelled if interrupted => AttemptOutcome::Lost { reason: LossReason::Interrupted },
        AttemptEnd::Cancelled => AttemptOutcome::Cancelled,
    };
    close_attempt(write, lease, &outcome, now)?;
    if let AttemptEnd::Succeeded { outputs, facts, cache_key, from_cache } = end {
        write
            .tx
            .prepare_cached("UPDATE tasks SET outputs = ?3, facts = ?4 WHERE job = ?1 AND key = ?2")?
            .execute(params![lease.job.0, lease.task.as_str(), to_json(outputs)?, to_json(facts)?])?;
        if let (Some(key), false) = (cache_key, from_cache) {
            put_cache(write, key, &CacheEntry { outputs: outputs.clone(), facts: facts.clone() }, now)?;
        }
    }
    // What a check shows of what it refused: for people, once no other try follows.
    let for_good = job.state.tasks.get(&lease.task).is_some_and(|t| t.state.failure().is_some());
    if let AttemptEnd::Failed { outputs, .. } = end
        && for_good
        && !outputs.is_empty()
    {
        write.tx.prepare_cached("UPDATE tasks SET outputs = ?3 WHERE job = ?1 AND key = ?2")?.execute(params![
            lease.job.0,
            lease.task.as_str(),
            to_json(outputs)?
        ])?;
    }
    let just_finished = job.state.finished && !was_finished;
    Ok(Finished::Applied { job_finished: just_finished.then(|| job.state.phase.outcome()) })
}

/// How the attempt of a lease ended; `None` while it runs.
fn outcome_of(write: &Write, lease: &Lease) -> Result<Option<AttemptOutcome>> {
    let (job, task, epoch) = columns(lease);
    let outcome: Option<Option<String>> = write
        .tx
        .prepare_cached("SELECT outcome FROM attempts WHERE job = ?1 AND task = ?2 AND epoch = ?3")?
        .query_row(params![job, task, epoch], |row| row.get(0))
        .optional()?;
    let outcome = outcome.ok_or_else(|| LedgerError::NoSuchLease(lease.clone()))?;
    outcome.as_deref().map(from_json).transpose()
}

fn bare(end: &AttemptEnd) -> End {
    match end {
        AttemptEnd::Succeeded { from_cache, .. } => End::Succeeded { from_cache: *from_cache },
        AttemptEnd::Failed { failure, code, .. } if code == REFUSED => End::Refused { failure: failure.clone() },
        AttemptEnd::Failed { failure, crash, .. } => End::Failed { failure: failure.clone(), crash: *crash },
        AttemptEnd::Cancelled => End::Cancelled,
    }
}

fn close_attempt(write: &Write, lease: &Lease, outcome: &AttemptOutcome, now: Timestamp) -> Result<()> {
    let (job, task, epoch) = columns(lease);
    write
        .tx
        .prepare_cached("UPDATE attempts SET ended_at = ?4, outcome = ?5 WHERE job = ?1 AND task = ?2 AND epoch = ?3")?
        .execute(params![job, task, epoch, now.0, to_json(outcome)?])?;
    write.tx.prepare_cached("DELETE FROM leases WHERE job = ?1 AND task = ?2")?.execute(params![job, task])?;
    Ok(())
}

/// Leases that have run out.
pub(super) fn reap(write: &mut Write, now: Timestamp) -> Result<Vec<Lease>> {
    let leases = leases(write, "SELECT job, task, epoch FROM leases WHERE until <= ?1 ORDER BY until", [now.0])?;
    lose(write, leases, LossReason::LeaseExpired, now)
}

/// Leases of earlier lives of an agent.
pub(super) fn release(write: &mut Write, agent: &Agent, now: Timestamp) -> Result<Vec<Lease>> {
    let query = "SELECT job, task, epoch FROM leases WHERE agent = ?1 AND boot <> ?2";
    let leases = leases(write, query, [&agent.name, &agent.boot])?;
    lose(write, leases, LossReason::AgentRestarted, now)
}

fn leases(write: &Write, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Lease>> {
    let mut statement = write.tx.prepare_cached(query)?;
    let rows = statement.query_map(parameters, |row| {
        Ok(Lease { job: JobId(row.get(0)?), task: TaskKey(row.get(1)?), epoch: row.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn lose(write: &mut Write, leases: Vec<Lease>, reason: LossReason, now: Timestamp) -> Result<Vec<Lease>> {
    for lease in &leases {
        let mut job = write.load(lease.job)?;
        let command = Command::Lose { task: lease.task.clone(), epoch: lease.epoch, reason };
        write.step(&mut job, &command, now)?;
        close_attempt(write, lease, &AttemptOutcome::Lost { reason }, now)?;
    }
    Ok(leases)
}

fn columns(lease: &Lease) -> (i64, &str, Epoch) {
    (lease.job.0, lease.task.as_str(), lease.epoch)
}
