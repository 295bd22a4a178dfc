//! Settings of a studio: `spotloom.yaml`. Every field has a default, so an empty file is a valid one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The studio's settings (`spotloom.yaml`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// How briefs are taken in.
    pub intake: Intake,
    /// Where finished spots are put, inside the studio or absolute.
    pub deliveries: Deliveries,
    /// How many tasks of a kind run at once: `cpu`, `gpu`, `net`, or pools of your own.
    #[schemars(with = "BTreeMap<String, u32>")]
    pub pools: Pools,
    /// What keeps the machine healthy.
    pub limits: LimitsConfig,
    /// The mail server, webhook receivers and folders that briefs may name.
    pub channels: Channels,
    /// Where secret values come from, by name. Values never stand in this file.
    pub secrets: BTreeMap<String, SecretSource>,
}

/// How briefs are taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Intake {
    /// The folder to drop briefs into, inside the studio.
    pub folder: PathBuf,
    /// Seconds a file must stay unchanged before it is taken: same size, time and inode.
    #[schemars(range(min = 0.05, max = 3600.0))]
    pub settle: f64,
    /// Seconds between scans; what catches files that no event told of (network folders).
    #[schemars(range(min = 0.05, max = 3600.0))]
    pub poll: f64,
    /// Take NAME only once a file NAME.ready lies beside it.
    pub ready_marker: bool,
}

impl Default for Intake {
    fn default() -> Self {
        Self { folder: "briefs".into(), settle: 5.0, poll: 10.0, ready_marker: false }
    }
}

/// A folder for finished spots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Deliveries(pub PathBuf);

impl Default for Deliveries {
    fn default() -> Self {
        Self("deliveries".into())
    }
}

/// Pool sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pools(pub BTreeMap<String, u32>);

impl Default for Pools {
    fn default() -> Self {
        Self(BTreeMap::from([("cpu".into(), 1), ("gpu".into(), 1), ("net".into(), 4)]))
    }
}

impl Pools {
    /// The size of a pool; one that is not named has one place.
    #[must_use]
    pub fn size(&self, pool: &str) -> u32 {
        self.0.get(pool).copied().unwrap_or(if pool == "net" { 4 } else { 1 })
    }
}

/// What keeps the machine healthy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// No work is started with fewer megabytes free on the studio's disk.
    pub min_free_disk_mb: u64,
    /// Address space a plugin may take, in megabytes; 0 means no limit.
    pub plugin_memory_mb: u64,
    /// Threads a stage may use; 0 means one for each core.
    pub threads: u32,
    /// Seconds a cancelled plugin has to end by itself before it is killed.
    pub grace_s: f64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { min_free_disk_mb: 2000, plugin_memory_mb: 0, threads: 0, grace_s: 10.0 }
    }
}

/// Ways out of the studio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Channels {
    /// Parameters of the `email` plugin for every mail: `server`, `from`, …
    pub email: Option<Map<String, Value>>,
    /// By the name briefs use: parameters of the `webhook` plugin, `url` and `secret` at least.
    pub webhooks: BTreeMap<String, Map<String, Value>>,
    /// By the name briefs use: parameters of the `folder` plugin, `root` at least.
    pub folders: BTreeMap<String, Map<String, Value>>,
}

/// Where a secret's value comes from: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretSource {
    /// An environment variable of the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// A file, absolute or inside the studio; a final line break is not part of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}
