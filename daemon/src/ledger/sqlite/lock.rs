//! One daemon per ledger: an advisory lock that the kernel gives back however its holder dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::super::error::{LedgerError, Result};
use super::store::SqliteLedger;

/// Held for the life of a daemon.
#[derive(Debug)]
pub struct LedgerLock {
    file: File,
    path: PathBuf,
}

impl LedgerLock {
    /// Takes the lock of the ledger in `folder`, which must be there. When the daemon before this one did not give it
    /// back in order (it was killed, the machine stopped), the whole ledger is checked first.
    ///
    /// # Errors
    /// `Locked`, with the other daemon's process id where it can be read; `Damaged`; what [`SqliteLedger::open`] gives.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join("daemon.lock");
        let io = |source| LedgerError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        let mut holder = String::new();
        let taken = file.try_lock();
        file.read_to_string(&mut holder).map_err(io)?;
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::Locked { path: folder.to_path_buf(), pid: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        if !holder.trim().is_empty() && SqliteLedger::file(folder).exists() {
            tracing::info!("the ledger was not closed in order: checking it");
            SqliteLedger::open(folder)?.check_file()?;
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { file, path })
    }
}

impl Drop for LedgerLock {
    /// An empty file says that the end was an orderly one.
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(path = %self.path.display(), %error, "the lock file could not be cleared");
        }
    }
}
