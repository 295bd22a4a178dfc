//! What recipes have in common, whichever stage writes them: a document that says everything a clip or a picture was made of, in a
//! file beside it. `spotloom run` makes it again from that.
//!
//! Invariant: a stage that is given a recipe's `params`, the files whose hashes stand under `inputs`, its `model`, and the first of
//! its `parents` at the port `recipe`, makes the same file again.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::api::{Artifact, Failure, Output};
use crate::{Run, io_failure};

/// The version of the document.
pub const VERSION: u32 = 1;
/// The input port for the recipe of what is given.
pub const PORT: &str = "recipe";
/// The largest recipe that is read as a parent, in bytes; one has some kilobytes, and those of its own parents.
const MAX_BYTES: u64 = 4 << 20;

/// A recipe that is being written.
#[derive(Clone, Debug)]
pub struct Recipe(Map<String, Value>);

impl Recipe {
    /// Of what a stage makes: its id and version.
    #[must_use]
    pub fn of(stage: &str, version: &str) -> Self {
        let recipe = Self(Map::new()).with("spotloom-recipe", VERSION);
        recipe.with("stage", json!({"id": stage, "version": version}))
    }

    /// Adds a part; one that is null is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.0.insert(name.into(), value);
        }
        self
    }

    /// Names the files of these input ports; those without any are left out.
    #[must_use]
    pub fn given(self, run: &Run, ports: &[&str]) -> Self {
        let files = |port: &&str| ((*port).to_owned(), Value::Array(run.inputs(port).iter().map(named).collect()));
        let inputs: Map<String, Value> = ports.iter().filter(|port| run.input(port).is_some()).map(files).collect();
        self.with("inputs", inputs)
    }

    /// Takes the recipes of what was given with it, so that they are not lost with the files that are no longer needed.
    #[must_use]
    pub fn parents(self, parents: Vec<Value>) -> Self {
        if parents.is_empty() { self } else { self.with("parents", parents) }
    }

    /// The document.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// Writes it beside the file whose name without its ending is given.
    ///
    /// # Errors
    /// `io`.
    pub fn write(self, run: &Run, stem: &str) -> Result<Output, Failure> {
        write(&self.into_value(), run, stem)
    }
}

/// The recipes of what is given, where there are any. To be read before hours of work and not after them.
///
/// # Errors
/// `bad-input` for what is no recipe.
pub fn parents(run: &Run) -> Result<Vec<Value>, Failure> {
    run.inputs(PORT).iter().map(|artifact| read(&artifact.path)).collect()
}

/// A file as a recipe names it.
#[must_use]
pub fn named(artifact: &Artifact) -> Value {
    json!({"name": artifact.name, "sha256": artifact.sha256, "media": artifact.media})
}

/// Writes a recipe beside the file whose name without its ending is given.
///
/// # Errors
/// `io`.
pub fn write(recipe: &Value, run: &Run, stem: &str) -> Result<Output, Failure> {
    let name = format!("{stem}.recipe.json");
    let path = run.scratch().join(&name);
    fs::write(&path, format!("{recipe:#}\n")).map_err(|e| io_failure("write", &path, &e))?;
    Ok(Output { path, media: "application/json".into(), name, facts: Map::new() })
}

fn read(path: &Path) -> Result<Value, Failure> {
    let wrong = |why: String| {
        Failure::new("bad-input", format!("{} is no recipe: {why}", path.display()))
            .hint("give the `recipe` of the stage that made the clip, or leave it out")
    };
    let bytes = fs::metadata(path).map_err(|e| io_failure("look at", path, &e))?.len();
    if bytes > MAX_BYTES {
        return Err(wrong(format!("it has {bytes} bytes; at most {MAX_BYTES} are read")));
    }
    let text = fs::read_to_string(path).map_err(|e| io_failure("read", path, &e))?;
    let recipe: Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    match recipe["spotloom-recipe"].as_u64() {
        Some(version) if version == u64::from(VERSION) => Ok(recipe),
        _ => Err(wrong(format!("it does not say `spotloom-recipe: {VERSION}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_null_is_left_out() {
        let recipe = Recipe::of("upscale", "0.1.0").with("model", Value::Null).with("filter", "lanczos").into_value();
        let stage = json!({"id": "upscale", "version": "0.1.0"});
        assert_eq!(recipe, json!({"spotloom-recipe": 1, "stage": stage, "filter": "lanczos"}));
    }

    #[test]
    fn a_parent_is_a_recipe() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let check = |text: &str, expected: Result<Value, &str>| {
            let path = folder.path().join("it.json");
            fs::write(&path, text).expect("a file");
            match (read(&path), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(failure), Err(part)) => assert!(failure.message.contains(part), "{}", failure.message),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };
        check(r#"{"spotloom-recipe": 1}"#, Ok(json!({"spotloom-recipe": 1})));
        check(r#"{"spotloom-recipe": 2}"#, Err("does not say `spotloom-recipe: 1`"));
        check("[]", Err("does not say"));
        check("no JSON", Err("is no recipe"));
        check(&" ".repeat(5 << 20), Err("at most 4194304 are read"));
    }
}
