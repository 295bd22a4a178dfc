//! `spotloom plugins`: what stages there are, and which files may load.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_plugin_api::Description;

use crate::engine;
use crate::error::{Diagnostic, Diagnostics, nearest};
use crate::host::{HostOptions, HostPool};
use crate::registry::{self, PluginDir, Registry, Select, State, Untrusted};
use crate::studio::{Installation, Studio};

use super::args::PluginsAction;
use super::exit::{Done, Exit};
use super::term::{Term, table};

pub(super) async fn plugins(studio: Studio, action: Option<PluginsAction>, term: Term) -> Done {
    let hosts = HostPool::new(HostOptions::default());
    let done = match action.unwrap_or(PluginsAction::List) {
        PluginsAction::List => list(&engine::open_registry(&studio, &hosts).await?, term),
        PluginsAction::Show { id } => show(&engine::open_registry(&studio, &hosts).await?, &id, term),
        PluginsAction::Check { path } => check(&path, &hosts, term).await,
        PluginsAction::Trust { files, quiet, .. } => {
            let [_, own] = engine::plugin_dirs(&studio);
            trust(own, &files, quiet, &studio.state().join("plugins"), &hosts, term).await
        }
    };
    hosts.shutdown().await;
    done
}

/// For a plugin's author: no studio is needed.
pub(super) async fn check_file(path: &Path, term: Term) -> Done {
    let hosts = HostPool::new(HostOptions::default());
    let done = check(path, &hosts, term).await;
    hosts.shutdown().await;
    done
}

/// Part of the installation: hashes of the plugins that came with the program.
pub(super) async fn trust_built_in(action: PluginsAction, term: Term) -> Done {
    let PluginsAction::Trust { files, quiet, .. } = action else { return Ok(Exit::Usage) };
    let install = Installation::find()?;
    let dir = PluginDir { path: install.plugins(), lock: install.plugin_lock() };
    let hosts = HostPool::new(HostOptions::default());
    // A cache of its own: the installation's folder may be read-only for those who use it.
    let cache = tempfile::tempdir().map_err(|e| Diagnostic::new("io", format!("no temporary folder: {e}")))?;
    let done = trust(dir, &files, quiet, cache.path(), &hosts, term).await;
    hosts.shutdown().await;
    done
}

async fn trust(dir: PluginDir, files: &[String], quiet: bool, cache: &Path, hosts: &HostPool, term: Term) -> Done {
    let names: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let select = if names.is_empty() { Select::All } else { Select::These(&names) };
    let lock = dir.lock.display().to_string();
    let mut registry = Registry::open(&[dir], cache, hosts).await;
    let results = registry.trust(select, hosts).await?;
    let problems: Diagnostics = results.iter().filter_map(|(_, r)| r.as_ref().err().cloned()).collect();
    if !quiet {
        for (path, result) in &results {
            if let Ok(locked) = result {
                term.say(format!("trusted  {} {} ({})", locked.id, locked.version, path.display()));
            }
        }
        if results.is_empty() {
            term.say(format!("There are no plugin files to trust; {lock} is as it was."));
        }
        term.give(&json!({ "lock": lock, "trusted": results.iter().filter_map(|(_, r)| r.as_ref().ok()).collect::<Vec<_>>() }));
    }
    if problems.is_empty() { Ok(Exit::Done) } else { Err(problems.into()) }
}

fn list(registry: &Registry, term: Term) -> Done {
    let mut rows = vec![["PLUGIN", "VERSION", "STATE", "ABOUT"].map(str::to_owned).to_vec()];
    let mut all = Vec::new();
    for entry in registry.list() {
        let file = entry.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let (id, version, state, note) = match &entry.state {
            State::Trusted(p) => (p.id.clone(), p.version.clone(), "trusted", p.description.summary.clone()),
            State::Untrusted(Untrusted::NotInLock { .. }) => {
                (file, String::new(), "not trusted", "not in the lock file: spotloom plugins trust".into())
            }
            State::Untrusted(Untrusted::Changed { .. }) => (
                file,
                String::new(),
                "not trusted",
                "its content has changed: check it, then spotloom plugins trust".into(),
            ),
            State::Quarantined(why) => (file, String::new(), "quarantined", why.message.clone()),
            State::Duplicate { id, first } => {
                (file, String::new(), "not used", format!("`{id}` is already {}", first.display()))
            }
            State::Refused(why) => (file, String::new(), "refused", why.message.clone()),
            State::Missing => (file, String::new(), "missing", "in the lock file, but not in the folder".into()),
        };
        all.push(json!({ "id": id, "version": version, "state": state, "note": note, "path": entry.path }));
        rows.push(vec![id, version, state.into(), note]);
    }
    for problem in registry.problems() {
        term.problems(&vec![problem.clone()]);
    }
    term.give(&all);
    term.say(table(&rows).trim_end());
    Ok(Exit::Done)
}

fn show(registry: &Registry, id: &str, term: Term) -> Done {
    let Some(plugin) = registry.get(id) else {
        let ids = registry.ids();
        let mut problem = Diagnostic::new("unknown-plugin", format!("there is no trusted plugin `{id}`"))
            .expected(format!("one of {}", ids.join(", ")));
        if let Some(near) = nearest(id, ids.iter().map(String::as_str)) {
            problem = problem.hint(format!("did you mean `{near}`?"));
        }
        return Err(problem.into());
    };
    term.give(&plugin.description);
    describe(&plugin.description, term);
    term.say(format!("\n{}\nsha256 {}", plugin.path.display(), plugin.sha256));
    Ok(Exit::Done)
}

async fn check(path: &Path, hosts: &HostPool, term: Term) -> Done {
    let checked = registry::check(path, hosts).await?;
    term.give(&json!({ "sha256": checked.sha256, "description": checked.description }));
    describe(&checked.description, term);
    term.say("\nIt loads and keeps the rules.");
    Ok(Exit::Done)
}

/// How wide a column of text may be, in characters.
const WIDTH: usize = 70;

/// A text in lines of at most `width` characters where its words allow it; at least one line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn describe(d: &Description, term: Term) {
    term.say(format!("{} {}\n{}\n", d.id, d.version, d.summary));
    let mut rows = Vec::new();
    for input in &d.inputs {
        let kind = if input.required { "input, required" } else { "input" };
        rows.push(vec![format!("  {}", input.name), kind.into(), input.summary.clone()]);
    }
    let required: Vec<&str> =
        d.params.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, schema) in d.params.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let kind = if required.contains(&name.as_str()) { "parameter, required" } else { "parameter" };
        let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        // A comment in the plugin's source: its line breaks mean nothing, its first paragraph says it all.
        let lines = wrapped(text.split("\n\n").next().unwrap_or_default(), WIDTH);
        for (n, line) in lines.into_iter().enumerate() {
            let (name, kind) = if n == 0 { (format!("  {name}"), kind) } else { (String::new(), "") };
            rows.push(vec![name, kind.into(), line]);
        }
    }
    for output in &d.outputs {
        rows.push(vec![
            format!("  {}", output.name),
            "output".into(),
            format!("{} ({})", output.summary, output.media),
        ]);
    }
    term.say(table(&rows).trim_end());
}
