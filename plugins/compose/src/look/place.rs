//! A `<text>` of a look to outlines in their place: in its `data-box`, in the shape that it flows in, or from a point.
//!
//! The last two are how Inkscape writes texts; what a style sheet attribute (`style="…"`) says counts like an attribute.

use std::ops::Range;

use resvg::usvg::roxmltree::Node;

use crate::colour::Rgb;
use crate::error::Error;
use crate::look::svg::{Scope, TextMark, push_attribute};
use crate::look::template::{family, lock};
use crate::text::{TextBlock, TextSpec, Word};

/// What is set in place of what the file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Override {
    pub text: Option<String>,
    pub size: Option<f32>,
}

/// A text that was set, with where it goes.
pub(super) struct Placed {
    pub name: String,
    pub text: String,
    pub block: TextBlock,
    /// The attributes that style it.
    pub style: String,
    /// Left end and baseline of each line.
    pub origins: Vec<(f32, f32)>,
    /// What colour the letters have, and how opaque; `None` when that is a gradient or the text is transformed.
    fill: Option<(Rgb, f32)>,
}

impl Placed {
    /// All of it as SVG.
    pub fn drawn(&self) -> String {
        (0..self.block.lines.len()).map(|l| self.drawn_words(l, 0..self.block.lines[l].words.len())).collect()
    }

    /// Some words of a line as SVG.
    pub fn drawn_words(&self, line: usize, words: Range<usize>) -> String {
        self.block.lines[line].words[words].iter().map(|w| draw(w, self.origins[line])).collect()
    }

    /// Where a line ends after each letter.
    pub fn letters(&self, line: usize, rtl: bool) -> Vec<f32> {
        let (x, l) = (self.origins[line].0, &self.block.lines[line]);
        l.steps.iter().map(|s| if rtl { x + l.width - s } else { x + s }).collect()
    }

    /// What has to be readable of some lines.
    pub fn mark(&self, lines: Range<usize>) -> Option<TextMark> {
        let (colour, opacity) = self.fill?;
        let boxes = lines.filter(|l| self.block.lines[*l].width > 0.0).map(|l| {
            let (x, baseline) = self.origins[l];
            [x, baseline - self.block.ascent, x + self.block.lines[l].width, baseline + self.block.descent * 0.5]
        });
        let TextBlock { size, weight, .. } = self.block;
        let (name, text) = (self.name.clone(), self.text.clone());
        Some(TextMark { name, text, weight, colour, opacity, boxes: boxes.collect(), size })
    }
}

fn draw(word: &Word, (x, y): (f32, f32)) -> String {
    let mut out = String::new();
    if !word.d.is_empty() {
        out = format!("<path transform=\"translate({x:.2} {y:.2})\" d=\"{}\"/>", word.d);
    }
    for picture in &word.pictures {
        let [left, top, width, height] = picture.area;
        out += &format!(
            "<image href=\"{}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"/>",
            picture.key,
            x + left,
            y + top
        );
    }
    out
}

/// Where a text may go.
struct Room {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    /// Whether `y` is the first baseline.
    baseline: bool,
}

/// Sets a text and finds its place. `wrong` makes an error that names the place in the file.
pub(super) fn place_text(
    scope: &Scope<'_>,
    node: Node<'_, '_>,
    id: &str,
    change: Override,
    wrong: &dyn Fn(String) -> Error,
) -> Result<Placed, Error> {
    let text = change.text.unwrap_or_else(|| words(node));
    let room = room(scope, node).map_err(wrong)?;
    let get = |name: &str, usual: f64| number(node, name).map(|v| v.unwrap_or(usual)).map_err(wrong);
    let length = |name: &str, usual: f64| prop(node, name).map_or(Some(usual), |v| size(&v));
    let drawn = length("font-size", 48.0).ok_or_else(|| wrong("font-size is not a length".into()))?;
    let leading = length("line-height", 1.15).filter(|v| (0.5..4.0).contains(v)).unwrap_or(1.15);
    let spacing = length("letter-spacing", 0.0).unwrap_or(0.0) / drawn;
    let fit = change.size.map_or(drawn, f64::from);
    let name = node.attribute("data-name").unwrap_or(id);
    let face = prop(node, "font-family").unwrap_or_else(|| "text".into());
    let face = face.split(',').next().unwrap_or_default().trim().trim_matches(['\'', '"']);
    let spec = TextSpec {
        name: name.into(),
        text,
        family: family(face, scope.fonts).into(),
        weight: weight(prop(node, "font-weight").as_deref())
            .ok_or_else(|| wrong("font-weight is not a number".into()))?,
        size: fit as f32,
        min_size: get("data-min-size", if change.size.is_some() { fit } else { drawn * 0.6 })? as f32,
        width: room.width,
        height: room.height,
        max_lines: get("data-lines", 99.0)?.max(1.0) as usize,
        leading: get("data-leading", leading)? as f32,
        tracking: get("data-tracking", spacing)? as f32,
        rtl: scope.rtl,
    };
    let block = lock(scope.typesetter).set(&spec)?;
    let rows = block.line_height * (block.lines.len().max(1) - 1) as f32;
    let first = match node.attribute("data-valign").unwrap_or("top") {
        _ if room.baseline => room.y,
        "top" => room.y + block.ascent,
        "middle" => room.y + room.height / 2.0 - rows / 2.0 + block.middle,
        "bottom" => room.y + room.height - block.descent - rows,
        other => return Err(wrong(format!("data-valign is `{other}`; expected top, middle or bottom"))),
    };
    let anchor = prop(node, "text-anchor").filter(|_| node.attribute("data-box").is_none());
    let align = node.attribute("data-align").or(anchor.as_deref()).unwrap_or("start");
    let free = match (align, scope.rtl) {
        ("start", false) | ("end", true) => 0.0,
        ("middle", _) => 0.5,
        ("end", false) | ("start", true) => 1.0,
        (other, _) => return Err(wrong(format!("data-align is `{other}`; expected start, middle or end"))),
    };
    let origins = block.lines.iter().enumerate();
    let origins = origins.map(|(i, l)| (room.x + (room.width - l.width) * free, first + block.line_height * i as f32));
    let mut style = String::new();
    for a in node.attributes().filter(|a| a.namespace().is_none()) {
        let ours =
            a.name().starts_with("data-") || a.name().starts_with("font-") || ["id", "x", "y"].contains(&a.name());
        if !ours {
            push_attribute(&mut style, a.name(), a.value());
        }
    }
    let moved = node.ancestors().any(|a| a.has_attribute("transform"));
    let fill = if moved { None } else { fill(node) };
    Ok(Placed { name: spec.name, text: spec.text, origins: origins.collect(), block, style, fill })
}

/// The words of a text; lines that Inkscape keeps apart stay apart.
fn words(node: Node<'_, '_>) -> String {
    let plain = |n: Node<'_, '_>| -> String {
        let text: String = n.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let role = |n: &Node<'_, '_>| n.attributes().any(|a| a.name() == "role" && a.value() == "line");
    let lines: Vec<String> = node.children().filter(role).map(plain).collect();
    if lines.len() > 1 && prop(node, "shape-inside").is_none() { lines.join("\n") } else { plain(node) }
}

fn room(scope: &Scope<'_>, node: Node<'_, '_>) -> Result<Room, String> {
    if let Some(area) = node.attribute("data-box") {
        let area: Vec<f32> = area.split_whitespace().filter_map(|w| w.parse().ok()).collect();
        let [x, y, width, height] = area[..] else {
            return Err("<text> needs data-box=\"x y width height\"".into());
        };
        return Ok(Room { x, y, width, height, baseline: false });
    }
    if let Some(shape) = prop(node, "shape-inside") {
        let id =
            shape.trim_start_matches("url(").trim_end_matches(')').trim_matches(['"', '\'']).trim_start_matches('#');
        let rect = node.document().descendants().find(|n| n.attribute("id") == Some(id));
        let rect = rect.filter(|n| n.tag_name().name() == "rect");
        let rect = rect.ok_or_else(|| format!("the text flows in `{shape}`; expected a rectangle"))?;
        let get = |name: &str| number(rect, name).map(|v| v.unwrap_or(0.0) as f32);
        let (x, y, width, height) = (get("x")?, get("y")?, get("width")?, get("height")?);
        return Ok(Room { x, y, width, height, baseline: false });
    }
    // Inkscape writes the point on the text, or on its first line.
    let point = |name: &str| {
        let line = node.children().find(|n| n.has_attribute(name)).filter(|_| !node.has_attribute(name));
        number(line.unwrap_or(node), name)
    };
    let (Some(x), Some(y)) = (point("x")?, point("y")?) else {
        return Err("<text> needs data-box=\"x y width height\", or x and y".into());
    };
    let (x, y) = (x as f32, y as f32);
    let (page_width, page_height) = scope.page;
    let height = (page_height - y).max(0.0) + page_height * 0.2;
    Ok(match prop(node, "text-anchor").as_deref() {
        Some("middle") => {
            let half = x.min(page_width - x).max(0.0);
            Room { x: x - half, y, width: half * 2.0, height, baseline: true }
        }
        Some("end") => Room { x: 0.0, y, width: x.max(0.0), height, baseline: true },
        _ => Room { x, y, width: (page_width - x).max(0.0), height, baseline: true },
    })
}

/// A property as it holds for a text: its own, that of its first line, or that of the nearest group that has it.
fn prop(node: Node<'_, '_>, name: &str) -> Option<String> {
    let own = |n: Node<'_, '_>| {
        let style = n.attribute("style").unwrap_or_default().split(';').rev().find_map(|d| {
            let (key, value) = d.split_once(':')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        });
        style.or_else(|| n.attribute(name).map(|v| v.trim().to_owned()))
    };
    let line = node.children().find(Node::is_element).and_then(own).filter(|_| name != "shape-inside");
    line.or_else(|| node.ancestors().find_map(own))
}

/// A length in user units; `em`, `%` and unitless count as they are.
fn size(text: &str) -> Option<f64> {
    if text == "normal" {
        return Some(0.0);
    }
    let (digits, factor) = match text {
        t if t.ends_with('%') => (t.trim_end_matches('%'), 0.01),
        t if t.ends_with("px") => (t.trim_end_matches("px"), 1.0),
        t if t.ends_with("pt") => (t.trim_end_matches("pt"), 4.0 / 3.0),
        t if t.ends_with("mm") => (t.trim_end_matches("mm"), 96.0 / 25.4),
        t => (t.trim_end_matches("em"), 1.0),
    };
    digits.trim().parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v * factor)
}

fn weight(text: Option<&str>) -> Option<u16> {
    match text {
        None | Some("normal") => Some(400),
        Some("bold") => Some(700),
        Some(number) => number.parse::<f64>().ok().map(|w| w.clamp(1.0, 1000.0) as u16),
    }
}

/// The colour of the letters with how opaque they are.
fn fill(node: Node<'_, '_>) -> Option<(Rgb, f32)> {
    let colour = prop(node, "fill").unwrap_or_else(|| "#000000".into());
    let part = |name: &str| prop(node, name).and_then(|v| size(&v)).unwrap_or(1.0) as f32;
    Some((colour.parse().ok()?, part("fill-opacity") * part("opacity")))
}

pub(super) fn number(node: Node<'_, '_>, name: &str) -> Result<Option<f64>, String> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    match text.trim().parse::<f64>() {
        Ok(v) if v.is_finite() => Ok(Some(v)),
        _ => Err(format!("{name} is `{text}`; expected a number")),
    }
}
