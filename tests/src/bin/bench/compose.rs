//! Composing alone against FFmpeg's overlay filter, with the same layers in the same run. The program that measures is an
//! example of the plugin, since nothing but the plugin may link it.

use std::process::Command;

use serde_json::Value;
use spotloom_tests::build;

use crate::report::Report;

pub fn overlay(report: &mut Report) {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let args = ["run", "--release", "--locked", "-q", "-p", "spotloom-compose", "--example", "overlay"];
    let done = Command::new(cargo).args(args).current_dir(build::root()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let figures: Value = serde_json::from_slice(&done.stdout).unwrap();
    let get = |side: &str, name: &str| figures[side][name].as_f64().unwrap_or(f64::NAN);
    let ratio = |name: &str| figures[name].as_f64().unwrap_or(f64::NAN);
    let how = format!("1080p, 8 layers, all moving, {} threads, best of 4 in turns", figures["threads"]);
    let theirs = "FFmpeg's overlay filter, the same layers";
    report.add("composing only", get("compose", "fps"), "frames/s", how.clone());
    report.add(theirs, get("ffmpeg", "fps"), "frames/s", how.clone());
    report.judge("time for a frame, ours / FFmpeg's", 1.0 / ratio("ratio"), "", 1.0, "goal: at least as fast");
    let cpu = format!(
        "{:.0} frames per second of CPU against {:.0}",
        get("compose", "fps-per-cpu"),
        get("ffmpeg", "fps-per-cpu")
    );
    report.judge("CPU for a frame, ours / FFmpeg's", 1.0 / ratio("ratio-cpu"), "", 1.0, cpu);
    let grow =
        format!("all layers growing and shrinking; {:.0} frames per second of CPU", get("growing", "fps-per-cpu"));
    report.add("composing only, layers that grow", get("growing", "fps"), "frames/s", grow);
}
