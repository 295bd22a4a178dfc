//! Whether a shot is as short as the one clip that its model makes: a longer one is refused in the plan, not after the shots before
//! it have been made.
//!
//! A plugin says so in its parameters' schema, at the parameter that is a length in seconds: `"x-one-clip": {"families": […],
//! "shot": "shot", "fps": "fps", "rate": "motion-fps", "unless": ["clip"]}`. Models of these families make `video.frames` frames, of which
//! `video.fps`, or the parameter `rate`, pass in a second, and no more. Where the length is left out, it is the parameter
//! `seconds` of the task behind the port `shot`. With an input of `unless` it is not known beforehand.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use spotloom_plugin_api::Resource;

use super::catalog::Catalog;
use super::offers::able;
use super::plan::InputRef;
use crate::error::{Diagnostic, Place};
use crate::ids::TaskKey;

/// The parameter that says how long something is, in seconds.
pub(super) const SECONDS: &str = "seconds";

/// How long what a task makes is to be, and where that was asked for.
pub(super) struct Length {
    pub seconds: f64,
    pub place: Place,
}

/// A shot that is too long.
pub(super) fn mistake(
    schema: &Json,
    (key, params): (&TaskKey, &Map<String, Json>),
    inputs: &BTreeMap<String, Vec<InputRef>>,
    lengths: &BTreeMap<TaskKey, Length>,
    catalog: &dyn Catalog,
) -> Option<Diagnostic> {
    let properties = schema.get("properties")?.as_object()?;
    let rule = properties.values().find_map(|property| property.get("x-one-clip"))?;
    let text = |field: &str| rule.get(field).and_then(Json::as_str);
    if texts(rule, "unless").iter().any(|port| inputs.contains_key(*port)) {
        return None;
    }
    let behind = || {
        inputs.get(text("shot")?)?.iter().find_map(|file| match file {
            InputRef::Output { task, .. } => lengths.get(task),
            InputRef::File { .. } => None,
        })
    };
    let length = lengths.get(key).or_else(behind)?;
    let model = inputs.get("model")?.iter().find_map(|file| match file {
        InputRef::File { resource: Some(Resource::Model), name, .. } => Some(name.as_str()),
        _ => None,
    })?;

    let number = |field: &str| {
        let name = text(field)?;
        params.get(name).or_else(|| properties.get(name)?.get("default"))?.as_f64()
    };
    let told = |model: &str, field: &str| catalog.offered(Resource::Model, model, field)?.into_iter().next();
    let limited = texts(rule, "families");
    // The longest clip of a model; no figure where there is none.
    let longest = |model: &str| -> Option<f64> {
        let family = told(model, "family")?;
        let figure = |field: &str| told(model, field)?.parse::<f64>().ok();
        let rate = number("rate").or_else(|| figure("video.fps"));
        limited.contains(&family.as_str()).then_some(figure("video.frames")? / rate?)
    };
    // The last moment is a frame before the end.
    let fps = number("fps")?;
    let last = (length.seconds * fps).round() / fps - 1.0 / fps;
    let fits = |most: f64| last <= most + 1e-9;
    let most = longest(model).filter(|most| !fits(*most))?;

    let message = format!("the shot has {} s, and `{model}` makes one clip of {most:.1} s", length.seconds);
    let loads = properties.values().find_map(|property| property.get("x-models"));
    let loads = loads.map(|models| texts(models, "families")).unwrap_or_default();
    let can = |other: &str| {
        let loaded = told(other, "family").is_some_and(|family| loads.contains(&family.as_str()));
        loaded && longest(other).is_none_or(fits)
    };
    let mistake = Diagnostic::new("too-long", message).expected(format!("at most {} s", (most * 10.0).floor() / 10.0));
    let hint = format!("divide the scene into shorter ones; {}", able(Resource::Model, can, catalog));
    Some(mistake.hint(hint).at(length.place.clone()))
}

fn texts<'a>(of: &'a Json, field: &str) -> Vec<&'a str> {
    of.get(field).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}
