//! What a mail's templates see.

use serde_json::{Map, Value, json};
use spotloom_plugin_sdk::prelude::*;

use crate::poster::Poster;
use crate::{Event, Params};

/// `event`, `job`, `files` (each with whether it is `attached`), `attached` (some are), `poster` (the size to show it at),
/// `location`, `details`, `failure`.
///
/// Every name is always there; what is not known is `none`, so that a template can ask and a misspelt name is an error.
pub(crate) fn of(event: Event, params: &Params, run: &Run, attached: &[bool], poster: Option<&Poster>) -> Value {
    let job = run.job();
    let failure = job.failure.as_ref().map(|cause| {
        let f = &cause.failure;
        json!({"task": cause.task, "code": f.code, "message": f.message, "hint": f.hint})
    });
    json!({
        "event": event,
        "job": {
            "id": job.id,
            "campaign": job.campaign,
            "title": job.title,
            "brand": job.brand,
            "version": job.version,
            "outcome": job.outcome,
        },
        "files": run.inputs("files").iter().zip(attached).map(|(f, attached)| file(f, *attached)).collect::<Vec<_>>(),
        "attached": attached.contains(&true),
        "poster": poster.map(|p| json!({"width": p.width, "height": p.height})),
        "location": params.location.as_ref().map(|l| l.replace("{version}", &job.version.to_string())),
        "details": params.details,
        "failure": failure,
    })
}

/// A file for people: what the stage that made it said of it, in words.
fn file(artifact: &Artifact, attached: bool) -> Value {
    let facts = &artifact.facts;
    let bytes = std::fs::metadata(&artifact.path).map_or(0, |m| m.len());
    json!({
        "name": artifact.name,
        "media": artifact.media,
        "bytes": bytes,
        "size": size(bytes),
        "platform": text(facts, "platform").or_else(|| text(facts, "preset")),
        "locale": text(facts, "locale"),
        "dimensions": dimensions(facts),
        "seconds": facts.get("seconds").and_then(Value::as_f64).map(seconds),
        "facts": facts,
        "attached": attached,
    })
}

fn text(facts: &Map<String, Value>, name: &str) -> Option<String> {
    facts.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned)
}

fn dimensions(facts: &Map<String, Value>) -> Option<String> {
    let pixels = |name: &str| facts.get(name).and_then(Value::as_u64);
    Some(format!("{} × {}", pixels("width")?, pixels("height")?))
}

/// `15 s`, `14.5 s`.
fn seconds(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() / 10.0;
    format!("{tenths} s")
}

/// `840 B`, `75 KB`, `12.4 MB`: decimal, as platforms state their limits.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_for_people() {
        let check = |got: String, expected: &str| assert_eq!(got, expected);
        check(size(0), "0 B");
        check(size(999), "999 B");
        check(size(1_001), "2 KB");
        check(size(12_400_000), "12.4 MB");
        check(seconds(15.0), "15 s");
        check(seconds(14.96), "15 s");
        check(seconds(6.25), "6.3 s");
    }
}
