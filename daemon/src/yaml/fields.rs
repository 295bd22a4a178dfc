//! Reading a tree into types while collecting every mistake, not only the first.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::node::{Entry, Node};
use super::scalar;
use crate::error::{self, Diagnostic, Diagnostics};
use crate::yaml::{Kind, Style};

/// More mistakes than this are not reported one by one.
const MOST: usize = 50;
/// More than this are not kept.
const MOST_KEPT: usize = 1000;
/// The most items of a list and fields of a mapping.
const MOST_ITEMS: usize = 1000;
/// The longest text of a field, in characters.
const LONGEST_TEXT: usize = 20_000;

/// The mistakes found so far, and readers that add to them. A reader's `None` means: reported, go on.
#[derive(Debug, Default)]
pub struct Mistakes {
    list: Diagnostics,
    /// Those that were not even kept.
    dropped: usize,
}

impl Mistakes {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, mistake: Diagnostic) {
        if self.list.len() < MOST_KEPT {
            self.list.push(mistake);
        } else {
            self.dropped += 1;
        }
    }

    pub fn extend(&mut self, mistakes: impl IntoIterator<Item = Diagnostic>) {
        mistakes.into_iter().for_each(|mistake| self.push(mistake));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them in the order of their places.
    #[must_use]
    pub fn into_diagnostics(mut self) -> Diagnostics {
        error::sort(&mut self.list);
        if self.list.len() > MOST {
            let more = self.list.len() - MOST + self.dropped;
            self.list.truncate(MOST);
            self.list.push(Diagnostic::new("more-mistakes", format!("and {more} more mistakes")));
        }
        self.list
    }

    /// `value` if there was no mistake.
    ///
    /// # Errors
    /// All mistakes in the order of their places.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(self.into_diagnostics()),
        }
    }

    /// Reports that `node` is something else than `expected`.
    pub fn wrong_type(&mut self, node: &Node, expected: &str) {
        let message = if node.is_null() { "the value is missing".into() } else { format!("found {}", node.what()) };
        self.push(node.mistake("wrong-type", message).expected(expected));
    }

    /// Text that is not empty. A number counts as the text it is written with.
    pub fn text(&mut self, node: &Node, expected: &str) -> Option<String> {
        let Kind::Scalar(text, style) = node.kind() else {
            self.wrong_type(node, expected);
            return None;
        };
        let value = if *style == Style::Plain { scalar::resolve(text) } else { Value::String(String::new()) };
        match value {
            Value::Bool(_) => {
                self.push(
                    node.mistake("wrong-type", format!("found {}", node.what()))
                        .expected(expected)
                        .hint(format!("if the word is meant, write \"{text}\"")),
                );
                return None;
            }
            Value::Null => {
                self.wrong_type(node, expected);
                return None;
            }
            _ => {}
        }
        let text = text.trim();
        if text.is_empty() {
            self.push(node.mistake("empty-text", "the text is empty").expected(expected));
            return None;
        }
        let length = text.chars().count();
        if length > LONGEST_TEXT {
            let message = format!("the text is {length} characters long");
            self.push(node.mistake("too-long", message).expected(format!("at most {LONGEST_TEXT} characters")));
            return None;
        }
        Some(text.to_owned())
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, node: &Node, expected: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let Some(value) = self.plain(node).and_then(|v| v.as_i64()) else {
            self.wrong_number(node, expected);
            return None;
        };
        self.within(node, value, expected, &range)
    }

    /// A number within `range`.
    pub fn number(&mut self, node: &Node, expected: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let Some(value) = self.plain(node).and_then(|v| v.as_f64()) else {
            self.wrong_number(node, expected);
            return None;
        };
        self.within(node, value, expected, &range)
    }

    fn within<T: PartialOrd + Copy + std::fmt::Display>(
        &mut self,
        node: &Node,
        value: T,
        expected: &str,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        let bound = if value < *range.start() {
            format!("less than {}", range.start())
        } else {
            format!("more than {}", range.end())
        };
        self.push(node.mistake("out-of-range", format!("{value} is {bound}")).expected(expected));
        None
    }

    fn wrong_number(&mut self, node: &Node, expected: &str) {
        let quoted = matches!(node.kind(), Kind::Scalar(text, Style::Quoted) if scalar::resolve(text).is_number());
        self.wrong_type(node, expected);
        if let (true, Some(last)) = (quoted, self.list.last_mut()) {
            last.hint = Some("remove the quotes".into());
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        let value = self.plain(node).and_then(|v| v.as_bool());
        if value.is_none() {
            self.wrong_type(node, "`true` or `false`");
        }
        value
    }

    fn plain(&self, node: &Node) -> Option<Value> {
        match node.kind() {
            Kind::Scalar(text, Style::Plain) => Some(scalar::resolve(text)),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn list<'a>(&mut self, node: &'a Node, expected: &str) -> Option<&'a [Node]> {
        let items = node.as_sequence();
        if items.is_none() {
            self.wrong_type(node, expected);
            let one = !node.is_null() && node.as_text().is_some();
            if let (true, Some(last), Some(text)) = (one, self.list.last_mut(), node.as_text()) {
                last.hint = Some(format!("a list of one is written `[{}]`", super::node::short(text)));
            }
        }
        let count = items.map_or(0, <[Node]>::len);
        if count > MOST_ITEMS {
            self.too_many(node, count, "items");
            return None;
        }
        items
    }

    fn too_many(&mut self, node: &Node, count: usize, of: &str) {
        self.push(
            node.mistake("too-many", format!("there are {count} {of}")).expected(format!("at most {MOST_ITEMS}")),
        );
    }

    /// The fields of a mapping with free names.
    pub fn entries<'a>(&mut self, node: &'a Node, expected: &str) -> Option<&'a [Entry]> {
        let Some(entries) = node.as_mapping() else {
            self.wrong_type(node, expected);
            return None;
        };
        if entries.len() > MOST_ITEMS {
            self.too_many(node, entries.len(), "fields");
            return None;
        }
        Some(entries)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(n, _)| *n).collect();
        let expected = error::list(&names, "or");
        let text = self.text(node, &expected)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let mistake = node.mistake("bad-value", format!("`{}` is none of the choices", super::node::short(&text)));
            let mistake = mistake.expected(expected);
            self.push(match error::nearest(&text, names) {
                Some(name) => mistake.hint(format!("did you mean `{name}`?")),
                None => mistake,
            });
        }
        found
    }
}

/// A mapping whose fields are asked for by name; what was never asked for is a mistake.
#[derive(Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    what: String,
    asked: Vec<&'static str>,
    missing: Vec<(&'static str, &'static str)>,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which is `what` (`a scene`, `the brief`).
    pub fn of(node: &'a Node, what: &str, mistakes: &mut Mistakes) -> Option<Self> {
        mistakes.entries(node, &format!("{what} as fields, like `name: value`"))?;
        Some(Self { node, what: what.into(), asked: Vec::new(), missing: Vec::new() })
    }

    #[must_use]
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// The value of an optional field; `null` is the same as not writing it.
    pub fn get(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        self.node.get(name).filter(|n| !n.is_null())
    }

    /// The value of a field that must be there. That it isn't is reported by the finish.
    pub fn require(&mut self, name: &'static str, expected: &'static str) -> Option<&'a Node> {
        let node = self.get(name);
        if node.is_none() {
            self.missing.push((name, expected));
        }
        node
    }

    /// The fields nobody asked for, for a mapping that takes free names as well.
    pub fn rest(&self) -> impl Iterator<Item = &'a Entry> {
        self.node.as_mapping().unwrap_or_default().iter().filter(|e| !self.asked.contains(&&*e.key))
    }

    /// Reports what is missing and every field nobody asked for.
    pub fn finish(self, mistakes: &mut Mistakes) {
        let mut meant = Vec::new();
        for entry in self.rest() {
            // What is still missing is meant more likely than what is there already.
            let free = self.asked.iter().copied().filter(|name| self.node.get(name).is_none());
            let near =
                error::nearest(&entry.key, free).or_else(|| error::nearest(&entry.key, self.asked.iter().copied()));
            meant.extend(near);
            let message = format!("{} has no field `{}`", self.what, super::node::short(&entry.key));
            let mistake = entry.key_node.mistake("unknown-field", message);
            mistakes.push(match near {
                Some(name) => mistake.hint(format!("did you mean `{name}`?")),
                None if &*entry.key == "<<" => {
                    mistake.hint("merge keys are not part of YAML 1.2: write the fields out")
                }
                None => mistake.hint(format!("the fields are {}", error::list(&self.asked, "and"))),
            });
        }
        self.report_missing(&meant, mistakes);
    }

    /// Reports what is missing; names nobody asked for are free here.
    pub fn finish_free(self, mistakes: &mut Mistakes) {
        self.report_missing(&[], mistakes);
    }

    /// A misspelt name is reported once, as what it is: `meant`.
    fn report_missing(&self, meant: &[&str], mistakes: &mut Mistakes) {
        for (name, expected) in self.missing.iter().filter(|(name, _)| !meant.contains(name)) {
            match self.node.get(name) {
                Some(null) => mistakes.wrong_type(null, expected),
                None => {
                    let message = format!("{} has no `{name}`", self.what);
                    let mistake = self.node.mistake("missing-field", message);
                    mistakes.push(mistake.expected(format!("`{name}`: {expected}")));
                }
            }
        }
    }
}
