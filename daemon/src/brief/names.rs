//! What a brief names that has to be there, read from the file as it stands: a brief with other mistakes is told about
//! these too.

use super::check::asset;
use crate::yaml::{Kind, Mistakes, Node};

/// What a name is a name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Pipeline,
    Brand,
    Preset,
    /// A file of the studio.
    Asset,
}

/// A name and where it stands.
pub struct Name<'a> {
    pub of: Named,
    /// A path is normalised.
    pub name: String,
    pub node: &'a Node,
}

/// Where names stand; `*` is every item of a list, or every language.
const PLACES: [(Named, &[&str]); 15] = [
    (Named::Pipeline, &["pipeline"]),
    (Named::Brand, &["brand"]),
    (Named::Preset, &["outputs", "*"]),
    (Named::Asset, &["product", "image"]),
    (Named::Asset, &["scenes", "*", "image"]),
    (Named::Asset, &["scenes", "*", "last_image"]),
    (Named::Asset, &["scenes", "*", "clip"]),
    (Named::Asset, &["scenes", "*", "clip_after"]),
    (Named::Asset, &["scenes", "*", "footage"]),
    (Named::Asset, &["audio", "music"]),
    (Named::Asset, &["audio", "recording"]),
    (Named::Asset, &["audio", "recording", "*"]),
    (Named::Asset, &["audio", "cues", "*", "file"]),
    (Named::Asset, &["captions", "script"]),
    (Named::Asset, &["captions", "script", "*"]),
];
/// Longer lists are a mistake that is told by itself.
const MOST_ITEMS: usize = 500;

/// Every name in a brief that is text and could be one.
#[must_use]
pub fn names(brief: &Node) -> Vec<Name<'_>> {
    let mut found = Vec::new();
    for (of, path) in PLACES {
        walk(brief, path, &mut |node| {
            // What is wrong in itself is told where the brief is checked.
            let mut known = Mistakes::new();
            let name = match of {
                Named::Asset => asset(node, &mut known),
                _ => known.text(node, "a name"),
            };
            found.extend(name.map(|name| Name { of, name, node }));
        });
    }
    found
}

fn walk<'a>(node: &'a Node, path: &[&str], visit: &mut impl FnMut(&'a Node)) {
    match (path, node.kind()) {
        ([], Kind::Scalar(..)) => visit(node),
        (["*", rest @ ..], Kind::Sequence(items)) if items.len() <= MOST_ITEMS => {
            items.iter().for_each(|item| walk(item, rest, visit));
        }
        (["*", rest @ ..], Kind::Mapping(entries)) if entries.len() <= MOST_ITEMS => {
            entries.iter().for_each(|entry| walk(&entry.value, rest, visit));
        }
        ([field, rest @ ..], Kind::Mapping(_)) => {
            if let Some(value) = node.get(field) {
                walk(value, rest, visit);
            }
        }
        _ => {}
    }
}
