//! What the stages of a job warned of, for whoever ran it. Each message is told once, however many tasks had it.

use serde::Serialize;
use spotloom_plugin_api::Level;

use crate::ids::JobId;
use crate::ledger::{self, Ledger, LogRecord, TaskView};

/// More are in the job's log.
const MOST_SHOWN: usize = 12;
const PAGE: usize = 1000;

/// A warning and the tasks that gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Note {
    pub message: String,
    pub tasks: Vec<String>,
}

/// Every line that a job's stages logged.
pub(super) fn log(ledger: &dyn Ledger, job: JobId) -> ledger::Result<Vec<LogRecord>> {
    let mut all: Vec<LogRecord> = Vec::new();
    loop {
        let lines = ledger.log_lines(job, None, all.last().map_or(0, |last| last.seq), PAGE)?;
        if lines.is_empty() {
            return Ok(all);
        }
        all.extend(lines);
    }
}

/// All warnings of a job in the order they came; of tasks out of the cache, those that were kept with their results.
pub(super) fn notes(ledger: &dyn Ledger, job: JobId, tasks: &[TaskView]) -> ledger::Result<Vec<Note>> {
    let mut notes = Vec::new();
    for record in log(ledger, job)? {
        if matches!(record.line.level, Level::Warn | Level::Error) {
            add(&mut notes, &record.line.message, record.lease.task.as_str());
        }
    }
    for task in tasks {
        let kept = task.facts.get("warnings").and_then(serde_json::Value::as_array).into_iter().flatten();
        kept.filter_map(serde_json::Value::as_str).for_each(|message| add(&mut notes, message, task.key.as_str()));
    }
    Ok(notes)
}

fn add(notes: &mut Vec<Note>, message: &str, task: &str) {
    let at = notes.iter().position(|note| note.message == message).unwrap_or_else(|| {
        notes.push(Note { message: message.to_owned(), tasks: Vec::new() });
        notes.len() - 1
    });
    let Some(note) = notes.get_mut(at) else { return };
    if !note.tasks.iter().any(|known| known == task) {
        note.tasks.push(task.to_owned());
    }
}

/// The lines for people.
pub(super) fn lines(notes: &[Note], job: JobId) -> Vec<String> {
    let one = |note: &Note| {
        let task = note.tasks.first().map_or("", String::as_str);
        let more = match note.tasks.len() {
            0 | 1 => String::new(),
            many => format!(" and {} more", many - 1),
        };
        format!("warning: {} ({task}{more})", note.message)
    };
    let mut lines: Vec<String> = notes.iter().take(MOST_SHOWN).map(one).collect();
    if notes.len() > MOST_SHOWN {
        lines.push(format!("and {} more warnings: spotloom jobs logs {job}", notes.len() - MOST_SHOWN));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_once_and_not_too_many_are() {
        let check = |given: &[(&str, &str)], expected: &[&str]| {
            let mut notes = Vec::new();
            given.iter().for_each(|(message, task)| add(&mut notes, message, task));
            assert_eq!(lines(&notes, JobId(7)), expected);
        };
        check(&[], &[]);
        check(&[("soft", "shots[0]")], &["warning: soft (shots[0])"]);
        check(
            &[("soft", "shots[0]"), ("dark", "shots[1]"), ("soft", "shots[1]"), ("soft", "shots[0]")],
            &["warning: soft (shots[0] and 1 more)", "warning: dark (shots[1])"],
        );
        let many: Vec<String> = (0..14).map(|i| i.to_string()).collect();
        let given: Vec<(&str, &str)> = many.iter().map(|message| (message.as_str(), "t")).collect();
        let shown: Vec<String> = many.iter().take(12).map(|message| format!("warning: {message} (t)")).collect();
        let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        shown.push("and 2 more warnings: spotloom jobs logs 7");
        check(&given, &shown);
    }
}
