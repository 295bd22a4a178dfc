//! What two recipes say differently.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One figure that is not the same.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    /// Where it stands, like `runtime.onnxruntime`.
    field: String,
    /// What the recipe says; null when it says nothing.
    recipe: Value,
    /// What this run had.
    here: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        write!(f, "{} was {} and is {}", self.field, plain(&self.recipe), plain(&self.here))
    }
}

/// Everything that could have made another clip or picture, in the order of its names; what was made is left out.
pub(super) fn differences(recipe: &Value, here: &Value) -> Vec<Difference> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    leaves(String::new(), recipe, &mut old);
    leaves(String::new(), here, &mut new);
    let fields: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let told = |of: &BTreeMap<String, Value>, field: &str| of.get(field).cloned().unwrap_or_default();
    let all = fields.into_iter().filter(|field| !["clip.", "picture."].iter().any(|made| field.starts_with(made)));
    all.map(|field| Difference { field: field.clone(), recipe: told(&old, field), here: told(&new, field) })
        .filter(|d| d.recipe != d.here)
        .collect()
}

fn leaves(at: String, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            let dot = if at.is_empty() { "" } else { "." };
            map.iter().for_each(|(name, value)| leaves(format!("{at}{dot}{name}"), value, found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| leaves(format!("{at}[{i}]"), value, found));
        }
        leaf => drop(found.insert(at, leaf.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_and_the_clip_is_not() {
        let recipe = |version: &str, threads: u32, clip: &str| {
            json!({
                "params": {"steps": 16, "from": null},
                "runtime": {"onnxruntime": version, "threads": threads},
                "inputs": {"image": [{"name": "can.png", "sha256": "a"}]},
                "clip": {"sha256": clip},
            })
        };
        let check = |a: &Value, b: &Value, expected: &[&str]| {
            let found: Vec<String> = differences(a, b).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        };
        check(&recipe("1.31.0", 2, "a"), &recipe("1.31.0", 2, "b"), &[]);
        check(
            &recipe("1.31.0", 2, "a"),
            &recipe("1.32.0", 1, "b"),
            &["runtime.onnxruntime was 1.31.0 and is 1.32.0", "runtime.threads was 2 and is 1"],
        );
        check(&json!({"params": {"steps": 16}}), &json!({"params": {}}), &["params.steps was 16 and is null"]);
    }
}
