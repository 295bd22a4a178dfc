//! Whose mistake it is: the place in the brief or in the pipeline that a wrong value came from.

use super::items::Item;
use super::model::{ForEach, Stage};
use super::template::dotted;
use crate::brief::Brief;
use crate::error::Place;
use crate::yaml::Node;

/// Where a value of a task comes from: the pipeline's own text, or the brief's when an expression only passes it on.
pub(super) struct At<'a> {
    pub stage: &'a Stage,
    pub item: Option<&'a Item>,
    pub brief: &'a Brief,
}

impl At<'_> {
    /// The place of a parameter, or of what is inside it.
    pub(super) fn place(&self, path: &[String]) -> Place {
        let Some(with) = &self.stage.with else { return self.stage.node.place() };
        let (node, led) = with.follow(path.iter().map(String::as_str));
        match (led, path) {
            (true, []) => self.stage.node.place(),
            (true, _) => self.origin(node),
            // The value came out of an expression; the mistake is somewhere inside it.
            (false, _) => self.inside(with, path).unwrap_or_else(|| node.place()),
        }
    }

    /// For `copy: "{{ brief.copy }}"` and the path `copy.headline`: the headline in the brief.
    fn inside(&self, with: &Node, path: &[String]) -> Option<Place> {
        (1..path.len()).rev().find_map(|split| {
            let (node, led) = with.follow(path[..split].iter().map(String::as_str));
            let mut origin = self.source(node.as_text().filter(|_| led)?)?;
            origin.extend(path[split..].iter().cloned());
            let steps: Vec<&str> = origin.iter().map(String::as_str).collect();
            Some(self.brief.place(&steps))
        })
    }

    /// The place of what the brief asks for with a parameter, written or following from what is around it.
    pub(super) fn asked(&self, name: &str) -> Place {
        let (node, led) = match &self.stage.with {
            Some(with) => with.follow([name]),
            None => (&self.stage.node, false),
        };
        let source = node.as_text().filter(|_| led).and_then(|text| self.source(text));
        source
            .map_or_else(|| node.place(), |path| self.brief.place(&path.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    pub(super) fn origin(&self, node: &Node) -> Place {
        let written = node.as_text().and_then(|text| self.source(text)).and_then(|path| {
            let steps: Vec<&str> = path.iter().map(String::as_str).collect();
            self.brief.written(&steps).map(Node::place)
        });
        written.unwrap_or_else(|| node.place())
    }

    /// Where `name` was written: in the brief, when an expression passes it on or chooses it among others there.
    pub(super) fn named(&self, node: &Node, name: &str) -> Place {
        let text = node.as_text().unwrap_or_default();
        let mentioned = text.match_indices("brief.").filter(|(at, _)| {
            // Not the end of a longer word.
            !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
        });
        let mut chosen = mentioned.filter_map(|(at, word)| {
            let rest = &text[at + word.len()..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
            let steps: Vec<&str> = rest[..end].split('.').collect();
            written_in(self.brief.written(&steps)?, name)
        });
        chosen.next().map_or_else(|| self.origin(node), Node::place)
    }

    /// The path in the brief that an expression passes on.
    fn source(&self, text: &str) -> Option<Vec<String>> {
        let steps = dotted(text)?;
        let owned = |steps: &[&str]| steps.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        match steps.split_first()? {
            (&"brief", rest) => Some(owned(rest)),
            (&"inputs", rest) => Some([vec!["with".to_owned()], owned(rest)].concat()),
            (&"each", rest) => {
                let item = self.item?;
                let (list, index, rest) = match self.stage.for_each.as_ref()? {
                    ForEach::List(node) => (node, *item.indices.first()?, rest),
                    ForEach::Matrix(names) => {
                        let (name, rest) = rest.split_first()?;
                        let at = names.iter().position(|(n, _)| n == name)?;
                        (&names.get(at)?.1, *item.indices.get(at)?, rest)
                    }
                };
                let list = dotted(list.as_text()?)?;
                let (&"brief", list) = list.split_first()? else { return None };
                Some([owned(list), vec![index.to_string()], owned(rest)].concat())
            }
            _ => None,
        }
    }
}

/// The text itself, or the one of a mapping by language.
fn written_in<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    if node.as_text() == Some(name) {
        return Some(node);
    }
    node.as_mapping()?.iter().map(|entry| &entry.value).find(|value| value.as_text() == Some(name))
}
