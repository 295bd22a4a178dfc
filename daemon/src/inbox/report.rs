//! The reports that lie beside briefs on the shelves: for a producer, in plain text.

use std::fmt::Write as _;

use crate::error::Diagnostics;
use crate::ledger::{JobView, TaskView};

/// Why a brief was not taken.
#[must_use]
pub fn rejected(name: &str, problems: &Diagnostics) -> String {
    let count = match problems.len() {
        1 => "there is a mistake in it".to_owned(),
        n => format!("there are {n} mistakes in it"),
    };
    let mut text = format!("{name} was not taken: {count}.\n\n");
    for problem in problems {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{problem}");
    }
    text.push_str("Nothing was started. Mend the brief and drop it into the briefs folder again.\n");
    text
}

/// What became of a job. `shown`: names of files beside the report that show what stopped it.
#[must_use]
pub fn finished(job: &JobView, tasks: &[TaskView], deliveries: &str, shown: &[String]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} / {}, version {} (job {})\n", job.campaign, job.title, job.version, job.id);
    match &job.cause {
        None if job.phase == crate::job::Phase::Cancelled => text.push_str("It was cancelled.\n"),
        None => {
            let _ = writeln!(text, "It is done. The finished files are in {deliveries}:\n");
            for file in tasks.iter().filter(|t| t.pool != "net").flat_map(|t| t.outputs.get("masters")).flatten() {
                let fact = |name: &str| file.facts.get(name).map(|v| v.to_string().trim_matches('"').to_owned());
                let size = [fact("width"), fact("height")].into_iter().flatten().collect::<Vec<_>>().join("x");
                let _ = writeln!(
                    text,
                    "  {:<60} {size}, {} s, {}",
                    file.name,
                    fact("seconds").unwrap_or_default(),
                    crate::artifacts::disk::human(file.bytes)
                );
            }
        }
        Some(cause) => {
            let _ = writeln!(text, "It failed in the stage `{}`:\n\n  {}", cause.task, cause.failure.message);
            if let Some(hint) = &cause.failure.hint {
                let _ = writeln!(text, "  hint: {hint}");
            }
            if !shown.is_empty() {
                let _ = writeln!(text, "\nTo be seen beside this file: {}", shown.join(", "));
            }
            let _ = writeln!(
                text,
                "\nWhat was made before is kept. To go on from there once the cause is mended: spotloom jobs retry {}\n\
                 or drop a changed brief into the briefs folder.",
                job.id
            );
        }
    }
    let told: Vec<&TaskView> = tasks
        .iter()
        .filter(|t| matches!(t.stage.as_str(), "notify" | "deliver") && t.state.failure().is_some())
        .collect();
    if !told.is_empty() {
        text.push_str("\nNot everybody could be reached:\n");
        for t in told {
            let why = t.state.failure().map_or("", |f| f.message.as_str());
            let _ = writeln!(text, "  {}: {why}", t.key);
        }
    }
    text
}
