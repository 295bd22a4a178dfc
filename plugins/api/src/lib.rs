//! The boundary between Spotloom's plugin host and a stage plugin.
//!
//! Purpose: the one thing both sides agree on. [`abi`] is the C surface a plugin exports, [`message`] the JSON that
//! travels over it, [`protocol`] the lines that the daemon and its host process exchange, [`locale`] how language tags
//! are compared.
//!
//! Invariant: no I/O happens here and nothing but `serde` and `schemars` is needed, so that a plugin written in any
//! language can be held against these files alone. Frames never cross the boundary: requests and results name files.

pub mod abi;
pub mod locale;
pub mod message;
pub mod protocol;

pub use abi::{ABI_VERSION, Bytes, ENTRY_SYMBOL, HostApi, PluginEntry};
pub use message::{
    Artifact, Description, End, Event, Failure, InputPort, JobContext, Level, Limits, Outcome, Output, OutputPort,
    PluginMessage, Reseeded, Resource, Resources, RunRequest, Secrets, TaskFailure,
};
