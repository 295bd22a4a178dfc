//! YAML text to a tree in which every key and value knows its place, within budgets. Pure.
//!
//! Invariant: nothing that a file can contain makes this slow, large or panic. The checks of `brief`, `pipeline` and
//! the studio's own files are written with [`Fields`] or, where a JSON Schema exists, with [`typed`] or [`Schema`].

mod fields;
mod node;
mod parse;
mod scalar;
mod schema;
mod syntax;

pub use fields::{Fields, Mistakes};
pub use node::{Entry, Kind, Node, Style};
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_NODES, parse, too_large};
pub use schema::{Schema, SchemaError, dotted, typed};
