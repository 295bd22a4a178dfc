//! From recipes to a plan: one task for each, with the recipe's parameters, shot and files, found again by their hashes. A clip that
//! is no longer here is made again first, where its own recipe is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use spotloom_plugin_api::Resource;

use crate::artifacts::{Store, hash_bytes, hash_file};
use crate::engine::Engine;
use crate::error::{self, Diagnostic, Diagnostics};
use crate::ids::{Sha256, TaskKey};
use crate::pipeline::catalog::{Catalog as _, ResourceFile};
use crate::pipeline::plan::{InputRef, Plan, PlannedTask, PluginRef, Retry, Trigger};
use crate::studio::{Studio, StudioCatalog};

/// The version of recipes that is understood.
const VERSION: u64 = 1;
/// Folders below `assets` that are looked into.
const DEPTH: usize = 8;

/// Files by input port.
type Inputs = BTreeMap<String, Vec<InputRef>>;

/// What recipes make.
#[derive(PartialEq, Eq)]
pub(super) struct Product {
    /// The stage's port, and what tells of it in the recipe.
    pub port: &'static str,
    pub ending: &'static str,
    /// What several are called, before their number.
    called: &'static str,
}

/// What a recipe makes.
pub(super) fn product(recipe: &Value) -> Product {
    match recipe.get("picture") {
        Some(_) => Product { port: "picture", ending: "png", called: "picture" },
        None if begins_with_a_shot(recipe) => Product { port: "clip", ending: "mkv", called: "shot" },
        None => Product { port: "clip", ending: "mkv", called: "clip" },
    }
}

/// Whether a clip was generated, whatever was done to it since; footage that was worked on is no shot.
fn begins_with_a_shot(recipe: &Value) -> bool {
    recipe.get("shot").is_some() || recipe["parents"].get(0).is_some_and(begins_with_a_shot)
}

/// The task of a recipe.
pub(super) fn key(index: usize, count: usize) -> TaskKey {
    if count == 1 { TaskKey::new("clip") } else { TaskKey::new(format!("clip[{index}]")) }
}

/// `hero` of `hero.recipe.json`.
pub(super) fn stem(file: &Path) -> String {
    let name = file.file_name().map_or_else(|| "clip".into(), |n| n.to_string_lossy().into_owned());
    let name = name.trim_end_matches(".json").trim_end_matches(".recipe");
    if name.is_empty() { "clip".into() } else { name.to_owned() }
}

/// What the clip or picture of one of the recipes is called, without its ending. Shots are numbered as the report numbers
/// them, whatever pictures are among them.
pub(super) fn name(file: &Path, recipes: &[Value], index: usize) -> String {
    if recipes.len() == 1 {
        return stem(file);
    }
    let own = product(&recipes[index]);
    let number = recipes[..=index].iter().filter(|r| product(r) == own).count();
    format!("{}-{number}", own.called)
}

/// The plan of all recipes, or everything that is wrong with them. A clip never comes from the cache: nothing would be
/// proven by that.
pub(super) fn plan(studio: &Studio, engine: &Engine, file: &Path, recipes: &[Value]) -> Result<Plan, Diagnostics> {
    let catalog = StudioCatalog::new(studio, &engine.machinery.registry);
    let (mut tasks, mut problems) = (Vec::new(), Diagnostics::new());
    for (index, recipe) in recipes.iter().enumerate() {
        let shown = match recipes.len() {
            1 => file.display().to_string(),
            _ => format!("{}, recipe {}", file.display(), index + 1),
        };
        let store = &engine.machinery.store;
        let source = Source {
            studio,
            catalog: &catalog,
            store,
            file,
            shown,
            recipe,
            others: (&recipes[..index], recipes.len()),
        };
        match source.tasks(&key(index, recipes.len())) {
            Ok(planned) => tasks.extend(planned),
            Err(mistakes) => problems.extend(mistakes),
        }
    }
    if problems.is_empty() {
        Ok(Plan::new("recipes".into(), stem(file), String::new(), "recipe".into(), tasks))
    } else {
        Err(problems)
    }
}

/// A recipe, and where its things are looked for.
struct Source<'a> {
    studio: &'a Studio,
    catalog: &'a StudioCatalog<'a>,
    store: &'a Store,
    file: &'a Path,
    /// How the recipe is called in messages.
    shown: String,
    recipe: &'a Value,
    /// Those before it in the file, which are made as well, and how many there are in all.
    others: (&'a [Value], usize),
}

impl Source<'_> {
    fn wrong(&self, message: &str) -> Diagnostic {
        Diagnostic::new("bad-recipe", format!("{}: {message}", self.shown))
    }

    fn text(&self, pointer: &str) -> Result<&str, Diagnostics> {
        let found = self.recipe.pointer(pointer).and_then(Value::as_str);
        let name = pointer.trim_start_matches('/').replace('/', ".");
        found.ok_or_else(|| vec![self.wrong(&format!("`{name}` is missing, so this is no whole recipe"))])
    }

    /// Its task, behind those that make what it was made of and what is no longer here.
    fn tasks(&self, key: &TaskKey) -> Result<Vec<PlannedTask>, Diagnostics> {
        if self.recipe["spotloom-recipe"].as_u64() != Some(VERSION) {
            let message = format!("this Spotloom understands recipes of version {VERSION}");
            return Err(vec![self.wrong(&message)]);
        }
        self.text(&format!("/{}/sha256", product(self.recipe).port))?;
        let id = self.text("/stage/id")?;
        let plugin = self.catalog.plugin(id);
        let plugin = plugin.ok_or_else(|| vec![self.wrong(&format!("there is no plugin `{id}` that may run"))])?;
        let description = plugin.description;
        // Nothing else is run from a file that came from somewhere: a delivery, say.
        let made = ["recipe", product(self.recipe).port];
        if !made.iter().all(|name| description.outputs.iter().any(|port| port.name == *name)) {
            return Err(vec![self.wrong(&format!("`{id}` makes nothing that recipes are written of"))]);
        }
        let port = |name: &str| description.inputs.iter().find(|port| port.name == name);
        let (mut inputs, mut tasks) = self.given(key)?;
        // Some stages do without a model.
        if self.recipe.get("model").is_some() || port("model").is_some_and(|port| port.required) {
            let model = self.model()?;
            inputs.insert(
                "model".to_owned(),
                vec![InputRef::File {
                    resource: Some(Resource::Model),
                    path: model.path,
                    name: model.name,
                    media: model.media,
                    sha256: model.sha256,
                }],
            );
        }
        if let Some(shot) = self.recipe.get("shot") {
            inputs.insert("shot".to_owned(), vec![self.kept("shot.json", shot)?]);
        }
        let parents = self.recipe["parents"].as_array().into_iter().flatten();
        let parents = parents.map(|parent| self.kept("clip.recipe.json", parent)).collect::<Result<Vec<_>, _>>()?;
        if !parents.is_empty() && port("recipe").is_some() {
            inputs.insert("recipe".to_owned(), parents);
        }
        let written = self.recipe["params"].as_object().into_iter().flatten().filter(|(_, v)| !v.is_null());
        let params: Map<String, Value> = written.map(|(name, value)| (name.clone(), value.clone())).collect();
        let made = inputs.values().flatten().filter_map(|input| match input {
            InputRef::Output { task, .. } => Some(task.clone()),
            InputRef::File { .. } => None,
        });
        let needs = made.collect::<BTreeSet<_>>().into_iter().collect();
        tasks.push(PlannedTask {
            key: key.clone(),
            stage: "clip".into(),
            uses: PluginRef { id: description.id, version: description.version, sha256: plugin.sha256 },
            params,
            inputs,
            needs,
            trigger: Trigger::Needs,
            retry: Retry { max_attempts: 1, backoff_s: 10.0 },
            timeout_s: 24.0 * 3600.0,
            stall_timeout_s: 600.0,
            cache: false,
            pool: if description.resources.gpu { "gpu".into() } else { "cpu".into() },
            continue_on_error: false,
            secrets: Vec::new(),
            reseed: None,
        });
        Ok(tasks)
    }

    /// The model, when its files are those that the recipe names. A contract with other words and the same files will do.
    fn model(&self) -> Result<ResourceFile, Diagnostics> {
        // A model's own name and its folder's may differ; older recipes have the one alone.
        let name = self.text("/model/folder").or_else(|_| self.text("/model/name"))?;
        let found = self.catalog.resource(Resource::Model, name);
        let found = found.map_err(|_| {
            let names = self.catalog.names(Resource::Model);
            let mistake = self.wrong(&format!("there is no model `{name}`, and it was made with that one"));
            vec![mistake.expected(error::list(&names.iter().map(String::as_str).collect::<Vec<_>>(), "or"))]
        })?;
        let contract = Path::new(&found.path).join("model.yaml");
        let same =
            hash_file(&contract).is_ok_and(|(sha, _)| Some(sha.as_str()) == self.recipe["model"]["sha256"].as_str());
        if same {
            return Ok(found);
        }
        let folder = Path::new(&found.path);
        let is_here = |file: &Value| {
            let path = file["file"].as_str().map(|name| folder.join(name));
            path.is_some_and(|p| hash_file(&p).is_ok_and(|(sha, _)| Some(sha.as_str()) == file["sha256"].as_str()))
        };
        let components = self.recipe["model"]["components"].as_object();
        let other: Vec<String> = components
            .into_iter()
            .flatten()
            .filter(|(_, files)| !files.as_array().is_some_and(|files| files.iter().all(is_here)))
            .map(|(role, _)| format!("`{role}`"))
            .collect();
        if other.is_empty() {
            return Ok(found);
        }
        let other = other.join(", ");
        let mistake = self.wrong(&format!("the model `{name}` here is another than it was made with: {other} differ"));
        Err(vec![
            mistake.hint("put the model back that the recipe names; `model.components` has the hashes of its files"),
        ])
    }

    /// A part of the recipe as a file that stays: the job is run from its frozen plan.
    fn kept(&self, name: &str, part: &Value) -> Result<InputRef, Diagnostics> {
        let text = part.to_string();
        let sha256 = hash_bytes(text.as_bytes());
        let folder = self.studio.state().join("recipes");
        let path = folder.join(format!("{}.json", sha256.as_str()));
        let failed = |e: std::io::Error| {
            vec![Diagnostic::new("not-writable", format!("{} can't be written: {e}", path.display()))]
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        fs::write(&path, text).map_err(failed)?;
        Ok(InputRef::File {
            resource: None,
            path: path.display().to_string(),
            name: name.into(),
            media: "application/json".into(),
            sha256,
        })
    }

    /// The pictures and clips that were given, with the tasks that make them where they are not here; or which of them are not, and
    /// can't be made.
    fn given(&self, key: &TaskKey) -> Result<(Inputs, Vec<PlannedTask>), Diagnostics> {
        let (mut inputs, mut missing) = (Inputs::new(), Diagnostics::new());
        let mut tasks = Vec::new();
        for (port, files) in self.recipe["inputs"].as_object().into_iter().flatten() {
            for given in files.as_array().into_iter().flatten() {
                let found = match self.find(given) {
                    Some(input) => Some(input),
                    None => match self.made_again(key, given, &mut tasks) {
                        Ok(found) => found,
                        Err(mistakes) => {
                            missing.extend(mistakes);
                            continue;
                        }
                    },
                };
                match found {
                    Some(input) => inputs.entry(port.clone()).or_default().push(input),
                    None => {
                        let name = given["name"].as_str().unwrap_or("a file");
                        let sha256 = given["sha256"].as_str().unwrap_or_default();
                        let mistake =
                            self.wrong(&format!("`{name}`, its `{port}`, is not here, or is another file now"));
                        let mistake = mistake.expected(format!("a file with the sha256 {sha256}"));
                        let hint = match given["media"].as_str() {
                            Some(media) if media.starts_with("video/") => {
                                "put it beside the recipe, or into the studio's `assets` folder; a clip that was made here comes \
                                 again when you run the recipe that made it"
                            }
                            _ => "put it beside the recipe, or into the studio's `assets` folder",
                        };
                        missing.push(mistake.hint(hint));
                    }
                }
            }
        }
        if missing.is_empty() { Ok((inputs, tasks)) } else { Err(missing) }
    }

    /// A file that is not here, as what another recipe of the file makes, or one that this recipe holds itself.
    fn made_again(
        &self,
        key: &TaskKey,
        given: &Value,
        tasks: &mut Vec<PlannedTask>,
    ) -> Result<Option<InputRef>, Diagnostics> {
        let makes = |recipe: &Value| recipe[product(recipe).port]["sha256"] == given["sha256"];
        let output = |task: TaskKey, recipe: &Value| InputRef::Output { task, output: product(recipe).port.into() };
        let (others, count) = self.others;
        if let Some(index) = others.iter().position(makes) {
            return Ok(Some(output(self::key(index, count), &others[index])));
        }
        let mut parents = self.recipe["parents"].as_array().into_iter().flatten().enumerate();
        let Some((index, parent)) = parents.find(|(_, parent)| makes(parent)) else { return Ok(None) };
        let parents_key = TaskKey::new(format!("{}.parent[{index}]", key.as_str()));
        let shown = format!("{}, parents[{index}]", self.shown);
        let source = Source { shown, recipe: parent, others: (&[], 0), ..*self };
        // Given twice, it is made once.
        if tasks.iter().all(|task| task.key != parents_key) {
            tasks.extend(source.tasks(&parents_key)?);
        }
        Ok(Some(output(parents_key, parent)))
    }

    /// A file by its hash: from the artifact store, from beside the recipe, or from the assets.
    fn find(&self, given: &Value) -> Option<InputRef> {
        let (name, wanted) = (given["name"].as_str()?, Sha256(given["sha256"].as_str()?.to_owned()));
        let plain = Path::new(name).file_name()?;
        let beside = self.file.parent().unwrap_or(Path::new(".")).join(plain);
        let mut places = vec![self.store.path(&wanted), beside];
        called(&self.studio.root.join("assets"), plain, DEPTH, &mut places);
        let found = places.into_iter().find(|path| hash_file(path).is_ok_and(|(sha, _)| sha == wanted))?;
        Some(InputRef::File {
            resource: None,
            path: found.canonicalize().ok()?.display().to_string(),
            name: name.into(),
            media: given["media"].as_str().unwrap_or("application/octet-stream").into(),
            sha256: wanted,
        })
    }
}

/// The plain files of that name in a folder and those in it; links are not followed.
fn called(folder: &Path, name: &std::ffi::OsStr, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => called(&entry.path(), name, depth - 1, found),
            Ok(kind) if kind.is_file() && entry.file_name() == name => found.push(entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shots_and_pictures_are_numbered_each_by_themselves() {
        let (clip, picture) = (json!({"shot": {}, "clip": {}}), json!({"picture": {}}));
        let large = json!({"clip": {}, "parents": [clip]});
        let footage = json!({"clip": {}});
        let check = |recipes: &[Value], expected: &[&str]| {
            let file = Path::new("hero.recipe.json");
            let names: Vec<String> = (0..recipes.len()).map(|i| name(file, recipes, i)).collect();
            assert_eq!(names, expected);
        };
        check(std::slice::from_ref(&clip), &["hero"]);
        check(std::slice::from_ref(&picture), &["hero"]);
        check(&[picture.clone(), clip.clone(), picture, large], &["picture-1", "shot-1", "picture-2", "shot-2"]);
        check(&[footage, clip], &["clip-1", "shot-1"]);
    }
}
