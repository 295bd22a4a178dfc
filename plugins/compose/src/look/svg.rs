//! A filled-in look to layers: its top-level groups, each as a small SVG document with the texts as outlines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use resvg::usvg::roxmltree::{Document, Node, ParsingOptions};

use crate::brand::Fonts;
use crate::error::Error;
use crate::look::motion::{Motion, parse_animation, parse_idle, parse_time};
use crate::look::pictures::Pictures;
use crate::look::template::{SharedTypesetter, family, lock};
use crate::text::{TextBlock, TextSpec};
use crate::timeline::{PartKind, Timeline};

/// One layer before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSource {
    /// The group's id, with a number for parts of a split text.
    pub id: String,
    /// A whole SVG document.
    pub svg: String,
    pub motion: Motion,
    /// Top and bottom of the line the layer was split from: what `rise` comes out of.
    pub mask: Option<(f32, f32)>,
}

/// What the layers of a look depend on besides its text.
pub struct Scope<'a> {
    pub look: &'a str,
    pub timeline: &'a Timeline,
    pub pictures: &'a Pictures,
    pub fonts: &'a Fonts,
    pub typesetter: &'a SharedTypesetter,
    pub rtl: bool,
}

const MAX_LAYERS: usize = 400;

/// Takes a filled-in look apart.
///
/// # Errors
/// Not SVG, an element or attribute a look can't have, a picture it can't reach, or a text that can't be set.
pub fn layers(svg: &str, scope: &Scope<'_>) -> Result<Vec<LayerSource>, Error> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 50_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(svg, options).map_err(|e| scope.wrong(e.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err(scope.wrong(format!("the outermost element is <{}>; expected <svg>", root.tag_name().name())));
    }
    for node in document.descendants() {
        if let Some(href) = node.attributes().find(|a| a.name() == "href") {
            let known = href.value().starts_with('#') || scope.pictures.get(href.value()).is_some();
            if !known {
                return Err(scope.wrong(format!(
                    "{}: there is no picture `{}`; there are {}",
                    place(&document, node),
                    href.value(),
                    scope.pictures.keys()
                )));
            }
        }
    }
    let mut ids = BTreeSet::new();
    for node in document.descendants() {
        if let Some(id) = node.attribute("id").filter(|id| !ids.insert(*id)) {
            return Err(scope.wrong(format!("{}: the id `{id}` is used twice", place(&document, node))));
        }
    }
    let mut shared = String::new();
    let mut groups = Vec::new();
    for child in root.children().filter(Node::is_element) {
        match child.tag_name().name() {
            "defs" | "style" => shared.push_str(&svg[child.range()]),
            "g" => groups.push(child),
            other => {
                return Err(scope.wrong(format!(
                    "{}: <{other}> outside of a group; every visible thing is inside a top-level <g>",
                    place(&document, child)
                )));
            }
        }
    }
    let head = root_tag(root);
    let mut out = Vec::new();
    for group in groups {
        let reader = GroupReader { scope, document: &document, svg, group };
        for (id, body, motion, mask) in reader.read()? {
            out.push(LayerSource { id, svg: format!("{head}{shared}{body}</svg>"), motion, mask });
        }
        if out.len() > MAX_LAYERS {
            return Err(scope.wrong(format!("it has more than {MAX_LAYERS} layers")));
        }
    }
    Ok(out)
}

impl Scope<'_> {
    fn wrong(&self, message: String) -> Error {
        Error::Look { look: self.look.into(), message }
    }
}

fn place(document: &Document<'_>, node: Node<'_, '_>) -> String {
    let at = document.text_pos_at(node.range().start);
    format!("line {}, column {} (of the filled-in look)", at.row, at.col)
}

fn root_tag(root: Node<'_, '_>) -> String {
    let mut tag =
        String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"");
    for a in root.attributes() {
        push_attribute(&mut tag, a.name(), a.value());
    }
    tag.push('>');
    tag
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    // Writing to a String can't fail.
    let _ = write!(out, " {name}=\"{value}\"");
}

/// How a group's texts are divided into layers of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    None,
    Word,
    Line,
}

/// A text that was set, with where it goes.
struct Placed {
    block: TextBlock,
    /// The attributes that style it.
    style: String,
    /// Left end and baseline of each line.
    origins: Vec<(f32, f32)>,
}

type Piece = (String, String, Motion, Option<(f32, f32)>);

struct GroupReader<'a, 'd> {
    scope: &'a Scope<'a>,
    document: &'a Document<'d>,
    svg: &'a str,
    group: Node<'a, 'd>,
}

impl<'a, 'd> GroupReader<'a, 'd> {
    fn read(&self) -> Result<Vec<Piece>, Error> {
        let id = self.group.attribute("id").unwrap_or("layer").to_owned();
        let Some(motion) = self.motion()? else { return Ok(Vec::new()) };
        let split = match self.group.attribute("data-split") {
            None => Split::None,
            Some("word") => Split::Word,
            Some("line") => Split::Line,
            Some(other) => return Err(self.wrong(self.group, &format!("data-split is `{other}`; word or line"))),
        };
        let mut texts = Vec::new();
        for node in self.group.descendants().filter(|n| n.tag_name().name() == "text") {
            texts.push((node.range(), self.place_text(node, &id)?));
        }
        if split == Split::None {
            let body = self.body(&texts, |placed| {
                let lines = placed.block.lines.iter().zip(&placed.origins);
                lines.flat_map(|(line, at)| line.words.iter().map(move |d| path(d, *at))).collect()
            });
            return Ok(vec![(id, body, motion, None)]);
        }
        let stagger = self.number("data-stagger", 0.06)?;
        let mut pieces: Vec<Piece> = Vec::new();
        for (which, (_, placed)) in texts.iter().enumerate() {
            for (l, (line, at)) in placed.block.lines.iter().zip(&placed.origins).enumerate() {
                let words: Vec<Vec<&String>> = match split {
                    Split::Word => line.words.iter().map(|w| vec![w]).collect(),
                    _ => vec![line.words.iter().collect()],
                };
                for word in words {
                    let first = pieces.is_empty();
                    let body = self.only_text(&texts, which, first, word.iter().map(|d| path(d, *at)).collect());
                    let mut motion = motion.clone();
                    motion.start = (motion.start + stagger * pieces.len() as f64).min(motion.end);
                    let mask = Some((at.1 - placed.block.line_height * 0.86, at.1 + placed.block.descent * 1.25));
                    pieces.push((format!("{id}.{}.{}", l + 1, pieces.len() + 1), body, motion, mask));
                }
            }
        }
        Ok(pieces)
    }

    /// The group's source with every text replaced.
    fn body(&self, texts: &[(std::ops::Range<usize>, Placed)], paths: impl Fn(&Placed) -> String) -> String {
        let range = self.group.range();
        let mut out = String::new();
        let mut at = range.start;
        for (text, placed) in texts {
            out.push_str(&self.svg[at..text.start]);
            let _ = write!(out, "<g{}>{}</g>", placed.style, paths(placed));
            at = text.end;
        }
        out.push_str(&self.svg[at..range.end]);
        out
    }

    /// The group with one piece of one text; what else is in it goes with the first piece.
    fn only_text(
        &self,
        texts: &[(std::ops::Range<usize>, Placed)],
        which: usize,
        with_rest: bool,
        paths: String,
    ) -> String {
        if with_rest {
            let kept = std::cell::Cell::new(0);
            return self.body(texts, |_| {
                let i = kept.replace(kept.get() + 1);
                if i == which { paths.clone() } else { String::new() }
            });
        }
        let mut out = String::from("<g");
        for a in self.group.attributes() {
            push_attribute(&mut out, a.name(), a.value());
        }
        let _ = write!(out, "><g{}>{paths}</g></g>", texts[which].1.style);
        out
    }

    /// When the group is there and how it moves; `None` when its part of the ad does not exist.
    fn motion(&self) -> Result<Option<Motion>, Error> {
        let timeline = self.scope.timeline;
        let part = self.group.attribute("data-scene").unwrap_or("all");
        let (from, to) = match part {
            "all" => (0.0, timeline.seconds),
            "scenes" => (0.0, timeline.scenes_end()),
            "end-card" => match timeline.end_card() {
                Some(card) => (card.start, card.end),
                None => return Ok(None),
            },
            _ => {
                let number = part.strip_prefix("scene:").and_then(|n| n.parse::<usize>().ok());
                let Some(number) = number else {
                    let what = format!("data-scene is `{part}`; expected all, scenes, scene:NUMBER or end-card");
                    return Err(self.wrong(self.group, &what));
                };
                match timeline.parts.iter().find(|p| p.kind == PartKind::Scene(number.wrapping_sub(1))) {
                    Some(p) => (p.start, p.end),
                    None => return Ok(None),
                }
            }
        };
        let wrong = |e: String| self.wrong(self.group, &e);
        let time = |name: &str, usual: f64| {
            self.group.attribute(name).map_or(Ok(usual), |text| parse_time(text, to - from).map_err(wrong))
        };
        let animation = |name: &str| {
            self.group.attribute(name).map_or(Ok(None), |t| parse_animation(t, self.scope.rtl).map_err(wrong))
        };
        let (start, end) = (from + time("data-start", 0.0)?, from + time("data-end", to - from)?);
        Ok((end > start).then_some(Motion {
            start,
            end,
            enter: animation("data-in")?,
            leave: animation("data-out")?,
            idle: self.group.attribute("data-motion").map_or(Ok(None), |t| parse_idle(t).map_err(wrong))?,
            distance: self.number("data-distance", 60.0)? as f32,
        }))
    }

    fn number(&self, name: &str, usual: f64) -> Result<f64, Error> {
        number(self.group, name).map(|v| v.unwrap_or(usual)).map_err(|e| self.wrong(self.group, &e))
    }

    fn place_text(&self, node: Node<'_, '_>, id: &str) -> Result<Placed, Error> {
        let wrong = |e: String| self.wrong(node, &e);
        let text: String = node.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let area: Vec<f32> =
            node.attribute("data-box").unwrap_or_default().split_whitespace().filter_map(|w| w.parse().ok()).collect();
        let [x, y, width, height] = area[..] else {
            return Err(wrong("<text> needs data-box=\"x y width height\"".into()));
        };
        let get = |name: &str, usual: f64| number(node, name).map(|v| v.unwrap_or(usual)).map_err(wrong);
        let size = get("font-size", 48.0)?;
        let spec = TextSpec {
            name: node.attribute("data-name").unwrap_or(id).into(),
            text,
            family: family(node.attribute("font-family").unwrap_or("text"), self.scope.fonts).into(),
            weight: get("font-weight", 400.0)?.clamp(1.0, 1000.0) as u16,
            size: size as f32,
            min_size: get("data-min-size", size * 0.6)? as f32,
            width,
            height,
            max_lines: get("data-lines", 99.0)?.max(1.0) as usize,
            leading: get("data-leading", 1.15)? as f32,
            tracking: get("data-tracking", 0.0)? as f32,
            rtl: self.scope.rtl,
        };
        let block = lock(self.scope.typesetter).set(&spec)?;
        let rows = block.line_height * (block.lines.len().max(1) - 1) as f32;
        let first = match node.attribute("data-valign").unwrap_or("top") {
            "top" => y + block.ascent,
            "middle" => y + height / 2.0 - rows / 2.0 + block.middle,
            "bottom" => y + height - block.descent - rows,
            other => return Err(wrong(format!("data-valign is `{other}`; expected top, middle or bottom"))),
        };
        let free = match (node.attribute("data-align").unwrap_or("start"), self.scope.rtl) {
            ("start", false) | ("end", true) => 0.0,
            ("middle", _) => 0.5,
            ("end", false) | ("start", true) => 1.0,
            (other, _) => return Err(wrong(format!("data-align is `{other}`; expected start, middle or end"))),
        };
        let origins = block.lines.iter().enumerate();
        let origins =
            origins.map(|(i, l)| (x + (width - l.width) * free, first + block.line_height * i as f32)).collect();
        let mut style = String::new();
        for a in node.attributes() {
            let ours = a.name().starts_with("data-") || a.name().starts_with("font-") || a.name() == "id";
            if !ours {
                push_attribute(&mut style, a.name(), a.value());
            }
        }
        Ok(Placed { block, style, origins })
    }

    fn wrong(&self, node: Node<'_, '_>, message: &str) -> Error {
        let id = self.group.attribute("id").unwrap_or("without id");
        self.scope.wrong(format!("layer {id}, {}: {message}", place(self.document, node)))
    }
}

fn path(d: &str, (x, y): (f32, f32)) -> String {
    format!("<path transform=\"translate({x:.2} {y:.2})\" d=\"{d}\"/>")
}

fn number(node: Node<'_, '_>, name: &str) -> Result<Option<f64>, String> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    match text.trim().parse::<f64>() {
        Ok(v) if v.is_finite() => Ok(Some(v)),
        _ => Err(format!("{name} is `{text}`; expected a number")),
    }
}
