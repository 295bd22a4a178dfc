//! A studio: the folder a team works in, and the installation that serves it with built-in things.
//!
//! Invariant: every path that came from a user is confined to the studio after resolving links.

pub mod assets;
pub mod catalog;
pub mod files;
pub mod install;
pub mod open;
pub mod planning;
pub mod resources;
pub mod secrets;

pub use catalog::StudioCatalog;
pub use install::Installation;
pub use open::Studio;
