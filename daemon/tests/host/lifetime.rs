//! How long hosts live: warm between runs, gone with their pool, gone with the daemon.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use spotloom::host::{EndKind, RunLimits};
use tokio::sync::{mpsc, watch};

use crate::support::{
    PATIENCE, group_members, is_alive, limits, ok_pid, pool, pool_with, request, run, run_until, saboteur, wait_until,
};

/// The promise is that all children are gone this soon after the daemon.
const ORPHANS_GONE_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_healthy_host_is_used_again_and_a_broken_one_never() {
    let pool = pool();
    let first = ok_pid(&pool).await;
    assert_eq!(ok_pid(&pool).await, first, "the second run is in the same process");
    // Failing is healthy: the plugin is in order, what it was given is not.
    assert_eq!(run(&pool, json!({"mode": "fail"}), limits()).await.0.pid, Some(first));
    assert_eq!(ok_pid(&pool).await, first);
    let crashed = run(&pool, json!({"mode": "segfault"}), limits()).await.0.pid;
    assert_eq!(crashed, Some(first));
    assert_ne!(ok_pid(&pool).await, first);
    // With another memory limit it is another kind of host.
    let limited = RunLimits { memory_limit: Some(4 << 30), ..limits() };
    let second = ok_pid(&pool).await;
    assert_ne!(run(&pool, json!({"mode": "ok"}), limited).await.0.pid, Some(second));
}

#[tokio::test]
async fn two_runs_at_once_have_two_hosts() {
    let pool = pool();
    let slow = json!({"mode": "slow-progress"});
    let ((a, _), (b, _)) = tokio::join!(run(&pool, slow.clone(), limits()), run(&pool, slow, limits()));
    assert!(a.pid.is_some() && a.pid != b.pid, "{a:?} {b:?}");
}

#[tokio::test]
async fn idle_hosts_end() {
    let pool = pool_with(|options| options.idle_limit = Duration::from_millis(100));
    let pid = ok_pid(&pool).await;
    wait_until_async("the idle host ends", || group_members(pid).is_empty()).await;

    // What has nothing more to come ends sooner, also where others stay longer.
    let pool = pool_with(|options| options.idle_after_last = Duration::from_millis(100));
    let stays = ok_pid(&pool).await;
    let other = RunLimits { memory_limit: Some(4 << 30), last: true, ..limits() };
    let ends = run(&pool, json!({"mode": "ok"}), other).await.0.pid.expect("a process");
    wait_until_async("the idle host ends", || group_members(ends).is_empty()).await;
    assert!(is_alive(stays));

    let none_kept = pool_with(|options| options.idle_per_plugin = 0);
    let pid = ok_pid(&none_kept).await;
    assert_eq!(group_members(pid), Vec::<u32>::new());
}

#[tokio::test]
async fn shutdown_and_drop_end_all_hosts() {
    let pool = pool();
    let pid = ok_pid(&pool).await;
    assert!(is_alive(pid));
    pool.shutdown().await;
    assert_eq!(group_members(pid), Vec::<u32>::new());
    let late = ok_pid(&pool).await;
    assert_eq!(group_members(late), Vec::<u32>::new(), "after shutdown nothing is kept");

    let pool = crate::support::pool();
    let pid = ok_pid(&pool).await;
    drop(pool);
    wait_until_async("the host ends with its pool", || group_members(pid).is_empty()).await;
}

#[tokio::test]
async fn cancelling_asks_first_and_kills_then() {
    async fn check(mode: &str, reused: bool) {
        let pool = pool();
        let (cancel, cancelled) = watch::channel(false);
        let (events, mut incoming) = mpsc::unbounded_channel();
        let (plugin, request) = (saboteur(), request(&json!({"mode": mode})));
        let running = pool.run(&plugin, request, limits(), events, cancelled);
        let (end, ()) = tokio::join!(running, async {
            incoming.recv().await.expect("a sign of life");
            cancel.send_replace(true);
        });
        assert_eq!(end.kind, EndKind::Cancelled, "{mode}");
        let pid = end.pid.unwrap();
        assert_eq!(ok_pid(&pool).await == pid, reused, "{mode}");
        assert_eq!(group_members(pid).is_empty(), !reused, "{mode}");
    }
    check("heed-cancel", true).await;
    check("stall", false).await;
    check("ignore-sigterm", false).await;
}

#[tokio::test]
async fn a_run_cancelled_before_it_starts_does_not_start() {
    let (_cancel, cancelled) = watch::channel(true);
    let (end, events) = run_until(&pool(), json!({"mode": "stall"}), limits(), cancelled).await;
    assert_eq!(end.kind, EndKind::Cancelled);
    assert!(events.is_empty(), "{events:?}");
}

#[tokio::test]
async fn a_dropped_run_is_a_killed_run() {
    let pool = pool();
    let pid = {
        let (events, mut incoming) = mpsc::unbounded_channel();
        let (_cancel, cancelled) = watch::channel(false);
        let (plugin, request) = (saboteur(), request(&json!({"mode": "fork-and-hang", "file": "/dev/null"})));
        let running = pool.run(&plugin, request, limits(), events, cancelled);
        tokio::pin!(running);
        tokio::select! {
            end = &mut running => panic!("it ended: {end:?}"),
            event = incoming.recv() => assert!(event.is_some()),
        }
        // The newest child of this process that hangs; found before the run is dropped.
        newest_host()
    };
    wait_until_async("the group of the dropped run ends", || group_members(pid).is_empty()).await;
}

/// Not a test: the parent that is killed in `the_end_of_the_daemon_is_the_end_of_its_hosts`.
#[tokio::test]
#[ignore = "the victim of another test"]
async fn victim() {
    let pool = pool();
    let pid = ok_pid(&pool).await;
    let mode = std::env::var("VICTIM_MODE").expect("set by the other test");
    let (events, mut incoming) = mpsc::unbounded_channel();
    let (_cancel, cancelled) = watch::channel(false);
    let (plugin, request) = (saboteur(), request(&json!({"mode": mode, "file": "/dev/null"})));
    tokio::join!(pool.run(&plugin, request, limits(), events, cancelled), async {
        incoming.recv().await;
        println!("\nhost {pid}");
    });
}

#[test]
fn the_end_of_the_daemon_is_the_end_of_its_hosts() {
    for mode in ["fork-and-hang", "ignore-sigterm", "stall", "flood"] {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "lifetime::victim"])
            .env("VICTIM_MODE", mode)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let pid: u32 = lines
            .map_while(Result::ok)
            .find_map(|l| l.strip_prefix("host ")?.trim().parse().ok())
            .expect("the parent says which process its host is");
        assert!(is_alive(pid), "{mode}");
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_until(mode, ORPHANS_GONE_WITHIN, || group_members(pid).is_empty());
    }
}

/// The host that was started last by this very process and thread of tests: the one with `fork-and-hang` in it has a
/// child of its own, which no other has.
fn newest_host() -> u32 {
    let me = std::process::id();
    let children = |pid: u32| {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks
            .filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok())
            .flat_map(|text| text.split_whitespace().filter_map(|p| p.parse::<u32>().ok()).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    children(me).into_iter().find(|host| !children(*host).is_empty()).expect("a host with a child")
}

async fn wait_until_async(what: &str, mut done: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}
