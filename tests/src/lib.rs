//! What the end-to-end tests share: the assembled installation, a studio in a temporary folder, real receivers.
//!
//! Tests drive the built program as a user does; they link nothing of it but the plugin API's messages.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "test support reports by panicking"
)]

pub mod build;
pub mod receiver;
pub mod smtp;
pub mod studio;

pub use studio::{Daemon, Finished, TINY, TestStudio, brief, command, wait_for};
