//! What is kept: events, results, the stage cache, log lines, figures.

use serde_json::Map;
use spotloom_plugin_api::Level;

use super::super::error::LedgerError;
use super::super::types::{AttemptEnd, CacheEntry, Counts, Lease, LogLine};
use super::sample::{Bench, Case, file, planned, succeeded};
use crate::ids::Epoch;
use crate::job::JobState;

pub(super) const CASES: &[Case] = &[
    ("events are numbered and add up", events_are_numbered_and_add_up),
    ("results are kept for the cache", results_are_kept_for_the_cache),
    ("log lines are kept within bounds", log_lines_are_kept_within_bounds),
    ("figures follow the work", figures_follow_the_work),
];

fn events_are_numbered_and_add_up(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("prompt", &[])]);
    bench.submit_tasks(vec![planned("other", &[])]);
    bench.succeed("prompt");
    let all = bench.must(bench.ledger.events(0, usize::MAX));
    assert!(all.windows(2).all(|pair| pair[0].seq < pair[1].seq), "numbers do not grow: {all:?}");
    let page = bench.must(bench.ledger.events(all[1].seq, 2));
    bench.equal(&page[..], &all[2..4], "a page");
    let own = bench.must(bench.ledger.job_events(job));
    let kinds: Vec<_> = own.iter().map(|e| e.event.kind()).collect();
    let expected = [
        "job-accepted",
        "task-ready",
        "task-started",
        "job-running",
        "task-succeeded",
        "job-delivered",
        "job-finished",
    ];
    bench.equal(kinds, expected.to_vec(), "the story of a job");
    let state = JobState::fold(own.iter().map(|e| &e.event));
    assert!(state.as_ref().is_ok_and(|s| s.finished), "{state:?}");
}

fn results_are_kept_for_the_cache(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("prompt", &[])]);
    let key = "key of prompt";
    bench.equal(bench.must(bench.ledger.cache_get(key)), None, "before");
    bench.succeed("prompt");
    let kept = bench.has(bench.must(bench.ledger.cache_get(key)), "the result");
    bench.equal(&kept.outputs["out"], &vec![file("prompt")], "its files");
    bench.equal(&bench.must(bench.ledger.tasks(job))[0].outputs, &kept.outputs, "the task's own");
    bench.must(bench.ledger.cache_remove(key));
    bench.equal(bench.must(bench.ledger.cache_get(key)), None, "once forgotten");
    bench.must(bench.ledger.cache_put(key, &kept, bench.now()));
    bench.equal(bench.must(bench.ledger.cache_get(key)), Some(kept), "put by hand");

    // A hit must not overwrite what it came from, and what must not be cached is not.
    for (from_cache, cache_key) in [(true, Some("hit")), (false, None)] {
        bench.submit_tasks(vec![planned("prompt", &[])]);
        let claim = bench.claim_task("prompt");
        let cache_key = cache_key.map(String::from);
        let AttemptEnd::Succeeded { outputs, facts, .. } = succeeded("prompt") else { return };
        bench.finish(&claim, &AttemptEnd::Succeeded { outputs, facts, from_cache, cache_key });
        bench.equal(bench.must(bench.ledger.cache_get("hit")), None::<CacheEntry>, "after a hit");
    }
}

fn log_lines_are_kept_within_bounds(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("prompt", &[])]);
    let claim = bench.claim_task("prompt");
    let line = |message: String| LogLine { at: bench.now(), level: Level::Info, message, fields: Map::new() };
    let lines: Vec<_> = (0..1_500).map(|n| line(format!("line {n}"))).collect();
    bench.must(bench.ledger.log(&claim.lease, &[line("ä".repeat(10_000))], bench.now()));
    bench.must(bench.ledger.log(&claim.lease, &lines, bench.now()));
    bench.must(bench.ledger.log(&claim.lease, &lines, bench.now()));
    let kept = bench.must(bench.ledger.log_lines(job, None, 0, usize::MAX));
    bench.equal(kept.len(), 1_000, "lines");
    bench.equal(kept[0].line.message.len(), 4_096, "bytes of a long message");
    bench.equal(kept[1].line.message.as_str(), "line 0", "an ordinary one");
    bench.equal(kept[999].line.level, Level::Warn, "the last one says that there was more");
    let page = bench.must(bench.ledger.log_lines(job, Some(&claim.lease.task), kept[0].seq, 2));
    bench.equal(&page[..], &kept[1..3], "a page");
    let never = Lease { epoch: Epoch(7), ..claim.lease };
    let refused = bench.ledger.log(&never, &lines, bench.now());
    assert!(matches!(refused, Err(LedgerError::NoSuchLease(_))), "{refused:?}");
}

fn figures_follow_the_work(bench: &Bench) {
    let counts = |expected: Counts, what| bench.equal(bench.must(bench.ledger.counts()), expected, what);
    counts(Counts::default(), "an empty ledger");
    bench.submit_tasks(vec![planned("a", &[]), planned("b", &[])]);
    counts(Counts { jobs_unfinished: 1, tasks_ready: 2, ..Counts::default() }, "a job");
    let claim = bench.claim_task("a");
    counts(Counts { jobs_unfinished: 1, tasks_ready: 1, tasks_running: 1, ..Counts::default() }, "a task runs");
    bench.finish(&claim, &succeeded("a"));
    bench.succeed("b");
    counts(Counts { jobs_delivered: 1, ..Counts::default() }, "all done");
}
