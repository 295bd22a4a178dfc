//! What lists and pages are made of.

use std::collections::HashMap;

use rusqlite::{Row, Transaction, params, params_from_iter};

use super::super::error::{LedgerError, Result};
use super::super::types::{
    Agent, AttemptView, Counts, EventRecord, JobFilter, JobView, LeaseView, TaskCounts, TaskView,
};
use super::text::{from_json, from_word, maybe_json};
use crate::ids::{JobId, Sha256, TaskKey, Timestamp};
use crate::job::Task;
use crate::pipeline::plan::Plan;

pub(super) fn job(tx: &Transaction, job: JobId) -> Result<Option<JobView>> {
    let mut statement = tx.prepare_cached("SELECT * FROM jobs WHERE id = ?1")?;
    let mut rows = statement.query([job.0])?;
    rows.next()?.map(|row| job_of(tx, row)).transpose()
}

pub(super) fn jobs(tx: &Transaction, filter: &JobFilter) -> Result<Vec<JobView>> {
    let mut conditions = Vec::new();
    if let Some(before) = filter.before {
        conditions.push(format!("id < {}", before.0));
    }
    if filter.unfinished {
        conditions.push("finished = 0".into());
    }
    if !filter.phases.is_empty() {
        let marks = vec!["?"; filter.phases.len()].join(", ");
        conditions.push(format!("phase IN ({marks})"));
    }
    let condition = if conditions.is_empty() { "TRUE".into() } else { conditions.join(" AND ") };
    let query = format!("SELECT * FROM jobs WHERE {condition} ORDER BY id DESC LIMIT {}", filter.limit);
    let mut statement = tx.prepare_cached(&query)?;
    let mut rows = statement.query(params_from_iter(filter.phases.iter().map(|p| p.name())))?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        views.push(job_of(tx, row)?);
    }
    Ok(views)
}

fn job_of(tx: &Transaction, row: &Row) -> Result<JobView> {
    let id = JobId(row.get("id")?);
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    Ok(JobView {
        id,
        phase: from_word(&row.get::<_, String>("phase")?)?,
        finished: row.get("finished")?,
        cause: maybe_json(row.get::<_, Option<String>>("cause")?.as_deref())?,
        campaign: row.get("campaign")?,
        title: row.get("title")?,
        brand: row.get("brand")?,
        pipeline: row.get("pipeline")?,
        series: row.get("series")?,
        version: row.get("version")?,
        brief_name: row.get("brief_name")?,
        brief_sha256: Sha256(row.get("brief_sha256")?),
        intake_id: row.get("intake_id")?,
        source: row.get("source")?,
        priority: row.get("priority")?,
        stakeholders: from_json(&row.get::<_, String>("stakeholders")?)?,
        submitted_at: Timestamp(row.get("submitted_at")?),
        decided_at: time("decided_at")?,
        finished_at: time("finished_at")?,
        tasks: task_counts(tx, id)?,
    })
}

fn task_counts(tx: &Transaction, job: JobId) -> Result<TaskCounts> {
    let mut counts = TaskCounts::default();
    let mut statement = tx.prepare_cached("SELECT state, COUNT(*) FROM tasks WHERE job = ?1 GROUP BY state")?;
    let mut rows = statement.query([job.0])?;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(1)?;
        counts.total += number;
        match row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)? {
            "waiting" => counts.waiting = number,
            "ready" => counts.ready = number,
            "running" => counts.running = number,
            "succeeded" => counts.succeeded = number,
            "failed" | "quarantined" => counts.failed += number,
            _ => {}
        }
    }
    Ok(counts)
}

pub(super) fn plan(tx: &Transaction, job: JobId) -> Result<Option<Plan>> {
    let mut statement = tx.prepare_cached("SELECT plan FROM plans WHERE job = ?1")?;
    let mut rows = statement.query([job.0])?;
    rows.next()?.map(|row| from_json(&row.get::<_, String>(0)?)).transpose()
}

pub(super) fn tasks(tx: &Transaction, job: JobId, plan: &Plan) -> Result<Vec<TaskView>> {
    let planned: HashMap<_, _> = plan.tasks.iter().map(|t| (&t.key, t)).collect();
    let mut statement = tx.prepare_cached(
        "SELECT t.key, t.task, t.outputs, t.facts, l.until, l.progress, a.started_at, a.ended_at
         FROM tasks t
         LEFT JOIN leases l ON l.job = t.job AND l.task = t.key
         LEFT JOIN attempts a ON a.job = t.job AND a.task = t.key
           AND a.epoch = (SELECT MAX(epoch) FROM attempts WHERE job = t.job AND task = t.key)
         WHERE t.job = ?1 ORDER BY t.ordinal",
    )?;
    let mut rows = statement.query([job.0])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        let key = TaskKey(row.get("key")?);
        let planned = planned
            .get(&key)
            .ok_or_else(|| LedgerError::Damaged { problem: format!("job {job}: `{key}` is not in its plan") })?;
        let task: Task = from_json(&row.get::<_, String>("task")?)?;
        let until: Option<i64> = row.get("until")?;
        let progress = maybe_json(row.get::<_, Option<String>>("progress")?.as_deref())?;
        views.push(TaskView {
            stage: planned.stage.clone(),
            uses: planned.uses.id.clone(),
            pool: planned.pool.clone(),
            trigger: planned.trigger,
            needs: planned.needs.clone(),
            state: task.state,
            epoch: task.epoch,
            failures: task.failures,
            crashes: task.crashes,
            reseeded: task.reseeded,
            lease: until.map(|until| LeaseView { until: Timestamp(until), progress }),
            started_at: row.get::<_, Option<i64>>("started_at")?.map(Timestamp),
            ended_at: row.get::<_, Option<i64>>("ended_at")?.map(Timestamp),
            outputs: maybe_json(row.get::<_, Option<String>>("outputs")?.as_deref())?.unwrap_or_default(),
            facts: maybe_json(row.get::<_, Option<String>>("facts")?.as_deref())?.unwrap_or_default(),
            key,
        });
    }
    Ok(views)
}

pub(super) fn attempts(tx: &Transaction, job: JobId, task: Option<&TaskKey>) -> Result<Vec<AttemptView>> {
    let mut statement = tx.prepare_cached(
        "SELECT * FROM attempts WHERE job = ?1 AND (?2 IS NULL OR task = ?2) ORDER BY started_at, task, epoch",
    )?;
    let mut rows = statement.query(params![job.0, task.map(TaskKey::as_str)])?;
    let mut views = Vec::new();
    while let Some(row) = rows.next()? {
        views.push(AttemptView {
            task: TaskKey(row.get("task")?),
            attempt: row.get("attempt")?,
            epoch: row.get("epoch")?,
            agent: Agent { name: row.get("agent")?, boot: row.get("boot")? },
            started_at: Timestamp(row.get("started_at")?),
            ended_at: row.get::<_, Option<i64>>("ended_at")?.map(Timestamp),
            outcome: maybe_json(row.get::<_, Option<String>>("outcome")?.as_deref())?,
        });
    }
    Ok(views)
}

/// Events after a number, of one job or of all.
pub(super) fn events(tx: &Transaction, job: Option<JobId>, after: i64, limit: usize) -> Result<Vec<EventRecord>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = tx.prepare_cached(match job {
        Some(_) => "SELECT seq, job, at, event FROM events WHERE job = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
        None => "SELECT seq, job, at, event FROM events WHERE seq > ?1 AND ?3 IS NULL ORDER BY seq LIMIT ?2",
    })?;
    let mut rows = statement.query(params![after, limit, job.map(|j| j.0)])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(EventRecord {
            seq: row.get(0)?,
            job: JobId(row.get(1)?),
            at: Timestamp(row.get(2)?),
            event: from_json(&row.get::<_, String>(3)?)?,
        });
    }
    Ok(records)
}

pub(super) fn counts(tx: &Transaction) -> Result<Counts> {
    let count = |query: &str| -> Result<u64> {
        let number: i64 = tx.prepare_cached(query)?.query_row([], |row| row.get(0))?;
        Ok(number.unsigned_abs())
    };
    Ok(Counts {
        jobs_unfinished: count("SELECT COUNT(*) FROM jobs WHERE finished = 0")?,
        jobs_delivered: count("SELECT COUNT(*) FROM jobs WHERE phase = 'delivered'")?,
        jobs_failed: count("SELECT COUNT(*) FROM jobs WHERE phase = 'failed'")?,
        jobs_cancelled: count("SELECT COUNT(*) FROM jobs WHERE phase = 'cancelled'")?,
        tasks_ready: count(
            "SELECT (SELECT COUNT(*) FROM tasks WHERE state = 'ready' AND due = 1)
                  + (SELECT COUNT(*) FROM tasks WHERE state = 'ready' AND due = 0)",
        )?,
        tasks_running: count("SELECT COUNT(*) FROM leases")?,
    })
}

/// The earliest delayed task or end of a lease.
pub(super) fn next_wakeup(tx: &Transaction) -> Result<Option<Timestamp>> {
    let time = |query: &str| -> Result<Option<i64>> { Ok(tx.prepare_cached(query)?.query_row([], |row| row.get(0))?) };
    let delayed = time("SELECT MIN(not_before) FROM tasks WHERE state = 'ready' AND due = 0")?;
    let lease = time("SELECT MIN(until) FROM leases")?;
    Ok([delayed, lease].into_iter().flatten().min().map(Timestamp))
}
