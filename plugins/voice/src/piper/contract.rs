//! The `model.yaml` of a voice, and what stands for it where there is none.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use spotloom_onnx::component::{Component, Licence, Mistakes};
use spotloom_onnx::folder::{Refused, confined, sha256};
use spotloom_onnx::{Derived, Described, Error, external};

use super::config::Config;

/// The component that speaks.
pub(crate) const VOICE: &str = "voice";
/// Its configuration, the `.onnx.json` of Piper.
pub(crate) const CONFIG: &str = "config";
/// What the names of those end with.
const SUFFIX: &str = ".onnx.json";

/// The content of a voice's `model.yaml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Voice")]
pub struct Contract {
    /// Version of this format; always 1.
    #[schemars(range(min = 1, max = 1))]
    contract: u32,
    /// The voice's name.
    pub name: String,
    /// One line for lists.
    #[serde(default, rename = "summary")]
    _summary: String,
    /// Whose interface it has.
    #[serde(rename = "family")]
    _family: Family,
    pub licence: Licence,
    /// The languages it speaks, as tags: `[en-US]`. A brief's language fits when it is the same but for the country.
    #[schemars(length(min = 1))]
    pub locales: Vec<String>,
    /// Who speaks when nobody is asked for, in a voice with several speakers: a name or a number of its configuration.
    #[serde(default)]
    pub speaker: Option<String>,
    /// `voice` is the ONNX graph, `config` the `.onnx.json` beside it.
    components: BTreeMap<String, Component>,
}

/// The families there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Family {
    /// VITS as Piper exports it.
    Piper,
}

impl Described for Contract {
    fn name(&self) -> &str {
        &self.name
    }

    fn licence(&self) -> &Licence {
        &self.licence
    }

    fn components(&self) -> &BTreeMap<String, Component> {
        &self.components
    }

    fn mistakes(&self) -> Vec<String> {
        // The one family there is was read.
        let mut found = Mistakes::of(self.contract, ("piper", "piper"), &self.components, &[VOICE, CONFIG]);
        found.check(
            !self.locales.is_empty(),
            "`locales` is empty; expected the languages it speaks, like [en-US]".into(),
        );
        for locale in &self.locales {
            let tag = !locale.contains('_') && !locale.trim().is_empty();
            found.check(tag, format!("`locales` has `{locale}`; expected tags like en-US"));
        }
        found.all()
    }

    fn derive(folder: &Path) -> Result<Option<Derived>, Error> {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(SUFFIX)).collect();
        names.sort();
        let Some(config) = names.first() else { return Ok(None) };
        let source = folder.join(config);
        let invalid = |reason: String| Error::ContractInvalid { file: source.clone(), reason };
        if names.len() > 1 {
            return Err(invalid(format!("there are several voices in one folder: {}", names.join(", "))));
        }
        let graph = config.trim_end_matches(".json");
        let read = read_config(folder, config).map_err(invalid)?;
        let code = if read.language.code.is_empty() { &read.espeak.voice } else { &read.language.code };
        if code.is_empty() {
            return Err(invalid("`language.code` is missing, the language it speaks".into()));
        }
        let contract = json!({
            "contract": 1,
            "name": graph.trim_end_matches(".onnx"),
            "family": "piper",
            "licence": {"spdx": "NOASSERTION", "notice": notice(folder)},
            "locales": [code.replace('_', "-")],
            "components": {
                VOICE: entry(folder, graph).map_err(invalid)?,
                CONFIG: entry(folder, config).map_err(invalid)?,
            },
        });
        Ok(Some(Derived { source: source.clone(), text: format!("{contract:#}\n") }))
    }
}

/// On which terms it may be used, as far as a model card says.
fn notice(folder: &Path) -> String {
    let card = confined(folder, "MODEL_CARD").ok().and_then(|path| std::fs::read_to_string(path).ok());
    let line = card
        .as_deref()
        .unwrap_or_default()
        .lines()
        .find_map(|l| l.trim_start_matches(['*', ' ']).strip_prefix("License:"));
    match line.map(str::trim).filter(|l| !l.is_empty()) {
        Some(licence) => format!("MODEL_CARD says of the data it was trained with: {licence}"),
        None => "The folder does not say on which terms it may be used.".into(),
    }
}

/// A component's entry with the hashes of its files as they are now.
fn entry(folder: &Path, file: &str) -> Result<Value, String> {
    let path = confined(folder, file).map_err(|refused| match refused {
        Refused::Missing => format!("{file} is not beside it"),
        Refused::Outside => format!("{file} lies outside the folder; links out of it are not followed"),
    })?;
    let unreadable = |e: std::io::Error| format!("{file} can't be read: {e}");
    let mut entry = json!({"file": file, "sha256": sha256(&path).map_err(unreadable)?});
    if file.ends_with(".onnx") {
        let data = external::locations(&std::fs::read(&path).map_err(unreadable)?);
        let data = data.map_err(|reason| format!("{file} is no ONNX file: {reason}"))?;
        let data: Vec<Value> = data.iter().map(|file| self::entry(folder, file)).collect::<Result<_, _>>()?;
        if !data.is_empty() {
            entry["data"] = data.into();
        }
    }
    Ok(entry)
}

fn read_config(folder: &Path, file: &str) -> Result<Config, String> {
    let path = confined(folder, file).map_err(|_| "it lies outside the folder".to_owned())?;
    let text = std::fs::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|e| e.to_string())
}
