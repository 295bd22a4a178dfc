//! The recipe of a clip at another rate, in the form that all clips have (`plugins/sdk/src/recipe.rs`).
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
use crate::params::{Method, Params};

/// A clip that has been brought to another rate.
pub(crate) struct Made<'a> {
    pub params: &'a Params,
    /// Frames a second of the result, as a fraction.
    pub to: (u32, u32),
    /// As the report has it.
    pub method: &'a str,
    pub way: Way<'a>,
    pub clip: &'a Path,
    pub written: &'a Written,
    /// The recipes of the clip that was given.
    pub parents: Vec<Value>,
}

/// What makes frames where there are none.
pub(crate) enum Way<'a> {
    /// With the provider that was asked for.
    Network { network: &'a Network, provider: Provider },
    /// FFmpeg's filter; none where the rate is the clip's own.
    Filter(Method, &'a str),
}

/// # Errors
/// `io` when the clip can't be read again.
pub(crate) fn recipe(made: Made<'_>, run: &Run) -> Result<Recipe, Failure> {
    let Made { params, to, method, way, clip, written, parents } = made;
    let sha256 = sha256(clip).map_err(|e| io_failure("read", clip, &e))?;
    let mut set = json!({"fps": format!("{}/{}", to.0, to.1), "territory": params.territory});
    let mut runtime = json!({"libavfilter": filter_version(), "threads": run.threads()});
    let recipe = Recipe::of("interpolate", env!("CARGO_PKG_VERSION")).given(run, &["clip"]).with("method", method);
    let recipe = match way {
        Way::Network { network, provider } => {
            set["provider"] = provider.to_string().into();
            network.pictures.recipe_runtime(provider, &mut runtime);
            recipe.with("model", network.pictures.recipe_model(&run.require("model")?.name))
        }
        Way::Filter(method, filter) => {
            set["method"] = method.name().into();
            recipe.with("filter", filter)
        }
    };
    let clip = json!({"sha256": sha256, "frames": written.frames, "seconds": written.seconds});
    Ok(recipe.with("params", set).with("runtime", runtime).with("clip", clip).parents(parents))
}
