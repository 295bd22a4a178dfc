//! Who gets what, and when: pools, priority, fairness, delays, leases.

use std::collections::{BTreeMap, BTreeSet};

use spotloom_plugin_api::Failure;

use super::super::error::LedgerError;
use super::super::types::{
    AttemptEnd, AttemptOutcome, Claim, ClaimRequest, Finished, Heartbeat, Lease, Progress, ResolvedInput,
};
use super::sample::{Bench, Case, GOES_ON, LEASE_MS, failed, file, planned, succeeded};
use crate::ids::{Epoch, JobId};
use crate::job::LossReason;
use crate::pipeline::plan::PlannedTask;

pub(super) const CASES: &[Case] = &[
    ("a claim brings all that is needed", a_claim_brings_all_that_is_needed),
    ("pools limit what is handed out", pools_limit_what_is_handed_out),
    ("priority, then fairness, then age", priority_then_fairness_then_age),
    ("a place that is being left is its job's next task's, if it is its turn", a_place_that_is_being_left),
    ("a delayed task waits", a_delayed_task_waits),
    ("a heartbeat keeps a lease", a_heartbeat_keeps_a_lease),
    ("a lease that ran out is fenced", a_lease_that_ran_out_is_fenced),
    ("an agent's earlier life is taken back at once", an_earlier_life_is_taken_back),
    ("an interruption costs no try", an_interruption_costs_no_try),
    ("a finish counts once", a_finish_counts_once),
    ("no task is handed out twice", no_task_is_handed_out_twice),
];

fn a_claim_brings_all_that_is_needed(bench: &Bench) {
    let job = bench.submit_tasks(vec![
        planned("prompt", &[]),
        planned("diffusion", &["prompt"]),
        planned("masters", &["prompt"]),
    ]);
    let first = bench.claim_task("prompt");
    bench.equal(first.to_come.clone(), BTreeMap::new(), "tasks with the same files after it");
    bench.equal(first.last, false, "whether it is the last of its plugin");
    bench.finish(&first, &succeeded("prompt"));
    let claim = bench.claim_task("diffusion");
    bench.equal(claim.to_come.clone(), BTreeMap::from([("in".to_owned(), 1)]), "tasks with the same files after it");
    bench.equal(&claim.inputs["in"], &vec![ResolvedInput::Artifact(file("prompt"))], "inputs");
    bench.equal(claim.lease_until, bench.now().plus_ms(LEASE_MS), "the lease");
    let context = &claim.context;
    bench.equal((context.id.as_str(), context.task.as_str()), (job.to_string().as_str(), "diffusion"), "the context");
    bench.equal((context.attempt, context.version, context.campaign.as_str()), (1, 1, "Summer Splash"), "the context");
    bench.finish(&claim, &succeeded("diffusion"));
    bench.equal((claim.last, bench.claim_task("masters").last), (false, true), "whether it is the last of its plugin");
}

fn pools_limit_what_is_handed_out(bench: &Bench) {
    let gpu = PlannedTask { pool: "gpu".into(), ..planned("diffusion", &[]) };
    bench.submit_tasks(vec![gpu, planned("transcode", &[])]);
    let mut request = bench.request(&["cpu"]);
    request.pools.insert("gpu".into(), 0);
    let claim = bench.has(bench.must(bench.ledger.claim(&request, bench.now())), "a cpu task");
    bench.equal(claim.lease.task.as_str(), "transcode", "the task of the only free pool");
    bench.equal(bench.must(bench.ledger.claim(&request, bench.now())), None, "a second cpu task");
    bench.claim_task("diffusion");
}

fn priority_then_fairness_then_age(bench: &Bench) {
    let three = || vec![planned("a", &[]), planned("b", &[]), planned("c", &[])];
    let old = bench.submit(&bench.new_job("old", three())).job;
    let young = bench.submit(&bench.new_job("young", three())).job;
    let mut urgent = bench.new_job("urgent", vec![planned("a", &[])]);
    urgent.priority = 5;
    let urgent = bench.submit(&urgent).job;
    let expected = [(urgent, "a"), (old, "a"), (young, "a"), (old, "b"), (young, "b"), (old, "c"), (young, "c")];
    for (job, task) in expected {
        let claim = bench.has(bench.claim(), task);
        bench.equal((claim.lease.job, claim.lease.task.as_str()), (job, task), "next");
    }
    bench.equal(bench.claim(), None, "an eighth");
}

fn a_place_that_is_being_left(bench: &Bench) {
    // Each works on something else.
    let task = |key: &str, of: &str| {
        let mut task = planned(key, &[]);
        task.params.insert("of".into(), of.into());
        task
    };
    let old = vec![task("a", "1"), task("b", "2"), task("c", "3")];
    let old = bench.submit(&bench.new_job("old", old)).job;
    let young = bench.submit(&bench.new_job("young", vec![task("a", "1")])).job;
    let instead = |of: &Claim| {
        let request = ClaimRequest { in_place_of: Some(of.lease.clone()), ..bench.request(&["cpu"]) };
        bench.must(bench.ledger.claim(&request, bench.now()))
    };
    let check = |claim: &Claim, job: JobId, task: &str| {
        bench.equal((claim.lease.job, claim.lease.task.as_str()), (job, task), "next");
    };
    let first = bench.claim_task("a");
    // With its task ended the older job would be next, as it was before.
    let second = bench.has(instead(&first), "after a task of the older job");
    check(&second, old, "b");
    // With two tasks that run, one of which is ending, it is the younger job's turn.
    bench.equal(instead(&first), None, "after one of two tasks of the older job");
    bench.finish(&first, &succeeded("a"));
    bench.equal(instead(&first), None, "after a task that has ended, whose place is anybody's");
    let mut urgent = bench.new_job("urgent", vec![task("a", "1"), task("b", "2"), task("c", "2")]);
    urgent.priority = 5;
    let urgent = bench.submit(&urgent).job;
    bench.equal(instead(&second), None, "while something more urgent waits");
    let first = bench.has(bench.claim(), "an urgent task");
    check(&first, urgent, "a");
    let second = bench.has(instead(&first), "after an urgent task");
    check(&second, urgent, "b");
    bench.finish(&first, &succeeded("a"));
    bench.equal(instead(&second), None, "the same work once more, which the cache will answer");
    check(&bench.has(bench.claim(), "the last urgent task"), urgent, "c");
    check(&bench.has(bench.claim(), "the younger job"), young, "a");
}

fn a_delayed_task_waits(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("webhook", &[])]);
    let busy = Failure { retry_after_s: Some(25.0), ..Failure::new("busy", "the server asks to wait").retryable() };
    bench.equal(bench.fail("webhook", busy.clone()), GOES_ON, "a first failure");
    let wakeup = bench.now().plus_ms(25_000);
    bench.equal(
        bench.must(bench.ledger.next_wakeup()),
        Some(wakeup),
        "the receiver's own wish beats the backoff of 10 s",
    );
    bench.pass_ms(24_999);
    bench.equal(bench.claim(), None, "too early");
    bench.pass_ms(1);
    let claim = bench.claim_task("webhook");
    bench.equal((claim.attempt, claim.lease.epoch), (2, Epoch(2)), "the second try");
    bench.finish(&claim, &failed(Failure { retry_after_s: None, ..busy }));
    bench.equal(bench.must(bench.ledger.next_wakeup()), Some(bench.now().plus_ms(20_000)), "the backoff has doubled");
    // A clock that is set back must not hide what was due.
    bench.pass_ms(20_000);
    bench.equal(bench.claim().is_some(), true, "the third try");
    bench.equal(bench.states(job), vec!["running"], "states");
}

fn a_heartbeat_keeps_a_lease(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("diffusion", &[])]);
    let claim = bench.claim_task("diffusion");
    let progress = Progress { done: 3, total: 20, message: "denoising".into() };
    bench.pass_ms(LEASE_MS - 1);
    let beat = |progress| bench.must(bench.ledger.heartbeat(&claim.lease, progress, bench.now()));
    bench.equal(beat(Some(&progress)), Heartbeat::Keep, "a heartbeat");
    bench.pass_ms(LEASE_MS - 1);
    bench.equal(bench.must(bench.ledger.reap(bench.now())), vec![], "nothing to reap");
    bench.equal(beat(None), Heartbeat::Keep, "a heartbeat without news");
    let lease = bench.has(bench.must(bench.ledger.tasks(job))[0].lease.clone(), "the lease");
    bench.equal(lease.until, bench.now().plus_ms(LEASE_MS), "its end");
    bench.equal(lease.progress, Some(progress.clone()), "the last progress");
    bench.must(bench.ledger.cancel(job, "changed my mind", bench.now()));
    bench.equal(beat(None), Heartbeat::Cancel, "after the job was cancelled");
    bench.finish(&claim, &AttemptEnd::Cancelled);
    bench.equal(beat(None), Heartbeat::Lost, "after the end");
}

fn a_lease_that_ran_out_is_fenced(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("diffusion", &[])]);
    let stale = bench.claim_task("diffusion");
    bench.pass_ms(LEASE_MS);
    bench.equal(bench.must(bench.ledger.reap(bench.now())), vec![stale.lease.clone()], "reaped");
    let heartbeat = bench.must(bench.ledger.heartbeat(&stale.lease, None, bench.now()));
    bench.equal(heartbeat, Heartbeat::Lost, "the old one's heartbeat");
    bench.equal(bench.finish(&stale, &succeeded("x")), Finished::Fenced, "a late finish, before the next claim");
    let fresh = bench.claim_task("diffusion");
    bench.equal((fresh.attempt, fresh.lease.epoch), (1, Epoch(2)), "no try is lost, but the epoch grows");
    bench.equal(bench.finish(&stale, &succeeded("x")), Finished::Fenced, "a late finish, after it");
    bench.equal(bench.states(job), vec!["running"], "the state after both");
    bench.finish(&fresh, &succeeded("diffusion"));
    let outcomes: Vec<_> = bench.must(bench.ledger.attempts(job, None)).into_iter().map(|a| a.outcome).collect();
    let lost = AttemptOutcome::Lost { reason: LossReason::LeaseExpired };
    bench.equal(outcomes, vec![Some(lost), Some(AttemptOutcome::Succeeded { from_cache: false })], "attempts");
}

fn an_earlier_life_is_taken_back(bench: &Bench) {
    bench.submit_tasks(vec![planned("diffusion", &[])]);
    let before = bench.claim_task("diffusion");
    bench.equal(bench.must(bench.ledger.release(&bench.agent("boot-1"), bench.now())), vec![], "its own life");
    let released = bench.must(bench.ledger.release(&bench.agent("boot-2"), bench.now()));
    bench.equal(released, vec![before.lease.clone()], "released");
    bench.equal(bench.claim_task("diffusion").attempt, 1, "the try after a restart");
    bench.equal(bench.finish(&before, &succeeded("x")), Finished::Fenced, "a word from the earlier life");
}

fn an_interruption_costs_no_try(bench: &Bench) {
    bench.submit_tasks(vec![planned("diffusion", &[])]);
    let claim = bench.claim_task("diffusion");
    bench.equal(bench.finish(&claim, &AttemptEnd::Cancelled), GOES_ON, "stopped without being asked");
    bench.equal(bench.finish(&claim, &AttemptEnd::Cancelled), Finished::AlreadyApplied, "said twice");
    bench.equal(bench.claim_task("diffusion").attempt, 1, "the try after it");
}

fn a_finish_counts_once(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("prompt", &[])]);
    let claim = bench.claim_task("prompt");
    bench.finish(&claim, &succeeded("prompt"));
    let events = bench.must(bench.ledger.job_events(job));
    bench.equal(bench.finish(&claim, &succeeded("prompt")), Finished::AlreadyApplied, "the same again");
    let late = failed(Failure::new("late", "changed its mind"));
    bench.equal(bench.finish(&claim, &late), Finished::AlreadyApplied, "another end");
    bench.equal(bench.must(bench.ledger.job_events(job)), events, "events after all that");
    let never = Lease { epoch: Epoch(9), ..claim.lease };
    let refused = bench.ledger.finish(&never, &succeeded("prompt"), bench.now());
    assert!(matches!(refused, Err(LedgerError::NoSuchLease(_))), "{refused:?}");
}

fn no_task_is_handed_out_twice(bench: &Bench) {
    const TASKS: usize = 24;
    let tasks = (0..TASKS).map(|n| planned(&format!("shots[{n}]"), &[])).collect();
    bench.submit_tasks(tasks);
    let (ledger, request, now) = (bench.ledger, bench.request(&["cpu"]), bench.now());
    let claimed: Vec<Lease> = std::thread::scope(|scope| {
        let agents: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut leases = Vec::new();
                    while let Ok(Some(claim)) = ledger.claim(&request, now) {
                        leases.push(claim.lease);
                    }
                    leases
                })
            })
            .collect();
        agents.into_iter().flat_map(|a| a.join().unwrap_or_default()).collect()
    });
    bench.equal(claimed.len(), TASKS, "claims");
    bench.equal(claimed.iter().map(|l| &l.task).collect::<BTreeSet<_>>().len(), TASKS, "distinct tasks");
}
