//! Opening a studio folder.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::error::{Diagnostic, Diagnostics};
use crate::yaml;

use super::files;
use super::install::Installation;

/// A studio, with its settings, served by an installation.
#[derive(Clone, Debug)]
pub struct Studio {
    /// Absolute, links resolved.
    pub root: PathBuf,
    pub config: Config,
    pub install: Installation,
}

/// The file that makes a folder a studio.
pub const SETTINGS: &str = "spotloom.yaml";

impl Studio {
    /// Opens the studio in `root`.
    ///
    /// # Errors
    /// When it is no studio, or its settings have mistakes: all of them.
    pub fn open(root: &Path) -> Result<Self, Diagnostics> {
        let install = Installation::find().map_err(|d| vec![d])?;
        let file = root.join(SETTINGS);
        let shown = file.display().to_string();
        let text = files::read(&file).map_err(|d| {
            vec![match d.code.as_str() {
                "missing-file" => {
                    Diagnostic::new("no-studio", format!("{} is not a studio: {}", root.display(), d.message))
                        .hint(format!("make one with `spotloom init {}`", root.display()))
                }
                _ => d,
            }]
        })?;
        let config = read_config(&shown, &text)?;
        let root = root.canonicalize().map_err(|e| vec![Diagnostic::new("no-studio", e.to_string())])?;
        Ok(Self { root, config, install })
    }

    /// The studio that `from` (a file or folder) lies in.
    ///
    /// # Errors
    /// When no folder above it has a `spotloom.yaml`.
    pub fn discover(from: &Path) -> Result<PathBuf, Diagnostic> {
        let start = from.canonicalize().unwrap_or_else(|_| from.to_path_buf());
        start.ancestors().find(|p| p.join(SETTINGS).is_file()).map(Path::to_path_buf).ok_or_else(|| {
            Diagnostic::new("no-studio", format!("{} does not lie in a studio", from.display()))
                .expected(format!("a folder with {SETTINGS}"))
                .hint("make one with `spotloom init my-studio`, or name one with --studio DIR")
        })
    }

    /// Where the studio's things are looked for: its own first, then the built-in ones.
    #[must_use]
    pub fn roots(&self) -> [PathBuf; 2] {
        [self.root.clone(), self.install.share()]
    }

    /// The daemon's own folder.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join(".spotloom")
    }

    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.state().join("ledger.db")
    }

    #[must_use]
    pub fn deliveries(&self) -> PathBuf {
        self.root.join(&self.config.deliveries.0)
    }

    #[must_use]
    pub fn intake(&self) -> PathBuf {
        self.root.join(&self.config.intake.folder)
    }

    /// Threads a stage may use.
    #[must_use]
    pub fn threads(&self) -> u32 {
        match self.config.limits.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1)),
            n => n,
        }
    }
}

/// Reads settings from text.
///
/// # Errors
/// All mistakes in it.
pub fn read_config(file: &str, text: &[u8]) -> Result<Config, Diagnostics> {
    let node = yaml::parse(file, text)?;
    yaml::typed(&node, "the studio's settings")
}
