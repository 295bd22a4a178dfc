//! The JSON Schemas for editors, as files. `UPDATE_SCHEMAS=1` writes them anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use serde_json::Value;
use spotloom::yaml::{self, Schema};
use spotloom::{brief, pipeline};

fn fresh(kind: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../pipelines/schemas/{kind}.schema.json"));
    let text = format!("{schema:#}\n");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{} is out of date: run the tests with UPDATE_SCHEMAS=1", path.display());
}

#[test]
fn schemas_are_fresh() {
    fresh("brief", &brief::schema());
    fresh("pipeline", &pipeline::schema());
}

/// The schema accepts what the checks accept: an editor must not mark a good file.
#[test]
fn schemas_accept_good_files() {
    let check = |schema: Value, folder: &str| {
        let schema = Schema::new(schema).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        for path in files.filter(|p| p.extension().is_some_and(|e| e == "yaml")) {
            let node = yaml::parse(&path.display().to_string(), &std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(schema.errors(&node.to_json()), [], "{}", path.display());
        }
    };
    check(brief::schema(), "../templates/studio/examples");
    check(pipeline::schema(), "../pipelines");
}

/// The schema and the checks know the same fields.
#[test]
fn schemas_know_every_field() {
    let names = |schema: &Value, pointer: &str| -> Vec<String> {
        schema.pointer(pointer).and_then(Value::as_object).unwrap().keys().cloned().collect()
    };
    let check = |what: &str, known: Vec<String>, text: String, mistakes: Option<Vec<spotloom::error::Diagnostic>>| {
        let unknown: Vec<String> =
            mistakes.unwrap_or_default().into_iter().filter(|d| d.code == "unknown-field").map(|d| d.message).collect();
        assert!(unknown.is_empty(), "{what}: {known:?} {text} {unknown:?}");
    };
    let mapping = |names: &[String]| names.iter().map(|n| format!("{n}: x")).collect::<Vec<_>>().join(", ");
    let brief_schema = brief::schema();
    for (what, pointer, wrap) in [
        ("brief", "/properties", ("{", "}")),
        ("scene", "/$defs/Scene/properties", ("{scenes: [{", "}]}")),
        ("audio", "/$defs/Audio/properties", ("{audio: {", "}}")),
        ("rights", "/$defs/Rights/properties", ("{rights: {", "}}")),
        ("stakeholder", "/$defs/Stakeholder/properties", ("{stakeholders: [{", "}]}")),
    ] {
        let known = names(&brief_schema, pointer);
        let text = format!("{}{}{}", wrap.0, mapping(&known), wrap.1);
        let mistakes = brief::Brief::parse("b.yaml", text.as_bytes()).err();
        check(what, known, text, mistakes);
    }
    let pipeline_schema = pipeline::schema();
    for (what, pointer, wrap) in [
        ("pipeline", "/properties", ("{", "}")),
        ("input", "/$defs/Input/properties", ("{inputs: {a: {", "}}}")),
        ("stage", "/$defs/Stage/properties", ("{stages: {a: {", "}}}")),
        ("retry", "/$defs/Retry/properties", ("{stages: {a: {retry: {", "}}}}")),
        ("deliver", "/$defs/Deliver/properties", ("{deliver: {", "}}")),
    ] {
        let known = names(&pipeline_schema, pointer);
        let text = format!("{}{}{}", wrap.0, mapping(&known), wrap.1);
        let mistakes = pipeline::Pipeline::parse("p.yaml", text.as_bytes()).err();
        check(what, known, text, mistakes);
    }
}
