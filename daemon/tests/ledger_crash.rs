//! The process dies by SIGKILL right before or after the commit of every kind of event; the next one finishes the work.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use serde_json::Map;
use spotloom::ids::{JobId, Sha256, TaskKey, Timestamp};
use spotloom::job::{Event, Phase};
use spotloom::ledger::conformance::{Bench, planned};
use spotloom::ledger::{
    Agent, AttemptEnd, AttemptOutcome, CacheEntry, Claim, ClaimRequest, FAILPOINT_VARIABLE, IntakeRecord, IntakeState,
    Ledger, LogLine, NewJob, Outputs, REFUSED, SqliteLedger,
};
use spotloom::pipeline::plan::{PlannedTask, Reseed, Trigger};
use spotloom_plugin_api::{Failure, Level};

const FOLDER: &str = "SPOTLOOM_TEST_LEDGER";
const LEASE_MS: i64 = 30_000;

/// What happens only once in the work below.
const ONCE: [&str; 8] = [
    "attempt-lost",
    "cancel-requested",
    "heartbeat",
    "job-cancelled",
    "job-failed",
    "job-retried",
    "log",
    "task-quarantined",
];

#[test]
fn whatever_commit_it_dies_at_the_work_is_done_once() {
    for name in Event::KINDS.iter().chain(&["heartbeat", "intake", "cache", "log"]) {
        for (number, side) in [(1, "before"), (1, "after"), (2, "after")] {
            if number == 2 && ONCE.contains(name) {
                continue;
            }
            dies_and_recovers(name, number, side);
        }
    }
}

fn dies_and_recovers(name: &str, number: usize, side: &str) {
    let case = format!("{name}:{number}:{side}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let status = work_in_a_process(folder.path(), Some(&case));
    assert_eq!(status.signal(), Some(9), "{case}: {status}");

    let ledger = SqliteLedger::open(folder.path()).expect("the ledger after the crash");
    ledger.verify().unwrap_or_else(|e| panic!("{case}: {e}"));
    if Event::KINDS.contains(&name) {
        let events = ledger.events(0, usize::MAX).expect("events");
        let seen = events.iter().filter(|e| e.event.kind() == name).count();
        assert!(if side == "before" { seen < number } else { seen >= number }, "{case}: {seen} of them are there");
    }
    drop(ledger);

    let status = work_in_a_process(folder.path(), None);
    assert!(status.success(), "{case}: {status}");
    let ledger = SqliteLedger::open(folder.path()).expect("the ledger at the end");
    ledger.verify().unwrap_or_else(|e| panic!("{case}: {e}"));
    for (number, phase) in [(1, Phase::Delivered), (2, Phase::Delivered), (3, Phase::Cancelled)] {
        let job = ledger.job(JobId(number)).expect("a job").expect("a job");
        assert_eq!((job.phase, job.finished), (phase, true), "{case}: job {number}");
        let mut successes = BTreeMap::new();
        for attempt in ledger.attempts(JobId(number), None).expect("attempts") {
            assert!(attempt.outcome.is_some(), "{case}: an attempt without an end");
            if matches!(attempt.outcome, Some(AttemptOutcome::Succeeded { .. })) {
                *successes.entry(attempt.task).or_insert(0) += 1;
            }
        }
        let made = |task: &TaskKey| {
            let tasks = ledger.tasks(JobId(number)).expect("tasks");
            1 + tasks.iter().find(|t| t.key == *task).map_or(0, |t| t.reseeded.len())
        };
        assert!(successes.iter().all(|(task, n)| *n == made(task)), "{case}: {successes:?}");
    }
    let intake = ledger.intake("intake-1").expect("the intake");
    assert_eq!(intake.map(|i| i.state), Some(IntakeState::Settled), "{case}");
}

fn work_in_a_process(folder: &Path, failpoint: Option<&str>) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "the_work", "--ignored", "--quiet"]).env(FOLDER, folder);
    if let Some(failpoint) = failpoint {
        command.env(FAILPOINT_VARIABLE, failpoint);
    }
    // A killed process may have said something of the test's own; it is of no interest.
    command.output().expect("a process").status
}

/// Not a test: what the processes above do. It can be killed anywhere and started again.
#[test]
#[ignore = "the other test runs it in processes of its own"]
fn the_work() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let ledger = SqliteLedger::open(Path::new(&folder)).expect("the ledger");
    Worker::start(&ledger).work();
}

struct Worker<'a> {
    ledger: &'a dyn Ledger,
    agent: Agent,
    now: i64,
}

impl<'a> Worker<'a> {
    fn start(ledger: &'a dyn Ledger) -> Self {
        // Simulated time goes on where the last process left it.
        let last = ledger.events(0, usize::MAX).expect("events").last().map_or(1_000, |e| e.at.0);
        let agent = Agent { name: "local".into(), boot: std::process::id().to_string() };
        Self { ledger, agent, now: last + 1 }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    fn work(&mut self) {
        self.ledger.release(&self.agent, self.now()).expect("a release");
        let jobs = jobs(self.ledger);
        let spooled = |job: &NewJob, state| IntakeRecord {
            id: job.intake_id.clone(),
            name: job.brief_name.clone(),
            sha256: Sha256("0".repeat(64)),
            state,
            job: None,
        };
        for job in &jobs {
            if self.ledger.intake(&job.intake_id).expect("an intake").is_none() {
                self.ledger.intake_put(&spooled(job, IntakeState::Spooled), self.now()).expect("an intake");
            }
            self.ledger.submit(job, self.now()).expect("a submission");
        }
        loop {
            self.work_off();
            let broken = self.ledger.job(JobId(2)).expect("a job").expect("a job");
            if broken.phase == Phase::Failed {
                self.ledger.retry(JobId(2), self.now()).expect("a retry");
            } else if broken.finished {
                break;
            }
        }
        for job in &jobs {
            self.ledger.intake_put(&spooled(job, IntakeState::Settled), self.now()).expect("an intake");
        }
        let entry = CacheEntry { outputs: BTreeMap::new(), facts: Map::new() };
        self.ledger.cache_put("by hand", &entry, self.now()).expect("the cache");
    }

    /// Until nothing is left to do, waits included.
    fn work_off(&mut self) {
        loop {
            let pools = BTreeMap::from([("cpu".into(), 1)]);
            let request = ClaimRequest { agent: self.agent.clone(), pools, in_place_of: None, lease_ms: LEASE_MS };
            match self.ledger.claim(&request, self.now()).expect("a claim") {
                Some(claim) => self.attempt(&claim),
                None => match self.ledger.next_wakeup().expect("a time") {
                    Some(later) => self.now = self.now.max(later.0),
                    None => return,
                },
            }
            self.ledger.reap(self.now()).expect("a reaping");
            self.now += 1;
        }
    }

    /// How many were tried in vain.
    fn seeds(&self, claim: &Claim) -> usize {
        let tasks = self.ledger.tasks(claim.lease.job).expect("tasks");
        tasks.iter().map(|t| t.reseeded.len()).sum()
    }

    fn attempt(&mut self, claim: &Claim) {
        let retried = || {
            let events = self.ledger.job_events(claim.lease.job).expect("events");
            events.iter().any(|e| e.event == Event::JobRetried)
        };
        let end = match (claim.lease.task.as_str(), claim.attempt) {
            ("flaky", 1) => AttemptEnd::Failed {
                failure: Failure::new("busy", "503").retryable(),
                crash: false,
                code: "failed".into(),
                outputs: Outputs::new(),
            },
            ("poison", _) if !retried() => AttemptEnd::Failed {
                failure: Failure::new("host-killed", "killed by signal 11"),
                crash: true,
                code: "killed".into(),
                outputs: Outputs::new(),
            },
            ("optional", _) => AttemptEnd::Failed {
                failure: Failure::new("bad-media", "no frames"),
                crash: false,
                code: "failed".into(),
                outputs: Outputs::new(),
            },
            ("shot-check", _) if self.seeds(claim) < 2 => AttemptEnd::Failed {
                failure: Failure::new("check-failed", "It is black."),
                crash: false,
                code: REFUSED.into(),
                outputs: Outputs::new(),
            },
            ("slow", _) if claim.lease.epoch.0 == 1 => {
                self.now = claim.lease_until.0;
                return;
            }
            ("unwanted", _) => {
                // A process before this one may have got so far.
                let job = self.ledger.job(claim.lease.job).expect("a job").expect("a job");
                if !job.phase.is_decided() {
                    self.ledger.cancel(claim.lease.job, "wrong product", self.now()).expect("a cancel");
                }
                AttemptEnd::Cancelled
            }
            ("talks", _) => {
                let line = LogLine { at: self.now(), level: Level::Info, message: "hello".into(), fields: Map::new() };
                self.ledger.log(&claim.lease, &[line], self.now()).expect("the log");
                self.ledger.heartbeat(&claim.lease, None, self.now()).expect("a heartbeat");
                succeeded(claim)
            }
            _ => succeeded(claim),
        };
        self.ledger.finish(&claim.lease, &end, self.now()).expect("a finish");
    }
}

fn succeeded(claim: &Claim) -> AttemptEnd {
    AttemptEnd::Succeeded {
        outputs: BTreeMap::new(),
        facts: Map::new(),
        from_cache: false,
        cache_key: Some(claim.lease.task.to_string()),
    }
}

/// Three jobs with all that can happen in them.
fn jobs(ledger: &dyn Ledger) -> [NewJob; 3] {
    let bench = Bench::new(ledger, "crash");
    let told = |key: &str, trigger| PlannedTask { trigger, ..planned(key, &[]) };
    let reseed = Some(Reseed { task: TaskKey::new("shot"), retries: 2 });
    let optional = |key: &str| PlannedTask { continue_on_error: true, ..planned(key, &[]) };
    [
        bench.new_job(
            "1",
            vec![
                told("notify[accepted]", Trigger::OnAccepted),
                planned("talks", &[]),
                planned("flaky", &["talks"]),
                planned("slow", &["talks"]),
                planned("shot", &[]),
                PlannedTask { reseed, ..planned("shot-check", &["shot"]) },
                optional("optional"),
                planned("extra", &["optional"]),
                told("notify[delivered]", Trigger::OnDelivered),
                told("notify[failed]", Trigger::OnFailed),
            ],
        ),
        bench.new_job(
            "2",
            vec![
                planned("poison", &[]),
                planned("flaky", &["poison"]),
                optional("optional"),
                told("notify[failed]", Trigger::OnFailed),
            ],
        ),
        bench.new_job("3", vec![planned("unwanted", &[]), planned("b", &["unwanted"]), planned("c", &["unwanted"])]),
    ]
}
