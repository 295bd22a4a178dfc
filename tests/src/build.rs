//! Finds what was built: the assembled installation and the cdylibs of the build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The checkout.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf())
}

/// The folder the running test lies under: `target/release`.
pub fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.ancestors()
        .find(|p| p.join("build").is_dir() && p.join("deps").is_dir())
        .expect("a cargo target folder")
        .to_path_buf()
}

/// The installation, put together once per test process from what is built.
pub fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let prefix = target().parent().unwrap().join("spotloom");
        // Several test processes may get here at once; one assembles, the others wait.
        let lock = std::fs::File::create(target().join("assemble.lock")).unwrap();
        lock.lock().unwrap();
        let built = target();
        let done = Command::new(root().join(".ci/assemble")).arg(&prefix).arg(&built).status().unwrap();
        assert!(done.success(), "the installation could not be assembled: run `make build` first");
        prefix
    })
}

/// The program as installed.
pub fn spotloom() -> PathBuf {
    prefix().join("bin/spotloom")
}

/// A cdylib of the build by its crate's library name.
pub fn cdylib(name: &str) -> PathBuf {
    let path = target().join(format!("lib{name}.so"));
    assert!(path.is_file(), "{} is not built: run `cargo build --release --workspace` first", path.display());
    path
}
