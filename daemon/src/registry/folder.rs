//! Plugin folders: which files are candidates, and who may write there.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::error::Diagnostic;
use crate::host::hash_open_file;
use crate::ids::Sha256;

/// The libraries of a folder, sorted by name. A folder that is not there has none.
///
/// # Errors
/// `plugin-folder` when it can't be read or others may write to it.
pub(super) fn libraries(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let refused =
        |why: String| Diagnostic::new("plugin-folder", format!("the plugin folder {} {why}", folder.display()));
    let meta = match std::fs::metadata(folder) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(refused(format!("can't be read: {e}"))),
    };
    if let Some(who) = others_may_write(&meta) {
        return Err(refused(format!("is not used: {who} can put files there"))
            .hint(format!("chown it to the user of the daemon and `chmod go-w {}`", folder.display())));
    }
    let entries = std::fs::read_dir(folder).map_err(|e| refused(format!("can't be read: {e}")))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| {
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.starts_with("lib") && name.ends_with(".so") && p.is_file()
        })
        .collect();
    found.sort();
    Ok(found)
}

/// The hash of a library that nobody else can write to.
///
/// # Errors
/// `plugin-file` when it can't be read or others may write to it.
pub(super) fn hash(path: &Path) -> Result<Sha256, Diagnostic> {
    let refused = |why: String| Diagnostic::new("plugin-file", format!("the plugin {} {why}", path.display()));
    let mut file = File::open(path).map_err(|e| refused(format!("can't be read: {e}")))?;
    let meta = file.metadata().map_err(|e| refused(format!("can't be read: {e}")))?;
    if let Some(who) = others_may_write(&meta) {
        return Err(
            refused(format!("is not used: {who} can change it")).hint(format!("`chmod go-w {}`", path.display()))
        );
    }
    hash_open_file(&mut file).map_err(|e| refused(format!("can't be read: {e}")))
}

/// Who besides us and root may write, in words.
fn others_may_write(meta: &Metadata) -> Option<String> {
    if meta.mode() & 0o002 != 0 {
        Some("everybody".into())
    } else if meta.mode() & 0o020 != 0 {
        Some(format!("the group {}", meta.gid()))
    } else if meta.uid() != 0 && meta.uid() != geteuid().as_raw() {
        Some(format!("the user {}", meta.uid()))
    } else {
        None
    }
}
