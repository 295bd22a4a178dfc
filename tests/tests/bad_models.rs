//! Models that must not be run, through the daemon: each brief that asks for one gets a report that says what is wrong with
//! which file, and the daemon makes the next one.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use spotloom_tests::{TINY, TestStudio, wait_for};

/// A tiny random model of a real family, in the studio.
fn model(studio: &TestStudio, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/diffusion/tests/fixtures/wan-t2v");
    let folder = studio.path(&format!("models/{name}"));
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(source).unwrap().flatten() {
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    edit(&folder, "tiny-wan-t2v", name);
    folder
}

fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("model.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn sha256(path: &Path) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Changes a file, and the contract with it: whoever made the model meant it so.
fn changed(folder: &Path, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(file);
    let (before, mut bytes) = (sha256(&path), fs::read(&path).unwrap());
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    edit(folder, &before, &sha256(&path));
}

fn brief(model: &str) -> String {
    format!(
        "campaign: Bad models\ntitle: {model}\npipeline: social-ad\nbrand: zest\noutputs: [tiny]\n\
         scenes: [{{prompt: sea, seconds: 1}}]\nwith: {{model: {model}, steps: 2, end_card: 0, failed_checks: warn}}\n"
    )
}

#[test]
fn each_is_told_in_its_report_and_the_daemon_goes_on() {
    let studio = TestStudio::example();
    studio.write("pipelines/presets/tiny.yaml", TINY);
    studio.write("spotloom.yaml", "intake: {settle: 0.2, poll: 1}\nlimits: {grace-s: 1, min-free-disk-mb: 1}\n");
    let daemon = studio.serve();
    let outcome = |name: &str, shelf: &str| -> Option<String> {
        let folder = format!("briefs/{shelf}");
        let report = studio.list(&folder).into_iter().find(|f| f.starts_with(name) && f.ends_with("report.txt"))?;
        Some(studio.read(&format!("{folder}/{report}")))
    };
    let check = |name: &str, breaks: &dyn Fn(&Path), told: &[&str]| {
        let folder = model(&studio, name);
        breaks(&folder);
        studio.write(&format!("briefs/{name}.yaml"), &brief(name));
        let report = wait_for(name, Duration::from_secs(120), || {
            assert!(outcome(name, "done").is_none(), "{name} was delivered");
            outcome(name, "failed").or_else(|| outcome(name, "rejected"))
        });
        for words in told {
            assert!(report.contains(words), "{name}: `{words}` is not in\n{report}");
        }
    };
    let remove = |m: &Path| fs::remove_file(m.join("vae_decoder_next.onnx")).unwrap();
    check("missing-file", &remove, &["vae_decoder_next.onnx"]);
    let flip = |m: &Path| {
        let path = m.join("transformer.onnx");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    check("wrong-hash", &flip, &["transformer.onnx", "has the hash"]);
    let outside = |m: &Path| edit(m, "file: transformer.onnx", "file: ../good/transformer.onnx");
    check("outside", &outside, &["../good/transformer.onnx"]);
    let link = |m: &Path| {
        let moved = m.parent().unwrap().join("elsewhere.onnx");
        fs::rename(m.join("transformer.onnx"), &moved).unwrap();
        symlink(moved, m.join("transformer.onnx")).unwrap();
    };
    check("linked", &link, &["transformer.onnx"]);
    check("cut-off", &|m| changed(m, "transformer.onnx", |b| b.truncate(b.len() / 2)), &["transformer.onnx"]);
    let other = |m: &Path| {
        let decoder = fs::read(m.join("vae_decoder_first.onnx")).unwrap();
        changed(m, "transformer.onnx", |b| *b = decoder);
    };
    check("other-ports", &other, &["transformer.onnx", "timestep"]);
    check("broken-contract", &|m| edit(m, "channels: 16", "channels: many"), &["model.yaml", "channels"]);

    // And the next one is made.
    model(&studio, "good");
    studio.write("briefs/good.yaml", &brief("good"));
    wait_for("the good one", Duration::from_secs(180), || {
        assert!(outcome("good", "failed").is_none(), "{}\n{}", outcome("good", "failed").unwrap(), daemon.log());
        outcome("good", "done")
    });
    assert_eq!(daemon.stop(), 0);
}
