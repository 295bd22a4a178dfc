//! The store on disk: `ROOT/ab/abcdef…`, and scratch folders on the same file system.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::ids::Sha256;

use super::hash::{hash_bytes, hash_file};

/// Content-addressed files of one studio.
#[derive(Clone, Debug)]
pub struct Store {
    objects: PathBuf,
    scratch: PathBuf,
}

impl Store {
    /// Opens the store under `root`, creating it when missing.
    ///
    /// # Errors
    /// When the folders can't be made.
    pub fn open(root: &Path) -> io::Result<Self> {
        let store = Self { objects: root.join("artifacts"), scratch: root.join("scratch") };
        fs::create_dir_all(&store.objects)?;
        fs::create_dir_all(&store.scratch)?;
        Ok(store)
    }

    /// Where a file of that hash lies or would lie.
    #[must_use]
    pub fn path(&self, sha: &Sha256) -> PathBuf {
        let (head, _) = sha.as_str().split_at_checked(2).unwrap_or(("xx", ""));
        self.objects.join(head).join(sha.as_str())
    }

    /// Whether the file is there, with the length it should have.
    #[must_use]
    pub fn holds(&self, sha: &Sha256, bytes: u64) -> bool {
        fs::metadata(self.path(sha)).is_ok_and(|m| m.is_file() && m.len() == bytes)
    }

    /// Takes a finished file from a scratch folder into the store: hash, fsync, rename, fsync of the folder.
    ///
    /// # Errors
    /// When it can't be read or moved, or is no regular file inside `scratch` after resolving links.
    pub fn take(&self, file: &Path, scratch: &Path) -> io::Result<(Sha256, u64)> {
        let real = fs::canonicalize(file)?;
        if !real.starts_with(fs::canonicalize(scratch)?) || !fs::symlink_metadata(file)?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a regular file inside the run's scratch folder", file.display()),
            ));
        }
        let (sha, bytes) = hash_file(&real)?;
        let target = self.path(&sha);
        if self.holds(&sha, bytes) {
            fs::remove_file(&real)?;
            return Ok((sha, bytes));
        }
        File::open(&real)?.sync_all()?;
        let folder = target.parent().unwrap_or(&self.objects);
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            File::open(&self.objects)?.sync_all()?;
        }
        fs::set_permissions(&real, Permissions::from_mode(0o444))?;
        fs::rename(&real, &target)?;
        File::open(folder)?.sync_all()?;
        Ok((sha, bytes))
    }

    /// An empty scratch folder of that name; an earlier one is removed.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn scratch(&self, name: &str) -> io::Result<Scratch> {
        // The hash keeps names apart that look the same once they are made safe for a file system.
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let readable: String = name.chars().take(80).map(safe).collect();
        let path = self.scratch.join(format!("{readable}-{}", &hash_bytes(name.as_bytes()).0[..12]));
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => fs::create_dir(&path)?,
        }
        Ok(Scratch(path))
    }

    /// Removes what interrupted attempts left behind. Only for the one daemon that holds the ledger's lock.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn clean_scratch(&self) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.scratch)? {
            let path = entry?.path();
            let result = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match result {
                Ok(()) => removed += 1,
                Err(e) => tracing::warn!(path = %path.display(), "an old scratch folder could not be removed: {e}"),
            }
        }
        Ok(removed)
    }
}

/// A scratch folder, removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.0)
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), "a scratch folder could not be removed: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_file_moves_it_under_its_hash_and_is_idempotent() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        for _ in 0..2 {
            let scratch = store.scratch("job 1/shots[0]").unwrap();
            let file = scratch.path().join("clip.mkv");
            fs::write(&file, "frames").unwrap();
            let (sha, bytes) = store.take(&file, scratch.path()).unwrap();
            assert_eq!(bytes, 6);
            assert!(store.holds(&sha, 6) && !store.holds(&sha, 7));
            assert_eq!(fs::read(store.path(&sha)).unwrap(), b"frames");
            assert!(fs::metadata(store.path(&sha)).unwrap().permissions().readonly());
            let path = scratch.path().to_path_buf();
            drop(scratch);
            assert!(!path.exists());
        }
    }

    #[test]
    fn names_that_look_the_same_have_scratch_folders_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let long = "x".repeat(400);
        let names =
            ["1-deliver[email:a.b@x.example]-1", "1-deliver[email:a_b@x.example]-1", "\u{d6}l", "\u{dc}l", &long];
        let folders: Vec<_> = names.iter().map(|n| store.scratch(n).unwrap()).collect();
        assert!(folders.iter().all(|f| f.path().is_dir()), "none took another's away");
    }

    #[test]
    fn a_file_outside_the_scratch_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let scratch = store.scratch("a").unwrap();
        let outside = root.path().join("secret");
        fs::write(&outside, "x").unwrap();
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        for path in [outside.clone(), link, scratch.path().join("../../secret")] {
            assert!(store.take(&path, scratch.path()).is_err(), "{}", path.display());
        }
        assert!(outside.exists());
    }
}
