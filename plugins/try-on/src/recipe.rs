//! The recipe: everything a picture was made of, written beside it, in the form of a clip's (`plugins/diffusion/src/recipe.rs`).
//!
//! Invariant: on the same machine, model and ONNX Runtime, the stage given a recipe's `params` and the files whose hashes it
//! names makes a picture with the hash `picture.sha256`. Nothing in `params` is left to a default.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use spotloom_onnx::folder::sha256;
use spotloom_plugin_sdk::prelude::*;

use crate::network::{Network, Walk};
use crate::params::Params;
use crate::photo::Photo;

/// The version of this format.
const VERSION: u32 = 1;

/// The recipe of a picture that has been made.
///
/// # Errors
/// `io` when the picture can't be read again.
pub(crate) fn recipe(
    network: &Network,
    params: &Params,
    walk: Walk,
    (made, path): (&Photo, &Path),
    run: &Run,
) -> Result<Value, Failure> {
    let contract = &network.model.contract;
    let given = |port: &str| -> Vec<Value> {
        run.inputs(port).iter().map(|a| json!({"name": a.name, "sha256": a.sha256, "media": a.media})).collect()
    };
    let inputs: BTreeMap<_, _> = ["person", "garment"].map(|port| (port, given(port))).into();
    let picture = sha256(path).map_err(|e| io_failure("read", path, &e))?;
    let provider = network.provider().to_string();
    Ok(json!({
        "spotloom-recipe": VERSION,
        "stage": {"id": "try-on", "version": env!("CARGO_PKG_VERSION")},
        "params": {
            "category": params.category,
            "seed": params.seed,
            "steps": walk.steps,
            "guidance": walk.guidance,
            "provider": provider,
            "territory": params.territory,
        },
        "inputs": inputs,
        "model": {
            "name": contract.name,
            "folder": run.require("model")?.name,
            "sha256": network.model.sha256,
            "notice": contract.licence.notice,
            "components": network.model.files(),
        },
        "runtime": {"onnxruntime": network.runtime(), "provider": provider, "threads": run.threads()},
        "picture": {"sha256": picture, "width": made.width, "height": made.height},
    }))
}
