//! Reading the YAML files of a studio, within limits.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::Diagnostic;
use crate::yaml;

/// Reads a YAML file; a huge one is refused unread.
///
/// # Errors
/// When it is missing, too large or unreadable.
pub fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    read_within(path, yaml::MAX_BYTES)
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// When it is missing, too large or unreadable.
pub fn read_within(path: &Path, most: u64) -> Result<Vec<u8>, Diagnostic> {
    let shown = path.display().to_string();
    let unreadable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Diagnostic::new("missing-file", format!("there is no file {shown}")),
        _ => Diagnostic::new("unreadable", format!("{shown} can't be read: {e}")),
    };
    let meta = fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(Diagnostic::new("not-a-file", format!("{shown} is not a plain file")).expected("a YAML file"));
    }
    if meta.len() > most {
        return Err(yaml::too_large(&shown, meta.len()));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let read = File::open(path).and_then(|f| f.take(most + 1).read_to_end(&mut bytes));
    read.map_err(unreadable)?;
    Ok(bytes)
}

/// All YAML files below a folder, sorted; for commands that take folders.
#[must_use]
pub fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden {
            continue;
        }
        // Linked folders are not followed: two that point at each other would never end.
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            found.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}
