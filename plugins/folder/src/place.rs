//! Putting one file in place: temporary name, fsync, rename without overwriting, fsync of the folder.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use spotloom_plugin_sdk::prelude::*;

const CHUNK: usize = 8 << 20;

/// A file and the name it gets.
pub(crate) struct Copy {
    pub(crate) source: PathBuf,
    pub(crate) name: String,
    pub(crate) media: String,
    pub(crate) sha256: String,
    pub(crate) facts: Map<String, Value>,
}

impl Copy {
    pub(crate) fn of(artifact: &Artifact, name: String) -> Self {
        Self {
            source: artifact.path.clone(),
            name,
            media: artifact.media.clone(),
            sha256: artifact.sha256.clone(),
            facts: artifact.facts.clone(),
        }
    }

    /// Its size, for progress; 0 when it can't be read, which copying it will report.
    pub(crate) fn bytes(&self) -> u64 {
        std::fs::metadata(&self.source).map_or(0, |m| m.len())
    }

    /// A JSON file made by this stage itself.
    pub(crate) fn of_own(source: PathBuf, name: &str) -> Result<Self, Failure> {
        let sha256 = hash(&source)?;
        Ok(Self { source, name: name.into(), media: "application/json".into(), sha256, facts: Map::new() })
    }
}

/// The folder below `root`, made when missing, with its links resolved.
///
/// # Errors
/// `missing-root`, `outside-root` when a link leads out of `root`, and I/O failures.
pub(crate) fn open(root: &Path, segments: &[String]) -> Result<PathBuf, Failure> {
    if !root.is_absolute() {
        return Err(Failure::new("bad-path", format!("`root` must be an absolute path, not `{}`", root.display())));
    }
    let root = root.canonicalize().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => {
            Failure::new("missing-root", format!("the folder {} does not exist", root.display()))
                .hint("make it, or mount the share it is on; the delivery is tried again")
                .retryable()
        }
        _ => io_failure("open", root, &e),
    })?;
    let mut folder = root.clone();
    for segment in segments {
        let parent = folder.clone();
        folder.push(segment);
        match std::fs::create_dir(&folder) {
            Ok(()) => sync_folder(&parent)?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(io_failure("make the folder", &folder, &e)),
        }
        folder = folder.canonicalize().map_err(|e| io_failure("open", &folder, &e))?;
        if !folder.starts_with(&root) {
            let message = format!("`{segment}` is a link to {}, outside {}", folder.display(), root.display());
            return Err(Failure::new("outside-root", message).hint("deliver to that folder as a `root` of its own"));
        }
    }
    Ok(folder)
}

/// Whether this very content is already delivered.
///
/// # Errors
/// `would-overwrite` when the name holds something else.
pub(crate) fn is_there(folder: &Path, copy: &Copy) -> Result<bool, Failure> {
    let path = folder.join(&copy.name);
    match std::fs::symlink_metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io_failure("look at", &path, &e)),
        Ok(m) if m.is_file() && hash(&path)? == copy.sha256 => Ok(true),
        Ok(_) => Err(would_overwrite(&path)),
    }
}

/// Copies a file to its place; `copied` hears of every chunk's bytes and may end it.
///
/// # Errors
/// `would-overwrite` when somebody else took the name meanwhile, `artifact-changed`, `disk-full`, `io`, and what `copied` says.
pub(crate) fn copy(
    folder: &Path,
    copy: &Copy,
    mut copied: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let target = folder.join(&copy.name);
    let fail = |e: io::Error| io_failure("write", &target, &e);
    let mut source = File::open(&copy.source).map_err(|e| io_failure("read", &copy.source, &e))?;
    let mut part = tempfile::Builder::new()
        .prefix(".spotloom-")
        .suffix(".part")
        .permissions(permissions())
        .tempfile_in(folder)
        .map_err(fail)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = source.read(&mut buffer).map_err(|e| io_failure("read", &copy.source, &e))?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        part.write_all(&buffer[..n]).map_err(fail)?;
        copied(n as u64)?;
    }
    if hex(&hasher.finalize()) != copy.sha256 {
        return Err(Failure::new(
            "artifact-changed",
            format!("{} is not what was checked before", copy.source.display()),
        )
        .hint("its disk may be failing; run the stage that made it again"));
    }
    part.as_file().sync_all().map_err(fail)?;
    part.persist_noclobber(&target).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => would_overwrite(&target),
        _ => fail(e.error),
    })?;
    sync_folder(folder)
}

/// Writes a JSON file for people.
pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), Failure> {
    std::fs::write(path, format!("{value:#}\n")).map_err(|e| io_failure("write", path, &e))
}

fn would_overwrite(path: &Path) -> Failure {
    Failure::new("would-overwrite", format!("{} is there already with other content", path.display()))
        .hint("delivered files are never overwritten: move it away, or deliver to another `subfolder`")
}

/// A rename is safe only once its folder is.
fn sync_folder(folder: &Path) -> Result<(), Failure> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_failure("sync", folder, &e))
}

/// Read and write for all, less the umask: what any program that saves a file asks for.
fn permissions() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn hash(path: &Path) -> Result<String, Failure> {
    let mut hasher = Sha256::new();
    File::open(path).and_then(|mut f| io::copy(&mut f, &mut hasher)).map_err(|e| io_failure("read", path, &e))?;
    Ok(hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
