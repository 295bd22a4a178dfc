//! The tree: nodes that know their place and share their source.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::scalar;
use crate::error::{Diagnostic, Place};

/// A file's name and text, with the starts of its lines.
#[derive(Debug)]
pub(super) struct Source {
    file: String,
    text: String,
    lines: Vec<usize>,
    /// Of very long lines: where every so many characters begin, so that a place in them is found at once.
    steps: HashMap<u32, Vec<usize>>,
}

/// Lines of more bytes have steps, and a step is so many characters.
const LONG_LINE: usize = 4096;
const STEP: usize = 256;

impl Source {
    pub(super) fn new(file: &str, text: String) -> Self {
        let lines: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut source = Self { file: file.into(), text, lines, steps: HashMap::new() };
        let numbers = (1..).zip(&source.lines).map(|(number, _)| number);
        let long = numbers.filter(|number| source.line(*number).len() > LONG_LINE).map(|number| {
            let starts = source.line(number).char_indices().step_by(STEP).map(|(at, _)| at);
            (number, starts.collect())
        });
        source.steps = long.collect();
        source
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn line(&self, line: u32) -> &str {
        let index = line.max(1) as usize - 1;
        let start = self.lines.get(index).copied().unwrap_or(self.text.len());
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    pub(super) fn place(&self, span: Span) -> Place {
        let skipped = Place::skipped(self.line(span.line).len(), span.column);
        let window = self.line_from(span.line, skipped);
        Place::in_window(&self.file, span.line, span.column, span.width, skipped, window)
    }

    /// What is left of a line after so many characters.
    fn line_from(&self, line: u32, skipped: usize) -> &str {
        let text = self.line(line);
        let step = self.steps.get(&line).and_then(|steps| Some((*steps.get(skipped / STEP)?, skipped % STEP)));
        let (start, rest) = step.unwrap_or((0, skipped));
        let text = &text[start..];
        text.char_indices().nth(rest).map_or("", |(at, _)| &text[at..])
    }
}

/// Line and column from 1, width in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub line: u32,
    pub column: u32,
    pub width: u32,
}

/// A value of a YAML file and where it stands. Cheap to clone: aliases share what they stand for.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) source: Arc<Source>,
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text as written (escapes resolved), and how.
    Scalar(Arc<str>, Style),
    Sequence(Arc<Vec<Node>>),
    /// In the order of the file; keys are unique.
    Mapping(Arc<Vec<Entry>>),
}

/// One field of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Arc<str>,
    /// A scalar node: where the key stands.
    pub key_node: Node,
    pub value: Node,
}

/// How a scalar is written. Only plain ones can be anything but text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
    /// `|` or `>`.
    Block,
}

impl Node {
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Where it starts; of a value over several lines the first one is meant.
    #[must_use]
    pub fn place(&self) -> Place {
        self.source.place(self.span)
    }

    /// The place of `bytes` (a range of this scalar's text), when the text stands in one line of the file as it is.
    #[must_use]
    pub fn place_within(&self, bytes: std::ops::Range<usize>) -> Place {
        let Kind::Scalar(text, _) = &self.kind else { return self.place() };
        let rest = self.source.line_from(self.span.line, self.span.column.max(1) as usize - 1);
        let (Some(offset), Some(before), Some(meant)) =
            (starts_within(rest, text), text.get(..bytes.start), text.get(bytes.start..bytes.end))
        else {
            return self.place();
        };
        if text.is_empty() || text.contains('\n') {
            return self.place();
        }
        let chars = |s: &str| u32::try_from(s.chars().count()).unwrap_or(u32::MAX);
        let column = self.span.column + chars(&rest[..offset]) + chars(before);
        self.source.place(Span { line: self.span.line, column, width: chars(meant).max(1) })
    }

    /// A diagnostic at this node.
    #[must_use]
    pub fn mistake(&self, code: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, message).at(self.place())
    }

    /// The text of a scalar, whatever it may stand for.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Nothing was written, or `~` or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(text, Style::Plain) if scalar::resolve(text).is_null())
    }

    /// The value of a mapping's field.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.iter().find(|e| &*e.key == key).map(|e| &e.value)
    }

    /// Follows a path of keys and indices as far as it leads. Says whether it led all the way.
    #[must_use]
    pub fn follow<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> (&Node, bool) {
        let mut node = self;
        for step in path {
            let next = match &node.kind {
                Kind::Mapping(_) => node.get(step),
                Kind::Sequence(items) => step.parse::<usize>().ok().and_then(|i| items.get(i)),
                Kind::Scalar(..) => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// The value as JSON, scalars after YAML 1.2's core schema.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(text, Style::Plain) => scalar::resolve(text),
            Kind::Scalar(text, _) => Value::String(text.to_string()),
            Kind::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Kind::Mapping(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.to_string(), e.value.to_json())).collect::<Map<_, _>>())
            }
        }
    }

    /// The same tree with other scalars, each at the place of the old one; `None` keeps it.
    ///
    /// # Errors
    /// What `change` fails with.
    pub fn with_scalars<E>(
        &self,
        change: &mut impl FnMut(&Node) -> Result<Option<(String, Style)>, E>,
    ) -> Result<Self, E> {
        let kind = match &self.kind {
            Kind::Scalar(..) => match change(self)? {
                Some((text, style)) => Kind::Scalar(text.into(), style),
                None => self.kind.clone(),
            },
            Kind::Sequence(items) => {
                Kind::Sequence(Arc::new(items.iter().map(|i| i.with_scalars(change)).collect::<Result<_, _>>()?))
            }
            Kind::Mapping(entries) => {
                let entries = entries.iter().map(|e| Ok(Entry { value: e.value.with_scalars(change)?, ..e.clone() }));
                Kind::Mapping(Arc::new(entries.collect::<Result<_, E>>()?))
            }
        };
        Ok(Self { source: self.source.clone(), span: self.span, kind })
    }

    /// The same tree without those items of its lists that `gone` says are.
    #[must_use]
    pub fn without_items(&self, gone: &impl Fn(&Node) -> bool) -> Self {
        let kind = match &self.kind {
            Kind::Scalar(..) => self.kind.clone(),
            Kind::Sequence(items) => {
                let kept = items.iter().filter(|i| !gone(i)).map(|i| i.without_items(gone));
                Kind::Sequence(Arc::new(kept.collect()))
            }
            Kind::Mapping(entries) => {
                let entries = entries.iter().map(|e| Entry { value: e.value.without_items(gone), ..e.clone() });
                Kind::Mapping(Arc::new(entries.collect()))
            }
        };
        Self { source: self.source.clone(), span: self.span, kind }
    }

    /// What it is, for a person: `a list`, `the number 5`.
    #[must_use]
    pub fn what(&self) -> String {
        match &self.kind {
            Kind::Sequence(_) => "a list".into(),
            Kind::Mapping(_) => "a mapping".into(),
            Kind::Scalar(text, Style::Plain) => match scalar::resolve(text) {
                Value::Null => "nothing".into(),
                Value::Bool(_) => format!("`{text}` (yes or no)"),
                Value::Number(_) => format!("the number {}", short(text)),
                _ => format!("the text `{}`", short(text)),
            },
            Kind::Scalar(text, _) => format!("the text `{}`", short(text)),
        }
    }
}

/// Where `text` begins in `rest`: at once, or after an opening quote.
fn starts_within(rest: &str, text: &str) -> Option<usize> {
    let quoted = rest.strip_prefix(['"', '\'']).is_some_and(|r| r.starts_with(text));
    if rest.starts_with(text) { Some(0) } else { quoted.then_some(1) }
}

/// Text for the middle of a sentence.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text[..at].replace('\n', " ")),
        None => text.trim_end().replace('\n', " "),
    }
}
