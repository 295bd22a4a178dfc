//! What plugins have said of themselves, by the hash of their file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spotloom_plugin_api::Description;

use super::lock::replace;
use crate::error::Diagnostic;
use crate::ids::Sha256;

/// The answer to `describe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Described(Box<Description>),
    /// It crashed, hung or answered nonsense.
    Quarantined(Box<Diagnostic>),
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// The version that asked: another one asks again, with its own host and its own rules.
    spotloom: String,
    answer: Answer,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A folder with one JSON file per hash. It saves time and decides nothing: a file that can't be read is not there.
#[derive(Clone, Debug)]
pub(super) struct Cache(PathBuf);

impl Cache {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    fn path(&self, sha256: &Sha256) -> PathBuf {
        self.0.join(format!("{sha256}.json"))
    }

    pub(super) fn get(&self, sha256: &Sha256) -> Option<Answer> {
        let bytes = std::fs::read(self.path(sha256)).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        (record.spotloom == VERSION).then_some(record.answer)
    }

    pub(super) fn put(&self, sha256: &Sha256, answer: &Answer) {
        let record = Record { spotloom: VERSION.into(), answer: answer.clone() };
        let written = serde_json::to_vec_pretty(&record)
            .map_err(std::io::Error::other)
            .and_then(|bytes| replace(&self.path(sha256), &bytes, 0o600));
        if let Err(e) = written {
            tracing::warn!("the description of a plugin could not be cached in {}: {e}", self.0.display());
        }
    }

    pub(super) fn forget(&self, sha256: &Sha256) {
        // Not there is forgotten as well; anything else shows when the next answer is written.
        let _ = std::fs::remove_file(self.path(sha256));
    }
}
