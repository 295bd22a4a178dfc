//! What the child does to itself before it loads a plugin: descriptors, limits, rights.

use std::fs::File;
use std::io;
use std::os::fd::RawFd;

use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::{io as rio, stdio};

/// The protocol's descriptors start here, out of the way of code that believes it knows what 3 is.
const PROTOCOL_FD_MIN: RawFd = 200;

/// Plenty for FFmpeg and ONNX Runtime, and a leak still ends before it hurts the machine.
const MAX_DESCRIPTORS: u64 = 4096;

/// Of 1000: under memory pressure the kernel takes a host before it takes the daemon.
const OOM_SCORE: &str = "500";

/// Closes every descriptor but 0, 1 and 2: whatever the daemon or its own parent forgot to mark close-on-exec.
#[expect(unsafe_code, reason = "closes descriptors by number")]
pub(super) fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    // Collected first: the listing itself holds a descriptor, which is closed again by then.
    let open: Vec<RawFd> =
        entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).filter(|fd| *fd > 2).collect();
    for fd in open {
        // SAFETY: this is the start of the process; nothing in it owns a descriptor above 2 yet.
        unsafe { rio::close(fd) };
    }
}

/// Moves the protocol from 0 and 1 to high descriptors that no further `exec` inherits. Afterwards standard input is
/// empty and standard output goes where standard error goes: to the log.
pub(super) fn move_protocol() -> io::Result<(File, File)> {
    let high =
        |fd: rustix::fd::BorrowedFd<'_>| -> io::Result<OwnedFd> { Ok(rio::fcntl_dupfd_cloexec(fd, PROTOCOL_FD_MIN)?) };
    let input = high(io::stdin().as_fd())?;
    let output = high(io::stdout().as_fd())?;
    stdio::dup2_stdin(File::open("/dev/null")?)?;
    stdio::dup2_stdout(io::stderr())?;
    Ok((input.into(), output.into()))
}

/// Takes away what a plugin does not need. Returns the level reached, for the log.
pub(super) fn drop_rights(memory_limit: Option<u64>) -> String {
    let mut reached = vec!["own process group".to_owned()];
    if no_new_privileges() {
        reached.push("no new privileges".into());
    }
    // 1 rather than 0: too small for a core file, and the one value that a piped core handler honours as well.
    if limit(Resource::Core, 1) {
        reached.push("no core dumps".into());
    }
    if limit(Resource::Nofile, MAX_DESCRIPTORS) {
        reached.push(format!("{MAX_DESCRIPTORS} descriptors"));
    }
    if let Some(bytes) = memory_limit
        && limit(Resource::As, bytes)
    {
        reached.push(format!("{} MiB of address space", bytes >> 20));
    }
    if std::fs::write("/proc/self/oom_score_adj", OOM_SCORE).is_ok() {
        reached.push("first to go when memory runs out".into());
    }
    reached.push("no sandbox".into());
    reached.join(", ")
}

/// Lowers a limit, soft and hard, to `value`; one that is lower already stays.
fn limit(resource: Resource, value: u64) -> bool {
    let hard = getrlimit(resource).maximum.map_or(value, |hard| hard.min(value));
    setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) }).is_ok()
}

#[expect(unsafe_code, reason = "`prctl` has no safe wrapper among our dependencies' features")]
fn no_new_privileges() -> bool {
    // SAFETY: this option takes plain numbers and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 }
}
