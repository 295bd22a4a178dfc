//! What a plan is told that only some models can do is what the stage itself refuses of the others.

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spotloom_diffusion::Diffusion;
use spotloom_diffusion::contract::Model;
use spotloom_plugin_sdk::harness::Harness;
use support::parity;
use tempfile::TempDir;

#[test]
fn what_plans_refuse_the_stage_refuses_as_well() {
    let properties = Harness::<Diffusion>::describe().params["properties"].clone();
    let folder = TempDir::new().expect("a temporary folder");
    let clip = support::shot(&support::model(), folder.path(), "sea", &json!({"steps": 1, "fps": 12})).run();
    let mut seen = BTreeSet::new();
    let mut check = |name: &str, index: usize, fixture: &str, params: Value, ports: &[&str], expected: &str| {
        let model = if fixture == "ambient" { support::model() } else { parity::folder(fixture) };
        let contract = Model::open(&model).expect("a model").contract;
        let case = &properties[name]["x-only-with"]["cases"][index];
        let mut able = case["is"].as_array().expect("a list").iter().filter_map(Value::as_str);
        let family = format!("{:?}", contract.family).to_lowercase();
        let told = |one: &str| match case["field"].as_str() {
            Some("family") => family == one,
            field => {
                assert_eq!(field, Some("components"), "{case}");
                contract.components.keys().any(|role| role == one)
            }
        };
        assert!(!able.any(told), "{fixture} can do the case {index} of `{name}`");
        seen.insert((name.to_owned(), index));

        let folder = TempDir::new().expect("a temporary folder");
        let mut all = json!({"steps": 2, "fps": 12, "motion-fps": 12});
        all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
        let mut run = support::shot(&model, folder.path(), "a golden bottle", &all);
        for port in ports {
            let media = if port.contains("image") { "image/png" } else { "video/x-matroska" };
            run = run.input(port, clip.path("clip"), media);
        }
        let done = run.run();
        assert!(done.failure().message.contains(expected), "{fixture} {params}: {}", done.failure());
    };
    let without = "without a picture or a clip to begin with";
    let longer = json!({"seconds": 1.5});
    check("mode", 0, "wan-i2v", longer.clone(), &["clip-after"], &format!("to extend {without}"));
    check("mode", 0, "ltx", longer, &["clip-after"], &format!("to extend {without}"));
    check("mode", 1, "wan-i2v", json!({"mode": "loop"}), &[], "needs an `image` or a `clip`");
    check("mode", 2, "wan-i2v", json!({}), &["last-image"], &format!("to first-last {without}"));
    check("mode", 3, "wan-i2v", json!({"from": 0, "to": 0.25}), &["clip"], &format!("to retake {without}"));
    check("scheduler", 0, "cogvideox-2b", json!({"scheduler": "flow-euler"}), &[], "`scheduler` is flow-euler");
    for fixture in ["ambient", "wan-t2v", "ltx"] {
        check("scheduler", 1, fixture, json!({"scheduler": "ddim"}), &[], "`scheduler` is ddim");
    }
    check("weights", 0, "wan-t2v", json!({"weights": "int8"}), &[], "weights of int8");
    check("decode", 0, "ambient", json!({"decode": "tiles"}), &[], "to decode in tiles");
    let cases = |property: &Value| property["x-only-with"]["cases"].as_array().map_or(0, Vec::len);
    let all: usize = properties.as_object().expect("an object").values().map(cases).sum();
    assert_eq!(seen.len(), all, "every case that a plan is told: {seen:?}");
}
