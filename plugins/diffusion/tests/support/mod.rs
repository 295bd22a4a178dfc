//! What the integration tests share.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod npz;
pub mod parity;
pub mod safetensors;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_diffusion::Diffusion;
use spotloom_plugin_sdk::harness::Harness;
use tempfile::TempDir;

/// The embedded model's folder.
pub fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ambient-v7")
}

/// The files a model is made of.
pub const FILES: [&str; 6] =
    ["model.yaml", "tokenizer.json", "text_encoder.onnx", "transformer.onnx", "vae_decoder.onnx", "vae_encoder.onnx"];

/// A copy of the embedded model, to be broken.
pub fn copied() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for file in FILES {
        fs::copy(model().join(file), folder.path().join(file)).expect("a copy");
    }
    folder
}

/// A run of the stage with a small frame: what is tested here does not depend on the size.
pub fn shot(model: &Path, folder: &Path, prompt: &str, params: &Value) -> Harness<Diffusion> {
    let file = folder.join("shot.json");
    let text = json!({"prompt": prompt, "negative_prompt": "", "seconds": 0.5, "seed": 7});
    fs::write(&file, text.to_string()).expect("a shot");
    let mut all = json!({"width": 192, "height": 108, "fps": 24});
    let merged = all.as_object_mut().expect("an object");
    merged.extend(params.as_object().expect("an object").clone());
    Harness::new().params(all).input("model", model, "inode/directory").input("shot", file, "application/json")
}
