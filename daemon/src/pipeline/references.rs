//! What a pipeline's expressions refer to: names there must be, and the order that follows from them.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{ForEach, Pipeline, Stage};
use super::template::{Inspection, Language, ROOTS, unknown_step};
use crate::error::Diagnostic;
use crate::yaml::{Mistakes, Node};

/// Checks what the expressions refer to.
pub(super) struct Expressions<'a> {
    pub language: Language,
    pub pipeline: &'a Pipeline,
    pub mistakes: &'a mut Mistakes,
}

/// Fields of `brief` in expressions.
const BRIEF: [&str; 16] = [
    "campaign",
    "title",
    "pipeline",
    "brand",
    "locales",
    "product",
    "copy",
    "scenes",
    "audio",
    "captions",
    "codes",
    "outputs",
    "seed",
    "rights",
    "deliver",
    "stakeholders",
];

impl Expressions<'_> {
    pub(super) fn check(&mut self) {
        let pipeline = self.pipeline;
        for input in &pipeline.inputs {
            self.paths(input.default.iter(), None, &["brief", "brand"]);
        }
        for requirement in &pipeline.requires {
            self.paths(
                std::iter::empty(),
                Some(&requirement.that),
                &["brief", "inputs", "brand", "presets", "aspects", "files"],
            );
        }
        for stage in &pipeline.stages {
            let items: Vec<&Node> = match &stage.for_each {
                Some(ForEach::List(node)) => vec![node],
                Some(ForEach::Matrix(names)) => names.iter().map(|(_, node)| node).collect(),
                None => Vec::new(),
            };
            let outside = ["brief", "inputs", "brand", "presets", "aspects", "files", "stages"];
            self.paths(items.into_iter(), None, &outside);
            let roots: &[&str] = if stage.for_each.is_some() { &ROOTS } else { &outside };
            self.paths(stage.with.iter(), None, roots);
            self.paths(std::iter::empty(), stage.when.as_ref(), roots);
            self.paths(stage.reseed.iter().map(|r| &r.retries), None, roots);
            self.needs(stage);
        }
        for deliver in pipeline.deliver.iter().chain(&pipeline.on_failure) {
            let roots = ["brief", "inputs", "brand", "presets", "aspects", "files", "stages"];
            self.paths(std::iter::once(&deliver.files).chain(&deliver.poster), None, &roots);
        }
    }

    fn needs(&mut self, stage: &Stage) {
        let names: Vec<&str> = self.pipeline.stages.iter().map(|s| s.name.as_str()).collect();
        if let Some(reseed) = stage.reseed.as_ref().filter(|r| !names.contains(&r.stage.as_str())) {
            let mistake = reseed.node.mistake("unknown-stage", format!("there is no stage `{}`", reseed.stage));
            self.mistakes.push(mistake.suggest(&reseed.stage, names.iter().copied()));
        }
        let stages = self.pipeline.source.get("stages").and_then(|s| s.get(&stage.name));
        for item in stages.and_then(|s| s.get("needs")).and_then(Node::as_sequence).unwrap_or_default() {
            if let Some(name) = item.as_text().filter(|n| !names.contains(n)) {
                let mistake = item.mistake("unknown-stage", format!("there is no stage `{name}`"));
                self.mistakes.push(mistake.suggest(name, names.iter().copied()));
            }
        }
    }

    fn paths<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>, bare: Option<&'n Node>, roots: &[&str]) {
        let mut found = Inspection::default();
        nodes.for_each(|node| self.language.inspect(node, false, &mut found));
        bare.into_iter().filter(|n| n.as_text().is_some()).for_each(|n| self.language.inspect(n, true, &mut found));
        self.mistakes.extend(found.mistakes);
        for (path, node) in found.paths {
            if let Some(mistake) = self.path(&path, &node, roots) {
                self.mistakes.push(mistake);
            }
        }
    }

    fn path(&self, path: &str, node: &Node, roots: &[&str]) -> Option<Diagnostic> {
        let steps: Vec<&str> = path.split('.').collect();
        let root = *steps.first()?;
        if !roots.contains(&root) {
            if GLOBALS.contains(&root) {
                return None;
            }
            let message = if root == "each" {
                "`each` exists only inside a stage with `for-each`".into()
            } else if ROOTS.contains(&root) {
                format!("`{root}` can't be used here")
            } else {
                format!("there is nothing called `{root}`")
            };
            return Some(unknown_step(node, path, 0, message, roots.iter().copied()));
        }
        let second = steps.get(1).copied();
        match (root, second) {
            ("brief", Some(field)) if !BRIEF.contains(&field) => {
                Some(unknown_step(node, path, 1, format!("a brief has no `{field}`"), BRIEF))
            }
            ("inputs", Some(field)) if !self.pipeline.inputs.iter().any(|i| i.name == field) => {
                let known = self.pipeline.inputs.iter().map(|i| i.name.as_str());
                Some(unknown_step(node, path, 1, format!("the pipeline has no input `{field}`"), known))
            }
            ("stages", Some(field)) if self.pipeline.stage(field).is_none() => {
                let known = self.pipeline.stages.iter().map(|s| s.name.as_str());
                let mut mistake = unknown_step(node, path, 1, format!("there is no stage `{field}`"), known);
                mistake.code = "unknown-stage".into();
                Some(mistake)
            }
            ("stages", _) if steps.len() < 3 => {
                let mistake = node.mistake("bad-expression", format!("`{path}` says not which files"));
                Some(mistake.expected("`stages.STAGE.OUTPUT`, like `stages.shots.clip`"))
            }
            _ => None,
        }
    }
}

/// Functions of the language that look like names.
const GLOBALS: [&str; 4] = ["range", "dict", "namespace", "debug"];

/// The stages in an order in which each comes after those it depends on, else as in the file.
pub(super) fn ordered(mut pipeline: Pipeline, m: &mut Mistakes) -> Option<Pipeline> {
    let language = Language::new(Vec::new());
    for stage in &mut pipeline.stages {
        let mut found = Inspection::default();
        stage.with.iter().for_each(|n| language.inspect(n, false, &mut found));
        stage.when.iter().filter(|n| n.as_text().is_some()).for_each(|n| language.inspect(n, true, &mut found));
        match &stage.for_each {
            Some(ForEach::List(node)) => language.inspect(node, false, &mut found),
            Some(ForEach::Matrix(names)) => names.iter().for_each(|(_, n)| language.inspect(n, false, &mut found)),
            None => {}
        }
        stage.depends.extend(found.paths.iter().filter_map(|(path, _)| stage_of(path)).map(str::to_owned));
    }
    // Whatever uses files that a stage judges comes after that judgement: they may still be made again.
    let judges: Vec<(String, String)> =
        pipeline.stages.iter().filter_map(|s| Some((s.reseed.as_ref()?.stage.clone(), s.name.clone()))).collect();
    for (judged, judge) in &judges {
        let users = pipeline.stages.iter_mut().filter(|s| s.name != *judge && s.depends.contains(judged));
        users.for_each(|s| s.depends.extend([judge.clone()]));
    }
    let depends: BTreeMap<String, BTreeSet<String>> =
        pipeline.stages.iter().map(|s| (s.name.clone(), s.depends.clone())).collect();
    let mut rest = std::mem::take(&mut pipeline.stages);
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !rest.is_empty() {
        let ready = rest.iter().position(|s| s.depends.iter().all(|d| done.contains(d) || !depends.contains_key(d)));
        let Some(index) = ready else {
            m.push(cycle(&rest, &depends));
            return None;
        };
        let stage = rest.remove(index);
        done.insert(stage.name.clone());
        pipeline.stages.push(stage);
    }
    Some(pipeline)
}

/// The stage in `stages.shots.clip`.
pub(super) fn stage_of(path: &str) -> Option<&str> {
    let mut steps = path.split('.');
    (steps.next() == Some("stages")).then(|| steps.next()).flatten()
}

fn cycle(rest: &[Stage], depends: &BTreeMap<String, BTreeSet<String>>) -> Diagnostic {
    // Every stage left needs another one that is left: following them must come round.
    let is_left = |name: &str| rest.iter().any(|s| s.name == name);
    let mut way: Vec<&str> = rest.first().map(|s| vec![s.name.as_str()]).unwrap_or_default();
    let start = loop {
        let next = way.last().and_then(|last| depends.get(*last)?.iter().find(|d| is_left(d)));
        let Some(next) = next else { break 0 };
        if let Some(at) = way.iter().position(|w| w == next) {
            break at;
        }
        way.push(next);
    };
    let mut names: Vec<&str> = way.split_off(start);
    // In the order of the file, so that the message does not depend on where the search began.
    let first =
        names.iter().enumerate().min_by_key(|(_, n)| rest.iter().position(|s| s.name == **n)).map_or(0, |(i, _)| i);
    names.rotate_left(first);
    names.extend(names.first().copied());
    let message = format!("the stages need each other in a circle: {}", names.join(" → "));
    let place = rest.iter().find(|s| Some(&s.name.as_str()) == names.first()).map(|s| s.node.place());
    Diagnostic { place, ..Diagnostic::new("cycle", message).hint("an arrow reads \"needs\"; take one of them away") }
}
