//! The ledger: every job, task, attempt and event, durable before it is acknowledged.
//!
//! [`Ledger`] is what the rest of the daemon knows; [`SqliteLedger`] is its store on one machine. Stores hold no
//! policy: what follows from a command is decided by [`crate::job::step`].

mod api;
pub mod conformance;
mod error;
mod failpoint;
mod sqlite;
mod types;

pub use api::Ledger;
pub use error::{LedgerError, Result};
pub use failpoint::FAILPOINT_VARIABLE;
pub use sqlite::{LedgerLock, SqliteLedger};
pub use types::{
    Agent, ArtifactRecord, AttemptEnd, AttemptOutcome, AttemptView, CacheEntry, Claim, ClaimRequest, Counts,
    EventRecord, Finished, Heartbeat, IntakeRecord, IntakeState, JobFilter, JobView, Lease, LeaseView, LogLine,
    LogRecord, NewJob, Outputs, Progress, REFUSED, ResolvedInput, Submitted, TaskCounts, TaskView,
};
