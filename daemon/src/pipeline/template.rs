//! The expression language: minijinja with limits, without files, and with our filters.

use std::collections::BTreeSet;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value as Json;
use spotloom_plugin_api::locale::reads_right_to_left;

use super::choose::{by_scene, numbered, pick};
use super::value::{Evaluated, Reference, to_value};
use crate::brief::text::{localised, own};
use crate::error::Diagnostic;
use crate::yaml::{Kind, Node};

/// Work one expression may do: about so many instructions, and 64 times as many bytes.
const FUEL: u64 = 20_000;
const RECURSION: usize = 64;
/// The longest text of an expression, and that it may give, in bytes.
const LONGEST: usize = 64 * 1024;

/// The language with everything that is the same for the whole plan.
pub(super) struct Language {
    env: Environment<'static>,
}

impl Language {
    /// `locales` are the brief's, for `localised` to fall back on.
    pub(super) fn new(locales: Vec<String>) -> Self {
        let mut env = Environment::new();
        env.set_debug(true);
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_recursion_limit(RECURSION);
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.set_formatter(|out, state, value| {
            if value.downcast_object_ref::<Reference>().is_some() {
                let message = "files can't become part of a text; give them to an input of a stage as they are";
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
            minijinja::escape_formatter(out, state, value)
        });
        env.add_filter("localised", move |value: &Value, locale: &Value| {
            let json = Evaluated::from_value(value)?.into_json().map_err(|_| {
                Error::new(ErrorKind::InvalidOperation, "`localised` chooses words; files have no language")
            })?;
            Ok::<_, Error>(to_value(&localised(&json, &locale.to_string(), &locales)))
        });
        env.add_filter("own", |value: &Value, locale: &Value| {
            let json = Evaluated::from_value(value)?.into_json();
            let json = json.map_err(|_| Error::new(ErrorKind::InvalidOperation, "files have no language"))?;
            Ok::<_, Error>(to_value(&own(&json, &locale.to_string())))
        });
        env.add_filter("pick", pick);
        env.add_filter("by_scene", by_scene);
        env.add_filter("numbered", |scenes: &Value| numbered(scenes));
        env.add_filter("direction", |locale: &str| if reads_right_to_left(locale) { "rtl" } else { "ltr" });
        env.add_filter("slug", |text: String| slug(&text));
        Self { env }
    }

    /// Evaluates every expression in a value.
    pub(super) fn evaluate(&self, node: &Node, context: &Value) -> Result<Evaluated, Box<Diagnostic>> {
        match node.kind() {
            Kind::Scalar(text, _) if is_template(text) => self.scalar(node, text, context),
            Kind::Scalar(..) => Ok(Evaluated::Json(node.to_json())),
            Kind::Sequence(items) => {
                let items = items.iter().map(|item| self.evaluate(item, context));
                Ok(Evaluated::list(items.collect::<Result<_, _>>()?))
            }
            Kind::Mapping(entries) => {
                let entries = entries.iter().map(|e| Ok((e.key.to_string(), self.evaluate(&e.value, context)?)));
                Ok(Evaluated::mapping(entries.collect::<Result<_, Box<Diagnostic>>>()?))
            }
        }
    }

    fn scalar(&self, node: &Node, text: &str, context: &Value) -> Result<Evaluated, Box<Diagnostic>> {
        let whole = single(text).filter(|inner| self.env.compile_expression(inner.text).is_ok());
        if let Some(inner) = whole {
            return self.expression(node, inner, context);
        }
        let result = self.env.template_from_str(text).and_then(|t| t.render(context));
        match result {
            Ok(text) if text.len() > LONGEST => Err(Box::new(
                node.mistake("bad-expression", format!("the text becomes {} bytes long", text.len()))
                    .expected(format!("at most {LONGEST}")),
            )),
            Ok(text) => Ok(Evaluated::Json(Json::String(text))),
            Err(e) => Err(Box::new(explain(node, 0, &e))),
        }
    }

    fn expression(&self, node: &Node, inner: Inner<'_>, context: &Value) -> Result<Evaluated, Box<Diagnostic>> {
        let result = self.env.compile_expression(inner.text).and_then(|e| e.eval(context));
        if result.as_ref().is_ok_and(Value::is_undefined) {
            let name = inner.text.trim();
            let start = inner.start + inner.text.find(name).unwrap_or_default();
            return Err(Box::new(undefined(name).at(node.place_within(start..start + name.len()))));
        }
        let result = result.and_then(|value| Evaluated::from_value(&value));
        result.map_err(|e| Box::new(explain(node, inner.start, &e)))
    }

    /// Evaluates a condition, written bare or in `{{ }}`.
    pub(super) fn condition(&self, node: &Node, context: &Value) -> Result<bool, Box<Diagnostic>> {
        let Some(text) = node.as_text() else { return Ok(false) };
        let inner = single(text).unwrap_or(Inner { text, start: 0 });
        let value = self.expression(node, inner, context)?;
        Ok(value.to_value().is_true())
    }

    /// What is wrong with the expressions of a value as far as can be said without values, and what they refer to.
    pub(super) fn inspect(&self, node: &Node, bare: bool, found: &mut Inspection) {
        match node.kind() {
            Kind::Scalar(text, _) if bare || is_template(text) => self.inspect_text(node, text, bare, found),
            Kind::Scalar(..) => {}
            Kind::Sequence(items) => items.iter().for_each(|item| self.inspect(item, false, found)),
            Kind::Mapping(entries) => entries.iter().for_each(|e| self.inspect(&e.value, false, found)),
        }
    }

    fn inspect_text(&self, node: &Node, text: &str, bare: bool, found: &mut Inspection) {
        if text.len() > LONGEST {
            let mistake = node.mistake("bad-expression", format!("the expression is {} bytes long", text.len()));
            found.mistakes.push(mistake.expected(format!("at most {LONGEST}")));
            return;
        }
        let single = single(text).or(bare.then_some(Inner { text, start: 0 }));
        let paths = match single.map(|inner| (inner, self.env.compile_expression(inner.text))) {
            Some((_, Ok(expression))) => expression.undeclared_variables(true),
            // `{{ a }} and {{ b }}` begins and ends like one expression and is none.
            Some((inner, Err(e))) if bare || !inner.text.contains("}}") => {
                found.mistakes.push(explain(node, inner.start, &e));
                return;
            }
            _ => match self.env.template_from_str(text) {
                Ok(template) => template.undeclared_variables(true),
                Err(e) => {
                    found.mistakes.push(explain(node, 0, &e));
                    return;
                }
            },
        };
        for name in filters(text).into_iter().collect::<BTreeSet<_>>() {
            let known = self.env.compile_expression(&format!("0|{name}")).and_then(|e| e.eval(()));
            if known.is_err_and(|e| e.kind() == ErrorKind::UnknownFilter) {
                let at = text.find(name).unwrap_or_default();
                let mistake = Diagnostic::new("bad-expression", format!("there is no filter `{name}`"));
                let mistake = mistake.at(node.place_within(at..at + name.len()));
                found.mistakes.push(mistake.suggest(name, FILTERS));
            }
        }
        let paths: BTreeSet<String> = paths.into_iter().collect();
        found.paths.extend(paths.into_iter().map(|path| (path, node.clone())));
    }
}

/// What [`Language::inspect`] found.
#[derive(Default)]
pub(super) struct Inspection {
    pub mistakes: Vec<Diagnostic>,
    /// Dotted paths (`stages.shots.clip`) and where they are used.
    pub paths: Vec<(String, Node)>,
}

/// The filters worth suggesting: ours and those of minijinja that make sense here.
const FILTERS: [&str; 28] = [
    "localised",
    "own",
    "pick",
    "by_scene",
    "numbered",
    "direction",
    "slug",
    "default",
    "first",
    "last",
    "length",
    "join",
    "lower",
    "upper",
    "title",
    "trim",
    "replace",
    "map",
    "select",
    "selectattr",
    "reject",
    "rejectattr",
    "list",
    "sort",
    "unique",
    "round",
    "int",
    "float",
];

/// Whether a scalar has anything to evaluate.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The expression of a text that is one expression and nothing else, and where it starts.
#[derive(Clone, Copy)]
pub(super) struct Inner<'a> {
    pub text: &'a str,
    pub start: usize,
}

pub(super) fn single(text: &str) -> Option<Inner<'_>> {
    let start = text.len() - text.trim_start().len();
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.starts_with(['-', '+'])).then_some(Inner { text: inner, start: start + 2 })
}

/// The dotted path at the start of a value that is one expression: `brief.product.image`. Filters after it don't matter.
pub(super) fn dotted(text: &str) -> Option<Vec<&str>> {
    let path = single(text)?.text.split('|').next()?.trim();
    let is_name = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let steps: Vec<&str> = path.split('.').collect();
    steps.iter().all(|s| is_name(s)).then_some(steps)
}

/// Names after a `|`, outside of quotes.
fn filters(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut quote = None;
    let mut inside = false;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(q) if byte == q => quote = None,
            Some(_) => {}
            None if !inside => inside = text[at..].starts_with("{{") || text[at..].starts_with("{%"),
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if text[at..].starts_with("}}") || text[at..].starts_with("%}") => inside = false,
            None if byte == b'|' => {
                let rest = text[at + 1..].trim_start();
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                if end > 0 {
                    names.push(&rest[..end]);
                }
            }
            None => {}
        }
        at += 1;
        while at < bytes.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
    names
}

/// An error of minijinja in our words, at its place. `offset` is where its source starts in the scalar.
fn explain(node: &Node, offset: usize, error: &Error) -> Diagnostic {
    let text = node.as_text().unwrap_or_default();
    let range = error.range().map(|r| r.start + offset..r.end + offset).map(|mut range| {
        // Of `brand.tone.voice` the engine points at `.tone.voice` only.
        if let Some(before) = text.get(..range.start).filter(|_| error.kind() == ErrorKind::UndefinedError) {
            range.start = before.trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')).len();
        }
        range
    });
    let place = range.clone().map_or_else(|| node.place(), |range| node.place_within(range));
    let detail = error.detail().unwrap_or_default();
    let meant = range.and_then(|range| text.get(range)).map(str::trim);
    let message = match error.kind() {
        ErrorKind::SyntaxError => format!("the expression can't be read: {detail}"),
        ErrorKind::UndefinedError => {
            return undefined(meant.filter(|m| !m.is_empty()).unwrap_or("something in it")).at(place);
        }
        ErrorKind::OutOfFuel => "the expression does too much".into(),
        ErrorKind::TemplateNotFound => "other files can't be included".into(),
        ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest | ErrorKind::UnknownMethod => {
            format!("the expression asks for something that is not there: {detail}")
        }
        _ if detail.is_empty() => format!("the expression fails: {}", error.kind()),
        _ => format!("the expression fails: {detail}"),
    };
    Diagnostic::new("bad-expression", message).at(place)
}

fn undefined(name: &str) -> Diagnostic {
    Diagnostic::new("bad-expression", format!("`{name}` is not there"))
        .hint("check the name; for something that may be absent write `NAME | default(none)`")
}

/// A name for files and addresses: small letters and digits of any script, everything else a hyphen.
#[must_use]
pub fn slug(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    let lower = text.nfkc().collect::<String>().to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.join("-")
}

/// A mistake about a path (`stages.shots.clip`) used in `node`: the step `index` of it is unknown.
pub(super) fn unknown_step<'a>(
    node: &Node,
    path: &str,
    index: usize,
    message: String,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let steps: Vec<&str> = path.split('.').collect();
    let step = steps.get(index).copied().unwrap_or(path);
    let text = node.as_text().unwrap_or_default();
    let start = text.find(path).map(|at| at + steps.iter().take(index).map(|s| s.len() + 1).sum::<usize>());
    let place = start.map_or_else(|| node.place(), |at| node.place_within(at..at + step.len()));
    Diagnostic::new("unknown-name", message).at(place).suggest(step, known)
}

/// The names in an expression's context, for suggestions.
pub(super) const ROOTS: [&str; 8] = ["brief", "inputs", "brand", "presets", "aspects", "files", "stages", "each"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(yaml: &str, expected: &str) {
        let node = crate::yaml::parse("p.yaml", yaml.as_bytes()).unwrap();
        let node = node.get("v").unwrap();
        let context = to_value(&json!({
            "brief": {"title": "Citrus hero", "seed": 42, "copy": {"headline": {"en": "Sun", "de": "Sonne"}}, "image": null},
            "each": {"index": 1},
            "inputs": {"list": [1, 2]},
        }));
        let language = Language::new(vec!["en".into(), "de".into()]);
        let got = match language.evaluate(node, &context) {
            Ok(value) => value.into_json().unwrap().to_string(),
            Err(d) => {
                let p = d.place.clone().unwrap();
                format!("{}:{}+{} {}", p.line, p.column, p.width, d.message)
            }
        };
        assert_eq!(got, expected, "{yaml}");
    }

    #[test]
    fn expressions() {
        check("v: plain", "\"plain\"");
        check("v: 5", "5");
        check("v: '{{ brief.seed }}'", "42");
        check("v: 'seed {{ brief.seed }}'", "\"seed 42\"");
        check("v: '{{ brief.seed }}{{ brief.seed }}'", "\"4242\"");
        check("v: '{{ brief.seed + each.index }}'", "43");
        check("v: '{{ inputs.list }}'", "[1,2]");
        check("v: '{{ brief.image }}'", "null");
        check("v: '{{ brief.title | slug }}'", "\"citrus-hero\"");
        check("v: {a: '{{ brief.seed }}', b: [x]}", "{\"a\":42,\"b\":[\"x\"]}");
        check("v: '{{ brief.copy | localised(\"de\") }}'", "{\"headline\":\"Sonne\"}");
        check("v: '{{ brief.nothing | default(none) }}'", "null");
        check("v: '{{ brief.nothing }}'", "1:8+13 `brief.nothing` is not there");
        check("v: 'x {{ brief.nothing }}'", "1:10+13 `brief.nothing` is not there");
    }

    #[test]
    fn hostile_expressions_end() {
        let fails = |expression: &str| {
            let yaml = format!("v: '{{{{ {expression} }}}}'");
            let node = crate::yaml::parse("p.yaml", yaml.as_bytes()).unwrap();
            Language::new(Vec::new()).evaluate(node.get("v").unwrap(), &Value::from(())).unwrap_err().message
        };
        assert_eq!(fails("\"x\" * 100000000"), "the expression does too much");
        assert_eq!(fails("range(99999) | list"), "the expression does too much");
        let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(fails(&deep).starts_with("the expression can't be read"));
    }
}
