//! A denoising step of the runtime against the same step in Python: ONNX Runtime on the same files, and the reference
//! (PyTorch, diffusers) on the same weights. Rounds alternate, so that all three meet the same neighbours.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spotloom_tests::build;

use crate::report::{Report, quantile};

const STEPS: usize = 5;
const THREADS: usize = 2;
const ROUNDS: usize = 3;

pub fn measure(report: &mut Report) {
    let root = build::root();
    let python = std::env::var_os("BENCH_PYTHON").map_or_else(|| root.join(".deps/bench/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "{} is not there: run `.ci/setup bench`, which fetches PyTorch and diffusers (several GB), or name a Python \
         that has export/requirements.txt in BENCH_PYTHON",
        python.display()
    );
    let work = root.join("target/bench-wan");
    if !work.join("model/model.yaml").exists() {
        eprintln!("bench: making a Wan of about 100 million random weights");
        json(script(&python, root).arg("make").arg(&work));
    }
    let tiny = root.join("plugins/diffusion/tests/fixtures/wan-t2v");
    let (mut ours, mut onnx, mut torch, mut small) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("bench: denoising, round {round} of {ROUNDS}");
        small.extend(steps(root, &tiny, 20));
        ours.extend(steps(root, &work.join("model"), STEPS));
        onnx.extend(reference(&python, root, &work, "onnxruntime"));
        torch.extend(reference(&python, root, &work, "torch"));
    }
    let [ours, onnx, torch] = [&ours, &onnx, &torch].map(|s| quantile(s, 0.5));
    let note = format!("median of {ROUNDS} rounds of {} steps, two calls each; {THREADS} threads", STEPS - 1);
    report.add("denoising step of the tiny Wan", quantile(&small, 0.5) * 1000.0, "ms", "the fixture wan-t2v");
    report.add("denoising step, Wan of 100 M weights", ours, "s", note);
    report.judge("the same / ONNX Runtime in Python", ours / onnx, "times", 1.02, format!("{onnx:.3} s there"));
    report.judge("the same / diffusers on PyTorch", ours / torch, "times", 0.8, format!("{torch:.3} s there"));
}

fn steps(root: &Path, model: &Path, count: usize) -> Vec<f64> {
    let program = root.join("target/release/examples/steps");
    seconds(&json(Command::new(program).arg(model).args([count.to_string(), THREADS.to_string()])))
}

/// Without the first step, like ours.
fn reference(python: &Path, root: &Path, work: &Path, with: &str) -> Vec<f64> {
    let numbers = ["--steps", &STEPS.to_string(), "--threads", &THREADS.to_string()];
    seconds(&json(script(python, root).arg("time").arg(work).args(["--with", with]).args(numbers))).split_off(1)
}

fn script(python: &Path, root: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "spotloom_export.bench"]).current_dir(root.join("plugins/diffusion/export"));
    command
}

fn seconds(document: &Value) -> Vec<f64> {
    document["seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect()
}

/// What a program prints last, as JSON.
fn json(command: &mut Command) -> Value {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&done.stdout);
    let last = text.lines().next_back().and_then(|line| serde_json::from_str(line).ok());
    last.unwrap_or_else(|| panic!("{command:?}:\n{text}\n{}", String::from_utf8_lossy(&done.stderr)))
}
