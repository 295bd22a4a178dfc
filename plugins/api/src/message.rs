//! The JSON messages: what a plugin says of itself, what it is asked, what it reports.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything a plugin can emit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum PluginMessage {
    /// The answer to `describe`.
    Description(Box<Description>),
    /// Something happened while a run goes on.
    Event(Event),
    /// The run is over; nothing may follow.
    End(End),
}

/// What a plugin is and takes. Cached by the daemon under the hash of the plugin's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name used after `uses:` in a pipeline: lower-case letters, digits and hyphens.
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// One sentence for `spotloom plugins list`.
    pub summary: String,
    #[serde(default)]
    pub resources: Resources,
    #[serde(default)]
    pub inputs: Vec<InputPort>,
    #[serde(default)]
    pub outputs: Vec<OutputPort>,
    /// JSON Schema of the parameters (`with:`), an object schema.
    pub params: Value,
    /// False for a stage that acts on the outside world (delivery): its result never comes from the cache.
    #[serde(default = "yes")]
    pub cacheable: bool,
}

fn yes() -> bool {
    true
}

/// What a stage uses while it runs; pools and rights are derived from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// CPU threads it can make good use of; 0 means as many as it is given.
    #[serde(default)]
    pub cpu: u32,
    /// Whether it can use an accelerator.
    #[serde(default)]
    pub gpu: bool,
    /// Whether it needs the network.
    #[serde(default)]
    pub net: bool,
}

/// A file input. In a pipeline it is written under `with:` like a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputPort {
    pub name: String,
    pub summary: String,
    #[serde(default)]
    pub required: bool,
    /// Takes a list of files.
    #[serde(default)]
    pub many: bool,
    /// Media types accepted, `*` allowed after the slash; empty means any.
    #[serde(default)]
    pub media: Vec<String>,
    /// When set, a plain name given here is looked up among the studio's own and then the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
}

/// Things a studio has by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// `models/NAME/` with a `model.yaml`
    Model,
    /// `brands/NAME/` with a `brand.yaml`
    Brand,
    /// `templates/overlays/NAME.svg`
    Look,
    /// `templates/prompts/NAME.yaml`
    PromptTemplate,
    /// `templates/notifications/NAME/`
    NotificationTemplate,
    /// `pipelines/presets/NAME.yaml`
    Preset,
    /// A file of the studio, by its path inside it.
    Asset,
}

/// A file a successful run hands on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputPort {
    pub name: String,
    pub summary: String,
    /// The media type of the file.
    pub media: String,
    #[serde(default)]
    pub many: bool,
}

/// What a run is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// Unique per attempt; every message of the host carries it.
    pub run: String,
    /// The parameters, checked against the plugin's schema before.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Files by input port.
    #[serde(default)]
    pub inputs: BTreeMap<String, Vec<Artifact>>,
    /// An empty folder of this attempt's own. Everything written goes here.
    pub scratch: PathBuf,
    #[serde(default)]
    pub limits: Limits,
    /// Values of the secrets the parameters name; never logged.
    #[serde(default)]
    pub secrets: Secrets,
    #[serde(default)]
    pub job: JobContext,
    /// By input port: how many more runs of this plugin the job has that are given the same files there, as far as is known;
    /// ports without any are left out. What a run makes must not depend on it: it says whether keeping something for the
    /// next one is worth its price.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub to_come: BTreeMap<String, u32>,
}

/// What the run may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Threads to use.
    pub threads: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { threads: 1 }
    }
}

/// An immutable input file (or folder, for models, brands and template folders).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Absolute path; read-only.
    pub path: PathBuf,
    /// Content hash in lower-case hex. For a folder, the hash over its sorted relative paths and file hashes.
    pub sha256: String,
    pub media: String,
    /// A file name fit for people, without folders.
    pub name: String,
    /// What the stage that made it said of it (width, height, seconds, …).
    #[serde(default)]
    pub facts: Map<String, Value>,
}

/// Secret values by name. `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secrets(pub BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The job this run belongs to, for messages to people and names of files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobContext {
    /// The ledger's number of the job.
    pub id: String,
    pub task: String,
    pub attempt: u32,
    pub campaign: String,
    pub title: String,
    pub brand: String,
    pub version: u32,
    /// `accepted`, `running`, `delivered`, `failed`, `cancelled`: what there is to tell when the run starts.
    #[serde(default)]
    pub outcome: Outcome,
    /// Why the job failed: the cause of the first task that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// What was made again with another seed before this run, because a check refused it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reseeded: Vec<Reseeded>,
}

/// A task that ran again with another seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reseeded {
    pub task: String,
    /// Why each earlier result was thrown away, in order: as many as seeds were tried in vain.
    pub because: Vec<String>,
}

/// What there is to tell of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    #[default]
    Running,
    Accepted,
    Delivered,
    Failed,
    Cancelled,
}

/// The cause of a job's failure as stakeholders are told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskFailure {
    pub task: String,
    pub failure: Failure,
}

/// What happens during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Progress {
        /// Steps done so far.
        done: u64,
        /// Steps in all; 0 when unknown.
        total: u64,
        #[serde(default)]
        message: String,
    },
    Log {
        level: Level,
        message: String,
        #[serde(default)]
        fields: Map<String, Value>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// How a run ended, in the plugin's own words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    Succeeded {
        /// Files by output port.
        outputs: BTreeMap<String, Vec<Output>>,
        /// Figures for the report (steps, seconds, warnings, …).
        #[serde(default)]
        facts: Map<String, Value>,
    },
    Failed(Failure),
    /// It did its work, and the answer is that the job must not go on with what it was given: a failure, and the files
    /// that show why. They are kept, shown to people, and never the input of an ordinary task.
    Refused {
        failure: Box<Failure>,
        /// Files by output port.
        outputs: BTreeMap<String, Vec<Output>>,
        /// Figures for the report.
        #[serde(default)]
        facts: Map<String, Value>,
    },
    Cancelled,
}

/// A file a run made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Inside the run's scratch folder.
    pub path: PathBuf,
    pub media: String,
    /// A file name fit for people; the path's own when empty.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub facts: Map<String, Value>,
}

/// Why a run failed, for a machine (`code`, `retryable`) and for a person (`message`, `hint`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// kebab-case, stable: `missing-input`, `bad-media`, `model-invalid`, `smtp-rejected`, `panicked`, …
    pub code: String,
    /// What went wrong, with names and figures, in one sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether trying again unchanged can help.
    #[serde(default)]
    pub retryable: bool,
    /// When retryable: not before so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<f64>,
}

impl Failure {
    /// A failure that trying again will not cure.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None, retryable: false, retry_after_s: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks it as worth another try.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
