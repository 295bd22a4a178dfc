//! Named instants at which the process kills itself, so that tests can prove what survives.
//!
//! `SPOTLOOM_FAILPOINT=<name>:<n>[:before|after]` sends SIGKILL to the own process right before or after (the default)
//! the commit that holds the `n`th occurrence of `<name>`, counted from the start of the process. Names are the kinds
//! of [`Event`] ([`Event::KINDS`]) and, for commits that hold no event, those in [`OTHER_NAMES`]. Unset, it costs one
//! comparison per commit.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{LedgerError, Result};
use crate::job::Event;

/// The variable that sets a failpoint.
pub const FAILPOINT_VARIABLE: &str = "SPOTLOOM_FAILPOINT";

/// Commits that are no events of a job.
pub(super) const OTHER_NAMES: [&str; 4] = ["heartbeat", "intake", "cache", "log"];

#[derive(Debug)]
pub(super) struct Failpoint {
    name: &'static str,
    at: u64,
    before: bool,
    seen: AtomicU64,
}

impl Failpoint {
    /// The failpoint that the environment asks for.
    pub(super) fn from_environment() -> Result<Option<Self>> {
        std::env::var(FAILPOINT_VARIABLE).ok().filter(|v| !v.is_empty()).map(|v| Self::parse(&v)).transpose()
    }

    fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            let names: Vec<_> = Event::KINDS.iter().chain(&OTHER_NAMES).copied().collect();
            LedgerError::BadFailpoint(format!(
                "{FAILPOINT_VARIABLE}={text}: expected NAME:N or NAME:N:before|after, N from 1, NAME one of {}",
                names.join(", ")
            ))
        };
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let name = Event::KINDS.iter().chain(&OTHER_NAMES).find(|n| **n == name).ok_or_else(wrong)?;
        let at = parts.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0).ok_or_else(wrong)?;
        let before = match parts.next() {
            None | Some("after") => false,
            Some("before") => true,
            Some(_) => return Err(wrong()),
        };
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self { name, at, before, seen: AtomicU64::new(0) })
    }

    /// Called before a commit; whether to die after it.
    pub(super) fn before_commit(&self, names: &[&'static str]) -> bool {
        let here = names.iter().filter(|n| **n == self.name).count() as u64;
        let before = self.seen.fetch_add(here, Ordering::Relaxed);
        let hit = before < self.at && self.at <= before + here;
        if hit && self.before {
            die();
        }
        hit
    }
}

/// Ends the process as a power cut would: no destructor runs.
pub(super) fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal is on its way; nothing may happen in between.
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::Failpoint;

    #[test]
    fn a_failpoint_is_a_name_a_number_and_a_side() {
        let cases = [
            ("task-started:1", Some(("task-started", 1, false))),
            ("job-accepted:12:before", Some(("job-accepted", 12, true))),
            ("heartbeat:3:after", Some(("heartbeat", 3, false))),
            ("task-started", None),
            ("task-started:0", None),
            ("task-started:1:during", None),
            ("task-started:1:after:x", None),
            ("no-such-event:1", None),
        ];
        for (text, expected) in cases {
            let got = Failpoint::parse(text).ok().map(|f| (f.name, f.at, f.before));
            assert_eq!(got, expected, "{text}");
        }
    }
}
