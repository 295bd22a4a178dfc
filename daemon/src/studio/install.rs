//! Where this program's own plugins, pipelines, templates and models lie.

use std::path::{Path, PathBuf};

use crate::error::Diagnostic;

/// An installation: `PREFIX/bin`, `PREFIX/lib/spotloom`, `PREFIX/share/spotloom`.
#[derive(Clone, Debug)]
pub struct Installation {
    pub prefix: PathBuf,
}

impl Installation {
    /// `SPOTLOOM_PREFIX` if set, else the prefix this program lies in, else the one its build tree assembled.
    ///
    /// # Errors
    /// When there is none: the program was copied without its files.
    pub fn find() -> Result<Self, Diagnostic> {
        let exe = std::env::current_exe().ok().and_then(|p| p.canonicalize().ok());
        let bin = exe.as_deref().and_then(Path::parent);
        let mut tried = Vec::new();
        if let Some(prefix) = std::env::var_os("SPOTLOOM_PREFIX") {
            tried.push(PathBuf::from(prefix));
        } else if let Some(parent) = bin.and_then(Path::parent) {
            tried.push(parent.to_path_buf());
            tried.push(parent.join("spotloom"));
        }
        for prefix in &tried {
            if prefix.join("share/spotloom/pipelines").is_dir() {
                let prefix = prefix.canonicalize().unwrap_or_else(|_| prefix.clone());
                return Ok(Self { prefix });
            }
        }
        let places: Vec<_> = tried.iter().map(|p| p.display().to_string()).collect();
        Err(Diagnostic::new("not-installed", format!("Spotloom's own files were not found in {}", places.join(" or ")))
            .expected("share/spotloom and lib/spotloom beside the folder the program lies in")
            .hint("install with `make install`, or set SPOTLOOM_PREFIX to the folder that has bin, lib and share"))
    }

    #[must_use]
    pub fn share(&self) -> PathBuf {
        self.prefix.join("share/spotloom")
    }

    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.prefix.join("lib/spotloom/plugins")
    }

    #[must_use]
    pub fn plugin_lock(&self) -> PathBuf {
        self.prefix.join("lib/spotloom/plugins.lock")
    }
}
