//! What is kept beside the jobs: dropped files, log lines, the stage cache.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::super::error::{LedgerError, Result};
use super::super::types::{CacheEntry, IntakeRecord, Lease, LogLine, LogRecord};
use super::store::Write;
use super::text::{from_json, from_word, to_json, to_word};
use crate::ids::{JobId, Sha256, TaskKey, Timestamp};

/// Lines kept of an attempt.
const LOG_LINES: i64 = 1_000;
/// Bytes kept of a message, and of a line's fields.
const LOG_BYTES: usize = 4_096;

pub(super) fn put_intake(write: &mut Write, record: &IntakeRecord, now: Timestamp) -> Result<()> {
    write.names.push("intake");
    write
        .tx
        .prepare_cached(
            "INSERT INTO intake (id, name, sha256, state, job, noted_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, sha256 = excluded.sha256, state = excluded.state,
               job = COALESCE(excluded.job, job), changed_at = excluded.changed_at",
        )?
        .execute(params![
            record.id,
            record.name,
            record.sha256.as_str(),
            to_word(&record.state)?,
            record.job.map(|j| j.0),
            now.0
        ])?;
    Ok(())
}

pub(super) fn intake(tx: &Transaction, id: &str) -> Result<Option<IntakeRecord>> {
    let mut statement = tx.prepare_cached("SELECT id, name, sha256, state, job FROM intake WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(intake_of).transpose()
}

pub(super) fn open_intakes(tx: &Transaction) -> Result<Vec<IntakeRecord>> {
    let mut statement = tx.prepare_cached(
        "SELECT id, name, sha256, state, job FROM intake WHERE state <> 'settled' ORDER BY noted_at, id",
    )?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(intake_of(row)?);
    }
    Ok(records)
}

fn intake_of(row: &Row) -> Result<IntakeRecord> {
    Ok(IntakeRecord {
        id: row.get("id")?,
        name: row.get("name")?,
        sha256: Sha256(row.get("sha256")?),
        state: from_word(&row.get::<_, String>("state")?)?,
        job: row.get::<_, Option<i64>>("job")?.map(JobId),
    })
}

pub(super) fn log(write: &mut Write, lease: &Lease, lines: &[LogLine], now: Timestamp) -> Result<()> {
    let (job, task, epoch) = (lease.job.0, lease.task.as_str(), lease.epoch);
    let kept: Option<i64> = write
        .tx
        .prepare_cached("SELECT log_lines FROM attempts WHERE job = ?1 AND task = ?2 AND epoch = ?3")?
        .query_row(params![job, task, epoch], |row| row.get(0))
        .optional()?;
    let kept = kept.ok_or_else(|| LedgerError::NoSuchLease(lease.clone()))?;
    if kept >= LOG_LINES || lines.is_empty() {
        return Ok(());
    }
    write.names.push("log");
    let mut insert = write.tx.prepare_cached(
        "INSERT INTO log (job, task, epoch, at, level, message, fields) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut count = kept;
    for line in lines {
        count += 1;
        if count == LOG_LINES {
            let message = "this attempt says more than the ledger keeps; the rest is dropped";
            insert.execute(params![job, task, epoch, now.0, "warn", message, "{}"])?;
            break;
        }
        let fields = to_json(&line.fields)?;
        let fields = if fields.len() <= LOG_BYTES { fields.as_str() } else { "{}" };
        let message = shortened(&line.message);
        insert.execute(params![job, task, epoch, line.at.0, to_word(&line.level)?, message, fields])?;
    }
    write
        .tx
        .prepare_cached("UPDATE attempts SET log_lines = ?4 WHERE job = ?1 AND task = ?2 AND epoch = ?3")?
        .execute(params![job, task, epoch, count])?;
    Ok(())
}

fn shortened(message: &str) -> &str {
    let mut end = message.len().min(LOG_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

pub(super) fn log_lines(
    tx: &Transaction,
    job: JobId,
    task: Option<&TaskKey>,
    after: i64,
    limit: usize,
) -> Result<Vec<LogRecord>> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, task, epoch, at, level, message, fields FROM log
         WHERE job = ?1 AND seq > ?2 AND (?3 IS NULL OR task = ?3) ORDER BY seq LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![job.0, after, task.map(TaskKey::as_str), limit])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(LogRecord {
            seq: row.get("seq")?,
            lease: Lease { job, task: TaskKey(row.get("task")?), epoch: row.get("epoch")? },
            line: LogLine {
                at: Timestamp(row.get("at")?),
                level: from_word(&row.get::<_, String>("level")?)?,
                message: row.get("message")?,
                fields: from_json(&row.get::<_, String>("fields")?)?,
            },
        });
    }
    Ok(records)
}

pub(super) fn put_cache(write: &mut Write, key: &str, entry: &CacheEntry, now: Timestamp) -> Result<()> {
    write.names.push("cache");
    write.tx.prepare_cached("INSERT OR REPLACE INTO cache (key, entry, at) VALUES (?1, ?2, ?3)")?.execute(params![
        key,
        to_json(entry)?,
        now.0
    ])?;
    Ok(())
}

pub(super) fn remove_cache(write: &mut Write, key: &str) -> Result<()> {
    write.names.push("cache");
    write.tx.prepare_cached("DELETE FROM cache WHERE key = ?1")?.execute([key])?;
    Ok(())
}

pub(super) fn cache(tx: &Transaction, key: &str) -> Result<Option<CacheEntry>> {
    let entry: Option<String> =
        tx.prepare_cached("SELECT entry FROM cache WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
    entry.as_deref().map(from_json).transpose()
}
