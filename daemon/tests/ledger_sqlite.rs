//! The SQLite store against the suite that every store is held to.

use spotloom::ledger::{Ledger, SqliteLedger, conformance};

#[test]
fn sqlite_does_what_a_ledger_has_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let next = std::cell::Cell::new(0);
    conformance::run(&|| {
        next.set(next.get() + 1);
        let folder = folder.path().join(next.get().to_string());
        Box::new(SqliteLedger::open(&folder).expect("a new ledger")) as Box<dyn Ledger>
    });
}
