//! Delivers finished files into a folder: a share, a synced drive, the studio's own `deliveries/`.
//!
//! Invariant: a file that is there is never changed. A name holds the whole file or nothing, the same delivery again is
//! no change, and a manifest means that everything it lists is safely on disk. A `manifest.json` among the files is not
//! delivered beside it: what it says stands in that manifest.

mod names;
mod place;

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use spotloom_plugin_sdk::prelude::*;

use crate::place::Copy;

/// Where to deliver.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// An existing folder, as an absolute path. It is not made here: a share that is not mounted must not look delivered.
    pub root: PathBuf,
    /// Folders below `root`, made when missing: `Summer Splash/Citrus hero-v1`. Characters that some system
    /// refuses in a name become `_`; `..` is an error. `{version}` stands for the number of the job's version.
    #[serde(default)]
    pub subfolder: String,
}

/// What lists all that was delivered.
const MANIFEST: &str = "manifest.json";

/// The stage `folder`.
#[derive(Default)]
pub struct Folder;

/// A delivered file, as `manifest.json` lists it.
#[derive(Serialize)]
struct Entry {
    name: String,
    media: String,
    sha256: String,
    bytes: u64,
    facts: Map<String, Value>,
}

impl Stage for Folder {
    type Params = Params;

    fn about() -> About {
        About::new("folder", env!("CARGO_PKG_VERSION"), "Delivers files into a folder, never overwriting")
            .effect()
            .input(input("files", "The files to deliver").required().many())
            .input(input("poster", "A still, delivered as poster.png").media("image/png"))
            .output("receipt", "Paths, hashes and sizes of what was delivered", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        run.require("files")?;
        let subfolder = params.subfolder.replace("{version}", &run.job().version.to_string());
        let folder = place::open(&params.root, &names::segments(&subfolder)?)?;
        let told = told(run)?;
        let copies = copies(run)?;

        // All conflicts first, so that a refused delivery leaves nothing half done.
        let mut missing = Vec::new();
        for copy in &copies {
            run.check_cancelled()?;
            if !place::is_there(&folder, copy)? {
                missing.push(copy);
            }
        }
        let (mut done, total) = (0, missing.iter().map(|c| c.bytes()).sum());
        for copy in &missing {
            place::copy(&folder, copy, |bytes| {
                done += bytes;
                run.progress(done, total, format!("copying {}", copy.name));
                run.check_cancelled()
            })?;
        }

        let entries = copies.iter().map(|c| entry(&folder, c)).collect::<Result<Vec<_>, Failure>>()?;
        let manifest = run.scratch().join(MANIFEST);
        // Nothing in it may differ when the same is delivered again: no clock, no attempt, no ledger number.
        let job = run.job();
        let about = json!({"campaign": job.campaign, "title": job.title, "brand": job.brand, "version": job.version});
        let mut document = told;
        document.insert("job".into(), about);
        document.insert("files".into(), json!(entries));
        place::write_json(&manifest, &Value::Object(document))?;
        let copy = Copy::of_own(manifest, MANIFEST)?;
        if !place::is_there(&folder, &copy)? {
            place::copy(&folder, &copy, |_| Ok(()))?;
        }

        let receipt = run.scratch().join("receipt.json");
        let listed: Vec<_> = entries
            .iter()
            .map(|e| json!({"path": folder.join(&e.name), "sha256": e.sha256, "bytes": e.bytes}))
            .collect();
        place::write_json(
            &receipt,
            &json!({"folder": folder, "files": listed, "already-there": copies.len() - missing.len()}),
        )?;
        Ok(Outputs::new()
            .file("receipt", receipt, "application/json")
            .fact("folder", folder.to_string_lossy())
            .fact("files", copies.len()))
    }
}

/// The name a file is delivered under: with the version, unless the stage that made it says that its name is fixed.
fn name(artifact: &Artifact, version: u32) -> String {
    let fixed = artifact.facts.get("fixed-name").and_then(Value::as_bool).unwrap_or_default();
    if fixed { names::safe(&artifact.name) } else { names::versioned(&artifact.name, version) }
}

/// What a manifest among the files says.
fn told(run: &Run) -> Result<Map<String, Value>, Failure> {
    let Some(given) = run.inputs("files").iter().find(|a| a.name == MANIFEST) else { return Ok(Map::new()) };
    let text = std::fs::read_to_string(&given.path).map_err(|e| io_failure("read", &given.path, &e))?;
    serde_json::from_str(&text)
        .map_err(|e| Failure::new("bad-manifest", format!("{} is not a JSON object: {e}", given.path.display())))
}

/// What goes where: every file under its versioned name, then the poster.
fn copies(run: &Run) -> Result<Vec<Copy>, Failure> {
    let mut copies = Vec::new();
    let mut taken = BTreeSet::from([MANIFEST.to_owned()]);
    let version = run.job().version;
    let files = run.inputs("files").iter().filter(|a| a.name != MANIFEST).map(|a| (a, name(a, version)));
    let poster = run.input("poster").map(|a| (a, "poster.png".to_owned()));
    for (artifact, name) in files.chain(poster) {
        // Case is folded: on many shares two names that differ in case only are one file.
        if !taken.insert(name.to_lowercase()) {
            return Err(Failure::new("duplicate-name", format!("two files would be delivered as `{name}`"))
                .hint("give them different names in the pipeline, for example by platform, seconds or locale"));
        }
        copies.push(Copy::of(artifact, name));
    }
    Ok(copies)
}

fn entry(folder: &std::path::Path, copy: &Copy) -> Result<Entry, Failure> {
    let path = folder.join(&copy.name);
    let bytes = std::fs::metadata(&path).map_err(|e| io_failure("read", &path, &e))?.len();
    Ok(Entry {
        name: copy.name.clone(),
        media: copy.media.clone(),
        sha256: copy.sha256.clone(),
        bytes,
        facts: copy.facts.clone(),
    })
}

export_stage!(Folder);
