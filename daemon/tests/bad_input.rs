//! What a producer or a pipeline author reads when a file is wrong. Every file in `bad/` has a snapshot beside it:
//! read those to judge the messages.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "catalog/mod.rs"]
mod catalog;

use std::path::{Path, PathBuf};

use catalog::Studio;
use spotloom::brief::Brief;
use spotloom::error::{Diagnostics, render};
use spotloom::pipeline::{self, Pipeline};
use spotloom::yaml;

const GOOD_BRIEF: &str =
    "{campaign: C, title: T, pipeline: p, brand: zest, scenes: [{prompt: sea}], outputs: [youtube-15s]}";

fn bad(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad").join(kind)
}

fn built_in(name: &str) -> Pipeline {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../pipelines/{name}.yaml"));
    Pipeline::parse(&format!("pipelines/{name}.yaml"), &std::fs::read(path).unwrap()).unwrap()
}

/// All the way a brief goes before anything runs.
fn judge_brief(file: &str, bytes: &[u8]) -> Result<(), Diagnostics> {
    let studio = if file.contains("no-mail") { Studio::new().without_mail() } else { Studio::new() };
    let node = yaml::parse(file, bytes)?;
    let known = ["social-ad", "storyboard"];
    let meant = node.get("pipeline").and_then(yaml::Node::as_text).filter(|name| known.contains(name)).map(built_in);
    let named = |mistakes| pipeline::with_names(mistakes, &node, &studio, &known, meant.as_ref());
    let brief = Brief::from_node(&node).map_err(named)?;
    if !known.contains(&brief.pipeline.as_str()) {
        return Err(named(Diagnostics::new()));
    }
    pipeline::expand(&built_in(&brief.pipeline), &brief, &studio).map(drop)
}

/// What `validate` says, and then what a good brief would run into.
fn judge_pipeline(file: &str, bytes: &[u8]) -> Result<(), Diagnostics> {
    let pipeline = Pipeline::parse(file, bytes)?;
    let mistakes = pipeline.check(&Studio::new());
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let brief = Brief::parse("good.yaml", GOOD_BRIEF.as_bytes())?;
    pipeline::expand(&pipeline, &brief, &Studio::new()).map(drop)
}

fn snapshots(kind: &str, judge: fn(&str, &[u8]) -> Result<(), Diagnostics>) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(bad(kind)).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(bad("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mistakes = judge(&format!("{kind}/{name}"), &std::fs::read(&path).unwrap());
        let text = match mistakes {
            Ok(()) => panic!("{name} is accepted"),
            Err(mistakes) => render(&mistakes),
        };
        settings.bind(|| insta::assert_snapshot!(format!("{kind}-{}", name.trim_end_matches(".yaml")), text));
    }
}

#[test]
fn bad_briefs() {
    snapshots("briefs", judge_brief);
}

#[test]
fn bad_pipelines() {
    snapshots("pipelines", judge_pipeline);
}

/// Attacks on the parser itself, too large to lie here as files.
#[test]
fn attacks() {
    let check = |bytes: Vec<u8>, code: &str| {
        let mistakes = yaml::parse("attack.yaml", &bytes).unwrap_err();
        assert_eq!(mistakes[0].code, code, "{}", render(&mistakes));
        assert!(render(&mistakes).len() < 20_000);
    };
    let repeat = |text: &str, n: usize| text.repeat(n).into_bytes();
    check(repeat("[", 10_000), "too-deep");
    check(repeat("{a: ", 10_000), "too-deep");
    check((0..10_000).map(|i| format!("{}a:\n", " ".repeat(i.min(80)))).collect::<String>().into_bytes(), "too-deep");
    check(repeat("- ", 10_000), "too-deep");
    check(repeat("- a\n", 120_000), "too-many-values");
    check(repeat("x", 2 << 20), "too-large");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..20 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
    }
    check(bomb.into_bytes(), "too-many-values");
    check(b"a: &a [*a]\n".to_vec(), "yaml-syntax");
    check((0..30_000).map(|_| "a: 1\n").collect::<String>().into_bytes(), "duplicate-key");
    check(b"a: \"\\ud800\"\n".to_vec(), "yaml-syntax");
    check(vec![0xff, 0xfe, b'a', 0], "not-utf-8");
    check(vec![0; 4096], "yaml-syntax");
}

/// Files that are good YAML and wrong ten thousand times: few answers, soon.
#[test]
fn floods() {
    let check = |text: String, code: &str| {
        let mistakes = Brief::parse("flood.yaml", text.as_bytes()).unwrap_err();
        assert!(mistakes.iter().any(|m| m.code == code), "{}", render(&mistakes));
        assert!(mistakes.len() <= 51 && render(&mistakes).len() < 50_000);
    };
    let many = |n: usize, of: &dyn Fn(usize) -> String| (0..n).map(of).collect::<Vec<_>>().join(", ");
    check(format!("{{{}}}", many(40_000, &|i| format!("k{i}: 1"))), "too-many");
    check(format!("scenes: [{}]", many(20_000, &|_| "{promt: x}".into())), "too-many");
    check(
        format!(
            "scenes: [{}]",
            many(90, &|i| format!("{{{}}}", many(500, &|j| format!("f{j}é: 1")).replace("f0", &format!("g{i}"))))
        ),
        "more-mistakes",
    );
    check(format!("with: {{{}}}", many(40_000, &|i| format!("k{i}: 1"))), "too-many");
    check(format!("outputs: [{}]", many(40_000, &|i| format!("p{i}"))), "too-many");
    check(format!("locales: [{}]", "x".repeat(1_000_000)), "too-long");
    check(format!("rights: {{ai_disclosure: {}}}", "x".repeat(1_000_000)), "too-long");
}
