//! Plans and jobs to try a ledger with, and short words for what is done to it.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use spotloom_plugin_api::{Failure, Outcome};

use super::super::api::Ledger;
use super::super::error::Result;
use super::super::types::{
    Agent, ArtifactRecord, AttemptEnd, Claim, ClaimRequest, Finished, JobView, NewJob, Outputs, Submitted,
};
use crate::ids::{JobId, Sha256, TaskKey, Timestamp};
use crate::job::TaskState;
use crate::pipeline::plan::{InputRef, Plan, PlannedTask, PluginRef, Retry, Trigger};

/// How long the leases of a bench last, in milliseconds.
pub(super) const LEASE_MS: i64 = 30_000;

/// A task as plain as can be: `needs` are also its inputs (port `in`, from their port `out`).
#[must_use]
pub fn planned(key: &str, needs: &[&str]) -> PlannedTask {
    PlannedTask {
        key: TaskKey::new(key),
        stage: key.split('[').next().unwrap_or(key).into(),
        uses: PluginRef { id: "sample".into(), version: "1.0.0".into(), sha256: Sha256("5a".repeat(32)) },
        params: Map::new(),
        inputs: BTreeMap::from([(
            "in".into(),
            needs.iter().map(|n| InputRef::Output { task: TaskKey::new(*n), output: "out".into() }).collect(),
        )]),
        needs: needs.iter().map(|n| TaskKey::new(*n)).collect(),
        trigger: Trigger::Needs,
        retry: Retry { max_attempts: 3, backoff_s: 10.0 },
        timeout_s: 60.0,
        stall_timeout_s: 30.0,
        cache: true,
        pool: "cpu".into(),
        continue_on_error: false,
        secrets: Vec::new(),
        reseed: None,
    }
}

/// A notification.
pub(super) fn told(key: &str, trigger: Trigger) -> PlannedTask {
    PlannedTask { trigger, pool: "net".into(), ..planned(key, &[]) }
}

/// A name, and what has to be true.
pub(super) type Case = (&'static str, fn(&Bench));

/// A ledger under test, a clock, and one agent.
pub struct Bench<'a> {
    pub ledger: &'a dyn Ledger,
    case: &'static str,
    now: Cell<i64>,
    drops: Cell<u32>,
}

impl<'a> Bench<'a> {
    #[must_use]
    pub fn new(ledger: &'a dyn Ledger, case: &'static str) -> Self {
        Self { ledger, case, now: Cell::new(1_800_000_000_000), drops: Cell::new(0) }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }

    pub fn pass_ms(&self, ms: i64) {
        self.now.set(self.now.get() + ms);
    }

    /// The value, or the case is lost.
    pub fn must<T>(&self, result: Result<T>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => panic!("{}: {}", self.case, error.diagnostic()),
        }
    }

    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(&self, got: T, expected: T, what: &str) {
        assert!(got == expected, "{}: {what}: expected {expected:?}, got {got:?}", self.case);
    }

    pub(super) fn has<T>(&self, value: Option<T>, what: &str) -> T {
        value.unwrap_or_else(|| panic!("{}: {what}: nothing there", self.case))
    }

    /// A job of these tasks, as a drop of its own.
    #[must_use]
    pub fn new_job(&self, content: &str, tasks: Vec<PlannedTask>) -> NewJob {
        self.drops.set(self.drops.get() + 1);
        NewJob {
            plan: Plan {
                campaign: "Summer Splash".into(),
                title: "Citrus hero".into(),
                brand: "zest".into(),
                pipeline: "sample".into(),
                content_sha256: Sha256(format!("{content:0>64}")),
                tasks,
            },
            series: "summer-splash/citrus-hero".into(),
            brief_name: "citrus.yaml".into(),
            brief_sha256: Sha256(format!("{content:f>64}")),
            intake_id: format!("intake-{}", self.drops.get()),
            source: "inbox".into(),
            priority: 0,
            stakeholders: json!([{"email": "client@zest.example", "on": ["delivered"]}]),
        }
    }

    pub fn submit(&self, job: &NewJob) -> Submitted {
        self.must(self.ledger.submit(job, self.now()))
    }

    pub(super) fn submit_tasks(&self, tasks: Vec<PlannedTask>) -> JobId {
        self.submit(&self.new_job("c0", tasks)).job
    }

    pub(super) fn agent(&self, boot: &str) -> Agent {
        Agent { name: "studio-1".into(), boot: boot.into() }
    }

    pub(super) fn request(&self, pools: &[&str]) -> ClaimRequest {
        let pools = pools.iter().map(|p| ((*p).into(), 1)).collect();
        ClaimRequest { agent: self.agent("boot-1"), pools, in_place_of: None, lease_ms: LEASE_MS }
    }

    /// Whatever is next in any pool.
    pub fn claim(&self) -> Option<Claim> {
        self.must(self.ledger.claim(&self.request(&["cpu", "gpu", "net"]), self.now()))
    }

    /// What is next has to be this task.
    pub(super) fn claim_task(&self, key: &str) -> Claim {
        let claim = self.has(self.claim(), key);
        self.equal(claim.lease.task.as_str(), key, "the next task");
        claim
    }

    pub fn finish(&self, claim: &Claim, end: &AttemptEnd) -> Finished {
        self.must(self.ledger.finish(&claim.lease, end, self.now()))
    }

    /// Claims that task and lets it succeed with one file.
    pub(super) fn succeed(&self, key: &str) -> Finished {
        let claim = self.claim_task(key);
        self.finish(&claim, &succeeded(key))
    }

    /// Claims that task and lets it fail.
    pub(super) fn fail(&self, key: &str, failure: Failure) -> Finished {
        let claim = self.claim_task(key);
        self.finish(&claim, &failed(failure))
    }

    pub(super) fn view(&self, job: JobId) -> JobView {
        self.has(self.must(self.ledger.job(job)), "the job")
    }

    pub(super) fn state(&self, job: JobId, key: &str) -> TaskState {
        let tasks = self.must(self.ledger.tasks(job));
        self.has(tasks.into_iter().find(|t| t.key.as_str() == key), key).state
    }

    /// The names of all tasks' states, in plan order.
    pub(super) fn states(&self, job: JobId) -> Vec<&'static str> {
        self.must(self.ledger.tasks(job)).iter().map(|t| t.state.name()).collect()
    }
}

/// The last word about a job.
pub(super) fn done(outcome: Outcome) -> Finished {
    Finished::Applied { job_finished: Some(outcome) }
}

/// More is to come.
pub(super) const GOES_ON: Finished = Finished::Applied { job_finished: None };

/// A success with one file that is named after the task, on port `out`.
pub(super) fn succeeded(key: &str) -> AttemptEnd {
    AttemptEnd::Succeeded {
        outputs: BTreeMap::from([("out".into(), vec![file(key)])]),
        facts: Map::from_iter([("steps".into(), Value::from(4))]),
        from_cache: false,
        cache_key: Some(format!("key of {key}")),
    }
}

pub(super) fn file(name: &str) -> ArtifactRecord {
    ArtifactRecord {
        sha256: Sha256(format!("{:0>64}", name.len())),
        media: "text/plain".into(),
        name: format!("{name}.txt"),
        bytes: 12,
        facts: Map::new(),
    }
}

pub(super) fn failed(failure: Failure) -> AttemptEnd {
    AttemptEnd::Failed { failure, crash: false, code: "failed".into(), outputs: Outputs::new() }
}

pub(super) fn crashed() -> AttemptEnd {
    let failure = Failure::new("host-killed", "the plugin's process was killed by signal 11");
    AttemptEnd::Failed { failure, crash: true, code: "killed".into(), outputs: Outputs::new() }
}
