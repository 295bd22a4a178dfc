//! The lock file: which plugin files of a folder are trusted. JSON, so that people can read and review it.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Diagnostic;
use crate::ids::Sha256;

/// The version of the format.
const FORMAT: u32 = 1;

/// Trusted files by file name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    format: u32,
    pub plugins: BTreeMap<String, Locked>,
}

/// One trusted file. Only the hash decides; id and version are there for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    pub id: String,
    pub version: String,
    pub sha256: Sha256,
}

impl Default for LockFile {
    fn default() -> Self {
        Self { format: FORMAT, plugins: BTreeMap::new() }
    }
}

impl LockFile {
    /// Reads a lock file; one that is not there trusts nothing.
    ///
    /// # Errors
    /// `bad-plugin-lock` when it is there and can't be read or understood.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let bad = |why: String| {
            Diagnostic::new("bad-plugin-lock", format!("the lock file {} can't be used: {why}", path.display())).hint(
                "no plugin of this folder is loaded; restore the file, or delete it and run `spotloom plugins trust`",
            )
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(bad(e.to_string())),
        };
        let lock: Self = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        if lock.format != FORMAT {
            return Err(bad(format!("it has format {}, this version knows {FORMAT}", lock.format)));
        }
        Ok(lock)
    }

    /// Replaces the lock file: either the old or the new content is there, whatever happens meanwhile.
    ///
    /// # Errors
    /// `io` when it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), Diagnostic> {
        let text = serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(io::Error::other);
        text.and_then(|text| replace(path, text.as_bytes(), 0o644))
            .map_err(|e| Diagnostic::new("io", format!("the lock file {} could not be written: {e}", path.display())))
    }
}

/// Writes beside, syncs, renames, syncs the folder.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    File::open(folder)?.sync_all()
}
