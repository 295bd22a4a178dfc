//! A question to a stage outside of any job: what it says of files of the studio that it would be given in one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use spotloom_plugin_api::{Artifact, JobContext, Limits, RunRequest, Secrets};
use tokio::sync::{mpsc, watch};

use crate::host::{HostPool, PluginFile, RunEnd, RunLimits};

/// Files by the inputs they are given to.
pub(super) type Files = BTreeMap<String, Vec<Artifact>>;

/// Runs a stage once on files of the studio. What it makes lies in `scratch`.
pub(super) async fn ask(
    hosts: &HostPool,
    plugin: &PluginFile,
    inputs: Files,
    params: &Value,
    scratch: &Path,
    limits: RunLimits,
) -> RunEnd {
    let request = RunRequest {
        run: format!("ask-{}", plugin.id),
        params: params.as_object().cloned().unwrap_or_default(),
        inputs,
        scratch: scratch.to_path_buf(),
        limits: Limits { threads: 1 },
        secrets: Secrets::default(),
        job: JobContext::default(),
        to_come: BTreeMap::new(),
    };
    let (events, _seen) = mpsc::unbounded_channel();
    let (_keep, cancel) = watch::channel(false);
    hosts.run(plugin, request, limits, events, cancel).await
}

/// A folder as an input's only file.
pub(super) fn one_folder(input: &str, folder: &Path) -> Files {
    let artifact = Artifact {
        path: folder.to_path_buf(),
        sha256: String::new(),
        media: "inode/directory".into(),
        name: folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        facts: Map::new(),
    };
    Files::from([(input.to_owned(), vec![artifact])])
}
