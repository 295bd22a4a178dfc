//! Everything the report tells, as one document: the manifest.

use serde_json::{Map, Value, json};
use spotloom_plugin_sdk::api::Artifact;
use spotloom_plugin_sdk::prelude::*;

use crate::{Params, checklist, made, materials};

/// Larger than any JSON a stage writes for this.
const MAX_JSON: u64 = 32 << 20;

/// The document.
///
/// # Errors
/// A file that can't be read or is not what its stage writes.
pub(crate) fn document(params: &Params, run: &Run) -> Result<Value, Failure> {
    let job = run.job();
    let (checks, clips) = checks(run)?;
    let recipes = run.inputs("recipes").iter().map(json_of).collect::<Result<Vec<_>, _>>()?;
    let (mut shots, pictures) = (made::shots(&recipes), made::pictures(&recipes));
    for shot in &mut shots {
        let found = clips.iter().find(|clip| clip["sha256"] == shot["sha256"]);
        shot["checks"] = found.map_or_else(|| json!([]), |clip| clip["checks"].clone());
    }
    let generated = made::any(&recipes);
    let masters: Vec<Value> = run.inputs("masters").iter().map(|m| master(m, &checks, job.version)).collect();
    let fact = |name: &str| masters.iter().find_map(|m| m["facts"].get(name)).cloned().unwrap_or(Value::Null);
    let (voice, guide) = (fact("synthetic-voice"), fact("guide-voice") == true);
    let made = checklist::Made { pictures: generated, voice: !voice.is_null(), guide };
    let checklists = checklists(&masters, made, run)?;
    let mut counts = [("pass", 0_u64), ("warn", 0), ("fail", 0)];
    // Of shots what is wrong alone: what passed there is passed by the masters too.
    let told = shots.iter().filter_map(|s| s["checks"].as_array()).flatten().filter(|c| c["verdict"] != "pass");
    for check in masters.iter().filter_map(|m| m["checks"].as_array()).flatten().chain(told) {
        for (name, n) in &mut counts {
            *n += u64::from(check["verdict"] == *name);
        }
    }
    let counts: Map<String, Value> = counts.into_iter().map(|(k, n)| (k.to_owned(), n.into())).collect();
    Ok(json!({
        "spotloom-manifest": 1,
        "job": {"campaign": job.campaign, "title": job.title, "brand": job.brand, "version": job.version},
        "pipeline": params.pipeline,
        "brief": params.brief,
        "generated": generated,
        "voice": voice,
        "guide-voice": guide,
        "voices": made::voices(&masters),
        "reseeded": job.reseeded,
        "shots": shots,
        "pictures": pictures,
        "materials": materials::list(&params.brief, run.inputs("materials")),
        "recipes": recipes,
        "masters": masters,
        "verdicts": counts,
        "checklists": checklists,
    }))
}

fn json_of(artifact: &Artifact) -> Result<Value, Failure> {
    let path = &artifact.path;
    let bytes = std::fs::metadata(path).map_err(|e| io_failure("look at", path, &e))?.len();
    let wrong = |why: String| Failure::new("bad-input", format!("{}: {why}", path.display()));
    if bytes > MAX_JSON {
        return Err(wrong(format!("it has {bytes} bytes; at most {MAX_JSON} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| io_failure("read", path, &e))?;
    serde_json::from_str(&text).map_err(|e| wrong(format!("it is not JSON: {e}")))
}

/// What `check` says of every master, and of every generated shot by itself.
fn checks(run: &Run) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let (mut all, mut clips) = (Vec::new(), Vec::new());
    for artifact in run.inputs("checks") {
        match json_of(artifact)? {
            Value::Object(mut document) => {
                if let Some(Value::Array(masters)) = document.remove("masters") {
                    all.extend(masters);
                }
                if let Some(Value::Array(shots)) = document.remove("clips") {
                    clips.extend(shots);
                }
            }
            _ => {
                return Err(Failure::new(
                    "bad-input",
                    format!("{} is not what `check` writes", artifact.path.display()),
                ));
            }
        }
    }
    Ok((all, clips))
}

/// A master with what was found of it: by its content first, or its name.
fn master(artifact: &Artifact, checks: &[Value], version: u32) -> Value {
    let same = |c: &&Value| c["sha256"] == artifact.sha256.as_str() && c["file"] == artifact.name.as_str();
    let found = checks.iter().find(same).or_else(|| checks.iter().find(|c| c["file"] == artifact.name.as_str()));
    let bytes = std::fs::metadata(&artifact.path).map_or(0, |m| m.len());
    let part = |name: &str| found.and_then(|f| f.get(name)).cloned().unwrap_or(Value::Null);
    json!({
        "file": delivered(artifact, version),
        "media": artifact.media,
        "sha256": artifact.sha256,
        "bytes": bytes,
        "facts": artifact.facts,
        "measured": part("facts"),
        "loudness": part("loudness"),
        "checks": part("checks"),
        "sheet": part("sheet"),
    })
}

/// The name a file has where it is delivered: the stage `folder` puts the version before the extension, unless the name is a
/// code, which stands alone.
fn delivered(artifact: &Artifact, version: u32) -> String {
    if artifact.facts.get("fixed-name") == Some(&Value::Bool(true)) {
        return artifact.name.clone();
    }
    versioned(&artifact.name, version)
}

fn versioned(name: &str, version: u32) -> String {
    let suffix = format!("_v{version}");
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && !stem.ends_with(&suffix) => {
            format!("{stem}{suffix}.{extension}")
        }
        Some((stem, _)) if stem.ends_with(&suffix) => name.to_owned(),
        _ => format!("{name}{suffix}"),
    }
}

/// One list for each platform that a master is for, of all its placements.
fn checklists(masters: &[Value], made: checklist::Made, run: &Run) -> Result<Vec<Value>, Failure> {
    let mut platforms: Vec<(&str, Vec<&str>)> = Vec::new();
    for master in masters {
        let text = |name: &str| master["facts"].get(name).and_then(Value::as_str);
        let (Some(platform), preset) = (text("platform"), text("preset").unwrap_or_default()) else { continue };
        match platforms.iter_mut().find(|(known, _)| *known == platform) {
            Some((_, presets)) if presets.contains(&preset) => {}
            Some((_, presets)) => presets.push(preset),
            None => platforms.push((platform, vec![preset])),
        }
    }
    let read = |name: &str| {
        let preset = run.inputs("presets").iter().find(|p| p.name.trim_end_matches(".yaml") == name);
        preset.map(|p| std::fs::read_to_string(&p.path).map_err(|e| io_failure("read", &p.path, &e))).transpose()
    };
    let list = |(platform, presets): (&str, Vec<&str>)| {
        let presets = presets.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let points = checklist::points(platform, made, &presets)?;
        Ok(json!({"platform": platform, "points": points}))
    };
    platforms.into_iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_delivery() {
        let check = |name: &str, expected: &str| assert_eq!(versioned(name, 2), expected);
        check("Zest_16x9_en.mp4", "Zest_16x9_en_v2.mp4");
        check("Zest_v2.mp4", "Zest_v2.mp4");
        check("Zest.captions.srt", "Zest.captions_v2.srt");
        check("Zest", "Zest_v2");
        let facts = json!({"fixed-name": true}).as_object().cloned().unwrap();
        let (path, sha256, media) = ("m".into(), String::new(), "video/quicktime".into());
        let coded = Artifact { path, sha256, media, name: "ZEST1234567H.mov".into(), facts };
        assert_eq!(delivered(&coded, 2), "ZEST1234567H.mov");
    }
}
