//! Hashes of a model's files, remembered for large ones while they stay as they are.
//!
//! A file is the same while its device, inode, size and times of change are. A clock may be so coarse that two changes in a
//! row bear the same time, so that only what has lain unchanged for a while is remembered.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use crate::memory::human;

/// FAT has the coarsest clock of all.
const SETTLED: Duration = Duration::from_secs(2);
/// How long a large file is read without a sign of life: a stage that gives none for two minutes is taken for hung.
const QUIET: Duration = Duration::from_secs(30);

/// What tells a file from another or a changed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Whether nothing has changed for a while.
    fn is_settled(&self, settled: Duration) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Whole seconds, cut off: one more is waited.
        let then = i64::try_from(now.saturating_sub(settled).as_secs()).unwrap_or(0);
        self.modified.0.max(self.changed.0) < then
    }
}

/// Hashes of files, and what the files were then.
#[derive(Default)]
struct Known {
    settled: Duration,
    hashes: Mutex<HashMap<PathBuf, (Stamp, String)>>,
}

impl Known {
    fn hash(&self, path: &Path) -> io::Result<(String, Stamp)> {
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let hashes = || self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hashes().get(path).cloned();
        if let Some((then, hash)) = known
            && then == stamp
        {
            return Ok((hash, stamp));
        }
        // Before it is read: what settles meanwhile may have been changed while it was.
        let settled = stamp.is_settled(self.settled);
        let hash = read(path, &file)?;
        if settled && Stamp::of(&file.metadata()?) == stamp {
            hashes().insert(path.into(), (stamp, hash.clone()));
        }
        Ok((hash, stamp))
    }
}

/// The SHA-256 of a file of a model in lower-case hex, and what the file was. One that this process has hashed before and
/// that has not changed since is not read again.
pub(crate) fn known(path: &Path) -> io::Result<(String, Stamp)> {
    static KNOWN: LazyLock<Known> = LazyLock::new(|| Known { settled: SETTLED, ..Known::default() });
    KNOWN.hash(path)
}

/// The SHA-256 of a file in lower-case hex, read piece by piece.
///
/// # Errors
/// When it can't be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    read(path, &File::open(path)?)
}

fn read(path: &Path, mut file: &File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let (mut done, mut told) = (0, Instant::now());
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
        done += count as u64;
        if told.elapsed() > QUIET {
            tracing::info!("taking the hash of {}: {} so far", path.display(), human(done));
            told = Instant::now();
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_settled_file_is_read_once_until_it_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("weights.data");
        let check = |known: &Known, text: &str, remembered: usize| {
            fs::write(&path, text).expect("a file");
            if remembered > 0 {
                std::thread::sleep(Duration::from_millis(1100));
            }
            assert_eq!(known.hash(&path).expect("a hash").0, hex(&Sha256::digest(text)), "{text}");
            assert_eq!(known.hashes.lock().expect("a lock").len(), remembered, "{text}");
        };
        // What was just written is read each time.
        let careful = Known { settled: SETTLED, ..Known::default() };
        check(&careful, "one", 0);
        check(&careful, "two", 0);
        let known = Known::default();
        check(&known, "one", 1);
        // What is given the second time comes from memory.
        known.hashes.lock().expect("a lock").get_mut(&path).expect("an entry").1 = "remembered".into();
        assert_eq!(known.hash(&path).expect("a hash").0, "remembered");
        // Of the same length.
        check(&known, "two", 1);
    }
}
