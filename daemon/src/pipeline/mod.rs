//! Pipelines: parse, check, expand to a frozen plan. Pure: no I/O, no clock.

pub mod plan;
