//! Opening the store, and the one way to write to it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::super::error::{LedgerError, Result};
use super::super::failpoint::{self, Failpoint};
use super::filesystem::check_local;
use super::record::PlanCache;
use super::schema;

const FILE_NAME: &str = "ledger.sqlite";

/// Older libraries can lose a WAL when it is reset while another connection writes.
const OLDEST_SQLITE: &str = "3.51.3";
const OLDEST_SQLITE_NUMBER: i32 = 3_051_003;

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The ledger of one machine: one SQLite file in WAL mode, synced with every commit.
pub struct SqliteLedger {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    pub(super) plans: PlanCache,
    failpoint: Option<Failpoint>,
}

/// A transaction that changes something, and the names of what it does, for failpoints.
pub(super) struct Write<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) plans: &'a PlanCache,
    pub(super) names: Vec<&'static str>,
}

impl SqliteLedger {
    /// Opens the ledger in `folder`, making both if need be. Several processes may have it open; which of them is the
    /// daemon is a matter of [`LedgerLock`](super::LedgerLock).
    ///
    /// # Errors
    /// `NetworkFilesystem`, `OldSqlite`, `NewerSchema`, `Damaged`, `BadFailpoint`, or what the file system says.
    pub fn open(folder: &Path) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SQLITE_NUMBER {
            return Err(LedgerError::OldSqlite { found: rusqlite::version().into(), needed: OLDEST_SQLITE });
        }
        std::fs::create_dir_all(folder).map_err(|source| LedgerError::Io { path: folder.to_path_buf(), source })?;
        check_local(folder)?;
        let failpoint = Failpoint::from_environment()?;
        let path = folder.join(FILE_NAME);
        let mut writer = connect(&path)?;
        let found = schema::version(&writer)?;
        if found > schema::NEWEST {
            return Err(LedgerError::NewerSchema { path, found, known: schema::NEWEST });
        }
        schema::migrate(&mut writer)?;
        let reader = connect(&path)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader), plans: PlanCache::default(), failpoint })
    }

    /// Where the ledger in `folder` lies.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE_NAME)
    }

    /// Runs `work` in one transaction: all of it is durable when this returns `Ok`, nothing of it happened otherwise.
    pub(super) fn write<T>(&self, work: impl FnOnce(&mut Write) -> Result<T>) -> Result<T> {
        self.write_synced("full", work)
    }

    /// Like [`Self::write`], but a power cut can undo it: for what is only about the present. It cannot get ahead of
    /// anything else, since the next synced commit takes it along.
    pub(super) fn write_unsynced<T>(&self, work: impl FnOnce(&mut Write) -> Result<T>) -> Result<T> {
        self.write_synced("normal", work)
    }

    fn write_synced<T>(&self, synchronous: &str, work: impl FnOnce(&mut Write) -> Result<T>) -> Result<T> {
        let mut connection = hold(&self.writer);
        connection.pragma_update(None, "synchronous", synchronous)?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut write = Write { tx: &tx, plans: &self.plans, names: Vec::new() };
        let value = work(&mut write)?;
        let names = write.names;
        let die_after = self.failpoint.as_ref().is_some_and(|f| f.before_commit(&names));
        tx.commit()?;
        if die_after {
            failpoint::die();
        }
        Ok(value)
    }

    /// Runs `work` on one snapshot.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Transaction) -> Result<T>) -> Result<T> {
        let mut connection = hold(&self.reader);
        let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&tx)
    }
}

/// A panic in between rolled its transaction back, so the connection is as good as before.
fn hold(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode = put_in_wal(&connection)?;
    if !mode.eq_ignore_ascii_case("wal") {
        let problem = format!("{} cannot be put in WAL mode (it is in `{mode}` mode)", path.display());
        return Err(LedgerError::Damaged { problem });
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Changing the mode of a new file does not wait for others as ordinary work does: it is refused at once while another
/// process opens the same file.
fn put_in_wal(connection: &Connection) -> rusqlite::Result<String> {
    let mut tries = 0;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 200 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { problem: error.to_string() },
            _ => Self::Store(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::conformance::{Bench, planned};
    use super::super::super::{JobFilter, Ledger};
    use super::super::queue;
    use super::*;

    #[test]
    fn a_full_disk_is_said_and_survived() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path()).unwrap();
        let bench = Bench::new(&ledger, "full");
        let limit = |pages: i64| hold(&ledger.writer).pragma_update(None, "max_page_count", pages).unwrap();
        let large = bench.new_job("a", (0..2_000).map(|n| planned(&format!("shots[{n}]"), &[])).collect());

        limit(1); // SQLite makes it the present size
        let refused = ledger.submit(&large, bench.now());
        assert!(matches!(refused, Err(LedgerError::Full)), "{refused:?}");
        assert_eq!(ledger.jobs(&JobFilter::default()).unwrap(), []);

        limit(1_000_000);
        bench.submit(&large);
        ledger.verify().unwrap();
    }

    #[test]
    fn the_queue_is_read_in_the_order_of_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path()).unwrap();
        let connection = hold(&ledger.writer);
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", queue::FIRST_OF_POOL)).unwrap();
        let steps = plan.query_map(["cpu"], |row| row.get::<_, String>("detail")).unwrap();
        assert_eq!(steps.collect::<Result<Vec<_>, _>>().unwrap(), ["SEARCH tasks USING INDEX queue (pool=?)"]);
    }
}
