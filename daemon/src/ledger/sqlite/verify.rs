//! Whether the file is sound, and whether the projection is what the events say.

use rusqlite::Transaction;

use super::super::error::{LedgerError, Result};
use super::record::stored_state;
use super::store::SqliteLedger;
use super::views::events;
use crate::ids::JobId;
use crate::job::JobState;

/// Problems named in an error.
const NAMED: usize = 5;

impl SqliteLedger {
    /// SQLite's own check of pages, indexes and references.
    pub(super) fn check_file(&self) -> Result<()> {
        self.read(|tx| {
            let mut problems = Vec::new();
            let mut integrity = tx.prepare("PRAGMA integrity_check(5)")?;
            let mut rows = integrity.query([])?;
            while let Some(row) = rows.next()? {
                let line: String = row.get(0)?;
                if line != "ok" {
                    problems.push(line);
                }
            }
            let mut references = tx.prepare("PRAGMA foreign_key_check")?;
            let mut rows = references.query([])?;
            while let Some(row) = rows.next()? {
                problems.push(format!("a row of `{}` refers to nothing", row.get::<_, String>(0)?));
            }
            report(&problems)
        })
    }

    /// The file, and every job against the fold over its events.
    pub(super) fn check_everything(&self) -> Result<()> {
        self.check_file()?;
        self.read(|tx| {
            let mut problems = Vec::new();
            let mut ids = tx.prepare("SELECT id FROM jobs ORDER BY id")?;
            for id in ids.query_map([], |row| row.get(0))? {
                problems.extend(check_job(tx, JobId(id?))?);
            }
            report(&problems)
        })
    }
}

fn check_job(tx: &Transaction, job: JobId) -> Result<Option<String>> {
    let events = events(tx, Some(job), 0, usize::MAX)?;
    let folded = match JobState::fold(events.iter().map(|e| &e.event)) {
        Ok(state) => state,
        Err(error) => return Ok(Some(format!("job {job}: {error}"))),
    };
    let stored = stored_state(tx, job)?.ok_or(LedgerError::NoSuchJob(job))?;
    if folded == stored {
        return Ok(None);
    }
    let differing: Vec<_> = folded.tasks.iter().filter(|(key, task)| stored.tasks.get(*key) != Some(*task)).collect();
    Ok(Some(match differing.first() {
        Some((key, task)) => {
            format!("job {job}: the events make task `{key}` {}, the table says otherwise", task.state.name())
        }
        None => format!("job {job}: the events make it {}, the table {}", folded.phase.name(), stored.phase.name()),
    }))
}

fn report(problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let mut problem = problems.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if problems.len() > NAMED {
        problem.push_str(&format!("; and {} more", problems.len() - NAMED));
    }
    Err(LedgerError::Damaged { problem })
}
