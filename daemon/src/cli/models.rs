//! `spotloom models`: what can generate, and what can speak.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use spotloom_plugin_api::Resource;

use crate::artifacts::{disk, hash_file};
use crate::engine;
use crate::error::{Diagnostic, Diagnostics, nearest};
use crate::host::{EndKind, HostOptions, HostPool, RunLimits};
use crate::studio::{Studio, catalog, planning, resources};

use super::args::ModelsAction;
use super::ask::{ask, one_folder};
use super::exit::{Done, Exit};
use super::term::{Term, table};

/// The stage that loads models of families that no other stage says it loads.
const PLUGIN: &str = "diffusion";

pub(super) async fn models(studio: &Studio, action: Option<ModelsAction>, term: Term) -> Done {
    match action.unwrap_or(ModelsAction::List) {
        ModelsAction::List => list(studio, term),
        ModelsAction::Check { name, write } => check(studio, &name, write, term).await,
    }
}

fn folder(studio: &Studio, name: &str) -> Option<PathBuf> {
    let roots = studio.roots();
    let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    resources::find(&roots, Resource::Model, name)
}

fn list(studio: &Studio, term: Term) -> Done {
    let mut rows = vec![["MODEL", "FAMILY", "SIZE", "LICENCE", "FOLDER"].map(str::to_owned).to_vec()];
    let mut all = Vec::new();
    for name in planning::names(studio, Resource::Model) {
        let Some(folder) = folder(studio, &name) else { continue };
        if !folder.join("model.yaml").is_file() {
            let family = resources::family(&folder);
            let said = speaks(family, resources::told_elsewhere(&folder, "locales"));
            rows.push(vec![name.clone(), said, disk::human(bytes(&folder)), "?".into(), folder.display().to_string()]);
            all.push(
                json!({ "name": name, "folder": folder, "family": family, "bytes": bytes(&folder), "contract": null }),
            );
            continue;
        }
        let contract = catalog::read_checked(studio, &folder.join("model.yaml"), "model");
        let text = |at: &str| match &contract {
            Ok(map) => Value::Object(map.clone()).pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned(),
            Err(_) => "?".into(),
        };
        let bytes = bytes(&folder);
        let locales = contract.as_ref().ok().and_then(|c| c.get("locales")?.as_array().cloned());
        let locales = locales.map(|l| l.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        rows.push(vec![
            name.clone(),
            speaks(&text("/family"), locales),
            disk::human(bytes),
            text("/licence/spdx"),
            folder.display().to_string(),
        ]);
        let mistakes = contract.as_ref().err();
        all.push(json!({ "name": name, "folder": folder, "bytes": bytes, "contract": contract.as_ref().ok(), "mistakes": mistakes }));
    }
    term.give(&all);
    term.say(table(&rows).trim_end());
    Ok(Exit::Done)
}

/// The bytes of the files that lie in a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|e| e.path().metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

/// A family, and the languages of a voice.
fn speaks(family: &str, locales: Option<Vec<String>>) -> String {
    locales.map_or_else(|| family.to_owned(), |locales| format!("{family} ({})", locales.join(", ")))
}

async fn check(studio: &Studio, name: &str, write: bool, term: Term) -> Done {
    let Some(folder) = folder(studio, name) else {
        let names = planning::names(studio, Resource::Model);
        let mut problem = Diagnostic::new("unknown-model", format!("there is no model `{name}`"))
            .expected(format!("one of {}", names.join(", ")));
        if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
            problem = problem.hint(format!("did you mean `{near}`?"));
        }
        return Err(problem.into());
    };
    let file = folder.join("model.yaml");
    if !file.is_file() {
        let contract = loaded(studio, &folder, None).await?;
        return derived(name, &file, &contract, write, term);
    }
    let contract = catalog::read_checked(studio, &file, "model")?;
    let family = contract.get("family").and_then(Value::as_str).map(str::to_owned);
    let mut problems = Diagnostics::new();
    let mut checked = 0;
    for (file, expected) in hashes(&Value::Object(contract)) {
        checked += 1;
        match hash_file(&folder.join(&file)) {
            Ok((found, _)) if found.as_str() == expected => {}
            Ok((found, _)) => problems.push(
                Diagnostic::new("wrong-hash", format!("{file} is not the file that model.yaml describes"))
                    .expected(format!("sha256 {expected}, found {found}"))
                    .hint("fetch the model again from where it came from"),
            ),
            Err(e) => problems.push(Diagnostic::new("missing-file", format!("{file} can't be read: {e}"))),
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    loaded(studio, &folder, family.as_deref()).await?;
    term.give(&json!({ "name": name, "files": checked, "ok": true }));
    term.say(format!("{name}: {checked} files, all as model.yaml says; its parts load, and fit"));
    Ok(Exit::Done)
}

/// Shows what stands for a model.yaml that is not there, and writes one if that is wanted.
fn derived(name: &str, file: &Path, contract: &Value, write: bool, term: Term) -> Done {
    let checked = hashes(contract).len();
    if write {
        let text =
            format!("# Put together from the files of this folder by `spotloom models check`.\n{}", yaml(contract));
        std::fs::write(file, text)
            .map_err(|e| Diagnostic::new("not-writable", format!("{} can't be written: {e}", file.display())))?;
    }
    term.give(&json!({ "name": name, "files": checked, "ok": true, "contract": contract, "written": write }));
    if write {
        term.say(format!(
            "{name}: {checked} files, whose parts load, and fit; what they tell is now {}",
            file.display()
        ));
    } else {
        term.say(format!(
            "{name}: {checked} files, whose parts load, and fit. There is no model.yaml; they tell this:\n"
        ));
        term.say(yaml(contract));
        term.say("`--write` makes a model.yaml of it, to correct, and so that a changed file is noticed");
    }
    Ok(Exit::Done)
}

/// Has the stage load every part of a model and hold it against the contract, and gives the contract that it put
/// together when no model.yaml has one.
async fn loaded(studio: &Studio, folder: &Path, family: Option<&str>) -> Result<Value, Diagnostics> {
    let hosts = HostPool::new(HostOptions::default());
    let registry = engine::open_registry(studio, &hosts).await?;
    let plugin =
        registry.trusted().find(|p| loads(&p.description.params, family, folder)).map(|p| p.description.id.clone());
    let plugin = plugin.as_deref().unwrap_or(PLUGIN);
    let Some(plugin) = registry.get(plugin) else {
        let mistake = Diagnostic::new("unknown-plugin", format!("there is no plugin `{plugin}`, which loads models"));
        return Err(vec![mistake.hint("`spotloom doctor` says what is missing")]);
    };
    let io = |e: std::io::Error| vec![Diagnostic::new("io", format!("the model could not be tried: {e}"))];
    let scratch = tempfile::tempdir().map_err(io)?;
    let folder = std::path::absolute(folder).map_err(io)?;
    // Large files are hashed and loaded without a sign of life.
    let limits = RunLimits { stall_timeout: Duration::from_secs(3600), ..RunLimits::default() };
    let params = json!({"check-model": true});
    let end = ask(&hosts, &plugin.file(), one_folder("model", &folder), &params, scratch.path(), limits).await;
    hosts.shutdown().await;
    match &end.kind {
        EndKind::Succeeded { facts, .. } => Ok(facts.get("contract").cloned().unwrap_or_default()),
        _ => {
            let failure = end.failure();
            Err(vec![Diagnostic { hint: failure.hint, ..Diagnostic::new(&failure.code, failure.message) }])
        }
    }
}

/// Whether a stage says that it loads models like this one: `"x-models": {"families", "described-by"}` at one of its parameters
/// names families, and what a file's name ends with that describes one where there is no model.yaml.
fn loads(params: &Value, family: Option<&str>, folder: &Path) -> bool {
    let properties = params.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.filter_map(|(_, property)| property.get("x-models")).any(|models| match family {
        Some(family) => models["families"].as_array().is_some_and(|f| f.iter().any(|f| f == family)),
        None => models["described-by"].as_str().is_some_and(|s| resources::with_suffix(folder, s).is_some()),
    })
}

/// A contract as YAML: what is short on a line of its own, in the braces that YAML shares with JSON.
fn yaml(contract: &Value) -> String {
    let mut text = String::new();
    for (name, value) in contract.as_object().into_iter().flatten() {
        match value {
            Value::Object(map) if value.to_string().len() > 100 => {
                text.push_str(&format!("{name}:\n"));
                map.iter().for_each(|(name, value)| text.push_str(&format!("  {name}: {value}\n")));
            }
            short => text.push_str(&format!("{name}: {short}\n")),
        }
    }
    text
}

/// Every `file:` with a `sha256:` beside it, wherever in the contract it stands.
fn hashes(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(file)), Some(Value::String(sha))) = (map.get("file"), map.get("sha256")) {
                found.push((file.clone(), sha.clone()));
            }
            found.extend(map.values().flat_map(hashes));
        }
        Value::Array(list) => found.extend(list.iter().flat_map(hashes)),
        _ => {}
    }
    found
}
