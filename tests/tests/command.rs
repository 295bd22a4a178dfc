//! What a person reads at the terminal, and what a script learns without reading.
//!
//! The snapshots beside this file are the texts: read those to judge them. Folders, clocks and hashes are put aside
//! first, because they differ from machine to machine.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use spotloom_tests::studio::command;
use spotloom_tests::{Finished, TestStudio, brief, build, wait_for};

const THREE_MISTAKES: &str = "campaign: Test
titel: Three mistakes
title: Three mistakes
pipeline: five
brand: zest
locales: [en]
scenes:
  - {prompt: sea, seconds: two}
  - {promt: sky}
outputs: [youtube]
";

/// Runs the program as a person does who stands in a folder.
fn run_in(folder: &Path, args: &[&str]) -> Finished {
    // The width of whatever terminal the test was started from must not show in the texts.
    command().args(args).current_dir(folder).stdin(Stdio::null()).env_remove("COLUMNS").output().unwrap().into()
}

/// A studio with one brief for each way that a run can end.
fn studio() -> TestStudio {
    let studio = TestStudio::with_test_plugins();
    studio.write("examples/five.yaml", &brief("Five", "five", ""));
    studio.write("examples/fails.yaml", &brief("Fails", "sabotage", "with: {mode: fail}\n"));
    studio.write("examples/crashes.yaml", &brief("Crashes", "sabotage", "with: {mode: segfault}\n"));
    studio.write("examples/mistakes.yaml", THREE_MISTAKES);
    studio
}

/// Everything a command says, as a session at a terminal would look.
fn session(studio: &TestStudio, commands: &[&str]) -> String {
    let mut text = String::new();
    for line in commands {
        let done = run_in(&studio.root(), &line.split(' ').collect::<Vec<_>>());
        let _ = write!(text, "$ spotloom {line}\n{}{}[exit {}]\n\n", done.stderr, done.stdout, done.code);
    }
    redact(studio, &text)
}

/// Puts aside what differs from run to run and from machine to machine.
fn redact(studio: &TestStudio, text: &str) -> String {
    let real = studio.root().canonicalize().unwrap();
    let text = text.replace(real.to_str().unwrap(), "STUDIO").replace(studio.root().to_str().unwrap(), "STUDIO");
    let text = text.replace(build::prefix().to_str().unwrap(), "PREFIX");
    let text = mask(&text, "####-##-## ##:##:##Z");
    let text = mask(&text, " #.# s");
    let lines = text.lines().map(|line| match line {
        l if l.starts_with("sha256 ") => "sha256 HASH".into(),
        l if l.contains(" disk ") => format!("{}FREE", l.split_inclusive("disk ").next().unwrap()),
        l => l.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Digits become `#` wherever the text fits the pattern, in which `#` stands for a digit.
fn mask(text: &str, pattern: &str) -> String {
    let fits = |at: &str| {
        at.len() >= pattern.len()
            && at.bytes().zip(pattern.bytes()).all(|(c, p)| if p == b'#' { c.is_ascii_digit() } else { c == p })
    };
    let mut masked = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if fits(rest) { pattern.len() } else { c.len_utf8() };
        masked.push_str(if fits(rest) { pattern } else { &rest[..length] });
        rest = &rest[length..];
    }
    masked
}

#[test]
fn help() {
    let studio = TestStudio::example();
    insta::assert_snapshot!(session(&studio, &["--help", "run --help", "jobs --help", "plugins trust --help"]));
}

#[test]
fn a_new_studio() {
    let studio = TestStudio::example();
    let commands = ["init studio", "init studio", "--studio studio doctor"];
    studio.write("elsewhere/.keep", "");
    let mut text = String::new();
    for line in commands {
        let done = run_in(&studio.path("elsewhere"), &line.split(' ').collect::<Vec<_>>());
        let _ = write!(text, "$ spotloom {line}\n{}{}[exit {}]\n\n", done.stderr, done.stdout, done.code);
    }
    insta::assert_snapshot!(redact(&studio, &text));
}

#[test]
fn doctor_outside_of_a_studio_says_what_to_do() {
    let studio = TestStudio::example();
    let outside = studio.root().parent().unwrap().canonicalize().unwrap();
    let done = run_in(&outside, &["doctor"]);
    let text = redact(&studio, &done.stdout).replace(outside.to_str().unwrap(), "OUTSIDE");
    insta::assert_snapshot!(format!("{text}\n[exit {}]", done.code));
}

#[test]
fn the_example_planned() {
    let studio = TestStudio::example();
    insta::assert_snapshot!(session(&studio, &["plan examples/citrus-hero.yaml", "validate examples pipelines"]));
}

#[test]
fn plugins() {
    let studio = TestStudio::with_test_plugins();
    std::fs::copy(build::cdylib("spotloom_trivial"), studio.path("plugins/libnew.so")).unwrap();
    let commands = [
        "plugins list",
        "plugins show folder",
        "plugins show fodler",
        "plugins check plugins/libnew.so",
        "models list",
    ];
    insta::assert_snapshot!(session(&studio, &commands));
}

#[test]
fn a_run_and_its_job() {
    let studio = studio();
    let commands = [
        "jobs list",
        "plan examples/five.yaml",
        "run examples/five.yaml",
        "jobs list",
        "jobs show 1",
        "jobs logs 1",
        "plan examples/five.yaml",
        "run examples/five.yaml",
    ];
    insta::assert_snapshot!(session(&studio, &commands));
}

#[test]
fn a_run_that_fails() {
    let studio = studio();
    let commands = [
        "run examples/fails.yaml",
        "jobs show 1",
        "jobs logs 1",
        "run examples/crashes.yaml",
        "jobs show 2",
        "jobs list",
        "jobs retry 1",
        "jobs cancel 1",
        "jobs cancel 1",
        "jobs show 99",
    ];
    insta::assert_snapshot!(session(&studio, &commands));
}

#[test]
fn mistakes() {
    let studio = studio();
    let commands = [
        "validate examples/mistakes.yaml",
        "validate examples",
        "run examples/mistakes.yaml",
        "plan examples/nowhere.yaml",
        "rnu examples/five.yaml",
        "run",
    ];
    insta::assert_snapshot!(session(&studio, &commands));
}

#[test]
fn exit_codes() {
    let studio = studio();
    for (args, expected) in [
        ("--version", 0),
        ("run --help", 0),
        ("validate examples/five.yaml", 0),
        ("run examples/five.yaml", 0),
        ("validate examples/mistakes.yaml", 1),
        ("plan examples/mistakes.yaml", 1),
        ("run examples/mistakes.yaml", 1),
        ("run examples/nowhere.yaml", 1),
        ("jobs show 99", 1),
        ("init .", 1),
        ("run", 2),
        ("run --colour examples/five.yaml", 2),
        ("jobs show first", 2),
        ("run examples/fails.yaml", 3),
        ("run examples/crashes.yaml", 3),
    ] {
        let done = run_in(&studio.root(), &args.split(' ').collect::<Vec<_>>());
        assert_eq!(done.code, expected, "spotloom {args}: {}{}", done.stdout, done.stderr);
        let silent = if expected == 0 { done.stdout.is_empty() } else { (done.stdout + &done.stderr).is_empty() };
        assert!(!silent, "spotloom {args} says nothing");
    }
}

/// `spotloom run … 2>&1 | head -1`, a log service that is started anew: the work goes on.
#[test]
fn nobody_has_to_listen() {
    let studio = studio();
    let mut run = command();
    run.args(["run", "examples/five.yaml", "--log", "debug"]).current_dir(studio.root()).stdin(Stdio::null());
    let mut child = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let ended = wait_for("the run to end", Duration::from_secs(60), || child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    let jobs = run_in(&studio.root(), &["jobs", "list", "--json"]).json();
    assert_eq!(jobs[0]["phase"], "delivered", "{jobs:#}");
}

#[test]
fn machines_get_one_document() {
    let studio = studio();
    let check = |args: &str, code: i32, holds: &dyn Fn(&Value) -> bool| {
        let args: Vec<&str> = args.split(' ').chain(["--json"]).collect();
        let done = run_in(&studio.root(), &args);
        assert_eq!(done.code, code, "{args:?}: {}{}", done.stdout, done.stderr);
        assert_eq!(done.stderr, "", "{args:?}");
        let document = done.json();
        assert!(holds(&document), "{args:?}: {document:#}");
    };
    check("init new", 0, &|d| d["studio"].as_str().unwrap().ends_with("/new"));
    check("doctor", 0, &|d| d["ok"] == true);
    check("validate examples/five.yaml", 0, &|d| d["errors"] == serde_json::json!([]));
    check("validate examples/mistakes.yaml", 1, &|d| d["errors"].as_array().unwrap().len() == 3);
    check("plan examples/five.yaml", 0, &|d| d["tasks"].as_array().unwrap().len() == 6);
    check("plan examples/mistakes.yaml", 1, &|d| d["errors"][0]["place"]["line"] == 2);
    check("run examples/five.yaml", 0, &|d| d["outcome"] == "delivered" && d["files"].as_array().unwrap().len() == 1);
    check("run examples/fails.yaml", 3, &|d| d["outcome"] == "failed" && d["failure"]["task"] == "deed");
    check("jobs list", 0, &|d| d.as_array().unwrap().len() == 2);
    check("jobs show 1", 0, &|d| {
        d["tasks"].as_array().unwrap().len() == 6 && d["files"].as_array().unwrap().len() == 1
    });
    check("jobs logs 1", 0, &Value::is_array);
    check("jobs show 99", 1, &|d| d["errors"][0]["code"] == "no-such-job");
    check("jobs retry 2", 0, &|d| d["id"] == 2);
    check("jobs cancel 2", 0, &|d| d["id"] == 2);
    check("plugins list", 0, &|d| {
        d.as_array().unwrap().iter().any(|p| p["id"] == "trivial" && p["state"] == "trusted")
    });
    check("plugins show folder", 0, &|d| d["id"] == "folder" && d["params"]["properties"]["root"].is_object());
    check("plugins check plugins/libspotloom_trivial.so", 0, &|d| d["description"]["id"] == "trivial");
    check("plugins trust", 0, &|d| d["trusted"].as_array().unwrap().len() == 2);
    check("models list", 0, &Value::is_array);
    check("schema brief", 0, &|d| d["properties"]["scenes"].is_object());
}
