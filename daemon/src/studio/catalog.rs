//! A studio as the planner sees it: names looked up, files hashed, data read and checked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use spotloom_plugin_api::Resource;

use crate::artifacts::{hash_of, media};
use crate::config::Channels;
use crate::error::Diagnostics;
use crate::ids::Sha256;
use crate::pipeline::catalog::{Catalog, NotFound, PluginInfo, ResourceFile};
use crate::registry::Registry;
use crate::yaml::{self, Mistakes, Schema};

use super::assets::{self, Refused};
use super::{Studio, files, resources};

/// Looks things up for one plan. What it has hashed it does not hash again.
pub struct StudioCatalog<'a> {
    studio: &'a Studio,
    registry: &'a Registry,
    deliveries: String,
    hashes: Mutex<HashMap<PathBuf, Sha256>>,
}

impl<'a> StudioCatalog<'a> {
    #[must_use]
    pub fn new(studio: &'a Studio, registry: &'a Registry) -> Self {
        let deliveries = studio.deliveries().display().to_string();
        Self { studio, registry, deliveries, hashes: Mutex::new(HashMap::new()) }
    }

    fn find(&self, kind: Resource, name: &str) -> Result<PathBuf, NotFound> {
        let roots = self.studio.roots();
        let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
        resources::find(&roots, kind, name)
            .ok_or_else(|| NotFound { known: resources::names(&roots, kind), message: String::new() })
    }

    fn file(&self, path: &Path) -> Result<ResourceFile, NotFound> {
        let known = self.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        let sha256 = match known {
            Some(sha) => sha,
            None => {
                let sha = hash_of(path).map_err(|e| unreadable(path, &e))?;
                self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), sha.clone());
                sha
            }
        };
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let media = if path.is_dir() { "inode/directory" } else { media::guess(path) };
        Ok(ResourceFile { path: path.display().to_string(), name, media: media.into(), sha256 })
    }

    /// Where a file of the studio really lies.
    fn place(&self, path: &str) -> Result<PathBuf, NotFound> {
        assets::resolve(&self.studio.root, path).map_err(|refused| match refused {
            Refused::Missing { nearest } => NotFound { known: nearest.into_iter().collect(), message: String::new() },
            Refused::Outside => NotFound { message: "leads out of the studio".into(), known: Vec::new() },
            Refused::NotAFile => NotFound { message: "is not a plain file".into(), known: Vec::new() },
            Refused::Unreadable(why) => NotFound { message: format!("can't be read: {why}"), known: Vec::new() },
        })
    }

    /// Reads a YAML file of a kind and checks it against its schema.
    fn data(&self, path: &Path, schema: &str) -> Result<Map<String, Value>, NotFound> {
        read_checked(self.studio, path, schema).map_err(|mistakes| NotFound {
            known: Vec::new(),
            message: mistakes.first().map_or_else(String::new, |d| {
                let place =
                    d.place.as_ref().map_or_else(String::new, |p| format!(" ({}:{}:{})", p.file, p.line, p.column));
                let more =
                    if mistakes.len() > 1 { format!(", and {} more", mistakes.len() - 1) } else { String::new() };
                let expected = d.expected.as_ref().map_or_else(String::new, |e| format!("; expected {e}"));
                format!("has a mistake: {}{expected}{place}{more}", d.message)
            }),
        })
    }
}

/// Reads a YAML file and checks it against `pipelines/schemas/KIND.schema.json` of the installation.
///
/// # Errors
/// All mistakes with their places.
pub fn read_checked(studio: &Studio, path: &Path, kind: &str) -> Result<Map<String, Value>, Diagnostics> {
    let shown = path.strip_prefix(&studio.root).unwrap_or(path).display().to_string();
    let bytes = files::read(path).map_err(|d| vec![d])?;
    let node = yaml::parse(&shown, &bytes)?;
    let value = node.to_json();
    let mut mistakes = Mistakes::new();
    match schema(studio, &of_family(studio, kind, &value)) {
        Ok(schema) => {
            mistakes.extend(schema.errors(&value).into_iter().map(|e| e.locate(&node, &format!("the {kind}"))))
        }
        Err(why) => mistakes.extend([node.mistake("bad-schema", why)]),
    }
    let value = mistakes.finish(Some(value))?;
    Ok(value.as_object().cloned().unwrap_or_default())
}

/// A family of models whose contract is another than the common one has a schema of its own, `model-FAMILY`.
fn of_family(studio: &Studio, kind: &str, value: &Value) -> String {
    let family = value.get("family").and_then(Value::as_str).filter(|_| kind == "model");
    let own = family.map(|family| format!("model-{family}"));
    let is_there = |name: &String| resources::is_name(name) && schema_file(studio, name).is_file();
    own.filter(is_there).unwrap_or_else(|| kind.to_owned())
}

fn schema_file(studio: &Studio, kind: &str) -> PathBuf {
    studio.install.share().join(format!("pipelines/schemas/{kind}.schema.json"))
}

/// The JSON Schema of a kind of file whose shape a plugin defines.
///
/// # Errors
/// When the installation lacks it.
pub fn schema(studio: &Studio, kind: &str) -> Result<Schema, String> {
    let path = schema_file(studio, kind);
    let text = fs::read_to_string(&path).map_err(|e| format!("{} can't be read: {e}", path.display()))?;
    let value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    Schema::new(value)
}

fn unreadable(path: &Path, e: &std::io::Error) -> NotFound {
    NotFound { known: Vec::new(), message: format!("{} can't be read: {e}", path.display()) }
}

impl Catalog for StudioCatalog<'_> {
    fn plugin(&self, id: &str) -> Option<PluginInfo> {
        let plugin = self.registry.get(id)?;
        Some(PluginInfo { description: plugin.description.clone(), sha256: plugin.sha256.clone() })
    }

    fn plugin_ids(&self) -> Vec<String> {
        self.registry.ids()
    }

    fn resource(&self, kind: Resource, name: &str) -> Result<ResourceFile, NotFound> {
        self.file(&self.find(kind, name)?)
    }

    fn offered(&self, kind: Resource, name: &str, field: &str) -> Option<Vec<String>> {
        let folder = self.find(kind, name).ok()?;
        let path = folder.join(resources::marker(kind)?);
        if !path.is_file() {
            return resources::told_elsewhere(&folder, field);
        }
        let bytes = files::read(&path).ok()?;
        let data = yaml::parse(&path.display().to_string(), &bytes).ok()?.to_json();
        let texts = match data.get(field)? {
            Value::Array(list) => list.as_slice(),
            Value::Object(map) => return Some(map.keys().cloned().collect()),
            one => std::slice::from_ref(one),
        };
        Some(texts.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
    }

    fn names(&self, kind: Resource) -> Vec<String> {
        let roots = self.studio.roots();
        resources::names(&roots.iter().map(PathBuf::as_path).collect::<Vec<_>>(), kind)
    }

    fn asset(&self, path: &str) -> Result<ResourceFile, NotFound> {
        self.file(&self.place(path)?)
    }

    fn has_asset(&self, path: &str) -> Result<(), NotFound> {
        self.place(path).map(drop)
    }

    fn preset(&self, name: &str) -> Result<Map<String, Value>, NotFound> {
        self.data(&self.find(Resource::Preset, name)?, "preset")
    }

    fn brand(&self, name: &str) -> Result<Map<String, Value>, NotFound> {
        self.data(&self.find(Resource::Brand, name)?.join("brand.yaml"), "brand")
    }

    fn channels(&self) -> &Channels {
        &self.studio.config.channels
    }

    fn deliveries(&self) -> &str {
        &self.deliveries
    }
}
