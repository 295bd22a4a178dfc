//! From what a claim names to files on disk, with the hashes that the cache key is made of.

use std::collections::BTreeMap;
use std::path::Path;

use spotloom_plugin_api::{Artifact, Failure};

use crate::artifacts::{Store, hash_of};
use crate::ids::Sha256;
use crate::ledger::ResolvedInput;

/// Files by port as a plugin is given them.
pub(super) type Files = BTreeMap<String, Vec<Artifact>>;
/// Their hashes, for the cache key.
pub(super) type Hashes = BTreeMap<String, Vec<Sha256>>;

/// Resolves and verifies all inputs.
///
/// A file of the studio must still be what it was when the plan was made: a job never runs on half-changed inputs.
///
/// # Errors
/// `missing-artifact` (retrying can't help; the stage that made it has to run again) or `changed-since-plan`.
pub(super) fn resolve(
    store: &Store,
    inputs: &BTreeMap<String, Vec<ResolvedInput>>,
) -> Result<(Files, Hashes), Failure> {
    let mut files = Files::new();
    let mut hashes = Hashes::new();
    for (port, list) in inputs {
        for input in list {
            let artifact = match input {
                ResolvedInput::Artifact(a) => {
                    if !store.holds(&a.sha256, a.bytes) {
                        return Err(Failure::new(
                            "missing-artifact",
                            format!("`{}` ({}) is gone from the artifact store", a.name, a.sha256),
                        )
                        .hint("drop the brief again: what is missing is made anew"));
                    }
                    Artifact {
                        path: store.path(&a.sha256),
                        sha256: a.sha256.0.clone(),
                        media: a.media.clone(),
                        name: a.name.clone(),
                        facts: a.facts.clone(),
                    }
                }
                ResolvedInput::File { path, name, media, sha256, .. } => {
                    verify(Path::new(path), sha256)?;
                    Artifact {
                        path: path.into(),
                        sha256: sha256.0.clone(),
                        media: media.clone(),
                        name: name.clone(),
                        facts: serde_json::Map::new(),
                    }
                }
            };
            hashes.entry(port.clone()).or_default().push(Sha256(artifact.sha256.clone()));
            files.entry(port.clone()).or_default().push(artifact);
        }
    }
    Ok((files, hashes))
}

fn verify(path: &Path, expected: &Sha256) -> Result<(), Failure> {
    let found = hash_of(path);
    let changed = |what: String| {
        Failure::new("changed-since-plan", what).hint(
            "a job works with the files as they were when it was accepted; drop the brief again to use the new ones",
        )
    };
    match found {
        Ok(found) if found == *expected => Ok(()),
        Ok(_) => Err(changed(format!("{} has changed since the brief was accepted", path.display()))),
        Err(e) => Err(changed(format!("{} can't be read any more: {e}", path.display()))),
    }
}
