//! The plugin host and the registry, with the real binary and a real plugin that misbehaves on demand.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test support fails by panicking; one test talks to another"
)]

mod ends;
mod lifetime;
mod registry;
mod support;
