//! Whatever agents do to a ledger in whatever order, with whatever clocks: no task has two attempts, no stale word
//! counts, and the tables say what the events say.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Map;
use spotloom::ids::{Epoch, JobId, TaskKey, Timestamp};
use spotloom::ledger::conformance::{Bench, planned};
use spotloom::ledger::{
    Agent, AttemptEnd, Claim, ClaimRequest, Finished, Heartbeat, JobFilter, Ledger, LedgerError, SqliteLedger,
};
use spotloom::pipeline::plan::{PlannedTask, Trigger};
use spotloom_plugin_api::Failure;

#[derive(Clone, Debug)]
enum Act {
    Claim {
        agent: usize,
    },
    /// Says how one of the claims ever made ended.
    Finish {
        claim: usize,
        how: How,
    },
    Heartbeat {
        claim: usize,
    },
    Reap,
    Restart {
        agent: usize,
    },
    Cancel {
        job: usize,
    },
    Retry {
        job: usize,
    },
    /// Clocks jump both ways.
    Pass {
        ms: i64,
    },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Succeed,
    Fail,
    FailForNow,
    Crash,
    Stop,
}

fn act() -> impl Strategy<Value = Act> {
    let how = prop_oneof![
        6 => Just(How::Succeed), 1 => Just(How::Fail), 1 => Just(How::FailForNow), 1 => Just(How::Crash),
        1 => Just(How::Stop),
    ];
    prop_oneof![
        8 => (0..2usize).prop_map(|agent| Act::Claim { agent }),
        8 => (0..40usize, how).prop_map(|(claim, how)| Act::Finish { claim, how }),
        2 => (0..40usize).prop_map(|claim| Act::Heartbeat { claim }),
        2 => Just(Act::Reap),
        1 => (0..2usize).prop_map(|agent| Act::Restart { agent }),
        1 => (0..3usize).prop_map(|job| Act::Cancel { job }),
        1 => (0..3usize).prop_map(|job| Act::Retry { job }),
        4 => (-20_000..60_000i64).prop_map(|ms| Act::Pass { ms }),
    ]
}

fn tasks() -> Vec<PlannedTask> {
    vec![
        PlannedTask { trigger: Trigger::OnAccepted, ..planned("notify[accepted]", &[]) },
        planned("prompt", &[]),
        planned("shots[0]", &["prompt"]),
        planned("shots[1]", &["prompt"]),
        PlannedTask { continue_on_error: true, ..planned("extra", &["prompt"]) },
        planned("deliver", &["shots[0]", "shots[1]"]),
        PlannedTask { trigger: Trigger::OnDelivered, ..planned("notify[delivered]", &[]) },
        PlannedTask { trigger: Trigger::OnFailed, ..planned("notify[failed]", &[]) },
    ]
}

fn end(how: How) -> AttemptEnd {
    let failed = |crash: bool, failure: Failure| AttemptEnd::Failed {
        failure,
        crash,
        code: "failed".into(),
        outputs: BTreeMap::new(),
    };
    let failure = Failure::new("broken", "it is broken");
    match how {
        How::Succeed => {
            AttemptEnd::Succeeded { outputs: BTreeMap::new(), facts: Map::new(), from_cache: false, cache_key: None }
        }
        How::Fail => failed(false, failure),
        How::FailForNow => failed(false, failure.retryable()),
        How::Crash => failed(true, failure),
        How::Stop => AttemptEnd::Cancelled,
    }
}

/// What the agents believe, kept apart from the ledger's own records.
struct World<'a> {
    ledger: &'a dyn Ledger,
    jobs: Vec<JobId>,
    now: i64,
    boots: [u32; 2],
    claims: Vec<(usize, Claim)>,
    /// Claims that neither ended nor were taken away.
    live: BTreeSet<usize>,
    /// Claims whose end was taken in.
    ended: BTreeSet<usize>,
    epochs: BTreeMap<(JobId, TaskKey), Epoch>,
}

impl World<'_> {
    fn agent(&self, agent: usize) -> Agent {
        Agent { name: format!("agent-{agent}"), boot: self.boots[agent].to_string() }
    }

    fn act(&mut self, act: &Act) {
        let now = Timestamp(self.now);
        match act {
            Act::Pass { ms } => self.now += ms,
            Act::Claim { agent } => {
                let pools = BTreeMap::from([("cpu".into(), 1)]);
                let request = ClaimRequest { agent: self.agent(*agent), pools, in_place_of: None, lease_ms: 30_000 };
                if let Some(claim) = self.ledger.claim(&request, now).expect("a claim") {
                    self.take(*agent, claim);
                }
            }
            Act::Finish { claim, how } => self.finish(*claim, *how),
            Act::Heartbeat { claim } => {
                let Some((_, at)) = self.claims.get(*claim) else { return };
                let answer = self.ledger.heartbeat(&at.lease, None, now).expect("a heartbeat");
                assert_eq!(answer == Heartbeat::Lost, !self.live.contains(claim), "{answer:?}");
            }
            Act::Reap => {
                let taken = self.ledger.reap(now).expect("a reaping");
                self.lose(&taken);
            }
            Act::Restart { agent } => {
                self.boots[*agent] += 1;
                let taken = self.ledger.release(&self.agent(*agent), now).expect("a release");
                let held: Vec<_> = self.live.iter().filter(|c| self.claims[**c].0 == *agent).collect();
                assert_eq!(held.len(), taken.len(), "all that the agent held, and no more");
                self.lose(&taken);
            }
            Act::Cancel { job } => self.ask(self.ledger.cancel(self.jobs[*job], "no", now)),
            Act::Retry { job } => self.ask(self.ledger.retry(self.jobs[*job], now)),
        }
    }

    fn take(&mut self, agent: usize, claim: Claim) {
        let lease = &claim.lease;
        let twice = self.live.iter().any(|c| {
            let other = &self.claims[*c].1.lease;
            (other.job, &other.task) == (lease.job, &lease.task)
        });
        assert!(!twice, "{} has two attempts", lease.task);
        let before = self.epochs.insert((lease.job, lease.task.clone()), lease.epoch);
        assert!(before.is_none_or(|e| e < lease.epoch), "an epoch did not grow");
        self.live.insert(self.claims.len());
        self.claims.push((agent, claim));
    }

    fn finish(&mut self, number: usize, how: How) {
        let Some((_, claim)) = self.claims.get(number) else { return };
        let answer = self.ledger.finish(&claim.lease, &end(how), Timestamp(self.now)).expect("a finish");
        if self.live.remove(&number) {
            assert!(matches!(answer, Finished::Applied { .. }), "{answer:?}");
            self.ended.insert(number);
        } else if self.ended.contains(&number) {
            assert_eq!(answer, Finished::AlreadyApplied);
        } else {
            assert_eq!(answer, Finished::Fenced);
        }
    }

    fn lose(&mut self, taken: &[spotloom::ledger::Lease]) {
        let claims = &self.claims;
        let before = self.live.len();
        self.live.retain(|c| !taken.contains(&claims[*c].1.lease));
        assert_eq!(before - self.live.len(), taken.len(), "only live leases are taken");
    }

    fn ask(&self, answer: Result<(), LedgerError>) {
        assert!(matches!(answer, Ok(()) | Err(LedgerError::Refused(_))), "{answer:?}");
    }

    fn check(&self) {
        let counts = self.ledger.counts().expect("counts");
        assert_eq!(counts.tasks_running, self.live.len() as u64);
        for job in self.ledger.jobs(&JobFilter::default()).expect("jobs") {
            let open = job.tasks.ready + job.tasks.running + job.tasks.waiting;
            assert_eq!(job.finished, open == 0, "{job:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_acts_breaks_a_ledger(acts in vec(act(), 1..80)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = SqliteLedger::open(folder.path()).expect("a ledger");
        let bench = Bench::new(&ledger, "properties");
        let jobs = (0..3).map(|n| bench.submit(&bench.new_job(&n.to_string(), tasks())).job).collect();
        let mut world = World {
            ledger: &ledger,
            jobs,
            now: bench.now().0,
            boots: [0, 0],
            claims: Vec::new(),
            live: BTreeSet::new(),
            ended: BTreeSet::new(),
            epochs: BTreeMap::new(),
        };
        for act in &acts {
            world.act(act);
            world.check();
        }
        ledger.verify().expect("the tables say what the events say");
    }
}
