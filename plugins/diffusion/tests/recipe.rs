//! The recipe that every clip carries: it makes the same clip again, and says what the clip was made of.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spotloom_diffusion::{Diffusion, contract::Model};
use spotloom_onnx::folder::sha256 as hash;
use spotloom_plugin_sdk::harness::{Done, Harness};
use support::parity;
use tempfile::TempDir;

fn recipe(done: &Done) -> Value {
    serde_json::from_str(&done.text("recipe")).expect("a recipe")
}

/// A run of nothing but what the recipe says, and the picture or clip that was given.
fn again(model: &Path, folder: &Path, recipe: &Value, given: Option<(&str, &Path)>) -> Done {
    let shot = folder.join("again.json");
    fs::write(&shot, recipe["shot"].to_string()).expect("a shot");
    let run = Harness::<Diffusion>::new()
        .params(recipe["params"].clone())
        .input("model", model, "inode/directory")
        .input("shot", shot, "application/json");
    with(run, given).run()
}

fn with(run: Harness<Diffusion>, given: Option<(&str, &Path)>) -> Harness<Diffusion> {
    match given {
        Some((port, file)) => run.input(port, file, if port == "clip" { "video/x-matroska" } else { "image/png" }),
        None => run,
    }
}

/// Makes a clip and makes it again, as `spotloom run` of its recipe does: bit for bit the same, and with another seed another.
fn check(model: &Path, params: &Value, given: Option<(&str, &Path)>) {
    let folder = TempDir::new().expect("a temporary folder");
    let case = format!("{} {params}", model.display());
    let first = with(support::shot(model, folder.path(), "teal and orange gradient", params), given).run();
    let mut recipe = recipe(&first);
    let sha256 = hash(&first.path("clip")).expect("a clip");
    assert_eq!(recipe["clip"]["sha256"], json!(sha256), "{case}");

    let second = again(model, folder.path(), &recipe, given);
    assert_eq!(hash(&second.path("clip")).expect("a clip"), sha256, "{case}");
    assert_eq!(self::recipe(&second)["params"], recipe["params"], "the recipe of the repetition is the same: {case}");

    recipe["params"]["seed"] = json!(8);
    let other = again(model, folder.path(), &recipe, given);
    assert_ne!(hash(&other.path("clip")).expect("a clip"), sha256, "{case}");
}

#[test]
fn a_recipe_makes_the_same_clip_again_and_another_seed_another() {
    let params = json!({"steps": 3, "guidance": 2.3, "fps": 23.976, "grain": 0.7});
    check(&support::model(), &params, None);
}

/// Longer than one clip of each, so that windows and chains are made again as well; nothing that was encoded is remembered.
#[test]
fn so_does_that_of_a_model_of_each_other_family() {
    let folder = TempDir::new().expect("a temporary folder");
    let sea = json!({"steps": 1, "seconds": 0.5, "fps": 12});
    let sea = support::shot(&support::model(), folder.path(), "sea", &sea).run();
    let sea = &sea.path("clip");
    let long = json!({"steps": 2, "fps": 12, "motion-fps": 12, "seconds": 1.5, "grain": 0.7, "embedding-cache": false});
    let edit = json!({"mode": "edit", "steps": 4, "fps": 12, "motion-fps": 12, "seconds": 0.5});
    let tiny = |fixture: &str, params: &Value, given: Option<(&str, &Path)>| {
        check(&parity::folder(fixture), params, given);
    };
    tiny("wan-t2v", &long, None);
    tiny("wan-i2v", &long, Some(("image", sea)));
    tiny("ltx", &long, None);
    tiny("ltx", &edit, Some(("clip", sea)));
    // Its noise is stirred anew at every step.
    tiny("cogvideox-5b", &long, None);
}

#[test]
fn a_recipe_names_the_model_its_files_and_what_ran_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let done = support::shot(&support::model(), folder.path(), "sea", &json!({"steps": 1})).run();
    let recipe = recipe(&done);
    let model = Model::open(&support::model()).expect("the embedded model");
    assert_eq!(recipe["spotloom-recipe"], json!(1));
    assert_eq!((&recipe["model"]["name"], &recipe["model"]["sha256"]), (&json!("ambient-v7"), &json!(model.sha256)));
    for (role, part) in &model.contract.components {
        assert_eq!(recipe["model"]["components"][role][0], json!({"file": part.file, "sha256": part.sha256}));
    }
    // Nothing is left to a default: every parameter has its value.
    let defaults = ["steps", "guidance", "shift", "scheduler", "motion-fps", "provider", "seconds", "seed"];
    assert!(defaults.iter().all(|name| !recipe["params"][name].is_null()), "{recipe:#}");
    assert_eq!(recipe["runtime"]["onnxruntime"], done.facts()["onnxruntime"]);
}

#[test]
fn a_recipe_of_any_provider_says_which_it_was() {
    let folder = TempDir::new().expect("a temporary folder");
    let check = |provider: &str, ran_on: &[Value]| {
        let params = json!({"steps": 1, "provider": provider});
        let recipe = recipe(&support::shot(&support::model(), folder.path(), "sea", &params).run());
        assert_eq!(
            (&recipe["params"]["provider"], &recipe["runtime"]["provider"]),
            (&json!(provider), &json!(provider))
        );
        assert!(ran_on.contains(&recipe["runtime"]["ran-on"]), "{provider}: {:#}", recipe["runtime"]);
    };
    check("auto", &[json!("cpu"), json!("cuda")]);
    check("cpu", &[Value::Null]);
}
