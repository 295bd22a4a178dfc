//! The rules of scheduling, as tables and stories.

use std::fmt::Write as _;

use spotloom_plugin_api::Failure;

use super::{Command, End, Event, JobState, LossReason, Phase, TaskState, step};
use crate::ids::{Epoch, TaskKey, Timestamp};
use crate::ledger::conformance::planned;
use crate::pipeline::plan::{Plan, PlannedTask, Reseed, Retry, Trigger};

/// A job driven by hand, and what happened to it, one line an event.
struct Story {
    plan: Plan,
    state: JobState,
    now: Timestamp,
    text: String,
}

impl Story {
    fn of(tasks: Vec<PlannedTask>) -> Self {
        let plan = Plan {
            campaign: "Summer Splash".into(),
            title: "Citrus hero".into(),
            brand: "zest".into(),
            pipeline: "sample".into(),
            content_sha256: crate::ids::Sha256("0".repeat(64)),
            tasks,
        };
        let mut story = Self { plan, state: JobState::default(), now: Timestamp(0), text: String::new() };
        story.tell("submit", &Command::Submit);
        story
    }

    fn tell(&mut self, what: &str, command: &Command) {
        writeln!(self.text, "{what}").unwrap();
        match step(&self.state, &self.plan, command, self.now) {
            Ok(events) => {
                for event in events {
                    self.state.apply(&event).unwrap();
                    writeln!(self.text, "    {}", line(&event)).unwrap();
                }
            }
            Err(error) => writeln!(self.text, "    refused: {error}").unwrap(),
        }
    }

    fn claim(&mut self, task: &str) {
        let command = Command::Claim { task: TaskKey::new(task), agent: "a".into(), lease_until: Timestamp(30_000) };
        self.tell(&format!("claim {task}"), &command);
    }

    fn finish(&mut self, task: &str, end: End) {
        let key = TaskKey::new(task);
        let epoch = self.state.tasks[&key].epoch;
        let how = match &end {
            End::Succeeded { .. } => "succeeds",
            End::Failed { crash: true, .. } => "crashes",
            End::Failed { .. } => "fails",
            End::Refused { .. } => "refuses",
            End::Cancelled => "stops",
        };
        self.tell(&format!("{task} {how}"), &Command::Finish { task: key, epoch, end });
    }

    fn run(&mut self, task: &str, end: End) {
        self.claim(task);
        self.finish(task, end);
    }
}

fn line(event: &Event) -> String {
    let task = event.task().map(|t| format!(" {t}")).unwrap_or_default();
    let more = match event {
        Event::TaskReady { not_before, .. } if not_before.0 > 0 => format!(" from {} ms", not_before.0),
        Event::TaskStarted { attempt, epoch, .. } => format!(" attempt {attempt}, epoch {}", epoch.0),
        Event::TaskSkipped { because: Some(need), .. } => format!(" because of {need}"),
        Event::JobFailed { cause } => format!(" by {}: {}", cause.task, cause.failure),
        Event::AttemptLost { reason, .. } => format!(" {reason:?}"),
        Event::TaskReseeded { because, .. } => format!(" because {because}"),
        _ => String::new(),
    };
    format!("{}{task}{more}", event.kind())
}

fn ok() -> End {
    End::Succeeded { from_cache: false }
}

fn fails(retryable: bool) -> End {
    let failure = Failure::new("bad-media", "the clip has no frames");
    End::Failed { failure: if retryable { failure.retryable() } else { failure }, crash: false }
}

fn crash() -> End {
    End::Failed { failure: Failure::new("host-killed", "killed by signal 11"), crash: true }
}

fn told(key: &str, trigger: Trigger) -> PlannedTask {
    PlannedTask { trigger, ..planned(key, &[]) }
}

#[test]
fn a_failure_stops_the_work_and_is_told() {
    let mut story = Story::of(vec![
        told("notify[accepted]", Trigger::OnAccepted),
        planned("prompt", &[]),
        planned("diffusion", &["prompt"]),
        planned("music", &[]),
        planned("compose", &["diffusion", "music"]),
        told("notify[delivered]", Trigger::OnDelivered),
        told("notify[failed]", Trigger::OnFailed),
    ]);
    story.run("notify[accepted]", ok());
    story.run("prompt", ok());
    story.claim("music");
    story.run("diffusion", fails(false));
    story.run("notify[failed]", ok());
    story.finish("music", End::Cancelled);
    story.tell("retry", &Command::Retry);
    insta::assert_snapshot!(story.text);
}

#[test]
fn tries_crashes_and_losses_are_counted_apart() {
    let mut story = Story::of(vec![planned("diffusion", &[])]);
    story.run("diffusion", fails(true));
    story.run("diffusion", crash());
    story.run("diffusion", End::Cancelled);
    story.claim("diffusion");
    let lost = Command::Lose { task: TaskKey::new("diffusion"), epoch: Epoch(4), reason: LossReason::LeaseExpired };
    story.tell("the lease runs out", &lost);
    story.tell("it runs out again", &lost);
    story.run("diffusion", crash());
    story.run("diffusion", crash());
    insta::assert_snapshot!(story.text);
}

#[test]
fn cancelling_ends_everything() {
    let mut story = Story::of(vec![
        planned("a", &[]),
        planned("b", &["a"]),
        told("notify[failed]", Trigger::OnFailed),
        told("notify[accepted]", Trigger::OnAccepted),
    ]);
    story.claim("a");
    story.tell("cancel", &Command::Cancel { reason: "wrong product".into() });
    story.claim("notify[accepted]");
    story.finish("a", fails(true));
    story.tell("cancel again", &Command::Cancel { reason: "really".into() });
    insta::assert_snapshot!(story.text);
}

#[test]
fn a_message_waits_for_its_files_but_not_for_their_success() {
    let poster = PlannedTask { continue_on_error: true, ..planned("poster", &[]) };
    let message = PlannedTask { trigger: Trigger::OnDelivered, ..planned("notify[delivered]", &["poster"]) };
    let mut story = Story::of(vec![poster, planned("deliver", &[]), message]);
    story.run("deliver", ok());
    story.run("poster", fails(false));
    story.run("notify[delivered]", ok());
    insta::assert_snapshot!(story.text);
}

#[test]
fn what_is_refused_is_made_again_with_the_next_seed_and_nothing_else_is() {
    let reseed = Reseed { task: TaskKey::new("shots[1]"), retries: 1 };
    let mut story = Story::of(vec![
        planned("shots[0]", &[]),
        planned("shots[1]", &[]),
        PlannedTask { reseed: Some(reseed), ..planned("shot_checks[1]", &["shots[1]"]) },
        planned("compose", &["shots[0]", "shots[1]", "shot_checks[1]"]),
    ]);
    let black = || End::Refused { failure: Failure::new("check-failed", "It is black.") };
    story.run("shots[0]", ok());
    story.run("shots[1]", ok());
    story.run("shot_checks[1]", black());
    story.run("shots[1]", ok());
    story.run("shot_checks[1]", black());
    story.tell("retry", &Command::Retry);
    insta::assert_snapshot!(story.text);
}

#[test]
fn the_wait_before_the_next_try() {
    // max_attempts, backoff_s, tries made, retry_after_s -> wait in ms, or none when it failed for good
    let cases = [
        (3, 10.0, 1, None, Some(10_000)),
        (3, 10.0, 2, None, Some(20_000)),
        (3, 10.0, 3, None, None),
        (1, 10.0, 1, Some(5.0), None),
        (9, 10.0, 1, Some(90.5), Some(90_500)),
        (9, 100.0, 2, Some(90.0), Some(200_000)),
        (99, 10.0, 40, None, Some(3_600_000)),
        (9, 0.0, 3, None, Some(0)),
        (9, 10.0, 1, Some(1e12), Some(86_400_000)),
        (9, f64::NAN, 1, None, Some(0)),
        (9, -5.0, 1, Some(-5.0), Some(0)),
        (9, f64::INFINITY, 1, None, Some(3_600_000)),
    ];
    for (max_attempts, backoff_s, tries, retry_after_s, expected) in cases {
        let case = format!("{max_attempts} attempts, backoff {backoff_s}, {tries} tries, {retry_after_s:?}");
        let retry = Retry { max_attempts, backoff_s };
        let mut story = Story::of(vec![PlannedTask { retry, ..planned("webhook", &[]) }]);
        let failure = Failure { retry_after_s, ..Failure::new("busy", "503").retryable() };
        for _ in 0..tries {
            story.run("webhook", End::Failed { failure: failure.clone(), crash: false });
        }
        let wait = match story.state.tasks[&TaskKey::new("webhook")].state {
            TaskState::Ready { not_before } => Some(not_before.0),
            _ => None,
        };
        assert_eq!(wait, expected, "{case}");
    }
}

#[test]
fn what_cannot_follow_is_refused() {
    let key = || TaskKey::new("a");
    let accepted = || Event::JobAccepted { tasks: vec![key()] };
    let ready = || Event::TaskReady { task: key(), not_before: Timestamp(0) };
    let started = |epoch| Event::TaskStarted {
        task: key(),
        attempt: 1,
        epoch: Epoch(epoch),
        agent: "a".into(),
        lease_until: Timestamp(1),
    };
    let succeeded = |epoch| Event::TaskSucceeded { task: key(), epoch: Epoch(epoch), from_cache: false };
    let cases = [
        (vec![ready()], "`task-ready` cannot follow: the job has not been accepted"),
        (vec![accepted(), accepted()], "`job-accepted` cannot follow: a job is accepted once, with at least one task"),
        (vec![accepted(), started(1)], "`task-started` cannot follow: task `a` is waiting"),
        (
            vec![accepted(), ready(), started(2)],
            "`task-started` cannot follow: task `a` has epoch 0, so 2 cannot be the next",
        ),
        (
            vec![accepted(), ready(), started(1), succeeded(2)],
            "`task-succeeded` cannot follow: task `a` has epoch 1, not 2",
        ),
        (
            vec![accepted(), ready(), started(1), succeeded(1), ready()],
            "`task-ready` cannot follow: task `a` is succeeded",
        ),
        (vec![accepted(), Event::JobFinished], "`job-finished` cannot follow: the job is accepted"),
        (
            vec![accepted(), Event::JobDelivered, Event::JobFinished],
            "`job-finished` cannot follow: the job is delivered",
        ),
        (vec![accepted(), Event::JobRetried], "`job-retried` cannot follow: the job is accepted"),
        (
            vec![accepted(), Event::TaskSkipped { task: TaskKey::new("b"), because: None }],
            "`task-skipped` cannot follow: there is no task `b`",
        ),
    ];
    for (events, expected) in cases {
        let refused = JobState::fold(&events).expect_err(expected);
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn every_kind_of_event_has_its_name_in_json() {
    let task = || TaskKey::new("a");
    let failure = || Failure::new("x", "y");
    let epoch = Epoch(1);
    let all = [
        Event::JobAccepted { tasks: vec![task()] },
        Event::JobRunning,
        Event::JobDelivered,
        Event::JobFailed { cause: spotloom_plugin_api::TaskFailure { task: "a".into(), failure: failure() } },
        Event::JobCancelled { reason: "r".into() },
        Event::JobFinished,
        Event::JobRetried,
        Event::TaskReady { task: task(), not_before: Timestamp(1) },
        Event::TaskStarted { task: task(), attempt: 1, epoch, agent: "a".into(), lease_until: Timestamp(2) },
        Event::CancelRequested { task: task() },
        Event::AttemptFailed { task: task(), epoch, failure: failure(), crash: true },
        Event::AttemptLost { task: task(), epoch, reason: LossReason::Interrupted },
        Event::TaskSucceeded { task: task(), epoch, from_cache: true },
        Event::TaskFailed { task: task(), failure: failure() },
        Event::TaskQuarantined { task: task(), failure: failure() },
        Event::TaskSkipped { task: task(), because: None },
        Event::TaskCancelled { task: task() },
        Event::TaskReset { task: task() },
        Event::TaskReseeded { task: task(), because: failure() },
    ];
    assert_eq!(all.each_ref().map(Event::kind), Event::KINDS);
    for event in all {
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["kind"], event.kind());
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }
}

#[test]
fn names_of_states_are_those_in_json() {
    for phase in [Phase::Accepted, Phase::Running, Phase::Delivered, Phase::Failed, Phase::Cancelled] {
        assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
    }
    let failure = Failure::new("x", "y");
    let states = [
        TaskState::Waiting,
        TaskState::Ready { not_before: Timestamp(1) },
        TaskState::Running { attempt: 1, agent: "a".into(), cancel_requested: false },
        TaskState::Succeeded { from_cache: false },
        TaskState::Failed { failure: failure.clone() },
        TaskState::Quarantined { failure },
        TaskState::Skipped { because: None },
        TaskState::Cancelled,
    ];
    for state in states {
        let task = super::Task { state, ..Default::default() };
        let json = serde_json::to_value(&task).unwrap();
        assert_eq!(json["state"], task.state.name());
        assert_eq!(serde_json::from_value::<super::Task>(json).unwrap(), task);
    }
}
