//! Moves briefs of finished jobs from `processing/` to `done/` or `failed/`, a report beside them.

use std::fs;
use std::io;

use crate::ids::JobId;
use crate::job::Phase;
use crate::ledger::Ledger;

use super::take::{Shelves, write_durably};
use super::{names, report};

/// Looks at every file in `processing/` whose job is finished. Run after each finished job and at start.
///
/// A retried job's brief comes back from `failed/` to `processing/` on the way.
///
/// # Errors
/// When the folders can't be read; a single file that can't be moved is logged and tried again next time.
pub fn shelve(shelves: &Shelves, ledger: &dyn Ledger, deliveries: &str) -> io::Result<()> {
    for (folder, name, job) in numbered(shelves, "processing")?.into_iter().chain(numbered(shelves, "failed")?) {
        let view = match ledger.job(job) {
            Ok(Some(view)) => view,
            Ok(None) => continue,
            Err(e) => {
                tracing::warn!("job {job} could not be read: {e}");
                continue;
            }
        };
        let target = match view.phase {
            _ if !view.finished => "processing",
            Phase::Delivered => "done",
            _ => "failed",
        };
        if target == folder {
            continue;
        }
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(s, _)| s);
        let moved = || -> io::Result<()> {
            if target == "processing" {
                let _ = fs::remove_file(shelves.shelf(folder).join(format!("{stem}.report.txt")));
            } else {
                let tasks = ledger.tasks(job).map_err(io::Error::other)?;
                let text = report::finished(&view, &tasks, deliveries);
                write_durably(&shelves.shelf(target).join(format!("{stem}.report.txt")), text.as_bytes())?;
            }
            fs::rename(shelves.shelf(folder).join(&name), shelves.shelf(target).join(&name))
        };
        if let Err(e) = moved() {
            tracing::warn!(file = name, "could not be moved to {target}: {e}");
        }
    }
    Ok(())
}

fn numbered(shelves: &Shelves, folder: &'static str) -> io::Result<Vec<(&'static str, String, JobId)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(shelves.shelf(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let (names::Kind::Brief, Some(job)) = (names::kind(&name), names::job_of(&name)) {
            found.push((folder, name, JobId(job)));
        }
    }
    Ok(found)
}
