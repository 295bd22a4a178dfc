//! Checks one file from the command line: `cargo run --example look -- MASTER.mp4 PRESET.yaml [LAYOUT.json]`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a tool for the terminal")]

use serde_json::{Map, Value, json};
use spotloom_check::CheckStage;
use spotloom_plugin_sdk::api::Artifact;
use spotloom_plugin_sdk::harness::Harness;

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [master, preset, layout @ ..] = given.as_slice() else {
        return println!("usage: look MASTER PRESET.yaml [LAYOUT.json]");
    };
    let name = preset.rsplit('/').next().unwrap_or_default().trim_end_matches(".yaml");
    let artifact = Artifact {
        path: master.into(),
        sha256: "0".repeat(64),
        media: "video/mp4".into(),
        name: master.rsplit('/').next().unwrap_or_default().into(),
        facts: Map::from_iter([("preset".to_owned(), json!(name))]),
    };
    let mut run =
        Harness::<CheckStage>::new().artifact("masters", artifact).input("presets", preset, "application/yaml");
    if let Some(layout) = layout.first() {
        run = run.input("layout", layout, "application/json");
    }
    let done = run.params(json!({"on-fail": "warn"})).run();
    let document: Value = serde_json::from_str(&done.text("checks")).expect("JSON");
    for c in document["masters"][0]["checks"].as_array().into_iter().flatten() {
        let text = |name: &str| c[name].as_str().unwrap_or_default().to_owned();
        println!("{:5} {:13} {:60} {}", text("verdict"), text("name"), text("measured"), text("sentence"));
    }
}
