//! What the integration tests share.

pub mod npz;

use std::path::{Path, PathBuf};

/// The embedded model's folder.
pub fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ambient-v0")
}
