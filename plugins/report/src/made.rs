//! What was generated, and how: out of the recipes beside clips and pictures, and of what masters tell of their voice.

use serde_json::{Map, Value, json};

/// The shots that a model made, in order, with what was done to them since.
pub(crate) fn shots(recipes: &[Value]) -> Vec<Value> {
    // One that another was made of is told there.
    let further = |recipe: &Value| recipes.iter().any(|other| is_parent(recipe, other));
    let clips = recipes.iter().filter(|recipe| recipe.get("picture").is_none() && !further(recipe));
    let generated = clips.filter_map(origin);
    generated.enumerate().map(|(i, (recipe, since))| shot(i + 1, recipe, &since)).collect()
}

/// The pictures that a model made.
pub(crate) fn pictures(recipes: &[Value]) -> Vec<Value> {
    recipes.iter().filter(|recipe| recipe.get("picture").is_some()).map(picture).collect()
}

/// Who speaks in each language where a machine does: `model` is `null` for the plain voice.
pub(crate) fn voices(masters: &[Value]) -> Vec<Value> {
    let mut voices: Vec<Value> = Vec::new();
    for facts in masters.iter().map(|master| &master["facts"]).filter(|facts| !facts["synthetic-voice"].is_null()) {
        let model = &facts["voice-model"];
        let voice = json!({
            "locale": facts["locale"],
            "voice": facts["synthetic-voice"],
            "guide": facts["guide-voice"] == true,
            "seed": model["seed"],
            "speaker": model["speaker"],
            "model": model["name"],
            "model-sha256": model["sha256"],
            "licence": model["licence"],
            "notice": model["notice"],
        });
        if !voices.contains(&voice) {
            voices.push(voice);
        }
    }
    voices
}

/// Whether a model had its hand in any of it: not where footage was enlarged or given more frames by a filter alone.
pub(crate) fn any(recipes: &[Value]) -> bool {
    let by_filter = |recipe: &Value| recipe.get("filter").is_some() && origin(recipe).is_none();
    recipes.iter().any(|recipe| !by_filter(recipe))
}

/// Whether a recipe is among those that another clip was made of.
fn is_parent(recipe: &Value, of: &Value) -> bool {
    let parents = of["parents"].as_array().into_iter().flatten();
    let hash = &recipe["clip"]["sha256"];
    parents.into_iter().any(|parent| !hash.is_null() && parent["clip"]["sha256"] == *hash || is_parent(recipe, parent))
}

/// The recipe that a clip began with, and those of the stages that worked on it, in their order. `None` for what was never generated.
fn origin(recipe: &Value) -> Option<(&Value, Vec<&Value>)> {
    if recipe.get("shot").is_some() {
        return Some((recipe, Vec::new()));
    }
    let (first, mut since) = origin(recipe["parents"].get(0)?)?;
    since.push(recipe);
    Some((first, since))
}

/// What people want to know of a recipe.
fn shot(number: usize, recipe: &Value, since: &[&Value]) -> Value {
    let (params, model) = (&recipe["params"], &recipe["model"]);
    let since: Vec<Value> = since
        .iter()
        .filter(|done| done["method"] != "none")
        .map(|done| {
            let by = if done["model"].is_null() { &done["method"] } else { &done["model"]["name"] };
            json!({"stage": done["stage"]["id"], "by": by, "model-sha256": done["model"]["sha256"], "sha256": done["clip"]["sha256"]})
        })
        .collect();
    json!({
        "number": number,
        "prompt": recipe["shot"]["prompt"],
        "negative-prompt": recipe["shot"]["negative_prompt"],
        "seed": params["seed"],
        "steps": params["steps"],
        "guidance": params["guidance"],
        "scheduler": params["scheduler"],
        "seconds": recipe["clip"]["seconds"],
        "frames": recipe["clip"]["frames"],
        "sha256": recipe["clip"]["sha256"],
        "model": model["name"],
        "model-sha256": model["sha256"],
        "runtime": recipe["runtime"]["onnxruntime"],
        "provider": recipe["runtime"]["provider"],
        "since": since,
    })
}

/// The same of a picture that was made of others.
fn picture(recipe: &Value) -> Value {
    let (params, model) = (&recipe["params"], &recipe["model"]);
    let files = recipe["inputs"].as_object().into_iter().flatten();
    let given: Map<String, Value> = files.map(|(port, files)| (port.clone(), files[0]["name"].clone())).collect();
    json!({
        "stage": recipe["stage"]["id"],
        "given": given,
        "category": params["category"],
        "seed": params["seed"],
        "steps": params["steps"],
        "guidance": params["guidance"],
        "sha256": recipe["picture"]["sha256"],
        "model": model["name"],
        "model-sha256": model["sha256"],
        "notice": model["notice"],
        "runtime": recipe["runtime"]["onnxruntime"],
        "provider": recipe["runtime"]["provider"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shot_is_told_with_what_was_done_to_it_and_footage_is_no_shot() {
        let worked = |stage: &str, model: Option<&str>, parents: &[Value]| {
            let mut recipe =
                json!({"stage": {"id": stage}, "method": "lanczos", "clip": {"sha256": stage}, "parents": parents});
            if let Some(name) = model {
                recipe["model"] = json!({"name": name, "sha256": "m"});
            }
            recipe
        };
        let made = json!({"stage": {"id": "diffusion"}, "shot": {"prompt": "a can"}, "clip": {"sha256": "c"}});
        let check = |recipe: Value, expected: Option<&[(&str, &str)]>| {
            let told = shots(std::slice::from_ref(&recipe));
            let since = told.first().map(|shot| {
                assert_eq!((&shot["prompt"], &shot["number"]), (&json!("a can"), &json!(1)));
                let text = |done: &Value, name: &str| done[name].as_str().unwrap_or_default().to_owned();
                let since = shot["since"].as_array().into_iter().flatten();
                since.map(|done| (text(done, "stage"), text(done, "by"))).collect::<Vec<_>>()
            });
            let expected =
                expected.map(|all| all.iter().map(|(s, b)| ((*s).to_owned(), (*b).to_owned())).collect::<Vec<_>>());
            assert_eq!(since, expected, "{recipe}");
        };
        check(made.clone(), Some(&[]));
        let large = worked("upscale", Some("double"), std::slice::from_ref(&made));
        check(large.clone(), Some(&[("upscale", "double")]));
        check(worked("interpolate", None, &[large]), Some(&[("upscale", "double"), ("interpolate", "lanczos")]));
        check(worked("upscale", None, &[]), None);
        check(worked("interpolate", None, &[worked("upscale", None, &[])]), None);
        check(worked("upscale", Some("double"), &[]), None);
        check(json!({"picture": {"sha256": "p"}}), None);
        let mut same_rate = worked("interpolate", None, std::slice::from_ref(&made));
        same_rate["method"] = "none".into();
        check(same_rate.clone(), Some(&[]));
        let twice = shots(&[made.clone(), same_rate, json!({"shot": {"prompt": "another"}, "clip": {"sha256": "d"}})]);
        let prompts: Vec<&Value> = twice.iter().map(|shot| &shot["prompt"]).collect();
        assert_eq!(prompts, ["a can", "another"], "one that was worked on is told once");
    }

    #[test]
    fn each_voice_is_told_once() {
        let model = json!({"name": "anna", "sha256": "ab", "seed": 7, "speaker": null, "licence": "MIT", "notice": ""});
        let spoken =
            |locale: &str| json!({"facts": {"locale": locale, "synthetic-voice": "anna", "voice-model": model}});
        let guide = json!({"facts": {"locale": "ar", "synthetic-voice": "espeak-ng ar", "guide-voice": true}});
        let told = voices(&[spoken("en"), spoken("en"), json!({"facts": {"locale": "fr"}}), guide, spoken("de")]);
        let found: Vec<_> =
            told.iter().map(|v| [&v["locale"], &v["model-sha256"], &v["licence"], &v["seed"]]).collect();
        let none = &Value::Null;
        let (en, de, ar) = (json!("en"), json!("de"), json!("ar"));
        let (hash, licence, seed) = (json!("ab"), json!("MIT"), json!(7));
        assert_eq!(found, [[&en, &hash, &licence, &seed], [&ar, none, none, none], [&de, &hash, &licence, &seed]]);
        assert_eq!((&told[1]["guide"], &told[1]["voice"]), (&json!(true), &json!("espeak-ng ar")));
    }

    #[test]
    fn what_a_filter_does_to_footage_is_not_generated() {
        let check =
            |recipe: Value, expected: bool| assert_eq!(any(std::slice::from_ref(&recipe)), expected, "{recipe}");
        let by = |stage: &str, more: Value| {
            let mut recipe = json!({"stage": {"id": stage}, "clip": {"sha256": "c"}});
            recipe.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            recipe
        };
        check(by("upscale", json!({"filter": "scale"})), false);
        check(by("upscale", json!({"model": {"name": "double"}})), true);
        check(by("interpolate", json!({"filter": "minterpolate", "parents": [{"shot": {"prompt": "a can"}}]})), true);
        check(by("diffusion", json!({"shot": {"prompt": "a can"}})), true);
        check(by("somebody-elses", json!({})), true);
        assert!(!any(&[]));
    }
}
