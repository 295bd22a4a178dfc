//! Plugins as a pipeline sees them: ports, parameters, what fits where.

use std::collections::BTreeMap;

use serde_json::Value;
use spotloom_plugin_api::{InputPort, OutputPort};

use super::catalog::{Catalog, PluginInfo};
use super::plan::PluginRef;
use crate::error::Diagnostic;
use crate::yaml::Schema;

/// A plugin with its schema ready to check with.
pub(super) struct Plugin {
    pub info: PluginInfo,
    pub schema: Schema,
}

impl Plugin {
    pub(super) fn input(&self, name: &str) -> Option<&InputPort> {
        self.info.description.inputs.iter().find(|p| p.name == name)
    }

    /// By its name as expressions write it: `contact_sheet` is the port `contact-sheet`.
    pub(super) fn output(&self, name: &str) -> Option<&OutputPort> {
        self.info.description.outputs.iter().find(|p| p.name == name || p.name.replace('-', "_") == name)
    }

    pub(super) fn reference(&self) -> PluginRef {
        let description = &self.info.description;
        PluginRef { id: description.id.clone(), version: description.version.clone(), sha256: self.info.sha256.clone() }
    }

    /// The names after `with:`: ports, then parameters.
    pub(super) fn names(&self) -> Vec<&str> {
        let ports = self.info.description.inputs.iter().map(|p| p.name.as_str());
        ports.chain(self.schema.properties()).collect()
    }

    /// Names of secrets in parameters: values at places the schema marks with `"format": "secret"`.
    pub(super) fn secrets(&self, params: &Value) -> Vec<String> {
        let root = &self.info.description.params;
        let mut found = Vec::new();
        secrets(root, root, params, 0, &mut found);
        found.sort();
        found.dedup();
        found
    }
}

/// References may lead in a circle.
const DEEPEST_SCHEMA: usize = 32;

fn secrets(root: &Value, schema: &Value, value: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > DEEPEST_SCHEMA {
        return;
    }
    if let Some(text) = value.as_str().filter(|_| schema.get("format").and_then(Value::as_str) == Some("secret")) {
        // Several, for rotation, are separated by blanks.
        found.extend(text.split_whitespace().map(str::to_owned));
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?)) {
        secrets(root, target, value, depth + 1, found);
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for branch in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            secrets(root, branch, value, depth + 1, found);
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let property =
            schema.get("properties").and_then(|p| p.get(name)).or_else(|| schema.get("additionalProperties"));
        if let Some(property) = property {
            secrets(root, property, value, depth + 1, found);
        }
    }
    if let Some(items) = schema.get("items") {
        value.as_array().into_iter().flatten().for_each(|v| secrets(root, items, v, depth + 1, found));
    }
}

/// The plugins a plan may use, each asked for once.
pub(super) struct Plugins {
    known: BTreeMap<String, Plugin>,
}

impl Plugins {
    /// Asks for `ids`. Plugins that aren't there are left out; one with a broken schema is a mistake.
    pub(super) fn load<'a>(
        catalog: &dyn Catalog,
        ids: impl IntoIterator<Item = &'a str>,
        mistakes: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut known = BTreeMap::new();
        for id in ids {
            if known.contains_key(id) {
                continue;
            }
            let Some(info) = catalog.plugin(id) else { continue };
            match Schema::new(info.description.params.clone()) {
                Ok(schema) => {
                    known.insert(id.to_owned(), Plugin { info, schema });
                }
                Err(reason) => {
                    let message = format!("the plugin `{id}` describes its parameters wrongly: {reason}");
                    mistakes.push(Diagnostic::new("bad-plugin", message).hint("this is a defect of the plugin"));
                }
            }
        }
        Self { known }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Plugin> {
        self.known.get(id)
    }
}

/// Whether a port that accepts `accepted` takes files of type `media`. Parameters after `;` don't matter.
pub(super) fn fits(accepted: &[String], media: &str) -> bool {
    let plain = |m: &str| m.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let media = plain(media);
    accepted.is_empty()
        || accepted.iter().any(|pattern| {
            let pattern = plain(pattern);
            pattern == media
                || pattern == "*/*"
                || pattern.strip_suffix('*').is_some_and(|kind| kind.ends_with('/') && media.starts_with(kind))
                // A producer that says only the kind of what it makes may make the right one.
                || media.strip_suffix('*').is_some_and(|kind| kind.ends_with('/') && pattern.starts_with(kind))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_fit() {
        let check = |accepted: &[&str], media: &str, expected: bool| {
            let accepted: Vec<String> = accepted.iter().map(|a| (*a).to_owned()).collect();
            assert_eq!(fits(&accepted, media), expected, "{accepted:?} {media}");
        };
        check(&[], "video/mp4", true);
        check(&["video/*"], "video/mp4", true);
        check(&["video/mp4"], "video/mp4; codecs=avc1", true);
        check(&["image/*", "video/*"], "audio/mpeg", false);
        check(&["video/mp4"], "video/x-matroska", false);
        check(&["videoish/*"], "video/mp4", false);
        check(&["application/json"], "application/*", true);
    }
}
