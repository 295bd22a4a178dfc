//! How jobs end: delivered, failed, cancelled, retried, and who is told.

use spotloom_plugin_api::{Failure, Outcome, TaskFailure};

use super::super::error::LedgerError;
use super::super::types::{AttemptEnd, Finished, REFUSED};
use super::sample::{Bench, Case, GOES_ON, crashed, done, failed, planned, succeeded, told};
use crate::ids::TaskKey;
use crate::job::{Phase, StepError, TaskState};
use crate::pipeline::plan::{PlannedTask, Reseed, Retry, SEED_OFFSET, Trigger};

pub(super) const CASES: &[Case] = &[
    ("a job is delivered, then told", a_job_is_delivered_then_told),
    ("a failure is the job's cause, and told", a_failure_is_the_jobs_cause),
    ("tries run out", tries_run_out),
    ("a task that crashes its host is quarantined", crashes_lead_to_quarantine),
    ("what a check shows of what it refused is kept and told", what_a_check_shows_is_kept),
    ("what is refused is made again with the next seed", what_is_refused_is_made_again),
    ("an optional failure skips its dependants only", an_optional_failure_skips_its_dependants),
    ("a skipped delivery is no delivery", a_skipped_delivery_is_no_delivery),
    ("a failed notification changes no outcome", a_failed_notification_changes_no_outcome),
    ("what runs is asked to stop", what_runs_is_asked_to_stop),
    ("a retry goes on where it broke", a_retry_goes_on_where_it_broke),
    ("a retry is refused when there is nothing to retry", a_retry_can_be_refused),
];

fn broken() -> Failure {
    Failure::new("bad-media", "the clip has no frames").hint("check the model")
}

fn a_job_is_delivered_then_told(bench: &Bench) {
    let job = bench.submit_tasks(vec![
        told("notify[accepted,a]", Trigger::OnAccepted),
        planned("prompt", &[]),
        planned("deliver", &["prompt"]),
        told("notify[delivered,a]", Trigger::OnDelivered),
        told("notify[failed,a]", Trigger::OnFailed),
    ]);
    bench.equal(bench.states(job), vec!["ready", "ready", "waiting", "waiting", "waiting"], "at first");
    let accepted = bench.claim_task("notify[accepted,a]");
    bench.equal(accepted.context.outcome, Outcome::Accepted, "what the first message tells");
    bench.equal(bench.view(job).phase, Phase::Accepted, "a message is not the work");
    bench.finish(&accepted, &succeeded("notify"));
    bench.equal(bench.succeed("prompt"), GOES_ON, "the first task");
    bench.equal(bench.view(job).phase, Phase::Running, "the phase in the middle");
    bench.equal(bench.succeed("deliver"), GOES_ON, "the last ordinary task");
    let view = bench.view(job);
    bench.equal((view.phase, view.finished), (Phase::Delivered, false), "delivered, not yet told");
    let message = bench.claim_task("notify[delivered,a]");
    bench.equal(message.context.outcome, Outcome::Delivered, "what the last message tells");
    bench.equal(bench.finish(&message, &succeeded("notify")), done(Outcome::Delivered), "the end");
    bench.equal(bench.states(job)[4], "skipped", "the message about a failure");
    let view = bench.view(job);
    bench.equal((view.finished, view.finished_at), (true, Some(bench.now())), "finished");
}

fn a_failure_is_the_jobs_cause(bench: &Bench) {
    let job = bench.submit_tasks(vec![
        planned("prompt", &[]),
        planned("diffusion", &["prompt"]),
        planned("compose", &["diffusion"]),
        planned("music", &["prompt"]),
        told("notify[delivered,a]", Trigger::OnDelivered),
        told("notify[failed,a]", Trigger::OnFailed),
    ]);
    bench.succeed("prompt");
    bench.equal(bench.fail("diffusion", broken()), GOES_ON, "the failure");
    let cause = TaskFailure { task: "diffusion".into(), failure: broken() };
    bench.equal(bench.view(job).cause, Some(cause.clone()), "the cause");
    let expected = ["succeeded", "failed", "skipped", "cancelled", "skipped", "ready"];
    bench.equal(bench.states(job), expected.to_vec(), "states after the failure");
    let because = TaskState::Skipped { because: Some(TaskKey::new("diffusion")) };
    bench.equal(bench.state(job, "compose"), because, "why it was skipped");
    let message = bench.claim_task("notify[failed,a]");
    bench.equal(message.context.outcome, Outcome::Failed, "what is told");
    bench.equal(&message.context.failure, &Some(cause), "the cause that is told");
    bench.equal(bench.finish(&message, &succeeded("notify")), done(Outcome::Failed), "the end");
}

fn tries_run_out(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("webhook", &[])]);
    let busy = Failure::new("busy", "503 Service Unavailable").retryable();
    for expected in [GOES_ON, GOES_ON, done(Outcome::Failed)] {
        bench.pass_ms(3_600_000);
        bench.equal(bench.fail("webhook", busy.clone()), expected, "a try");
    }
    bench.equal(bench.state(job, "webhook"), TaskState::Failed { failure: busy }, "after three tries");
    bench.equal(bench.must(bench.ledger.attempts(job, Some(&TaskKey::new("webhook")))).len(), 3, "attempts");
}

fn crashes_lead_to_quarantine(bench: &Bench) {
    let once = Retry { max_attempts: 1, backoff_s: 1.0 };
    let job = bench.submit_tasks(vec![PlannedTask { retry: once, ..planned("diffusion", &[]) }]);
    for expected in [GOES_ON, GOES_ON, done(Outcome::Failed)] {
        bench.pass_ms(3_600_000);
        let claim = bench.claim_task("diffusion");
        bench.equal(bench.finish(&claim, &crashed()), expected, "a crash");
    }
    bench.equal(bench.states(job), vec!["quarantined"], "after three crashes");
}

fn refused(port: &str) -> AttemptEnd {
    let AttemptEnd::Succeeded { outputs, .. } = succeeded(port) else { return AttemptEnd::Cancelled };
    let failure = Failure::new("check-failed", "It is black.");
    AttemptEnd::Failed { failure, crash: false, code: REFUSED.into(), outputs }
}

fn what_a_check_shows_is_kept(bench: &Bench) {
    let notice = PlannedTask { inputs: planned("", &["check"]).inputs, ..told("notify[failed,a]", Trigger::OnFailed) };
    let job = bench.submit_tasks(vec![planned("check", &[]), planned("deliver", &["check"]), notice]);
    bench.finish(&bench.claim_task("check"), &refused("check"));
    bench.equal(bench.states(job), vec!["failed", "skipped", "ready"], "after the refusal");
    let tasks = bench.must(bench.ledger.tasks(job));
    bench.equal(tasks[0].outputs["out"].len(), 1, "files of the failed task");
    let message = bench.claim_task("notify[failed,a]");
    bench.equal(message.inputs["in"].len(), 1, "files of the notice");
    bench.finish(&message, &succeeded("notify"));
    bench.must(bench.ledger.retry(job, bench.now()));
    bench.equal(bench.must(bench.ledger.tasks(job))[0].outputs.len(), 0, "files once it is tried again");
}

fn what_is_refused_is_made_again(bench: &Bench) {
    let reseed = Some(Reseed { task: TaskKey::new("shots"), retries: 1 });
    let job = bench.submit_tasks(vec![
        planned("shots", &[]),
        PlannedTask { reseed, ..planned("shot_checks", &["shots"]) },
        planned("deliver", &["shots", "shot_checks"]),
        told("notify[failed,a]", Trigger::OnFailed),
    ]);
    let first = bench.claim_task("shots");
    bench.equal(first.task.params.get(SEED_OFFSET), None, "the first seed");
    bench.finish(&first, &succeeded("shots"));
    bench.finish(&bench.claim_task("shot_checks"), &refused("shot_checks"));
    bench.equal(bench.states(job), vec!["ready", "waiting", "waiting", "waiting"], "after the refusal");
    let second = bench.claim_task("shots");
    bench.equal(second.task.params.get(SEED_OFFSET), Some(&1.into()), "the second seed");
    bench.equal((second.attempt, second.lease.epoch.0), (1, 2), "a new round of tries");
    bench.equal(second.context.reseeded[0].because.clone(), vec!["It is black.".to_owned()], "what people are told");
    bench.finish(&second, &succeeded("shots"));
    bench.finish(&bench.claim_task("shot_checks"), &refused("shot_checks"));
    bench.equal(bench.states(job)[..3].to_vec(), vec!["succeeded", "failed", "skipped"], "no seed is left");
    bench.equal(bench.must(bench.ledger.tasks(job))[0].reseeded.len(), 1, "seeds tried in vain");
}

fn an_optional_failure_skips_its_dependants(bench: &Bench) {
    let optional = PlannedTask { continue_on_error: true, ..planned("expand", &[]) };
    let job = bench.submit_tasks(vec![optional, planned("extra", &["expand"]), planned("deliver", &[])]);
    bench.fail("expand", broken());
    bench.equal(bench.states(job), vec!["failed", "skipped", "ready"], "after the failure");
    bench.equal(bench.succeed("deliver"), done(Outcome::Delivered), "the rest");
    bench.equal(bench.view(job).cause, None, "the cause");
}

fn a_skipped_delivery_is_no_delivery(bench: &Bench) {
    let optional = PlannedTask { continue_on_error: true, ..planned("transcode", &[]) };
    let job = bench.submit_tasks(vec![optional, planned("deliver[folder:deliveries]", &["transcode"])]);
    bench.equal(bench.fail("transcode", broken()), done(Outcome::Failed), "the end");
    let cause = TaskFailure { task: "transcode".into(), failure: broken() };
    bench.equal(bench.view(job).cause, Some(cause), "the cause");
}

fn a_failed_notification_changes_no_outcome(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("deliver", &[]), told("notify[delivered,a]", Trigger::OnDelivered)]);
    bench.succeed("deliver");
    let rejected = Failure::new("smtp-rejected", "550 no such user");
    bench.equal(bench.fail("notify[delivered,a]", rejected), done(Outcome::Delivered), "the end");
    bench.equal(bench.states(job), vec!["succeeded", "failed"], "but it is on record");
}

fn what_runs_is_asked_to_stop(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("a", &[]), planned("b", &[]), planned("c", &["a"])]);
    let (a, b) = (bench.claim_task("a"), bench.claim_task("b"));
    bench.must(bench.ledger.cancel(job, "wrong product", bench.now()));
    bench.equal(bench.states(job), vec!["running", "running", "cancelled"], "at once");
    bench.equal(bench.view(job).phase, Phase::Cancelled, "the outcome");
    let again = bench.ledger.cancel(job, "really", bench.now());
    assert!(matches!(again, Err(LedgerError::Refused(StepError::AlreadyDecided(Phase::Cancelled)))), "{again:?}");
    bench.equal(bench.finish(&a, &AttemptEnd::Cancelled), GOES_ON, "one stopped");
    let finished = bench.finish(&b, &failed(broken().retryable()));
    bench.equal(finished, done(Outcome::Cancelled), "a failure on the way out is not tried again");
    bench.equal(bench.states(job), vec!["cancelled"; 3], "at the end");
}

fn a_retry_goes_on_where_it_broke(bench: &Bench) {
    let job = bench.submit_tasks(vec![
        planned("prompt", &[]),
        planned("diffusion", &["prompt"]),
        planned("deliver", &["diffusion"]),
        told("notify[delivered,a]", Trigger::OnDelivered),
        told("notify[failed,a]", Trigger::OnFailed),
    ]);
    bench.succeed("prompt");
    bench.fail("diffusion", broken());
    bench.succeed("notify[failed,a]");
    bench.must(bench.ledger.retry(job, bench.now()));
    bench.equal(bench.states(job), vec!["succeeded", "ready", "waiting", "waiting", "waiting"], "after the retry");
    let view = bench.view(job);
    bench.equal((view.phase, view.finished, view.cause), (Phase::Running, false, None), "the job");
    bench.equal((view.decided_at, view.finished_at), (None, None), "its times");
    let claim = bench.claim_task("diffusion");
    bench.equal((claim.attempt, claim.lease.epoch.0), (1, 2), "a new round of tries");
    bench.finish(&claim, &succeeded("diffusion"));
    bench.succeed("deliver");
    bench.equal(bench.succeed("notify[delivered,a]"), done(Outcome::Delivered), "this time");
}

fn a_retry_can_be_refused(bench: &Bench) {
    let job = bench.submit_tasks(vec![planned("a", &[]), planned("b", &[])]);
    let retry = || bench.ledger.retry(job, bench.now());
    let refused = retry();
    assert!(matches!(refused, Err(LedgerError::Refused(StepError::NothingToRetry(Phase::Accepted)))), "{refused:?}");
    let (a, b) = (bench.claim_task("a"), bench.claim_task("b"));
    bench.finish(&a, &failed(broken()));
    let refused = retry();
    assert!(matches!(refused, Err(LedgerError::Refused(StepError::StillRunning(_)))), "{refused:?}");
    let finished = bench.finish(&b, &succeeded("b"));
    bench.equal(finished, Finished::Applied { job_finished: Some(Outcome::Failed) }, "the last one");
    bench.must(retry());
    bench.equal(bench.states(job), vec!["ready", "succeeded"], "what was finished on the way out is kept");
    let nobody = bench.ledger.retry(crate::ids::JobId(999), bench.now());
    assert!(matches!(nobody, Err(LedgerError::NoSuchJob(_))), "{nobody:?}");
}
