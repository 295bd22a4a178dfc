//! What a person reads when a model, a shot or a picture is broken. Every case breaks a real copy of the model.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Breaks a copy of the model and gives the failure as a person reads it.
fn broken(breaking: impl FnOnce(&Path)) -> String {
    let folder = support::copied();
    breaking(folder.path());
    failure(folder.path(), &json!({"steps": 1}), |_| ())
}

/// Runs a shot that fails; `change` may damage the shot's file first.
fn failure(model: &Path, params: &Value, change: impl FnOnce(&Path)) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let run = support::shot(model, folder.path(), "sea", params);
    change(&folder.path().join("shot.json"));
    let done = run.run();
    let failure = done.failure();
    let text = format!("{}: {}\nhint: {}\n", failure.code, failure.message, failure.hint.as_deref().unwrap_or("none"));
    let text =
        text.replace(&model.display().to_string(), "MODEL").replace(&folder.path().display().to_string(), "FOLDER");
    // What the model weighs differs from training to training.
    let hash = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let hashes: Vec<String> = text.split([' ', ',']).filter(hash).map(str::to_owned).collect();
    hashes.iter().fold(text, |text, hash| text.replace(hash, "HASH"))
}

/// Changes model.yaml.
fn edit(model: &Path, from: &str, to: &str) {
    let file = model.join("model.yaml");
    let text = fs::read_to_string(&file).expect("the contract");
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replacen(from, to, 1)).expect("the contract");
}

/// Changes a file and puts its new hash into model.yaml, as its author would.
fn rewrite(model: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = model.join(file);
    let mut bytes = fs::read(&path).expect("the file");
    let hash = |bytes: &[u8]| {
        Sha256::digest(bytes).iter().fold(String::new(), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
    };
    let before = hash(&bytes);
    change(&mut bytes);
    edit(model, &before, &hash(&bytes));
    fs::write(path, bytes).expect("the file");
}

#[test]
fn each_broken_model_is_told_apart() {
    let mut report = String::new();
    let mut check = |case: &str, breaking: &dyn Fn(&Path)| {
        let _ = writeln!(report, "# {case}\n{}", broken(breaking));
    };
    check("no contract", &|m| fs::remove_file(m.join("model.yaml")).expect("removed"));
    check("an unknown field", &|m| edit(m, "summary:", "sumary:"));
    check("a wrong type", &|m| edit(m, "frames: 16", "frames: many"));
    check("an unknown family", &|m| edit(m, "family: ambient", "family: sora"));
    check("another version of the contract", &|m| edit(m, "contract: 1", "contract: 2"));
    check("a figure out of range", &|m| edit(m, "fps: 10", "fps: 0"));
    check("a missing component", &|m| edit(m, "vae-encoder:", "vae:"));
    check("a missing file", &|m| fs::remove_file(m.join("vae_decoder.onnx")).expect("removed"));
    check("a path out of the folder", &|m| edit(m, "file: tokenizer.json", "file: ../tokenizer.json"));
    check("a link out of the folder", &|m| {
        fs::remove_file(m.join("tokenizer.json")).expect("removed");
        std::os::unix::fs::symlink(support::model().join("tokenizer.json"), m.join("tokenizer.json")).expect("a link");
    });
    check("a contract that is a link out of the folder", &|m| {
        fs::remove_file(m.join("model.yaml")).expect("removed");
        std::os::unix::fs::symlink(support::model().join("README.md"), m.join("model.yaml")).expect("a link");
    });
    check("several mistakes", &|m| {
        edit(m, "fps: 10", "fps: 0");
        edit(m, "vae-encoder:", "encoder:");
        edit(m, "tokenizer: {", "tokens: {");
    });
    check("several files that are missing or outside", &|m| {
        fs::remove_file(m.join("vae_decoder.onnx")).expect("removed");
        fs::remove_file(m.join("transformer.onnx")).expect("removed");
        edit(m, "file: tokenizer.json", "file: ../tokenizer.json");
    });
    insta::assert_snapshot!("broken_contracts", report);
}

#[test]
fn each_broken_graph_is_told_apart() {
    let mut report = String::new();
    let mut check = |case: &str, breaking: &dyn Fn(&Path)| {
        let _ = writeln!(report, "# {case}\n{}", broken(breaking));
    };
    check("a changed file", &|m| {
        let path = m.join("text_encoder.onnx");
        let mut bytes = fs::read(&path).expect("the file");
        bytes[100_000] ^= 1;
        fs::write(path, bytes).expect("the file");
    });
    check("a file cut short", &|m| rewrite(m, "vae_encoder.onnx", |bytes| bytes.truncate(40_000)));
    check("no tokenizer", &|m| rewrite(m, "tokenizer.json", |bytes| *bytes = b"{}".to_vec()));
    check("the wrong graph", &|m| {
        let contract = fs::read_to_string(m.join("model.yaml")).expect("the contract");
        let line = |role: &str| contract.lines().find_map(|l| l.trim().strip_prefix(role)).expect("a component");
        edit(m, line("vae-decoder"), line("vae-encoder"));
    });
    check("a shape that does not fit", &|m| edit(m, "channels: 24", "channels: 16"));
    check("attributes that do not fit", &|m| edit(m, "[none, in, out]", "[none, in]"));
    check("weights that are not numbers", &|m| {
        rewrite(m, "transformer.onnx", |bytes| bytes[8_000_000..8_004_096].fill(0xff));
    });
    insta::assert_snapshot!("broken_graphs", report);
}

#[test]
fn each_broken_request_is_told_apart() {
    let mut report = String::new();
    let mut check = |case: &str, params: Value, text: Option<&str>| {
        let change = |shot: &Path| {
            if let Some(text) = text {
                fs::write(shot, text).expect("a shot");
            }
        };
        let _ = writeln!(report, "# {case}\n{}", failure(&support::model(), &params, change));
    };
    check("a shot that is no JSON", json!({}), Some("prompt: sea"));
    check("a shot without a prompt", json!({}), Some(r#"{"seconds": 5}"#));
    check("a shot that is too long", json!({"seconds": 500}), None);
    check("a shot that is too short", json!({}), Some(r#"{"prompt": "sea", "seconds": 0.1}"#));
    check("an odd width", json!({"width": 193}), None);
    check("an unknown parameter", json!({"wide": 193}), None);
    check("recordings that the processor can't make", json!({"session": {"cuda-graphs": true}}), None);
    insta::assert_snapshot!("broken_requests", report);
}

#[test]
fn a_broken_picture_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let picture = folder.path().join("can.png");
    fs::write(&picture, "not a picture").expect("a file");
    let done =
        support::shot(&support::model(), folder.path(), "can", &json!({})).input("image", &picture, "image/png").run();
    assert_eq!(done.failure().code, "bad-picture");
    assert!(done.failure().message.starts_with("the picture can.png can't be used"), "{}", done.failure().message);
}
