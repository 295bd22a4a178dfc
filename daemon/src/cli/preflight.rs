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
use crate::pipeline::plan::{InputRef, PlannedTask};
use crate::registry::{Registry, TrustedPlugin};
use crate::studio::planning::Planned;
use crate::studio::{Studio, planning};
use crate::yaml::Node;

use super::ask::{Files, ask};

/// The parameter that turns a run into a question.
const PREFLIGHT: &str = "preflight";
/// Setting texts takes a fraction of a second; longer is a stage in trouble.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plans a brief and asks the stages of its plan: how `run`, `serve`, `plan`, `batch` and `validate` judge one.
///
/// # Errors
/// All mistakes of the brief and of the pipeline it names; when there are none, all that the stages found, each once.
pub(super) async fn judge(
    studio: &Studio,
    registry: &Registry,
    hosts: &HostPool,
    brief: &Node,
) -> Result<Planned, Diagnostics> {
    let planned = planning::plan_node(studio, registry, brief)?;
    let mut mistakes = Diagnostics::new();
    // What may fail without harm is no reason to refuse the brief.
    for task in planned.plan.tasks.iter().filter(|task| !task.continue_on_error) {
        let Some(plugin) = registry.get(&task.uses.id).filter(takes_it) else { continue };
        let Ok(scratch) = tempfile::tempdir() else { continue };
        let mut params = task.params.clone();
        params.insert(PREFLIGHT.into(), true.into());
        let limits = RunLimits { timeout: PATIENCE, ..RunLimits::default() };
        let end = ask(hosts, &plugin.file(), at_hand(task), &params.into(), scratch.path(), limits).await;
        let EndKind::Failed(failure) = end.kind else { continue };
        if failure.retryable {
            continue;
        }
        let mistake = told(failure, task, brief);
        // The same words do not fit in several shapes: once is enough.
        if !mistakes.iter().any(|m| m.code == mistake.code && m.place == mistake.place) {
            mistakes.push(mistake);
        }
    }
    if mistakes.is_empty() { Ok(planned) } else { Err(mistakes) }
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

/// Where the words stand that a message is about: it quotes them, or has the character that they have, or names them between
/// its first backticks. What is not in the brief is the brand's.
fn place(message: &str, locale: &str, brief: &Node) -> Place {
    let name = message.split('`').nth(1).unwrap_or_default();
    let character = message.split_once("(U+").and_then(|(_, rest)| rest.split(')').next());
    let character = character.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
    let meant = |node: &&Node| {
        let text = node.as_text().unwrap_or_default().trim();
        message.contains(&format!("\"{text}\"")) || character.is_some_and(|c| text.contains(c))
    };
    let scenes = brief.get("scenes").and_then(Node::as_sequence).unwrap_or_default();
    let own = scenes.iter().filter_map(|scene| scene.get(name));
    let shared = brief.get("copy").and_then(|copy| copy.get(name));
    let mut texts = own.chain(shared).map(|text| text.follow([locale]).0);
    let found = texts.find(meant).or_else(|| shared.map(|text| text.follow([locale]).0));
    found.unwrap_or_else(|| brief.follow(["brand"]).0).place()
}
