//! What can be wrong with a composition file.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },

    #[error("{} is not a composition of this version: {message}; let `compose` make it again", path.display())]
    Invalid { path: PathBuf, message: String },

    #[error(
        "the composition was made of {expected} clip{} and {found} {} given",
        s(*expected), if *found == 1 { "is" } else { "are" }
    )]
    Count { expected: usize, found: usize },

    #[error("clip {number} is not the one the composition was made of (its hash begins with {found}, not {expected})")]
    OtherClip { number: usize, expected: String, found: String },
}

fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
