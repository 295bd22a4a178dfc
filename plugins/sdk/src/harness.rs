//! Runs a stage in a test, without a daemon, through the same shield as in production.
//!
//! ```no_run
//! # use spotloom_plugin_sdk::{prelude::*, harness::Harness};
//! # fn test<S: Stage>() {
//! let done = Harness::<S>::new().params(serde_json::json!({"greeting": "hi"})).run();
//! assert_eq!(done.text("text"), "hi");
//! # }
//! ```

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::Stage;
use crate::api::{
    Artifact, Description, End, Event, Failure, JobContext, Limits, Output, PluginMessage, RunRequest, Secrets,
};
use crate::run::Link;
use crate::shield::{Slot, guarded_run};

/// A run being prepared.
pub struct Harness<S: Stage> {
    request: RunRequest,
    cancel_after: usize,
    scratch: TempDir,
    host: Warm<S>,
}

/// A warm host: the runs that are given it have one stage, in the order they are made.
pub struct Warm<S>(Arc<Slot<S>>);

impl<S> Default for Warm<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S: Stage> Default for Harness<S> {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test harness reports by panicking")]
impl<S: Stage> Harness<S> {
    #[must_use]
    pub fn new() -> Self {
        let scratch = TempDir::new().expect("a temporary folder");
        let request = RunRequest {
            run: "test".into(),
            params: Map::new(),
            inputs: std::collections::BTreeMap::new(),
            scratch: scratch.path().to_path_buf(),
            limits: Limits { threads: 2 },
            secrets: Secrets::default(),
            job: JobContext {
                id: "1".into(),
                task: "test".into(),
                attempt: 1,
                campaign: "Campaign".into(),
                title: "Title".into(),
                brand: "brand".into(),
                version: 1,
                ..JobContext::default()
            },
            to_come: std::collections::BTreeMap::new(),
        };
        Self { request, cancel_after: usize::MAX, scratch, host: Warm::default() }
    }

    /// The description as the daemon would read it.
    #[must_use]
    pub fn describe() -> Description {
        S::about().describe::<S::Params>()
    }

    #[must_use]
    pub fn params(mut self, params: Value) -> Self {
        self.request.params = params.as_object().cloned().expect("parameters are an object");
        self
    }

    /// Gives a file to an input port.
    #[must_use]
    pub fn input(self, port: &str, path: impl AsRef<Path>, media: &str) -> Self {
        let path = path.as_ref();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let artifact =
            Artifact { path: path.into(), sha256: "0".repeat(64), media: media.into(), name, facts: Map::new() };
        self.artifact(port, artifact)
    }

    /// Gives an artifact with facts to an input port.
    #[must_use]
    pub fn artifact(mut self, port: &str, artifact: Artifact) -> Self {
        self.request.inputs.entry(port.into()).or_default().push(artifact);
        self
    }

    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.request.secrets.0.insert(name.into(), value.into());
        self
    }

    /// Says that the job will run this stage so many times more with the same files on a port.
    #[must_use]
    pub fn to_come(mut self, port: &str, runs: u32) -> Self {
        self.request.to_come.insert(port.into(), runs);
        self
    }

    #[must_use]
    pub fn job(mut self, change: impl FnOnce(&mut JobContext)) -> Self {
        change(&mut self.request.job);
        self
    }

    #[must_use]
    pub fn threads(mut self, threads: u32) -> Self {
        self.request.limits.threads = threads;
        self
    }

    /// Asks the run to end once it has reported progress so many times.
    #[must_use]
    pub fn cancel_after(mut self, progress_events: usize) -> Self {
        self.cancel_after = progress_events;
        self
    }

    /// Runs in a host that other runs have been in.
    #[must_use]
    pub fn warm(mut self, host: &Warm<S>) -> Self {
        self.host = Warm(Arc::clone(&host.0));
        self
    }

    /// Runs the stage to its end.
    #[must_use]
    pub fn run(self) -> Done {
        let recorder = Arc::new(Recorder {
            events: Mutex::new(Vec::new()),
            progress: AtomicUsize::new(0),
            cancel_after: self.cancel_after,
        });
        let end = guarded_run(&self.host.0, self.request, Arc::clone(&recorder) as Arc<dyn Link>);
        let events = std::mem::take(&mut *recorder.events.lock().unwrap_or_else(PoisonError::into_inner));
        Done { end, events, scratch: self.scratch }
    }
}

/// A run that has ended. Its scratch folder is there until this is dropped.
pub struct Done {
    pub end: End,
    pub events: Vec<Event>,
    scratch: TempDir,
}

#[expect(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test harness reports by panicking"
)]
impl Done {
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The failure it ended with.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        match &self.end {
            End::Failed(f) => f,
            End::Refused { failure, .. } => failure.as_ref(),
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    /// The files of a port after success, or of one that refused.
    #[must_use]
    pub fn outputs(&self, port: &str) -> &[Output] {
        match &self.end {
            End::Succeeded { outputs, .. } | End::Refused { outputs, .. } => {
                outputs.get(port).map_or(&[], Vec::as_slice)
            }
            other => panic!("expected success, got {other:?}"),
        }
    }

    /// The facts reported with success.
    #[must_use]
    pub fn facts(&self) -> &Map<String, Value> {
        match &self.end {
            End::Succeeded { facts, .. } => facts,
            other => panic!("expected success, got {other:?}"),
        }
    }

    /// The path of the first file of a port.
    #[must_use]
    pub fn path(&self, port: &str) -> PathBuf {
        self.outputs(port).first().unwrap_or_else(|| panic!("no file at the port {port}")).path.clone()
    }

    /// The text of the first file of a port.
    #[must_use]
    pub fn text(&self, port: &str) -> String {
        std::fs::read_to_string(self.path(port)).expect("a readable text file")
    }
}

struct Recorder {
    events: Mutex<Vec<Event>>,
    progress: AtomicUsize,
    cancel_after: usize,
}

impl Link for Recorder {
    fn emit(&self, message: &PluginMessage) {
        if let PluginMessage::Event(event) = message {
            if matches!(event, Event::Progress { .. }) {
                self.progress.fetch_add(1, Ordering::SeqCst);
            }
            self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        }
    }

    fn is_cancelled(&self) -> bool {
        self.progress.load(Ordering::SeqCst) >= self.cancel_after
    }
}

/// Holds the JSON Schema of `T` against a file that editors and the daemon read (`pipelines/schemas/…`), relative to the
/// checkout. With `UPDATE_SCHEMAS=1` in the environment the file is written anew.
///
/// # Panics
/// When the file is out of date.
#[expect(clippy::panic, reason = "a test harness reports by panicking")]
pub fn schema_is_fresh<T: schemars::JsonSchema>(path: &Path) {
    let schema = schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let text = format!("{:#}\n", schema.to_value());
    if std::env::var_os("UPDATE_SCHEMAS").is_some()
        && let Err(e) = std::fs::write(path, &text)
    {
        panic!("{} could not be written: {e}", path.display());
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == text, "{} is out of date: run this test with UPDATE_SCHEMAS=1", path.display());
}
