//! What is refused when a ledger is opened, in the words a person reads; and what a power cut leaves behind.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;
use spotloom::ledger::conformance::{Bench, planned};
use spotloom::ledger::{JobFilter, Ledger, LedgerError, LedgerLock, SqliteLedger};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A ledger with some jobs in it, closed.
fn filled(folder: &Path) {
    let ledger = SqliteLedger::open(folder).expect("a ledger");
    let bench = Bench::new(&ledger, "open");
    for n in 0..20 {
        bench.submit(&bench.new_job(&n.to_string(), vec![planned("prompt", &[]), planned("shots", &["prompt"])]));
    }
}

/// The error as a person reads it, without what differs from run to run.
fn words(folder: &Path, error: &LedgerError) -> String {
    error
        .diagnostic()
        .to_string()
        .replace(&folder.display().to_string(), "STUDIO")
        .replace(&format!("process {}", std::process::id()), "process PID")
}

#[test]
fn a_second_daemon_is_refused() {
    let folder = folder();
    let first = LedgerLock::acquire(folder.path()).expect("the lock");
    let refused = LedgerLock::acquire(folder.path()).expect_err("a second lock");
    insta::assert_snapshot!(words(folder.path(), &refused), @r"
    error[ledger-locked]: another daemon (process PID) works with this studio (STUDIO)
      = hint: stop the other one first, or use another studio folder
    ");
    drop(first);
    LedgerLock::acquire(folder.path()).expect("the lock, once it is free");
}

#[test]
fn a_ledger_of_a_newer_version_is_refused() {
    let folder = folder();
    filled(folder.path());
    let file = SqliteLedger::file(folder.path());
    Connection::open(&file)
        .expect("the file")
        .execute("INSERT INTO migrations (version) VALUES (99)", [])
        .expect("a row");
    let refused = SqliteLedger::open(folder.path()).err().expect("an error");
    insta::assert_snapshot!(words(folder.path(), &refused), @r"
    error[newer-ledger]: the ledger STUDIO/ledger.sqlite was written by a newer Spotloom (schema 99, this one knows 1)
      = hint: use the Spotloom that wrote it, or a newer one
    ");
}

#[test]
fn a_file_that_is_no_ledger_is_refused() {
    let folder = folder();
    std::fs::write(SqliteLedger::file(folder.path()), "campaign: Summer Splash\n".repeat(400)).expect("a file");
    let refused = SqliteLedger::open(folder.path()).err().expect("an error");
    insta::assert_snapshot!(words(folder.path(), &refused), @r"
    error[ledger-damaged]: the ledger is damaged: file is not a database
      = hint: keep a copy of the file, then put a backup of `.spotloom` in its place
    ");
}

#[test]
fn damage_is_found_after_a_crash() {
    let folder = folder();
    filled(folder.path());
    // A lock file that names a holder is what a killed daemon leaves behind.
    std::fs::write(folder.path().join("daemon.lock"), "4242\n").expect("a lock file");
    LedgerLock::acquire(folder.path()).expect("a sound ledger passes");

    std::fs::write(folder.path().join("daemon.lock"), "4242\n").expect("a lock file");
    let file = OpenOptions::new().write(true).open(SqliteLedger::file(folder.path())).expect("the file");
    let pages = file.metadata().expect("its size").len() / 4096;
    for page in 1..pages {
        file.write_all_at(&[0xA5; 64], page * 4096).expect("damage");
    }
    let refused = LedgerLock::acquire(folder.path()).expect_err("damage");
    assert!(matches!(refused, LedgerError::Damaged { .. }), "{refused:?}");
}

#[test]
fn tables_that_contradict_the_events_are_found() {
    let folder = folder();
    filled(folder.path());
    let file = Connection::open(SqliteLedger::file(folder.path())).expect("the file");
    let tampered = r#"UPDATE tasks SET task = replace(task, '"waiting"', '"cancelled"') WHERE job = 7"#;
    assert_eq!(file.execute(tampered, []).expect("damage"), 2);
    let ledger = SqliteLedger::open(folder.path()).expect("a ledger");
    let refused = ledger.verify().expect_err("a contradiction");
    insta::assert_snapshot!(words(folder.path(), &refused), @r"
    error[ledger-damaged]: the ledger is damaged: job 7: the events make task `shots` waiting, the table says otherwise
      = hint: keep a copy of the file, then put a backup of `.spotloom` in its place
    ");
}

#[test]
fn a_torn_write_loses_nothing_that_was_whole() {
    let folder = folder();
    let ledger = SqliteLedger::open(folder.path()).expect("a ledger");
    let bench = Bench::new(&ledger, "torn");
    let wal = |at: &Path| {
        let mut name = SqliteLedger::file(at).into_os_string();
        name.push("-wal");
        std::path::PathBuf::from(name)
    };
    // The length of the log once so many jobs were acknowledged.
    let lengths: Vec<u64> = (0..8)
        .map(|n| {
            bench.submit(&bench.new_job(&n.to_string(), vec![planned("prompt", &[])]));
            std::fs::metadata(wal(folder.path())).expect("the log").len()
        })
        .collect();
    for (acknowledged, length) in (1..).zip(&lengths) {
        for torn in [0, 1, 700, 4_100] {
            let copy = self::folder();
            for file in [SqliteLedger::file(folder.path()), wal(folder.path())] {
                std::fs::copy(&file, copy.path().join(file.file_name().expect("a name"))).expect("a copy");
            }
            let log = OpenOptions::new().write(true).open(wal(copy.path())).expect("the copied log");
            log.set_len(length + torn).expect("a cut");
            let after = SqliteLedger::open(copy.path()).expect("the ledger after the cut");
            after.verify().expect("a sound ledger");
            let jobs = after.jobs(&JobFilter::default()).expect("jobs").len();
            assert!(jobs >= acknowledged, "{jobs} jobs of {acknowledged} after a cut at {length} + {torn}");
        }
    }
}
