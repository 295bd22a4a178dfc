//! Hashes of the studio's files, remembered while a file stays as it is: fifty gigabytes of weights are not read again for
//! every shot.
//!
//! A file is the same while its device, inode, size and times of change are. Two changes in a row may bear the same time where
//! a file system's clock is coarse, so only the hash of a file that has lain unchanged for a while is remembered; git
//! calls the others racily clean.
//! Invariant: what is given is the hash of the content at the time of the call, for files that are not changed meanwhile.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::hash::hash_reader;
use crate::ids::Sha256;

/// FAT has the coarsest clock of all.
const SETTLED: Duration = Duration::from_secs(2);

/// Hash of a file's content.
///
/// # Errors
/// When it can't be read.
pub(super) fn hash(path: &Path) -> io::Result<Sha256> {
    static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::new(SETTLED));
    KNOWN.hash(path)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64, u64),
    /// Of the content, and of anything.
    changed: [(i64, i64); 2],
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            file: (meta.dev(), meta.ino(), meta.size()),
            changed: [(meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec())],
        }
    }

    /// Whether nothing has changed for a while.
    fn is_settled(&self, settled: Duration) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let latest = self.changed.iter().map(|(seconds, _)| *seconds).max().unwrap_or(i64::MAX);
        // Whole seconds, cut off: one more is waited.
        i64::try_from(now.saturating_sub(settled).as_secs()).is_ok_and(|then| latest < then)
    }
}

struct Known {
    settled: Duration,
    hashes: Mutex<HashMap<PathBuf, (Stamp, Sha256)>>,
}

impl Known {
    fn new(settled: Duration) -> Self {
        Self { settled, hashes: Mutex::default() }
    }

    fn hash(&self, path: &Path) -> io::Result<Sha256> {
        // Opened, not only asked for: a network file system answers from memory otherwise.
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let known = self.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some((then, sha256)) = known
            && then == stamp
        {
            return Ok(sha256);
        }
        // Before it is read: what settles meanwhile may have been changed while it was.
        let settled = stamp.is_settled(self.settled);
        let (sha256, _) = hash_reader(&mut file)?;
        let unchanged = Stamp::of(&file.metadata()?) == stamp;
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if settled && unchanged {
            hashes.insert(path.into(), (stamp, sha256.clone()));
        } else {
            hashes.remove(path);
        }
        Ok(sha256)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::artifacts::hash_bytes;

    fn remembered(known: &Known) -> usize {
        known.hashes.lock().unwrap().len()
    }

    #[test]
    fn a_file_that_was_just_written_is_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let (path, known) = (folder.path().join("clip"), Known::new(SETTLED));
        for text in ["one", "two", "six"] {
            fs::write(&path, text).unwrap();
            assert_eq!(known.hash(&path).unwrap(), hash_bytes(text.as_bytes()));
            assert_eq!(remembered(&known), 0, "{text}");
        }
        assert!(known.hash(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn a_settled_file_is_read_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, known) = (folder.path().join("weights"), Known::new(Duration::ZERO));
        fs::write(&path, "one").unwrap();
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(known.hash(&path).unwrap(), hash_bytes(b"one"));
        assert_eq!(remembered(&known), 1);
        // What is given the second time comes from memory: it is what stands there.
        known.hashes.lock().unwrap().get_mut(&path).unwrap().1 = hash_bytes(b"remembered");
        assert_eq!(known.hash(&path).unwrap(), hash_bytes(b"remembered"));
        // The same length and, set back, the same time of its content.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        fs::File::open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(known.hash(&path).unwrap(), hash_bytes(b"two"));
    }
}
