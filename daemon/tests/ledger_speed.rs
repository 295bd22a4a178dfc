//! How fast the queue turns: 1,000 jobs of 5 tasks, every step durable.
//! Run by `cargo test --release -p spotloom --test ledger_speed -- --ignored --nocapture`.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Map;
use spotloom::ledger::conformance::{Bench, planned};
use spotloom::ledger::{AttemptEnd, Ledger, SqliteLedger};

const JOBS: u32 = 1_000;

#[test]
#[ignore = "a benchmark"]
#[expect(clippy::print_stderr, reason = "a benchmark says what it measured")]
fn a_thousand_tiny_jobs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = SqliteLedger::open(folder.path()).expect("a ledger");
    let bench = Bench::new(&ledger, "speed");
    let rate = |what: &str, number: u32, since: Instant| {
        let seconds = since.elapsed().as_secs_f64();
        eprintln!("{what}: {number} in {seconds:.2} s, {:.0}/s", f64::from(number) / seconds);
    };

    let start = Instant::now();
    for n in 0..JOBS {
        let tasks = ["prompt", "diffusion", "compose", "transcode", "deliver"];
        let tasks = tasks.iter().enumerate().map(|(i, t)| planned(t, if i == 0 { &[] } else { &tasks[i - 1..i] }));
        bench.submit(&bench.new_job(&n.to_string(), tasks.collect()));
    }
    rate("submit", JOBS, start);

    let start = Instant::now();
    let end = AttemptEnd::Succeeded { outputs: BTreeMap::new(), facts: Map::new(), from_cache: false, cache_key: None };
    let mut tasks = 0;
    while let Some(claim) = bench.claim() {
        bench.finish(&claim, &end);
        tasks += 1;
    }
    rate("claim and finish", tasks, start);

    let start = Instant::now();
    ledger.verify().expect("a sound ledger");
    rate("verify", JOBS, start);
    let counts = ledger.counts().expect("counts");
    assert_eq!((counts.jobs_delivered, counts.jobs_unfinished), (u64::from(JOBS), 0));
}
