//! Every misdeed of a plugin has exactly one typed end, leaves no process behind, and does not hurt the next run.

use std::time::Duration;

use serde_json::{Value, json};
use spotloom::host::{EndKind, HostPool, RunEnd, RunLimits};
use spotloom_plugin_api::protocol::LoadFailure;
use spotloom_plugin_api::{Event, Failure};
use tokio::sync::{mpsc, watch};

use crate::support::{
    group_members, library, limits, ok, plugin_file, pool, pool_with, request, run, saboteur, wait_until,
};

fn succeeded(kind: &EndKind) -> bool {
    matches!(kind, EndKind::Succeeded { .. })
}

fn killed(by: i32) -> impl Fn(&EndKind) -> bool {
    move |kind| matches!(kind, EndKind::Killed { signal, core: false } if *signal == by)
}

fn exited(with: i32) -> impl Fn(&EndKind) -> bool {
    move |kind| *kind == EndKind::Exited { code: with }
}

fn violation(about: &'static str) -> impl Fn(&EndKind) -> bool {
    move |kind| matches!(kind, EndKind::Violation { message } if message.contains(about))
}

fn failed(code: &'static str, again: bool) -> impl Fn(&EndKind) -> bool {
    move |kind| matches!(kind, EndKind::Failed(Failure { code: c, retryable, .. }) if c == code && *retryable == again)
}

/// Runs `mode` and then `ok`; all hosts that could not be used again must be gone with everything they started.
async fn check(pool: &HostPool, mode: &str, limits: RunLimits, expected: impl Fn(&EndKind) -> bool) -> RunEnd {
    let (end, _) = run(pool, json!({"mode": mode}), limits).await;
    assert!(expected(&end.kind), "{mode}: {:?}\nprinted: {}", end.kind, end.stderr_tail);
    let healthy = ok(pool).await;
    let group = end.pid.expect("a host was started");
    if healthy["pid"].as_u64() != Some(u64::from(group)) {
        assert_eq!(group_members(group), Vec::<u32>::new(), "{mode}: processes were left behind");
    }
    end
}

#[tokio::test]
async fn every_misdeed_has_its_end() {
    let pool = pool();
    let usual = limits();
    check(&pool, "ok", usual, succeeded).await;
    check(&pool, "no-such-mode", usual, failed("unknown-mode", false)).await;
    check(&pool, "fail", usual, failed("sabotage", false)).await;
    check(&pool, "fail-retryable", usual, failed("sabotage", true)).await;
    check(&pool, "panic", usual, failed("panicked", false)).await;
    check(&pool, "slow-progress", usual, succeeded).await;

    check(&pool, "abort", usual, killed(6)).await;
    check(&pool, "segfault", usual, killed(11)).await;
    check(&pool, "crash-after-end", usual, killed(11)).await;
    let overflow = check(&pool, "stack-overflow", usual, killed(6)).await;
    assert!(overflow.stderr_tail.contains("overflowed its stack"), "{}", overflow.stderr_tail);
    check(&pool, "exit-0", usual, exited(0)).await;
    check(&pool, "exit-7", usual, exited(7)).await;

    check(&pool, "huge-event", usual, violation("the longest allowed is")).await;
    check(&pool, "bad-json", usual, violation("not the protocol's JSON")).await;
    check(&pool, "wrong-message", usual, violation("not the protocol's JSON")).await;
    check(&pool, "no-end", usual, violation("without saying how the run ended")).await;
    check(&pool, "bad-status", usual, violation("status 1")).await;
    check(&pool, "two-ends", usual, violation("after the end of the run")).await;
    check(&pool, "event-after-end", usual, violation("after the end of the run")).await;
}

#[tokio::test]
async fn time_limits_end_what_does_not_end() {
    let pool = pool();
    let short = Duration::from_millis(500);
    let stall = RunLimits { stall_timeout: short, ..limits() };
    for mode in ["hang", "ignore-cancel", "stall", "ignore-sigterm", "stop-itself"] {
        check(&pool, mode, stall, |kind| *kind == EndKind::Stalled { silent_for: short }).await;
    }
    let timeout = RunLimits { timeout: short, ..limits() };
    for mode in ["hang", "flood", "heed-cancel"] {
        check(&pool, mode, timeout, |kind| *kind == EndKind::TimedOut { after: short }).await;
    }
    // Progress is a sign of life: this takes twice the stall timeout and is not stalled.
    check(&pool, "slow-progress", stall, succeeded).await;
}

#[tokio::test]
async fn what_is_printed_is_no_protocol_and_its_end_is_kept() {
    let pool = pool();
    let end = check(&pool, "print", limits(), succeeded).await;
    assert!(end.stderr_tail.len() <= 4096, "{}", end.stderr_tail.len());
    // Printed just before a success, it may still be on its way when the success is known.
    let end = check(&pool, "segfault", limits(), killed(11)).await;
    assert!(!end.stderr_tail.contains("ppp"), "the tail is of this run alone: {}", end.stderr_tail);
}

#[tokio::test]
async fn a_plugin_that_closes_every_descriptor_is_told_from_one_that_succeeds() {
    let pool = pool();
    let end = check(&pool, "close-fds", limits(), |kind| !succeeded(kind)).await;
    assert!(end.is_crash(), "{:?}", end.kind);
}

#[tokio::test]
async fn memory_over_the_limit_is_named_as_such() {
    let pool = pool();
    let limit = 512 << 20;
    let limits = RunLimits { memory_limit: Some(limit), ..limits() };
    check(&pool, "oom", limits, |kind| *kind == EndKind::OutOfMemory { limit: Some(limit) }).await;
}

#[tokio::test]
async fn what_a_plugin_forked_dies_with_its_host() {
    for (mode, limits, expected) in [
        ("fork-and-hang", RunLimits { stall_timeout: Duration::from_millis(500), ..limits() }, "stalled"),
        ("fork-and-exit", limits(), "exited"),
    ] {
        let pool = pool();
        let file = tempfile::NamedTempFile::new().unwrap();
        let (end, _) = run(&pool, json!({"mode": mode, "file": file.path()}), limits).await;
        assert_eq!(end.code(), expected, "{mode}: {end:?}");
        let grandchild: u32 = std::fs::read_to_string(file.path()).unwrap().parse().unwrap();
        assert!(!crate::support::is_alive(grandchild), "{mode}: the grandchild lives");
        ok(&pool).await;
    }
}

#[tokio::test]
async fn a_thread_left_behind_can_not_speak_in_another_run() {
    let pool = pool();
    let (end, _) = run(&pool, json!({"mode": "late-thread"}), limits()).await;
    assert!(succeeded(&end.kind), "{end:?}");
    let pid = end.pid.unwrap();
    wait_until("the host ends itself", crate::support::PATIENCE, || group_members(pid).is_empty());
    assert_ne!(crate::support::ok_pid(&pool).await, pid);
}

#[tokio::test]
async fn a_failure_that_passes_can_be_tried_again() {
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let params = json!({"mode": "fail-times", "times": 2, "file": folder.path().join("count")});
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(run(&pool, params.clone(), limits()).await.0.code());
    }
    assert_eq!(codes, ["failed", "failed", "succeeded"]);
}

#[tokio::test]
async fn progress_is_thinned_out_but_the_last_of_it_arrives() {
    let (end, events) = run(&pool(), json!({"mode": "slow-progress"}), limits()).await;
    assert!(succeeded(&end.kind), "{end:?}");
    let last = events.iter().rev().find_map(|e| match e {
        Event::Progress { done, .. } => Some(*done),
        Event::Log { .. } => None,
    });
    assert_eq!(last, Some(10));

    let limits = RunLimits { timeout: Duration::from_millis(500), ..limits() };
    let (_, events) = run(&pool(), json!({"mode": "flood"}), limits).await;
    // One in 50 ms, during the run and its grace, and some slack for the last one.
    assert!((1..=30).contains(&events.len()), "{} events", events.len());
}

#[tokio::test]
async fn a_plugin_that_does_not_load_says_why() {
    async fn check(file: spotloom::host::PluginFile, expected: LoadFailure, about: &str) {
        let pool = pool();
        let (_cancel, cancelled) = watch::channel(false);
        let end = pool.run(&file, request(&json!({})), limits(), mpsc::unbounded_channel().0, cancelled).await;
        match &end.kind {
            EndKind::LoadFailed { code, message } => {
                assert_eq!(*code, expected, "{message}");
                assert!(message.contains(about), "{message}");
            }
            other => panic!("{about}: {other:?}"),
        }
        assert_eq!(group_members(end.pid.unwrap()), Vec::<u32>::new());
    }
    let mut changed = saboteur();
    changed.sha256.0.replace_range(0..1, if changed.sha256.0.starts_with('0') { "1" } else { "0" });
    check(changed, LoadFailure::HashMismatch, "has changed").await;
    check(plugin_file(&library("no_entry")), LoadFailure::NoEntry, "spotloom_plugin_entry").await;
    check(plugin_file(&library("wrong_abi")), LoadFailure::WrongAbi, "version 2").await;
    let text = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(text.path(), "not a library").unwrap();
    check(plugin_file(text.path()), LoadFailure::NotALibrary, "not a library that loads").await;
    let gone = spotloom::host::PluginFile { path: "/nonexistent/libx.so".into(), ..saboteur() };
    check(gone, LoadFailure::NotALibrary, "could not be read").await;
}

#[tokio::test]
async fn a_constructor_that_leaves_is_no_success() {
    let (_cancel, cancelled) = watch::channel(false);
    let file = plugin_file(&library("exit_on_load"));
    let end = pool().run(&file, request(&json!({})), limits(), mpsc::unbounded_channel().0, cancelled).await;
    assert_eq!(end.kind, EndKind::Exited { code: 0 }, "{}", end.stderr_tail);
}

#[tokio::test]
async fn a_host_that_can_not_be_started_is_not_the_plugins_fault() {
    let pool = pool_with(|options| options.program = "/nonexistent/spotloom".into());
    let (end, _) = run(&pool, json!({"mode": "ok"}), limits()).await;
    assert!(matches!(end.kind, EndKind::HostUnavailable { .. }), "{end:?}");
    assert!(!end.is_crash() && end.failure().retryable);
}

#[tokio::test]
async fn a_request_that_is_too_large_fails_before_it_is_sent() {
    let params = json!({"mode": "ok", "file": "x".repeat(2 << 20)});
    let (end, _) = run(&pool(), params, limits()).await;
    assert!(failed("request-too-large", false)(&end.kind), "{:?}", end.kind);
    let large = json!({"mode": "ok", "file": "x".repeat(900 << 10)});
    let (end, _) = run(&pool(), large, limits()).await;
    assert!(succeeded(&end.kind), "a large request that fits: {:?}", end.kind);
}

#[tokio::test]
async fn a_plugin_sees_little_of_the_daemon() {
    // The pool took the environment when it was made; a canary that must not be there is added by hand below.
    let (end, _) = run(&pool(), json!({"mode": "surroundings"}), limits()).await;
    let EndKind::Succeeded { facts, .. } = end.kind else { panic!("{end:?}") };
    let list = |name: &str| -> Vec<String> { serde_json::from_value(facts[name].clone()).unwrap() };
    assert!(list("environment").iter().any(|n| n == "PATH"));
    // Cargo sets dozens of variables for a test; none of them is on the list.
    assert!(!list("environment").iter().any(|n| n.starts_with("CARGO")), "{:?}", list("environment"));
    assert_eq!(facts["no-new-privileges"], Value::from("1"));
    assert_eq!(facts["leads-group"], Value::from(true));
    assert_eq!(facts["folder"], Value::from("/"));
    assert_eq!(facts["oom-score-adj"], Value::from("500"));
    let limits = facts["limits"].as_str().unwrap();
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("1"), "{core}");
    // 0 is empty, 1 and 2 are the log, and then there are the protocol's two; the rest is its own listing.
    let open = list("descriptors");
    assert_eq!(open.iter().filter(|d| d.starts_with("pipe:")).count(), 4, "{open:?}");
    assert!(!open.iter().any(|d| d.starts_with("socket:") || d.contains("epoll")), "{open:?}");
}
