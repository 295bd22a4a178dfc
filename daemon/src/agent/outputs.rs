//! From files in a scratch folder to artifacts in the store.

use std::collections::BTreeMap;
use std::path::Path;

use spotloom_plugin_api::{Description, Failure, Output};

use crate::artifacts::Store;
use crate::ledger::{ArtifactRecord, Outputs};

/// Takes everything a run made into the store.
///
/// # Errors
/// `bad-output` when the plugin broke its own description; `io`/`disk-full` when the store could not take a file.
pub(super) fn take(
    store: &Store,
    scratch: &Path,
    description: &Description,
    made: BTreeMap<String, Vec<Output>>,
) -> Result<Outputs, Failure> {
    let mut outputs = Outputs::new();
    for (port, files) in made {
        let Some(declared) = description.outputs.iter().find(|o| o.name == port) else {
            return Err(bad(description, format!("gave files for `{port}`, which it does not declare")));
        };
        if files.len() > 1 && !declared.many {
            return Err(bad(description, format!("gave {} files for `{port}`, which is one file", files.len())));
        }
        for file in files {
            let name = if file.name.is_empty() {
                file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
            } else {
                file.name
            };
            if name.contains('/') || name.starts_with('.') || name.is_empty() {
                return Err(bad(description, format!("named a file `{name}`, which is no plain file name")));
            }
            let (sha256, bytes) = store.take(&file.path, scratch).map_err(|e| match e.kind() {
                std::io::ErrorKind::StorageFull => {
                    Failure::new("disk-full", format!("no space for `{name}` in the artifact store")).retryable()
                }
                std::io::ErrorKind::InvalidInput | std::io::ErrorKind::NotFound => bad(description, e.to_string()),
                _ => Failure::new("io", format!("`{name}` could not be stored: {e}")).retryable(),
            })?;
            let record = ArtifactRecord { sha256, media: file.media, name, bytes, facts: file.facts };
            outputs.entry(port.clone()).or_default().push(record);
        }
    }
    Ok(outputs)
}

fn bad(description: &Description, what: String) -> Failure {
    Failure::new("bad-output", format!("the plugin `{}` {what}", description.id))
        .hint("this is a defect of the plugin; send its author this message")
}
