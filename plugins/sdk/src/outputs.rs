//! What a run hands on.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::api::{End, Failure, Output};

/// Builder for the result of a successful run.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    files: BTreeMap<String, Vec<Output>>,
    facts: Map<String, Value>,
    refusal: Option<Failure>,
}

impl Outputs {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file to an output port.
    #[must_use]
    pub fn file(self, port: &str, path: impl Into<PathBuf>, media: &str) -> Self {
        self.output(port, Output { path: path.into(), media: media.into(), name: String::new(), facts: Map::new() })
    }

    /// Adds a file with a name for people and facts to an output port.
    #[must_use]
    pub fn output(mut self, port: &str, output: Output) -> Self {
        self.files.entry(port.into()).or_default().push(output);
        self
    }

    /// Adds a figure for the report.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }

    /// The files of a port.
    #[must_use]
    pub fn files(&self, port: &str) -> &[Output] {
        self.files.get(port).map_or(&[], Vec::as_slice)
    }

    /// The figures for the report.
    #[must_use]
    pub fn facts(&self) -> &Map<String, Value> {
        &self.facts
    }

    /// Ends the run as failed, with these files as what shows why: for a stage that judges. The job does not go on with
    /// what was refused; people see the files in the report and in the notice of the failure.
    #[must_use]
    pub fn refused(mut self, failure: Failure) -> Self {
        self.refusal = Some(failure);
        self
    }

    pub(crate) fn into_end(self) -> End {
        match self.refusal {
            Some(failure) => End::Refused { failure: Box::new(failure), outputs: self.files, facts: self.facts },
            None => End::Succeeded { outputs: self.files, facts: self.facts },
        }
    }
}

/// A failure for an I/O error: says what was done to which file.
#[must_use]
pub fn io_failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new("io", format!("could not {doing} {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull => Failure { code: "disk-full".into(), ..failure }
            .hint("free some space on this disk; the job goes on when it is tried again")
            .retryable(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => failure,
        _ => failure.retryable(),
    }
}
