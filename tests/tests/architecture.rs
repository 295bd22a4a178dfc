//! The rules of the house (`daemon/README.md`, `plugins/README.md`), held against the tree itself.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use spotloom_tests::build;

/// All Rust files below a folder of the checkout.
fn sources(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|n| n != "target") {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&build::root().join(folder), &mut found);
    assert!(!found.is_empty(), "no sources in {folder}: has it moved?");
    found
}

/// A file's code without comments, string contents and its test module, line by line with numbers.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines()
        .enumerate()
        .map(|(n, line)| {
            let line = line.split("//").next().unwrap_or_default();
            let outside: String = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
            (n + 1, outside)
        })
        .collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(build::root()).unwrap().display().to_string()
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    ["tests.rs", "properties.rs"].contains(&name.as_str()) || folder == "tests"
}

/// Names after `[dependencies]` in a crate's manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(build::root().join(manifest)).unwrap();
    let section = text.split("[dependencies]").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|l| l.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect()
}

fn plugins() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(build::root().join("plugins"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.join("Cargo.toml").is_file())
        .map(|p| p.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|n| !["api", "sdk", "media", "onnx"].contains(&n.as_str()))
        .collect();
    names.sort();
    names
}

#[test]
fn the_daemon_links_no_plugin_and_no_media_library() {
    let daemon = dependencies("daemon/Cargo.toml");
    let ours: Vec<_> = daemon.iter().filter(|d| d.starts_with("spotloom")).collect();
    assert_eq!(ours, ["spotloom-plugin-api"], "the daemon knows the plugin API and nothing else of ours");
    for banned in ["ort", "ffmpeg-next", "lettre", "reqwest"] {
        assert!(!daemon.contains(banned), "`{banned}` belongs into a plugin");
    }
    let ldd = Command::new("ldd").arg(build::spotloom()).output().unwrap();
    let libraries = String::from_utf8(ldd.stdout).unwrap();
    assert!(libraries.contains("libc.so"), "ldd did not answer:\n{libraries}");
    for banned in ["libav", "libsw", "onnxruntime"] {
        assert!(!libraries.contains(banned), "the daemon links {banned}:\n{libraries}");
    }
}

#[test]
fn a_plugin_knows_neither_the_daemon_nor_another_plugin() {
    let plugins = plugins();
    assert!(plugins.len() >= 7, "{plugins:?}");
    for plugin in &plugins {
        let known: Vec<_> = dependencies(&format!("plugins/{plugin}/Cargo.toml"))
            .into_iter()
            .filter(|d| d.starts_with("spotloom"))
            .collect();
        for dependency in &known {
            assert!(
                ["spotloom-plugin-sdk", "spotloom-composition", "spotloom-media", "spotloom-onnx"]
                    .contains(&dependency.as_str()),
                "plugins/{plugin} depends on {dependency}"
            );
        }
    }
    assert_eq!(
        dependencies("plugins/api/Cargo.toml").into_iter().collect::<Vec<_>>(),
        ["schemars", "serde", "serde_json"],
        "the boundary needs nothing else"
    );
}

#[test]
fn unsafe_code_has_three_rooms() {
    let allowed = ["plugins/api/", "plugins/sdk/", "daemon/src/host/", "tests/"];
    for folder in ["daemon", "plugins"] {
        for path in sources(folder) {
            let name = relative(&path);
            if allowed.iter().any(|a| name.starts_with(a)) {
                continue;
            }
            for (n, line) in code(&path) {
                let word = line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
                assert!(!word, "{name}:{n}: unsafe outside of {allowed:?}: {line}");
            }
        }
    }
}

#[test]
fn libraries_are_loaded_in_one_room() {
    for path in sources("daemon/src") {
        let name = relative(&path);
        if name.starts_with("daemon/src/host/") {
            continue;
        }
        for (n, line) in code(&path) {
            assert!(!line.contains("libloading"), "{name}:{n}: only daemon/src/host loads libraries");
        }
    }
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let banned = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::thread",
        "std::io",
        "SystemTime",
        "Instant",
        "jiff",
        "tokio",
        "rusqlite",
        "rustix",
        "File::",
        "Command::new",
    ];
    for room in ["brief", "pipeline", "job", "yaml"] {
        for path in sources(&format!("daemon/src/{room}")).into_iter().filter(|p| !is_test_file(p)) {
            for (n, line) in code(&path) {
                for word in banned {
                    // `Command` is also the name of what a person can ask of a job; only the process's one is meant.
                    assert!(!line.contains(word), "{}:{n}: `{word}` in a pure room: {line}", relative(&path));
                }
            }
        }
    }
    for file in ["daemon/src/error.rs", "daemon/src/ids.rs"] {
        for (n, line) in code(&build::root().join(file)) {
            for word in banned {
                assert!(!line.contains(word), "{file}:{n}: `{word}` in a pure file: {line}");
            }
        }
    }
}

#[test]
fn files_keep_to_one_job() {
    let mut long = Vec::new();
    for folder in ["daemon", "plugins", "tests"] {
        for path in sources(folder) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            if lines > 450 {
                long.push(format!("{} has {lines} lines", relative(&path)));
            }
        }
    }
    assert!(long.is_empty(), "files beyond 450 lines hold more than one job:\n{}", long.join("\n"));
}

#[test]
fn nothing_lies_at_the_top_that_has_no_place_there() {
    let known = BTreeSet::from(["daemon", "plugins", "pipelines", "templates", "tests"]);
    let listed =
        Command::new("git").args(["ls-tree", "--name-only", "-d", "HEAD"]).current_dir(build::root()).output().unwrap();
    for folder in String::from_utf8(listed.stdout).unwrap().lines().filter(|f| !f.starts_with('.')) {
        assert!(known.contains(folder), "a new top-level folder: {folder}");
    }
}
