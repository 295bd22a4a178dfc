//! `spotloom plan`: what a brief will do, before it does it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Serialize;

use crate::artifacts::{Store, cache_key};
use crate::engine;
use crate::host::{HostOptions, HostPool};
use crate::ids::{Sha256, TaskKey};
use crate::ledger::{CacheEntry, Ledger};
use crate::pipeline::plan::{InputRef, Plan, PlannedTask, PluginRef, Trigger};
use crate::registry::Registry;
use crate::studio::{Studio, files};
use crate::yaml;

use super::exit::{Done, Exit};
use super::preflight;
use super::term::{Term, table};

/// A task as `plan` shows it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    task: &'a PlannedTask,
    /// Whether its result is in the cache already; unknown (`null`) behind a task whose result is not.
    cached: Option<bool>,
}

pub(super) async fn plan(studio: Studio, brief: &Path, term: Term) -> Done {
    let bytes = files::read(brief)?;
    let hosts = HostPool::new(HostOptions::default());
    let registry = engine::open_registry(&studio, &hosts).await?;
    let node = yaml::parse(&brief.display().to_string(), &bytes)?;
    let planned = preflight::judge(&studio, &registry, &hosts, &node).await?;
    let ledger = engine::open_ledger(&studio)?;
    let cached = predict(&planned.plan, &registry, &ledger, &Store::open(&studio.state()).map_err(broken)?);
    let plan = &planned.plan;
    let rows: Vec<Row<'_>> =
        plan.tasks.iter().map(|task| Row { task, cached: cached.get(&task.key).copied() }).collect();
    term.give(&serde_json::json!({
        "campaign": plan.campaign, "title": plan.title, "pipeline": plan.pipeline, "tasks": rows,
    }));

    term.say(format!(
        "{} / {}: {} tasks by the pipeline `{}`\n",
        plan.campaign,
        plan.title,
        plan.tasks.len(),
        plan.pipeline
    ));
    let mut lines = vec![["TASK", "STAGE", "CACHE", "NEEDS"].map(str::to_owned).to_vec()];
    for Row { task, cached } in &rows {
        let cache = match (task.cache, cached) {
            (false, _) => "-",
            (true, Some(true)) => "yes",
            (true, Some(false)) => "no",
            (true, None) => "depends",
        };
        let when = match task.trigger {
            Trigger::Needs => task.needs.iter().map(TaskKey::as_str).collect::<Vec<_>>().join(", "),
            Trigger::OnAccepted => "when accepted".into(),
            Trigger::OnDelivered => "when delivered".into(),
            Trigger::OnFailed => "when failed".into(),
        };
        lines.push(vec![task.key.to_string(), task.uses.id.clone(), cache.into(), when]);
    }
    term.say(table(&lines).trim_end());
    hosts.shutdown().await;
    Ok(Exit::Done)
}

fn broken(e: std::io::Error) -> crate::error::Diagnostic {
    crate::error::Diagnostic::new("io", e.to_string())
}

/// Follows the plan through the cache as far as results are known.
fn predict(plan: &Plan, registry: &Registry, ledger: &dyn Ledger, store: &Store) -> HashMap<TaskKey, bool> {
    let mut known: HashMap<TaskKey, CacheEntry> = HashMap::new();
    let mut verdicts = HashMap::new();
    for task in &plan.tasks {
        let Some(hashes) = hashes(task, &known) else { continue };
        let Some(plugin) = registry.get(&task.uses.id).filter(|_| task.cache) else { continue };
        let identity = PluginRef { sha256: plugin.sha256, ..task.uses.clone() };
        let entry = ledger.cache_get(cache_key(&identity, &task.params, &hashes).as_str()).ok().flatten();
        let entry = entry.filter(|e| e.outputs.values().flatten().all(|a| store.holds(&a.sha256, a.bytes)));
        verdicts.insert(task.key.clone(), entry.is_some());
        if let Some(entry) = entry {
            known.insert(task.key.clone(), entry);
        }
    }
    verdicts
}

fn hashes(task: &PlannedTask, known: &HashMap<TaskKey, CacheEntry>) -> Option<BTreeMap<String, Vec<Sha256>>> {
    let mut all = BTreeMap::new();
    for (port, inputs) in &task.inputs {
        let list: &mut Vec<Sha256> = all.entry(port.clone()).or_default();
        for input in inputs {
            match input {
                InputRef::File { sha256, .. } => list.push(sha256.clone()),
                InputRef::Output { task, output } => {
                    list.extend(known.get(task)?.outputs.get(output)?.iter().map(|a| a.sha256.clone()));
                }
            }
        }
    }
    Some(all)
}
