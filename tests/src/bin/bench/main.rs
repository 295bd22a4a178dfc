//! What the machinery costs: `make bench`, or with `ARGS="--jobs 1000 --json"`. `ARGS=--diffusion` times the denoising
//! loop against Python instead, `ARGS=--levers` what each way to spend less brings, `ARGS=--film` makes a minute of film,
//! `ARGS=--masters` the reference ad against one FFmpeg graph and MoviePy (`--rounds 1` for
//! a first look), and what a changed headline costs.
//!
//! Stages that do nothing are run through the installed daemon, so that all that is left is the daemon, the host
//! processes and the disk. Costs are CPU time, user and system, of the daemon and all its hosts, from the kernel's own
//! accounts; the start of a process is measured in the same run, as the yardstick. Nothing fails here: it is a
//! measurement, and on a busy machine times on the clock say more about the machine.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: it prints figures, and panics when it can't"
)]

mod again;
mod compose;
mod diffusion;
mod film;
mod length;
mod levers;
mod masters;
mod proc;
mod report;
mod site;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use report::{Report, quantile};
use site::{SETTLE, Site, at, millis};
use spotloom_tests::build;

const USAGE: &str =
    "usage: bench [--jobs N | --diffusion | --levers | --film | --compose | --masters [--rounds N]] [--json]";

#[derive(Default)]
struct Options {
    jobs: usize,
    rounds: usize,
    diffusion: bool,
    levers: bool,
    film: bool,
    compose: bool,
    masters: bool,
    json: bool,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut report = Report::new(proc::machine());
    if options.diffusion {
        diffusion::measure(&mut report);
    } else if options.levers {
        levers::measure(&mut report);
    } else if options.film {
        film::measure(&mut report);
    } else if options.compose {
        compose::overlay(&mut report);
        length::measure(&mut report);
    } else if options.masters {
        masters::measure(&mut report, options.rounds);
        again::measure(&mut report);
    } else {
        machinery(&mut report, options.jobs);
    }
    if options.json {
        println!("{}", report.json());
    } else {
        println!("{}", report.table());
    }
    ExitCode::SUCCESS
}

fn machinery(report: &mut Report, jobs: usize) {
    let say = |what: &str| eprintln!("bench: {what}");
    say("starting processes, the yardstick");
    spawns(report);
    let mut site = Site::start();
    // The first runs read programs and plugins from the disk.
    site.one("many");
    say("stages");
    stages(report, &mut site);
    say("from drop to start");
    latency(report, &mut site);
    say("20 s of nothing");
    idle(report, &site);
    report.add("memory of a warm trivial host", host_memory(&site), "MB", "peak resident");
    say("many jobs");
    let mut site = Site::start();
    throughput(report, &mut site, jobs);
}

fn options() -> Option<Options> {
    let mut options = Options { jobs: 200, rounds: 3, ..Options::default() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => options.json = true,
            "--compose" => options.compose = true,
            "--diffusion" => options.diffusion = true,
            "--levers" => options.levers = true,
            "--film" => options.film = true,
            "--masters" => options.masters = true,
            "--rounds" => options.rounds = args.next()?.parse().ok().filter(|n| *n > 0)?,
            "--jobs" => options.jobs = args.next()?.parse().ok().filter(|n| *n > 0)?,
            _ => return None,
        }
    }
    Some(options)
}

/// CPU and clock time to start a program and see it end, in milliseconds each.
fn spawn(program: &Path, args: &[&str], times: u32) -> (f64, f64) {
    let me = std::process::id();
    let (cpu, start) = (proc::cpu(me), Instant::now());
    for _ in 0..times {
        let done = Command::new(program).args(args).stdout(Stdio::null()).status().unwrap();
        assert!(done.success(), "{}", program.display());
    }
    let n = f64::from(times);
    ((proc::cpu(me) - cpu) / n, start.elapsed().as_secs_f64() * 1000.0 / n)
}

fn spawns(report: &mut Report) {
    let (cpu, wall) = spawn(Path::new("/bin/true"), &[], 500);
    report.add(
        "start of /bin/true, CPU",
        cpu,
        "ms",
        format!("mean of 500, parent's share included; {wall:.2} ms wall"),
    );
    let (cpu, wall) = spawn(&build::spotloom(), &["--version"], 200);
    report.add("start of spotloom --version, CPU", cpu, "ms", format!("mean of 200; {wall:.2} ms wall"));
}

/// CPU of `times` jobs of a pipeline, one after the other; per job. It is measured over all of them at once, since what
/// a killed host has taken is known in full only once it is gone.
fn jobs_cpu(site: &mut Site, pipeline: &str, times: u32, mut before: impl FnMut(&Site)) -> (f64, Vec<String>) {
    before(site);
    let cpu = site.cpu();
    let mut names = Vec::new();
    for _ in 0..times {
        names.push(site.one(pipeline).0);
        before(site);
    }
    ((site.cpu() - cpu) / f64::from(times), names)
}

/// From claim to report, as the ledger has it, of the stages in a trivial chain.
fn stage_times(site: &Site, names: &[String]) -> Vec<f64> {
    let tasks = names.iter().flat_map(|n| site.tasks(n));
    tasks.filter(|t| t["uses"] == "trivial").map(|t| at(&t, "ended_at") - at(&t, "started_at")).collect()
}

fn stages(report: &mut Report, site: &mut Site) {
    let (five, _) = jobs_cpu(site, "five", 20, |_| {});
    let (many, names) = jobs_cpu(site, "many", 10, |_| {});
    let per_stage = (many - five) / 20.0;
    report.judge(
        "stage in a warm host, CPU",
        per_stage,
        "ms",
        10.0,
        "daemon and host; jobs of 25 stages less jobs of 5, per stage more",
    );
    let times = stage_times(site, &names);
    let note = format!("claim to report, median of {}; p95 {:.0} ms", times.len(), quantile(&times, 0.95));
    report.add("stage in a warm host, wall", quantile(&times, 0.5), "ms", note);

    let (warm, _) = jobs_cpu(site, "one", 40, |_| {});
    let (cold, names) = jobs_cpu(site, "one", 40, |s| proc::kill_hosts(s.pid(), "libspotloom_trivial"));
    let spawned = per_stage + cold - warm;
    report.judge(
        "stage in a spawned host, CPU",
        spawned,
        "ms",
        10.0,
        "the same and what a job costs more when its host was killed before",
    );
    let times = stage_times(site, &names);
    let note = format!("claim to report, median of {}; p95 {:.0} ms", times.len(), quantile(&times, 0.95));
    report.add("stage in a spawned host, wall", quantile(&times, 0.5), "ms", note);
    report.judge(
        "job of five stages, CPU",
        five,
        "ms",
        50.0,
        "one at a time, mean of 20: intake, plan, five stages, delivery, shelf",
    );
    let peer = report.get("start of /bin/true, CPU");
    report.add("warm stage / start of /bin/true", per_stage / peer, "times", "CPU");
    report.add("spawned stage / start of /bin/true", spawned / peer, "times", "CPU");
}

fn latency(report: &mut Report, site: &mut Site) {
    let mut over = Vec::new();
    for _ in 0..20 {
        let (name, put) = site.one("one");
        let first = site.tasks(&name).iter().map(|t| at(t, "started_at")).fold(f64::INFINITY, f64::min);
        over.push(first - millis(put) - SETTLE.as_secs_f64() * 1000.0);
    }
    let p95 = quantile(&over, 0.95);
    report.judge(
        "drop to start beyond the settle time, median",
        quantile(&over, 0.5),
        "ms",
        100.0,
        "20 drops, one at a time",
    );
    report.judge("drop to start beyond the settle time, p95", p95, "ms", 100.0, "");
}

fn idle(report: &mut Report, site: &Site) {
    // Longer than the daemon's threads for blocking work stay without any.
    std::thread::sleep(Duration::from_secs(12));
    let pid = site.pid();
    let (all, own) = (site.cpu(), proc::own_cpu(pid));
    std::thread::sleep(Duration::from_secs(20));
    let (all, own) = (site.cpu() - all, proc::own_cpu(pid) - own);
    let note = format!("{:.2} % of a core; {own:.0} ms of it in the daemon, counted in ticks of 10 ms", all / 200.0);
    report.add("CPU of an idle daemon with warm hosts, over 20 s", all, "ms", note);
}

fn host_memory(site: &Site) -> f64 {
    proc::children(site.pid()).into_iter().map(proc::peak_mb).fold(0.0, f64::max)
}

fn throughput(report: &mut Report, site: &mut Site, jobs: usize) {
    let (cpu, start) = (site.cpu(), Instant::now());
    for _ in 0..jobs {
        site.put("five");
    }
    let mut descriptors = 0;
    let mut hosts = 0;
    site.wait(Duration::from_millis(200), |pid| {
        descriptors = descriptors.max(proc::descriptors(pid));
        hosts = hosts.max(proc::children(pid).len());
    });
    let seconds = start.elapsed().as_secs_f64();
    let each = (site.cpu() - cpu) / jobs as f64;
    report.add(
        "jobs at once",
        jobs as f64,
        "",
        "five trivial stages and one delivery each; all dropped, then waited for",
    );
    report.add("jobs at once, done in", seconds, "s", format!("{:.0} tasks a second", jobs as f64 * 6.0 / seconds));
    report.add("jobs a second", jobs as f64 / seconds, "", "");
    report.judge("jobs at once, CPU per job", each, "ms", 50.0, "daemon and hosts");
    let note = format!("peak resident, after {jobs} jobs");
    report.judge("memory of the daemon", proc::peak_mb(site.pid()), "MB", 40.0, note);
    report.add("descriptors of the daemon", descriptors as f64, "", format!("the most seen; {hosts} hosts at most"));
}
