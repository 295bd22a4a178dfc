//! The items of a `for-each`: their values, and the labels that make task keys.

use std::collections::BTreeSet;

use minijinja::value::Value;
use serde_json::Value as Json;

use super::model::ForEach;
use super::value::Evaluated;
use crate::error::Diagnostic;
use crate::yaml::Node;

/// One item.
pub(super) struct Item {
    /// What `each` is.
    pub each: Value,
    /// Unique among the items of the stage.
    pub label: String,
    /// Which of the list, or of each list of the matrix.
    pub indices: Vec<usize>,
}

const MOST_ITEMS: usize = 1_000;

/// All items, a matrix with its first name changing slowest.
pub(super) fn items(
    for_each: &ForEach,
    evaluate: impl Fn(&Node) -> Result<Evaluated, Box<Diagnostic>>,
) -> Result<Vec<Item>, Box<Diagnostic>> {
    let list = |node: &Node| match evaluate(node)? {
        Evaluated::List(items) => Ok(items),
        Evaluated::Json(Json::Array(items)) => Ok(items.into_iter().map(Evaluated::Json).collect()),
        other => {
            let found = other.into_json().map_or_else(|r| format!("the files of {}", r.task), |json| json.to_string());
            let mistake = node.mistake("wrong-type", format!("the stage is repeated for {found}"));
            Err(Box::new(mistake.expected("a list")))
        }
    };
    let too_many = |node: &Node, count: usize| {
        let mistake = node.mistake("too-many", format!("the stage is repeated {count} times"));
        Box::new(mistake.expected(format!("at most {MOST_ITEMS}")))
    };
    let mut items = Vec::new();
    match for_each {
        ForEach::List(node) => {
            let values = list(node)?;
            if values.len() > MOST_ITEMS {
                return Err(too_many(node, values.len()));
            }
            for (index, value) in values.into_iter().enumerate() {
                let label = label(&value, index);
                let mut pairs = match &value {
                    Evaluated::Json(Json::Object(map)) => {
                        map.iter().map(|(k, v)| (k.clone(), super::value::to_value(v))).collect()
                    }
                    // Text, numbers and files have no names of their own.
                    _ => vec![("value".to_owned(), value.to_value())],
                };
                pairs.push(("index".into(), Value::from(index)));
                items.push(Item { each: Value::from_pairs(pairs), label, indices: vec![index] });
            }
        }
        ForEach::Matrix(names) => {
            let lists: Vec<(&str, &Node, Vec<Evaluated>)> =
                names.iter().map(|(n, node)| Ok((n.as_str(), node, list(node)?))).collect::<Result<_, Box<_>>>()?;
            let count = lists.iter().fold(1usize, |n, (_, _, l)| n.saturating_mul(l.len()));
            if let (true, Some((_, node, _))) = (count > MOST_ITEMS, lists.first()) {
                return Err(too_many(node, count));
            }
            for index in 0..count {
                let mut rest = index;
                let mut indices = vec![0; lists.len()];
                for (slot, (_, _, list)) in indices.iter_mut().zip(&lists).rev() {
                    *slot = rest % list.len();
                    rest /= list.len();
                }
                let values = || lists.iter().zip(&indices).map(|((name, _, list), i)| (*name, &list[*i], *i));
                let label = values().map(|(_, value, i)| label(value, i)).collect::<Vec<_>>().join(",");
                let mut pairs: Vec<(String, Value)> =
                    values().map(|(name, value, i)| (name.to_owned(), numbered(value, i))).collect();
                pairs.push(("index".into(), Value::from(index)));
                items.push(Item { each: Value::from_pairs(pairs), label, indices });
            }
        }
    }
    make_unique(&mut items);
    Ok(items)
}

/// An item of one of the lists; a mapping knows its place in that list.
fn numbered(value: &Evaluated, index: usize) -> Value {
    match value {
        Evaluated::Json(Json::Object(map)) if !map.contains_key("index") => {
            let fields = map.iter().map(|(k, v)| (k.clone(), super::value::to_value(v)));
            Value::from_pairs(fields.chain([("index".to_owned(), Value::from(index))]))
        }
        other => other.to_value(),
    }
}

/// The item's `name`, or the item itself when it is text or a number, or its index.
fn label(value: &Evaluated, index: usize) -> String {
    let text = match value {
        Evaluated::Json(Json::Object(map)) => map.get("name").and_then(Json::as_str).map(str::to_owned),
        Evaluated::Json(Json::String(text)) => Some(text.clone()),
        Evaluated::Json(Json::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    // Keys are quoted in commands, addresses and logs.
    let clean: Option<String> = text.map(|text| {
        let dashed = |c: char| if c.is_control() || c.is_whitespace() || "[],/\\".contains(c) { '-' } else { c };
        text.chars().take(60).map(dashed).collect()
    });
    clean.filter(|t| !t.is_empty()).unwrap_or_else(|| index.to_string())
}

fn make_unique(items: &mut [Item]) {
    let mut seen = BTreeSet::new();
    for item in items {
        let wanted = item.label.clone();
        let mut number = 2;
        while !seen.insert(item.label.clone()) {
            item.label = format!("{wanted}~{number}");
            number += 1;
        }
    }
}
