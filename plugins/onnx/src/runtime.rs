//! Finds ONNX Runtime and starts its one environment.
//!
//! Nothing is linked: the library is opened at run time, so the daemon and every other plugin live without it.
//! Invariant: at most one library and one environment per process; a failed search is tried again by the next run.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::graph::options;
use crate::provider::Provider;

/// The environment and where it came from.
pub struct Runtime {
    pub environment: Environment,
    pub library: PathBuf,
    /// As the library's file name or its build tells, `1.32.0`.
    pub version: String,
}

/// What runs graphs, and how.
#[derive(Clone, Copy)]
pub struct Engine {
    pub runtime: &'static Runtime,
    /// Threads of one graph.
    pub threads: usize,
    pub provider: Provider,
    pub session: SessionOptions,
}

/// How ONNX Runtime sets up the session of each graph. By default it is kind to other work on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SessionOptions {
    /// Whether threads that wait for work spin for a while before they sleep. On a machine that others share they take
    /// from these what they wait away. Left out: not, or what the stage has measured to be better.
    pub spinning: Option<bool>,
    /// Whether outputs that the next run takes, such as a decoder's caches, stay where the provider computes. Left out: yes
    /// where it has memory of its own.
    pub io_binding: Option<bool>,
    /// Whether a video model's latents, and what it is told of the prompt, stay where the provider computes from the first step to
    /// the last; what a scheduler does is done there too. Not with `cuda-graphs`, step caching, pinned
    /// pictures, guidance in one call or guidance that is rescaled; a warning says so.
    pub resident_latents: bool,
    /// Whether a graph that runs again and again with inputs of the same shapes is recorded and played back (CUDA graphs): with
    /// `provider: cuda` or `tensorrt`, for graphs of which every operator runs there.
    pub cuda_graphs: bool,
    /// Whether memory of a run is kept for the next one (ONNX Runtime's arena).
    pub arena: bool,
    /// Whether weights are laid out for the processor when a graph is loaded. Without, loading is faster and takes less
    /// memory, and each run takes longer.
    pub prepacking: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            spinning: None,
            io_binding: None,
            resident_latents: false,
            cuda_graphs: false,
            arena: true,
            prepacking: true,
        }
    }
}

impl Engine {
    /// The processor with so many threads.
    ///
    /// # Errors
    /// Those of [`runtime`].
    pub fn cpu(threads: usize) -> Result<Self, Error> {
        Self::on(Provider::Cpu, threads)
    }

    /// A provider, with so many threads for what it leaves to the processor.
    ///
    /// # Errors
    /// Those of [`runtime`].
    pub fn on(provider: Provider, threads: usize) -> Result<Self, Error> {
        Ok(Self { runtime: runtime()?, threads, provider, session: SessionOptions::default() })
    }

    /// The provider that a session gets here: what `auto` turns out to be, else the one that was asked for.
    #[must_use]
    pub fn gets(&self) -> Provider {
        match self.provider {
            Provider::Auto if options(self).and_then(|builder| Provider::Cuda.register(builder, false)).is_ok() => {
                Provider::Cuda
            }
            Provider::Auto => Provider::Cpu,
            named => named,
        }
    }
}

/// The process's runtime, started by the first call.
///
/// # Errors
/// `onnxruntime-missing`, `onnxruntime-unusable`.
pub fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let library = find(|name| std::env::var_os(name), &homes(), Path::new("/"))?;
    let unusable = |reason: String| Error::RuntimeUnusable { library: library.clone(), reason };
    let environment = ort::init_from(&library)
        .map_err(|e| unusable(e.to_string()))?
        .with_name("spotloom")
        .with_telemetry(false)
        .build()
        .map_err(|e| unusable(e.to_string()))?;
    // What it tells about its optimiser is nothing to a job's log.
    environment.set_log_level(LogLevel::Warning);
    let version = version_of(&library);
    tracing::info!(library = %library.display(), version, "ONNX Runtime started");
    Ok(RUNTIME.get_or_init(|| Runtime { environment, library, version }))
}

/// The library to use. `homes` are the folders of the plugin and of the program; `root` is `/` except in tests.
///
/// 1. `SPOTLOOM_ONNXRUNTIME`, then `ORT_DYLIB_PATH`: a file, or a folder that holds it. What a person set is used or
///    refused, never silently replaced.
/// 2. In a home, the folder above it, or `lib/spotloom` and `lib` beside it: an installed Spotloom.
/// 3. `.deps/onnxruntime/VERSION/` in any folder above a home: a checkout.
/// 4. The system's library folders.
///
/// The working folder is left out on purpose: a studio must not be able to bring its own library.
fn find(env: impl Fn(&str) -> Option<OsString>, homes: &[PathBuf], root: &Path) -> Result<PathBuf, Error> {
    for name in ["SPOTLOOM_ONNXRUNTIME", "ORT_DYLIB_PATH"] {
        if let Some(value) = env(name).filter(|v| !v.is_empty()) {
            let path = PathBuf::from(value);
            let found = if path.is_dir() { newest_in(&path) } else { path.is_file().then(|| path.clone()) };
            return found.ok_or(Error::RuntimeMissing { searched: vec![path] });
        }
    }
    let mut folders = Vec::new();
    for home in homes {
        folders.push(home.clone());
        if let Some(parent) = home.parent() {
            folders.extend([parent.to_path_buf(), parent.join("lib/spotloom"), parent.join("lib")]);
        }
    }
    for above in homes.iter().flat_map(|home| home.ancestors()) {
        folders.extend(versions(&above.join(".deps/onnxruntime")));
    }
    let system = ["usr/local/lib", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib"];
    folders.extend(system.iter().map(|folder| root.join(folder)));
    match folders.iter().find_map(|folder| newest_in(folder)) {
        Some(library) => Ok(library),
        None => Err(Error::RuntimeMissing { searched: folders }),
    }
}

/// `libonnxruntime.so`, or else the highest `libonnxruntime.so.VERSION`, of a folder.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join("libonnxruntime.so");
    if plain.is_file() {
        return Some(plain);
    }
    let entries = fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libonnxruntime.so.")))
        .filter(|path| path.is_file())
        .max_by_key(|path| numbers(path))
}

/// The folders of a folder of versions, highest first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.is_dir()).collect();
    found.sort_by_key(|path| std::cmp::Reverse(numbers(path)));
    found
}

/// The numbers in a file name, so that 1.9 sorts before 1.32.
fn numbers(path: &Path) -> Vec<u64> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The version in the library's real file name, `libonnxruntime.so.1.32.0`.
fn version_of(library: &Path) -> String {
    let real = library.canonicalize().unwrap_or_else(|_| library.into());
    let version = numbers(&real).iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    if version.is_empty() { "unknown".into() } else { version }
}

/// Whether a mapped file is one of our plugins: `libspotloom_NAME.so`. One process loads only one.
fn is_plugin(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("libspotloom_") && name.ends_with(".so"))
}

/// The folder of the plugin's own file, by the name it is mapped under, and the folder of the program.
fn homes() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let module = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| &line[at..]))
        .find(|path| is_plugin(path))
        .map(PathBuf::from);
    let files = [module, std::env::current_exe().ok()];
    files.iter().flatten().filter_map(|file| file.parent().map(Path::to_path_buf)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_order() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let at = |path: &str| root.path().join(path);
        let put = |path: &str| {
            fs::create_dir_all(at(path).parent().expect("a parent")).expect("a folder");
            fs::write(at(path), "").expect("a file");
        };
        let check = |env: &[(&str, &str)], expected: Result<&str, &str>| {
            let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, path)| at(path).into());
            let homes = [at("app/lib/spotloom/plugins"), at("app/bin")];
            match (find(env, &homes, root.path()), expected) {
                (Ok(found), Ok(path)) => assert_eq!(found, at(path)),
                (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{e}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };

        check(&[], Err("app/lib/spotloom"));
        put("usr/lib/libonnxruntime.so.1.9.2");
        put("usr/lib/libonnxruntime.so.1.32.0");
        check(&[], Ok("usr/lib/libonnxruntime.so.1.32.0"));
        put(".deps/onnxruntime/1.31.0/libonnxruntime.so.1.31.0");
        put(".deps/onnxruntime/1.32.0/libonnxruntime.so.1.32.0");
        check(&[], Ok(".deps/onnxruntime/1.32.0/libonnxruntime.so.1.32.0"));
        put("app/lib/libonnxruntime.so");
        check(&[], Ok("app/lib/libonnxruntime.so"));
        put("app/lib/spotloom/libonnxruntime.so");
        check(&[], Ok("app/lib/spotloom/libonnxruntime.so"));
        put("other/libonnxruntime.so.1.40.0");
        check(&[("ORT_DYLIB_PATH", "other/libonnxruntime.so.1.40.0")], Ok("other/libonnxruntime.so.1.40.0"));
        check(
            &[("SPOTLOOM_ONNXRUNTIME", "other"), ("ORT_DYLIB_PATH", "usr/lib")],
            Ok("other/libonnxruntime.so.1.40.0"),
        );
        // What a person set and is not there is an error, whatever else is installed.
        check(&[("SPOTLOOM_ONNXRUNTIME", "nowhere/libonnxruntime.so")], Err("nowhere/libonnxruntime.so"));
    }
}
