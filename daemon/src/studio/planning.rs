//! From a brief to a plan that can be submitted. Before a job is made of it, `cli::preflight` also asks the stages.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use spotloom_plugin_api::Resource;

use crate::brief::Brief;
use crate::error::{Diagnostic, Diagnostics};
use crate::ids::Sha256;
use crate::ledger::NewJob;
use crate::pipeline::plan::Plan;
use crate::pipeline::{self, Pipeline};
use crate::registry::Registry;
use crate::yaml::{self, Node};

use super::{Studio, StudioCatalog, files};

/// A brief with its plan.
pub struct Planned {
    pub plan: Plan,
    /// `campaign/title`, as folders: what versions are counted in.
    pub series: String,
    pub stakeholders: Value,
}

/// Judges a brief completely and freezes its plan. Nothing is written or started.
///
/// # Errors
/// Everything that is wrong with it, and with the pipeline it names.
pub fn plan_node(studio: &Studio, registry: &Registry, node: &Node) -> Result<Planned, Diagnostics> {
    let catalog = StudioCatalog::new(studio, registry);
    let all = pipelines(studio);
    let path_of = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, path)| path);
    let named = |mistakes| {
        let known: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let meant = node.get("pipeline").and_then(Node::as_text).and_then(path_of);
        // A pipeline with mistakes of its own is judged once the brief has none.
        let meant = meant.and_then(|path| load_pipeline(studio, path).ok());
        pipeline::with_names(mistakes, node, &catalog, &known, meant.as_ref())
    };
    let brief = Brief::from_node(node).map_err(named)?;
    let Some(path) = path_of(&brief.pipeline) else {
        return Err(named(Diagnostics::new()));
    };
    let pipeline = load_pipeline(studio, path)?;
    let plan = pipeline::expand(&pipeline, &brief, &catalog)?;
    check_pools(studio, &plan)?;
    let series = format!("{}/{}", pipeline::slug(&plan.campaign), pipeline::slug(&plan.title));
    let stakeholders = brief.to_json().get("stakeholders").cloned().unwrap_or_default();
    Ok(Planned { plan, series, stakeholders })
}

impl Planned {
    /// A job to submit. The caller sets `intake_id`.
    #[must_use]
    pub fn into_job(self, name: &str, sha256: Sha256, source: &str) -> NewJob {
        NewJob {
            plan: self.plan,
            series: self.series,
            brief_name: name.into(),
            brief_sha256: sha256,
            intake_id: String::new(),
            source: source.into(),
            priority: 0,
            stakeholders: self.stakeholders,
        }
    }
}

/// All pipelines by name, the studio's own before the built-in ones.
#[must_use]
pub fn pipelines(studio: &Studio) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for root in studio.roots() {
        let Ok(entries) = fs::read_dir(root.join("pipelines")) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            if path.extension().is_some_and(|e| e == "yaml") && !found.iter().any(|(n, _)| *n == name) {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

fn load_pipeline(studio: &Studio, path: &Path) -> Result<Pipeline, Diagnostics> {
    let shown = path.strip_prefix(&studio.root).unwrap_or(path).display().to_string();
    let bytes = files::read(path).map_err(|d| vec![d])?;
    Pipeline::from_node(&yaml::parse(&shown, &bytes)?)
}

/// A task in a pool that no agent serves would wait for ever.
fn check_pools(studio: &Studio, plan: &Plan) -> Result<(), Diagnostics> {
    let pools = &studio.config.pools.0;
    let known = |pool: &str| match pools.get(pool) {
        Some(size) => *size > 0,
        None => ["cpu", "gpu", "net"].contains(&pool),
    };
    let mut problems = Diagnostics::new();
    for task in plan.tasks.iter().filter(|t| !known(&t.pool)) {
        problems.push(
            Diagnostic::new(
                "unknown-pool",
                format!("the stage `{}` wants the pool `{}`, which there is not", task.stage, task.pool),
            )
            .hint(format!("add `{}: 1` under `pools:` in spotloom.yaml, or name another", task.pool)),
        );
    }
    problems.dedup();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Names of a kind of thing the studio has.
#[must_use]
pub fn names(studio: &Studio, kind: Resource) -> Vec<String> {
    let roots = studio.roots();
    let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    super::resources::names(&roots, kind)
}
