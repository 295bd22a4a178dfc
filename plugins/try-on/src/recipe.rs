//! The recipe: everything a picture was made of, written beside it, in the form that all have (`plugins/sdk/src/recipe.rs`).
//!
//! Invariant: on the same machine, model and ONNX Runtime, the stage given a recipe's `params` and the files whose hashes it
//! names makes a picture with the hash `picture.sha256`. Nothing in `params` is left to a default.

use std::path::Path;

use serde_json::json;
use spotloom_onnx::folder::sha256;
use spotloom_plugin_sdk::prelude::*;
use spotloom_plugin_sdk::recipe::Recipe;

use crate::network::{Network, Walk};
use crate::params::Params;
use crate::photo::Photo;

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
) -> Result<Recipe, Failure> {
    let contract = &network.model.contract;
    let picture = sha256(path).map_err(|e| io_failure("read", path, &e))?;
    let provider = network.provider().to_string();
    let set = json!({
        "category": params.category,
        "seed": params.seed,
        "steps": walk.steps,
        "guidance": walk.guidance,
        "provider": provider,
        "territory": params.territory,
    });
    let model = json!({
        "name": contract.name,
        "folder": run.require("model")?.name,
        "sha256": network.model.sha256,
        "notice": contract.licence.notice,
        "components": network.model.files(),
    });
    let runtime = json!({"onnxruntime": network.runtime(), "provider": provider, "threads": run.threads()});
    let picture = json!({"sha256": picture, "width": made.width, "height": made.height});
    let recipe = Recipe::of("try-on", env!("CARGO_PKG_VERSION")).given(run, &["person", "garment"]);
    Ok(recipe.with("params", set).with("model", model).with("runtime", runtime).with("picture", picture))
}
