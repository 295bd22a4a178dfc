//! Models that must not be run, as a person reads it: each breaks a copy of a tiny model of a real family, whose
//! transformer has its weights in a file of their own (`export/`, `fixtures/external`).

mod support;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use spotloom_diffusion::contract::{Mode, Model};
use spotloom_diffusion::family;
use spotloom_onnx::folder::sha256 as hash;
use spotloom_onnx::{Described as _, Engine};
use spotloom_plugin_sdk::api::End;
use spotloom_plugin_sdk::harness::Done;
use support::parity::{self, Fixture};
use tempfile::TempDir;

/// A line of model.yaml for a component.
fn entry(folder: &Path, file: &str) -> String {
    format!("file: {file}, sha256: {}", hash(&folder.join(file)).expect("the file"))
}

/// The same for a graph with its weights in a file of their own.
fn with_data(folder: &Path, graph: &str, data: &str) -> String {
    format!("{{{}, data: [{{{}}}]}}", entry(folder, graph), entry(folder, data))
}

/// A copy of fixtures, the later ones over the earlier.
fn copy_of(fixtures: &[&str]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for source in fixtures {
        for file in fs::read_dir(parity::folder(source)).expect("a fixture").flatten() {
            fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
        }
    }
    folder
}

/// A copy of the tiny model; with `external`, its transformer's weights are in a file of their own.
fn copied(external: bool) -> TempDir {
    let folder = copy_of(if external { &["wan-t2v", "external"] } else { &["wan-t2v"] });
    if external {
        let says = with_data(folder.path(), "transformer.onnx", "weights.data");
        component(folder.path(), "transformer", &says);
    }
    folder
}

/// Says anew what a component of model.yaml is.
fn component(folder: &Path, role: &str, says: &str) {
    let path = folder.join("model.yaml");
    let text = fs::read_to_string(&path).expect("the contract");
    let start = format!("  {role}: {{");
    let mut kept = String::new();
    let mut skipping = false;
    for line in text.lines() {
        // An entry goes on over lines that are indented further.
        skipping = line.starts_with(&start) || skipping && line.starts_with("    ");
        if !skipping {
            let _ = writeln!(kept, "{line}");
        }
    }
    let _ = writeln!(kept, "  {role}: {says}");
    fs::write(path, kept).expect("the contract");
}

/// Changes text of a file of the same length, or of model.yaml.
fn replace(path: &Path, from: &str, to: &str) {
    let bytes = fs::read(path).expect("the file");
    let mut changed = Vec::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    let mut found = 0;
    while let Some(at) = rest.windows(from.len()).position(|w| w == from.as_bytes()) {
        changed.extend_from_slice(&rest[..at]);
        changed.extend_from_slice(to.as_bytes());
        rest = &rest[at + from.len()..];
        found += 1;
    }
    assert!(found > 0, "{from}");
    changed.extend_from_slice(rest);
    fs::write(path, changed).expect("the file");
}

/// The transformer's weights are said to lie elsewhere, and model.yaml agrees.
fn located(folder: &Path, location: &str) {
    replace(&folder.join("transformer.onnx"), "weights.data", location);
    let data = format!("file: {location}, sha256: {}", hash(&folder.join("weights.data")).expect("the file"));
    let graph = entry(folder, "transformer.onnx");
    component(folder, "transformer", &format!("{{{graph}, data: [{{{data}}}]}}"));
}

/// Fills the second half of the transformer's weights with bits that are not numbers: shorter stretches may lie between them.
fn poison(path: &Path) {
    let mut bytes = fs::read(path).expect("the file");
    let half = bytes.len() / 2;
    bytes[half..].fill(0xff);
    fs::write(path, bytes).expect("the file");
}

fn run(model: &Path, folder: &Path, params: &Value) -> Done {
    let mut all = json!({"steps": 2});
    all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
    support::shot(model, folder, "a golden perfume bottle", &all).run()
}

#[test]
fn weights_in_a_file_of_their_own_make_the_same_clip() {
    let folder = TempDir::new().expect("a temporary folder");
    let clip = |external: bool| {
        let model = copied(external);
        hash(&run(model.path(), folder.path(), &json!({})).path("clip")).expect("a clip")
    };
    assert_eq!(clip(true), clip(false));
}

#[test]
fn a_second_file_in_full_precision_takes_over_and_the_report_says_so() {
    let folder = TempDir::new().expect("a temporary folder");
    let good = copied(true);
    let bad = copied(true);
    component(bad.path(), "transformer-f32", &with_data(bad.path(), "transformer.onnx", "weights.data"));
    fs::copy(bad.path().join("transformer.onnx"), bad.path().join("fast.onnx")).expect("a copy");
    // A location is as long as its graph says, so the other name is as long.
    replace(&bad.path().join("fast.onnx"), "weights.data", "poisoned.dat");
    fs::copy(bad.path().join("weights.data"), bad.path().join("poisoned.dat")).expect("a copy");
    poison(&bad.path().join("poisoned.dat"));
    component(bad.path(), "transformer", &with_data(bad.path(), "fast.onnx", "poisoned.dat"));

    let mut said = Vec::new();
    for params in [json!({}), json!({"session": {"resident-latents": true}})] {
        let done = run(bad.path(), folder.path(), &params);
        let expected = run(good.path(), folder.path(), &params);
        assert_eq!(hash(&done.path("clip")).expect("a clip"), hash(&expected.path("clip")).expect("a clip"));
        said.push(done.facts()["warnings"].clone());
    }
    assert_eq!(said[0], said[1]);
    insta::assert_snapshot!("second_file", said[0]);
}

#[test]
fn each_bad_model_is_told_apart() {
    let mut report = String::new();
    let mut check = |case: &str, breaking: &dyn Fn(&Path)| {
        let (model, folder) = (copied(true), TempDir::new().expect("a temporary folder"));
        breaking(model.path());
        let done = run(model.path(), folder.path(), &json!({}));
        let failure = done.failure();
        let said = format!("{}\nhint: {}", failure.message, failure.hint.as_deref().unwrap_or("none"));
        let said = said.replace(&model.path().display().to_string(), "MODEL");
        let _ = writeln!(report, "# {case}\n{}: {said}\n", failure.code);
    };
    let again = |m: &Path| component(m, "transformer", &with_data(m, "transformer.onnx", "weights.data"));
    check("weights that model.yaml does not list", &|m| {
        component(m, "transformer", &format!("{{{}}}", entry(m, "transformer.onnx")));
    });
    check("missing weights", &|m| fs::remove_file(m.join("weights.data")).expect("removed"));
    check("arithmetic that the processor has not", &|m| {
        fs::copy(support::parity::folder("bfloat16.onnx"), m.join("transformer.onnx")).expect("a copy");
        component(m, "transformer", &format!("{{{}}}", entry(m, "transformer.onnx")));
    });
    check("weights of another version", &|m| {
        let path = m.join("weights.data");
        let mut bytes = fs::read(&path).expect("the file");
        bytes[100] ^= 1;
        fs::write(path, bytes).expect("the file");
    });
    check("weights outside of the folder, by their name", &|m| located(m, "../aside.dat"));
    check("weights outside of the folder, by a path from the root", &|m| located(m, "/tmp/aside.d"));
    check("weights outside of the folder, by a link", &|m| {
        fs::remove_file(m.join("weights.data")).expect("removed");
        symlink(parity::folder("external").join("weights.data"), m.join("weights.data")).expect("a link");
    });
    check("a graph cut short", &|m| {
        let path = m.join("transformer.onnx");
        let bytes = fs::read(&path).expect("the file");
        fs::write(path, &bytes[..60_000]).expect("the file");
        again(m);
    });
    check("the graph of another component", &|m| {
        component(m, "transformer", &format!("{{{}}}", entry(m, "vae_decoder_first.onnx")));
    });
    check("a port of another type", &|m| {
        // The port's value_info: its name, then a tensor of i64 (7), which becomes i32 (6).
        replace(&m.join("text_encoder.onnx"), "input_ids\x12\x19\n\x17\x08\x07", "input_ids\x12\x19\n\x17\x08\x06");
        component(m, "text-encoder", &format!("{{{}}}", entry(m, "text_encoder.onnx")));
    });
    check("ports of two graphs, and weights that model.yaml does not list", &|m| {
        replace(&m.join("text_encoder.onnx"), "input_ids\x12\x19\n\x17\x08\x07", "input_ids\x12\x19\n\x17\x08\x06");
        component(m, "text-encoder", &format!("{{{}}}", entry(m, "text_encoder.onnx")));
        component(m, "transformer", &format!("{{{}}}", entry(m, "transformer.onnx")));
        component(m, "vae-decoder-next", &format!("{{{}}}", entry(m, "text_encoder.onnx")));
    });
    check("files that are not there, and a port of another type", &|m| {
        fs::remove_file(m.join("vae_decoder_next.onnx")).expect("removed");
        fs::remove_file(m.join("tokenizer.json")).expect("removed");
        replace(&m.join("text_encoder.onnx"), "input_ids\x12\x19\n\x17\x08\x07", "input_ids\x12\x19\n\x17\x08\x06");
        component(m, "text-encoder", &format!("{{{}}}", entry(m, "text_encoder.onnx")));
    });
    check("a damaged tokenizer, and a port of another type", &|m| {
        flip(&m.join("tokenizer.json"));
        replace(&m.join("text_encoder.onnx"), "input_ids\x12\x19\n\x17\x08\x07", "input_ids\x12\x19\n\x17\x08\x06");
        component(m, "text-encoder", &format!("{{{}}}", entry(m, "text_encoder.onnx")));
    });
    check("weights that are not numbers", &|m| {
        poison(&m.join("weights.data"));
        again(m);
    });
    check("a mode that the model lacks", &|m| {
        replace(&m.join("model.yaml"), "modes: [text-to-video, edit]", "modes: [edit]");
    });
    check("attention too large to be computed", &|m| {
        let sizes = "  sizes:\n  - [48, 32]\n  - [32, 48]\n  - [32, 32]\n";
        replace(&m.join("model.yaml"), sizes, "");
        replace(&m.join("model.yaml"), "  width: 48\n  height: 32", "  width: 832\n  height: 480");
        replace(&m.join("model.yaml"), "family: wan", "attention-heads: 1024\nfamily: wan");
    });
    insta::assert_snapshot!("bad_models", report);
}

/// What a contract is held against when it is read is what the family looks for when it is loaded, and no more.
#[test]
fn a_contract_must_have_the_components_that_its_family_cannot_be_loaded_without() {
    let engine = Engine::cpu(2).expect("ONNX Runtime");
    let tiny = ["wan-t2v", "wan-i2v", "wan-i2v-clip", "wan-a14b", "wan-a14b-i2v", "wan-ti2v"];
    let others = ["ltx", "ltx-timestep", "cogvideox-2b", "cogvideox-5b", "cogvideox-v1.5"];
    let folders = tiny.iter().chain(&others).map(|fixture| parity::folder(fixture)).chain([support::model()]);
    for folder in folders {
        let model = Model::open(&folder).expect("a model");
        for role in model.contract.components.keys() {
            let mut without = model.clone();
            without.contract.components.remove(role);
            // A model from text that has no encoder may be loaded, and may not say that it makes clips again.
            if without.contract.modes[..] == [Mode::TextToVideo, Mode::Edit] && role.starts_with("vae-encoder") {
                assert!(without.contract.mistakes().concat().contains("`modes` has `edit`"), "{role}");
                without.contract.modes.pop();
            }
            let told = without.contract.mistakes();
            let loaded = family::load(&without, &engine).map(drop);
            assert_eq!(told.is_empty(), loaded.is_ok(), "{} without `{role}`: {told:?}, {loaded:?}", folder.display());
        }
    }
}

/// Changes one bit of a file, in its middle.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("the file");
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    fs::write(path, bytes).expect("the file");
}

/// Whatever is broken, and whenever it would be used, is found before the first step: a run that has taken one is cancelled.
#[test]
fn every_broken_component_is_found_before_the_first_step() {
    let check = |fixtures: &[&str], params: &Value, role: &str, breaking: &dyn Fn(&Path), code: &str| {
        let (model, folder) = (copy_of(fixtures), TempDir::new().expect("a temporary folder"));
        breaking(model.path());
        // Of an encoder that has encoded the prompt before nothing is asked.
        let mut all = json!({"steps": 2, "embedding-cache": false});
        all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
        let done = support::shot(model.path(), folder.path(), "a golden perfume bottle", &all).cancel_after(1).run();
        let found = match &done.end {
            End::Cancelled => "a step",
            _ => &done.failure().code,
        };
        assert_eq!(found, code, "{role} of {fixtures:?}: {:?}", done.end);
    };
    let (none, long) = (json!({}), json!({"seconds": 2}));
    for fixture in ["wan-t2v", "wan-a14b", "wan-ti2v", "ltx", "cogvideox-2b"] {
        let contract = Fixture::open(fixture).model.contract;
        for (role, component) in &contract.components {
            // Wan's encoder is for what is given, or for a later clip of a long shot, and nothing is asked of it in others.
            let encoder = role.starts_with("vae-encoder") && fixture.starts_with("wan");
            let broken = |m: &Path| flip(&m.join(&component.file));
            if encoder {
                check(&[fixture], &none, role, &broken, "a step");
                if fixture == "wan-t2v" {
                    continue;
                }
            }
            let params = if encoder { &long } else { &none };
            check(&[fixture], params, role, &broken, "model-hash-mismatch");
            if role != "tokenizer" {
                let other = |m: &Path| {
                    let other = if role == "text-encoder" { "transformer.onnx" } else { "text_encoder.onnx" };
                    fs::copy(m.join(other), m.join(&component.file)).expect("a copy");
                    self::component(m, role, &format!("{{{}}}", entry(m, &component.file)));
                };
                check(&[fixture], params, role, &other, "model-port-mismatch");
            }
        }
        check(&[fixture], &none, "none", &|_| (), "a step");
    }
    // Weights in a file of their own, of a component that is used last.
    let later = |m: &Path, data: &str| {
        fs::copy(m.join("transformer.onnx"), m.join("later.onnx")).expect("a copy");
        component(m, "transformer-f32", &with_data(m, "later.onnx", "weights.data"));
        component(m, "transformer", &with_data(m, "transformer.onnx", "weights.data"));
        replace(&m.join("model.yaml"), "file: weights.data", data);
    };
    let external = ["wan-t2v", "external"];
    check(&external, &none, "all", &|m| later(m, "file: ./weights.data"), "a step");
    check(&external, &none, "all", &|m| later(m, "file: other.data"), "model-file-missing");
    // Quantised weights count where they are asked for.
    let quantised = ["wan-t2v", "wan-t2v-other"];
    let broken = |m: &Path| flip(&m.join("transformer_int8.onnx"));
    let int8 = json!({"weights": "int8", "motion-fps": 12});
    check(&quantised, &int8, "transformer-int8", &broken, "model-hash-mismatch");
    check(&quantised, &json!({"motion-fps": 12}), "transformer-int8", &broken, "a step");
}

#[test]
fn more_memory_than_there_is_is_refused_with_the_figures() {
    let (model, folder) = (copied(true), TempDir::new().expect("a temporary folder"));
    // A file with a hole takes no room on the disk.
    let file = fs::OpenOptions::new().write(true).open(model.path().join("weights.data")).expect("the file");
    file.set_len(8 << 40).expect("a long file");
    let done = run(model.path(), folder.path(), &json!({}));
    let failure = done.failure();
    assert_eq!(failure.code, "not-enough-memory", "{}", failure.message);
    assert!(failure.message.starts_with("tiny-wan-t2v needs about 8796.1 GB, and "), "{}", failure.message);
}

#[test]
fn the_embedded_model_is_reckoned_before_it_is_loaded_as_well() {
    let check = |breaking: &dyn Fn(&Path), code: &str, begins: &str| {
        let (model, folder) = (support::copied(), TempDir::new().expect("a temporary folder"));
        breaking(model.path());
        let done = run(model.path(), folder.path(), &json!({}));
        let failure = done.failure();
        assert_eq!(failure.code, code, "{}", failure.message);
        assert!(failure.message.starts_with(begins), "{}", failure.message);
    };
    let long = |model: &Path| {
        let file = fs::OpenOptions::new().write(true).open(model.join("transformer.onnx")).expect("the file");
        file.set_len(8 << 40).expect("a long file");
    };
    check(&long, "not-enough-memory", "ambient-v7 needs about 8796.1 GB, and ");
    let large = |model: &Path| {
        replace(&model.join("model.yaml"), "width: 576, height: 320", "width: 16384, height: 16384");
    };
    check(&large, "tensor-too-large", "the decoder's widest layer ");
}
