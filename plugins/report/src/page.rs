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
    let posters = run.inputs("posters").iter().take(8).map(|p| picture::poster(&p.path));
    let posters: Vec<String> = posters.collect::<Result<_, _>>()?;
    let plots: Vec<Option<Value>> = match document["masters"].as_array() {
        Some(masters) => masters.iter().map(|m| plot::loudness(&m["loudness"])).collect(),
        None => Vec::new(),
    };
    let context =
        json!({"d": document, "pictures": pictures, "posters": posters, "plots": plots, "style": style_hash()});
    fill("report.html", &page(), &context)
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

/// `840 B`, `75 KB`, `12.4 MB`: decimal, as platforms state their limits.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
