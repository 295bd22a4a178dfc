//! Things a studio has by name: its own first, then the built-in ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use spotloom_plugin_api::Resource;

/// Where things of a kind lie inside a root, and what their names end with.
struct Shape {
    /// Folder inside a studio and inside the installation's share.
    folder: &'static str,
    /// Appended to the name of a single file; empty for folders.
    suffix: &'static str,
    /// What must be in the folder: one of these; `*.onnx.json` is any file whose name ends so.
    markers: &'static [&'static str],
}

impl Shape {
    /// Whether a folder is one of these things.
    fn is_in(&self, folder: &Path) -> bool {
        self.markers.iter().any(|marker| match marker.strip_prefix('*') {
            Some(suffix) => with_suffix(folder, suffix).is_some(),
            None => folder.join(marker).is_file(),
        })
    }
}

/// The first file of a folder whose name ends so.
#[must_use]
pub fn with_suffix(folder: &Path, suffix: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| path.is_file() && path.file_name().is_some_and(|n| n.to_string_lossy().ends_with(suffix))).min()
}

fn shape(kind: Resource) -> Option<Shape> {
    let (folder, suffix, markers): (_, _, &[&str]) = match kind {
        // Without a contract of ours, a folder of diffusers or a voice of Piper may tell what would stand in it.
        Resource::Model => ("models", "", &["model.yaml", "model_index.json", "*.onnx.json"]),
        Resource::Brand => ("brands", "", &["brand.yaml"]),
        Resource::Look => ("templates/overlays", ".svg", &[]),
        Resource::PromptTemplate => ("templates/prompts", ".yaml", &[]),
        Resource::NotificationTemplate => ("templates/notifications", "", &["subject.txt"]),
        Resource::Preset => ("pipelines/presets", ".yaml", &[]),
        Resource::Asset => return None,
    };
    Some(Shape { folder, suffix, markers })
}

/// The file that describes a thing which is a folder.
#[must_use]
pub fn marker(kind: Resource) -> Option<&'static str> {
    shape(kind)?.markers.first().copied()
}

/// What a folder without the file that describes it lists under `field`, as far as a description of another kind tells.
#[must_use]
pub fn told_elsewhere(folder: &Path, field: &str) -> Option<Vec<String>> {
    /// Ends of file names, our field, and where its one value stands in that file.
    const TOLD: [(&str, &str, &str); 1] = [(".onnx.json", "locales", "/language/code")];
    if field == "family" {
        return Some(vec![family(folder).to_owned()]);
    }
    let (suffix, _, place) = TOLD.iter().find(|(_, name, _)| *name == field)?;
    let text = std::fs::read(with_suffix(folder, suffix)?).ok()?;
    let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(vec![value.pointer(place)?.as_str()?.replace('_', "-")])
}

/// What a model's folder is that has no contract of ours.
#[must_use]
pub fn family(folder: &Path) -> &'static str {
    if with_suffix(folder, ".onnx.json").is_some() { "piper" } else { "diffusers" }
}

/// Whether a name can be one: it becomes a file name, never a path.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// The file or folder of that kind and name in the first root that has it.
#[must_use]
pub fn find(roots: &[&Path], kind: Resource, name: &str) -> Option<PathBuf> {
    let shape = shape(kind)?;
    if !is_name(name) {
        return None;
    }
    roots
        .iter()
        .map(|root| root.join(shape.folder).join(format!("{name}{}", shape.suffix)))
        .find(|path| if shape.suffix.is_empty() { shape.is_in(path) } else { path.is_file() })
}

/// All names of a kind in these roots, sorted.
#[must_use]
pub fn names(roots: &[&Path], kind: Resource) -> Vec<String> {
    let Some(shape) = shape(kind) else { return Vec::new() };
    let mut names = BTreeSet::new();
    for root in roots {
        let Ok(entries) = std::fs::read_dir(root.join(shape.folder)) else { continue };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let name = match file.strip_suffix(shape.suffix) {
                Some(name) if shape.suffix.is_empty() => shape.is_in(&entry.path()).then_some(name),
                other => other,
            };
            if let Some(name) = name.filter(|n| is_name(n)) {
                names.insert(name.to_owned());
            }
        }
    }
    names.into_iter().collect()
}
