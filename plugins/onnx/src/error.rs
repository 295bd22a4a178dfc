//! Everything that can go wrong with a model and its runtime, as a type; stages turn it into a failure.

use std::path::PathBuf;

use spotloom_plugin_api::Failure;

use crate::component::Dtype;

/// Why a model could not be read, loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no ONNX Runtime library was found; looked in {}", list(.searched))]
    RuntimeMissing { searched: Vec<PathBuf> },
    #[error("the ONNX Runtime library {} can't be used: {reason}", .library.display())]
    RuntimeUnusable { library: PathBuf, reason: String },
    #[error("the provider {provider} can't be used: {reason}")]
    Provider { provider: String, reason: String },
    #[error("the licence of {model} ({licence}) does not allow its use in {territories}")]
    Territory { model: String, licence: String, territories: String },
    #[error("{} holds no model.yaml, so it is not a model", .folder.display())]
    ContractMissing { folder: PathBuf },
    #[error("{} leads to a file outside the model's folder", .file.display())]
    ContractOutside { file: PathBuf },
    #[error("{}:{line}:{column}: {reason}", .file.display())]
    ContractSyntax { file: PathBuf, line: u64, column: u64, reason: String },
    #[error("{}: {reason}", .file.display())]
    ContractInvalid { file: PathBuf, reason: String },
    #[error("the component `{component}` of {model} names the file {file}, which is not there")]
    FileMissing { model: String, component: String, file: String },
    #[error("the component `{component}` of {model} names {file}, which lies outside the model's folder")]
    FileOutside { model: String, component: String, file: String },
    #[error(
        "the component `{component}` of {model} takes weights from {file}, which model.yaml does not list under its `data`"
    )]
    FileUnlisted { model: String, component: String, file: String },
    #[error("{file} of {model} has the hash {found}, not {expected} as model.yaml says")]
    HashMismatch { model: String, file: String, expected: String, found: String },
    #[error(
        "the component `{component}` of {model} has weights of {found} in {file}, not of {expected} as model.yaml says"
    )]
    Dtype { model: String, component: String, file: String, expected: Dtype, found: Dtype },
    #[error("{file} of {model} could not be loaded: {reason}")]
    Unreadable { model: String, file: String, reason: String },
    #[error("{file} of {model} has operators that `provider: {provider}` has no arithmetic for: {reason}")]
    Operators { model: String, file: String, provider: String, reason: String },
    #[error("{file} of {model}: the {direction} `{port}` {reason}")]
    Port { model: String, file: String, direction: &'static str, port: String, reason: String },
    #[error("{file} of {model}: {faults}")]
    Ports {
        model: String,
        file: String,
        /// One sentence for each of them.
        faults: String,
    },
    #[error("{what} needs about {needed}, and {available} are free ({limit})")]
    NotEnoughMemory { what: String, needed: String, available: String, limit: String },
    #[error(
        "{what} would be a tensor of {elements} values; more than 2147483647 are not computed reliably{}",
        .instead.as_ref().map(|instead| format!(" ({instead})")).unwrap_or_default()
    )]
    TensorTooLarge {
        what: String,
        elements: u64,
        /// What would be computed.
        instead: Option<String>,
    },
    #[error("the component `{component}` of {model} failed while it ran: {reason}")]
    Inference { model: String, component: String, reason: String },
    #[error("{model} produced a value that is not a number in {place}")]
    NonFinite { model: String, place: String },
    /// What is wrong in several places of one model.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Error>),
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// What was found wrong, as one failure; nothing is fine.
    ///
    /// # Errors
    /// The one that there is, or [`Self::Several`].
    pub(crate) fn gathered(mut wrong: Vec<Self>) -> Result<(), Self> {
        match wrong.len() {
            0 => Ok(()),
            1 => Err(wrong.remove(0)),
            _ => Err(Self::Several(wrong)),
        }
    }

    /// This, and behind it what else is wrong, each once.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        let apart = |error| match error {
            Self::Several(all) => all,
            one => vec![one],
        };
        let mut all = apart(self);
        for one in other.map_or_else(Vec::new, apart) {
            if !all.iter().any(|told| told.to_string() == one.to_string()) {
                all.push(one);
            }
        }
        if all.len() == 1 { all.remove(0) } else { Self::Several(all) }
    }

    /// The same with what would be computed, where it is a tensor that is too large.
    #[must_use]
    pub fn instead(mut self, other: Option<String>) -> Self {
        if let Self::TensorTooLarge { instead, .. } = &mut self {
            *instead = other;
        }
        self
    }

    /// Stable, for machines. Of several, that of the first.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RuntimeMissing { .. } => "onnxruntime-missing",
            Self::RuntimeUnusable { .. } => "onnxruntime-unusable",
            Self::Provider { .. } => "provider-unusable",
            Self::Territory { .. } => "licence-territory",
            Self::ContractMissing { .. } => "model-contract-missing",
            Self::ContractSyntax { .. } | Self::ContractInvalid { .. } | Self::Dtype { .. } => "model-contract-invalid",
            Self::FileMissing { .. } => "model-file-missing",
            Self::ContractOutside { .. } | Self::FileOutside { .. } => "model-file-outside",
            Self::FileUnlisted { .. } => "model-file-unlisted",
            Self::HashMismatch { .. } => "model-hash-mismatch",
            Self::Unreadable { .. } => "model-unreadable",
            Self::Operators { .. } => "model-unsupported",
            Self::Port { .. } | Self::Ports { .. } => "model-port-mismatch",
            Self::NotEnoughMemory { .. } => "not-enough-memory",
            Self::TensorTooLarge { .. } => "tensor-too-large",
            Self::Inference { .. } => "inference-failed",
            Self::NonFinite { .. } => "non-finite",
            Self::Several(all) => all.first().map_or("model-contract-invalid", Self::code),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::RuntimeMissing { .. } => {
                "run `make demo`, which puts it in place, or set SPOTLOOM_ONNXRUNTIME to the path of libonnxruntime.so"
            }
            Self::RuntimeUnusable { .. } => {
                "ONNX Runtime 1.31 or newer for this processor is needed; set SPOTLOOM_ONNXRUNTIME to the path of another one"
            }
            Self::Provider { .. } => {
                "use `provider: cpu` or `auto`, or set SPOTLOOM_ONNXRUNTIME to a build of ONNX Runtime with that provider and install its driver"
            }
            Self::Territory { .. } => {
                "use a model whose licence allows it, or take the place out of the brief's `rights.territories`"
            }
            Self::ContractMissing { .. } => {
                "give `model:` the name of a folder under models/ that has a model.yaml; `spotloom models list` shows them"
            }
            Self::ContractSyntax { .. } | Self::ContractInvalid { .. } => {
                "correct model.yaml; the README of the stage that loads it lists every field"
            }
            Self::FileMissing { .. } => "copy the model again, completely, or correct the file's name in model.yaml",
            Self::ContractOutside { .. } | Self::FileOutside { .. } => {
                "put the file into the model's folder; links out of it are not followed"
            }
            Self::FileUnlisted { .. } => {
                "list the file with its sha256 under the component's `data`, or export the model again"
            }
            Self::HashMismatch { .. } => {
                "the file is damaged or another version: copy it again, or put its new hash into model.yaml if you changed it on purpose"
            }
            Self::Dtype { .. } => {
                "correct the component's `dtype` in model.yaml or leave it out, or export the model again with weights of that type"
            }
            Self::Unreadable { .. } => {
                "the file is no ONNX model this runtime understands, or is cut short: export or copy it again"
            }
            Self::Operators { .. } => {
                "weights of bfloat16 take an accelerator: export the model with `--dtype fp16` or `fp32`, or set `provider`; for other operators take a newer ONNX Runtime"
            }
            Self::Port { .. } | Self::Ports { .. } => {
                "the export does not fit the family named in model.yaml; export it again, or correct model.yaml"
            }
            Self::NotEnoughMemory { .. } => {
                "close other programs, raise the memory limit, ask for a smaller picture or fewer frames, or use a smaller model or an int8 export"
            }
            Self::TensorTooLarge { .. } => {
                "ask for a smaller picture or fewer frames at once, or export the model with a step-wise decoder"
            }
            Self::Inference { .. } => "try again; if it stays, free memory or send the job's log to the model's author",
            Self::NonFinite { .. } => {
                "try another seed, or less guidance; if every seed fails the export has lost precision"
            }
            Self::Several(all) => match all.as_slice() {
                [first, others @ ..] if others.iter().all(|other| other.hint() == first.hint()) => first.hint(),
                _ => {
                    "copy the model again, completely, or export it again; or correct model.yaml in each of these places"
                }
            },
        }
    }

    /// Whether another attempt may go better.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Inference { .. })
    }
}

/// What a stage that runs networks fails with, unless it knows more.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(error.code(), error.to_string()).hint(error.hint());
        if error.is_retryable() { failure.retryable() } else { failure }
    }
}
