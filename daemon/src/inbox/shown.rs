//! What a failed job has to show: the page of its report, or else the pictures of the check that stopped it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::artifacts::Store;
use crate::ledger::{ArtifactRecord, TaskView};

use super::take::write_durably;

/// More pictures than this are no help at three in the morning.
const MOST: usize = 6;

/// The files, chosen among all that failed tasks have kept: a page shows its pictures itself.
#[must_use]
pub fn files(tasks: &[TaskView]) -> Vec<&ArtifactRecord> {
    let kept = || tasks.iter().filter(|t| t.state.failure().is_some()).flat_map(|t| t.outputs.values().flatten());
    let pages: Vec<_> = kept().filter(|f| f.media == "text/html").collect();
    if pages.is_empty() { kept().filter(|f| f.media == "image/png").take(MOST).collect() } else { pages }
}

/// Puts them into a folder, each under `prefix` and its own name.
///
/// # Errors
/// When one can't be read or written.
pub fn put(tasks: &[TaskView], store: &Store, folder: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let mut made = Vec::new();
    for file in files(tasks) {
        let path = folder.join(format!("{prefix}{}", file.name));
        write_durably(&path, &fs::read(store.path(&file.sha256))?)?;
        made.push(path);
    }
    Ok(made)
}
