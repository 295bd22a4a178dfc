//! Whether what a task asks for is something the thing it names can do: a model without the mode is refused in the
//! plan, not after an hour of work.
//!
//! A plugin says so in its parameters' schema. `"x-offered-by": {"input": "model", "field": "modes"}` on a property means
//! that its value must stand in the list `modes` of the file that describes what the port `model` gets. Where the value
//! is left out, `when-absent` tells what it will be: the first entry all of whose `given` ports and parameters are there.
//! `"x-only-with": {"input": "model", "cases": […]}` says which values only some of those things can do, and when: `limits`.
//! `"x-models": {"families": […]}` names the families of models that the stage loads from its port `model`.
//! With `"match": "language"` values are language tags, and fit when the language is the same, whatever the country.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use spotloom_plugin_api::Resource;
use spotloom_plugin_api::locale::same_language;

use super::catalog::Catalog;
use super::limits;
use super::plan::InputRef;
use crate::error::{self, Diagnostic};

/// What a task asks for in vain, with the name of the parameter that asks.
pub(super) fn mistakes(
    schema: &Json,
    params: &Map<String, Json>,
    inputs: &BTreeMap<String, Vec<InputRef>>,
    catalog: &dyn Catalog,
) -> Vec<(String, Diagnostic)> {
    let properties = || schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    let strangers = properties().filter_map(|(_, property)| stranger(property.get("x-models")?, inputs, catalog));
    let asked = properties().filter_map(|(name, property)| {
        let asked = Asked { name, property, params, inputs, catalog };
        let mistake = not_offered(&asked).or_else(|| limits::beyond(&asked))?;
        Some((name.clone(), mistake))
    });
    strangers.chain(asked).collect()
}

/// A parameter of a task, and what stands beside it.
pub(super) struct Asked<'a> {
    pub name: &'a str,
    /// Its schema.
    pub property: &'a Json,
    pub params: &'a Map<String, Json>,
    pub inputs: &'a BTreeMap<String, Vec<InputRef>>,
    pub catalog: &'a dyn Catalog,
}

impl<'a> Asked<'a> {
    /// What is asked for: the value that is given, or the one that it will be.
    pub fn value(&self) -> Option<&'a str> {
        match self.params.get(self.name) {
            Some(value) => value.as_str(),
            None => implied(self.property.get("x-offered-by")?, |given| self.is_given(given)),
        }
    }

    /// Whether a port or a parameter of that name is there.
    pub fn is_given(&self, name: &str) -> bool {
        self.params.contains_key(name) || self.inputs.contains_key(name)
    }

    /// The thing of the studio that a port gets.
    pub fn thing(&self, input: &str) -> Option<(Resource, &'a str)> {
        thing(self.inputs, input)
    }

    /// Whether a thing offers the value that is asked for, and can do what is asked with it, as far as it tells.
    pub fn offers(&self, kind: Resource, other: &str) -> bool {
        let offered = || {
            let by = self.property.get("x-offered-by")?;
            let (list, value) = (self.catalog.offered(kind, other, by.get("field")?.as_str()?), self.value()?);
            Some(list.is_some_and(|list| list.iter().any(|offered| fitting(by)(offered, value))))
        };
        offered().unwrap_or(true) && limits::lacks(self, kind, other).is_none()
    }
}

fn thing<'a>(inputs: &'a BTreeMap<String, Vec<InputRef>>, input: &str) -> Option<(Resource, &'a str)> {
    inputs.get(input)?.iter().find_map(|file| match file {
        InputRef::File { resource: Some(kind), name, .. } => Some((*kind, name.as_str())),
        _ => None,
    })
}

/// A value that is not in the list of the thing.
fn not_offered(asked: &Asked<'_>) -> Option<Diagnostic> {
    let by = asked.property.get("x-offered-by")?;
    let (input, field) = (by.get("input")?.as_str()?, by.get("field")?.as_str()?);
    let value = asked.value()?;
    let (kind, thing) = asked.thing(input)?;
    let offered = asked.catalog.offered(kind, thing, field)?;
    let fits = fitting(by);
    if offered.iter().any(|o| fits(o, value)) {
        return None;
    }
    let message = format!("`{thing}` can't do the {} `{value}`", asked.name);
    let known: Vec<&str> = offered.iter().map(String::as_str).collect();
    let mistake = Diagnostic::new("not-offered", message).expected(error::list(&known, "or"));
    Some(mistake.hint(able(kind, |other| asked.offers(kind, other), asked.catalog)))
}

fn fitting(by: &Json) -> fn(&str, &str) -> bool {
    if by.get("match").and_then(Json::as_str) == Some("language") { same_language } else { same }
}

/// The port that models come in by.
const MODEL: &str = "model";

/// A model of a family that the stage does not load; one that does not tell its family is not judged.
fn stranger(
    models: &Json,
    inputs: &BTreeMap<String, Vec<InputRef>>,
    catalog: &dyn Catalog,
) -> Option<(String, Diagnostic)> {
    let families: Vec<&str> = models.get("families")?.as_array()?.iter().filter_map(Json::as_str).collect();
    let (_, name) = thing(inputs, MODEL).filter(|(kind, _)| *kind == Resource::Model)?;
    let of = |name: &str| catalog.offered(Resource::Model, name, "family").and_then(|told| told.into_iter().next());
    let family = of(name)?;
    if families.contains(&family.as_str()) {
        return None;
    }
    let fits = |other: &str| of(other).is_some_and(|f| families.contains(&f.as_str()));
    let mistake = Diagnostic::new(
        "wrong-model",
        format!("`{name}` is a model of the family `{family}`, and this is no work for it"),
    )
    .expected(format!("one of the family {}", error::list(&families, "or")))
    .hint(able(Resource::Model, fits, catalog));
    Some((MODEL.to_owned(), mistake))
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

/// Which things of a kind could do what another can't.
pub(super) fn able(kind: Resource, can: impl Fn(&str) -> bool, catalog: &dyn Catalog) -> String {
    let names: Vec<String> = catalog.names(kind).into_iter().filter(|name| can(name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => "nothing else in the studio can".to_owned(),
        names => format!("{} can", error::list(names, "and")),
    }
}
