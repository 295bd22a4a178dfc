//! One host process as the daemon sees it: start, signals, death, what it prints.
//!
//! Invariant: a signal is only ever sent while the leader has not been reaped, so that its number can't belong to
//! another process, and nothing of the group is left once [`Host::exit`] is known.

use std::collections::VecDeque;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid};
use spotloom_plugin_api::protocol::{FromHost, MAX_LINE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::lines::{Line, Lines};
use super::plugin_file::PluginFile;
use super::pool::HostOptions;

/// How much of what a host prints is kept.
const TAIL: usize = 4 << 10;

/// Once a host has died (or has closed its channel) the other sign of it comes within this time, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A started host process. Dropping it kills its whole process group.
pub(super) struct Host {
    pub(super) pid: u32,
    /// The plugin is loaded.
    pub(super) ready: bool,
    group: Arc<Group>,
    stdin: ChildStdin,
    lines: Lines<ChildStdout>,
    exit: watch::Receiver<Option<ExitStatus>>,
    tail: Arc<Mutex<VecDeque<u8>>>,
    printing: JoinHandle<()>,
}

/// What came from a host.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(FromHost),
    /// Not the protocol.
    Garbage(String),
    /// The process has ended and all it had to say has been handed on.
    Gone(ExitStatus),
    /// The channel is closed but the process lives on.
    Mute,
}

/// The process group while it may be signalled.
struct Group(Mutex<Option<Pid>>);

impl Group {
    fn signal(&self, signal: Signal) {
        let pid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            // It can only fail when nothing is left of the group, which is what was wanted.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Host {
    /// Starts a process for `plugin`; it has not said anything yet. Must be called within a tokio runtime.
    pub(super) fn start(options: &HostOptions, plugin: &PluginFile, memory_limit: Option<u64>) -> io::Result<Self> {
        let mut command = Command::new(&options.program);
        // What `ps` shows; the program itself may be a path under /proc.
        command.arg0("spotloom");
        command.arg("plugin-host").arg("--plugin").arg(&plugin.path).arg("--sha256").arg(plugin.sha256.as_str());
        if let Some(bytes) = memory_limit {
            command.arg("--memory-limit").arg(bytes.to_string());
        }
        command
            .env_clear()
            .envs(options.environment.iter().map(|(k, v)| (k, v)))
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pid = child.id();
        let group = Arc::new(Group(Mutex::new(Some(Pid::from_child(&child)))));
        let (tell, exit) = watch::channel(None);
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the pipes to the process are missing"));
        };
        let waiter = {
            let group = Arc::clone(&group);
            move || wait(child, &group, &tell)
        };
        if let Err(e) = thread::Builder::new().name(format!("host-{pid}")).stack_size(128 << 10).spawn(waiter) {
            group.signal(Signal::KILL);
            return Err(e);
        }
        // An early return from here on closes `stdin`, and with it the host ends itself.
        let stdin = ChildStdin::from_std(stdin)?;
        let lines = Lines::new(ChildStdout::from_std(stdout)?, MAX_LINE);
        let tail = Arc::new(Mutex::new(VecDeque::with_capacity(TAIL)));
        let printing = tokio::spawn(keep_tail(ChildStderr::from_std(stderr)?, Arc::clone(&tail)));
        Ok(Self { pid, ready: false, group, stdin, lines, exit, tail, printing })
    }

    /// Sends one command, a `ToHost` as JSON.
    ///
    /// # Errors
    /// When the process is gone; [`Host::next`] then says how.
    pub(super) async fn send(&mut self, line: &[u8]) -> io::Result<()> {
        self.stdin.write_all(line).await?;
        self.stdin.write_all(b"\n").await?;
        self.stdin.flush().await
    }

    /// The next thing that comes from the process. Cancel-safe.
    pub(super) async fn next(&mut self) -> Incoming {
        let mut exit = self.exit.clone();
        let line = tokio::select! {
            biased;
            line = self.lines.next() => line,
            status = died(&mut exit) => {
                // What it said before it died may still be on its way. A process that left the group can hold the
                // channel open for ever, hence the limit.
                match timeout(LAST_WORDS, self.lines.next()).await {
                    Ok(Ok(line @ (Line::Full(_) | Line::TooLong))) => Ok(line),
                    Ok(Ok(Line::End) | Err(_)) | Err(_) => return Incoming::Gone(status),
                }
            }
        };
        match line {
            Ok(Line::Full(line)) => match serde_json::from_slice(&line) {
                Ok(message) => Incoming::Message(message),
                Err(e) => Incoming::Garbage(format!("a line that is not the protocol's JSON: {e}")),
            },
            Ok(Line::TooLong) => Incoming::Garbage(format!("a line of more than {MAX_LINE} bytes")),
            Ok(Line::End) | Err(_) => match timeout(LAST_WORDS, died(&mut exit)).await {
                Ok(status) => Incoming::Gone(status),
                Err(_) => Incoming::Mute,
            },
        }
    }

    /// Sends a signal to the whole process group, if it is still there.
    pub(super) fn signal(&self, signal: Signal) {
        self.group.signal(signal);
    }

    /// Kills the group and waits a little for its end. A process stuck in the kernel is left to the waiting thread.
    pub(super) async fn kill(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::KILL);
        timeout(LAST_WORDS * 5, died(&mut self.exit)).await.ok()
    }

    /// Whether it can serve another run: alive, and it said nothing unasked.
    pub(super) fn is_fit(&self) -> bool {
        self.exit.borrow().is_none() && !self.lines.has_leftovers()
    }

    /// Forgets what was printed so far: the next run begins.
    pub(super) fn clear_tail(&self) {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The last of what was printed. `complete` waits for the rest of it, which ends with the process.
    pub(super) async fn tail(&mut self, complete: bool) -> String {
        if complete && !self.printing.is_finished() {
            // Too late is fine: then a process outside the group still holds the pipe.
            let _ = timeout(LAST_WORDS, &mut self.printing).await;
        }
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(tail.make_contiguous()).into_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.printing.abort();
    }
}

/// Waits for the leader's death, ends the rest of the group, reaps, tells. On a thread of its own.
fn wait(mut child: std::process::Child, group: &Group, tell: &watch::Sender<Option<ExitStatus>>) {
    let pid = Pid::from_child(&child);
    // NOWAIT leaves the dead leader in the table, so its number stays taken until the group has been killed.
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
    let mut leader = group.0.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = kill_process_group(pid, Signal::KILL);
    let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
    *leader = None;
    drop(leader);
    // SIGKILL is certain but not instant. Signal 0 only asks; whoever had the number next would not notice.
    let until = Instant::now() + LAST_WORDS;
    while test_kill_process_group(pid).is_ok() && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    // Nobody listens any more when the host was dropped.
    let _ = tell.send(Some(status));
}

async fn died(exit: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    match exit.wait_for(Option::is_some).await.map(|status| *status) {
        Ok(Some(status)) => status,
        // The waiting thread always tells before it goes.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

async fn keep_tail(mut stderr: ChildStderr, tail: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = vec![0; 8 << 10];
    while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&buffer[..n]);
        let excess = tail.len().saturating_sub(TAIL);
        tail.drain(..excess);
    }
}
