//! Everything that can go wrong in this stage, as a type; it becomes text for a person in one place, here.

use std::path::PathBuf;

use spotloom_plugin_sdk::api::Failure;

/// Why a shot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model or its runtime.
    #[error(transparent)]
    Onnx(#[from] spotloom_onnx::Error),
    #[error("{model} can't do this: {reason}")]
    Unable { model: String, reason: String },
    #[error("the shot {} can't be read: {reason}", .file.display())]
    Shot { file: PathBuf, reason: String },
    #[error("the parameter `{name}` is {value}; {expected}")]
    Param { name: &'static str, value: String, expected: String },
    #[error("the picture {name} can't be used: {reason}")]
    Picture { name: String, reason: String },
    #[error("the clip {name} can't be used: {reason}")]
    Clip { name: String, reason: String },
    #[error("the mode `{mode}` {reason}")]
    Mode { mode: &'static str, reason: String },
    #[error("{model} has no mode `{mode}`; it has {known}")]
    NoMode { model: String, mode: &'static str, known: String },
    /// Already in its final form: cancelled, disk full, and whatever the video writer says.
    #[error("{0}")]
    Other(Box<Failure>),
}

impl Error {
    /// Stable, for machines.
    fn code(&self) -> &'static str {
        match self {
            Self::Onnx(error) => error.code(),
            Self::Unable { .. } => "model-unable",
            Self::Shot { .. } => "bad-shot",
            Self::Param { .. } => "bad-params",
            Self::Picture { .. } => "bad-picture",
            Self::Clip { .. } => "bad-clip",
            Self::Mode { .. } => "bad-mode",
            Self::NoMode { .. } => "model-unable",
            Self::Other(_) => "other",
        }
    }

    /// What to do about it.
    fn hint(&self) -> &'static str {
        match self {
            Self::Onnx(error) => error.hint(),
            Self::Unable { .. } => "ask for what the model's contract lists, or use another model",
            Self::Shot { .. } => {
                "connect the `shot` output of a prompt stage, or write {\"prompt\": \"…\", \"seconds\": 5} into a JSON file"
            }
            Self::Param { .. } => "correct it under this stage's `with:` in the pipeline",
            Self::Picture { .. } => "use a PNG, JPEG or WebP picture",
            Self::Clip { .. } => "use a video of at least half a second that FFmpeg can read",
            Self::Mode { .. } => "the modes and what each takes stand in the README of the stage `diffusion`",
            Self::NoMode { .. } => "ask for one of these, or use a model whose contract lists it under `modes`",
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
        let retryable = matches!(&error, Error::Onnx(error) if error.is_retryable());
        if retryable { failure.retryable() } else { failure }
    }
}
