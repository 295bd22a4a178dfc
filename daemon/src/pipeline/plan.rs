//! The frozen plan: what a job will do, decided before anything runs. YAML is never read again after this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use spotloom_plugin_api::Resource;

use crate::artifacts::hash_bytes;
use crate::ids::{Sha256, TaskKey};

/// A brief and its pipeline, expanded and resolved: a DAG of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub campaign: String,
    pub title: String,
    pub brand: String,
    pub pipeline: String,
    /// Hash over everything that shapes what is delivered: the same hash is the same version. Who is told, and where the
    /// files go, makes no new one.
    pub content_sha256: Sha256,
    /// In an order in which every task comes after those it needs.
    pub tasks: Vec<PlannedTask>,
}

/// One task of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedTask {
    pub key: TaskKey,
    /// The stage of the pipeline it was expanded from (`deliver` and `notify` for the implied ones).
    pub stage: String,
    /// The plugin's id, version and content hash.
    pub uses: PluginRef,
    pub params: Map<String, Value>,
    /// Files by input port.
    pub inputs: BTreeMap<String, Vec<InputRef>>,
    /// Tasks that must have ended well before, those behind `inputs` included. Sorted, no duplicates.
    pub needs: Vec<TaskKey>,
    pub trigger: Trigger,
    pub retry: Retry,
    /// Per attempt.
    pub timeout_s: f64,
    /// Time without a sign of life from the plugin.
    pub stall_timeout_s: f64,
    /// Whether the result may come from the stage cache.
    pub cache: bool,
    /// The pool that limits how many such tasks run at once: `cpu`, `gpu`, `net`, or the studio's own.
    pub pool: String,
    /// Its failure does not fail the job, and tasks that need it are skipped.
    pub continue_on_error: bool,
    /// Names of secrets its parameters refer to.
    pub secrets: Vec<String>,
    /// What is made again with another seed when this task refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseed: Option<Reseed>,
}

/// The parameter that a task made again with another seed gets: what is added to its seed.
pub const SEED_OFFSET: &str = "seed-offset";

/// Which task is run again with another seed, and how often at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reseed {
    /// Everything else that needs its files also needs the task that judges it, so nothing has begun with them.
    pub task: TaskKey,
    pub retries: u32,
}

/// A plugin as it was when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRef {
    pub id: String,
    pub version: String,
    pub sha256: Sha256,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum InputRef {
    /// All files that another task put on an output port.
    Output { task: TaskKey, output: String },
    /// A file or folder of the studio (or a built-in one), as it was when the plan was made.
    File {
        /// `None` for a plain asset.
        resource: Option<Resource>,
        /// Absolute.
        path: String,
        /// A file name fit for people.
        name: String,
        media: String,
        sha256: Sha256,
    },
}

/// When a task becomes ready, besides its needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// As soon as its needs are met: the ordinary work of the job.
    Needs,
    /// Once the job is in the ledger.
    OnAccepted,
    /// Once all ordinary tasks have ended well.
    OnDelivered,
    /// Once the job has failed; such a task ignores the failure of others.
    OnFailed,
}

/// How often to try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// The first try included.
    pub max_attempts: u32,
    /// Seconds before the second attempt; doubles with each further one, up to an hour.
    pub backoff_s: f64,
}

impl Plan {
    /// The plan of these tasks, with its content hash.
    #[must_use]
    pub fn new(campaign: String, title: String, brand: String, pipeline: String, tasks: Vec<PlannedTask>) -> Self {
        let work: Vec<Value> = tasks
            .iter()
            .filter(|t| t.stage != "deliver" && t.stage != "notify")
            .map(|t| json!([t.key, t.uses, t.params, t.inputs]))
            .collect();
        let content_sha256 = hash_bytes(json!([campaign, title, brand, work]).to_string().as_bytes());
        Self { campaign, title, brand, pipeline, content_sha256, tasks }
    }

    /// The task of that key.
    #[must_use]
    pub fn task(&self, key: &TaskKey) -> Option<&PlannedTask> {
        self.tasks.iter().find(|t| t.key == *key)
    }
}
