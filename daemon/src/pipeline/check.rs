//! What can be said of a pipeline against a studio without a brief.

use spotloom_plugin_api::Resource;

use super::catalog::{Catalog, NotFound};
use super::model::{ForEach, Pipeline, Stage};
use super::plan::SEED_OFFSET;
use super::plugins::{Plugin, Plugins, fits};
use super::references::stage_of;
use super::template::{Inspection, Language, dotted, is_template, single, unknown_step};
use crate::error::{self, Diagnostic, Diagnostics};
use crate::yaml::{Entry, Kind, Node};

pub(super) fn against(pipeline: &Pipeline, catalog: &dyn Catalog) -> Diagnostics {
    let mut mistakes = Diagnostics::new();
    let plugins = Plugins::load(catalog, pipeline.stages.iter().map(|s| s.uses.as_str()), &mut mistakes);
    with_plugins(pipeline, catalog, &plugins, &mut mistakes);
    error::sort(&mut mistakes);
    mistakes
}

pub(super) fn with_plugins(
    pipeline: &Pipeline,
    catalog: &dyn Catalog,
    plugins: &Plugins,
    mistakes: &mut Vec<Diagnostic>,
) {
    let mut check = Check { pipeline, catalog, plugins, language: Language::new(Vec::new()), mistakes };
    for stage in &pipeline.stages {
        match plugins.get(&stage.uses) {
            Some(plugin) => check.stage(stage, plugin),
            // A plugin with a broken schema is there and reported.
            None if catalog.plugin(&stage.uses).is_some() => {}
            None => {
                let known = catalog.plugin_ids();
                let message = format!("there is no plugin `{}`", stage.uses);
                let mistake = Diagnostic::new("unknown-plugin", message).at(stage.uses_node.place());
                check.mistakes.push(mistake.suggest(&stage.uses, known.iter().map(String::as_str)));
            }
        }
    }
    for deliver in pipeline.deliver.iter().chain(&pipeline.on_failure) {
        check.outputs(&deliver.files);
        deliver.poster.iter().for_each(|poster| check.outputs(poster));
    }
}

struct Check<'a> {
    pipeline: &'a Pipeline,
    catalog: &'a dyn Catalog,
    plugins: &'a Plugins,
    language: Language,
    mistakes: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn stage(&mut self, stage: &Stage, plugin: &Plugin) {
        let entries = stage.with.as_ref().and_then(Node::as_mapping).unwrap_or_default();
        let mut params = serde_json::Map::new();
        let mut templated: Vec<Vec<String>> = Vec::new();
        for entry in entries {
            self.outputs(&entry.value);
            if plugin.input(&entry.key).is_some() {
                self.port(entry, plugin);
            } else {
                find_templates(&entry.value, &mut vec![entry.key.to_string()], &mut templated);
                params.insert(entry.key.to_string(), entry.value.to_json());
            }
        }
        for items in match &stage.for_each {
            Some(ForEach::List(node)) => vec![node],
            Some(ForEach::Matrix(names)) => names.iter().map(|(_, n)| n).collect(),
            None => Vec::new(),
        } {
            self.outputs(items);
        }
        if let Some(reseed) = &stage.reseed {
            self.reseedable(&reseed.stage, &reseed.node);
        }
        self.required(stage, plugin, entries);
        self.params(stage, plugin, &params.into(), &templated);
    }

    /// A stage that is run again with another seed must have one.
    fn reseedable(&mut self, name: &str, node: &Node) {
        let Some(uses) = self.pipeline.stage(name).map(|s| &s.uses) else { return };
        if self.plugins.get(uses).is_some_and(|p| !p.schema.properties().any(|p| p == SEED_OFFSET)) {
            let message =
                format!("the stage `{name}` can't be made with another seed: `{uses}` takes no `{SEED_OFFSET}`");
            self.mistakes
                .push(node.mistake("not-seeded", message).expected("a stage that generates, like `diffusion`"));
        }
    }

    /// Required ports that nothing is given to.
    fn required(&mut self, stage: &Stage, plugin: &Plugin, entries: &[Entry]) {
        for port in plugin.info.description.inputs.iter().filter(|p| p.required) {
            if !entries.iter().any(|e| *e.key == *port.name) {
                let message = format!("the stage `{}` gets no `{}`", stage.name, port.name);
                let mistake = Diagnostic::new("missing-input", message).at(stage.node.place());
                self.mistakes.push(mistake.expected(format!("`{}` under `with`: {}", port.name, port.summary)));
            }
        }
    }

    /// Parameters against the schema, as far as they are written out.
    fn params(&mut self, stage: &Stage, plugin: &Plugin, params: &serde_json::Value, templated: &[Vec<String>]) {
        let with = stage.with.as_ref().unwrap_or(&stage.node);
        for mut error in plugin.schema.errors(params) {
            let open = templated.iter().any(|t| t.starts_with(&error.path));
            if open && !matches!(error.code, "unknown-field" | "missing-field") {
                continue;
            }
            if let (true, "unknown-field", Some(name)) = (error.path.is_empty(), error.code, &error.property) {
                // Ports are named in the same place.
                let near = error::nearest(name, plugin.names());
                error.hint = near
                    .map(|n| format!("did you mean `{n}`?"))
                    .or_else(|| Some(format!("`{}` takes {}", stage.uses, error::list(&plugin.names(), "and"))));
            }
            if error.code == "missing-field" && error.path.is_empty() {
                error.expected = Some(match error.expected {
                    Some(about) => format!("a value under `with`: {about}"),
                    None => "a value under `with`".into(),
                });
                let name = format!("the stage `{}`", stage.name);
                self.mistakes.push(Diagnostic { place: Some(stage.node.place()), ..error.into_diagnostic(&name) });
                continue;
            }
            self.mistakes.push(error.locate(with, &format!("the stage `{}`", stage.name)));
        }
    }

    /// A file input: what it refers to must be of the right type, what it names must be there.
    fn port(&mut self, entry: &Entry, plugin: &Plugin) {
        let Some(port) = plugin.input(&entry.key) else { return };
        let items = match entry.value.kind() {
            Kind::Sequence(items) => items.iter().collect(),
            _ => vec![&entry.value],
        };
        if items.len() > 1 && !port.many {
            let message = format!("`{}` takes one file and gets {}", port.name, items.len());
            self.mistakes.push(entry.value.mistake("too-many-files", message));
        }
        for item in items {
            let Some(text) = item.as_text() else {
                let mistake = item.mistake("wrong-type", format!("`{}` takes files, found {}", port.name, item.what()));
                self.mistakes.push(mistake.expected("`{{ stages.STAGE.OUTPUT }}`, or a name or path"));
                continue;
            };
            if item.is_null() {
                continue;
            }
            if !is_template(text) {
                if let Err(reason) = find(self.catalog, port.resource, text) {
                    self.mistakes.push(not_found(port.resource, text, &reason).at(item.place()));
                }
                continue;
            }
            let Some((stage, output)) = reference(text) else { continue };
            let made = self.pipeline.stage(stage).and_then(|s| self.plugins.get(&s.uses)?.output(output));
            if let Some(made) = made.filter(|made| !fits(&port.media, &made.media)) {
                let message = format!("`{}` does not take what `{stage}.{output}` is: {}", port.name, made.media);
                self.mistakes.push(item.mistake("wrong-media", message).expected(port.media.join(" or ")));
            }
        }
    }

    /// Every `stages.S.O` in a value names an output there is.
    fn outputs(&mut self, node: &Node) {
        let mut found = Inspection::default();
        self.language.inspect(node, false, &mut found);
        for (path, node) in found.paths {
            let Some(stage) = stage_of(&path).and_then(|name| self.pipeline.stage(name)) else { continue };
            let (Some(plugin), Some(output)) = (self.plugins.get(&stage.uses), path.split('.').nth(2)) else {
                continue;
            };
            if plugin.output(output).is_none() {
                let known = plugin.info.description.outputs.iter().map(|o| o.name.as_str());
                let message = format!("the stage `{}` makes no `{output}`", stage.name);
                let mut mistake = unknown_step(&node, &path, 2, message, known);
                mistake.code = "unknown-output".into();
                self.mistakes.push(mistake);
            }
        }
    }
}

/// The one output that an expression is about, when it is that simple.
fn reference(text: &str) -> Option<(&str, &str)> {
    single(text)?;
    match dotted(text)?.as_slice() {
        ["stages", stage, output] => Some((stage, output)),
        _ => None,
    }
}

fn find_templates(node: &Node, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match node.kind() {
        Kind::Scalar(text, _) if is_template(text) => found.push(path.clone()),
        Kind::Scalar(..) => {}
        Kind::Sequence(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push(i.to_string());
                find_templates(item, path, found);
                path.pop();
            }
        }
        Kind::Mapping(entries) => {
            for entry in entries.iter() {
                path.push(entry.key.to_string());
                find_templates(&entry.value, path, found);
                path.pop();
            }
        }
    }
}

/// Looks a name up as a thing of that kind; a path, or a port without a kind, means an asset.
pub(super) fn find(catalog: &dyn Catalog, kind: Option<Resource>, name: &str) -> Result<super::ResourceFile, NotFound> {
    match kind {
        Some(kind) if kind != Resource::Asset && !name.contains('/') => catalog.resource(kind, name),
        _ => catalog.asset(name),
    }
}

/// What a kind of thing is called, in codes and in sentences.
pub(super) fn kind_name(kind: Option<Resource>) -> (&'static str, &'static str) {
    match kind {
        Some(Resource::Model) => ("unknown-model", "model"),
        Some(Resource::Brand) => ("unknown-brand", "brand"),
        Some(Resource::Look) => ("unknown-look", "look"),
        Some(Resource::PromptTemplate) => ("unknown-template", "prompt template"),
        Some(Resource::NotificationTemplate) => ("unknown-template", "notification template"),
        Some(Resource::Preset) => ("unknown-preset", "preset"),
        Some(Resource::Asset) | None => ("missing-asset", "file"),
    }
}

/// A name that leads nowhere.
pub(super) fn not_found(kind: Option<Resource>, name: &str, reason: &NotFound) -> Diagnostic {
    let (code, what) = if name.contains('/') { kind_name(None) } else { kind_name(kind) };
    let message = match reason.message.as_str() {
        "" => format!("there is no {what} `{name}`"),
        message => format!("the {what} `{name}` can't be used: {message}"),
    };
    let known: Vec<&str> = reason.known.iter().map(String::as_str).collect();
    let hint = match error::nearest(name, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() || known.len() > 24 => None,
        None => Some(format!("there is {}", error::list(&known, "and"))),
    };
    Diagnostic { hint, ..Diagnostic::new(code, message) }
}
