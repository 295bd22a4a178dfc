//! Pipelines: parse, check, expand to a frozen plan. Pure: no I/O, no clock.
//!
//! `pipelines/README.md` is the language's reference. The way of a file: `parse` (what it says), `check` (against the
//! studio's plugins), `expand` (with a brief, to a [`plan::Plan`]).

pub mod catalog;
mod check;
mod choose;
mod deliver;
mod duration;
mod expand;
mod facts;
mod given;
mod items;
mod limits;
mod model;
mod names;
mod offers;
mod origin;
mod parse;
pub mod plan;
mod plugins;
mod references;
mod schema;
mod template;
mod value;

pub use catalog::{Catalog, NotFound, PluginInfo, ResourceFile};
pub use deliver::VERSION;
pub use expand::expand;
pub use model::{Input, InputKind, Pipeline, Stage};
pub use names::with_names;
pub use schema::schema;
pub use template::slug;
