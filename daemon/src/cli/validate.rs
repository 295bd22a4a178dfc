//! `spotloom validate`: briefs, pipelines, presets, brands, models and settings; all mistakes at once.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::engine;
use crate::error::Diagnostics;
use crate::host::{HostOptions, HostPool};
use crate::pipeline::Pipeline;
use crate::registry::Registry;
use crate::studio::files::{self, yaml_files};
use crate::studio::open::{SETTINGS, read_config};
use crate::studio::{Studio, StudioCatalog, catalog};
use crate::yaml::{self, Node};

use super::brand;
use super::exit::{Done, Exit};
use super::preflight;
use super::term::Term;

/// What a YAML file is, by its name and place first, by its fields otherwise.
enum Kind {
    Settings,
    Checked(&'static str),
    Pipeline,
    Brief,
    /// Not one of ours: prompt templates and the like have checks of their own.
    Other,
}

pub(super) async fn validate(studio: Studio, paths: &[PathBuf], term: Term) -> Done {
    let hosts = HostPool::new(HostOptions::default());
    let registry = engine::open_registry(&studio, &hosts).await?;
    let mut files = Vec::new();
    let mut problems = Diagnostics::new();
    for path in paths {
        if path.is_dir() {
            files.extend(yaml_files(path));
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        term.say("There is no .yaml file to check.");
    }
    let mut checked = Vec::new();
    for file in &files {
        let (sheet, found) = match check(&studio, &registry, &hosts, file).await {
            Ok(sheet) => (sheet, Diagnostics::new()),
            Err(found) => (None, found),
        };
        checked.push(json!({ "file": file, "mistakes": found.len(), "sheet": sheet }));
        if found.is_empty() {
            term.say(format!("ok   {}", file.display()));
        }
        if let Some(sheet) = sheet {
            term.say(format!("     the brand sheet: {}", sheet.display()));
        }
        problems.extend(found);
    }
    hosts.shutdown().await;
    if problems.is_empty() {
        term.give(&json!({ "files": checked, "errors": [] }));
        return Ok(Exit::Done);
    }
    if term.json {
        term.give(&json!({ "files": checked, "errors": problems }));
    } else {
        term.problems(&problems);
        let bad = checked.iter().filter(|c| c["mistakes"] != 0).count();
        let of = if files.len() > bad { format!("{bad} of ") } else { String::new() };
        term.say(format!("{} in {of}{}", counted(problems.len(), "mistake"), counted(files.len(), "file")));
    }
    Ok(Exit::Input)
}

fn counted(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// Gives the sheet that was drawn of a brand.
async fn check(
    studio: &Studio,
    registry: &Registry,
    hosts: &HostPool,
    file: &Path,
) -> Result<Option<PathBuf>, Diagnostics> {
    let shown = file.display().to_string();
    let bytes = files::read(file).map_err(|d| vec![d])?;
    let node = yaml::parse(&shown, &bytes)?;
    match kind(file, &node) {
        Kind::Settings => read_config(&shown, &bytes).map(|_| None),
        Kind::Checked("brand") => brand::check(studio, registry, hosts, file, &node).await,
        Kind::Checked(kind) => catalog::read_checked(studio, file, kind).map(|_| None),
        Kind::Pipeline => {
            let mistakes = Pipeline::from_node(&node)?.check(&StudioCatalog::new(studio, registry));
            if mistakes.is_empty() { Ok(None) } else { Err(mistakes) }
        }
        Kind::Brief => preflight::judge(studio, registry, hosts, &node).await.map(|_| None),
        Kind::Other => Ok(None),
    }
}

fn kind(file: &Path, node: &Node) -> Kind {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let parent = file.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let json = node.to_json();
    let has = |field: &str| json.get(field).is_some();
    match (name.as_str(), parent.as_str()) {
        (SETTINGS, _) => Kind::Settings,
        ("brand.yaml", _) => Kind::Checked("brand"),
        ("model.yaml", _) => Kind::Checked("model"),
        (_, "presets") => Kind::Checked("preset"),
        (_, "prompts") => Kind::Other,
        (_, "pipelines") => Kind::Pipeline,
        _ if has("stages") && !has("scenes") => Kind::Pipeline,
        _ => Kind::Brief,
    }
}
