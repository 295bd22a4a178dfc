//! The SQLite store: events are the truth, the other tables their projection, written in the same transaction.

mod filesystem;
mod keep;
mod ledger;
mod lock;
mod queue;
mod record;
mod schema;
mod store;
mod submit;
mod text;
mod verify;
mod views;

pub use lock::LedgerLock;
pub use store::SqliteLedger;
