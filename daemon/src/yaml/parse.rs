//! Bytes to a tree, through `granit-parser` (the event parser under serde-saphyr), with a budget for everything.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag, options};

use super::node::{Entry, Kind, Node, Source, Span, Style, short};
use super::{scalar, syntax};
use crate::error::{Diagnostic, Diagnostics};

/// The largest file that is read, in bytes. Ask the file system for the size and answer [`too_large`] unread.
pub const MAX_BYTES: u64 = 1 << 20;
/// Lists and mappings inside each other.
pub const MAX_DEPTH: usize = 64;
/// Values in a file, those that aliases stand for included.
pub const MAX_NODES: usize = 100_000;

/// The answer to a file of more than [`MAX_BYTES`].
#[must_use]
pub fn too_large(file: &str, bytes: u64) -> Diagnostic {
    let size = if bytes >= 1 << 30 {
        format!("{:.1} GB", bytes as f64 / 1e9)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    };
    Diagnostic::new("too-large", format!("{file} is {size} large"))
        .expected("a YAML file of at most 1 MiB")
        .hint("is this the right file? Pictures, music and footage are named by their path, not put into the file")
}

/// Reads one YAML document.
///
/// # Errors
/// Everything that is wrong with the text itself: size, encoding, syntax (the first mistake only, since what follows
/// can't be trusted), duplicate keys (all of them), budgets, more than one document, tags, an empty file.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Node, Diagnostics> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(vec![too_large(file, bytes.len() as u64)]);
    }
    let text = syntax::decode(file, bytes).map_err(|d| vec![*d])?;
    let source = Arc::new(Source::new(file, text.to_owned()));
    let mut builder = Builder::new(source.clone());
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    for next in Parser::new_from_str_with_options(source.text(), options) {
        let (event, span) = next.map_err(|e| vec![syntax::explain(&source, &e, builder.open_bracket())])?;
        builder.take(event, span).map_err(|d| vec![*d])?;
    }
    if !builder.duplicates.is_empty() {
        return Err(builder.duplicates);
    }
    match builder.root {
        Some(root) if !root.is_null() => Ok(root),
        _ => Err(vec![
            Diagnostic::new("empty-file", format!("{file} is empty"))
                .hint("is it still being written? `spotloom init` makes examples to start from"),
        ]),
    }
}

type Fault = Box<Diagnostic>;

/// A list or mapping that is not finished yet.
struct Open {
    span: Span,
    anchor: usize,
    flow: bool,
    /// Nodes when it began.
    nodes_before: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: HashMap<Arc<str>, u32>, key: Option<Node> },
}

struct Builder {
    source: Arc<Source>,
    open: Vec<Open>,
    /// By the parser's number: the value and how many nodes it stands for.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    duplicates: Diagnostics,
}

/// More than this are not worth reading.
const MAX_DUPLICATES: usize = 100;

impl Builder {
    fn new(source: Arc<Source>) -> Self {
        Self {
            source,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
            duplicates: Vec::new(),
        }
    }

    /// Where the innermost `[` or `{` stands that is still open.
    fn open_bracket(&self) -> Option<Span> {
        self.open.last().filter(|open| open.flow).map(|open| open.span)
    }

    fn take(&mut self, event: Event<'_>, at: granit_parser::Span) -> Result<(), Fault> {
        let span = convert(at);
        let tag_at = at.tag_span().map_or(span, convert);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.fault("two-documents", "a second document begins here", span).map(|d| {
                        d.expected("one document in a file")
                            .hint("put it into a file of its own, or remove the `---` line")
                    }));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let style = self.style(style, &text, tag.as_deref(), tag_at)?;
                let node = self.node(span, Kind::Scalar(text.into(), style));
                self.finish(node, anchor, 1)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", tag_at)?;
                self.begin(span, anchor, style, Content::Sequence(Vec::new()))?;
            }
            Event::MappingStart(style, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", tag_at)?;
                let content = Content::Mapping { entries: Vec::new(), seen: HashMap::new(), key: None };
                self.begin(span, anchor, style, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&at)?,
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id) else {
                    return Err(self.fault("yaml-syntax", "an alias can't stand inside what it stands for", span));
                };
                let (mut node, size) = (node.clone(), *size);
                // Mistakes in it are shown where it is written, but it stands here for the duplicate check.
                if matches!(node.kind, Kind::Scalar(..)) {
                    node.span = span;
                }
                self.finish(node, 0, size)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn fault(&self, code: &str, message: impl Into<String>, span: Span) -> Fault {
        Box::new(Diagnostic::new(code, message).at(self.source.place(span)))
    }

    fn node(&self, span: Span, kind: Kind) -> Node {
        Node { source: self.source.clone(), span, kind }
    }

    fn begin(&mut self, span: Span, anchor: usize, style: StructureStyle, content: Content) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Box::new(syntax::too_deep(&self.source, span)));
        }
        let flow = style == StructureStyle::Flow;
        self.open.push(Open { span, anchor, flow, nodes_before: self.nodes, content });
        Ok(())
    }

    fn end(&mut self, at: &granit_parser::Span) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let mut span = open.span;
        let kind = match open.content {
            Content::Sequence(items) => {
                if !open.flow {
                    span = Span { width: 1, ..span };
                }
                Kind::Sequence(Arc::new(items))
            }
            Content::Mapping { entries, .. } => {
                // A block mapping is shown by its first key: it has no sign of its own.
                if let (false, Some(first)) = (open.flow, entries.first()) {
                    span = first.key_node.span;
                }
                Kind::Mapping(Arc::new(entries))
            }
        };
        if open.flow && at.end.line() == span.line as usize {
            span.width = number(at.end.col() + 1).saturating_sub(span.column).max(1);
        }
        let size = self.nodes - open.nodes_before + 1;
        let node = self.node(span, kind);
        // Its content is counted already.
        self.nodes -= size - 1;
        self.finish(node, open.anchor, size)
    }

    /// Puts a finished value where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Fault> {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(self
                .fault("too-many-values", "the file grows beyond all measure here", node.span)
                .map(|d| d.expected(format!("at most {MAX_NODES} values, those behind aliases (`*name`) included"))));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { key: key @ None, .. } => *key = Some(node),
            Content::Mapping { entries, seen, key } => {
                let Some(key_node) = key.take() else { return Ok(()) };
                let Kind::Scalar(key, _) = &key_node.kind else {
                    return Err(self
                        .fault("bad-key", "a key must be text", key_node.span)
                        .map(|d| d.hint("text with `{`, `[` or `: ` in it needs quotes around it")));
                };
                let key = key.clone();
                if let Some(line) = seen.get(&key) {
                    let message = format!("`{}` is there twice, first in line {line}", short(&key));
                    let place = self.source.place(key_node.span);
                    if self.duplicates.len() < MAX_DUPLICATES {
                        self.duplicates
                            .push(Diagnostic::new("duplicate-key", message).at(place).hint("keep one of the two"));
                    }
                } else {
                    seen.insert(key.clone(), key_node.span.line);
                }
                entries.push(Entry { key, key_node, value: node });
            }
        }
        Ok(())
    }

    /// How the scalar counts, its tag considered.
    fn style(&self, style: ScalarStyle, text: &str, tag: Option<&Tag>, span: Span) -> Result<Style, Fault> {
        let written = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
            _ => Style::Quoted,
        };
        let Some(tag) = tag else { return Ok(written) };
        let value = scalar::resolve(text);
        let fits = match tag.core_suffix() {
            Some("str") => return Ok(Style::Quoted),
            Some("int") => value.is_i64() || value.is_u64(),
            Some("float") => value.is_number(),
            Some("bool") => value.is_boolean(),
            Some("null") => value.is_null(),
            _ => false,
        };
        if fits { Ok(Style::Plain) } else { Err(self.tag_fault(tag, span)) }
    }

    fn collection_tag(&self, tag: Option<&Tag>, own: &str, span: Span) -> Result<(), Fault> {
        match tag {
            Some(tag) if tag.core_suffix() != Some(own) => Err(self.tag_fault(tag, span)),
            _ => Ok(()),
        }
    }

    fn tag_fault(&self, tag: &Tag, span: Span) -> Fault {
        let message = format!("the tag `{}` means nothing here", short(&tag.original()));
        self.fault("unknown-tag", message, span)
            .map(|d| d.hint("text that begins with `!` needs quotes around it; otherwise remove the tag"))
    }
}

/// `Box::map` for the builder style of diagnostics.
trait MapBox {
    fn map(self, f: impl FnOnce(Diagnostic) -> Diagnostic) -> Self;
}

impl MapBox for Fault {
    fn map(self, f: impl FnOnce(Diagnostic) -> Diagnostic) -> Self {
        Box::new(f(*self))
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn convert(span: granit_parser::Span) -> Span {
    let width = if span.end.line() == span.start.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Span { line: number(span.start.line()), column: number(span.start.col() + 1), width: number(width.max(1)) }
}
