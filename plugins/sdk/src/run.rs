//! What a stage sees of the run it is in.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Map;

use crate::api::{Artifact, Event, Failure, JobContext, Level, PluginMessage, RunRequest};

/// Where messages go and where cancellation comes from: the host's callbacks, or a test.
pub(crate) trait Link: Send + Sync {
    fn emit(&self, message: &PluginMessage);
    fn is_cancelled(&self) -> bool;
}

/// One run: inputs, scratch folder, progress, cancellation. Cheap to clone into worker threads.
#[derive(Clone)]
pub struct Run {
    request: Arc<RunRequest>,
    link: Arc<dyn Link>,
    stop: Arc<AtomicBool>,
}

impl Run {
    pub(crate) fn new(request: RunRequest, link: Arc<dyn Link>) -> Self {
        Self { request: Arc::new(request), link, stop: Arc::new(AtomicBool::new(false)) }
    }

    /// All files of an input port; empty when none was given.
    #[must_use]
    pub fn inputs(&self, port: &str) -> &[Artifact] {
        self.request.inputs.get(port).map_or(&[], Vec::as_slice)
    }

    /// The one file of an input port, if given.
    #[must_use]
    pub fn input(&self, port: &str) -> Option<&Artifact> {
        self.inputs(port).first()
    }

    /// The one file of an input port that must be there.
    ///
    /// # Errors
    /// `missing-input` when it was not given.
    pub fn require(&self, port: &str) -> Result<&Artifact, Failure> {
        self.input(port).ok_or_else(|| {
            Failure::new("missing-input", format!("the input `{port}` was not given"))
                .hint(format!("add `{port}:` under this stage's `with:` in the pipeline"))
        })
    }

    /// This attempt's own empty folder: everything is written here.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.request.scratch
    }

    /// How many threads to use, at least 1.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.request.limits.threads.max(1) as usize
    }

    /// The job this run belongs to.
    #[must_use]
    pub fn job(&self) -> &JobContext {
        &self.request.job
    }

    /// How many more runs of this plugin the job has that are given the same files on an input port, as far as is known: whether
    /// keeping something in this process for the next one is worth its price. What is made must not depend on it.
    #[must_use]
    pub fn to_come(&self, port: &str) -> u32 {
        self.request.to_come.get(port).copied().unwrap_or(0)
    }

    /// The value of a secret by its name.
    ///
    /// # Errors
    /// `missing-secret` when the studio does not provide it.
    pub fn secret(&self, name: &str) -> Result<&str, Failure> {
        self.request.secrets.0.get(name).map(String::as_str).ok_or_else(|| {
            Failure::new("missing-secret", format!("the secret `{name}` is not set")).hint(format!(
                "name it under `secrets:` in spotloom.yaml, as `{name}: {{env: VARIABLE}}` or `{{file: PATH}}`"
            ))
        })
    }

    /// Reports progress; also what tells the daemon that the stage is not stuck.
    pub fn progress(&self, done: u64, total: u64, message: impl Into<String>) {
        self.link.emit(&PluginMessage::Event(Event::Progress { done, total, message: message.into() }));
    }

    /// Writes to the job's log. `tracing` macros do the same and may carry fields.
    pub fn log(&self, level: Level, message: impl Into<String>) {
        self.link.emit(&PluginMessage::Event(Event::Log { level, message: message.into(), fields: Map::new() }));
    }

    /// Whether the run should end as soon as it can.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || {
            let cancelled = self.link.is_cancelled();
            if cancelled {
                self.stop.store(true, Ordering::Relaxed);
            }
            cancelled
        }
    }

    /// For use with `?` between steps.
    ///
    /// # Errors
    /// `cancelled`, which the SDK turns into the end `cancelled`.
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.is_cancelled() { Err(Failure::new(CANCELLED, "cancelled")) } else { Ok(()) }
    }

    pub(crate) fn link(&self) -> Arc<dyn Link> {
        Arc::clone(&self.link)
    }
}

/// The failure code that means "ended because it was asked to".
pub(crate) const CANCELLED: &str = "cancelled";
