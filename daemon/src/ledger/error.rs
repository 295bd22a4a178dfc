//! What can go wrong with a ledger.

use std::path::PathBuf;

use crate::error::Diagnostic;
use crate::ids::{JobId, TaskKey};
use crate::job::{IllegalTransition, StepError};

use super::types::Lease;

pub type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// Why a ledger could not be opened, or did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    #[error("job {job} has no task `{task}`")]
    NoSuchTask { job: JobId, task: TaskKey },
    #[error("no lease was ever given for task `{}` of job {} with epoch {}", .0.task, .0.job, .0.epoch.0)]
    NoSuchLease(Lease),
    #[error("intake `{intake}` made job {job} of other content before")]
    IntakeConflict { intake: String, job: JobId },
    /// The rules do not allow it in the job's present state.
    #[error(transparent)]
    Refused(#[from] StepError),
    #[error("another daemon{} works with this studio ({})", .pid.map(|p| format!(" (process {p})")).unwrap_or_default(), .path.display())]
    Locked { path: PathBuf, pid: Option<u32> },
    #[error("{} is on {kind}, where a ledger would be damaged sooner or later", .path.display())]
    NetworkFilesystem { path: PathBuf, kind: &'static str },
    #[error("SQLite {found} is too old: {needed} or newer is needed")]
    OldSqlite { found: String, needed: &'static str },
    #[error("the ledger {} was written by a newer Spotloom (schema {found}, this one knows {known})", .path.display())]
    NewerSchema { path: PathBuf, found: i64, known: i64 },
    #[error("the ledger is damaged: {problem}")]
    Damaged { problem: String },
    #[error("no space is left for the ledger")]
    Full,
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    BadFailpoint(String),
    /// The store itself failed.
    #[error("the ledger's store failed: {0}")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl LedgerError {
    /// As a person should read it.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, hint) = match self {
            Self::NoSuchJob(_) => ("no-such-job", Some("`spotloom jobs list` shows those there are")),
            Self::NoSuchTask { .. } => ("no-such-task", Some("`spotloom jobs show JOB` lists its tasks")),
            Self::NoSuchLease(_) => ("no-such-lease", None),
            Self::IntakeConflict { .. } => ("intake-conflict", None),
            Self::Refused(_) => ("refused", None),
            Self::Locked { .. } => ("ledger-locked", Some("stop the other one first, or use another studio folder")),
            Self::NetworkFilesystem { .. } => {
                ("ledger-on-network", Some("keep the studio's `.spotloom` folder on a local disk"))
            }
            Self::OldSqlite { .. } => ("old-sqlite", Some("build with the bundled SQLite")),
            Self::NewerSchema { .. } => ("newer-ledger", Some("use the Spotloom that wrote it, or a newer one")),
            Self::Damaged { .. } => {
                ("ledger-damaged", Some("keep a copy of the file, then put a backup of `.spotloom` in its place"))
            }
            Self::Full => ("disk-full", Some("free some space; work goes on by itself")),
            Self::Io { .. } => ("io", None),
            Self::BadFailpoint(_) => ("bad-failpoint", None),
            Self::Store(_) => ("ledger-store", None),
        };
        let diagnostic = Diagnostic::new(code, self.to_string());
        match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}

impl From<IllegalTransition> for LedgerError {
    fn from(error: IllegalTransition) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<serde_json::Error> for LedgerError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(Box::new(error))
    }
}
