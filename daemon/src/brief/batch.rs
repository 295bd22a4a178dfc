//! Many briefs out of one: a template with `{{ column }}` in its values, and a table with a row for each brief.
//!
//! The template is YAML of its own, so a cell is a value and can't break the file: whatever stands in it, quotes, colons
//! or braces, becomes text. A value that is one column and nothing else becomes a number when the cell is one; an empty
//! cell is the same as not writing the field, and an item of a list in which all columns are empty is left out.
//!
//! Pure: the table is read by who calls this.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior};

use crate::error::{Diagnostic, Place};
use crate::yaml::{Kind, Node, Style};

/// Work that one cell may do: about so many instructions.
const FUEL: u64 = 20_000;

/// One row: its place in the table, and its cells by the names of their columns.
#[derive(Clone, Debug)]
pub struct Row {
    pub line: u32,
    pub cells: BTreeMap<String, String>,
}

/// A brief with columns in it.
pub struct Template {
    node: Node,
    env: Environment<'static>,
    /// By the place of a value: the columns in it.
    columns: Vec<(Place, Vec<String>)>,
}

impl Template {
    /// # Errors
    /// Expressions that can't be read, all of them.
    pub fn new(node: Node) -> Result<Self, Vec<Diagnostic>> {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let (mut columns, mut mistakes) = (Vec::new(), Vec::new());
        walk(&node, &mut |scalar, text| match env.template_from_str(text) {
            Ok(template) => {
                let names: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
                columns.push((scalar.place(), names.into_iter().collect()));
            }
            Err(e) => {
                let message = format!("the expression can't be read: {}", e.detail().unwrap_or_default());
                mistakes.push(scalar.mistake("bad-expression", message));
            }
        });
        if mistakes.is_empty() { Ok(Self { node, env, columns }) } else { Err(mistakes) }
    }

    /// The columns it needs, and where each is used first.
    #[must_use]
    pub fn needs(&self) -> Vec<(&str, &Place)> {
        let mut needs: Vec<(&str, &Place)> = Vec::new();
        for (place, names) in &self.columns {
            for name in names {
                if !needs.iter().any(|(n, _)| n == name) {
                    needs.push((name, place));
                }
            }
        }
        needs
    }

    /// The columns in the value at a place.
    #[must_use]
    pub fn columns_at(&self, place: &Place) -> &[String] {
        let same = |p: &Place| p.line == place.line && p.column == place.column;
        self.columns.iter().find(|(p, _)| same(p)).map_or(&[], |(_, names)| names.as_slice())
    }

    /// The brief of one row; every value keeps its place in the template.
    ///
    /// # Errors
    /// What a filter says of a cell, at its place in the template.
    pub fn fill(&self, row: &Row) -> Result<Node, Diagnostic> {
        let context = Value::from_pairs(row.cells.iter().map(|(k, v)| (k.as_str(), Value::from(v.as_str()))));
        let filled = self.node.with_scalars(&mut |scalar| match scalar.kind() {
            Kind::Scalar(text, _) if has_column(text) => self.value(scalar, text, row, &context).map(Some),
            _ => Ok(None),
        })?;
        let empty = |node: &Node| is_left_out(node, &self.columns);
        Ok(filled.without_items(&empty))
    }

    fn value(&self, scalar: &Node, text: &str, row: &Row, context: &Value) -> Result<(String, Style), Diagnostic> {
        let whole = text.trim().strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).map(str::trim);
        if let Some(cell) = whole.and_then(|name| row.cells.get(name)) {
            return Ok(match cell.trim() {
                "" => ("null".into(), Style::Plain),
                number if is_number(number) => (number.into(), Style::Plain),
                text => (text.into(), Style::Quoted),
            });
        }
        let result = self.env.template_from_str(text).and_then(|t| t.render(context));
        result.map(|text| (text, Style::Quoted)).map_err(|e| {
            let message =
                format!("the expression fails: {}", e.detail().map_or_else(|| e.kind().to_string(), str::to_owned));
            scalar.mistake("bad-expression", message)
        })
    }
}

fn has_column(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Not what only looks like one: `007`, `1e5` and `.5` stay text.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').map_or((digits, None), |(w, r)| (w, Some(r)));
    let all = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    all(whole) && (whole == "0" || !whole.starts_with('0')) && rest.is_none_or(all) && text.len() < 16
}

fn walk<'a>(node: &'a Node, visit: &mut impl FnMut(&'a Node, &'a str)) {
    match node.kind() {
        Kind::Scalar(text, _) if has_column(text) => visit(node, text),
        Kind::Scalar(..) => {}
        Kind::Sequence(items) => items.iter().for_each(|item| walk(item, visit)),
        Kind::Mapping(entries) => entries.iter().for_each(|e| walk(&e.value, visit)),
    }
}

/// An item of a list in which there are columns, and all of them are empty.
fn is_left_out(node: &Node, columns: &[(Place, Vec<String>)]) -> bool {
    let (mut any, mut all) = (false, true);
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        match node.kind() {
            Kind::Scalar(..) => {
                let place = node.place();
                if columns.iter().any(|(p, _)| *p == place) {
                    any = true;
                    all &= node.is_null() || node.as_text().is_some_and(|t| t.trim().is_empty());
                }
            }
            Kind::Sequence(items) => pending.extend(items.iter()),
            Kind::Mapping(entries) => pending.extend(entries.iter().map(|e| &e.value)),
        }
    }
    any && all
}

/// A brief as a file: a line for each field, and one for each item of a list.
#[must_use]
pub fn to_yaml(brief: &Node) -> String {
    let mut text = String::new();
    for (key, value) in brief.to_json().as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()) {
        match value {
            serde_json::Value::Array(items) if items.iter().any(|i| i.is_object()) => {
                text.push_str(&format!("{key}:\n"));
                items.iter().for_each(|item| text.push_str(&format!("  - {item}\n")));
            }
            value => text.push_str(&format!("{key}: {value}\n")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "title: 'Offer {{ product }}'\nseed: '{{ seed }}'\nlegal: '{{ legal }}'\n\
        scenes:\n  - {prompt: '{{ first }}', seconds: 4}\n  - {prompt: '{{ second }}', seconds: 4}\n";

    fn fill(cells: &[(&str, &str)]) -> String {
        let template = Template::new(crate::yaml::parse("t.yaml", TEMPLATE.as_bytes()).unwrap()).unwrap();
        let cells = cells.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        to_yaml(&template.fill(&Row { line: 2, cells }).unwrap())
    }

    #[test]
    fn cells_become_values() {
        let all = [
            ("product", "Zest: \"cold\" {{ x }}"),
            ("seed", "7"),
            ("legal", "007"),
            ("first", "sea"),
            ("second", "sky"),
        ];
        assert_eq!(
            fill(&all),
            "title: \"Offer Zest: \\\"cold\\\" {{ x }}\"\nseed: 7\nlegal: \"007\"\nscenes:\n  \
             - {\"prompt\":\"sea\",\"seconds\":4}\n  - {\"prompt\":\"sky\",\"seconds\":4}\n"
        );
        let fewer = [("product", "Zest"), ("seed", ""), ("legal", ""), ("first", "sea"), ("second", "")];
        assert_eq!(fill(&fewer), "title: \"Offer Zest\"\nscenes:\n  - {\"prompt\":\"sea\",\"seconds\":4}\n");
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("4", true),
            ("2.5", true),
            ("-1", true),
            ("0", true),
            ("007", false),
            ("1e5", false),
            ("", false),
            ("4 s", false),
        ] {
            assert_eq!(is_number(text), expected, "{text}");
        }
    }
}
