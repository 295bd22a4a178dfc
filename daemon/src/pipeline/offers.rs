//! Whether what a task asks for is something the thing it names can do: a model without the mode is refused in the
//! plan, not after an hour of work.
//!
//! A plugin says so in its parameters' schema. `"x-offered-by": {"input": "model", "field": "modes"}` on a property means
//! that its value must stand in the list `modes` of the file that describes what the port `model` gets. Where the value
//! is left out, `when-absent` tells what it will be: the first entry all of whose `given` ports and parameters are there.
//! With `"match": "language"` values are language tags, and fit when the language is the same, whatever the country.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use spotloom_plugin_api::Resource;
use spotloom_plugin_api::locale::same_language;

use super::catalog::Catalog;
use super::plan::InputRef;
use crate::error::{self, Diagnostic};

/// What a task asks for in vain, with the name of the parameter that asks.
pub(super) fn mistakes(
    schema: &Json,
    params: &Map<String, Json>,
    inputs: &BTreeMap<String, Vec<InputRef>>,
    catalog: &dyn Catalog,
) -> Vec<(String, Diagnostic)> {
    let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    let asked = properties.filter_map(|(name, property)| {
        let by = property.get("x-offered-by")?;
        let (input, field) = (by.get("input")?.as_str()?, by.get("field")?.as_str()?);
        let value = match params.get(name) {
            Some(value) => value.as_str()?,
            None => implied(by, |given| params.contains_key(given) || inputs.contains_key(given))?,
        };
        let (kind, thing) = inputs.get(input)?.iter().find_map(|file| match file {
            InputRef::File { resource: Some(kind), name, .. } => Some((*kind, name.as_str())),
            _ => None,
        })?;
        let offered = catalog.offered(kind, thing, field)?;
        let fits = if by.get("match").and_then(Json::as_str) == Some("language") { same_language } else { same };
        if offered.iter().any(|o| fits(o, value)) {
            return None;
        }
        Some((name.clone(), refusal(name, value, (kind, thing, field), &offered, fits, catalog)))
    });
    asked.collect()
}

fn same(offered: &str, value: &str) -> bool {
    offered == value
}

/// What the value will be when it is left out; `None` when that is not told.
fn implied(by: &Json, is_there: impl Fn(&str) -> bool) -> Option<&str> {
    let given = |entry: &Json| {
        let names = entry.get("given").and_then(Json::as_array).into_iter().flatten();
        names.filter_map(Json::as_str).all(&is_there)
    };
    by.get("when-absent")?.as_array()?.iter().find(|entry| given(entry))?.get("value")?.as_str()
}

fn refusal(
    param: &str,
    value: &str,
    (kind, thing, field): (Resource, &str, &str),
    offered: &[String],
    fits: fn(&str, &str) -> bool,
    catalog: &dyn Catalog,
) -> Diagnostic {
    let message = format!("`{thing}` can't do the {param} `{value}`");
    let known: Vec<&str> = offered.iter().map(String::as_str).collect();
    let mistake = Diagnostic::new("not-offered", message).expected(error::list(&known, "or"));
    let can =
        |name: &String| catalog.offered(kind, name, field).is_some_and(|list| list.iter().any(|o| fits(o, value)));
    let others: Vec<String> = catalog.names(kind).into_iter().filter(can).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    mistake.hint(match others.as_slice() {
        [] => "nothing else in the studio can".to_owned(),
        names => format!("{} can", error::list(names, "and")),
    })
}
