//! The key of the stage cache: everything a stage's result depends on, and nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::ids::Sha256;
use crate::pipeline::plan::PluginRef;

/// Key of a run: plugin id and content hash, parameters, and for every input port the hashes (and, for what reads
/// them, names) of its files in order.
#[must_use]
pub fn cache_key(plugin: &PluginRef, params: &Map<String, Value>, inputs: &BTreeMap<String, Vec<Sha256>>) -> Sha256 {
    let mut sorted = Value::Object(params.clone());
    sorted.sort_all_objects();
    let text = json!({ "plugin": plugin.id, "sha256": plugin.sha256, "params": sorted, "inputs": inputs }).to_string();
    super::hash_bytes(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sha: &str, params: Value, input: &str) -> Sha256 {
        let plugin = PluginRef { id: "compose".into(), version: "1".into(), sha256: Sha256(sha.into()) };
        let inputs = BTreeMap::from([("clips".to_owned(), vec![Sha256(input.into())])]);
        cache_key(&plugin, params.as_object().unwrap(), &inputs)
    }

    #[test]
    fn only_what_matters_changes_the_key() {
        let base = key("a", json!({"x": 1, "y": {"p": 1, "q": 2}}), "i");
        assert_eq!(base, key("a", json!({"y": {"q": 2, "p": 1}, "x": 1}), "i"), "order does not matter");
        assert_ne!(base, key("b", json!({"x": 1, "y": {"p": 1, "q": 2}}), "i"), "another build of the plugin");
        assert_ne!(base, key("a", json!({"x": 2, "y": {"p": 1, "q": 2}}), "i"), "another parameter");
        assert_ne!(base, key("a", json!({"x": 1, "y": {"p": 1, "q": 2}}), "j"), "another input");
    }
}
