//! `model.yaml`: what a model is, which files it is made of, and how it is sampled.
//!
//! Invariant: a [`Model`] has a contract whose figures fit each other; the bytes of a component are handed out only
//! when they lie inside the model's folder and have the hash the contract names. The bytes that were hashed are the
//! bytes that are used: nothing is read twice.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Component as PathPart, Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The largest `model.yaml` that is read, in bytes.
const MAX_CONTRACT: u64 = 256 * 1024;

/// The content of `model.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contract {
    /// Version of this format; always 1.
    pub contract: u32,
    /// The model's name, with its version.
    pub name: String,
    /// One line for lists.
    pub summary: String,
    /// Whose rules it follows: the file under `families/`.
    pub family: FamilyName,
    pub licence: Licence,
    pub video: Video,
    pub latent: Latent,
    pub prompt: Prompt,
    pub sampling: Sampling,
    /// Files by role; the family says which roles it needs.
    pub components: BTreeMap<String, Component>,
    /// What the text encoder reports to have understood, when it does.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

/// The families there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyName {
    Ambient,
}

/// On which terms the model may be used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Licence {
    /// SPDX expression.
    pub spdx: String,
    /// What has to be said where the result is used, or where the training data came from.
    #[serde(default)]
    pub notice: String,
}

/// What one pass of the decoder gives.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Video {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Frames of one clip.
    pub frames: usize,
    /// Frames a second at which the motion looks natural.
    pub fps: f64,
}

/// The shape of one clip's latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Latent {
    pub channels: usize,
    pub frames: usize,
    pub height: usize,
    pub width: usize,
}

/// How prompts are handed to the text encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Prompt {
    /// Tokens after padding and cutting.
    pub tokens: usize,
    pub negative: Negative,
}

/// What becomes of a negative prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Negative {
    /// Guidance leads away from it instead of from the empty prompt.
    Used,
    /// The model was not trained for it; guidance always leads away from the empty prompt.
    Ignored,
}

/// How the model is sampled unless a pipeline says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sampling {
    pub scheduler: SchedulerName,
    /// Denoising steps of one clip.
    pub steps: usize,
    /// How much of the schedule is spent at high noise; 1 is even.
    pub shift: f64,
    /// Strength of classifier-free guidance; 1 is none.
    pub guidance: f32,
}

/// The schedulers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerName {
    /// First order.
    FlowEuler,
    /// Second-order Adams-Bashforth: the same quality in about half the steps.
    FlowAb2,
}

/// One file of the model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Component {
    /// Path inside the model's folder.
    pub file: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// One slot of what was understood: `words[0]` means "not mentioned".
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attribute {
    pub name: String,
    pub words: Vec<String>,
}

impl fmt::Display for SchedulerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlowEuler => "flow-euler",
            Self::FlowAb2 => "flow-ab2",
        })
    }
}

/// A model folder whose contract has been read and checked.
#[derive(Clone, Debug)]
pub struct Model {
    pub contract: Contract,
    folder: PathBuf,
    /// Over `model.yaml`, which names the hash of every file: stands for the whole model.
    pub sha256: String,
}

impl Model {
    /// Reads `model.yaml` of a folder.
    ///
    /// # Errors
    /// `model-contract-missing`, `model-contract-invalid`.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("model.yaml");
        let invalid = |reason: String| Error::ContractInvalid { file: file.clone(), reason };
        let Ok(opened) = fs::File::open(&file) else {
            return Err(Error::ContractMissing { folder: folder.into() });
        };
        let mut text = String::new();
        opened.take(MAX_CONTRACT + 1).read_to_string(&mut text).map_err(|e| invalid(e.to_string()))?;
        if text.len() as u64 > MAX_CONTRACT {
            return Err(invalid(format!("it is longer than {} KiB", MAX_CONTRACT / 1024)));
        }
        let contract: Contract = serde_saphyr::from_str(&text).map_err(|e| {
            let (line, column) = e.location().map_or((1, 1), |p| (p.line(), p.column()));
            let reason = reason(&e.without_snippet().to_string(), &text, line);
            Error::ContractSyntax { file: file.clone(), line, column, reason }
        })?;
        contract.check().map_err(invalid)?;
        Ok(Self { contract, folder: folder.into(), sha256: hex(&Sha256::digest(text.as_bytes())) })
    }

    /// The content of a component's file, which has the hash the contract names.
    ///
    /// # Errors
    /// `model-contract-invalid` when the contract has no such component, `model-file-missing`, `model-file-outside`,
    /// `model-hash-mismatch`.
    pub fn read(&self, component: &str) -> Result<Vec<u8>, Error> {
        let entry = self.component(component)?;
        let (model, file) = (self.contract.name.clone(), entry.file.clone());
        let outside = || Error::FileOutside { model: model.clone(), component: component.into(), file: file.clone() };
        let missing = || Error::FileMissing { model: model.clone(), component: component.into(), file: file.clone() };
        if !Path::new(&file).components().all(|part| matches!(part, PathPart::Normal(_) | PathPart::CurDir)) {
            return Err(outside());
        }
        let root = self.folder.canonicalize().map_err(|_| missing())?;
        let path = root.join(&file).canonicalize().map_err(|_| missing())?;
        if !path.starts_with(&root) {
            return Err(outside());
        }
        let bytes = fs::read(&path).map_err(|_| missing())?;
        let found = hex(&Sha256::digest(&bytes));
        if found != entry.sha256 {
            return Err(Error::HashMismatch { model, file, expected: entry.sha256.clone(), found });
        }
        Ok(bytes)
    }

    /// The entry of a component.
    ///
    /// # Errors
    /// `model-contract-invalid` when there is none.
    pub fn component(&self, component: &str) -> Result<&Component, Error> {
        self.contract.components.get(component).ok_or_else(|| Error::ContractInvalid {
            file: self.folder.join("model.yaml"),
            reason: format!("`components` has no `{component}`, which this family needs"),
        })
    }
}

impl Contract {
    /// Whether the figures make sense; those that must fit an ONNX graph are checked when it is loaded.
    fn check(&self) -> Result<(), String> {
        if self.contract != 1 {
            return Err(format!("`contract` is {}; this Spotloom understands version 1", self.contract));
        }
        let positive = [
            ("video.width", self.video.width),
            ("video.height", self.video.height),
            ("video.frames", self.video.frames),
            ("latent.channels", self.latent.channels),
            ("latent.frames", self.latent.frames),
            ("latent.height", self.latent.height),
            ("latent.width", self.latent.width),
            ("prompt.tokens", self.prompt.tokens),
            ("sampling.steps", self.sampling.steps),
        ];
        for (name, value) in positive {
            if value == 0 || value > 16_384 {
                return Err(format!("`{name}` is {value}; expected 1 to 16384"));
            }
        }
        if !(1.0..=240.0).contains(&self.video.fps) {
            return Err(format!("`video.fps` is {}; expected 1 to 240", self.video.fps));
        }
        if !(0.01..=100.0).contains(&self.sampling.shift) {
            return Err(format!("`sampling.shift` is {}; expected 0.01 to 100", self.sampling.shift));
        }
        if !(1.0..=100.0).contains(&self.sampling.guidance) {
            return Err(format!("`sampling.guidance` is {}; expected 1 to 100", self.sampling.guidance));
        }
        for (role, component) in &self.components {
            let hash = &component.sha256;
            if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                return Err(format!("`components.{role}.sha256` is `{hash}`; expected 64 lower-case hex digits"));
            }
        }
        if let Some(slot) = self.attributes.iter().find(|slot| slot.words.is_empty()) {
            return Err(format!("the attribute `{}` has no words", slot.name));
        }
        Ok(())
    }
}

/// What the parser says, without the place (that is said apart), and with the line it means.
fn reason(said: &str, text: &str, line: u64) -> String {
    let said = said.lines().next().unwrap_or_default();
    let said = said.split(" at line ").next().unwrap_or(said);
    let index = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    match text.lines().nth(index).map(str::trim).filter(|l| !l.is_empty()) {
        Some(meant) => format!("{said}, in `{}`", meant.chars().take(120).collect::<String>()),
        None => said.into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
