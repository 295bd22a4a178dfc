//! Model folders in the layout of diffusers, with ONNX files where that has weights: `model_index.json`,
//! `scheduler/scheduler_config.json`, `transformer/config.json`, `transformer/model.onnx` and so on, as Optimum names
//! them, or ONNX files by the names that our exporter gives them. They have no `model.yaml`; what would stand in it is
//! put together here.
//!
//! Invariant: what comes out is text that goes the same way as a `model.yaml`. Whatever the files do not tell, and no
//! default of the reference pipeline settles, is named, all of it at once; nothing is guessed from names of folders.

mod families;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use spotloom_onnx::folder::{Refused, confined, known_sha256};
use spotloom_onnx::{Derived, Error, external, has_operator};

/// The file that says which pipeline a folder is for.
const INDEX: &str = "model_index.json";
/// The largest configuration that is read, in bytes.
const MAX_CONFIG: u64 = 1 << 20;
/// ONNX Runtime's operator for attention that never writes the scores out.
const FUSED: &str = "MultiHeadAttention";
/// The longest prompt that a tokenizer's own limit may set; larger ones mean that it has none.
const MOST_TOKENS: u64 = 4096;

/// The contract that a folder's files tell; `None` when it has no `model_index.json`.
///
/// # Errors
/// `model-contract-invalid`, with everything that is missing.
pub(super) fn derive(root: &Path) -> Result<Option<Derived>, Error> {
    if !root.join(INDEX).is_file() {
        return Ok(None);
    }
    let mut folder = Folder { root, index: Config::default(), missing: Vec::new() };
    folder.index = folder.config("which pipeline the model is for", &[INDEX]);
    let contract = if folder.missing.is_empty() { families::contract(&mut folder) } else { Value::Null };
    let source = root.join(INDEX);
    if !folder.missing.is_empty() {
        let reason =
            format!("there is no model.yaml, and this is missing to do without: {}", folder.missing.join("; "));
        return Err(Error::ContractInvalid { file: source, reason });
    }
    Ok(Some(Derived { source, text: format!("{contract:#}\n") }))
}

/// A folder, and what was looked for in it in vain.
struct Folder<'a> {
    root: &'a Path,
    /// `model_index.json`.
    index: Config,
    missing: Vec<String>,
}

/// A JSON file of the folder. Without one, nothing more is said to be missing in it.
#[derive(Default)]
struct Config {
    file: String,
    fields: Option<Map<String, Value>>,
}

impl Config {
    /// A field, when it is there and of that type.
    fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.fields.as_ref()?.get(name)?.clone()).ok()
    }
}

impl Folder<'_> {
    /// The first of these files that is there; `tells` is what it is for.
    fn config(&mut self, tells: &str, files: &[&str]) -> Config {
        for file in files {
            match confined(self.root, file) {
                Ok(path) => {
                    let mut text = String::new();
                    let read = File::open(path).and_then(|f| f.take(MAX_CONFIG).read_to_string(&mut text));
                    let fields = read
                        .map_err(|e| e.to_string())
                        .and_then(|_| serde_json::from_str::<Map<String, Value>>(&text).map_err(|e| e.to_string()));
                    if let Err(reason) = &fields {
                        self.missing.push(format!("`{file}` can't be read: {reason}"));
                    }
                    return Config { file: (*file).into(), fields: fields.ok() };
                }
                Err(Refused::Outside) => {
                    self.missing.push(format!("`{file}` lies outside the folder; links out of it are not followed"));
                    return Config::default();
                }
                Err(Refused::Missing) => {}
            }
        }
        self.missing.push(format!("{}, which tells {tells}", list(files)));
        Config::default()
    }

    /// A field that must be there; 0, nothing or an empty list when it is not, and then it is missing.
    fn need<T: DeserializeOwned + Default>(&mut self, config: &Config, name: &str) -> T {
        if let (None, Some(_)) = (config.get::<T>(name), &config.fields) {
            self.missing.push(format!("`{name}` in `{}`", config.file));
        }
        config.get(name).unwrap_or_default()
    }

    /// Tokens of a prompt: the tokenizer's own limit, or the reference pipeline's default.
    fn tokens(&self, default: u64) -> u64 {
        let quiet = &mut Folder { root: self.root, index: Config::default(), missing: Vec::new() };
        let config = quiet.config("", &["tokenizer/tokenizer_config.json"]);
        // Without a limit of its own a tokenizer says 1e30.
        config
            .get::<f64>("model_max_length")
            .filter(|n| *n >= 1.0 && *n <= MOST_TOKENS as f64)
            .map_or(default, |n| n as u64)
    }

    /// On which terms the model may be used, where a model card says so.
    fn licence(&self) -> Value {
        let card = confined(self.root, "README.md").ok().and_then(|path| {
            let mut text = String::new();
            File::open(path).ok()?.take(MAX_CONFIG).read_to_string(&mut text).ok()?;
            let front = text.strip_prefix("---\n")?.split_once("\n---")?.0.to_owned();
            let line = front.lines().find_map(|line| line.strip_prefix("license:"))?;
            Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|word| !word.is_empty())
        });
        match card {
            Some(spdx) => json!({"spdx": spdx, "notice": "As the model card in the folder says."}),
            None => json!({"spdx": "NOASSERTION", "notice": "The folder does not say on which terms it may be used."}),
        }
    }

    /// Whether a component's file is there.
    fn has(&self, role: &str) -> bool {
        places(role).iter().any(|file| confined(self.root, file).is_ok())
    }

    /// Heads whose scores the transformers' graphs write out: none where each has the operator that never does. What is written
    /// out beside it is attention to the prompt (LTX), whose scores are few.
    fn attention_heads(&mut self, transformer: &Config) -> Option<u64> {
        let fused = |role: &&str| {
            let path = places(role).iter().find_map(|file| confined(self.root, file).ok());
            path.and_then(|path| std::fs::read(path).ok())
                .is_some_and(|bytes| has_operator(&bytes, &[FUSED]).unwrap_or(false))
        };
        let there = ["transformer", "transformer-low"].into_iter().filter(|role| self.has(role)).collect::<Vec<_>>();
        let written_out = there.is_empty() || !there.iter().all(fused);
        written_out.then(|| self.need(transformer, "num_attention_heads"))
    }

    /// Entries of the components, with the hashes of their files as they are now.
    fn components(&mut self, roles: &[&str]) -> Value {
        let mut entries = Map::new();
        for role in roles {
            let files = places(role);
            match files.iter().find(|file| !matches!(confined(self.root, file), Err(Refused::Missing))) {
                Some(file) => match self.component(file) {
                    Ok(entry) => drop(entries.insert((*role).to_owned(), entry)),
                    Err(reason) => self.missing.push(reason),
                },
                None => {
                    let files = list(&files.iter().map(String::as_str).collect::<Vec<_>>());
                    self.missing.push(format!("the component `{role}`, looked for as {files}"));
                }
            }
        }
        Value::Object(entries)
    }

    fn component(&self, file: &str) -> Result<Value, String> {
        let hashed = |file: &str| {
            let path = confined(self.root, file).map_err(|refused| match refused {
                Refused::Missing => format!("the weights `{file}`"),
                Refused::Outside => {
                    format!("`{file}` inside the folder: it lies outside, and links out of it are not followed")
                }
            })?;
            let hash = known_sha256(&path).map_err(|e| format!("`{file}` can't be read: {e}"))?;
            Ok::<_, String>((path, json!({"file": file, "sha256": hash})))
        };
        let (path, mut entry) = hashed(file)?;
        if path.extension().is_some_and(|e| e == "onnx") {
            let bytes = std::fs::read(&path).map_err(|e| format!("`{file}` can't be read: {e}"))?;
            let data = external::locations(&bytes).map_err(|reason| format!("`{file}` as an ONNX file: {reason}"))?;
            let beside = Path::new(file).parent().unwrap_or(Path::new(""));
            let data: Vec<Value> = data
                .iter()
                .map(|location| Ok(hashed(&beside.join(location).display().to_string())?.1))
                .collect::<Result<_, String>>()?;
            if !data.is_empty() {
                entry["data"] = data.into();
            }
        }
        Ok(entry)
    }
}

/// Where a component's file may lie: as Optimum lays it out, then by our exporter's names, in the component's own folder
/// or at the top.
fn places(role: &str) -> Vec<String> {
    if role == "tokenizer" {
        return vec!["tokenizer/tokenizer.json".into(), "tokenizer.json".into()];
    }
    // The reference's second transformer is the expert for little noise.
    let name = if role == "transformer-low" { "transformer_2".to_owned() } else { role.replace('-', "_") };
    let own = role.replace('-', "_");
    let mut files = vec![format!("{name}/model.onnx")];
    if let Some(part) = role.strip_prefix("vae-decoder-") {
        files.push(format!("vae_decoder/{}.onnx", part.replace('-', "_")));
    }
    files.push(format!("{own}.onnx"));
    files
}

/// `a`, `b` or `c`.
fn list(files: &[&str]) -> String {
    let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
    match files.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
