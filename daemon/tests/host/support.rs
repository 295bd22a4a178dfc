//! Builds the saboteur and runs it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use spotloom::host::{EndKind, HostOptions, HostPool, PluginFile, RunEnd, RunLimits, hash_open_file};
use spotloom_plugin_api::{Event, JobContext, Limits, RunRequest, Secrets};
use tokio::sync::{mpsc, watch};

/// Generous: reached only when something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The targets of the saboteur's package.
const LIBRARY: &str = "spotloom_saboteur";
const EXAMPLES: &[&str] =
    &["no_entry", "wrong_abi", "describe_crash", "describe_hang", "bad_description", "exit_on_load"];

/// The library that cargo built for a target of the saboteur's package.
pub fn library(target: &str) -> PathBuf {
    static BUILT: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| built_already().unwrap_or_else(build));
    built.get(target).unwrap_or_else(|| panic!("no {target} among {built:?}")).clone()
}

/// The libraries beside this test, if they are newer than everything they are made of: asking cargo would only mean
/// to wait for whoever else builds something.
fn built_already() -> Option<HashMap<String, PathBuf>> {
    let profile = std::env::current_exe().ok()?.parent()?.parent()?.to_path_buf();
    let mut built = HashMap::from([(LIBRARY.to_owned(), profile.join(format!("lib{LIBRARY}.so")))]);
    for name in EXAMPLES {
        built.insert((*name).to_owned(), profile.join("examples").join(format!("lib{name}.so")));
    }
    let modified = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    let oldest = built.values().map(|p| modified(p)).collect::<Option<Vec<_>>>()?.into_iter().min()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let mut folders = vec![root.join("tests/saboteur"), root.join("plugins/api")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let path = entry.ok()?.path();
            if path.is_dir() {
                folders.push(path);
            } else if modified(&path)? > oldest {
                return None;
            }
        }
    }
    Some(built)
}

/// Builds them, and learns from cargo where they are: their place is not for us to guess.
fn build() -> HashMap<String, PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "-p", "spotloom-saboteur", "--lib", "--examples", "--message-format=json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut built = HashMap::new();
    for line in output.stdout.split(|b| *b == b'\n') {
        let Ok(message) = serde_json::from_slice::<Value>(line) else { continue };
        let files = message["filenames"].as_array().cloned().unwrap_or_default();
        if let Some(file) = files.iter().filter_map(Value::as_str).find(|f| f.ends_with(".so")) {
            built.insert(message["target"]["name"].as_str().unwrap_or_default().to_owned(), file.into());
        }
    }
    built
}

/// A plugin file as it is now.
pub fn plugin_file(path: &Path) -> PluginFile {
    let sha256 = hash_open_file(&mut std::fs::File::open(path).expect("the library is there")).expect("it is readable");
    PluginFile { id: "saboteur".into(), path: path.to_path_buf(), sha256 }
}

pub fn saboteur() -> PluginFile {
    plugin_file(&library("spotloom_saboteur"))
}

/// Hosts that are the real binary.
pub fn pool() -> HostPool {
    pool_with(|_| ())
}

pub fn pool_with(change: impl FnOnce(&mut HostOptions)) -> HostPool {
    let mut options = HostOptions::new(env!("CARGO_BIN_EXE_spotloom"));
    change(&mut options);
    HostPool::new(options)
}

pub fn limits() -> RunLimits {
    RunLimits { timeout: PATIENCE, stall_timeout: PATIENCE, grace: Duration::from_millis(300), ..RunLimits::default() }
}

pub fn request(params: &Value) -> RunRequest {
    RunRequest {
        run: "run-1".into(),
        params: params.as_object().cloned().expect("parameters are an object"),
        inputs: std::collections::BTreeMap::new(),
        scratch: "/nonexistent".into(),
        limits: Limits::default(),
        secrets: Secrets::default(),
        job: JobContext::default(),
        to_come: std::collections::BTreeMap::new(),
    }
}

/// Runs the saboteur without cancelling it. Answers with its end and its events.
pub async fn run(pool: &HostPool, params: Value, limits: RunLimits) -> (RunEnd, Vec<Event>) {
    let (_cancel, cancelled) = watch::channel(false);
    run_until(pool, params, limits, cancelled).await
}

pub async fn run_until(
    pool: &HostPool,
    params: Value,
    limits: RunLimits,
    cancelled: watch::Receiver<bool>,
) -> (RunEnd, Vec<Event>) {
    let (events, mut incoming) = mpsc::unbounded_channel();
    let end = pool.run(&saboteur(), request(&params), limits, events, cancelled).await;
    let mut seen = Vec::new();
    while let Ok(event) = incoming.try_recv() {
        seen.push(event);
    }
    (end, seen)
}

/// The facts of an `ok` run: the pool works.
pub async fn ok(pool: &HostPool) -> Map<String, Value> {
    let (end, _) = run(pool, json!({"mode": "ok"}), limits()).await;
    match end.kind {
        EndKind::Succeeded { facts, .. } => facts,
        other => panic!("expected success, got {other:?}: {}", end.stderr_tail),
    }
}

pub async fn ok_pid(pool: &HostPool) -> u32 {
    u32::try_from(ok(pool).await["pid"].as_u64().expect("a process id")).expect("a process id")
}

/// Processes that are not zombies, with their group.
fn processes() -> Vec<(u32, u32)> {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|e| {
            let pid: u32 = e.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in brackets may hold anything; what follows the last bracket is regular: state, parent, group.
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let alive = fields.next()? != "Z";
            let group: u32 = fields.nth(1)?.parse().ok()?;
            alive.then_some((pid, group))
        })
        .collect()
}

pub fn group_members(group: u32) -> Vec<u32> {
    processes().into_iter().filter(|(_, g)| *g == group).map(|(pid, _)| pid).collect()
}

pub fn is_alive(pid: u32) -> bool {
    processes().iter().any(|(p, _)| *p == pid)
}

/// Waits until `done`, or fails.
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < until, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
