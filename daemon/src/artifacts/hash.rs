//! SHA-256 of files and folders.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256 as Hasher};

use super::known;
use crate::ids::Sha256;

/// Hash of some bytes.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> Sha256 {
    finish(Hasher::new_with_prefix(bytes))
}

/// Hash and length of a file's content.
///
/// # Errors
/// When it can't be read.
pub fn hash_file(path: &Path) -> io::Result<(Sha256, u64)> {
    hash_reader(&mut File::open(path)?)
}

/// Hash and length of everything left in a reader.
///
/// # Errors
/// When it can't be read.
pub fn hash_reader(reader: &mut impl Read) -> io::Result<(Sha256, u64)> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    let mut total = 0u64;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((finish(hasher), total)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Hash of a file or folder of the studio; one that has not changed since is not read again.
///
/// # Errors
/// When something in it can't be read.
pub fn hash_of(path: &Path) -> io::Result<Sha256> {
    if path.is_dir() { hash_tree(path) } else { known::hash(path) }
}

/// Hash of a folder: over the sorted relative paths of its files and their hashes. Names starting with a dot are left
/// out; links are followed for files and refused for folders, so that a loop can't be built.
///
/// # Errors
/// When something in it can't be read.
fn hash_tree(folder: &Path) -> io::Result<Sha256> {
    let mut lines = Vec::new();
    walk(folder, "", &mut lines)?;
    lines.sort_unstable();
    Ok(hash_bytes(lines.join("\n").as_bytes()))
}

fn walk(folder: &Path, prefix: &str, lines: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &relative, lines)?;
        } else {
            // What is no file may never end (a pipe, a link to a device): it is there, and whoever opens it says what is wrong.
            let path = entry.path();
            let sha = fs::metadata(&path)?.is_file().then(|| known::hash(&path)).transpose()?;
            lines.push(format!("{relative}\0{}", sha.map_or_else(|| "no file".into(), |sha| sha.to_string())));
        }
    }
    Ok(())
}

fn finish(hasher: Hasher) -> Sha256 {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Sha256(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_hashes_by_content_and_names_only() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for d in [&a, &b] {
            fs::create_dir(d.path().join("sub")).unwrap();
            fs::write(d.path().join("sub/x"), "1").unwrap();
            fs::write(d.path().join("y"), "2").unwrap();
        }
        fs::write(b.path().join(".hidden"), "ignored").unwrap();
        for d in [&a, &b] {
            std::os::unix::fs::symlink("/dev/zero", d.path().join("endless")).unwrap();
        }
        let before = hash_tree(a.path()).unwrap();
        assert_eq!(before, hash_tree(b.path()).unwrap());
        fs::rename(a.path().join("y"), a.path().join("z")).unwrap();
        assert_ne!(before, hash_tree(a.path()).unwrap(), "a name counts");
    }

    #[test]
    fn the_empty_string_has_its_well_known_hash() {
        assert_eq!(hash_bytes(b"").as_str(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
