//! What the kernel says about a process.

use std::fs;

/// Milliseconds per clock tick. Linux shows all times to programs in hundredths of a second, whatever its own clock.
/// They are cut off, not sampled: over enough work the tick is not what limits the figure.
const TICK_MS: f64 = 10.0;

/// Fields of `/proc/PID/stat` after the name, which may hold anything; the first is the state.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

fn sum_ms(fields: &[String], which: std::ops::Range<usize>) -> f64 {
    fields[which].iter().map(|f| f.parse::<f64>().unwrap_or_default()).sum::<f64>() * TICK_MS
}

/// Whether a process is there and not only waiting for its parent to read how it ended.
pub fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields.first().is_none_or(|state| state != "Z"))
}

/// Processes whose parent is `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|p| stat(*p).is_some_and(|s| s[1] == pid.to_string())).collect()
}

/// The CPU time, user and system, that a process alone has taken, in milliseconds.
pub fn own_cpu(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |s| sum_ms(&s, 11..13))
}

/// The CPU time of a process alone, to the nanosecond, as long as none of its threads has ended.
fn fine_cpu(pid: u32) -> Option<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let of = |text: String| text.split(' ').next()?.parse::<f64>().ok();
    threads.map(|t| of(fs::read_to_string(t.path().join("schedstat")).ok()?)).sum::<Option<f64>>().map(|ns| ns / 1e6)
}

/// The CPU time of a process, of the children it has reaped, and of those that live. The living are looked at closely:
/// a host may live for one stage, and a tick is more than that takes.
pub fn cpu(pid: u32) -> f64 {
    let living: f64 = children(pid).into_iter().map(|p| fine_cpu(p).unwrap_or_else(|| own_cpu(p))).sum();
    living + stat(pid).map_or(0.0, |s| sum_ms(&s, 11..15))
}

/// The CPU time of the children that a process has reaped, and of theirs. What it took itself, for measuring, is not in it.
pub fn reaped(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |s| sum_ms(&s, 13..15))
}

/// The most memory a process has had, in megabytes.
pub fn peak_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() * 1024.0 / 1e6
}

/// Memory of a process and all below it, in megabytes; pages that they share are counted once.
pub fn tree_mb(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = rollup.lines().find_map(|l| l.strip_prefix("Pss:")).unwrap_or_default();
    let own = pss.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() * 1024.0 / 1e6;
    own + children(pid).into_iter().map(tree_mb).sum::<f64>()
}

/// Descriptors a process has open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Ends the plugin hosts of a daemon whose command line names `plugin`, and waits until they are gone.
pub fn kill_hosts(daemon: u32, plugin: &str) {
    for pid in children(daemon) {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(plugin) {
            let _ = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            spotloom_tests::wait_for("a host to go", std::time::Duration::from_secs(5), || {
                (!children(daemon).contains(&pid)).then_some(())
            });
        }
    }
}

/// The machine in one line.
pub fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": ")).map_or("", |m| m.1);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().trim_end_matches(" kB").parse().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{model}, {cores} cores, {:.0} GB of memory, Linux {}, load before the start {}",
        memory.unwrap_or(0.0) * 1024.0 / 1e9,
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}
