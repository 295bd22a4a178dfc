//! The recipe: everything a clip was made of, written beside it.
//!
//! Invariant: on the same machine, model and ONNX Runtime, the stage given a recipe's `params` and `shot` (and the inputs
//! whose hashes it names) makes a file with the hash `clip.sha256`. Nothing in `params` is left to a default.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spotloom_media::Written;
use spotloom_onnx::Engine;
use spotloom_plugin_sdk::prelude::*;

use crate::contract::{Mode, Model};
use crate::error::Error;
use crate::family::Shot;
use crate::params::{Params, Settings};
use crate::schedulers::Skipped;

/// The version of this format.
const VERSION: u32 = 1;

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
}

/// The recipe of a clip.
///
/// # Errors
/// `io` when the clip can't be read again.
pub(crate) fn recipe(made: &Made<'_>, run: &Run) -> Result<Value, Error> {
    let Made { params, settings, shot, model, engine, .. } = made;
    let contract = &model.contract;
    let hashed = |file: &str, sha256: &str| json!({"file": file, "sha256": sha256});
    let components: BTreeMap<_, _> = contract
        .components
        .iter()
        .map(|(role, part)| {
            let data = part.data.iter().map(|d| (d.file.as_str(), d.sha256.as_str()));
            let files = std::iter::once((part.file.as_str(), part.sha256.as_str())).chain(data);
            (role, files.map(|(file, sha256)| hashed(file, sha256)).collect::<Vec<_>>())
        })
        .collect();
    let given = |port: &str| -> Vec<Value> {
        run.inputs(port).iter().map(|a| json!({"name": a.name, "sha256": a.sha256, "media": a.media})).collect()
    };
    let folder = run.require("model")?.name.clone();
    let sha256 = hash(made.clip).map_err(|e| io_failure("read", made.clip, &e))?;
    let ports = ["image", "last-image", "clip", "clip-after"];
    let inputs: BTreeMap<_, _> =
        ports.iter().map(|port| (*port, given(port))).filter(|(_, files)| !files.is_empty()).collect();
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
            "session": engine.session,
            "from": params.from,
            "to": params.to,
        },
        "shot": {
            "prompt": shot.prompt,
            "negative_prompt": shot.negative_prompt,
            "seconds": made.seconds,
            "seed": shot.seed,
        },
        "inputs": inputs,
        "model": {"name": contract.name, "folder": folder, "sha256": model.sha256, "components": components},
        "runtime": {"onnxruntime": engine.runtime.version, "provider": engine.provider.to_string(), "threads": engine.threads},
        "skipped": made.skipped,
        "clip": {"sha256": sha256, "frames": made.written.frames, "seconds": made.written.seconds},
    }))
}

/// SHA-256 of a file in lower-case hex, read piece by piece.
///
/// # Errors
/// When it can't be read.
pub fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            n => hasher.update(&piece[..n]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
