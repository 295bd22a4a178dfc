//! What is told: the event's type, id and body.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spotloom_plugin_sdk::api::JobContext;
use spotloom_plugin_sdk::prelude::*;

/// What happened to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Accepted,
    Delivered,
    Failed,
}

impl Event {
    /// A job that still runs when this stage does is handing over its files.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Running | Outcome::Delivered => Self::Delivered,
            Outcome::Failed | Outcome::Cancelled => Self::Failed,
        }
    }

    /// The `type` of the event.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "spot.accepted",
            Self::Delivered => "spot.delivered",
            Self::Failed => "spot.failed",
        }
    }
}

/// Made of the job and task only, so that every retry has the same id and a receiver can tell repeats.
pub(crate) fn id(event: Event, job: &JobContext) -> String {
    let mut hasher = Sha256::new();
    for part in [event.name(), &job.id, &job.task, &job.campaign, &job.title, &job.version.to_string()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash: String = hasher.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect();
    // The id is part of the signed text, where `.` separates; job ids are numbers today, and this keeps it so.
    let job: String = job.id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("msg_{job}_{hash}")
}

/// The body as it is signed and sent.
pub(crate) fn body(event: Event, now: jiff::Timestamp, run: &Run) -> Result<Vec<u8>, Failure> {
    let job = run.job();
    let files = run.inputs("files").iter().map(file).collect::<Result<Vec<_>, Failure>>()?;
    let mut data = json!({
        "job": job.id,
        "campaign": job.campaign,
        "title": job.title,
        "brand": job.brand,
        "version": job.version,
        "files": files,
    });
    if let Some(poster) = run.input("poster") {
        data["poster"] = file(poster)?;
    }
    if let (Event::Failed, Some(cause)) = (event, &job.failure) {
        let f = &cause.failure;
        data["failure"] = json!({"task": cause.task, "code": f.code, "message": f.message, "hint": f.hint});
    }
    Ok(json!({"type": event.name(), "timestamp": now.to_string(), "data": data}).to_string().into_bytes())
}

fn file(artifact: &Artifact) -> Result<Value, Failure> {
    let bytes = std::fs::metadata(&artifact.path).map_err(|e| io_failure("read", &artifact.path, &e))?.len();
    Ok(json!({
        "name": artifact.name,
        "sha256": artifact.sha256,
        "media": artifact.media,
        "bytes": bytes,
        "facts": artifact.facts,
    }))
}
