//! How a run ended: the whole space of what a child process can do, and what people read of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use spotloom_plugin_api::protocol::LoadFailure;
use spotloom_plugin_api::{Failure, Output};

use super::child::EXIT_CHANNEL_LOST;

/// How a run ended, with what the process printed.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    pub kind: EndKind,
    /// The plugin's id, for messages.
    pub plugin: String,
    /// The last 4 KiB of what the process printed during this run, on either output.
    pub stderr_tail: String,
    /// The host process, when there was one.
    pub pid: Option<u32>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum EndKind {
    /// The plugin says it is done.
    Succeeded { outputs: BTreeMap<String, Vec<Output>>, facts: Map<String, Value> },
    /// The plugin says it failed, and why.
    Failed(Failure),
    /// The plugin says that the job must not go on with what it was given; the files show why.
    Refused { failure: Box<Failure>, outputs: BTreeMap<String, Vec<Output>>, facts: Map<String, Value> },
    /// Ended because it was asked to, by itself or by force.
    Cancelled,
    /// It ran longer than its timeout.
    TimedOut { after: Duration },
    /// The plugin said nothing for longer than its stall timeout.
    Stalled { silent_for: Duration },
    /// It wanted more memory than its limit (`Some`, in bytes) or than the machine had (`None`).
    OutOfMemory { limit: Option<u64> },
    /// A signal ended the process, and it was not ours.
    Killed { signal: i32, core: bool },
    /// The process exited without saying how the run ended; code 0 is no exception.
    Exited { code: i32 },
    /// The plugin could not be loaded.
    LoadFailed { code: LoadFailure, message: String },
    /// The plugin broke the rules of the boundary.
    Violation { message: String },
    /// No host process could be started; says nothing about the plugin.
    HostUnavailable { message: String },
}

impl RunEnd {
    /// kebab-case, stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.kind {
            EndKind::Succeeded { .. } => "succeeded",
            EndKind::Failed(_) => "failed",
            EndKind::Refused { .. } => "refused",
            EndKind::Cancelled => "cancelled",
            EndKind::TimedOut { .. } => "timed-out",
            EndKind::Stalled { .. } => "stalled",
            EndKind::OutOfMemory { .. } => "out-of-memory",
            EndKind::Killed { .. } => "killed",
            EndKind::Exited { .. } => "exited",
            EndKind::LoadFailed { .. } => "load-failed",
            EndKind::Violation { .. } => "protocol-violation",
            EndKind::HostUnavailable { .. } => "host-unavailable",
        }
    }

    /// Whether the plugin took its process down or had to be taken down for breaking the rules. Counts towards
    /// quarantine; failures, timeouts and cancellations do not.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        matches!(
            self.kind,
            EndKind::OutOfMemory { .. } | EndKind::Killed { .. } | EndKind::Exited { .. } | EndKind::Violation { .. }
        )
    }

    /// What people are told of a run that did not succeed.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let plugin = &self.plugin;
        match &self.kind {
            EndKind::Failed(failure) => failure.clone(),
            EndKind::Refused { failure, .. } => failure.as_ref().clone(),
            // Not to be asked after a success; answered truthfully all the same.
            EndKind::Succeeded { .. } => Failure::new(self.code(), format!("`{plugin}` succeeded")),
            EndKind::Cancelled => Failure::new(self.code(), "cancelled"),
            EndKind::TimedOut { after } => {
                Failure::new(self.code(), format!("`{plugin}` was not done after {} and was ended", span(*after)))
                    .hint("if it needs that long, raise `timeout:` of this stage in the pipeline")
                    .retryable()
            }
            EndKind::Stalled { silent_for } => Failure::new(
                self.code(),
                format!("`{plugin}` gave no sign of life for {} and was ended", span(*silent_for)),
            )
            .hint("if it is only slow, raise `stall-timeout:` of this stage in the pipeline")
            .retryable(),
            EndKind::OutOfMemory { limit: Some(bytes) } => Failure::new(
                self.code(),
                format!("`{plugin}` needed more memory than its limit of {} MiB", bytes >> 20),
            )
            .hint("raise the memory limit in spotloom.yaml, or ask for a smaller size or a shorter clip"),
            EndKind::OutOfMemory { limit: None } => {
                Failure::new(self.code(), format!("the machine ran out of memory while `{plugin}` ran"))
                    .hint("run fewer tasks at once (`pools:` in spotloom.yaml), or add memory")
                    .retryable()
            }
            EndKind::Killed { signal, core } => {
                let core = if *core { ", core dumped" } else { "" };
                let crash =
                    format!("the process of `{plugin}` died of {}{core}{}", signal_name(*signal), self.last_words());
                let hint = if matches!(*signal, libc::SIGKILL | libc::SIGTERM) { OUTSIDE } else { DEFECT };
                Failure::new(self.code(), crash).hint(hint).retryable()
            }
            EndKind::Exited { code } => {
                let why = if *code == EXIT_CHANNEL_LOST { "; it may have closed the host's descriptors" } else { "" };
                let message = format!(
                    "`{plugin}` ended its process with exit code {code} in the middle of the run{why}{}",
                    self.last_words()
                );
                Failure::new(self.code(), message).hint(DEFECT).retryable()
            }
            EndKind::LoadFailed { code, message } => Failure::new(self.code(), message.clone()).hint(match code {
                LoadFailure::HashMismatch => {
                    "if you changed this plugin yourself, look at it and run `spotloom plugins trust`"
                }
                LoadFailure::WrongAbi => "build the plugin against the plugin SDK of this version of Spotloom",
                LoadFailure::NoEntry => "a plugin ends with `export_stage!(…)` and is built as a `cdylib`",
                LoadFailure::NotALibrary => "run `spotloom doctor`: a system library it needs may be missing",
            }),
            EndKind::Violation { message } => {
                Failure::new(self.code(), format!("`{plugin}` broke the rules of the plugin boundary: {message}"))
                    .hint(DEFECT)
            }
            EndKind::HostUnavailable { message } => {
                Failure::new(self.code(), format!("no process could be started for `{plugin}`: {message}"))
                    .hint("run `spotloom doctor`; the machine may be out of processes, memory or descriptors")
                    .retryable()
            }
        }
    }

    /// The last line it printed, which is what native libraries leave behind.
    fn last_words(&self) -> String {
        const LONGEST: usize = 200;
        let Some(line) = self.stderr_tail.lines().rev().map(str::trim).find(|l| !l.is_empty()) else {
            return String::new();
        };
        let mut shown: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        if line.chars().count() > LONGEST {
            shown.push('…');
        }
        format!("; the last it printed: {shown}")
    }
}

const DEFECT: &str = "this is a defect of the plugin, not of the brief; send its author this message and the job's log";

const OUTSIDE: &str =
    "something outside Spotloom ended the process: a person, a service manager, or a container's memory limit";

fn span(duration: Duration) -> String {
    let s = duration.as_secs_f64();
    match s {
        ..10.0 => format!("{s:.1} s"),
        ..120.0 => format!("{s:.0} s"),
        ..7200.0 => format!("{:.0} min", s / 60.0),
        _ => format!("{:.1} h", s / 3600.0),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGILL => "SIGILL (an illegal instruction)",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT (it gave up by itself)",
        libc::SIGBUS => "SIGBUS (memory that is not there)",
        libc::SIGFPE => "SIGFPE (an impossible calculation)",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV (a wrong address)",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU (the CPU time limit)",
        libc::SIGXFSZ => "SIGXFSZ (the file size limit)",
        libc::SIGSYS => "SIGSYS (a forbidden system call)",
        other => return format!("signal {other}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the producer reads, for every way a run can end.
    #[test]
    fn every_end_reads_well() {
        let tail = "loading model\nterminate called after throwing an instance of 'std::runtime_error'\n\n";
        let kinds = [
            EndKind::Cancelled,
            EndKind::TimedOut { after: Duration::from_secs(3600) },
            EndKind::Stalled { silent_for: Duration::from_millis(2500) },
            EndKind::OutOfMemory { limit: Some(512 << 20) },
            EndKind::OutOfMemory { limit: None },
            EndKind::Killed { signal: 11, core: false },
            EndKind::Killed { signal: 6, core: true },
            EndKind::Killed { signal: 9, core: false },
            EndKind::Killed { signal: 40, core: false },
            EndKind::Exited { code: 0 },
            EndKind::Exited { code: 74 },
            EndKind::LoadFailed { code: LoadFailure::HashMismatch, message: "x.so has changed".into() },
            EndKind::Violation { message: "`run` returned without saying how the run ended".into() },
            EndKind::HostUnavailable { message: "Resource temporarily unavailable (os error 11)".into() },
        ];
        let mut text = String::new();
        for kind in kinds {
            let end = RunEnd { kind, plugin: "compose".into(), stderr_tail: tail.into(), pid: Some(1) };
            let failure = end.failure();
            let retry = if failure.retryable { " (retryable)" } else { "" };
            let crash = if end.is_crash() { " (crash)" } else { "" };
            text.push_str(&format!("{}{retry}{crash}: {}\n", failure.code, failure.message));
            if let Some(hint) = failure.hint {
                text.push_str(&format!("    hint: {hint}\n"));
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_plugins_own_words_are_kept() {
        let said = Failure::new("bad-media", "no picture").hint("look").retryable();
        let kind = EndKind::Failed(said.clone());
        let end = RunEnd { kind, plugin: "p".into(), stderr_tail: String::new(), pid: None };
        assert_eq!(end.failure(), said);
    }
}
