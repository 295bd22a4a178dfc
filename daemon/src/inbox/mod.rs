//! The intake folder: a brief dropped into it becomes a job, once.
//!
//! Theory of operation. File events are hints that wake a scan; the scan is the truth, and it runs at start, on a timer
//! and after every hint. A file is taken once it has kept its size, times and inode for the settle time ([`settle`]). It
//! is copied to the spool, hashed, and read only from there on ([`take`]). A good brief is committed to the ledger and
//! only then moved to `processing/`; a bad one goes to `rejected/` beside a report. Finished jobs move theirs to `done/`
//! or `failed/` ([`shelve`]). Whatever is interrupted is found by the next scan: the intake id, made from name, content,
//! time and inode, makes a second submission of the same drop the same job.

pub mod names;
pub mod report;
pub mod serve;
pub mod settle;
pub mod shelve;
pub mod shown;
pub mod take;
pub mod watch;
