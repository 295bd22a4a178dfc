//! A pipeline file to a [`Pipeline`], with every mistake that the file alone shows.

use super::duration;
use super::model::{Deliver, ForEach, Input, InputKind, Pipeline, Requirement, ReseedStage, Stage};
use super::plan::Retry;
use super::references::{Expressions, ordered};
use super::template::{Language, is_template};
use crate::brief::Notice;
use crate::error::Diagnostics;
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
    let requires = f.get("requires").map_or_else(
        || Some(Vec::new()),
        |n| {
            let items =
                m.list(n, "a list, like `- {that: brief.product.image, message: a product needs a picture}`")?;
            Some(items.iter().filter_map(|item| requirement(item, m)).collect())
        },
    );
    let stages = f.require("stages", "a mapping of stages, like `shots: {uses: diffusion, with: {…}}`");
    let stages = stages.and_then(|n| named(n, "a stage", m, stage));
    let over = f.get("deliver").map(|n| deliver(n, "`deliver`", m));
    let on_failure = f.get("on-failure").map(|n| deliver(n, "`on-failure`", m));
    let notify = f.get("notify").map_or_else(|| Some(Vec::new()), |n| notify(n, m));
    let source = f.node().clone();
    f.finish(m);
    // Stages that could be read are checked on even when others could not.
    Some(Pipeline {
        name: name.unwrap_or_default(),
        description: description.unwrap_or_default(),
        inputs: inputs.unwrap_or_default(),
        requires: requires.unwrap_or_default(),
        stages: stages.unwrap_or_default(),
        deliver: over.flatten(),
        on_failure: on_failure.flatten(),
        notify: notify.unwrap_or_default(),
        source,
    })
}

fn requirement(node: &Node, m: &mut Mistakes) -> Option<Requirement> {
    let mut f = Fields::of(node, "a requirement", m)?;
    let that = f.require("that", "an expression that is true of a right brief").cloned();
    let message = f.require("message", "what its author is told otherwise").and_then(|n| m.text(n, "one sentence"));
    let hint = f.get("hint").and_then(|n| m.text(n, "what to do"));
    let at = f.get("at").and_then(|n| m.text(n, "a field of the brief, like `scenes`"));
    f.finish(m);
    Some(Requirement { that: that?, message: message?, hint, at })
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
    let kind = f.require("type", "`string`, `integer`, `number`, `boolean`, `enum`, `list` or `mapping`");
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
            ("mapping", InputKind::Mapping),
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
    if let Some(with) = &with {
        m.entries(with, "a mapping of parameters, like `width: 1280`");
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
    let reseed = f.get("retry-with-new-seed").map(|n| reseed(n, m));
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
        reseed: reseed.flatten(),
    })
}

fn for_each(node: &Node, m: &mut Mistakes) -> Option<ForEach> {
    if node.as_mapping().is_some() {
        let mut matrix = Vec::new();
        for entry in m.entries(node, "lists by name")? {
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

fn reseed(node: &Node, m: &mut Mistakes) -> Option<ReseedStage> {
    const RETRIES: &str = "a whole number from 0 to 10: how many seeds are tried after the first";
    let mut f = Fields::of(node, "`retry-with-new-seed`", m)?;
    let stage = f.require("stage", "the stage whose files are judged, like `shots`").cloned();
    let retries = f.require("retries", RETRIES).cloned();
    f.finish(m);
    let (stage, retries) = (stage?, retries?);
    if !retries.as_text().is_some_and(is_template) {
        m.integer(&retries, RETRIES, 0..=10)?;
    }
    Some(ReseedStage { stage: m.text(&stage, "a stage's name")?, node: stage, retries })
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

fn deliver(node: &Node, what: &str, m: &mut Mistakes) -> Option<Deliver> {
    let mut f = Fields::of(node, what, m)?;
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
