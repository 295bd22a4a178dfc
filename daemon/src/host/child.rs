//! The child side: `spotloom plugin-host --plugin PATH --sha256 HEX [--memory-limit BYTES]`.
//!
//! Invariant: descriptors are moved and rights dropped before one byte of the plugin is mapped, and the process never
//! outlives the other end of its standard input.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Signal, getpgrp, getpid, kill_process_group, setpgid};
use spotloom_plugin_api::abi::ABI_VERSION;
use spotloom_plugin_api::protocol::{FromHost, MAX_LINE, ToHost};

use super::confine;
use super::library;
use super::session::Session;

/// The arguments make no sense.
pub const EXIT_USAGE: i32 = 64;
/// The plugin did not load or broke the rules; the message before says how.
pub const EXIT_REFUSED: i32 = 65;
/// The daemon sent something that is not the protocol.
pub const EXIT_DEFECT: i32 = 70;
/// The channel to the daemon is lost, for instance because the plugin closed its descriptor.
pub const EXIT_CHANNEL_LOST: i32 = 74;

/// What the main thread is asked to do, in order.
pub(super) enum Command {
    Describe { generation: u64 },
    Run { generation: u64, request: Vec<u8> },
}

/// Serves one plugin until the input ends. `args` are those after `plugin-host`. Called by `main` before anything else:
/// no runtime, no other thread. Returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> i32 {
    match Args::parse(args).map_err(|m| (EXIT_USAGE, m)).and_then(|args| serve(&args)) {
        Ok(code) => code,
        Err((code, message)) => {
            complain(&message);
            code
        }
    }
}

#[derive(Debug)]
struct Args {
    plugin: PathBuf,
    sha256: String,
    memory_limit: Option<u64>,
}

impl Args {
    fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let (mut plugin, mut sha256, mut memory_limit) = (None, None, None);
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{} needs a value", name.display()))?;
            match name.to_str() {
                Some("--plugin") => plugin = Some(PathBuf::from(value)),
                Some("--sha256") => sha256 = value.into_string().ok(),
                Some("--memory-limit") => {
                    let bytes = value.to_str().and_then(|v| v.parse().ok());
                    memory_limit = Some(bytes.ok_or("--memory-limit needs a number of bytes")?);
                }
                _ => return Err(format!("unknown argument {}", name.display())),
            }
        }
        let usage = "usage: spotloom plugin-host --plugin PATH --sha256 HEX [--memory-limit BYTES]; \
                     the daemon starts this, people do not";
        Ok(Self { plugin: plugin.ok_or(usage)?, sha256: sha256.ok_or(usage)?, memory_limit })
    }
}

fn serve(args: &Args) -> Result<i32, (i32, String)> {
    let failed = |what: &str, e: io::Error| (EXIT_DEFECT, format!("{what}: {e}"));
    // The daemon makes us leader of our group; started by hand we see to it ourselves, since the end kills the group.
    if getpgrp() != getpid() {
        setpgid(None, None).map_err(|e| failed("could not start a process group", e.into()))?;
    }
    // What `top` shows. Only a name: nothing depends on it.
    let _ = std::fs::write("/proc/self/comm", "spotloom-host");
    map_large_blocks();
    confine::close_inherited();
    let (input, output) = confine::move_protocol().map_err(|e| failed("could not set up the channel", e))?;
    let confinement = confine::drop_rights(args.memory_limit);
    let session = Session::install(output);

    // Reads from the start, so that the end of input ends us even while a constructor of the plugin hangs.
    let (queue, commands) = mpsc::channel();
    thread::Builder::new()
        .name("host-reader".into())
        .stack_size(512 << 10)
        .spawn(move || read_commands(input, session, &queue))
        .map_err(|e| failed("could not start the reader thread", e))?;

    let plugin = match library::load(&args.plugin, &args.sha256) {
        Ok(plugin) => plugin,
        Err((code, message)) => {
            session.send(&FromHost::LoadFailed { code, message });
            die(EXIT_REFUSED);
        }
    };
    session.send(&FromHost::Ready { abi_version: ABI_VERSION, confinement });
    for command in commands {
        match command {
            Command::Describe { generation } => session.describe(&plugin, generation),
            Command::Run { generation, request } => {
                session.run(&plugin, generation, &request);
                give_back();
            }
        }
    }
    // The reader kills the process at the end of input and never just returns.
    die(EXIT_DEFECT)
}

/// Blocks as large as frames of video and tensors are mapped one by one, so that each goes back when it is freed. Without
/// this the first that is freed moves the limit up, and the next ones lie scattered in heaps that never shrink.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "`mallopt` has no safe wrapper")]
fn map_large_blocks() {
    // SAFETY: takes any numbers; called before there is another thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 4 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    }
}

#[cfg(not(target_env = "gnu"))]
fn map_large_blocks() {}

/// Gives the memory that a run has freed back to the system: a warm host waits for its next run with what it needs, not
/// with what the last one took at its peak.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "`malloc_trim` has no safe wrapper")]
fn give_back() {
    // SAFETY: takes any padding and is safe to call from any thread at any time.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn give_back() {}

fn read_commands(input: File, session: &'static Session, queue: &mpsc::Sender<Command>) {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line) {
            // End of input: the daemon is gone or wants this host gone.
            Ok(0) | Err(_) => end_group(),
            Ok(_) if line.last() != Some(&b'\n') && line.len() <= MAX_LINE => end_group(),
            Ok(_) if line.len() > MAX_LINE => defect("a command is longer than a line may be"),
            Ok(_) => {}
        }
        let command = match serde_json::from_slice::<ToHost>(&line) {
            Ok(ToHost::Describe) => session.begin(None).map(|generation| Command::Describe { generation }),
            Ok(ToHost::Run { request }) => match serde_json::to_vec(&request) {
                Ok(bytes) => {
                    session.begin(Some(request.run)).map(|generation| Command::Run { generation, request: bytes })
                }
                Err(e) => defect(&format!("a request could not be written: {e}")),
            },
            Ok(ToHost::Cancel { run }) => {
                session.cancel(&run);
                continue;
            }
            Err(e) => defect(&format!("a command could not be read: {e}")),
        };
        match command {
            Some(command) => {
                if queue.send(command).is_err() {
                    end_group();
                }
            }
            None => defect("a command came while another was under way"),
        }
    }
}

fn defect(message: &str) -> ! {
    complain(&format!("defect in the daemon's half of the protocol: {message}"));
    die(EXIT_DEFECT)
}

fn complain(message: &str) {
    // Nothing can be done when even this can't be written.
    let _ = writeln!(io::stderr(), "spotloom plugin-host: {message}");
}

/// Ends the whole process group, this process included.
pub(super) fn end_group() -> ! {
    // The group exists: we are in it. Should it fail nevertheless, at least we go.
    let _ = kill_process_group(getpgrp(), Signal::KILL);
    die(EXIT_CHANNEL_LOST)
}

/// Ends this process at once: no destructors, no exit handlers of the plugin's libraries. The daemon then ends the group.
#[expect(unsafe_code, reason = "`_exit` has no safe wrapper in std")]
pub(super) fn die(code: i32) -> ! {
    // SAFETY: `_exit` takes any number, has no preconditions and does not return.
    unsafe { libc::_exit(code) }
}
