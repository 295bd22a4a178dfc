//! The brand sheet: a kit is checked and drawn by the plugin that will use it, so what it finds is what a job would.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::brief::Locale;
use crate::error::{Diagnostic, Diagnostics};
use crate::host::{EndKind, HostPool, RunLimits};
use crate::registry::Registry;
use crate::studio::{Studio, catalog};
use crate::yaml::Node;

use super::ask::{ask, one_folder};

/// The stage that draws.
const PLUGIN: &str = "compose";

/// Checks a kit whose YAML is `node`; gives the sheet's path when one was drawn. A sheet lies beside the brand's folder,
/// not in it: what is in the folder is part of what every picture depends on.
///
/// # Errors
/// All mistakes of the kit.
pub(super) async fn check(
    studio: &Studio,
    registry: &Registry,
    hosts: &HostPool,
    file: &Path,
    node: &Node,
) -> Result<Option<PathBuf>, Diagnostics> {
    catalog::read_checked(studio, file, "brand")?;
    let mut mistakes = languages(node);
    let folder = file.canonicalize().ok().and_then(|f| f.parent().map(Path::to_path_buf));
    let (Some(plugin), Some(folder)) = (registry.get(PLUGIN), folder) else {
        // A studio without the plugin can't make an ad either; `doctor` says so.
        return if mistakes.is_empty() { Ok(None) } else { Err(mistakes) };
    };
    let io = |e: std::io::Error| vec![Diagnostic::new("io", format!("the brand sheet could not be drawn: {e}"))];
    let scratch = tempfile::tempdir().map_err(io)?;
    let params = json!({"width": 1600, "height": 1600, "brand-sheet": true});
    let limits = RunLimits { timeout: Duration::from_secs(60), ..RunLimits::default() };
    let end = ask(hosts, &plugin.file(), one_folder("brand", &folder), &params, scratch.path(), limits).await;
    let mut drawn = None;
    match &end.kind {
        EndKind::Succeeded { outputs, facts } => {
            for mistake in facts.get("mistakes").and_then(Value::as_array).into_iter().flatten() {
                mistakes.push(told(mistake, node));
            }
            if let Some(sheet) = outputs.get("poster").and_then(|o| o.first()) {
                drawn = keep(studio, &folder, &sheet.path).map_err(io)?;
            }
        }
        _ => {
            let failure = end.failure();
            let mistake = Diagnostic::new(&failure.code, failure.message).at(node.place());
            mistakes.push(Diagnostic { hint: failure.hint, ..mistake });
        }
    }
    if mistakes.is_empty() { Ok(drawn) } else { Err(mistakes) }
}

/// Puts the sheet beside a brand of the studio; a built-in one is left alone.
fn keep(studio: &Studio, folder: &Path, sheet: &Path) -> std::io::Result<Option<PathBuf>> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(None) };
    if !folder.starts_with(&studio.root) {
        return Ok(None);
    }
    let to = parent.join(format!("{}-sheet.png", name.to_string_lossy()));
    std::fs::copy(sheet, &to)?;
    Ok(Some(to))
}

/// What the plugin found, at the nearest place of the file.
fn told(mistake: &Value, node: &Node) -> Diagnostic {
    let text = |name: &str| mistake.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (code, message) = (text("code"), text("message"));
    let path: &[&str] = match code.as_str() {
        "missing-font" => &["fonts"],
        "contrast-too-low" => &["colours"],
        "bad-picture" => &["logo"],
        "missing-glyph" if message.contains("`legal.") => &["legal"],
        _ => &[],
    };
    let place = node.follow(path.iter().copied()).0.place();
    Diagnostic::new(&code, message).at(place).hint(text("hint"))
}

/// Legal lines are looked up by language tag: another key would never be found.
fn languages(node: &Node) -> Diagnostics {
    let (legal, led) = node.follow(["legal"]);
    let entries = legal.as_mapping().filter(|_| led).unwrap_or_default();
    let wrong = entries.iter().filter_map(|entry| {
        let hint = Locale::parse(&entry.key).err()?;
        let mistake = entry.key_node.mistake("bad-locale", format!("`{}` is no language tag", entry.key));
        Some(mistake.expected("a tag like `en`, `de-AT` or `zh-Hant`").hint(hint))
    });
    wrong.collect()
}
