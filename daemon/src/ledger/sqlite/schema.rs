//! The tables, as a list of migrations. A released one never changes; a change is a new one at the end.

use rusqlite::{Connection, TransactionBehavior};

/// Each brings the schema from its index to its index + 1.
const MIGRATIONS: [&str; 1] = [include_str!("schema-1.sql")];

/// What this program writes.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// The schema's version; 0 for an empty file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations')",
        [],
        |row| row.get(0),
    )?;
    if !there {
        return Ok(0);
    }
    connection.query_row("SELECT COALESCE(MAX(version), 0) FROM migrations", [], |row| row.get(0))
}

/// Brings the schema up to date, each migration in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for (number, sql) in (1..).zip(MIGRATIONS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked again under the lock: another process may have been faster.
        if version(&transaction)? >= number {
            continue;
        }
        transaction.execute_batch(sql)?;
        transaction.execute("INSERT INTO migrations (version) VALUES (?1)", [number])?;
        transaction.commit()?;
    }
    Ok(())
}
