//! Supervises one run on one host: time limits, cancellation, and the one typed end.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use spotloom_plugin_api::protocol::{FromHost, ToHost};
use spotloom_plugin_api::{End, Event, Level, RunRequest};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::end::EndKind;
use super::process::{Host, Incoming};

/// How long and how much a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// For the whole run, loading included.
    pub timeout: Duration,
    /// Between two signs of life of the plugin.
    pub stall_timeout: Duration,
    /// What a run gets to end by itself once it is asked to.
    pub grace: Duration,
    /// Address space of the host process in bytes.
    pub memory_limit: Option<u64>,
    /// Nothing more is known to come for the plugin.
    pub last: bool,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3600),
            stall_timeout: Duration::from_secs(120),
            grace: Duration::from_secs(5),
            memory_limit: None,
            last: false,
        }
    }
}

/// SIGTERM gets this long before SIGKILL, at most; a shorter grace shortens it.
const TERM_GRACE: Duration = Duration::from_secs(2);

/// Progress is passed on this often; in between the newest wins.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// Log lines of one run that are passed on. A plugin that logs in a loop must not fill the ledger.
const MAX_LOG_LINES: u32 = 5_000;

/// How a supervised run ended.
pub(super) struct Driven {
    pub(super) kind: EndKind,
    /// Whether the host is alive, idle and well-behaved.
    pub(super) reusable: bool,
}

enum Phase {
    Running,
    /// Being ended before its time, which is what `verdict` says.
    Ending {
        verdict: EndKind,
        step: Step,
        until: Instant,
    },
}

enum Step {
    Asked,
    Terminated,
    Killed,
}

/// Runs `request`, written as `line`, on `host`, which has been `Ready`. `started` is when the run's time began to count.
pub(super) async fn run(
    host: &mut Host,
    request: &RunRequest,
    line: &[u8],
    limits: &RunLimits,
    started: Instant,
    events: &mpsc::UnboundedSender<Event>,
    cancel: &mut watch::Receiver<bool>,
) -> Driven {
    let oom_kills = kernel_oom_kills();
    let deadline = started + limits.timeout;
    // An error here means that the process is gone or does not read; how it went comes below, from `next`.
    let mut mute = !matches!(timeout_at(deadline, host.send(line)).await, Ok(Ok(())));
    let mut last_sign = Instant::now();
    let mut phase = Phase::Running;
    let mut gate = Gate::new(events);
    loop {
        if mute {
            gate.flush();
            // The channel is closed. If the process is dead as well it says how; if it lives it will not be heard.
            let kind = match phase {
                Phase::Ending { verdict, .. } => verdict,
                Phase::Running => match host.next().await {
                    Incoming::Gone(status) => crash(status, oom_kills),
                    Incoming::Message(FromHost::Violation { message, .. }) => EndKind::Violation { message },
                    _ => EndKind::Violation { message: "it closed the host's channel and went on".into() },
                },
            };
            return Driven { kind, reusable: false };
        }
        let stalled_at = last_sign + limits.stall_timeout;
        let wake = match &phase {
            Phase::Running => deadline.min(stalled_at),
            Phase::Ending { until, .. } => *until,
        };
        let wake = gate.due().map_or(wake, |due| due.min(wake));
        // Time and cancellation come first: a plugin that floods its channel must not outrun its own end.
        tokio::select! {
            biased;
            () = sleep_until(wake) => {
                gate.flush_due();
                let now = Instant::now();
                phase = match phase {
                    Phase::Running if now >= deadline => {
                        ask_to_end(host, request, limits, EndKind::TimedOut { after: limits.timeout }).await
                    }
                    Phase::Running if now >= stalled_at => {
                        ask_to_end(host, request, limits, EndKind::Stalled { silent_for: limits.stall_timeout }).await
                    }
                    Phase::Ending { verdict, step, until } if now >= until => match step {
                        Step::Asked => {
                            host.signal(Signal::TERM);
                            let until = now + TERM_GRACE.min(limits.grace);
                            Phase::Ending { verdict, step: Step::Terminated, until }
                        }
                        Step::Terminated => {
                            host.signal(Signal::KILL);
                            Phase::Ending { verdict, step: Step::Killed, until: now + Duration::from_secs(5) }
                        }
                        // Stuck in the kernel; the thread that waits for it stays.
                        Step::Killed => return Driven { kind: verdict, reusable: false },
                    },
                    other => other,
                };
            }
            () = requested(cancel), if matches!(phase, Phase::Running) => {
                phase = ask_to_end(host, request, limits, EndKind::Cancelled).await;
            }
            incoming = host.next() => match incoming {
                Incoming::Message(FromHost::Event { run, event }) if run == request.run => {
                    last_sign = Instant::now();
                    gate.pass(event);
                }
                Incoming::Message(FromHost::End { run, end }) if run == request.run => {
                    gate.flush();
                    return match phase {
                        // A late result counts as well: only what ran out of time has lost.
                        Phase::Running | Phase::Ending { verdict: EndKind::Cancelled, .. } => {
                            // Once terminated, the signal may still reach it after its end.
                            let reusable = matches!(phase, Phase::Running | Phase::Ending { step: Step::Asked, .. });
                            Driven { kind: end.into(), reusable }
                        }
                        Phase::Ending { verdict, step, .. } => {
                            Driven { kind: verdict, reusable: matches!(step, Step::Asked) }
                        }
                    };
                }
                Incoming::Message(FromHost::Violation { message, .. }) | Incoming::Garbage(message) => {
                    gate.flush();
                    return Driven { kind: EndKind::Violation { message }, reusable: false };
                }
                Incoming::Message(other) => {
                    gate.flush();
                    let message = format!("its host answered with something out of place: {other:?}");
                    return Driven { kind: EndKind::Violation { message }, reusable: false };
                }
                Incoming::Gone(status) => {
                    gate.flush();
                    let kind = match phase {
                        Phase::Running => crash(status, oom_kills),
                        Phase::Ending { verdict, .. } => verdict,
                    };
                    return Driven { kind, reusable: false };
                }
                Incoming::Mute => mute = true,
            },
        }
    }
}

async fn ask_to_end(host: &mut Host, request: &RunRequest, limits: &RunLimits, verdict: EndKind) -> Phase {
    let until = Instant::now() + limits.grace;
    let message = serde_json::to_vec(&ToHost::Cancel { run: request.run.clone() }).unwrap_or_default();
    // If this fails the process is gone or does not read; the steps that follow cover both.
    let _ = timeout_at(until, host.send(&message)).await;
    Phase::Ending { verdict, step: Step::Asked, until }
}

/// Returns once cancellation is requested; never when nobody can request it any more.
pub(super) async fn requested(cancel: &mut watch::Receiver<bool>) {
    if cancel.wait_for(|requested| *requested).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl From<End> for EndKind {
    fn from(end: End) -> Self {
        match end {
            End::Succeeded { outputs, facts } => Self::Succeeded { outputs, facts },
            End::Failed(failure) => Self::Failed(failure),
            End::Refused { failure, outputs, facts } => Self::Refused { failure, outputs, facts },
            End::Cancelled => Self::Cancelled,
        }
    }
}

/// What the death of a host that was not asked to die means.
pub(super) fn crash(status: ExitStatus, oom_kills_before: u64) -> EndKind {
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) if kernel_oom_kills() > oom_kills_before => EndKind::OutOfMemory { limit: None },
        (Some(signal), _) => EndKind::Killed { signal, core: status.core_dumped() },
        (None, code) => EndKind::Exited { code: code.unwrap_or(-1) },
    }
}

/// How often the kernel's out-of-memory killer has struck since the machine started; 0 where it does not say.
pub(super) fn kernel_oom_kills() -> u64 {
    let vmstat = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    vmstat.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

/// Lets events through at a bearable rate.
struct Gate<'a> {
    events: &'a mpsc::UnboundedSender<Event>,
    held: Option<Event>,
    last_progress: Option<Instant>,
    logged: u32,
}

impl<'a> Gate<'a> {
    fn new(events: &'a mpsc::UnboundedSender<Event>) -> Self {
        Self { events, held: None, last_progress: None, logged: 0 }
    }

    fn send(&self, event: Event) {
        // The run goes on when nobody listens to its events any more.
        let _ = self.events.send(event);
    }

    fn pass(&mut self, event: Event) {
        match event {
            Event::Progress { .. } => {
                self.held = Some(event);
                if self.due().is_some_and(|due| due <= Instant::now()) {
                    self.flush();
                }
            }
            Event::Log { .. } => {
                self.logged += 1;
                if self.logged <= MAX_LOG_LINES {
                    self.send(event);
                } else if self.logged == MAX_LOG_LINES + 1 {
                    let message = format!("more than {MAX_LOG_LINES} log lines in one run; the rest is dropped");
                    self.send(Event::Log { level: Level::Warn, message, fields: serde_json::Map::new() });
                }
            }
        }
    }

    /// When the held progress is to go out.
    fn due(&self) -> Option<Instant> {
        self.held.as_ref().map(|_| self.last_progress.map_or_else(Instant::now, |last| last + PROGRESS_INTERVAL))
    }

    fn flush_due(&mut self) {
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Some(event) = self.held.take() {
            self.last_progress = Some(Instant::now());
            self.send(event);
        }
    }
}
