//! Pipelines: parse, check, expand to a frozen plan. Pure: no I/O, no clock.

pub mod catalog;
pub mod plan;

pub use catalog::{Catalog, NotFound, PluginInfo, ResourceFile};
