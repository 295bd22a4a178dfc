//! A plugin that misbehaves can't take the daemon down: each deed ends in its own typed end, and the next job runs.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use spotloom_tests::{TestStudio, brief};

/// Runs a job whose only stage does `mode`; gives the end the ledger recorded and the message people read.
fn deed(studio: &TestStudio, mode: &str) -> (i32, String, String) {
    studio.write("briefs/deed.yaml", &brief(&format!("Deed {mode}"), "sabotage", &format!("with: {{mode: {mode}}}\n")));
    let done = studio.run(&["run", studio.path("briefs/deed.yaml").to_str().unwrap(), "--json"]);
    let report = done.json();
    let job = report["job"].to_string();
    let shown = studio.run(&["jobs", "show", &job, "--json"]).ok().json();
    let attempts = shown["attempts"].as_array().unwrap();
    let last = attempts.iter().rev().find(|a| a["task"] == "deed").unwrap();
    let end = last["outcome"]["code"].as_str().or(last["outcome"]["outcome"].as_str()).unwrap().to_owned();
    let message = report["failure"]["failure"]["message"].as_str().unwrap_or_default().to_owned();
    (done.code, end, message)
}

#[test]
fn every_deed_has_its_typed_end_and_the_next_job_runs() {
    let studio = TestStudio::with_test_plugins();
    for (mode, expected, told) in [
        ("panic", "failed", "panicked"),
        ("abort", "killed", "SIGABRT"),
        ("segfault", "killed", "SIGSEGV"),
        ("hang", "stalled", "2"),
        ("ignore-cancel", "stalled", "2"),
        ("heed-cancel", "timed-out", "3"),
        ("huge-event", "protocol-violation", "bytes"),
        ("bad-json", "protocol-violation", "JSON"),
        ("exit-0", "exited", "0"),
        ("exit-7", "exited", "7"),
        ("no-end", "protocol-violation", "end"),
        ("fail", "failed", ""),
    ] {
        let (code, end, message) = deed(&studio, mode);
        assert_eq!((code, end.as_str()), (3, expected), "{mode}: {message}");
        assert!(message.contains(told), "{mode}: `{told}` is not in: {message}");
        let (code, end, message) = deed(&studio, "ok");
        assert_eq!((code, end.as_str()), (0, "succeeded"), "after {mode}: {message}");
    }
    // Printing is no crime: the protocol does not run over stdout.
    assert_eq!(deed(&studio, "print").0, 0);
}

#[test]
fn a_plugin_that_eats_memory_is_stopped_at_its_limit() {
    let studio = TestStudio::with_test_plugins();
    studio.write("spotloom.yaml", "limits: {grace-s: 1, min-free-disk-mb: 1, plugin-memory-mb: 600}\n");
    // Filling memory takes a while on a busy machine, and is silent.
    let pipeline = studio.read("pipelines/sabotage.yaml").replace("timeout: 3s", "timeout: 60s");
    studio.write("pipelines/sabotage.yaml", &pipeline.replace("stall-timeout: 2s", "stall-timeout: 60s"));
    let (code, end, message) = deed(&studio, "oom");
    assert_eq!((code, end.as_str()), (3, "out-of-memory"), "{message}");
    assert!(message.contains("572 MiB"), "{message}");
    assert_eq!(deed(&studio, "ok").0, 0);
}

#[test]
fn a_changed_or_unlisted_plugin_does_not_load() {
    let studio = TestStudio::with_test_plugins();
    let file = studio.path("plugins/libspotloom_trivial.so");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend(b"one more byte");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, bytes).unwrap();
    studio.write("briefs/deed.yaml", &brief("Changed", "five", ""));
    let done = studio.run(&["run", studio.path("briefs/deed.yaml").to_str().unwrap()]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("trivial"), "{}", done.stderr);
    let listed = studio.run(&["plugins", "list"]).ok().stdout;
    assert!(listed.contains("content has changed"), "{listed}");
    studio.run(&["plugins", "trust"]).ok();
    let done = studio.run(&["run", studio.path("briefs/deed.yaml").to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}
