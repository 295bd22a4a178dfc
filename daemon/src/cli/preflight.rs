//! What can be told before anything is generated: whether the words can be set, in every language and shape of the plan, and
//! whether the platforms take a spot as long as this one, with its codes.
//!
//! A stage that takes the parameter `preflight` is asked, for each of its tasks, whether it could do what the plan wants with
//! the files that are there; what other tasks have yet to make is left out. Only what the stage itself calls a mistake counts: a
//! host that doesn't start, or takes too long, is the job's business.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use spotloom_plugin_api::{Artifact, Failure};

use crate::error::{self, Diagnostic, Diagnostics};
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
/// Times that a stage is asked about one task, each time without the words that were wrong before.
const MOST_ASKED: usize = 8;
/// Fits everywhere, and every font for a language has it or falls back on one that does.
const SHORT: &str = "A";

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
    let mut codes = Codes::default();
    // What may fail without harm is no reason to refuse the brief.
    for task in planned.plan.tasks.iter().filter(|task| !task.continue_on_error) {
        let Some(plugin) = registry.get(&task.uses.id).filter(|plugin| takes_it(plugin, task)) else { continue };
        let mut params = Value::Object(task.params.clone());
        params[PREFLIGHT] = true.into();
        let mut files = at_hand(task);
        // A stage stops at the first mistake: without what it is about, it tells the next.
        for _ in 0..MOST_ASKED {
            let Ok(scratch) = tempfile::tempdir() else { break };
            let limits = RunLimits { timeout: PATIENCE, ..RunLimits::default() };
            let end = ask(hosts, &plugin.file(), files.clone(), &params, scratch.path(), limits).await;
            let failure = match end.kind {
                EndKind::Failed(failure) if !failure.retryable => failure,
                EndKind::Succeeded { facts, .. } => {
                    codes.add(task, &facts);
                    break;
                }
                _ => break,
            };
            let words = about(&failure.message, locale(task), brief);
            // A code that can't be is one of a language; what else is wrong, and no text, is about a platform.
            let code = (failure.code == "bad-code").then(|| brief.follow(["codes", "clock_number", locale(task)]).0);
            let mute = (failure.code == "no-sound").then(|| mute(&failure.message, brief)).flatten();
            let output = words.or(code).or(mute).is_none().then(|| output(&failure.message, brief)).flatten();
            let node = words.or(code).or(mute).or(output).unwrap_or_else(|| brief.follow(["brand"]).0);
            let mistake = told(failure, task, node);
            // The same words do not fit in several shapes: once is enough.
            if !mistakes.iter().any(|m| m.code == mistake.code && m.place == mistake.place) {
                mistakes.push(mistake);
            }
            let text = |node: Option<&Node>| node.and_then(Node::as_text).map(|text| text.trim().to_owned());
            let left_out = match (text(words), text(output)) {
                (Some(words), _) => leave_out(&mut params, &words),
                (None, Some(output)) => without(&mut files, &output),
                (None, None) => 0,
            };
            if left_out == 0 {
                break;
            }
        }
    }
    mistakes.extend(codes.mistakes(brief));
    error::sort(&mut mistakes);
    if mistakes.is_empty() { Ok(planned) } else { Err(mistakes) }
}

/// Whether a stage can say something of a task. What it judges by, `x-needs` of the parameter, may not be given: then no host is
/// started for it.
fn takes_it(plugin: &TrustedPlugin, task: &PlannedTask) -> bool {
    let property = plugin.description.params.get("properties").and_then(|all| all.get(PREFLIGHT));
    let given = |name: &str| task.params.get(name).is_some_and(|value| !value.is_null());
    property.is_some_and(|p| p.get("x-needs").and_then(Value::as_str).is_none_or(given))
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

/// What a stage said about a node of the brief, with the shape and language it was about.
fn told(failure: Failure, task: &PlannedTask, node: &Node) -> Diagnostic {
    let key = task.key.as_str();
    let about = key.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']')).map(|rest| rest.replace(',', ", "));
    let message = match about {
        Some(about) => format!("{} ({about})", failure.message),
        None => failure.message,
    };
    let mistake = Diagnostic::new(&failure.code, message).at(node.place());
    Diagnostic { hint: failure.hint, ..mistake }
}

fn locale(task: &PlannedTask) -> &str {
    task.params.get("locale").and_then(Value::as_str).unwrap_or_default()
}

/// The words that a message is about: it quotes them, or has the character that they have, or names them between
/// its first backticks. What is not in the brief is the brand's.
fn about<'a>(message: &str, locale: &str, brief: &'a Node) -> Option<&'a Node> {
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
    // What stands on a slate.
    let names =
        [brief.get("title"), brief.get("campaign"), brief.get("product").and_then(|product| product.get("name"))];
    let names = names.into_iter().flatten().filter(|_| character.is_some());
    let mut texts = own.chain(shared).chain(names).map(|text| text.follow([locale]).0);
    texts.find(meant).or_else(|| shared.map(|text| text.follow([locale]).0))
}

/// The output of the brief that a message names, the first of them.
fn output<'a>(message: &str, brief: &'a Node) -> Option<&'a Node> {
    let outputs = brief.get("outputs").and_then(Node::as_sequence).unwrap_or_default();
    let named = |word: &str| outputs.iter().find(|node| node.as_text().is_some_and(|name| name.trim() == word));
    message.split_whitespace().find_map(|word| named(word.trim_matches(|c: char| ",;:.`".contains(c))))
}

/// Where the first of the footage that a message names is to be heard.
fn mute<'a>(message: &str, brief: &'a Node) -> Option<&'a Node> {
    let scenes = brief.get("scenes").and_then(Node::as_sequence).unwrap_or_default();
    let named = |scene: &&Node| {
        let footage = scene.get("footage").and_then(Node::as_text).map(str::trim).unwrap_or_default();
        !footage.is_empty() && message.contains(footage.rsplit('/').next().unwrap_or(footage))
    };
    scenes.iter().filter(named).find_map(|scene| scene.get("keep_sound"))
}

/// Leaves out the file of a preset; how often it was there.
fn without(files: &mut Files, preset: &str) -> usize {
    let mut count = 0;
    for list in files.values_mut() {
        let before = list.len();
        let name = |file: &Artifact| file.name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned();
        list.retain(|file| name(file) != preset);
        count += before - list.len();
    }
    count
}

/// The files that are called by a code, each with the task that makes it: a code names one file.
#[derive(Default)]
struct Codes<'a>(Vec<(String, &'a str)>);

impl<'a> Codes<'a> {
    fn add(&mut self, task: &'a PlannedTask, facts: &Map<String, Value>) {
        let names = facts.get("codes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        self.0.extend(names.map(|name| (name.to_owned(), task.key.as_str())));
    }

    fn mistakes(&self, brief: &Node) -> Diagnostics {
        let mut mistakes = Diagnostics::new();
        for (i, (name, task)) in self.0.iter().enumerate() {
            let earlier = self.0[..i].iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            let Some((_, other)) = earlier else { continue };
            let message = format!("two masters would be called {name}: {other} and {task}");
            mistakes.push(
                Diagnostic::new("duplicate-name", message)
                    .at(brief.follow(["codes"]).0.place())
                    .hint("a code names one file: give each language a code of its own, like `ad_id: {en: …, es: …}`"),
            );
        }
        mistakes
    }
}

/// Puts something short in the place of these words; how often they were there.
fn leave_out(params: &mut Value, words: &str) -> usize {
    match params {
        Value::String(text) if text.trim() == words && words != SHORT => {
            *text = SHORT.into();
            1
        }
        Value::Array(items) => items.iter_mut().map(|item| leave_out(item, words)).sum(),
        Value::Object(fields) => fields.values_mut().map(|value| leave_out(value, words)).sum(),
        _ => 0,
    }
}
