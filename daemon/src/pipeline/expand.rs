//! A pipeline and a brief to a frozen plan: every expression evaluated, every name resolved, everything checked.
//!
//! Invariant: the same pipeline, brief and catalog give the same plan; tasks only need tasks before them; keys are
//! unique; a task's parameters and inputs hold what concerns it and nothing else, so that what did not change is
//! answered from the cache.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Value;
use serde_json::{Map, Value as Json};
use spotloom_plugin_api::{InputPort, OutputPort, Resources};

use super::catalog::Catalog;
use super::check::{self, find, not_found};
use super::deliver;
use super::facts::Facts;
use super::given;
use super::items::{self, Item};
use super::model::{Pipeline, ReseedStage, Stage};
use super::offers;
use super::origin::At;
use super::plan::{InputRef, Plan, PlannedTask, Reseed, Retry, Trigger};
use super::plugins::{Plugin, Plugins, fits};
use super::template::Language;
use super::value::{Evaluated, Reference};
use crate::brief::Brief;
use crate::error::{self, Diagnostic, Diagnostics};
use crate::ids::TaskKey;
use crate::yaml::{self, Mistakes, Node};

/// More tasks than this are a mistake in a `for-each`.
const MOST_TASKS: usize = 2_000;
const TIMEOUT_S: f64 = 3600.0;
const STALL_TIMEOUT_S: f64 = 120.0;

/// Freezes what a job will do.
///
/// # Errors
/// Every mistake in the brief and the pipeline that shows before anything runs, each at its place.
pub fn expand(pipeline: &Pipeline, brief: &Brief, catalog: &dyn Catalog) -> Result<Plan, Diagnostics> {
    let mut mistakes = Vec::new();
    let ids = pipeline.stages.iter().map(|s| s.uses.as_str()).chain(deliver::PLUGINS);
    let plugins = Plugins::load(catalog, ids, &mut mistakes);
    check::with_plugins(pipeline, catalog, &plugins, &mut mistakes);
    let language = Language::new(brief.locales.iter().map(|l| l.as_str().to_owned()).collect());
    let facts = Facts::gather(pipeline, brief, catalog, &language, &mut mistakes);
    mistakes.extend(given::mistakes(pipeline, brief.source(), catalog, &plugins));
    deliver::check_channels(brief, catalog, &mut mistakes);
    // With a name that leads nowhere, every expression over it would fail as well and say nothing new.
    if !mistakes.is_empty() {
        return Err(finished(mistakes));
    }

    let mut expansion = Expansion {
        brief,
        catalog,
        plugins: &plugins,
        language: &language,
        facts: &facts,
        tasks: Vec::new(),
        by_stage: BTreeMap::new(),
        judges: BTreeMap::new(),
        outputs: Vec::new(),
        mistakes,
    };
    expansion.requirements(pipeline);
    if !expansion.mistakes.is_empty() {
        return Err(sorted(expansion.mistakes));
    }
    for stage in &pipeline.stages {
        expansion.stage(stage);
        if expansion.tasks.len() > MOST_TASKS {
            let message = format!("the stage `{}` brings the plan to {} tasks", stage.name, expansion.tasks.len());
            let mistake = Diagnostic::new("too-many", message).at(stage.node.place());
            expansion.mistakes.push(mistake.expected(format!("at most {MOST_TASKS}")));
            break;
        }
    }
    if expansion.mistakes.is_empty() {
        deliver::expand(&mut expansion, pipeline);
    }
    if !expansion.mistakes.is_empty() {
        return Err(finished(expansion.mistakes));
    }
    let (campaign, title, brand) = (brief.campaign.clone(), brief.title.clone(), brief.brand.clone());
    Ok(Plan::new(campaign, title, brand, pipeline.name.clone(), expansion.tasks))
}

/// Sorted, and each mistake once even when every item of a `for-each` makes it.
fn finished(mut mistakes: Diagnostics) -> Diagnostics {
    error::sort(&mut mistakes);
    mistakes.dedup_by(|a, b| a.place.is_some() && a.place == b.place && a.code == b.code);
    sorted(mistakes)
}

/// Sorted; several of a kind at one place are all told, as those of a pipeline's `requires` are.
fn sorted(mistakes: Diagnostics) -> Diagnostics {
    let mut all = Mistakes::new();
    all.extend(mistakes);
    all.into_diagnostics()
}

/// The plan while it grows.
pub(super) struct Expansion<'a> {
    pub brief: &'a Brief,
    pub catalog: &'a dyn Catalog,
    pub plugins: &'a Plugins,
    language: &'a Language,
    facts: &'a Facts,
    pub tasks: Vec<PlannedTask>,
    by_stage: BTreeMap<String, Vec<TaskKey>>,
    /// By task that may be made again with another seed: the one that decides it.
    judges: BTreeMap<TaskKey, TaskKey>,
    /// By stage: what `stages.S` is in expressions.
    outputs: Vec<(String, Value)>,
    pub mistakes: Vec<Diagnostic>,
}

impl Expansion<'_> {
    fn stages(&self) -> Value {
        Value::from_pairs(self.outputs.iter().cloned())
    }

    /// Evaluates something outside of any `for-each`.
    pub(super) fn evaluate(&mut self, node: &Node) -> Option<Evaluated> {
        let context = self.facts.context(&self.stages(), None);
        self.keep(self.language.evaluate(node, &context))
    }

    fn keep<T>(&mut self, result: Result<T, Box<Diagnostic>>) -> Option<T> {
        result.map_err(|mistake| self.mistakes.push(*mistake)).ok()
    }

    /// What the pipeline asks of a brief, all of it at once.
    fn requirements(&mut self, pipeline: &Pipeline) {
        let context = self.facts.context(&self.stages(), None);
        for requirement in &pipeline.requires {
            if self.keep(self.language.condition(&requirement.that, &context)) == Some(false) {
                let field = requirement.at.as_deref().unwrap_or("pipeline");
                let place = self.brief.place(&[field]);
                let message = format!("`{}`: {}", pipeline.name, requirement.message);
                let mistake = Diagnostic::new("not-for-this-pipeline", message).at(place);
                self.mistakes.push(Diagnostic { hint: requirement.hint.clone(), ..mistake });
            }
        }
    }

    fn stage(&mut self, stage: &Stage) {
        let Some(plugin) = self.plugins.get(&stage.uses) else { return };
        let stages = self.stages();
        let outside = self.facts.context(&stages, None);
        let items = match &stage.for_each {
            None => vec![None],
            Some(for_each) => {
                let items = items::items(for_each, |node| self.language.evaluate(node, &outside));
                let Some(items) = self.keep(items) else { return };
                items.into_iter().map(Some).collect()
            }
        };
        let mut references: Vec<Vec<Value>> = vec![Vec::new(); plugin.info.description.outputs.len()];
        let mut keys = Vec::new();
        for item in &items {
            let each = item.as_ref().map(|i| &i.each);
            let context = self.facts.context(&stages, each);
            if let Some(when) = &stage.when {
                match self.keep(self.language.condition(when, &context)) {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return,
                }
            }
            let key = match item {
                Some(item) => TaskKey::new(format!("{}[{}]", stage.name, item.label)),
                None => TaskKey::new(&*stage.name),
            };
            for (list, port) in references.iter_mut().zip(&plugin.info.description.outputs) {
                list.push(reference(&key, port, each));
            }
            keys.push(key.clone());
            let before = self.mistakes.len();
            self.task(stage, plugin, key, item.as_ref(), &context);
            // The same mistake in a thousand items is one mistake.
            if self.mistakes.len() > before + 20 {
                return;
            }
        }
        let ports = plugin.info.description.outputs.iter().zip(references).map(|(port, list)| {
            let value = match stage.for_each {
                Some(_) => Value::from(list),
                None => list.into_iter().next().unwrap_or(Value::from(())),
            };
            // A hyphen would be a minus there.
            (port.name.replace('-', "_"), value)
        });
        self.outputs.push((stage.name.clone(), Value::from_pairs(ports)));
        self.by_stage.insert(stage.name.clone(), keys);
    }

    fn task(&mut self, stage: &Stage, plugin: &Plugin, key: TaskKey, item: Option<&Item>, context: &Value) {
        let at = At { stage, item, brief: self.brief };
        let (mut params, mut inputs) = (Map::new(), BTreeMap::new());
        for entry in stage.with.as_ref().and_then(Node::as_mapping).unwrap_or_default() {
            let Some(value) = self.keep(self.language.evaluate(&entry.value, context)) else { continue };
            // What is null is the same as not written: the plugin's default holds.
            if value.is_null() {
                continue;
            }
            if let Some(port) = plugin.input(&entry.key) {
                let files = self.files(port, &entry.value, value, &at);
                if !files.is_empty() {
                    inputs.insert(port.name.clone(), files);
                }
                continue;
            }
            match value.into_json() {
                Ok(json) => {
                    params.insert(entry.key.to_string(), json);
                }
                Err(reference) => {
                    let message = format!(
                        "`{}` is a parameter of `{}` and takes no files, but gets those of {}",
                        entry.key, stage.uses, reference.task
                    );
                    self.mistakes.push(entry.value.mistake("wrong-type", message));
                }
            }
        }
        for port in plugin.info.description.inputs.iter().filter(|p| p.required && !inputs.contains_key(&p.name)) {
            let message = format!("{key} gets no `{}`, which `{}` needs", port.name, stage.uses);
            let node = stage.with.as_ref().and_then(|w| w.get(&port.name)).unwrap_or(&stage.node);
            // A file that was looked for in vain is reported already.
            if self.mistakes.is_empty() {
                self.mistakes.push(node.mistake("missing-input", message).expected(port.summary.clone()));
            }
        }
        let params = Json::Object(params);
        for error in plugin.schema.errors(&params) {
            let place = at.place(&error.path);
            let name = match error.path.as_slice() {
                [] => key.to_string(),
                path => format!("`{}` of {key}", yaml::dotted(path)),
            };
            self.mistakes.push(Diagnostic { place: Some(place), ..error.into_diagnostic(&name) });
        }
        if let Some(map) = params.as_object() {
            let schema = &plugin.info.description.params;
            for (name, mistake) in offers::mistakes(schema, map, &inputs, self.catalog) {
                let mistake = mistake.at(at.asked(&name));
                // What is repeated for each shape is wrong once.
                if !self.mistakes.contains(&mistake) {
                    self.mistakes.push(mistake);
                }
            }
        }
        let mut needs: BTreeSet<TaskKey> = self.needs(&inputs);
        for name in &stage.needs {
            needs.extend(self.by_stage.get(name).into_iter().flatten().cloned());
        }
        let reseed = stage.reseed.as_ref().and_then(|r| self.reseed(r, &key, &inputs, context));
        let resources = &plugin.info.description.resources;
        self.tasks.push(PlannedTask {
            key,
            stage: stage.name.clone(),
            uses: plugin.reference(),
            secrets: plugin.secrets(&params),
            params: params.as_object().cloned().unwrap_or_default(),
            inputs,
            needs: needs.into_iter().collect(),
            trigger: Trigger::Needs,
            retry: stage.retry.unwrap_or_else(|| default_retry(resources)),
            timeout_s: stage.timeout_s.unwrap_or(TIMEOUT_S),
            stall_timeout_s: stage.stall_timeout_s.unwrap_or(STALL_TIMEOUT_S),
            cache: stage.cache.unwrap_or(plugin.info.description.cacheable),
            pool: stage.pool.clone().unwrap_or_else(|| default_pool(resources).into()),
            continue_on_error: stage.continue_on_error,
            reseed,
        });
    }

    /// The tasks behind these files, and those that decide whether they stay.
    pub(super) fn needs(&self, inputs: &BTreeMap<String, Vec<InputRef>>) -> BTreeSet<TaskKey> {
        let mut needs = tasks_behind(inputs);
        let judges: Vec<TaskKey> = needs.iter().filter_map(|key| self.judges.get(key)).cloned().collect();
        needs.extend(judges);
        needs
    }

    /// Which one task this one can have made again; `None` as well when the pipeline says that nothing is tried again.
    fn reseed(
        &mut self,
        reseed: &ReseedStage,
        judge: &TaskKey,
        inputs: &BTreeMap<String, Vec<InputRef>>,
        context: &Value,
    ) -> Option<Reseed> {
        let retries = match self.keep(self.language.evaluate(&reseed.retries, context))? {
            Evaluated::Json(Json::Number(n)) => n.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n <= 10),
            _ => None,
        };
        let Some(retries) = retries else {
            let mistake = reseed.retries.mistake("out-of-range", "`retries` is no such number");
            self.mistakes
                .push(mistake.expected("a whole number from 0 to 10: how many seeds are tried after the first"));
            return None;
        };
        let made = self.by_stage.get(&reseed.stage).cloned().unwrap_or_default();
        let judged: Vec<TaskKey> = tasks_behind(inputs).into_iter().filter(|key| made.contains(key)).collect();
        let [task] = judged.as_slice() else {
            let message = format!("{judge} judges files of {} tasks of `{}`", judged.len(), reseed.stage);
            let mistake = reseed.node.mistake("not-one-task", message).expected("files of exactly one");
            self.mistakes
                .push(mistake.hint("repeat the stage with the same `for-each`, and choose the file with `pick`"));
            return None;
        };
        if let Some(other) = self.judges.insert(task.clone(), judge.clone()) {
            let message = format!("{task} is judged by {other} already");
            self.mistakes
                .push(reseed.node.mistake("not-one-task", message).expected("one stage that has it made again"));
        }
        (retries > 0).then(|| Reseed { task: task.clone(), retries })
    }

    /// The files for a port.
    fn files(&mut self, port: &InputPort, node: &Node, value: Evaluated, at: &At<'_>) -> Vec<InputRef> {
        let mut files = Vec::new();
        let values = match value {
            Evaluated::List(items) => items,
            Evaluated::Json(Json::Array(items)) => items.into_iter().map(Evaluated::Json).collect(),
            one => vec![one],
        };
        let count = values.len();
        for value in values {
            match value {
                Evaluated::Reference(reference) => {
                    self.fits(port, node, &reference.media, &format!("what {} makes", reference.task));
                    if reference.many && !port.many {
                        let message = format!("`{}` takes one file; {} makes a list", port.name, reference.task);
                        self.mistakes.push(node.mistake("too-many-files", message));
                    }
                    files.push(reference.input());
                }
                Evaluated::Json(Json::Null) => {}
                Evaluated::Json(Json::String(name)) => files.extend(self.file(port, node, &name, at)),
                Evaluated::Json(other) => {
                    let message = format!("`{}` takes files, found {other}", port.name);
                    self.mistakes.push(node.mistake("wrong-type", message));
                }
                Evaluated::List(_) | Evaluated::Mapping(_) => {
                    let message = format!("`{}` takes a list of files, not lists or mappings in it", port.name);
                    self.mistakes.push(node.mistake("wrong-type", message));
                }
            }
        }
        if count > 1 && !port.many {
            let mistake = node.mistake("too-many-files", format!("`{}` takes one file and gets {count}", port.name));
            self.mistakes.push(mistake.hint("choose one: `| first`, or `| pick(index=each.index)`"));
        }
        files
    }

    fn fits(&mut self, port: &InputPort, node: &Node, media: &str, what: &str) {
        if !fits(&port.media, media) {
            let mistake = node.mistake("wrong-media", format!("`{}` does not take {what}: {media}", port.name));
            self.mistakes.push(mistake.expected(port.media.join(" or ")));
        }
    }

    fn file(&mut self, port: &InputPort, node: &Node, name: &str, at: &At<'_>) -> Option<InputRef> {
        match find(self.catalog, port.resource, name) {
            Ok(file) => {
                let by_name = port.resource.filter(|_| !name.contains('/'));
                // Things with a kind of their own are what their kind says.
                if by_name.is_none() && !fits(&port.media, &file.media) {
                    let message = format!("`{}` does not take {name}: it is {}", port.name, file.media);
                    let mistake = Diagnostic::new("wrong-media", message).at(at.origin(node));
                    self.mistakes.push(mistake.expected(port.media.join(" or ")));
                }
                Some(InputRef::File {
                    resource: by_name,
                    path: file.path,
                    name: file.name,
                    media: file.media,
                    sha256: file.sha256,
                })
            }
            Err(reason) => {
                self.mistakes.push(not_found(port.resource, name, &reason).at(at.named(node, name)));
                None
            }
        }
    }
}

fn reference(key: &TaskKey, port: &OutputPort, each: Option<&Value>) -> Value {
    Value::from_object(Reference {
        task: key.clone(),
        output: port.name.clone(),
        media: port.media.clone(),
        many: port.many,
        each: each.cloned(),
    })
}

/// The tasks whose files these are.
pub(super) fn tasks_behind(inputs: &BTreeMap<String, Vec<InputRef>>) -> BTreeSet<TaskKey> {
    let outputs = inputs.values().flatten().filter_map(|input| match input {
        InputRef::Output { task, .. } => Some(task.clone()),
        InputRef::File { .. } => None,
    });
    outputs.collect()
}

pub(super) fn default_retry(resources: &Resources) -> Retry {
    if resources.net { Retry { max_attempts: 5, backoff_s: 10.0 } } else { Retry { max_attempts: 1, backoff_s: 10.0 } }
}

pub(super) fn default_pool(resources: &Resources) -> &'static str {
    match (resources.gpu, resources.net) {
        (true, _) => "gpu",
        (_, true) => "net",
        _ => "cpu",
    }
}

pub(super) const fn default_timeouts() -> (f64, f64) {
    (TIMEOUT_S, STALL_TIMEOUT_S)
}
