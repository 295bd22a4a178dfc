//! What follows of failed checks: the job stops here, with all of them told at once and the places shown.

use serde_json::{Map, Value};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

/// Sentences that a failure tells one by one, and pictures that a mail shows.
const MOST_SENTENCES: usize = 12;
const MOST_PICTURES: usize = 6;

/// A failed check and the file it is about.
pub(crate) struct Wrong<'a> {
    file: &'a str,
    check: &'a Value,
}

/// Every failed check of every master, in order.
pub(crate) fn failed(document: &Value) -> Vec<Wrong<'_>> {
    let masters = document["masters"].as_array().into_iter().flatten();
    let checks = masters.flat_map(|m| {
        let file = m["file"].as_str().unwrap_or_default();
        m["checks"].as_array().into_iter().flatten().map(move |check| Wrong { file, check })
    });
    checks.filter(|w| w.check["verdict"] == "fail").collect()
}

/// Adds pictures of the places, one for each kind of defect before the second of any.
pub(crate) fn evidence(wrong: &[Wrong<'_>], run: &Run, mut outputs: Outputs) -> Result<Outputs, Failure> {
    let mut seen: Vec<(&Value, &str)> = Vec::new();
    let named: Vec<(&Value, &str)> =
        wrong.iter().filter_map(|w| Some((&w.check["name"], w.check["picture"].as_str()?))).collect();
    let nth = |name: &Value, i: usize| named[..i].iter().filter(|(n, _)| *n == name).count();
    let mut order: Vec<usize> = (0..named.len()).collect();
    order.sort_by_key(|i| nth(named[*i].0, *i));
    for i in order {
        let picture = named[i].1;
        let artifact = run.inputs("pictures").iter().find(|a| a.name == picture && a.media == "image/png");
        let Some(artifact) = artifact.filter(|_| seen.len() < MOST_PICTURES && !seen.contains(&named[i])) else {
            continue;
        };
        let path = run.scratch().join(format!("place-{}.png", seen.len()));
        std::fs::copy(&artifact.path, &path).map_err(|e| io_failure("copy", &artifact.path, &e))?;
        let output = Output { path, media: "image/png".into(), name: picture.into(), facts: Map::new() };
        outputs = outputs.output("evidence", output);
        seen.push(named[i]);
    }
    Ok(outputs)
}

/// What people are told.
pub(crate) fn failure(wrong: &[Wrong<'_>]) -> Failure {
    let mut message = match wrong.len() {
        1 => "a check failed".to_owned(),
        n => format!("{n} checks failed"),
    };
    let mut last = "";
    for Wrong { file, check } in wrong.iter().take(MOST_SENTENCES) {
        message.push_str(match last {
            "" => ": ",
            last if last == *file => " ",
            _ => "; ",
        });
        if last != *file {
            message.push_str(&format!("{file}: "));
        }
        message.push_str(check["sentence"].as_str().unwrap_or_default());
        last = file;
    }
    if wrong.len() > MOST_SENTENCES {
        message.push_str(&format!(" And {} more.", wrong.len() - MOST_SENTENCES));
    }
    Failure::new("check-failed", message).hint(
        "nothing was delivered; report.html shows the places. Mend what is named in the brief, the look or the preset and \
         drop the brief again; to deliver in spite of it, say `with: {failed_checks: warn}` in the brief",
    )
}
