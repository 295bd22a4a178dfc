//! What people read when something is wrong with what they gave.

use std::fmt::Write as _;

use crate::common::{GREY, clip, params, template, with_look};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn mistakes_are_told_before_anything_is_rendered() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (64, 36), 6, |_| GREY)];
    let clean = std::fs::read_to_string(template("overlays/clean.svg")).unwrap();
    let long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen".repeat(3);
    let svg = |body: &str| {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 1080' width='1920' height='1080'>{body}</svg>"
        )
    };
    let cases: Vec<(&str, String, Value)> = vec![
        ("a text that can't be made to fit", clean.clone(), json!({"copy": {"headline": long}})),
        ("a character that no font has", clean.clone(), json!({"copy": {"headline": "Taste \u{13000}"}})),
        ("a word the brand avoids", clean.clone(), json!({"copy": {"headline": "So Healthy!"}})),
        ("an odd width", clean.clone(), json!({"width": 321})),
        (
            "scenes that are not as many as the clips",
            clean.clone(),
            json!({"scenes": [{"seconds": 1}, {"seconds": 1}]}),
        ),
        ("a scene of no length", clean.clone(), json!({"scenes": [{"seconds": 0}]})),
        ("a transition that is not there", clean.clone(), json!({"scenes": [{"seconds": 1, "transition": "explode"}]})),
        ("an accent that is no colour", clean, json!({"accent": "orange"})),
        ("an unknown effect", svg("<g id='x' data-in='explode'><rect width='9' height='9'/></g>"), json!({})),
        ("a text without a place", svg("<g id='x'><text>Hi</text></g>"), json!({})),
        (
            "a contrast that can't be reached",
            svg("<g id='x'><rect width='1920' height='1080' fill='#808080'/>\
                 <text data-box='100 100 900 200' fill='#999999'>Hello</text></g>"),
            json!({}),
        ),
        (
            "nothing to count",
            svg("<g id='x' data-in='count-up'><text data-box='0 0 900 200'>free</text></g>"),
            json!({}),
        ),
        ("a file from outside", svg("<g id='x'><image href='/etc/passwd' width='9' height='9'/></g>"), json!({})),
        (
            "a font that is not there",
            svg("<g id='x'><text data-box='0 0 500 100' font-family='Futura'>Hi</text></g>"),
            json!({}),
        ),
        ("something outside of a group", svg("<rect width='9' height='9'/>"), json!({})),
        ("an id used twice", svg("<g id='x'/><g id='x'/>"), json!({})),
        ("a template mistake", svg("<g id='x'>{{ copy.tagline }}</g>"), json!({})),
        ("no SVG at all", "hello".into(), json!({})),
    ];
    let mut told = String::new();
    for (what, look, changes) in cases {
        let file = folder.path().join("look.svg");
        std::fs::write(&file, look).unwrap();
        let done = with_look(&file, params(changes), &clips).run();
        let failure = done.failure();
        assert!(!failure.retryable);
        assert!(!done.scratch().join("composition").exists(), "{what}");
        writeln!(told, "# {what}\n{}: {}", failure.code, failure.message).unwrap();
        if let Some(hint) = &failure.hint {
            writeln!(told, "hint: {hint}").unwrap();
        }
        told.push('\n');
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_wrong_brand_file_is_told_with_its_place() {
    let folder = TempDir::new().unwrap();
    let good = std::fs::read_to_string(template("studio/brands/zest/brand.yaml")).unwrap();
    let cases = [
        ("a colour by name", good.replace("\"#F28C0F\"", "orange")),
        ("an unknown field", good.replace("voice:", "tone:")),
        ("no dark logo", good.lines().filter(|l| !l.contains("dark:")).collect::<Vec<_>>().join("\n")),
        ("a logo elsewhere", good.replace("logo-light.svg", "../../../etc/passwd")),
    ];
    let mut told = String::new();
    for (what, text) in cases {
        std::fs::write(folder.path().join("brand.yaml"), text).unwrap();
        let message = match spotloom_compose::brand::Brand::read(folder.path()) {
            Ok(brand) => spotloom_compose::brand::confined(folder.path(), &brand.logo.light).unwrap_err().to_string(),
            Err(e) => e.to_string(),
        };
        writeln!(told, "# {what}\n{message}\n").unwrap();
    }
    insta::assert_snapshot!(told);
}
