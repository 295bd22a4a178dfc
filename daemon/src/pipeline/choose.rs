//! Filters that choose among the files of `for-each` stages by the items they were made for.

use std::sync::Arc;

use minijinja::value::{Kwargs, Rest, Value};
use minijinja::{Error, ErrorKind};

use super::value::{Evaluated, Reference, to_value};

/// `stages.S.O | pick(name=value)`: the one reference of a `for-each` stage whose item matches; none when that task
/// was left out by its `when`.
pub(super) fn pick(value: &Value, wanted: Kwargs) -> Result<Value, Error> {
    if value.downcast_object_ref::<Reference>().is_some() || value.is_none() {
        wanted.assert_all_used().or_else(|_| wanted.args().try_for_each(|a| wanted.get::<Value>(a).map(drop)))?;
        return Ok(value.clone());
    }
    let conditions = conditions(&wanted)?;
    if conditions.is_empty() {
        let message = "`pick` needs to know what to pick: `pick(index=each.index)`";
        return Err(Error::new(ErrorKind::MissingArgument, message));
    }
    let mut found: Option<Arc<Reference>> = None;
    for reference in references(value, "pick")? {
        let mut matches = true;
        for (name, value) in &conditions {
            let Some(own) = own(&reference, name) else {
                let message = format!("the items of {} have no `{name}`", reference.task);
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            };
            matches &= is(&own, value);
        }
        if matches {
            if let Some(first) = &found {
                return Err(both(first, &reference));
            }
            found = Some(reference);
        }
    }
    Ok(found.map_or(Value::from(()), Value::from_dyn_object))
}

/// `stages.S.O | by_scene(stages.T.P, name=value)`: the files of several stages in the order of the brief's scenes, one
/// for each scene. A stage whose items have no such `name` made one file for all of them.
pub(super) fn by_scene(value: &Value, others: Rest<Value>, wanted: Kwargs) -> Result<Value, Error> {
    let conditions = conditions(&wanted)?;
    let mut found: Vec<(i64, Arc<Reference>)> = Vec::new();
    for list in std::iter::once(value).chain(others.iter()) {
        for reference in references(list, "by_scene")? {
            let fits = |(name, value): &(String, Value)| own(&reference, name).is_none_or(|own| is(&own, value));
            if !conditions.iter().all(fits) {
                continue;
            }
            let each = reference.each.clone().unwrap_or_default();
            let inner = each.get_attr("scene").ok().filter(|s| !s.is_undefined()).unwrap_or(each);
            let Some(scene) = inner.get_attr("index").ok().and_then(|i| i.as_i64()) else {
                let message = format!(
                    "{} is not of a scene: its stage needs `for-each: \"{{{{ brief.scenes }}}}\"`, or that list by the name `scene`",
                    reference.task
                );
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            };
            if let Some((_, first)) = found.iter().find(|(s, _)| *s == scene) {
                return Err(both(first, &reference));
            }
            found.push((scene, reference));
        }
    }
    found.sort_by_key(|(scene, _)| *scene);
    Ok(found.into_iter().map(|(_, reference)| Value::from_dyn_object(reference)).collect())
}

/// `scenes | numbered`: each scene's `headline` behind its number, for steps. The words must be of one language already.
pub(super) fn numbered(scenes: &Value) -> Result<Value, Error> {
    let wrong = || Error::new(ErrorKind::InvalidOperation, "`numbered` is for a list of scenes, after `localised`");
    let json = Evaluated::from_value(scenes)?.into_json().map_err(|_| wrong())?;
    let mut items = json.as_array().cloned().ok_or_else(wrong)?;
    for (number, item) in (1..).zip(&mut items) {
        if let Some(headline) =
            item.get("headline").and_then(serde_json::Value::as_str).map(|h| format!("{number}. {h}"))
        {
            item["headline"] = headline.into();
        }
    }
    Ok(to_value(&serde_json::Value::Array(items)))
}

fn conditions(wanted: &Kwargs) -> Result<Vec<(String, Value)>, Error> {
    let names: Vec<String> = wanted.args().map(str::to_owned).collect();
    names.into_iter().map(|n| wanted.get::<Value>(&n).map(|v| (n, v))).collect()
}

/// The files of a `for-each` stage; of a stage that is left out altogether, none.
fn references(value: &Value, filter: &str) -> Result<Vec<Arc<Reference>>, Error> {
    if value.is_none() {
        return Ok(Vec::new());
    }
    let wrong = || {
        let message = format!("`{filter}` chooses among the files of a for-each stage");
        Error::new(ErrorKind::InvalidOperation, message)
    };
    value.try_iter()?.map(|item| item.downcast_object::<Reference>().ok_or_else(wrong)).collect()
}

/// A field of the item that a file was made for.
fn own(reference: &Reference, name: &str) -> Option<Value> {
    reference.each.clone().unwrap_or_default().get_attr(name).ok().filter(|own| !own.is_undefined())
}

/// An aspect or a preset may be given whole or by its name.
fn is(own: &Value, wanted: &Value) -> bool {
    let name = |value: &Value| value.get_attr("name").ok().filter(|n| !n.is_undefined());
    own == wanted || name(own).is_some_and(|n| n == *wanted || name(wanted).is_some_and(|w| w == n))
}

fn both(first: &Reference, second: &Reference) -> Error {
    let message = format!("both {} and {} match; say more", first.task, second.task);
    Error::new(ErrorKind::InvalidOperation, message)
}
