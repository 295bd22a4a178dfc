//! Secret values, fetched by reference at the moment a task needs them and kept nowhere.

use std::collections::BTreeMap;
use std::path::Path;

use spotloom_plugin_api::Secrets;

use crate::config::SecretSource;

/// The values of these names.
///
/// # Errors
/// Names the secret and what is missing, never a value.
pub fn fetch(root: &Path, sources: &BTreeMap<String, SecretSource>, names: &[String]) -> Result<Secrets, String> {
    let mut secrets = Secrets::default();
    for name in names {
        let source = sources
            .get(name)
            .ok_or_else(|| format!("the secret `{name}` is not listed under `secrets:` in spotloom.yaml"))?;
        let value = match (&source.env, &source.file) {
            (Some(variable), None) => std::env::var(variable).map_err(|_| {
                format!("the secret `{name}` comes from the environment variable {variable}, which is not set")
            })?,
            (None, Some(file)) => {
                let path = root.join(file);
                std::fs::read_to_string(&path)
                    .map_err(|e| {
                        format!("the secret `{name}` comes from {}, which can't be read: {e}", path.display())
                    })?
                    .trim_end_matches(['\r', '\n'])
                    .to_owned()
            }
            _ => return Err(format!("the secret `{name}` needs exactly one of `env:` and `file:` in spotloom.yaml")),
        };
        secrets.0.insert(name.clone(), value);
    }
    Ok(secrets)
}
