//! The stage as a whole.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

mod ad;
mod common;
mod failures;
mod layout;
mod looks;
mod planted;
