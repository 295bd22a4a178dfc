//! The recipe of an enlarged clip, in the form that all clips have (`plugins/sdk/src/recipe.rs`).
//!
//! Invariant: nothing in `params` is left to a default.

use std::path::Path;

use serde_json::{Value, json};
use spotloom_media::{Written, filter_version};
use spotloom_onnx::Provider;
use spotloom_onnx::folder::sha256;
use spotloom_plugin_sdk::io_failure;
use spotloom_plugin_sdk::prelude::*;
use spotloom_plugin_sdk::recipe::Recipe;

use crate::network::Network;
use crate::params::Params;

/// A clip that has been enlarged.
pub(crate) struct Made<'a> {
    pub params: &'a Params,
    pub scale: u32,
    pub way: Way<'a>,
    pub clip: &'a Path,
    pub written: &'a Written,
    /// The recipes of the clip that was given.
    pub parents: Vec<Value>,
}

/// What enlarged it.
pub(crate) enum Way<'a> {
    /// With the provider that was asked for, and pixels of a tile's side.
    Network { network: &'a Network, provider: Provider, tile: usize },
    /// FFmpeg's filters.
    Filter(&'a str),
}

/// # Errors
/// `io` when the clip can't be read again.
pub(crate) fn recipe(made: Made<'_>, run: &Run) -> Result<Recipe, Failure> {
    let Made { params, scale, way, clip, written, parents } = made;
    let sha256 = sha256(clip).map_err(|e| io_failure("read", clip, &e))?;
    let mut set = json!({"scale": scale, "sharpen": params.sharpen, "territory": params.territory});
    let mut runtime = json!({"libavfilter": filter_version(), "threads": run.threads()});
    let recipe = Recipe::of("upscale", env!("CARGO_PKG_VERSION")).given(run, &["clip"]);
    let recipe = match way {
        Way::Network { network, provider, tile } => {
            set["tile"] = tile.into();
            set["provider"] = provider.to_string().into();
            network.0.recipe_runtime(provider, &mut runtime);
            let folder = &run.require("model")?.name;
            recipe.with("method", "network").with("model", network.0.recipe_model(folder))
        }
        Way::Filter(filter) => recipe.with("method", "lanczos").with("filter", filter),
    };
    let clip = json!({"sha256": sha256, "frames": written.frames, "seconds": written.seconds});
    Ok(recipe.with("params", set).with("runtime", runtime).with("clip", clip).parents(parents))
}
