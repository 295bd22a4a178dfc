//! Everything that can go wrong in this stage, as a type; it becomes text for a person in one place, here.

use std::path::PathBuf;

use spotloom_plugin_sdk::api::Failure;

/// Why a shot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no ONNX Runtime library was found; looked in {}", list(.searched))]
    RuntimeMissing { searched: Vec<PathBuf> },
    #[error("the ONNX Runtime library {} can't be used: {reason}", .library.display())]
    RuntimeUnusable { library: PathBuf, reason: String },
    #[error("{} holds no model.yaml, so it is not a model", .folder.display())]
    ContractMissing { folder: PathBuf },
    #[error("{}:{line}:{column}: {reason}", .file.display())]
    ContractSyntax { file: PathBuf, line: u64, column: u64, reason: String },
    #[error("{}: {reason}", .file.display())]
    ContractInvalid { file: PathBuf, reason: String },
    #[error("the component `{component}` of {model} names the file {file}, which is not there")]
    FileMissing { model: String, component: String, file: String },
    #[error("the component `{component}` of {model} names {file}, which lies outside the model's folder")]
    FileOutside { model: String, component: String, file: String },
    #[error("{file} of {model} has the hash {found}, not {expected} as model.yaml says")]
    HashMismatch { model: String, file: String, expected: String, found: String },
    #[error("{file} of {model} could not be loaded: {reason}")]
    Unreadable { model: String, file: String, reason: String },
    #[error("{file} of {model}: the {direction} `{port}` {reason}")]
    Port { model: String, file: String, direction: &'static str, port: String, reason: String },
    #[error("the component `{component}` of {model} failed while it ran: {reason}")]
    Inference { model: String, component: String, reason: String },
    #[error("{model} produced a value that is not a number in {place}")]
    NonFinite { model: String, place: String },
    #[error("the shot {} can't be read: {reason}", .file.display())]
    Shot { file: PathBuf, reason: String },
    #[error("the parameter `{name}` is {value}; {expected}")]
    Param { name: &'static str, value: String, expected: String },
    #[error("the picture {name} can't be used: {reason}")]
    Picture { name: String, reason: String },
    /// Already in its final form: cancelled, disk full, and whatever the video writer says.
    #[error("{0}")]
    Other(Box<Failure>),
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// Stable, for machines.
    fn code(&self) -> &'static str {
        match self {
            Self::RuntimeMissing { .. } => "onnxruntime-missing",
            Self::RuntimeUnusable { .. } => "onnxruntime-unusable",
            Self::ContractMissing { .. } => "model-contract-missing",
            Self::ContractSyntax { .. } | Self::ContractInvalid { .. } => "model-contract-invalid",
            Self::FileMissing { .. } => "model-file-missing",
            Self::FileOutside { .. } => "model-file-outside",
            Self::HashMismatch { .. } => "model-hash-mismatch",
            Self::Unreadable { .. } => "model-unreadable",
            Self::Port { .. } => "model-port-mismatch",
            Self::Inference { .. } => "inference-failed",
            Self::NonFinite { .. } => "non-finite",
            Self::Shot { .. } => "bad-shot",
            Self::Param { .. } => "bad-params",
            Self::Picture { .. } => "bad-picture",
            Self::Other(_) => "other",
        }
    }

    /// What to do about it.
    fn hint(&self) -> &'static str {
        match self {
            Self::RuntimeMissing { .. } => {
                "run `make demo`, which puts it in place, or set SPOTLOOM_ONNXRUNTIME to the path of libonnxruntime.so"
            }
            Self::RuntimeUnusable { .. } => {
                "ONNX Runtime 1.31 or newer for this processor is needed; set SPOTLOOM_ONNXRUNTIME to the path of another one"
            }
            Self::ContractMissing { .. } => {
                "give `model:` the name of a folder under models/ that has a model.yaml; `spotloom models list` shows them"
            }
            Self::ContractSyntax { .. } | Self::ContractInvalid { .. } => {
                "correct model.yaml; plugins/diffusion/README.md lists every field"
            }
            Self::FileMissing { .. } => "copy the model again, completely, or correct the file's name in model.yaml",
            Self::FileOutside { .. } => "put the file into the model's folder; links out of it are not followed",
            Self::HashMismatch { .. } => {
                "the file is damaged or another version: copy it again, or put its new hash into model.yaml if you changed it on purpose"
            }
            Self::Unreadable { .. } => {
                "the file is no ONNX model this runtime understands, or is cut short: export or copy it again"
            }
            Self::Port { .. } => {
                "the export does not fit the family named in model.yaml; export it again, or correct model.yaml"
            }
            Self::Inference { .. } => "try again; if it stays, free memory or send the job's log to the model's author",
            Self::NonFinite { .. } => {
                "try another seed, or less guidance; if every seed fails the export has lost precision"
            }
            Self::Shot { .. } => {
                "connect the `shot` output of a prompt stage, or write {\"prompt\": \"…\", \"seconds\": 5} into a JSON file"
            }
            Self::Param { .. } => "correct it under this stage's `with:` in the pipeline",
            Self::Picture { .. } => "use a PNG, JPEG or WebP picture",
            Self::Other(_) => "",
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Other(Box::new(failure))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Other(failure) = error {
            return *failure;
        }
        let failure = Self::new(error.code(), error.to_string()).hint(error.hint());
        if matches!(error, Error::Inference { .. }) { failure.retryable() } else { failure }
    }
}
