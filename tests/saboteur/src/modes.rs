//! What it can do, good and bad.

use std::hint::black_box;
use std::io::Write;
use std::panic::catch_unwind;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spotloom_plugin_api::RunRequest;
use spotloom_plugin_api::abi::STATUS_OK;

use crate::Host;

/// All modes, for the schema.
pub(crate) const NAMES: &[&str] = &[
    "ok",
    "panic",
    "abort",
    "segfault",
    "stack-overflow",
    "hang",
    "ignore-cancel",
    "heed-cancel",
    "ignore-sigterm",
    "print",
    "huge-event",
    "bad-json",
    "wrong-message",
    "no-end",
    "bad-status",
    "two-ends",
    "event-after-end",
    "late-thread",
    "crash-after-end",
    "exit-0",
    "exit-7",
    "oom",
    "fork-and-hang",
    "fork-and-exit",
    "slow-progress",
    "stall",
    "flood",
    "fail",
    "fail-retryable",
    "fail-times",
    "close-fds",
    "stop-itself",
    "surroundings",
    "shot",
];

const FOREVER: Duration = Duration::from_secs(3600);

/// Does what the request's `mode` says and returns the status.
pub(crate) fn run(request: &RunRequest, host: Host) -> i32 {
    let text = |name: &str| request.params.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("mode") {
        "ok" => host.succeed(&json!({"pid": std::process::id()})),
        "surroundings" => host.succeed(&surroundings()),
        "shot" => shot(request, host),
        "panic" => panic_and_catch(host),
        "abort" => std::process::abort(),
        "segfault" => segfault(),
        "stack-overflow" => {
            black_box(overflow(1));
        }
        "hang" => spin(),
        "ignore-cancel" => thread::sleep(FOREVER),
        "heed-cancel" => heed_cancel(host),
        "ignore-sigterm" => {
            // SAFETY: sets a plain disposition.
            unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
            host.progress(1);
            thread::sleep(FOREVER);
        }
        "print" => print_a_lot(host),
        "huge-event" => host.emit(&json!({
            "type": "event", "event": "log", "level": "info", "message": "x".repeat(2 << 20),
        })),
        "bad-json" => host.emit_raw(b"{\"type\": \"event\", oops"),
        "wrong-message" => host.emit(&json!({"type": "no-such-message"})),
        "no-end" => host.progress(1),
        "bad-status" => {
            host.succeed(&json!({}));
            return 1;
        }
        "two-ends" => {
            host.succeed(&json!({}));
            host.succeed(&json!({}));
        }
        "event-after-end" => {
            host.succeed(&json!({}));
            host.progress(1);
        }
        "late-thread" => {
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(100));
                host.progress(1);
            });
            host.succeed(&json!({"pid": std::process::id()}));
        }
        "crash-after-end" => {
            host.succeed(&json!({}));
            segfault();
        }
        "exit-0" => std::process::exit(0),
        "exit-7" => std::process::exit(7),
        "oom" => eat_memory(),
        "fork-and-hang" => {
            fork(text("file"));
            host.progress(1);
            spin();
        }
        "fork-and-exit" => {
            fork(text("file"));
            std::process::exit(3);
        }
        "slow-progress" => slow_progress(host),
        "stall" => {
            host.progress(1);
            thread::sleep(FOREVER);
        }
        "flood" => loop {
            host.progress(1);
        },
        "fail" => fail(host, false),
        "fail-retryable" => fail(host, true),
        "fail-times" => {
            let times = request.params.get("times").and_then(Value::as_u64).unwrap_or(1);
            if count_up(text("file")) > times { host.succeed(&json!({})) } else { fail(host, true) }
        }
        "close-fds" => {
            for fd in 0..1024 {
                // SAFETY: it is rude, and safe as far as memory goes.
                unsafe { libc::close(fd) };
            }
            host.succeed(&json!({}));
        }
        "stop-itself" => {
            // SAFETY: a signal to ourselves.
            unsafe { libc::raise(libc::SIGSTOP) };
        }
        other => host.end(&json!({
            "end": "failed", "code": "unknown-mode",
            "message": format!("no mode {other:?}; there are {}", NAMES.join(", ")),
        })),
    }
    STATUS_OK
}

/// A clip as a model with bad days makes it: black for some seeds. Notes the seed in `file`.
fn shot(request: &RunRequest, host: Host) {
    let number = |name: &str| request.params.get(name).and_then(Value::as_u64).unwrap_or_default();
    let seed = number("seed") + number("seed-offset");
    let black = request.params.get("black").and_then(Value::as_array).is_some_and(|b| b.contains(&seed.into()));
    if let Some(file) = request.params.get("file").and_then(Value::as_str) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(file);
        // The test counts the lines, and misses this one if it can't be written.
        let _ = log.and_then(|mut log| log.write_all(format!("{seed}\n").as_bytes()));
    }
    let source =
        if black { "color=black:s=320x180:r=30:d=2" } else { "testsrc2=s=320x180:r=30:d=2,eq=contrast=0.4,gblur=2" };
    let path = request.scratch.join("clip.mkv");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv420p10le"])
        .arg(&path)
        .stdin(std::process::Stdio::null())
        .status();
    match made {
        Ok(status) if status.success() => host.end(&json!({
            "end": "succeeded", "facts": {"seed": seed},
            "outputs": {"clip": [{"path": path, "media": "video/x-matroska", "name": format!("shot-{seed}.mkv")}]},
        })),
        other => host.end(&json!({"end": "failed", "code": "no-ffmpeg", "message": format!("ffmpeg: {other:?}")})),
    }
}

fn fail(host: Host, retryable: bool) {
    host.end(&json!({
        "end": "failed", "code": "sabotage", "message": "it was asked to fail", "hint": "ask for something else",
        "retryable": retryable,
    }));
}

fn panic_and_catch(host: Host) {
    if catch_unwind(|| panic!("sabotage")).is_err() {
        host.end(&json!({"end": "failed", "code": "panicked", "message": "it panicked"}));
    }
}

fn segfault() {
    let nowhere: *mut u32 = black_box(std::ptr::without_provenance_mut(8));
    // SAFETY: none; this is the crash that was asked for.
    unsafe { nowhere.write_volatile(1) };
}

#[expect(unconditional_recursion, reason = "until the stack is used up")]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 512]);
    overflow(frame[7] + 1) + black_box(frame)[11]
}

fn spin() {
    let until = Instant::now() + FOREVER;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

fn heed_cancel(host: Host) {
    let mut done = 0;
    while !host.is_cancelled() {
        done += 1;
        host.progress(done);
        thread::sleep(Duration::from_millis(10));
    }
    host.end(&json!({"end": "cancelled"}));
}

fn print_a_lot(host: Host) {
    let line = [b'p'; 1023];
    let mut out = std::io::stdout();
    for _ in 0..1024 {
        // Whether it can be written is not what this is about.
        let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
    }
    let _ = out.write_all(b"{\"from-host\":\"end\"}\nlast words on standard output\n").and_then(|()| out.flush());
    host.succeed(&json!({}));
}

fn eat_memory() {
    let mut eaten = Vec::new();
    loop {
        // Written to, so that it is really there; a limit of the address space ends this long before the machine does.
        eaten.push(black_box(vec![1_u8; 16 << 20]));
    }
}

/// A grandchild without `exec`: it inherits every descriptor and the process group.
fn fork(file: &str) {
    // SAFETY: the child calls nothing but `pause`, which is safe after a fork of a process with threads.
    match unsafe { libc::fork() } {
        0 => loop {
            // SAFETY: no arguments.
            unsafe { libc::pause() };
        },
        pid => {
            // The test reads it; without it the test fails.
            let _ = std::fs::write(file, pid.to_string());
        }
    }
}

fn slow_progress(host: Host) {
    for done in 1..=10 {
        host.progress(done);
        thread::sleep(Duration::from_millis(100));
    }
    host.succeed(&json!({}));
}

fn count_up(file: &str) -> u64 {
    let count = std::fs::read_to_string(file).ok().and_then(|t| t.trim().parse::<u64>().ok()).unwrap_or(0) + 1;
    // A counter that can't be written makes it fail again and again, which the test notices.
    let _ = std::fs::write(file, count.to_string());
    count
}

/// What a plugin can see of the process it runs in.
fn surroundings() -> Value {
    let lines = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let status = lines("/proc/self/status");
    let field = |name: &str| {
        let value = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    };
    let environment: Vec<String> = std::env::vars_os().map(|(n, _)| n.to_string_lossy().into_owned()).collect();
    let descriptors: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .map(|entries| {
            entries
                .filter_map(|e| std::fs::read_link(e.ok()?.path()).ok())
                .map(|target| target.to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    // SAFETY: no arguments.
    let leads_group = unsafe { libc::getpgrp() == libc::getpid() };
    json!({
        "environment": environment,
        "descriptors": descriptors,
        "no-new-privileges": field("NoNewPrivs"),
        "limits": lines("/proc/self/limits"),
        "oom-score-adj": lines("/proc/self/oom_score_adj").trim(),
        "leads-group": leads_group,
        "folder": std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default(),
    })
}
