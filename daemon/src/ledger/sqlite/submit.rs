//! Taking jobs in, cancelling and retrying them.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::super::error::{LedgerError, Result};
use super::super::types::{IntakeState, NewJob, Submitted};
use super::record::Job;
use super::store::Write;
use super::text::{to_json, to_word};
use crate::ids::{JobId, Timestamp};
use crate::job::{Command, JobState, Phase};

pub(super) fn submit(write: &mut Write, new: &NewJob, now: Timestamp) -> Result<Submitted> {
    if let Some(submitted) = existing(write, new)? {
        return Ok(submitted);
    }
    let version = next_version(write, new)?;
    let job = insert_job(write, new, version, now)?;
    write
        .tx
        .prepare_cached("INSERT INTO plans (job, plan) VALUES (?1, ?2)")?
        .execute(params![job.0, to_json(&new.plan)?])?;
    insert_tasks(write, job, new)?;
    let mut job = Job { id: job, plan: Arc::new(new.plan.clone()), state: JobState::default() };
    write.step(&mut job, &Command::Submit, now)?;
    write
        .tx
        .prepare_cached("UPDATE intake SET state = ?2, job = ?3, changed_at = ?4 WHERE id = ?1")?
        .execute(params![new.intake_id, to_word(&IntakeState::Accepted)?, job.id.0, now.0])?;
    Ok(Submitted { job: job.id, version, existing: false })
}

/// The job this intake made before.
fn existing(write: &Write, new: &NewJob) -> Result<Option<Submitted>> {
    let found = write
        .tx
        .prepare_cached("SELECT id, version, brief_sha256 FROM jobs WHERE intake_id = ?1")?
        .query_row([&new.intake_id], |row| Ok((JobId(row.get(0)?), row.get(1)?, row.get::<_, String>(2)?)))
        .optional()?;
    match found {
        None => Ok(None),
        // The file is compared, not the plan: a plugin may have been updated between two tries at the same drop.
        Some((job, version, brief)) if brief == new.brief_sha256.as_str() => {
            Ok(Some(Submitted { job, version, existing: true }))
        }
        Some((job, _, _)) => Err(LedgerError::IntakeConflict { intake: new.intake_id.clone(), job }),
    }
}

fn next_version(write: &Write, new: &NewJob) -> Result<u32> {
    let latest = write
        .tx
        .prepare_cached("SELECT version, content_sha256 FROM jobs WHERE series = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([&new.series], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    Ok(match latest {
        None => 1,
        Some((version, content)) if content == new.plan.content_sha256.as_str() => version,
        Some((version, _)) => version + 1,
    })
}

fn insert_job(write: &Write, new: &NewJob, version: u32, now: Timestamp) -> Result<JobId> {
    let plan = &new.plan;
    write
        .tx
        .prepare_cached(
            "INSERT INTO jobs (intake_id, series, version, content_sha256, campaign, title, brand, pipeline,
               brief_name, brief_sha256, source, priority, stakeholders, phase, submitted_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            new.intake_id,
            new.series,
            version,
            plan.content_sha256.as_str(),
            plan.campaign,
            plan.title,
            plan.brand,
            plan.pipeline,
            new.brief_name,
            new.brief_sha256.as_str(),
            new.source,
            new.priority,
            to_json(&new.stakeholders)?,
            Phase::default().name(),
            now.0
        ])?;
    Ok(JobId(write.tx.last_insert_rowid()))
}

fn insert_tasks(write: &Write, job: JobId, new: &NewJob) -> Result<()> {
    let mut insert = write.tx.prepare_cached(
        "INSERT INTO tasks (job, ordinal, key, task, state, pool, priority) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let task = crate::job::Task::default();
    for (ordinal, planned) in (0i64..).zip(&new.plan.tasks) {
        insert.execute(params![
            job.0,
            ordinal,
            planned.key.as_str(),
            to_json(&task)?,
            task.state.name(),
            planned.pool,
            new.priority
        ])?;
    }
    Ok(())
}

/// A command a person gives to a job.
pub(super) fn command(write: &mut Write, job: JobId, command: &Command, now: Timestamp) -> Result<()> {
    let mut job = write.load(job)?;
    write.step(&mut job, command, now)?;
    Ok(())
}
