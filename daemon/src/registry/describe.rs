//! Asks a plugin what it is, and holds the answer against the rules.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use spotloom_plugin_api::Description;
use spotloom_plugin_api::protocol::LoadFailure;

use super::cache::Answer;
use super::folder;
use super::store::blocking;
use crate::error::Diagnostic;
use crate::host::{EndKind, HostPool, PluginFile};
use crate::ids::Sha256;

/// A plugin that loads, describes itself and keeps the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    pub sha256: Sha256,
    pub description: Description,
}

/// Loads a plugin in a child process, trusted or not, and checks what it says of itself: `spotloom plugins check`.
///
/// # Errors
/// What is wrong with it.
pub async fn check(path: &Path, hosts: &HostPool) -> Result<Checked, Diagnostic> {
    // A host starts in the root folder, so the path has to be absolute.
    let path = std::path::absolute(path)
        .map_err(|e| Diagnostic::new("plugin-file", format!("the plugin {} can't be found: {e}", path.display())))?;
    let (hashed, name) = (path.clone(), file_name(&path));
    let sha256 = blocking(move || folder::hash(&hashed)).await?;
    let file = PluginFile { id: name, path, sha256: sha256.clone() };
    match ask(&file, hosts).await.0 {
        Answer::Described(description) => Ok(Checked { sha256, description: *description }),
        Answer::Quarantined(why) => Err(*why),
    }
}

/// The plugin's answer, and whether it says something of the plugin that will be as true the next time.
pub(super) async fn ask(file: &PluginFile, hosts: &HostPool) -> (Answer, bool) {
    match hosts.describe(file).await {
        Ok(description) => {
            let problems = problems(&description);
            if problems.is_empty() {
                (Answer::Described(Box::new(description)), true)
            } else {
                let message = format!("`{}` describes itself wrongly: {}", file.id, problems.join("; "));
                let why = Diagnostic::new("bad-description", message).hint("this is for the plugin's author to mend");
                (Answer::Quarantined(Box::new(why)), true)
            }
        }
        Err(end) => {
            let failure = end.failure();
            let passing = matches!(
                end.kind,
                EndKind::HostUnavailable { .. }
                    | EndKind::OutOfMemory { limit: None }
                    | EndKind::LoadFailed { code: LoadFailure::HashMismatch, .. }
            );
            let mut why = Diagnostic::new(end.code(), format!("while it was asked what it is: {}", failure.message));
            why.hint = match end.kind {
                // The hints of a run speak of a stage in a pipeline.
                EndKind::Stalled { .. }
                | EndKind::TimedOut { .. }
                | EndKind::Killed { .. }
                | EndKind::Exited { .. } => {
                    Some("once it is mended or the machine has less to do, run `spotloom plugins trust` again".into())
                }
                _ => failure.hint,
            };
            (Answer::Quarantined(Box::new(why)), !passing)
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Everything that is wrong with a description; empty when nothing is.
fn problems(description: &Description) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_name(&description.id) {
        problems.push(format!(
            "the id {:?} is not made of lower-case letters, digits and hyphens, beginning with a letter",
            description.id
        ));
    }
    if !is_version(&description.version) {
        problems.push(format!("the version {:?} is not a semantic version like 1.0.0", description.version));
    }
    if description.summary.trim().is_empty() || description.summary.contains('\n') {
        problems.push("the summary is not one line of text".into());
    }
    let properties: BTreeSet<&str> = description
        .params
        .get("properties")
        .and_then(Value::as_object)
        .map(|p| p.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let mut inputs = BTreeSet::new();
    for port in &description.inputs {
        check_port("input", &port.name, &mut inputs, &mut problems);
        if properties.contains(port.name.as_str()) {
            problems.push(format!("`{}` is both an input and a parameter", port.name));
        }
        for media in port.media.iter().filter(|m| !is_media(m, true)) {
            problems.push(format!("the input `{}` accepts {media:?}, which is no media type", port.name));
        }
    }
    let mut outputs = BTreeSet::new();
    for port in &description.outputs {
        check_port("output", &port.name, &mut outputs, &mut problems);
        if !is_media(&port.media, false) {
            problems.push(format!("the output `{}` has {:?}, which is no media type", port.name, port.media));
        }
    }
    if description.params.get("type").and_then(Value::as_str) != Some("object") {
        problems.push("the schema of the parameters is not an object schema".into());
    } else if let Err(e) = jsonschema::validator_for(&description.params) {
        problems.push(format!("the schema of the parameters does not compile: {e}"));
    }
    problems
}

fn check_port<'a>(kind: &str, name: &'a str, seen: &mut BTreeSet<&'a str>, problems: &mut Vec<String>) {
    if !is_name(name) {
        problems.push(format!("the {kind} {name:?} is not made of lower-case letters, digits and hyphens"));
    }
    if !seen.insert(name) {
        problems.push(format!("the {kind} `{name}` is there twice"));
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `1.2.3`, with `-pre.release` and `+build` if need be.
fn is_version(version: &str) -> bool {
    let (rest, build) = version.split_once('+').map_or((version, None), |(r, b)| (r, Some(b)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(c, p)| (c, Some(p)));
    let number = |n: &str| !n.is_empty() && n.len() <= 9 && n.bytes().all(|b| b.is_ascii_digit());
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    core.split('.').count() == 3
        && core.split('.').all(number)
        && [pre, build].into_iter().flatten().all(|part| part.split('.').all(word))
}

fn is_media(media: &str, wildcard: bool) -> bool {
    let token = |t: &str| {
        !t.is_empty() && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b))
    };
    media.split_once('/').is_some_and(|(kind, sub)| token(kind) && (token(sub) || (wildcard && sub == "*")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_keeps_the_rules() {
        let good = json!({
            "id": "compose", "version": "1.2.0-rc.1", "summary": "Puts things together",
            "inputs": [{"name": "clips", "summary": "Clips", "many": true, "media": ["video/*"]}],
            "outputs": [{"name": "mezzanine", "summary": "The film", "media": "video/x-matroska"}],
            "params": {"type": "object", "properties": {"width": {"type": "integer"}}},
        });
        let check = |pointer: &str, value: Value, expected: &str| {
            let mut described = good.clone();
            if !pointer.is_empty() {
                *described.pointer_mut(pointer).unwrap() = value;
            }
            let found = problems(&serde_json::from_value(described).unwrap()).join("; ");
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{pointer}: {found:?}");
        };
        check("", Value::Null, "");
        check("/id", json!("Compose"), "the id \"Compose\"");
        check("/id", json!(""), "the id");
        check("/id", json!("-a"), "the id");
        check("/id", json!("../x"), "the id");
        check("/version", json!("1.2"), "semantic version");
        check("/version", json!("1.2.x"), "semantic version");
        check("/version", json!("1.2.3-"), "semantic version");
        check("/summary", json!("two\nlines"), "one line");
        check("/inputs/0/name", json!("width"), "`width` is both an input and a parameter");
        check("/inputs/0/media", json!(["video"]), "no media type");
        check("/outputs/0/media", json!("video/*"), "no media type");
        check(
            "/outputs",
            json!([{"name": "a", "summary": "", "media": "a/b"}, {"name": "a", "summary": "", "media": "a/b"}]),
            "the output `a` is there twice",
        );
        check("/params", json!(true), "not an object schema");
        check("/params", json!({"type": "array"}), "not an object schema");
        check("/params", json!({"type": "object", "properties": 7}), "does not compile");
        check("/params", json!({"type": "object", "$ref": "https://example.com/schema.json"}), "does not compile");
    }
}
