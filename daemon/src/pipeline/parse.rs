//! A pipeline file to a [`Pipeline`], with every mistake that the file alone shows.

use std::collections::{BTreeMap, BTreeSet};

use super::duration;
use super::model::{Deliver, ForEach, Input, InputKind, Pipeline, Stage};
use super::plan::Retry;
use super::template::{Inspection, Language, ROOTS, is_template, unknown_step};
use crate::brief::Notice;
use crate::error::{Diagnostic, Diagnostics};
use crate::yaml::{Fields, Mistakes, Node};

const MOST_STAGES: usize = 100;
const DAY: f64 = 86_400.0;

pub(super) fn pipeline(node: &Node) -> Result<Pipeline, Diagnostics> {
    let mut m = Mistakes::new();
    let pipeline = Fields::of(node, "the pipeline", &mut m).and_then(|f| read(f, &mut m));
    if let Some(pipeline) = &pipeline {
        let mut expressions = Expressions { language: Language::new(Vec::new()), pipeline, mistakes: &mut m };
        expressions.check();
    }
    let pipeline = pipeline.and_then(|p| ordered(p, &mut m));
    m.finish(pipeline)
}

fn read(mut f: Fields<'_>, m: &mut Mistakes) -> Option<Pipeline> {
    let name = f.require("name", "the pipeline's name, like its file's").and_then(|n| m.text(n, "the pipeline's name"));
    let description = f.get("description").map_or(Some(String::new()), |n| m.text(n, "one sentence"));
    let inputs = f.get("inputs").map_or_else(|| Some(Vec::new()), |n| named(n, "an input", m, input));
    let stages = f.require("stages", "a mapping of stages, like `shots: {uses: diffusion, with: {…}}`");
    let stages = stages.and_then(|n| named(n, "a stage", m, stage));
    let deliver = f.get("deliver").map(|n| deliver(n, m));
    let notify = f.get("notify").map_or_else(|| Some(Vec::new()), |n| notify(n, m));
    let source = f.node().clone();
    f.finish(m);
    // Stages that could be read are checked on even when others could not.
    Some(Pipeline {
        name: name.unwrap_or_default(),
        description: description.unwrap_or_default(),
        inputs: inputs.unwrap_or_default(),
        stages: stages.unwrap_or_default(),
        deliver: deliver.flatten(),
        notify: notify.unwrap_or_default(),
        source,
    })
}

/// A mapping from names to things.
fn named<T>(
    node: &Node,
    what: &str,
    m: &mut Mistakes,
    read: impl Fn(&str, &Node, &Node, &mut Mistakes) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(entries) = node.as_mapping() else {
        m.wrong_type(node, &format!("a mapping with a name for {what}"));
        return None;
    };
    if entries.len() > MOST_STAGES {
        m.push(
            node.mistake("too-many", format!("there are {} here", entries.len()))
                .expected(format!("at most {MOST_STAGES}")),
        );
        return None;
    }
    let mut things = Vec::new();
    for entry in entries {
        let name = &*entry.key;
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            let mistake = entry.key_node.mistake("bad-name", format!("`{name}` can't be the name of {what}"));
            m.push(mistake.expected("small letters, digits and `_`, so that expressions can use it"));
        }
        things.extend(read(name, &entry.key_node, &entry.value, m));
    }
    Some(things)
}

fn input(name: &str, _: &Node, node: &Node, m: &mut Mistakes) -> Option<Input> {
    let mut f = Fields::of(node, "an input", m)?;
    let description = f.get("description").map_or(Some(String::new()), |n| m.text(n, "one sentence"));
    let kind = f.require("type", "`string`, `integer`, `number`, `boolean`, `enum` or `list`");
    let values = f.get("values").map(|n| {
        let items = m.list(n, "a list of words")?;
        items.iter().map(|item| m.text(item, "a word")).collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()
    });
    // Here a null says something: the input has no value unless the brief gives one.
    f.get("default");
    let default = node.get("default").cloned();
    let kind = kind.and_then(|n| {
        let kinds = [
            ("string", InputKind::String),
            ("integer", InputKind::Integer),
            ("number", InputKind::Number),
            ("boolean", InputKind::Boolean),
            ("enum", InputKind::Enum(Vec::new())),
            ("list", InputKind::List),
        ];
        let choices: Vec<(&str, usize)> = kinds.iter().enumerate().map(|(i, (name, _))| (*name, i)).collect();
        let index = m.choice(n, &choices)?;
        let kind = kinds.into_iter().nth(index)?.1;
        match (kind, values) {
            (InputKind::Enum(_), Some(values)) => values.map(InputKind::Enum),
            (InputKind::Enum(_), None) => {
                m.push(n.mistake("missing-field", "an enum has no `values`").expected("`values`: a list of words"));
                None
            }
            (_, Some(_)) => {
                m.push(n.mistake("bad-value", "only an enum has `values`").hint("write `type: enum`"));
                None
            }
            (kind, None) => Some(kind),
        }
    });
    f.finish(m);
    let kind = kind?;
    if let Some(node) = default.as_ref().filter(|d| !d.is_null() && !d.as_text().is_some_and(is_template)) {
        let value = node.to_json();
        if !kind.accepts(&value) {
            let mistake = node.mistake("wrong-type", format!("the default of `{name}` is {}", node.what()));
            m.push(mistake.expected(kind.expected()));
        }
    }
    Some(Input { name: name.into(), description: description?, kind, default })
}

fn stage(name: &str, key: &Node, node: &Node, m: &mut Mistakes) -> Option<Stage> {
    let mut f = Fields::of(node, &format!("the stage `{name}`"), m)?;
    let uses = f.require("uses", "the name of a plugin, like `diffusion`");
    let uses = uses.and_then(|n| Some((m.text(n, "the name of a plugin")?, n.clone())));
    let with = f.get("with").cloned();
    if let Some(with) = with.as_ref().filter(|w| w.as_mapping().is_none()) {
        m.wrong_type(with, "a mapping of parameters, like `width: 1280`");
    }
    let needs = f.get("needs").map_or_else(
        || Some(Vec::new()),
        |n| {
            let items = m.list(n, "a list of stages, like `[shots]`")?;
            let names: Vec<_> = items.iter().map(|i| Some((m.text(i, "a stage's name")?, i.clone()))).collect();
            names.into_iter().collect()
        },
    );
    let when = f.get("when").cloned();
    if let Some(when) = when.as_ref().filter(|w| w.as_text().is_none()) {
        m.wrong_type(when, "an expression, like `{{ brief.audio.music }}`");
    }
    let for_each = f.get("for-each").map(|n| for_each(n, m));
    let retry = f.get("retry").map(|n| retry(n, m));
    let timeout = f.get("timeout").map(|n| duration(n, m));
    let stall = f.get("stall-timeout").map(|n| duration(n, m));
    let cache = f.get("cache").map(|n| m.boolean(n));
    let pool = f.get("pool").map(|n| m.text(n, "the name of a pool: `cpu`, `gpu`, `net` or one of the studio's"));
    let continue_on_error = f.get("continue-on-error").map_or(Some(false), |n| m.boolean(n));
    f.finish(m);
    let needs: Vec<(String, Node)> = needs?;
    let (uses, uses_node) = uses?;
    // An explicit need is a reference like any other; unknown ones are reported with the expressions.
    Some(Stage {
        name: name.into(),
        uses,
        uses_node,
        node: key.clone(),
        with,
        needs: needs.iter().map(|(n, _)| n.clone()).collect(),
        depends: needs.into_iter().map(|(n, _)| n).collect(),
        when,
        for_each: for_each.unwrap_or_default(),
        retry: retry.flatten(),
        timeout_s: timeout.flatten(),
        stall_timeout_s: stall.flatten(),
        cache: cache.flatten(),
        pool: pool.flatten(),
        continue_on_error: continue_on_error.unwrap_or_default(),
    })
}

fn for_each(node: &Node, m: &mut Mistakes) -> Option<ForEach> {
    if let Some(entries) = node.as_mapping() {
        let mut matrix = Vec::new();
        for entry in entries {
            if &*entry.key == "index"
                || !entry.key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            {
                let mistake = entry.key_node.mistake("bad-name", format!("`{}` can't be a name here", entry.key));
                m.push(mistake.expected("small letters, digits and `_`; `index` is taken"));
            }
            check_items(&entry.value, m);
            matrix.push((entry.key.to_string(), entry.value.clone()));
        }
        if matrix.is_empty() {
            m.push(node.mistake("empty-list", "there is nothing to repeat the stage for"));
        }
        return Some(ForEach::Matrix(matrix));
    }
    check_items(node, m);
    Some(ForEach::List(node.clone()))
}

fn check_items(node: &Node, m: &mut Mistakes) {
    if node.as_sequence().is_none() && !node.as_text().is_some_and(is_template) {
        m.wrong_type(node, "a list, or an expression that gives one, like `{{ brief.scenes }}`");
    }
}

fn retry(node: &Node, m: &mut Mistakes) -> Option<Retry> {
    let mut f = Fields::of(node, "`retry`", m)?;
    let attempts = f.require("max-attempts", "a whole number from 1 to 20, the first try included");
    let attempts = attempts.and_then(|n| m.integer(n, "a whole number from 1 to 20, the first try included", 1..=20));
    let backoff = f.get("backoff").map_or(Some(10.0), |n| duration(n, m));
    f.finish(m);
    Some(Retry { max_attempts: u32::try_from(attempts?).ok()?, backoff_s: backoff? })
}

fn duration(node: &Node, m: &mut Mistakes) -> Option<f64> {
    const EXPECTED: &str = "a duration like `90s`, `10m` or `1h30m`, at most `7d`";
    let text = m.text(node, EXPECTED)?;
    match duration::seconds(&text) {
        Some(seconds) if seconds > 0.0 && seconds <= 7.0 * DAY => Some(seconds),
        Some(_) => {
            m.push(node.mistake("out-of-range", format!("`{text}` is out of range")).expected(EXPECTED));
            None
        }
        None => {
            let mistake = node.mistake("bad-duration", format!("`{text}` is no duration")).expected(EXPECTED);
            let is_number = text.parse::<f64>().is_ok();
            m.push(if is_number { mistake.hint(format!("write `{text}s` if seconds are meant")) } else { mistake });
            None
        }
    }
}

fn deliver(node: &Node, m: &mut Mistakes) -> Option<Deliver> {
    let mut f = Fields::of(node, "`deliver`", m)?;
    let files = f.require("files", "the files to hand over, like `{{ stages.masters.masters }}`").cloned();
    let poster = f.get("poster").cloned();
    f.finish(m);
    Some(Deliver { files: files?, poster })
}

fn notify(node: &Node, m: &mut Mistakes) -> Option<Vec<Notice>> {
    let items = m.list(node, "a list of events, like `[accepted, delivered, failed]`")?;
    let choices = [("accepted", Notice::Accepted), ("delivered", Notice::Delivered), ("failed", Notice::Failed)];
    items.iter().map(|item| m.choice(item, &choices)).collect::<Vec<_>>().into_iter().collect()
}

/// Checks what the expressions refer to.
struct Expressions<'a> {
    language: Language,
    pipeline: &'a Pipeline,
    mistakes: &'a mut Mistakes,
}

/// Fields of `brief` in expressions.
const BRIEF: [&str; 14] = [
    "campaign",
    "title",
    "pipeline",
    "brand",
    "locales",
    "product",
    "copy",
    "scenes",
    "audio",
    "outputs",
    "seed",
    "rights",
    "deliver",
    "stakeholders",
];

impl Expressions<'_> {
    fn check(&mut self) {
        let pipeline = self.pipeline;
        for input in &pipeline.inputs {
            self.paths(input.default.iter(), None, &["brief", "brand"]);
        }
        for stage in &pipeline.stages {
            let items: Vec<&Node> = match &stage.for_each {
                Some(ForEach::List(node)) => vec![node],
                Some(ForEach::Matrix(names)) => names.iter().map(|(_, node)| node).collect(),
                None => Vec::new(),
            };
            let outside = ["brief", "inputs", "brand", "presets", "aspects", "stages"];
            self.paths(items.into_iter(), None, &outside);
            let roots: &[&str] = if stage.for_each.is_some() { &ROOTS } else { &outside };
            self.paths(stage.with.iter(), None, roots);
            self.paths(std::iter::empty(), stage.when.as_ref(), roots);
            self.needs(stage);
        }
        if let Some(deliver) = &pipeline.deliver {
            let roots = ["brief", "inputs", "brand", "presets", "aspects", "stages"];
            self.paths(std::iter::once(&deliver.files).chain(&deliver.poster), None, &roots);
        }
    }

    fn needs(&mut self, stage: &Stage) {
        let names: Vec<&str> = self.pipeline.stages.iter().map(|s| s.name.as_str()).collect();
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
fn ordered(mut pipeline: Pipeline, m: &mut Mistakes) -> Option<Pipeline> {
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
