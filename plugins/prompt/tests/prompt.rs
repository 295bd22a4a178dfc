//! Scenes and their captions, with the templates that ship with Spotloom.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_prompt::Prompt;

fn template(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/prompts").join(format!("{name}.yaml"))
}

fn run(name: &str, params: Value) -> Done {
    Harness::<Prompt>::new().params(params).input("template", template(name), "application/yaml").run()
}

fn shot(name: &str, params: Value) -> Value {
    serde_json::from_str(&run(name, params).text("shot")).unwrap()
}

/// Scenes as producers write them, and some that are unkind.
const SCENES: &[&str] = &[
    "waves at sunset with warm light, slow pan",
    "the can turns on a wet rock",
    "golden bokeh lights drifting left, black background",
    "perfume bottle on a pedestal",
    "misty mountains at dawn",
    "pink silk",
    "light rays",
    "calm sea",
    "purple smoke rising",
    "face cream jar, soft studio backdrop",
    "blue and gold gradient",
    "night city lights",
    "gift box on teal",
    "a red soda can, zoom in",
    "forest hills, camera pulls back",
    "abstract",
    "soft",
    "out of focus",
    "a child laughs in the kitchen",
    "Wellen bei Sonnenuntergang",
    "شروق الشمس فوق البحر",
    "stage",
];

#[test]
fn captions() {
    let mut table = String::new();
    for name in ["ad-shot", "storyboard-shot"] {
        table += &format!("{name}\n");
        for (index, scene) in SCENES.iter().enumerate().take(6) {
            let shot = shot(name, json!({"prompt": scene, "seconds": 5, "index": index, "total": 6, "seed": 42}));
            table += &format!("  {}\n", shot["prompt"].as_str().unwrap());
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_shot() {
    let params = json!({
        "prompt": "waves at\n  sunset", "seconds": 2.5, "index": 2, "total": 3, "seed": 42,
        "negative-prompt": "people", "expand": "none",
    });
    let expected = json!({"prompt": "waves at sunset", "asked": "waves at sunset", "negative_prompt": "people", "seconds": 2.5, "seed": 44});
    assert_eq!(shot("ad-shot", params), expected);
}

#[test]
fn the_seed_decides_and_the_look_stays_over_a_spot() {
    let caption = |seed: u64, index: u32| {
        let params = json!({"prompt": "a bottle", "seconds": 5, "index": index, "total": 9, "seed": seed});
        shot("ad-shot", params)["prompt"].as_str().unwrap().to_owned()
    };
    assert_eq!(caption(1, 0), caption(1, 0));
    let seeds: BTreeSet<_> = (0..20).map(|seed| caption(seed, 0)).collect();
    assert!(seeds.len() > 5, "20 seeds make {} captions", seeds.len());
    // Of a caption only the camera changes from shot to shot: light, lens and mood are the spot's.
    let look = |caption: &str| caption.rsplit(", ").take(2).map(str::to_owned).collect::<Vec<_>>();
    let shots: Vec<_> = (0..9).map(|index| caption(7, index)).collect();
    assert!(shots.iter().all(|s| look(s) == look(&shots[0])), "{shots:#?}");
    assert!(shots.iter().collect::<BTreeSet<_>>().len() > 1, "{shots:#?}");
}

#[test]
fn a_scene_without_words_is_the_templates_own() {
    for prompt in [json!(" "), json!(null)] {
        let shot = shot("ad-shot", json!({"prompt": prompt, "seconds": 5, "expand": "none"}));
        assert_eq!(shot["prompt"], "product shot");
    }
}

/// The embedded model ignores the words it doesn't know, but every word it does know changes the picture. So whatever a
/// built-in template adds, it must be no word (and make no phrase with the scene's last words) from the model's lists.
#[test]
fn nothing_is_added_that_the_embedded_model_would_take_for_a_scene() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../diffusion/models/ambient-v7/README.md");
    let vocabulary = vocabulary(&std::fs::read_to_string(readme).unwrap());
    assert!(vocabulary.len() > 300, "only {} terms were found", vocabulary.len());
    for name in ["ad-shot", "storyboard-shot"] {
        for scene in SCENES {
            for (seed, index) in (0..6).flat_map(|seed| [(seed, 0), (seed, 1), (seed, 2)]) {
                let shot = shot(name, json!({"prompt": scene, "seconds": 5, "index": index, "total": 3, "seed": seed}));
                let caption = shot["prompt"].as_str().unwrap();
                assert!(caption.starts_with(scene), "{caption}");
                assert_eq!(understood(&vocabulary, caption), understood(&vocabulary, scene), "{name}: {caption}");
            }
        }
    }
}

/// Class (`scene sea`, `color red`, …) and words of every term in the section 'Words it understands'.
fn vocabulary(readme: &str) -> Vec<(String, Vec<String>)> {
    let section = readme.split("## Words it understands").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut terms = Vec::new();
    for line in section.lines().filter_map(|l| l.strip_prefix("- **")) {
        let (class, groups) = line.split_once("**: ").unwrap();
        for group in groups.split("; ") {
            let (value, words) = group.split_once(": ").unwrap();
            terms.extend(words.split(", ").map(|w| (format!("{class} {}", value.trim_matches('`')), tokens(w))));
        }
    }
    terms
}

/// What the model would understand, as often as it is said.
fn understood(vocabulary: &[(String, Vec<String>)], caption: &str) -> Vec<String> {
    let words = tokens(caption);
    let count = |term: &Vec<String>| words.windows(term.len()).filter(|w| w == term).count();
    vocabulary.iter().flat_map(|(class, term)| vec![format!("{class}: {}", term.join(" ")); count(term)]).collect()
}

/// As its tokenizer does: lower case, split at everything that is neither letter nor digit.
fn tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

#[test]
fn refusals() {
    let check = |params: Value, code: &str, says: &str| {
        let done = run("ad-shot", params);
        assert_eq!(done.failure().code, code, "{:?}", done.failure());
        assert!(done.failure().message.contains(says), "{}", done.failure().message);
    };
    check(json!({"prompt": "waves", "seconds": 0}), "bad-params", "`seconds` is 0");
    check(json!({"prompt": "x".repeat(2001), "seconds": 5}), "bad-params", "2001 characters");
    check(json!({"prompt": "waves", "seconds": 5, "expand": "chat"}), "bad-params", "needs `chat`");
    check(json!({"prompt": "waves", "seconds": 5, "expand": "magic"}), "bad-params", "unknown variant `magic`");
}

#[test]
fn templates_that_are_refused() {
    let check = |text: &str, says: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let done = Harness::<Prompt>::new()
            .params(json!({"prompt": "waves", "seconds": 5}))
            .input("template", file.path(), "application/yaml")
            .run();
        assert_eq!(done.failure().code, "template-invalid");
        assert!(done.failure().message.contains(says), "{}", done.failure().message);
    };
    check("summary: s\ncaption: '{{ prompt }}'\nfallback: f\ncolour: red\n", "unknown field `colour`");
    check("summary: s\nfallback: f\n", "missing field `caption`");
    check("summary: s\ncaption: '{{ promt }}'\nfallback: f\n", "`caption` of the prompt template: undefined value");
    check(
        "summary: s\ncaption: '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}'\nfallback: f\n",
        "fuel",
    );
    check("summary: s\ncaption: c\nfallback: f\nwords: {light: {one-of: []}}\n", "`words.light.one-of` is empty");
}
