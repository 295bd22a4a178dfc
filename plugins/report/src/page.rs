//! The page.

use base64::Engine as _;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

use crate::{picture, plot};

const PAGE: &str = include_str!("../../../templates/report/report.html");
const PLOT: &str = include_str!("../../../templates/report/loudness.svg");
/// Stills that a page shows.
const MOST_POSTERS: usize = 8;
const STYLE: &str = include_str!("../../../templates/report/report.css");

/// The page of a document.
///
/// # Errors
/// A picture that can't be read, or a defect of the template.
pub(crate) fn render(document: &Value, run: &Run) -> Result<String, Failure> {
    let mut pictures = Map::new();
    for artifact in run.inputs("pictures") {
        run.check_cancelled()?;
        pictures.insert(artifact.name.clone(), picture::whole(&artifact.path, &artifact.media)?.into());
    }
    let stills = &run.inputs("posters")[..run.inputs("posters").len().min(MOST_POSTERS)];
    let posters: Vec<String> = stills.iter().map(|p| picture::poster(&p.path)).collect::<Result<_, _>>()?;
    let masters = document["masters"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The still that a player shows: that of the same shape and language.
    let still = |m: &Value| stills.iter().position(|p| is_of(p, m));
    let stills: Vec<Option<usize>> = masters.iter().map(still).collect();
    let plots: Vec<Option<Value>> = masters.iter().map(|m| plot::loudness(&m["loudness"])).collect();
    let context = json!({
        "d": document, "pictures": pictures, "posters": posters, "stills": stills, "plots": plots,
        "refused": refused(masters), "style": style_hash(),
    });
    fill("report.html", &page(), &context)
}

/// Whether a still has the shape and the language of a master.
fn is_of(still: &Artifact, master: &Value) -> bool {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(0.0);
    let ratio = |facts: &dyn Fn(&str) -> f64| facts("width") / facts("height").max(1.0);
    let (a, b) = (ratio(&|n| number(still.facts.get(n))), ratio(&|n| number(master["facts"].get(n))));
    let spoken = |facts: Option<&Value>| facts.and_then(Value::as_str).map(str::to_owned);
    a > 0.0 && (a / b - 1.0).abs() < 0.02 && spoken(still.facts.get("locale")) == spoken(master["facts"].get("locale"))
}

/// Failed checks by what they are: one picture, then what is wrong in which file.
fn refused(masters: &[Value]) -> Vec<Value> {
    let mut groups: Vec<(String, Value, Vec<Value>)> = Vec::new();
    for master in masters {
        for check in master["checks"].as_array().into_iter().flatten().filter(|c| c["verdict"] == "fail") {
            let name = check["name"].as_str().unwrap_or_default();
            let place = json!({"file": master["file"], "check": check});
            match groups.iter_mut().find(|(known, ..)| known == name) {
                Some((_, picture, places)) => {
                    if picture.is_null() {
                        *picture = check["picture"].clone();
                    }
                    places.push(place);
                }
                None => groups.push((name.to_owned(), check["picture"].clone(), vec![place])),
            }
        }
    }
    groups
        .into_iter()
        .map(|(name, picture, places)| json!({"name": name, "picture": picture, "places": places}))
        .collect()
}

/// Adds a drawing of the loudness of each master that has sound, as a file of its own.
///
/// # Errors
/// When one can't be written, or a defect of the template.
pub(crate) fn plots(document: &Value, run: &Run, mut outputs: Outputs) -> Result<Outputs, Failure> {
    for (i, master) in document["masters"].as_array().into_iter().flatten().enumerate() {
        let Some(plot) = plot::loudness(&master["loudness"]) else { continue };
        let svg = fill("loudness.svg", PLOT, &json!({"m": master, "plot": plot}))?;
        let path = run.scratch().join(format!("loudness-{i}.svg"));
        std::fs::write(&path, svg).map_err(|e| io_failure("write", &path, &e))?;
        // Named like the master, which has its version already.
        let name = master["file"].as_str().and_then(|f| f.rsplit_once('.')).map_or("master", |(stem, _)| stem);
        let facts = json!({"fixed-name": true}).as_object().cloned().unwrap_or_default();
        let name = format!("{name}.loudness.svg");
        outputs = outputs.output("plots", Output { path, media: "image/svg+xml".into(), name, facts });
    }
    Ok(outputs)
}

fn fill(name: &str, template: &str, context: &Value) -> Result<String, Failure> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    // Whatever a brief says is escaped, and no template can ask otherwise; the style is ours and goes in by include.
    env.remove_filter("safe");
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.add_filter("size", size);
    env.add_filter("plain", plain);
    env.add_filter("short", short);
    env.add_filter("words", |text: String| text.replace('-', " "));
    let defect = |e: minijinja::Error| Failure::new("bad-template", format!("templates/report/{name}: {e:#}"));
    env.render_named_str(name, template, minijinja::Value::from(minijinja::value::Serde(context))).map_err(defect)
}

/// The template with the style in its place. The style has no expressions, so it may stand raw.
fn page() -> String {
    PAGE.replace("/*STYLE*/", &format!("{{% raw %}}{STYLE}{{% endraw %}}"))
}

/// What the page's policy allows as style: this one, by its hash.
fn style_hash() -> String {
    let hash = Sha256::digest(STYLE.as_bytes());
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(hash))
}

/// A number as people write it: 30 for 30.0, 29.97 and 12.5 as they are.
fn plain(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The beginning of a hash, enough to tell files of a job apart; the whole stands in the manifest.
fn short(hash: String) -> String {
    hash.chars().take(12).collect()
}

/// `840 B`, `75 KB`, `12.4 MB`: decimal, as platforms state their limits.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
