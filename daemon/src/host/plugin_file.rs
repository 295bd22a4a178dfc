//! A plugin's file and its content hash.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use sha2::{Digest, Sha256 as Hasher};

use crate::ids::Sha256;

/// A plugin as the host needs it: which file, and what must be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// For messages: the plugin's id, or its file name while the id is not known.
    pub id: String,
    /// Absolute.
    pub path: PathBuf,
    pub sha256: Sha256,
}

/// The SHA-256 of everything from the current position of `file` on.
///
/// # Errors
/// When it is not a regular file or can't be read.
pub fn hash_open_file(file: &mut File) -> io::Result<Sha256> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(Sha256(format!("{:x}", hasher.finalize())))
}
