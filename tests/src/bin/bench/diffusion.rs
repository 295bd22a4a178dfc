//! A denoising step of the runtime against the same step in Python: ONNX Runtime on the same files, and the reference
//! (PyTorch, diffusers) on the same weights. Rounds alternate, so that all three meet the same neighbours.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spotloom_tests::build;

use crate::levers::merged;
use crate::report::{Report, quantile};

/// As long as those of an ad and of a model's authors are: 146 and 107 tokens of the 512 that a Wan pads them to.
const PROMPT: &str = "A chilled can of sparkling orange on wet black slate at golden hour, drops run down the metal, slow push \
    in, soft rim light, shallow depth of field, advertising photography";
const NEGATIVE: &str = "blurry, low quality, distorted, overexposed, static, subtitles, watermark, extra limbs, cluttered \
    background, jpeg artefacts";
const STEPS: usize = 5;
pub const THREADS: usize = 2;
const ROUNDS: usize = 3;

/// The Python that has what the exporter needs.
pub fn python() -> PathBuf {
    let root = build::root();
    let python = std::env::var_os("BENCH_PYTHON").map_or_else(|| root.join(".deps/bench/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "{} is not there: run `.ci/setup bench`, which fetches PyTorch and diffusers (several GB), or name a Python \
         that has export/requirements.txt in BENCH_PYTHON",
        python.display()
    );
    python
}

fn work() -> PathBuf {
    build::root().join("target/bench-wan-768x512")
}

/// The folder of a Wan of about 100 million random weights, made once.
pub fn wan(python: &Path) -> PathBuf {
    let model = work().join("model");
    if !model.join("model.yaml").exists() {
        eprintln!("bench: making a Wan of about 100 million random weights");
        last_line(exporter(python, "bench").arg("make").arg(work()));
    }
    model
}

pub fn measure(report: &mut Report) {
    let (root, python) = (build::root(), python());
    let model = wan(&python);
    let tiny = root.join("plugins/diffusion/tests/fixtures/wan-t2v");
    let (mut ours, mut asleep, mut small) = (Vec::new(), Vec::new(), Vec::new());
    let (mut onnx, mut torch, mut products) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("bench: denoising, round {round} of {ROUNDS}");
        small.extend(wall(&tiny, 20));
        ours.extend(wall(&model, STEPS));
        asleep.extend(seconds(&steps(&model, STEPS, THREADS, &options(&json!({"session": {"spinning": false}})))));
        onnx.extend(reference(&python, "onnxruntime"));
        torch.extend(reference(&python, "torch"));
        products.extend(reference(&python, "products"));
    }
    let [ours, asleep, onnx, torch, products] = [&ours, &asleep, &onnx, &torch, &products].map(|s| quantile(s, 0.5));
    let note = format!("median of {ROUNDS} rounds of {} steps, two calls each; {THREADS} threads", STEPS - 1);
    report.add("denoising step of the tiny Wan", quantile(&small, 0.5) * 1000.0, "ms", "the fixture wan-t2v");
    report.add("denoising step, Wan of 100 M weights", ours, "s", note);
    report.judge("the same / ONNX Runtime in Python", ours / onnx, "times", 1.02, format!("{onnx:.3} s there"));
    let note = "`session: {spinning: false}`; those of Python spin, and ours by default";
    report.add("with threads that sleep / ONNX Runtime in Python", asleep / onnx, "times", note);
    report.judge("the same / diffusers on PyTorch", ours / torch, "times", 0.8, format!("{torch:.3} s there"));
    let note = format!("{products:.3} s by PyTorch in f32: its step if all else cost nothing");
    report.add("products of matrices alone / diffusers on PyTorch", products / torch, "times", note);
}

/// Seconds of the steps of a shot.
fn wall(model: &Path, count: usize) -> Vec<f64> {
    seconds(&steps(model, count, THREADS, &options(&json!({}))))
}

fn options(more: &Value) -> Value {
    merged(&json!({"first-frame": true, "prompt": PROMPT, "negative": NEGATIVE}), more)
}

/// What the example `steps` says of a shot.
pub fn steps(model: &Path, count: usize, threads: usize, options: &Value) -> Value {
    let program = build::root().join("target/release/examples/steps");
    last_line(Command::new(program).arg(model).args([count.to_string(), threads.to_string(), options.to_string()]))
}

/// Without the first step, like ours.
fn reference(python: &Path, with: &str) -> Vec<f64> {
    let numbers = ["--steps", &STEPS.to_string(), "--threads", &THREADS.to_string(), "--prompts", PROMPT, NEGATIVE];
    let mut command = exporter(python, "bench");
    seconds(&last_line(command.arg("time").arg(work()).args(["--with", with]).args(numbers))).split_off(1)
}

/// A module of the exporter.
pub fn exporter(python: &Path, module: &str) -> Command {
    let mut command = Command::new(python);
    command.arg("-m").arg(format!("spotloom_export.{module}"));
    command.current_dir(build::root().join("plugins/diffusion/export"));
    command
}

fn seconds(document: &Value) -> Vec<f64> {
    document["seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect()
}

/// What a program prints last, as JSON.
fn last_line(command: &mut Command) -> Value {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&done.stdout);
    let last = text.lines().next_back().and_then(|line| serde_json::from_str(line).ok());
    last.unwrap_or_else(|| panic!("{command:?}:\n{text}\n{}", String::from_utf8_lossy(&done.stderr)))
}
