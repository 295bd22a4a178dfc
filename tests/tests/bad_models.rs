//! Models that must not be run, through the daemon: each brief that asks for one gets a report that says what is wrong with
//! which file, nothing is delivered, and the daemon makes the next one. That none of them gets as far as its first step, but
//! for weights that are not numbers, the stage's own tests show.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use spotloom_tests::{TINY, TestStudio, wait_for};

/// Files of the stage's tests.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/diffusion/tests/fixtures").join(name)
}

/// A tiny random model of a real family, in the studio; its transformer's weights are in a file of their own.
fn model(studio: &TestStudio, name: &str) -> PathBuf {
    let folder = studio.path(&format!("models/{name}"));
    fs::create_dir_all(&folder).unwrap();
    for source in ["wan-t2v", "external"] {
        for file in fs::read_dir(fixture(source)).unwrap().flatten() {
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    edit(&folder, "tiny-wan-t2v", name);
    let [graph, weights] = ["transformer.onnx", "weights.data"].map(|file| sha256(&folder.join(file)));
    let with_data = format!("{graph}, data: [{{file: weights.data, sha256: {weights}}}]");
    edit(&folder, &sha256(&fixture("wan-t2v/transformer.onnx")), &with_data);
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

/// Puts bytes in the place of others that are as many, so that the lengths around them stay right.
fn patch(bytes: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len(), "{from}, {to}");
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from}");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
}

/// The transformer's graph says that its weights lie elsewhere.
fn located(folder: &Path, location: &str) {
    changed(folder, "transformer.onnx", |b| patch(b, "weights.data", location));
}

/// Bits that are not numbers, in the second half: shorter stretches may lie between them.
fn poison(bytes: &mut [u8]) {
    let half = bytes.len() / 2;
    bytes[half..].fill(0xff);
}

fn brief(model: &str) -> String {
    format!(
        "campaign: Bad models\ntitle: {model}\npipeline: social-ad\nbrand: zest\noutputs: [tiny]\n\
         scenes: [{{prompt: sea, seconds: 1}}]\nwith: {{model: {model}, steps: 2, end_card: 0, failed_checks: warn}}\n"
    )
}

/// For a job on a machine with much else to do.
const LIMIT: Duration = Duration::from_secs(120);

/// Where the briefs' campaign is delivered.
const DELIVERED: &str = "deliveries/bad-models";

#[test]
fn each_is_told_in_its_report_and_the_daemon_goes_on() {
    let studio = TestStudio::example();
    studio.write("pipelines/presets/tiny.yaml", TINY);
    studio.write("spotloom.yaml", "intake: {settle: 0.2, poll: 1}\nlimits: {grace-s: 1, min-free-disk-mb: 1}\n");
    let daemon = studio.serve();
    let outcome = |name: &str, shelf: &str| -> Option<String> {
        let folder = format!("briefs/{shelf}");
        let start = format!("{name}.");
        let report = studio.list(&folder).into_iter().find(|f| f.starts_with(&start) && f.ends_with("report.txt"))?;
        Some(studio.read(&format!("{folder}/{report}")))
    };
    let job = |name: &str| {
        let jobs = studio.run(&["jobs", "list", "--json"]).ok().json();
        jobs.as_array().unwrap().iter().find(|job| job["title"] == name).unwrap().clone()
    };
    let check = |name: &str, breaks: &dyn Fn(&Path), code: &str, told: &[&str]| {
        let folder = model(&studio, name);
        breaks(&folder);
        studio.write(&format!("briefs/{name}.yaml"), &brief(name));
        let report = wait_for(name, LIMIT, || {
            assert!(outcome(name, "done").is_none(), "{name} was delivered");
            outcome(name, "failed").or_else(|| outcome(name, "rejected"))
        });
        for words in told {
            assert!(report.contains(words), "{name}: `{words}` is not in\n{report}");
        }
        let job = job(name);
        assert_eq!(job["cause"]["failure"]["code"], code, "{name}: {job:#}");
        assert_eq!(studio.list(DELIVERED), [""; 0], "{name}");
    };

    // Files that are not there, not the ones, or not in the folder.
    let remove = |m: &Path| fs::remove_file(m.join("vae_decoder_next.onnx")).unwrap();
    check("missing-file", &remove, "model-file-missing", &["vae_decoder_next.onnx"]);
    let flip = |m: &Path| {
        let path = m.join("transformer.onnx");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    check("wrong-hash", &flip, "model-hash-mismatch", &["transformer.onnx", "has the hash"]);
    let outside = |m: &Path| edit(m, "file: transformer.onnx", "file: ../good/transformer.onnx");
    check("outside", &outside, "model-file-outside", &["../good/transformer.onnx"]);
    let link = |m: &Path, file: &str| {
        let moved = m.parent().unwrap().join(format!("elsewhere-{file}"));
        fs::rename(m.join(file), &moved).unwrap();
        symlink(moved, m.join(file)).unwrap();
    };
    check("linked", &|m| link(m, "transformer.onnx"), "model-file-outside", &["transformer.onnx"]);

    // The same of weights in a file of their own. What lies outside is there and is the right one.
    let traversal = |m: &Path| {
        fs::rename(m.join("weights.data"), m.join("../aside.dat")).unwrap();
        located(m, "../aside.dat");
        edit(m, "file: weights.data", "file: ../aside.dat");
    };
    check("traversal", &traversal, "model-file-outside", &["component `transformer` of traversal names ../aside.dat,"]);
    // Who read this one would read for ever.
    let absolute = |m: &Path| {
        located(m, "/dev/urandom");
        edit(m, "file: weights.data", "file: /dev/urandom");
    };
    check("absolute", &absolute, "model-file-outside", &["component `transformer` of absolute names /dev/urandom,"]);
    let unlisted = |m: &Path| located(m, "/dev/urandom");
    check(
        "only-the-graph",
        &unlisted,
        "model-file-outside",
        &["component `transformer` of only-the-graph names /dev/urandom,"],
    );
    let told = ["component `transformer` of linked-weights names weights.data,"];
    check("linked-weights", &|m| link(m, "weights.data"), "model-file-outside", &told);

    // Graphs that are none, or not those that the family takes.
    let cut = |m: &Path| changed(m, "transformer.onnx", |b| b.truncate(b.len() / 2));
    check("cut-off", &cut, "model-unreadable", &["transformer.onnx", "cut short"]);
    let other = |m: &Path| {
        let decoder = fs::read(m.join("vae_decoder_first.onnx")).unwrap();
        changed(m, "transformer.onnx", |b| *b = decoder);
    };
    check("other-ports", &other, "model-port-mismatch", &["transformer.onnx", "timestep"]);
    let renamed = |m: &Path| changed(m, "text_encoder.onnx", |b| patch(b, "input_ids", "token_ids"));
    check("renamed-port", &renamed, "model-port-mismatch", &["text_encoder.onnx", "`input_ids`", "token_ids"]);
    // The port's value_info: its name, then a tensor of i64 (7), which becomes i32 (6).
    let port = ["input_ids\x12\x19\n\x17\x08\x07", "input_ids\x12\x19\n\x17\x08\x06"];
    let wrong_type = |m: &Path| changed(m, "text_encoder.onnx", |b| patch(b, port[0], port[1]));
    let told = ["text_encoder.onnx", "`input_ids` is i32", "ask for i64"];
    check("wrong-type", &wrong_type, "model-port-mismatch", &told);
    let arithmetic = |m: &Path| {
        let bfloat16 = fs::read(fixture("bfloat16.onnx")).unwrap();
        changed(m, "transformer.onnx", |b| *b = bfloat16);
    };
    check("bfloat16", &arithmetic, "model-unsupported", &["transformer.onnx", "`provider: cpu`", "bfloat16 take"]);
    let broken = |m: &Path| edit(m, "channels: 16", "channels: many");
    check("broken-contract", &broken, "model-contract-invalid", &["model.yaml", "channels"]);

    // Weights that are not numbers, and more of them than there is memory for.
    let not_numbers = |m: &Path| changed(m, "weights.data", |b| poison(b));
    let told = ["not-numbers produced a value that is not a number in denoising step 1 of 2"];
    check("not-numbers", &not_numbers, "non-finite", &told);
    // A file with a hole takes no room on the disk, and a hidden one is not read for the plan.
    let too_large = |m: &Path| {
        let hidden = m.join(".weights.dat");
        fs::rename(m.join("weights.data"), &hidden).unwrap();
        fs::OpenOptions::new().write(true).open(hidden).unwrap().set_len(8 << 40).unwrap();
        located(m, ".weights.dat");
        edit(m, "file: weights.data", "file: .weights.dat");
    };
    check("too-large", &too_large, "not-enough-memory", &["too-large needs about 8796.1 GB, and ", " are free ("]);

    // And the next ones are made: of a good model, and of one with a second file for values that are not numbers.
    let make = |name: &str| {
        studio.write(&format!("briefs/{name}.yaml"), &brief(name));
        wait_for(name, LIMIT, || {
            assert!(outcome(name, "failed").is_none(), "{}\n{}", outcome(name, "failed").unwrap(), daemon.log());
            outcome(name, "done")
        });
    };
    model(&studio, "good");
    make("good");
    let second = model(&studio, "second-file");
    let copy = |from: &str, to: &str, change: &dyn Fn(&mut [u8])| {
        let mut bytes = fs::read(second.join(from)).unwrap();
        change(&mut bytes);
        fs::write(second.join(to), bytes).unwrap();
        format!("file: {to}, sha256: {}", sha256(&second.join(to)))
    };
    let graph = copy("transformer.onnx", "fast.onnx", &|b| patch(b, "weights.data", "poisoned.dat"));
    let weights = copy("weights.data", "poisoned.dat", &poison);
    let first = format!("  transformer: {{{graph}, data: [{{{weights}}}]}}\n");
    edit(&second, "  transformer: {", &format!("{first}  transformer-f32: {{"));
    make("second-file");
    let shown = studio.run(&["jobs", "show", &job("second-file")["id"].to_string(), "--json"]).ok().json();
    let shot = shown["tasks"].as_array().unwrap().iter().find(|task| task["stage"] == "shots").unwrap();
    let warned = shot["facts"]["warnings"].to_string();
    assert!(warned.contains("in denoising step 1 of 2; `transformer-f32` made the rest of the shot"), "{shot:#}");
    assert_eq!(studio.list(DELIVERED), ["good-v1", "second-file-v1"]);
    assert_eq!(daemon.stop(), 0);
}
