//! Starts hosts, lends them to runs, keeps healthy ones warm.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use spotloom_plugin_api::protocol::{FromHost, MAX_LINE, ToHost};
use spotloom_plugin_api::{Description, Event, Failure, RunRequest};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::drive::{self, Driven, RunLimits};
use super::end::{EndKind, RunEnd};
use super::environment;
use super::plugin_file::PluginFile;
use super::process::{Host, Incoming};
use crate::ids::Sha256;

/// How hosts are started and kept.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The `spotloom` binary; it is started with `plugin-host`.
    pub program: PathBuf,
    /// The whole environment of a host.
    pub environment: Vec<(OsString, OsString)>,
    /// From the start of a process until it has loaded the plugin; also for a whole `describe`.
    pub start_timeout: Duration,
    /// A warm host without work ends after this time.
    pub idle_limit: Duration,
    /// The same where nothing more is known to come for its plugin ([`RunLimits::last`]).
    pub idle_after_last: Duration,
    /// So many warm hosts without work are kept per plugin.
    pub idle_per_plugin: usize,
}

impl HostOptions {
    /// Hosts run `program`, with what is harmless of this process's environment.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            environment: environment::scrub(std::env::vars_os()),
            start_timeout: Duration::from_secs(30),
            idle_limit: Duration::from_secs(60),
            idle_after_last: Duration::from_secs(60),
            idle_per_plugin: 2,
        }
    }

    /// For one job: a plugin that has nothing more to do in it will hardly be asked again, and the encoders that follow can
    /// use the memory at once.
    #[must_use]
    pub fn for_one_job() -> Self {
        Self { idle_after_last: Duration::ZERO, ..Self::default() }
    }
}

/// Hosts run this very binary, even when its file has been replaced since it was started.
impl Default for HostOptions {
    fn default() -> Self {
        Self::new("/proc/self/exe")
    }
}

/// All hosts of a daemon. Cheap to clone; the clones share the hosts.
#[derive(Clone)]
pub struct HostPool(Arc<Inner>);

struct Inner {
    options: HostOptions,
    idle: Mutex<Idle>,
    /// Told when a host was parked that is due earlier than the others.
    earlier: Arc<Notify>,
}

#[derive(Default)]
struct Idle {
    hosts: HashMap<Key, Vec<Parked>>,
    /// Whether a task waits to end those that stay without work.
    watched: bool,
    closed: bool,
}

/// Hosts with the same key are interchangeable.
type Key = (Sha256, Option<u64>);

struct Parked {
    host: Host,
    /// When it has been without work for too long.
    until: Instant,
}

impl HostPool {
    #[must_use]
    pub fn new(options: HostOptions) -> Self {
        Self(Arc::new(Inner { options, idle: Mutex::new(Idle::default()), earlier: Arc::default() }))
    }

    /// Runs `request` in a host of `plugin` and supervises it to its end. Events arrive on `events` while it runs;
    /// progress is thinned out. Set `cancel` to true to end it. When this returns with anything but a reusable host,
    /// no process of the run is left. Dropping the future kills the host.
    pub async fn run(
        &self,
        plugin: &PluginFile,
        request: RunRequest,
        limits: RunLimits,
        events: mpsc::UnboundedSender<Event>,
        mut cancel: watch::Receiver<bool>,
    ) -> RunEnd {
        let started = Instant::now();
        let end = |kind, stderr_tail, pid| RunEnd { kind, plugin: plugin.id.clone(), stderr_tail, pid };
        let line = match encode(&request) {
            Ok(line) => line,
            Err(failure) => return end(EndKind::Failed(failure), String::new(), None),
        };
        let key = (plugin.sha256.clone(), limits.memory_limit);
        let mut host = match self.lend(&key) {
            Some(host) => host,
            None => match self.start(plugin, limits.memory_limit) {
                Ok(host) => host,
                Err(kind) => return end(kind, String::new(), None),
            },
        };
        host.clear_tail();
        let pid = Some(host.pid);
        let driven = match self.make_ready(&mut host, started + limits.timeout, limits.timeout, &mut cancel).await {
            Ok(()) => drive::run(&mut host, &request, &line, &limits, started, &events, &mut cancel).await,
            Err(kind) => Driven { kind, reusable: false },
        };
        if driven.reusable {
            let tail = host.tail(false).await;
            let options = &self.0.options;
            self.park(key, host, if limits.last { options.idle_after_last } else { options.idle_limit }).await;
            return end(driven.kind, tail, pid);
        }
        host.kill().await;
        let tail = host.tail(true).await;
        end(with_memory_limit(driven.kind, &tail, limits.memory_limit), tail, pid)
    }

    /// Asks a plugin what it is, in a host of its own that ends afterwards.
    ///
    /// # Errors
    /// How that host ended.
    pub async fn describe(&self, plugin: &PluginFile) -> Result<Description, Box<RunEnd>> {
        let end = |kind, stderr_tail, pid| Box::new(RunEnd { kind, plugin: plugin.id.clone(), stderr_tail, pid });
        let mut host = match self.start(plugin, None) {
            Ok(host) => host,
            Err(kind) => return Err(end(kind, String::new(), None)),
        };
        let limit = self.0.options.start_timeout;
        let result = tokio::select! {
            result = ask_description(&mut host) => result,
            () = sleep(limit) => Err(EndKind::Stalled { silent_for: limit }),
        };
        host.kill().await;
        match result {
            Ok(description) => Ok(description),
            Err(kind) => {
                let tail = host.tail(true).await;
                Err(end(kind, tail, Some(host.pid)))
            }
        }
    }

    /// Ends all warm hosts; hosts that are at work end when their run does. No host is kept warm afterwards.
    pub async fn shutdown(&self) {
        let hosts = {
            let mut idle = self.0.idle();
            idle.closed = true;
            std::mem::take(&mut idle.hosts)
        };
        for mut parked in hosts.into_values().flatten() {
            parked.host.kill().await;
        }
    }

    /// A warm host that is fit for another run.
    fn lend(&self, key: &Key) -> Option<Host> {
        let mut idle = self.0.idle();
        let parked = idle.hosts.get_mut(key)?;
        // The one parked last is the warmest. Those that have died meanwhile are dropped on the way.
        while let Some(Parked { host, .. }) = parked.pop() {
            if host.is_fit() {
                return Some(host);
            }
        }
        None
    }

    fn start(&self, plugin: &PluginFile, memory_limit: Option<u64>) -> Result<Host, EndKind> {
        Host::start(&self.0.options, plugin, memory_limit)
            .map_err(|e: io::Error| EndKind::HostUnavailable { message: e.to_string() })
    }

    /// Waits until a new host has loaded its plugin; a warm one has done so already.
    async fn make_ready(
        &self,
        host: &mut Host,
        deadline: Instant,
        run_timeout: Duration,
        cancel: &mut watch::Receiver<bool>,
    ) -> Result<(), EndKind> {
        if host.ready {
            return Ok(());
        }
        let limit = self.0.options.start_timeout;
        let start_by = Instant::now() + limit;
        tokio::select! {
            result = ready(host) => result,
            () = drive::requested(cancel) => Err(EndKind::Cancelled),
            () = sleep_until(deadline) => Err(EndKind::TimedOut { after: run_timeout }),
            () = sleep_until(start_by) => Err(EndKind::Stalled { silent_for: limit }),
        }
    }

    async fn park(&self, key: Key, mut host: Host, idle_limit: Duration) {
        {
            let mut idle = self.0.idle();
            let enough = idle.hosts.get(&key).map_or(0, Vec::len) >= self.0.options.idle_per_plugin;
            if !idle.closed && !enough && host.is_fit() {
                let until = Instant::now() + idle_limit;
                let first = idle.hosts.values().flatten().all(|parked| until < parked.until);
                idle.hosts.entry(key).or_default().push(Parked { host, until });
                if !std::mem::replace(&mut idle.watched, true) {
                    tokio::spawn(evict(Arc::downgrade(&self.0), Arc::clone(&self.0.earlier), until));
                } else if first {
                    self.0.earlier.notify_one();
                }
                return;
            }
        }
        host.kill().await;
    }
}

/// Ends hosts that have been without work for too long, and then itself when none is left. One timer for all of them:
/// one for every parking would go off long after the work, run by run, in a daemon that should be asleep.
async fn evict(pool: Weak<Inner>, earlier: Arc<Notify>, mut next: Instant) {
    loop {
        tokio::select! {
            () = sleep_until(next) => {}
            () = earlier.notified() => {}
        }
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.idle();
        let now = Instant::now();
        // Dropping a host ends it.
        idle.hosts.values_mut().for_each(|parked| parked.retain(|p| p.until > now));
        idle.hosts.retain(|_, parked| !parked.is_empty());
        let Some(earliest) = idle.hosts.values().flatten().map(|p| p.until).min() else {
            idle.watched = false;
            return;
        };
        next = earliest;
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the first word of a new host.
async fn ready(host: &mut Host) -> Result<(), EndKind> {
    let oom_kills = drive::kernel_oom_kills();
    match host.next().await {
        Incoming::Message(FromHost::Ready { confinement, .. }) => {
            tracing::debug!(pid = host.pid, confinement, "plugin host is ready");
            host.ready = true;
            Ok(())
        }
        Incoming::Message(FromHost::LoadFailed { code, message }) => Err(EndKind::LoadFailed { code, message }),
        other => Err(out_of_place(other, oom_kills)),
    }
}

async fn ask_description(host: &mut Host) -> Result<Description, EndKind> {
    let oom_kills = drive::kernel_oom_kills();
    ready(host).await?;
    let line = serde_json::to_vec(&ToHost::Describe).unwrap_or_default();
    // An error means that the process is gone; `next` says how.
    let _ = host.send(&line).await;
    match host.next().await {
        Incoming::Message(FromHost::Described { description }) => Ok(*description),
        other => Err(out_of_place(other, oom_kills)),
    }
}

fn out_of_place(incoming: Incoming, oom_kills: u64) -> EndKind {
    match incoming {
        Incoming::Message(FromHost::Violation { message, .. }) | Incoming::Garbage(message) => {
            EndKind::Violation { message }
        }
        Incoming::Message(other) => {
            EndKind::Violation { message: format!("its host answered with something out of place: {other:?}") }
        }
        Incoming::Gone(status) => drive::crash(status, oom_kills),
        Incoming::Mute => EndKind::Violation { message: "it closed the host's channel and went on".into() },
    }
}

fn encode(request: &RunRequest) -> Result<Vec<u8>, Failure> {
    let line = serde_json::to_vec(&ToHost::Run { request: Box::new(request.clone()) })
        .map_err(|e| Failure::new("bad-request", format!("the request could not be written: {e}")))?;
    if line.len() >= MAX_LINE {
        return Err(Failure::new(
            "request-too-large",
            format!("the parameters and inputs of this task take {} bytes; the limit is {MAX_LINE}", line.len()),
        )
        .hint("hand large data over as a file"));
    }
    Ok(line)
}

/// Under a memory limit an allocator that gets nothing more gives up with SIGABRT and says so in its last words.
fn with_memory_limit(kind: EndKind, tail: &str, limit: Option<u64>) -> EndKind {
    const SAYS_SO: &[&str] = &["memory allocation of", "bad_alloc", "Cannot allocate memory", "out of memory"];
    match kind {
        EndKind::Killed { signal: libc::SIGABRT, .. }
            if limit.is_some() && SAYS_SO.iter().any(|s| tail.contains(s)) =>
        {
            EndKind::OutOfMemory { limit }
        }
        other => other,
    }
}
