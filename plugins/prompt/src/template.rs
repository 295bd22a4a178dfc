//! A prompt template: YAML with a caption, word lists, and texts for a language model.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::{Deserialize, Serialize};
use spotloom_plugin_sdk::prelude::*;

use crate::grammar::Words;

/// As much template as is read, in bytes.
const MAX_BYTES: u64 = 256 << 10;
/// As much text as comes out of one, in bytes.
const MAX_TEXT: usize = 16 << 10;
const FUEL: u64 = 50_000;

/// `templates/prompts/NAME.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Template {
    #[serde(rename = "summary")]
    _summary: String,
    /// The caption, with `prompt`, `words.NAME`, and all else of the [`Scene`].
    pub(crate) caption: String,
    /// The scene when the brief gives none.
    pub(crate) fallback: String,
    #[serde(default)]
    pub(crate) negative: String,
    #[serde(default)]
    pub(crate) words: BTreeMap<String, WordList>,
    /// The longest caption a language model may answer.
    #[serde(default = "sixty")]
    pub(crate) max_words: usize,
    #[serde(default)]
    pub(crate) system: String,
    #[serde(default)]
    pub(crate) user: String,
}

/// Words of which the seed chooses one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct WordList {
    pub(crate) one_of: Vec<String>,
    /// Nothing is added when the scene has one of these words: it says so itself.
    #[serde(default)]
    pub(crate) unless: Vec<String>,
    /// Chosen anew for each shot, and not once for the whole spot.
    #[serde(default)]
    pub(crate) per_shot: bool,
}

/// What a template's texts see.
#[derive(Debug, Serialize)]
pub(crate) struct Scene {
    pub(crate) prompt: String,
    pub(crate) seconds: f64,
    pub(crate) index: u32,
    pub(crate) total: u32,
    pub(crate) voice: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) colours: Vec<String>,
    pub(crate) negative: String,
    pub(crate) max_words: usize,
}

fn sixty() -> usize {
    60
}

impl Template {
    /// # Errors
    /// `template-invalid` with line and column.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let invalid = |why: String| Failure::new("template-invalid", format!("{}: {why}", path.display()));
        let bytes = std::fs::metadata(path).map_err(|e| io_failure("read", path, &e))?.len();
        if bytes > MAX_BYTES {
            return Err(invalid(format!("it is {bytes} bytes long; {MAX_BYTES} are allowed")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| io_failure("read", path, &e))?;
        let template: Self = serde_saphyr::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        match template.words.iter().find(|(_, list)| list.one_of.is_empty()) {
            Some((name, _)) => Err(invalid(format!("`words.{name}.one-of` is empty"))),
            None => Ok(template),
        }
    }

    /// Renders one of its texts; `name` is for messages.
    ///
    /// # Errors
    /// `template-invalid`.
    pub(crate) fn render(&self, name: &str, text: &str, scene: &Scene, words: &Words) -> Result<String, Failure> {
        let invalid = |why: String| Failure::new("template-invalid", format!("`{name}` of the prompt template: {why}"));
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        let scene = Value::from(Serde(scene));
        let rendered = env
            .render_named_str(name, text, context! { words => Serde(words), ..scene })
            .map_err(|e| invalid(e.to_string()))?;
        if rendered.len() > MAX_TEXT {
            return Err(invalid(format!("it makes {} bytes of text; {MAX_TEXT} are allowed", rendered.len())));
        }
        Ok(rendered)
    }
}
