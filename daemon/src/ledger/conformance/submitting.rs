//! Taking jobs in: once per drop, with a version.

use super::super::error::LedgerError;
use super::super::types::{IntakeRecord, IntakeState, JobFilter, Submitted};
use super::sample::{Bench, Case, planned};
use crate::ids::Sha256;
use crate::job::{Phase, StepError};

pub(super) const CASES: &[Case] = &[
    ("one drop makes one job", one_drop_makes_one_job),
    ("versions follow the content", versions_follow_the_content),
    ("an empty plan is refused", an_empty_plan_is_refused),
    ("an intake is settled by its job", an_intake_is_settled_by_its_job),
    ("jobs are listed newest first", jobs_are_listed_newest_first),
];

fn one_drop_makes_one_job(bench: &Bench) {
    let job = bench.new_job("a", vec![planned("prompt", &[])]);
    let first = bench.submit(&job);
    bench.equal(bench.submit(&job), Submitted { existing: true, ..first }, "the same drop again");
    bench.succeed("prompt");
    bench.equal(bench.submit(&job), Submitted { existing: true, ..first }, "the same drop when its job is done");

    let mut other = job.clone();
    other.brief_sha256 = Sha256("b".repeat(64));
    let refused = bench.ledger.submit(&other, bench.now());
    assert!(matches!(refused, Err(LedgerError::IntakeConflict { job, .. }) if job == first.job), "{refused:?}");
    bench.equal(bench.must(bench.ledger.plan(first.job)), Some(job.plan), "the frozen plan");
}

fn versions_follow_the_content(bench: &Bench) {
    for (content, version) in [("a", 1), ("a", 1), ("b", 2), ("b", 2), ("a", 3)] {
        let job = bench.new_job(content, vec![planned("prompt", &[])]);
        bench.equal(bench.submit(&job).version, version, content);
    }
    let mut elsewhere = bench.new_job("a", vec![planned("prompt", &[])]);
    elsewhere.series = "summer-splash/berry-hero".into();
    bench.equal(bench.submit(&elsewhere).version, 1, "another series");
}

fn an_empty_plan_is_refused(bench: &Bench) {
    let refused = bench.ledger.submit(&bench.new_job("a", vec![]), bench.now());
    assert!(matches!(refused, Err(LedgerError::Refused(StepError::EmptyPlan))), "{refused:?}");
    bench.equal(bench.must(bench.ledger.jobs(&JobFilter::default())).len(), 0, "jobs after a refusal");
}

fn an_intake_is_settled_by_its_job(bench: &Bench) {
    let job = bench.new_job("a", vec![planned("prompt", &[])]);
    let mut record = IntakeRecord {
        id: job.intake_id.clone(),
        name: "citrus.yaml".into(),
        sha256: job.brief_sha256.clone(),
        state: IntakeState::Spooled,
        job: None,
    };
    bench.must(bench.ledger.intake_put(&record, bench.now()));
    bench.equal(bench.must(bench.ledger.open_intakes()), vec![record.clone()], "open intakes");

    record.job = Some(bench.submit(&job).job);
    record.state = IntakeState::Accepted;
    bench.equal(bench.must(bench.ledger.intake(&record.id)), Some(record.clone()), "once submitted");

    record.state = IntakeState::Settled;
    bench.must(bench.ledger.intake_put(&IntakeRecord { job: None, ..record.clone() }, bench.now()));
    bench.equal(bench.must(bench.ledger.intake(&record.id)), Some(record), "once settled, still with its job");
    bench.equal(bench.must(bench.ledger.open_intakes()), vec![], "open intakes at the end");
}

fn jobs_are_listed_newest_first(bench: &Bench) {
    let jobs: Vec<_> =
        ["a", "b", "c"].map(|content| bench.submit(&bench.new_job(content, vec![planned("prompt", &[])])).job).to_vec();
    bench.must(bench.ledger.cancel(jobs[1], "a mistake", bench.now()));
    let list =
        |filter: JobFilter| -> Vec<_> { bench.must(bench.ledger.jobs(&filter)).into_iter().map(|j| j.id).collect() };
    let all = JobFilter::default;
    bench.equal(list(all()), vec![jobs[2], jobs[1], jobs[0]], "all");
    bench.equal(list(JobFilter { limit: 1, ..all() }), vec![jobs[2]], "a page of one");
    bench.equal(list(JobFilter { before: Some(jobs[2]), ..all() }), vec![jobs[1], jobs[0]], "the page after it");
    bench.equal(list(JobFilter { unfinished: true, ..all() }), vec![jobs[2], jobs[0]], "unfinished");
    bench.equal(list(JobFilter { phases: vec![Phase::Cancelled], ..all() }), vec![jobs[1]], "cancelled");
    let view = bench.view(jobs[0]);
    bench.equal((view.campaign.as_str(), view.version, view.tasks.ready), ("Summer Splash", 1, 1), "what a list shows");
}
