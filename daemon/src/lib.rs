//! The Spotloom daemon as a library: everything but argument parsing. See `daemon/README.md` for the map.

pub mod agent;
pub mod artifacts;
pub mod brief;
pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod host;
pub mod ids;
pub mod inbox;
pub mod job;
pub mod ledger;
pub mod pipeline;
pub mod registry;
pub mod studio;
pub mod yaml;
