//! Moves briefs of finished jobs from `processing/` to `done/` or `failed/`, a report beside them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::artifacts::Store;
use crate::ids::JobId;
use crate::job::Phase;
use crate::ledger::Ledger;

use super::take::{Shelves, write_durably};
use super::{names, report, shown};

/// Whose briefs are to be looked at. Looking at all after each job would cost more with every brief on the shelves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    All,
    Jobs(BTreeSet<JobId>),
}

impl Whose {
    #[must_use]
    pub fn nobody() -> Self {
        Self::Jobs(BTreeSet::new())
    }

    pub fn add(&mut self, job: JobId) {
        if let Self::Jobs(jobs) = self {
            jobs.insert(job);
        }
    }

    fn includes(&self, job: JobId) -> bool {
        match self {
            Self::All => true,
            Self::Jobs(jobs) => jobs.contains(&job),
        }
    }
}

/// Looks at the briefs in `processing/` and `failed/` and moves those that belong elsewhere by now. All are looked at
/// when the daemon starts; then a retried job's brief also comes back from `failed/` to `processing/`.
///
/// Gives those to look at again: a brief that can't be moved is logged and keeps its place.
///
/// # Errors
/// When the folders can't be read.
pub fn shelve(
    shelves: &Shelves,
    ledger: &dyn Ledger,
    store: &Store,
    deliveries: &str,
    whose: &Whose,
) -> io::Result<Whose> {
    let mut again = Whose::nobody();
    if *whose == again {
        return Ok(again);
    }
    for (folder, name, job) in numbered(shelves, "processing")?.into_iter().chain(numbered(shelves, "failed")?) {
        if !whose.includes(job) {
            continue;
        }
        let view = match ledger.job(job) {
            Ok(Some(view)) => view,
            Ok(None) => continue,
            Err(e) => {
                tracing::warn!("job {job} could not be read: {e}");
                again.add(job);
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
            if folder == "failed" {
                take_away(&shelves.shelf(folder), stem, &name)?;
            }
            if target != "processing" {
                let tasks = ledger.tasks(job).map_err(io::Error::other)?;
                // Without them the report still says what happened.
                let shown = shown::put(&tasks, store, &shelves.shelf(target), &format!("{stem}."))
                    .inspect_err(|e| tracing::warn!(file = name, "what shows the failure was not put beside it: {e}"))
                    .unwrap_or_default();
                let shown: Vec<String> =
                    shown.iter().filter_map(|p| p.file_name()?.to_str().map(str::to_owned)).collect();
                let text = report::finished(&view, &tasks, deliveries, &shown);
                write_durably(&shelves.shelf(target).join(format!("{stem}.report.txt")), text.as_bytes())?;
            }
            fs::rename(shelves.shelf(folder).join(&name), shelves.shelf(target).join(&name))
        };
        if let Err(e) = moved() {
            tracing::warn!(file = name, "could not be moved to {target}: {e}");
            again.add(job);
        }
    }
    Ok(again)
}

/// Removes what lay beside a brief: its report and what that pointed to.
fn take_away(shelf: &Path, stem: &str, brief: &str) -> io::Result<()> {
    let beside = format!("{stem}.");
    for entry in fs::read_dir(shelf)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|n| n != brief && n.starts_with(&beside)) {
            fs::remove_file(shelf.join(name))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SqliteLedger;
    use crate::ledger::conformance::{Bench, planned};

    #[test]
    fn a_brief_moves_with_its_job_and_only_when_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&dir.path().join("state")).unwrap();
        let bench = Bench::new(&ledger, "shelve");
        let shelves = Shelves::open(dir.path().join("briefs"), dir.path().join("spool")).unwrap();
        let mut jobs = Vec::new();
        for content in ["a", "b"] {
            let job = bench.submit(&bench.new_job(content, vec![planned("one", &[])])).job;
            fs::write(shelves.shelf("processing").join(format!("{content}.job{job}.yaml")), content).unwrap();
            jobs.push(job);
        }
        let store = Store::open(&dir.path().join("state")).unwrap();
        let shelve = |whose: &Whose| shelve(&shelves, &ledger, &store, "deliveries", whose).unwrap();
        let on = |shelf: &str| {
            let entries = fs::read_dir(shelves.shelf(shelf)).unwrap();
            let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let (a, b) = (format!("a.job{}", jobs[0]), format!("b.job{}", jobs[1]));
        ledger.cancel(jobs[0], "not wanted", bench.now()).unwrap();
        ledger.cancel(jobs[1], "not wanted", bench.now()).unwrap();

        let first = Whose::Jobs(BTreeSet::from([jobs[0]]));
        assert_eq!(shelve(&first), Whose::nobody());
        assert_eq!(on("failed"), [format!("{a}.report.txt"), format!("{a}.yaml")]);
        assert_eq!(on("processing"), [format!("{b}.yaml")], "nobody asked for the second");

        shelve(&Whose::All);
        assert_eq!(on("failed").len(), 4);
        ledger.retry(jobs[0], bench.now()).unwrap();
        shelve(&Whose::All);
        assert_eq!(on("processing"), [format!("{a}.yaml")]);
        assert_eq!(on("failed"), [format!("{b}.report.txt"), format!("{b}.yaml")], "its old report is gone");
    }
}
