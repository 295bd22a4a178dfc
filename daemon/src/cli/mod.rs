//! The command line: one file per subcommand. All terminal output lives here.

pub mod args;
mod ask;
mod batch;
mod brand;
mod doctor;
mod exit;
mod init;
mod jobs;
mod logging;
mod models;
mod noted;
mod plan;
mod plugins;
mod preflight;
mod progress;
mod recipe;
mod run;
mod schema;
mod serve;
mod start;
mod term;
mod validate;

pub use exit::Exit;
pub use start::main;
