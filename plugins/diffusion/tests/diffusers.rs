//! Folders in the layout of diffusers: the fixtures, laid out so, give the contracts that the exporter wrote for them, and
//! the reference's frames; what such a folder lacks is said, all of it at once.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spotloom_diffusion::contract::{Model, SchedulerConfig};
use spotloom_diffusion::families::chain::ClipFamily;
use spotloom_diffusion::families::wan::Wan;
use spotloom_diffusion::family;
use spotloom_onnx::Engine;
use spotloom_plugin_sdk::harness::Harness;
use support::parity::{self, Fixture};
use tempfile::TempDir;

fn put(folder: &Path, file: &str, content: &Value) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, content.to_string()).expect("a file");
}

/// A fixture's files in folders of their own, with the configurations that the reference saves beside its weights.
fn laid_out(fixture: &str, configs: &[(&str, Value)]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let lay = |file: &str, to: String| {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(parity::folder(fixture).join(file), to).expect("a copy");
    };
    for file in fs::read_dir(parity::folder(fixture)).expect("a fixture").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        match name.strip_suffix(".onnx") {
            Some("transformer_low") => lay(&name, "transformer_2/model.onnx".into()),
            Some(part) => lay(&name, format!("{part}/model.onnx")),
            None if name == "tokenizer.json" => lay(&name, "tokenizer/tokenizer.json".into()),
            None => {}
        }
    }
    for (file, content) in configs {
        put(folder.path(), file, content);
    }
    folder
}

/// What `save_pretrained` writes for Wan; figures are those of the fixture.
fn wan(fixture: &str) -> TempDir {
    let contract = &Fixture::open(fixture).model.contract;
    let (mean, std) = (&contract.latent.mean, &contract.latent.std);
    let inside = if fixture == "wan-i2v" { 36 } else { 16 };
    let pipeline = if fixture == "wan-i2v" { "WanImageToVideoPipeline" } else { "WanPipeline" };
    laid_out(
        fixture,
        &[
            (
                "model_index.json",
                json!({
                    "_class_name": pipeline, "_diffusers_version": "0.35.1", "boundary_ratio": contract.sampling.boundary,
                    "expand_timesteps": false, "transformer": ["diffusers", "WanTransformer3DModel"],
                }),
            ),
            (
                "transformer/config.json",
                json!({
                    "_class_name": "WanTransformer3DModel", "patch_size": [1, 2, 2], "in_channels": inside,
                    "out_channels": 16, "image_dim": null, "num_attention_heads": 2, "text_dim": 32,
                }),
            ),
            (
                "vae/config.json",
                json!({
                    "_class_name": "AutoencoderKLWan", "z_dim": 16, "temperal_downsample": [false, true, true],
                    "latents_mean": mean, "latents_std": std,
                }),
            ),
            (
                "scheduler/scheduler_config.json",
                json!({
                    "_class_name": "UniPCMultistepScheduler", "num_train_timesteps": 1000, "solver_order": 2,
                    "solver_type": "bh2", "prediction_type": "flow_prediction", "use_flow_sigmas": true,
                    "lower_order_final": true, "flow_shift": 3.0, "thresholding": false, "solver_p": null,
                    "predict_x0": true, "_use_default_values": ["solver_p"], "of_another_class": true,
                }),
            ),
            ("tokenizer/tokenizer_config.json", json!({"model_max_length": 24})),
        ],
    )
}

/// The contract of a folder is the exporter's, but for what only a person can know, and the size, which no file tells.
fn same_contract(fixture: &str, folder: &TempDir) {
    let (made, derived) = (Fixture::open(fixture).model, Model::open(folder.path()).expect("a contract"));
    assert!(derived.derived && !made.derived);
    let (made, mut found) = (made.contract, derived.contract.clone());
    assert_eq!(found.licence.spdx, "NOASSERTION");
    found.name.clone_from(&made.name);
    found.summary.clone_from(&made.summary);
    found.licence = made.licence.clone();
    found.video = made.video.clone();
    found.sampling.steps = made.sampling.steps;
    // What changes nothing, the exporter does not write.
    let SchedulerConfig { flow_shift, thresholding, .. } = &mut found.scheduler_config;
    (*flow_shift, *thresholding) = (None, None);
    for (role, component) in &mut found.components {
        let expected = &made.components[role];
        assert_eq!(component.sha256, expected.sha256, "{role}");
        *component = expected.clone();
    }
    assert_eq!(found, made);
    let mut family = family::load(&derived, &Engine::cpu(2).expect("ONNX Runtime")).expect("a model");
    family.try_out().expect("ports that fit");
}

#[test]
fn wan_is_told_by_its_configurations() {
    for fixture in ["wan-t2v", "wan-i2v", "wan-a14b"] {
        same_contract(fixture, &wan(fixture));
    }
}

#[test]
fn heads_count_where_a_graph_writes_their_scores_out() {
    let check = |written_out: &[&str], expected: Option<usize>| {
        let folder = wan("wan-a14b");
        for file in written_out {
            let path = folder.path().join(file);
            let mut bytes = fs::read(&path).expect("a graph");
            let name = b"MultiHeadAttention";
            let places: Vec<usize> =
                (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
            places.iter().for_each(|at| bytes[*at] = b'm');
            fs::write(&path, bytes).expect("a graph");
        }
        let contract = Model::open(folder.path()).expect("a contract").contract;
        assert_eq!(contract.attention_heads, expected, "{written_out:?}");
    };
    check(&[], None);
    check(&["transformer/model.onnx", "transformer_2/model.onnx"], Some(2));
    check(&["transformer_2/model.onnx"], Some(2));
}

#[test]
fn a_folder_without_a_contract_gives_the_frames_of_the_reference() {
    let folder = wan("wan-t2v");
    let model = Model::open(folder.path()).expect("a contract");
    let Fixture { engines: [engine, _], cases, .. } = Fixture::open("wan-t2v");
    let mut wan = Wan::load(&model, &engine).expect("the model");
    let shot = cases[0].shot(&model, "noise");
    cases[0].check_frames(wan.begin(&shot).expect("a shot").as_mut());
}

#[test]
fn ltx_is_told_by_its_configurations() {
    let contract = &Fixture::open("ltx").model.contract;
    let figures = &contract.scheduler_config;
    let folder = laid_out(
        "ltx",
        &[
            ("model_index.json", json!({"_class_name": "LTXPipeline"})),
            ("transformer/config.json", json!({"patch_size": 1, "patch_size_t": 1, "num_attention_heads": 2})),
            (
                "vae/config.json",
                json!({
                    "latent_channels": 8, "patch_size": 4, "patch_size_t": 1, "scaling_factor": 1.0,
                    "spatio_temporal_scaling": [true, true, true, false], "timestep_conditioning": false,
                    "latents_mean": contract.latent.mean, "latents_std": contract.latent.std,
                }),
            ),
            (
                "scheduler/scheduler_config.json",
                json!({
                    "_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0,
                    "use_dynamic_shifting": true, "base_shift": figures.base_shift, "max_shift": figures.max_shift,
                    "base_image_seq_len": 1024, "max_image_seq_len": 4096, "shift_terminal": 0.1,
                }),
            ),
            ("tokenizer/tokenizer_config.json", json!({"model_max_length": 32})),
        ],
    );
    same_contract("ltx", &folder);
}

#[test]
fn cogvideox_is_told_by_its_configurations() {
    for (fixture, time, scheduler) in
        [("cogvideox-2b", Value::Null, "CogVideoXDDIMScheduler"), ("cogvideox-v1.5", 2.into(), "CogVideoXDPMScheduler")]
    {
        let rope = fixture == "cogvideox-v1.5";
        let snr = if rope { 1.0 } else { 3.0 };
        let folder = laid_out(
            fixture,
            &[
                ("model_index.json", json!({"_class_name": "CogVideoXPipeline"})),
                (
                    "transformer/config.json",
                    json!({
                        "patch_size": 2, "patch_size_t": time, "use_rotary_positional_embeddings": rope,
                        "sample_width": 6, "sample_height": 4, "sample_frames": 9, "num_attention_heads": 2,
                        "attention_head_dim": 16,
                    }),
                ),
                (
                    "vae/config.json",
                    json!({
                        "latent_channels": 4, "temporal_compression_ratio": 4, "block_out_channels": [8, 8, 8, 8],
                        "scaling_factor": 0.7,
                    }),
                ),
                (
                    "scheduler/scheduler_config.json",
                    json!({
                        "_class_name": scheduler, "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
                        "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
                        "timestep_spacing": "trailing", "rescale_betas_zero_snr": true, "snr_shift_scale": snr,
                        "set_alpha_to_one": true, "steps_offset": 0,
                    }),
                ),
                ("tokenizer/tokenizer_config.json", json!({"model_max_length": 32})),
            ],
        );
        same_contract(fixture, &folder);
    }
}

/// Breaks a folder and gives what a person reads.
fn told(break_it: impl FnOnce(&Path)) -> String {
    let folder = wan("wan-t2v");
    break_it(folder.path());
    let done = Harness::<spotloom_diffusion::Diffusion>::new()
        .params(json!({"check-model": true}))
        .input("model", folder.path(), "inode/directory")
        .run();
    let failure = done.failure();
    // Its folder's name is the model's.
    let name = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
    let path = folder.path().display().to_string();
    format!("{}: {}\n", failure.code, failure.message.replace(&path, "FOLDER").replace(&name, "MODEL"))
}

#[test]
fn what_is_missing_is_named() {
    let remove = |file: &'static str| move |folder: &Path| fs::remove_file(folder.join(file)).expect("a file");
    let all = [
        told(|folder| {
            remove("vae_decoder_next/model.onnx")(folder);
            remove("tokenizer/tokenizer.json")(folder);
            remove("scheduler/scheduler_config.json")(folder);
            put(folder, "vae/config.json", &json!({"z_dim": 16, "latents_mean": [0.0]}));
        }),
        told(|folder| put(folder, "model_index.json", &json!({"_class_name": "StableDiffusionPipeline"}))),
        told(|folder| put(folder, "model_index.json", &json!({"_class_name": "LTXConditionPipeline"}))),
        told(|folder| {
            let settings = json!({
                "_class_name": "UniPCMultistepScheduler", "solver_type": "bh1", "use_karras_sigmas": true,
                "final_sigmas_type": "sigma_min", "beta_schedule": "linear", "flow_shift": 3.0, "solver_p": null,
            });
            put(folder, "scheduler/scheduler_config.json", &settings);
        }),
        told(|folder| {
            put(folder, "scheduler/scheduler_config.json", &json!({"_class_name": "DDIMScheduler"}));
            put(folder, "transformer/config.json", &json!([]));
        }),
        told(|folder| {
            remove("transformer/config.json")(folder);
            std::os::unix::fs::symlink("/etc/hostname", folder.join("transformer/config.json")).expect("a link");
        }),
        // The sessions declare 16 channels.
        told(|folder| {
            let list: Vec<f32> = vec![1.0; 8];
            put(folder, "vae/config.json", &json!({"z_dim": 8, "latents_mean": list, "latents_std": list}));
            let fields = json!({"patch_size": [1, 2, 2], "in_channels": 8, "num_attention_heads": 2});
            put(folder, "transformer/config.json", &fields);
        }),
        told(remove("model_index.json")),
    ];
    insta::assert_snapshot!(all.concat());
}
