//! What only some things can do, and under which circumstances: to go on *before* a clip, say, where a model begins with a
//! first frame. Refused in the plan as what a thing does not offer at all is.
//!
//! A plugin says so at a property: `"x-only-with": {"input": "model", "cases": [{"value": "extend", "given": ["clip-after"],
//! "field": "family", "is": ["ambient"], "says": "to before a clip", "expected": "…"}]}`. A case is met where the parameter has
//! the `value`, all that is `given` is there, nothing that is `absent` is, and the parameters of `equal` have these numbers.
//! Then the file that describes what the port gets must tell one of `is` under `field`; one that does not tell is not judged.

use serde_json::Value as Json;
use spotloom_plugin_api::Resource;

use super::offers::{Asked, able};
use crate::error::Diagnostic;

/// What is asked of a thing that can do it only otherwise.
pub(super) fn beyond(asked: &Asked<'_>) -> Option<Diagnostic> {
    let (kind, thing) = asked.thing(limits(asked)?.get("input")?.as_str()?)?;
    let value = asked.value()?;
    let case = lacks(asked, kind, thing)?;
    let says = case.get("says").and_then(Json::as_str).map_or_else(String::new, |says| format!(" {says}"));
    let message = format!("`{thing}` can't do the {} `{value}`{says}", asked.name);
    let expected = case.get("expected").and_then(Json::as_str).unwrap_or_default();
    let others = |other: &str| tells(asked, case, kind, other) == Some(true) && asked.offers(kind, other);
    Some(Diagnostic::new("not-offered", message).expected(expected).hint(able(kind, others, asked.catalog)))
}

/// The case of what is asked that a thing can't do.
pub(super) fn lacks<'a>(asked: &Asked<'a>, kind: Resource, thing: &str) -> Option<&'a Json> {
    let value = asked.value()?;
    let mut met = limits(asked)?.get("cases")?.as_array()?.iter().filter(|case| is_met(case, value, asked));
    met.find(|case| tells(asked, case, kind, thing) == Some(false))
}

fn limits<'a>(asked: &Asked<'a>) -> Option<&'a Json> {
    asked.property.get("x-only-with")
}

/// Whether a thing is one that can; `None` when it does not tell.
fn tells(asked: &Asked<'_>, case: &Json, kind: Resource, thing: &str) -> Option<bool> {
    let told = asked.catalog.offered(kind, thing, case.get("field")?.as_str()?)?;
    Some(texts(case, "is").any(|one| told.iter().any(|told| told == one)))
}

fn is_met(case: &Json, value: &str, asked: &Asked<'_>) -> bool {
    let mut equal = case.get("equal").and_then(Json::as_object).into_iter().flatten();
    texts(case, "value").any(|one| one == value)
        && texts(case, "given").all(|name| asked.is_given(name))
        && !texts(case, "absent").any(|name| asked.is_given(name))
        && equal.all(|(name, number)| {
            number.as_f64().is_some_and(|number| asked.params.get(name).and_then(Json::as_f64) == Some(number))
        })
}

/// The texts of a field: one, or a list of them.
fn texts<'a>(case: &'a Json, field: &str) -> impl Iterator<Item = &'a str> {
    let found = case.get(field);
    let list = found.and_then(Json::as_array).map_or(found.map(std::slice::from_ref), |list| Some(list.as_slice()));
    list.unwrap_or_default().iter().filter_map(Json::as_str)
}
