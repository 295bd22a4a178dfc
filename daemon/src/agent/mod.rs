//! The agent: claims ready tasks, runs each in a plugin host, reports how it ended.
//!
//! Invariant: it reaches the ledger only through the `Ledger` trait, under a lease it keeps alive; it decides nothing
//! about what comes next. It is the same on one machine and on many.

mod attempt;
mod cached;
mod drain;
mod inputs;
mod machinery;
mod outputs;
mod places;
mod run;
mod update;

pub use drain::{Drain, Stop};
pub use machinery::{Machinery, Settings, now};
pub use run::run;
pub use update::Update;
