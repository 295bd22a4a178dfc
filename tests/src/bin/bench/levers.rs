//! What each lever of the stage `diffusion` brings, alone, against the same shot without it: on the embedded model, and on
//! a Wan of about 100 million random weights. CPU time of the denoising; rounds alternate, so that all meet the same
//! neighbours. Pictures are compared too: peak signal to noise ratio of all frames, in decibels of their range.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_tests::build;

use crate::diffusion::{self, THREADS};
use crate::report::{Report, quantile};

const ROUNDS: usize = 3;

/// Name in the table, steps, threads, options of the example `steps`.
type Variant = (&'static str, usize, usize, Value);

pub fn measure(report: &mut Report) {
    let python = diffusion::python();
    let work = build::root().join("target/bench-levers");
    let ambient = copied(&work);
    eprintln!("bench: quantising both models");
    let wan = diffusion::wan(&python);
    for folder in [&ambient, &wan] {
        if !fs::read_to_string(folder.join("model.yaml")).unwrap().contains("transformer-int8") {
            let mut command = diffusion::exporter(&python, "quantise");
            assert!(command.arg(folder).status().unwrap().success(), "{command:?}");
        }
    }

    let finest = frames(&work, "finest");
    diffusion::steps(&ambient, 60, THREADS, &json!({"prompt": PROMPT, "frames": finest}));
    let with = |name, more: Value| (name, 16, THREADS, merged(&json!({"prompt": PROMPT}), &more));
    let fewer = |name, steps| (name, steps, THREADS, json!({"prompt": PROMPT}));
    let variants = [
        with("embedded model, a clip", json!({})),
        fewer("| 12 steps for 16", 12),
        fewer("| 8 steps for 16", 8),
        with("| flow-euler for flow-ab2", json!({"scheduler": "flow-euler"})),
        with("| step-cache: 0.05", json!({"step-cache": 0.05})),
        with("| step-cache: 0.1", json!({"step-cache": 0.1})),
        with("| step-cache: 0.2", json!({"step-cache": 0.2})),
        with("| guidance: 1", json!({"guidance": 1.0})),
        with("| guidance-calls: apart", json!({"guidance-calls": "apart"})),
        with("| weights: int8", json!({"weights": "int8"})),
        with("| session: {spinning: true}", json!({"session": {"spinning": true}})),
        with("| session: {arena: false}", json!({"session": {"arena": false}})),
        with("| session: {prepacking: false}", json!({"session": {"prepacking": false}})),
        ("| one thread", 16, 1, json!({"prompt": PROMPT})),
    ];
    table(report, &ambient, &work, &variants, &finest, "60 steps");

    let base = frames(&work, "wan");
    diffusion::steps(&wan, STEPS, THREADS, &json!({"frames": base}));
    let with = |name, more: Value| (name, STEPS, THREADS, more);
    let variants = [
        with("Wan of 100 M weights, a clip", json!({})),
        with("| step-cache: 0.1 ", json!({"step-cache": 0.1})),
        with("| guidance: 1 ", json!({"guidance": 1.0})),
        with("| guidance-calls: together", json!({"guidance-calls": "together"})),
        with("| weights: int8 ", json!({"weights": "int8"})),
        with("| session: {spinning: false} ", json!({"session": {"spinning": false}})),
        with("| session: {io-binding: true} ", json!({"session": {"io-binding": true}})),
        with("| session: {resident-latents: true} ", json!({"session": {"resident-latents": true}})),
        with("| session: {arena: false} ", json!({"session": {"arena": false}})),
        with("| session: {prepacking: false} ", json!({"session": {"prepacking": false}})),
    ];
    table(report, &wan, &work, &variants, &base, "no lever");

    let done = diffusion::steps(&wan, 1, THREADS, &json!({"shots": 3, "embedding-cache": true, "first-frame": true}));
    let begin = numbers(&done["begin-cpu"]);
    report.add("prompts of a first shot", begin[0], "s", "CPU; an encoder of 85 M weights is loaded and run");
    report.add("| of the next, embedding-cache", quantile(&begin[1..], 0.5), "s", "the same prompts");
}

const PROMPT: &str = "waves at sunset with warm light";
const STEPS: usize = 8;

fn table(report: &mut Report, model: &Path, work: &Path, variants: &[Variant], finest: &Path, than: &str) {
    let mut costs = vec![Vec::new(); variants.len()];
    let mut last = vec![Value::Null; variants.len()];
    for round in 1..=ROUNDS {
        for (index, (name, steps, threads, options)) in variants.iter().enumerate() {
            eprintln!("bench: round {round} of {ROUNDS}: {name}");
            let file = frames(work, &format!("variant-{index}"));
            let done = diffusion::steps(model, *steps, *threads, &merged(options, &json!({"frames": file})));
            costs[index].extend(numbers(&done["denoise-cpu"]));
            last[index] = done;
        }
    }
    let base = quantile(&costs[0], 0.5);
    for (index, (name, ..)) in variants.iter().enumerate() {
        let cpu = quantile(&costs[index], 0.5);
        let near = psnr(&frames(work, &format!("variant-{index}")), finest);
        let skipped = match &last[index]["skipped"] {
            Value::Null => String::new(),
            s => format!("; {} steps left out, error {:.1} %", s["steps"], 100.0 * s["error"].as_f64().unwrap()),
        };
        let near = if near.is_finite() { format!("{near:.1} dB to {than}") } else { format!("the same as {than}") };
        let memory = last[index]["peak-mb"].as_f64().unwrap();
        let note = format!("{cpu:.2} s of CPU; {near}; peak {memory:.0} MB{skipped}");
        match index {
            0 => report.add(name, cpu, "s", note),
            _ => report.add(name, cpu / base, "times", note),
        }
    }
}

/// The embedded model, to be written to.
fn copied(work: &Path) -> PathBuf {
    let (from, to) = (build::root().join("plugins/diffusion/models/ambient-v7"), work.join("ambient"));
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(from).unwrap().flatten() {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    to
}

fn frames(work: &Path, name: &str) -> PathBuf {
    work.join(format!("{name}.f32"))
}

pub fn merged(one: &Value, more: &Value) -> Value {
    let mut all = one.as_object().unwrap().clone();
    all.extend(more.as_object().unwrap().clone());
    all.into()
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Of two files of values from -1 to 1; infinite when they are the same.
fn psnr(one: &Path, other: &Path) -> f64 {
    let read = |path: &Path| -> Vec<f32> {
        let bytes = fs::read(path).unwrap();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).clamp(-1.0, 1.0)).collect()
    };
    let (one, other) = (read(one), read(other));
    assert_eq!(one.len(), other.len());
    let square = one.iter().zip(&other).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / one.len() as f64;
    10.0 * (4.0 / square).log10()
}
