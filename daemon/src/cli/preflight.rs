//! What can be told before anything is generated: whether the words can be set, in every language and shape of the plan.
//!
//! A stage that takes the parameter `preflight` is asked, for each of its tasks, whether it could do what the plan wants with
//! the files that are there; what other tasks have yet to make is left out. Only what the stage itself calls a mistake counts: a
//! host that doesn't start, or takes too long, is the job's business.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use spotloom_plugin_api::{Artifact, Failure};

use crate::error::{Diagnostic, Diagnostics, Place};
use crate::host::{EndKind, HostPool, RunLimits};
use crate::pipeline::plan::{InputRef, Plan, PlannedTask};
use crate::registry::{Registry, TrustedPlugin};
use crate::yaml::Node;

use super::ask::{Files, ask};

/// The parameter that turns a run into a question.
const PREFLIGHT: &str = "preflight";
/// Setting texts takes a fraction of a second; longer is a stage in trouble.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the stages of a plan; `brief` is what it was made from.
///
/// # Errors
/// All mistakes, each once, at the nearest place of the brief.
pub(super) async fn check(registry: &Registry, hosts: &HostPool, plan: &Plan, brief: &Node) -> Result<(), Diagnostics> {
    let mut mistakes = Diagnostics::new();
    for task in &plan.tasks {
        let Some(plugin) = registry.get(&task.uses.id).filter(takes_it) else { continue };
        let Ok(scratch) = tempfile::tempdir() else { continue };
        let mut params = task.params.clone();
        params.insert(PREFLIGHT.into(), true.into());
        let limits = RunLimits { timeout: PATIENCE, ..RunLimits::default() };
        let end = ask(hosts, &plugin.file(), at_hand(task), params, scratch.path(), limits).await;
        if let EndKind::Failed(failure) = end.kind {
            let mistake = told(failure, task, brief);
            // The same words do not fit in several shapes: once is enough.
            let same = |m: &Diagnostic| m.code == mistake.code && m.place == mistake.place;
            if !mistakes.iter().any(same) {
                mistakes.push(mistake);
            }
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

fn takes_it(plugin: &TrustedPlugin) -> bool {
    plugin.description.params.pointer("/properties").and_then(|p| p.get(PREFLIGHT)).is_some()
}

/// A task's files that lie in the studio already.
fn at_hand(task: &PlannedTask) -> Files {
    let file = |input: &InputRef| match input {
        InputRef::File { path, name, media, sha256, .. } => Some(Artifact {
            path: PathBuf::from(path),
            sha256: sha256.0.clone(),
            media: media.clone(),
            name: name.clone(),
            facts: Map::new(),
        }),
        InputRef::Output { .. } => None,
    };
    let port = |(name, list): (&String, &Vec<InputRef>)| (name.clone(), list.iter().filter_map(file).collect());
    task.inputs.iter().map(port).filter(|(_, files): &(String, Vec<Artifact>)| !files.is_empty()).collect()
}

/// What a stage said, with the place of the words it names and the shape and language it was about.
fn told(failure: Failure, task: &PlannedTask, brief: &Node) -> Diagnostic {
    let key = task.key.as_str();
    let about = key.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']')).map(|rest| rest.replace(',', ", "));
    let message = match about {
        Some(about) => format!("{} ({about})", failure.message),
        None => failure.message.clone(),
    };
    let locale = task.params.get("locale").and_then(Value::as_str).unwrap_or_default();
    let mistake = Diagnostic::new(&failure.code, message).at(place(&failure.message, locale, brief));
    Diagnostic { hint: failure.hint, ..mistake }
}

/// Where the text stands that a message names between its first backticks.
fn place(message: &str, locale: &str, brief: &Node) -> Place {
    let name = message.split('`').nth(1).unwrap_or_default();
    // A scene's own headline goes before the ad's.
    for scene in brief.get("scenes").and_then(Node::as_sequence).unwrap_or_default() {
        let (text, led) = scene.follow([name, locale]);
        let quoted = text.as_text().is_some_and(|text| message.contains(&format!("\"{}\"", text.trim())));
        if (led || scene.get(name).is_some()) && quoted {
            return text.place();
        }
    }
    let (text, led) = brief.follow(["copy", name]);
    if led { text.follow([locale]).0.place() } else { brief.follow(["copy"]).0.place() }
}
