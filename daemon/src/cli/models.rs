//! `spotloom models`: what can generate.

use std::path::{Path, PathBuf};

use serde_json::Value;
use spotloom_plugin_api::Resource;

use crate::artifacts::{disk, hash_file};
use crate::error::{Diagnostic, Diagnostics, nearest};
use crate::studio::{Studio, catalog, planning, resources};

use super::args::ModelsAction;
use super::exit::{Done, Exit};
use super::term::{Term, table};

pub(super) fn models(studio: &Studio, action: Option<ModelsAction>, term: Term) -> Done {
    match action.unwrap_or(ModelsAction::List) {
        ModelsAction::List => list(studio, term),
        ModelsAction::Check { name } => check(studio, &name, term),
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
        let contract = catalog::read_checked(studio, &folder.join("model.yaml"), "model");
        let text = |at: &str| match &contract {
            Ok(map) => Value::Object(map.clone()).pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned(),
            Err(_) => "?".into(),
        };
        let bytes: u64 = std::fs::read_dir(&folder)
            .map(|entries| entries.flatten().filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum())
            .unwrap_or(0);
        rows.push(vec![
            name.clone(),
            text("/family"),
            disk::human(bytes),
            text("/licence/spdx"),
            folder.display().to_string(),
        ]);
        let mistakes = contract.as_ref().err();
        all.push(serde_json::json!({ "name": name, "folder": folder, "bytes": bytes, "contract": contract.as_ref().ok(), "mistakes": mistakes }));
    }
    term.give(&all);
    term.say(table(&rows).trim_end());
    Ok(Exit::Done)
}

fn check(studio: &Studio, name: &str, term: Term) -> Done {
    let Some(folder) = folder(studio, name) else {
        let names = planning::names(studio, Resource::Model);
        let mut problem = Diagnostic::new("unknown-model", format!("there is no model `{name}`"))
            .expected(format!("one of {}", names.join(", ")));
        if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
            problem = problem.hint(format!("did you mean `{near}`?"));
        }
        return Err(problem.into());
    };
    let contract = catalog::read_checked(studio, &folder.join("model.yaml"), "model")?;
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
    term.give(&serde_json::json!({ "name": name, "files": checked, "ok": true }));
    term.say(format!("{name}: {checked} files, all as model.yaml says"));
    Ok(Exit::Done)
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
