//! The stage as a whole.

mod ad;
mod common;
mod failures;
