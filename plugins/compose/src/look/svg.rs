//! A filled-in look to layers: its top-level groups, each as a small SVG document with the texts as outlines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use resvg::usvg::roxmltree::{Document, Node, ParsingOptions};
use spotloom_composition::motion::Motion;

use crate::brand::Fonts;
use crate::colour::Rgb;
use crate::error::Error;
use crate::look::group::GroupReader;
use crate::look::pictures::Pictures;
use crate::look::template::SharedTypesetter;
use crate::look::tone::Tone;
use crate::timeline::Timeline;

const SVG: &str = "http://www.w3.org/2000/svg";

/// One layer before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSource {
    /// The group's id, with a number for parts of a split text.
    pub id: String,
    /// The id of the group it comes from.
    pub group: String,
    /// A whole SVG document.
    pub svg: String,
    /// The same without its texts, where there is anything else in it.
    pub ground: Option<String>,
    pub motion: Motion,
    /// Top and bottom of the line the layer was split from: what `rise` comes out of.
    pub mask: Option<(f32, f32)>,
    /// Where the line ends after each letter, for a text that is written.
    pub letters: Vec<f32>,
    pub texts: Vec<TextMark>,
    pub pictures: Vec<PictureMark>,
    /// The least strength of a shade.
    pub shade: Option<f32>,
    /// Set where the look has it light and dark.
    pub tone: Option<Tone>,
    /// Width and height of the look in its own units, in which all of the above is.
    pub page: (f32, f32),
}

/// A text that has to be readable.
#[derive(Clone, Debug, PartialEq)]
pub struct TextMark {
    pub name: String,
    /// The words of all of it, divided or not.
    pub text: String,
    /// The weight it was set in.
    pub weight: u16,
    pub colour: Rgb,
    pub opacity: f32,
    /// Left, top, right, bottom of each line.
    pub boxes: Vec<[f32; 4]>,
    /// The size it was set in.
    pub size: f32,
}

/// A picture that a look shows.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureMark {
    /// Its key among the pictures, such as `brand:logo-light`.
    pub key: String,
    /// Left, top, right, bottom of what is drawn.
    pub area: [f32; 4],
}

impl PictureMark {
    /// Whether it is one of the brand's own: a logo or its mark.
    #[must_use]
    pub fn is_logo(&self) -> bool {
        self.key.starts_with("brand:")
    }
}

/// What the layers of a look depend on besides its text.
pub struct Scope<'a> {
    pub look: &'a str,
    pub timeline: &'a Timeline,
    pub pictures: &'a Pictures,
    pub fonts: &'a Fonts,
    pub typesetter: &'a SharedTypesetter,
    pub rtl: bool,
    /// Width and height of the look in its own units.
    pub page: (f32, f32),
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
                    place(node),
                    href.value(),
                    scope.pictures.keys()
                )));
            }
        }
    }
    let mut ids = BTreeSet::new();
    for node in document.descendants() {
        if let Some(id) = node.attribute("id").filter(|id| !ids.insert(*id)) {
            return Err(scope.wrong(format!("{}: the id `{id}` is used twice", place(node))));
        }
    }
    let page = page(root).ok_or_else(|| scope.wrong("its <svg> needs a viewBox, or width and height".into()))?;
    let scope = &Scope { page, ..*scope };
    let mut shared = String::new();
    let mut groups = Vec::new();
    // What editors keep for themselves is in namespaces of their own.
    for child in root.children().filter(|n| n.is_element() && n.tag_name().namespace() == Some(SVG)) {
        match child.tag_name().name() {
            "metadata" | "title" | "desc" => {}
            "defs" | "style" => shared.push_str(&svg[child.range()]),
            "g" => groups.push(child),
            other => {
                return Err(scope.wrong(format!(
                    "{}: <{other}> outside of a group; every visible thing is inside a top-level <g>",
                    place(child)
                )));
            }
        }
    }
    let head = root_tag(root);
    let mut out = Vec::new();
    for group in groups {
        // In Inkscape a layer's name is its label; its id is a number.
        let label = group.attributes().find(|a| a.name() == "label").map(|a| a.value());
        let id = label.or(group.attribute("id")).unwrap_or("without a name").to_owned();
        let reader = GroupReader { scope, svg, group, id: id.clone() };
        let (shade, tone, pictures) = (reader.shade()?, reader.tone()?, reader.pictures(&head));
        for piece in reader.read()? {
            // The pictures of a divided text come with its first piece.
            let with_pictures = piece.texts.is_empty() || piece.ground.is_some();
            out.push(LayerSource {
                id: piece.id,
                group: id.clone(),
                svg: format!("{head}{shared}{}</svg>", piece.body),
                ground: piece.ground.map(|body| format!("{head}{shared}{body}</svg>")),
                motion: piece.motion,
                mask: piece.mask,
                letters: piece.letters,
                texts: piece.texts,
                pictures: if with_pictures { pictures.clone() } else { Vec::new() },
                shade,
                tone: tone.clone(),
                page,
            });
        }
        if out.len() > MAX_LAYERS {
            return Err(scope.wrong(format!("it has more than {MAX_LAYERS} layers")));
        }
    }
    Ok(out)
}

impl Scope<'_> {
    pub(super) fn wrong(&self, message: String) -> Error {
        Error::Look { look: self.look.into(), message }
    }
}

/// Where a thing stands, for messages.
pub(super) fn place(node: Node<'_, '_>) -> String {
    let at = node.document().text_pos_at(node.range().start);
    format!("line {}, column {} (of the filled-in look)", at.row, at.col)
}

/// Width and height in the file's own units.
fn page(root: Node<'_, '_>) -> Option<(f32, f32)> {
    let numbers = |text: &str| -> Vec<f32> {
        let parts = text.split([' ', ',']).filter(|p| !p.is_empty());
        parts.filter_map(|p| p.trim_end_matches("px").parse().ok()).collect()
    };
    let size = match root.attribute("viewBox").map(numbers).as_deref() {
        Some([_, _, width, height]) => (*width, *height),
        _ => {
            let side = |name: &str| root.attribute(name).map(numbers).filter(|n| n.len() == 1).map(|n| n[0]);
            (side("width")?, side("height")?)
        }
    };
    (size.0 > 0.0 && size.1 > 0.0).then_some(size)
}

/// The outermost element, with the namespaces that attributes inside may use.
fn root_tag(root: Node<'_, '_>) -> String {
    let mut tag = format!("<svg xmlns=\"{SVG}\"");
    for space in root.namespaces() {
        if let Some(prefix) = space.name().filter(|n| *n != "xml") {
            push_attribute(&mut tag, &format!("xmlns:{prefix}"), space.uri());
        }
    }
    for a in root.attributes().filter(|a| a.namespace().is_none()) {
        push_attribute(&mut tag, a.name(), a.value());
    }
    tag.push('>');
    tag
}

pub(super) fn push_attribute(out: &mut String, name: &str, value: &str) {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    // Writing to a String can't fail.
    let _ = write!(out, " {name}=\"{value}\"");
}
