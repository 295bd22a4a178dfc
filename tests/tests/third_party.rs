//! A stage from somebody else: built outside of this workspace, loaded by the daemon as it is installed.
//!
//! Two plugins stand for everybody's: a copy of the smallest real one under another name, and the one that
//! `plugins/README.md` tells how to write, taken from that text.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use spotloom_tests::{TestStudio, brief, build};
use tempfile::TempDir;

/// Keeps a text in an archive, by the plugin that the daemon has never heard of.
const KEEP: &str = "name: keep
description: A text goes into the archive
inputs:
  archive: {type: string}
stages:
  words: {uses: trivial, with: {text: \"{{ brief.title }}\"}}
  keep:
    uses: archive
    with: {files: \"{{ stages.words.text }}\", root: \"{{ inputs.archive }}\", subfolder: \"{{ brief.campaign }}\"}
deliver:
  files: \"{{ stages.words.text }}\"
";

/// The libraries `archive` and `hello`, built once for this test process.
fn libraries() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let elsewhere = TempDir::new().unwrap();
        let workspace = elsewhere.path();
        write(&workspace.join("archive/Cargo.toml"), &archive_manifest());
        for file in ["lib", "names", "place"] {
            let source = read(&build::root().join(format!("plugins/folder/src/{file}.rs")));
            let own = source.replace("About::new(\"folder\",", "About::new(\"archive\",");
            assert!(file != "lib" || own != source, "the plugin `folder` no longer names itself in one place");
            write(&workspace.join(format!("archive/src/{file}.rs")), &own);
        }
        let guide = read(&build::root().join("plugins/README.md"));
        let guide = guide.split("## Write your own").nth(1).expect("plugins/README.md tells how to write a plugin");
        let manifest = block(guide, "toml").replace("../spotloom", build::root().to_str().unwrap());
        write(&workspace.join("hello/Cargo.toml"), &manifest);
        write(&workspace.join("hello/src/lib.rs"), &block(guide, "rust"));
        // The same versions and the same profile as ours, so that what is compiled already serves here too.
        fs::copy(build::root().join("Cargo.lock"), workspace.join("Cargo.lock")).unwrap();
        let members = "[workspace]\nresolver = \"3\"\nmembers = [\"archive\", \"hello\"]\n\n";
        let ours = read(&build::root().join("Cargo.toml"));
        let profile = [section(&ours, "[profile.release]"), section(&ours, "[profile.release.build-override]")];
        write(&workspace.join("Cargo.toml"), &format!("{members}{}", profile.join("\n")));

        let target = build::target();
        let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--offline", "--workspace"])
            .current_dir(workspace)
            .env("CARGO_TARGET_DIR", target.parent().unwrap())
            .output()
            .unwrap();
        assert!(built.status.success(), "cargo says:\n{}", String::from_utf8_lossy(&built.stderr));
        (build::cdylib("studio_archive"), build::cdylib("hello"))
    })
}

/// The manifest of `plugins/folder` as somebody outside of the workspace would write it.
fn archive_manifest() -> String {
    let versions = read(&build::root().join("Cargo.toml"));
    let mut manifest = String::from(
        "[package]\nname = \"studio-archive\"\nversion = \"2.5.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n[dependencies]\n",
    );
    for line in section(&read(&build::root().join("plugins/folder/Cargo.toml")), "[dependencies]").lines().skip(1) {
        let Some(name) = line.strip_suffix(".workspace = true") else { continue };
        let version = versions.lines().find(|l| l.starts_with(&format!("{name} = "))).expect(name);
        let path = format!("path = \"{}/", build::root().display());
        manifest.push_str(&format!("{}\n", version.replace("path = \"", &path)));
    }
    manifest
}

/// A section of a TOML file with its header.
fn section(toml: &str, header: &str) -> String {
    let start = toml.find(&format!("{header}\n")).expect(header);
    let rest = &toml[start..];
    rest[..rest[1..].find("\n[").map_or(rest.len(), |end| end + 2)].to_owned()
}

/// The first code block of a language in a Markdown text.
fn block(markdown: &str, language: &str) -> String {
    let body = markdown.split(&format!("```{language}\n")).nth(1).expect(language);
    body.split("```").next().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_plugin_from_elsewhere_works_once_it_is_trusted() {
    let (archive, _) = libraries();
    let studio = TestStudio::with_test_plugins();
    let shelf = studio.path("shelf");
    fs::create_dir(&shelf).unwrap();
    studio.write("pipelines/keep.yaml", KEEP);
    let with = format!("with: {{archive: {}}}\n", shelf.display());
    studio.write("briefs/keep.yaml", &brief("Keep me", "keep", &with));
    let brief = studio.path("briefs/keep.yaml");
    let run = || studio.run(&["run", brief.to_str().unwrap(), "--json"]);
    let state = || {
        let all = studio.run(&["plugins", "list", "--json"]).ok().json();
        let ours = |p: &&serde_json::Value| p["path"].as_str().unwrap().ends_with("libstudio_archive.so");
        all.as_array().unwrap().iter().find(ours).map(|p| (p["id"].clone(), p["state"].clone()))
    };

    let unknown = run();
    assert_eq!(unknown.code, 1, "{}", unknown.stdout);
    let problem = &unknown.json()["errors"][0];
    assert_eq!(problem["code"], "unknown-plugin", "{problem}");
    assert!(problem["message"].as_str().unwrap().contains("archive"), "{problem}");

    let checked = studio.run(&["plugins", "check", archive.to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(
        (&checked["description"]["id"], &checked["description"]["version"]),
        (&"archive".into(), &"2.5.0".into())
    );
    assert_eq!(state(), None, "a check admits nothing");

    fs::copy(archive, studio.path("plugins/libstudio_archive.so")).unwrap();
    assert_eq!(state(), Some(("libstudio_archive.so".into(), "not trusted".into())), "not even its name is asked");
    assert_eq!(run().code, 1, "lying in the folder is not enough");
    assert_eq!(fs::read_dir(&shelf).unwrap().count(), 0);

    studio.run(&["plugins", "trust", "libstudio_archive.so"]).ok();
    assert_eq!(state(), Some(("archive".into(), "trusted".into())));
    let report = run().ok().json();
    assert_eq!(report["outcome"], "delivered");
    assert_eq!(studio.list("shelf/Test"), ["manifest.json", "text_v1.txt"]);
    assert_eq!(studio.read("shelf/Test/text_v1.txt"), "Keep me");
    let shown = studio.run(&["jobs", "show", &report["job"].to_string(), "--json"]).ok().json();
    let task = shown["tasks"].as_array().unwrap().iter().find(|t| t["key"] == "keep").unwrap().clone();
    assert_eq!(task["facts"]["files"], 1, "{task}");
}

#[test]
fn the_plugin_of_the_readme_is_complete() {
    let (_, hello) = libraries();
    let studio = TestStudio::with_test_plugins();
    fs::copy(hello, studio.path("plugins/libhello.so")).unwrap();
    studio.run(&["plugins", "trust", "libhello.so"]).ok();
    let guide = read(&build::root().join("plugins/README.md"));
    let stages = block(guide.split("## Write your own").nth(1).unwrap(), "yaml");
    let deliver = "deliver:\n  files: \"{{ stages.greet.text }}\"\n";
    studio.write("pipelines/hello.yaml", &format!("name: hello\ndescription: Says it\n{stages}{deliver}"));
    studio.write("briefs/hello.yaml", &brief("Greeting", "hello", "product: {name: Zest}\n"));
    studio.run(&["run", studio.path("briefs/hello.yaml").to_str().unwrap()]).ok();
    assert_eq!(studio.read("deliveries/test/greeting-v1/hello_v1.txt"), "Hello, Zest");
}
