//! The recipe: everything a clip was made of, written beside it.
//!
//! Invariant: on the same machine, model and ONNX Runtime, the stage given a recipe's `params` and `shot` (and the inputs
//! whose hashes it names) makes a file with the hash `clip.sha256`. Nothing in `params` is left to a default.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use spotloom_media::Written;
use spotloom_onnx::folder::sha256;
use spotloom_onnx::{Engine, Provider};
use spotloom_plugin_sdk::prelude::*;
use spotloom_plugin_sdk::recipe::{VERSION, named};

use crate::contract::{Mode, Model};
use crate::error::Error;
use crate::family::{Decode, Shot};
use crate::params::{Params, Settings};
use crate::schedulers::Skipped;

/// What a recipe is written from: a shot that has been made.
pub(crate) struct Made<'a> {
    pub params: &'a Params,
    pub settings: &'a Settings,
    pub shot: &'a Shot,
    /// What was asked for.
    pub mode: Mode,
    pub strength: Option<f64>,
    /// Seconds of the result.
    pub seconds: f64,
    /// Frames of the model in a second.
    pub motion_fps: f64,
    pub model: &'a Model,
    pub engine: &'a Engine,
    pub clip: &'a Path,
    pub written: &'a Written,
    /// What step caching left out.
    pub skipped: Option<Skipped>,
    /// How its frames were decoded.
    pub decode: Decode,
}

/// The recipe of a clip.
///
/// # Errors
/// `io` when the clip can't be read again.
pub(crate) fn recipe(made: &Made<'_>, run: &Run) -> Result<Value, Error> {
    let Made { params, settings, shot, model, engine, .. } = made;
    let contract = &model.contract;
    let given = |port: &str| -> Vec<Value> { run.inputs(port).iter().map(named).collect() };
    let folder = run.require("model")?.name.clone();
    let made_hash = sha256(made.clip).map_err(|e| io_failure("read", made.clip, &e))?;
    let ports = ["image", "last-image", "clip", "clip-after"];
    let inputs: BTreeMap<_, _> =
        ports.iter().map(|port| (*port, given(port))).filter(|(_, files)| !files.is_empty()).collect();
    // `auto` may be another provider elsewhere.
    let ran_on = (engine.provider == Provider::Auto).then(|| engine.gets().to_string());
    Ok(json!({
        "spotloom-recipe": VERSION,
        "stage": {"id": "diffusion", "version": env!("CARGO_PKG_VERSION")},
        "params": {
            "width": settings.width,
            "height": settings.height,
            "fps": params.fps,
            "seconds": made.seconds,
            "seed": shot.seed,
            "steps": shot.steps,
            "guidance": shot.guidance,
            "shift": shot.shift,
            "scheduler": shot.scheduler.to_string(),
            "motion-fps": made.motion_fps,
            "provider": engine.provider.to_string(),
            "territory": settings.territory,
            "grain": settings.grain,
            "mode": made.mode.name(),
            "strength": made.strength,
            "step-cache": shot.levers.step_cache,
            "guidance-calls": shot.levers.calls,
            "weights": shot.levers.weights,
            "embedding-cache": shot.levers.embedding_cache,
            "decode": made.decode,
            "subject": shot.subject,
            "session": engine.session,
            "from": params.from,
            "to": params.to,
        },
        "shot": {
            "prompt": shot.prompt,
            "asked": shot.asked,
            "negative_prompt": shot.negative_prompt,
            "seconds": made.seconds,
            "seed": shot.seed,
        },
        "inputs": inputs,
        "model": {"name": contract.name, "folder": folder, "sha256": model.sha256, "components": model.files()},
        "runtime": {
            "onnxruntime": engine.runtime.version,
            "provider": engine.provider.to_string(),
            "ran-on": ran_on,
            "threads": engine.threads,
        },
        "skipped": made.skipped,
        "clip": {"sha256": made_hash, "frames": made.written.frames, "seconds": made.written.seconds},
    }))
}
