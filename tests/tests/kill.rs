//! SIGKILL of the daemon at each kind of ledger event, then a new start: the job ends as it would have.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use spotloom_tests::{TestStudio, brief, wait_for};

fn jobs(studio: &TestStudio) -> Vec<Value> {
    studio.run(&["jobs", "list", "--json"]).ok().json().as_array().unwrap().clone()
}

/// Processes whose parent was the daemon, by the mark in their environment.
fn marked(mark: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        if let Ok(environment) = fs::read(entry.path().join("environ"))
            && String::from_utf8_lossy(&environment).contains(mark)
            && !fs::read_to_string(entry.path().join("stat")).is_ok_and(|s| s.contains(") Z "))
        {
            found.push(pid);
        }
    }
    found
}

fn delivered(studio: &TestStudio) -> Option<String> {
    let file = studio.path("deliveries/test/survivor-v1");
    let names = studio.list(&format!("deliveries/test/{}", file.file_name()?.to_string_lossy()));
    let text = names.iter().find(|n| Path::new(n).extension().is_some_and(|e| e == "txt"))?;
    Some(studio.read(&format!("deliveries/test/survivor-v1/{text}")))
}

#[test]
fn a_job_survives_the_daemon_at_every_event() {
    // The kinds of event that a job of ordinary stages goes through, and the second of those that repeat.
    for point in [
        "job-accepted:1:before",
        "job-accepted:1:after",
        "task-started:1:before",
        "task-started:1:after",
        "job-running:1:after",
        "task-succeeded:1:before",
        "task-succeeded:1:after",
        "task-started:3:after",
        "task-succeeded:4:before",
        "task-ready:5:after",
        "job-delivered:1:before",
        "job-delivered:1:after",
        "job-finished:1:before",
        "job-finished:1:after",
    ] {
        let studio = TestStudio::with_test_plugins();
        let tally = studio.path("tally.txt");
        let more = format!("with: {{tally: {}}}\n", tally.display());
        let mark = format!("SPOTLOOM_TEST_MARK={}", studio.root().display());
        let (name, value) = mark.split_once('=').unwrap();
        let mut doomed = studio.serve_with(&[("SPOTLOOM_FAILPOINT", point), (name, value)]);
        studio.write("briefs/survivor.yaml", &brief("Survivor", "five", &more));
        let died = wait_for(&format!("the failpoint {point}: {}", doomed.log()), Duration::from_secs(30), || {
            doomed.child.try_wait().unwrap()
        });
        assert!(!died.success(), "{point}: it ended in peace");
        wait_for("all children to be gone", Duration::from_secs(5), || marked(&mark).is_empty().then_some(()));

        let healed = studio.serve();
        wait_for(&format!("the job after {point}"), Duration::from_secs(30), || {
            jobs(&studio).first().is_some_and(|j| j["finished"] == true).then_some(())
        });
        wait_for("the brief on its shelf", Duration::from_secs(10), || {
            (studio.list("briefs/done").len() == 2).then_some(())
        });
        assert_eq!(healed.stop(), 0, "{point}");
        let all = jobs(&studio);
        assert_eq!(all.len(), 1, "{point}: one drop, one job");
        assert_eq!(all[0]["phase"], "delivered", "{point}: {}", all[0]);
        assert_eq!(delivered(&studio).as_deref(), Some("Survivor, two, three, four, five"), "{point}");
        let doctor = studio.run(&["doctor", "--json"]).json();
        let ledger = doctor["checks"].as_array().unwrap().iter().find(|c| c["name"] == "ledger").unwrap().clone();
        assert_eq!(ledger["ok"], true, "{point}: {ledger}");
        // At least once: a stage cut off by the kill runs again, one whose end was recorded does not.
        let runs = fs::read_to_string(&tally).unwrap().lines().count();
        assert!((5..=6).contains(&runs), "{point}: {runs} runs of five stages");
    }
}

#[test]
fn sigterm_drains_and_the_next_start_goes_on() {
    let studio = TestStudio::with_test_plugins();
    let daemon = studio.serve();
    studio.write("briefs/long.yaml", &brief("Long", "five", "with: {seconds: 1}\n"));
    wait_for("the first stage", Duration::from_secs(20), || {
        jobs(&studio).first().is_some_and(|j| j["tasks"]["running"] == 1).then_some(())
    });
    assert_eq!(daemon.stop(), 0);
    let stopped = &jobs(&studio)[0];
    assert_eq!(stopped["finished"], false, "it was stopped before its end: {stopped}");
    assert_eq!(stopped["tasks"]["running"], 0, "and left nothing running");
    let _again = studio.serve();
    wait_for("the job", Duration::from_secs(30), || (jobs(&studio)[0]["finished"] == true).then_some(()));
    assert_eq!(jobs(&studio)[0]["phase"], "delivered");
}

#[test]
fn run_goes_on_with_what_a_killed_run_began() {
    let studio = TestStudio::with_test_plugins();
    let film = studio.path("film.yaml").display().to_string();
    let text = |more: &str| brief("Survivor", "five", &format!("with: {{seconds: 1}}\n{more}"));
    studio.write("film.yaml", &text(""));
    let mut doomed = spotloom_tests::command();
    doomed.args(["run", &film]).current_dir(studio.path("")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut doomed = doomed.spawn().unwrap();
    wait_for("the second stage", Duration::from_secs(30), || {
        let listed: Vec<Value> = serde_json::from_str(&studio.run(&["jobs", "list", "--json"]).stdout).ok()?;
        (listed.first()?["tasks"]["succeeded"].as_u64()? >= 1).then_some(())
    });
    doomed.kill().unwrap();
    doomed.wait().unwrap();

    let told = studio.run(&["run", &film]).ok().stdout;
    assert!(told.contains("going on with job 1: "), "{told}");
    let all = jobs(&studio);
    assert_eq!((all.len(), &all[0]["phase"]), (1, &Value::from("delivered")), "{all:?}");
    assert_eq!(delivered(&studio).as_deref(), Some("Survivor, two, three, four, five"));

    // What has ended is not gone on with, nor is another brief of that name.
    let again = studio.run(&["run", &film]).ok().stdout;
    studio.write("film.yaml", &text("# changed\n"));
    let other = studio.run(&["run", &film]).ok().stdout;
    assert!(!again.contains("going on") && !other.contains("going on"), "{again}\n{other}");
    assert_eq!(jobs(&studio).len(), 3);
}

#[test]
fn a_second_daemon_on_the_same_studio_refuses() {
    let studio = TestStudio::with_test_plugins();
    let first = studio.serve();
    wait_for("the first daemon", Duration::from_secs(20), || first.log().contains("Ready").then_some(()));
    let second = studio.run(&["serve"]);
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains("another daemon"), "{}", second.stderr);
}
