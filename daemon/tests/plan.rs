//! From a brief to a plan, with the built-in pipelines and the descriptions of the built plugins.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "catalog/mod.rs"]
mod catalog;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use catalog::Studio;
use proptest::prelude::*;
use serde_json::{Value, json};
use spotloom::brief::Brief;
use spotloom::error::render;
use spotloom::pipeline::plan::{InputRef, Plan, PlannedTask};
use spotloom::pipeline::{self, Pipeline};

const BRIEF: &str = "\
campaign: Summer Splash
title: Citrus hero
pipeline: social-ad
brand: zest
locales: [en, ar]
product: {name: Zest, image: assets/zest-can.png}
copy:
  headline: {en: Taste the sun, ar: ذُق الشمس}
  cta: {en: Order now, ar: اطلب الآن}
scenes:
  - {prompt: 'waves at sunset with warm light, slow pan', seconds: 5}
  - {image: assets/zest-can.png, prompt: the can turns on a wet rock, seconds: 4, transition: wipe}
audio: {music: assets/summer.mp3}
outputs: [youtube-15s, instagram-reel, linkedin-landscape]
seed: 42
rights: {ai_disclosure: required, territories: [EU, US]}
deliver: [{email: producer@agency.example}, {webhook: client-dam}, {folder: nas}]
stakeholders:
  - {email: client@zest.example, role: approver, on: [accepted, approval, delivered, failed]}
  - {webhook: client-dam, on: [failed]}
";

fn built_in(name: &str) -> Pipeline {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../pipelines/{name}.yaml"));
    Pipeline::parse(&format!("pipelines/{name}.yaml"), &std::fs::read(path).unwrap())
        .unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)))
}

fn brief(text: &str) -> Brief {
    Brief::parse("brief.yaml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)))
}

fn plan(text: &str) -> Plan {
    let brief = brief(text);
    pipeline::expand(&built_in(&brief.pipeline), &brief, &Studio::new())
        .unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)))
}

/// A plan as a person would note it down.
fn outline(plan: &Plan) -> String {
    let mut text = String::new();
    for task in &plan.tasks {
        let pool = (&task.pool, task.retry.max_attempts, task.cache, task.trigger);
        writeln!(text, "{} ({}) {pool:?}", task.key, task.uses.id).unwrap();
        for (port, files) in &task.inputs {
            let files = files.iter().map(|file| match file {
                InputRef::Output { task, output } => format!("{task}.{output}"),
                InputRef::File { path, .. } => path.clone(),
            });
            writeln!(text, "    {port} < {}", files.collect::<Vec<_>>().join(", ")).unwrap();
        }
        for (name, value) in &task.params {
            writeln!(text, "    {name} = {value}").unwrap();
        }
        if !task.secrets.is_empty() {
            writeln!(text, "    secrets: {}", task.secrets.join(", ")).unwrap();
        }
    }
    text
}

#[test]
fn social_ad() {
    insta::assert_snapshot!(outline(&plan(BRIEF)));
}

#[test]
fn storyboard() {
    let text = BRIEF.replace("social-ad", "storyboard").replace("[en, ar]", "[en]");
    let plan = plan(&text);
    let keys: Vec<&str> = plan.tasks.iter().map(|t| t.key.as_str()).collect();
    insta::assert_debug_snapshot!(keys);
}

#[test]
fn the_examples_of_a_new_studio_parse() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates/studio/examples");
    let paths = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let briefs: Vec<_> = paths.filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    assert_eq!(briefs.len(), 5);
    for path in briefs {
        let parsed = Brief::parse(&path.display().to_string(), &std::fs::read(&path).unwrap());
        assert!(parsed.is_ok(), "{}", render(&parsed.unwrap_err()));
    }
}

fn of<'a>(plan: &'a Plan, stages: &[&str]) -> Vec<&'a PlannedTask> {
    plan.tasks.iter().filter(|t| stages.contains(&t.stage.as_str())).collect()
}

/// A new headline costs seconds, not a new generation.
#[test]
fn what_did_not_change_is_the_same_task() {
    let before = plan(BRIEF);
    let check = |change: (&str, &str), same: &[&str], other: &[&str]| {
        let text = BRIEF.replace(change.0, change.1);
        assert_ne!(text, BRIEF, "{change:?}");
        let after = plan(&text);
        assert_eq!(of(&before, same), of(&after, same), "{change:?}");
        for stage in other {
            assert_ne!(of(&before, &[stage]), of(&after, &[stage]), "{change:?} {stage}");
        }
    };
    check(
        ("Taste the sun", "Drink the sun"),
        &["prompts", "shots", "masters", "check", "deliver", "notify"],
        &["compose", "report"],
    );
    check(("assets/summer.mp3", "null"), &["prompts", "shots", "compose"], &["masters"]);
    check(("wipe", "cut"), &["prompts", "shots", "masters"], &["compose"]);
    check(("seed: 42", "seed: 43"), &["compose", "masters"], &["prompts"]);
    check(
        ("producer@agency.example", "boss@agency.example"),
        &["prompts", "shots", "compose", "masters"],
        &["deliver"],
    );
    check((", linkedin-landscape", ""), &["prompts", "shots", "compose"], &["masters"]);
}

/// Who gets the files makes no new version; what is in them does.
#[test]
fn the_version_is_about_content() {
    let sha = |text: &str| plan(text).content_sha256;
    assert_eq!(sha(BRIEF), sha(&BRIEF.replace("producer@", "boss@")));
    assert_eq!(sha(BRIEF), sha(&format!("# a comment\n{BRIEF}")));
    assert_ne!(sha(BRIEF), sha(&BRIEF.replace("Taste", "Drink")));
    assert_ne!(sha(BRIEF), sha(&format!("{BRIEF}with: {{end_card: 5}}\n")));
}

#[test]
fn a_brief_is_normalised() {
    let text = "{campaign: 2026, title: T, pipeline: social-ad, brand: zest, locales: [DE-at], \
        scenes: [{image: ./assets//cafe\u{301}.png}], outputs: [youtube-15s]}";
    let expected = json!({
        "campaign": "2026", "title": "T", "pipeline": "social-ad", "brand": "zest", "locales": ["de-AT"],
        "product": {"name": null, "image": null}, "copy": {},
        "scenes": [{
            "prompt": null, "image": "assets/caf\u{e9}.png", "last_image": null, "clip": null, "clip_after": null, "mode": null,
            "retake": {"from": null, "to": null}, "strength": null, "seed": null, "variations": null, "footage": null, "from": 0.0, "keep_sound": false, "move": null, "seconds": 4.0,
            "transition": "fade", "headline": null, "say": null, "source": "picture",
        }],
        "audio": {"music": null, "bpm": null, "music_gain_db": null, "duck_db": null, "voiceover": null, "voice": null, "speaker": null, "pace": null, "recording": null, "cues": []},
        "captions": {"burn": true, "script": null},
        "codes": {"ad_id": null, "clock_number": null}, "outputs": ["youtube-15s"], "seed": 0,
        "rights": {"ai_disclosure": "required", "territories": [], "licence_notes": null},
        "deliver": [], "stakeholders": [],
    });
    assert_eq!(brief(text).to_json(), expected);
}

/// `when`, `needs`, `continue-on-error` and everything else that a stage may say.
#[test]
fn stage_settings() {
    let text = "
name: p
stages:
  last:
    uses: prompt
    needs: [prompts]
    when: brief.seed > 1
    with: {template: ad-shot, prompt: 'seed {{ brief.seed }}', seconds: 4}
    retry: {max-attempts: 3, backoff: 1m}
    timeout: 2h
    stall-timeout: 30s
    cache: false
    pool: gpu
    continue-on-error: true
  prompts:
    uses: prompt
    for-each: [{name: a}, {name: b}, text, 7, {x: 1}, text]
    when: '{{ each.index != 1 }}'
    with: {template: ad-shot, seconds: 4}
";
    let pipeline = Pipeline::parse("p.yaml", text.as_bytes()).unwrap();
    let brief = brief(BRIEF);
    let plan = pipeline::expand(&pipeline, &brief, &Studio::new()).unwrap();
    let keys: Vec<&str> = plan.tasks.iter().map(|t| t.key.as_str()).collect();
    assert_eq!(keys, ["prompts[a]", "prompts[text]", "prompts[7]", "prompts[4]", "prompts[text~2]", "last"]);
    let last = plan.tasks.last().unwrap();
    assert_eq!(last.needs.len(), 5);
    assert_eq!((last.retry.max_attempts, last.retry.backoff_s), (3, 60.0));
    assert_eq!((last.timeout_s, last.stall_timeout_s), (7200.0, 30.0));
    assert_eq!((last.cache, last.pool.as_str(), last.continue_on_error), (false, "gpu", true));
    assert_eq!(last.params["prompt"], "seed 42");
}

/// No mail server is needed for a brief that asks for no mail.
#[test]
fn a_studio_without_channels_makes_spots() {
    let text =
        "{campaign: C, title: T, pipeline: social-ad, brand: zest, scenes: [{prompt: sea}], outputs: [youtube-15s]}";
    let plan = pipeline::expand(&built_in("social-ad"), &brief(text), &Studio::new().without_mail()).unwrap();
    let keys: Vec<&str> = plan.tasks.iter().map(|t| t.key.as_str()).collect();
    let expected = [
        "prompts[0]",
        "shots[0,16:9]",
        "shot_checks[0,16:9]",
        "compose[16:9,en]",
        "masters[16:9,en]",
        "check[16:9,en]",
        "report",
        "deliver[folder:deliveries]",
    ];
    assert_eq!(keys, expected);
}

fn scenes() -> impl Strategy<Value = Vec<Value>> {
    let scene = ("[a-z ]{1,12}x", 1u32..30).prop_map(|(prompt, seconds)| json!({"prompt": prompt, "seconds": seconds}));
    prop::collection::vec(scene, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The same brief gives the same plan; needs point backwards; keys are unique.
    #[test]
    fn plans_are_sound(
        scenes in scenes(),
        locales in prop::sample::subsequence(vec!["en", "de", "ar", "zh-Hant"], 1..4),
        outputs in prop::sample::subsequence(vec!["youtube-15s", "instagram-reel", "linkedin-square", "linkedin-landscape"], 1..5),
        seed in any::<u32>(),
        story in any::<bool>(),
    ) {
        let pipeline = if story { "storyboard" } else { "social-ad" };
        // JSON is YAML.
        let text = json!({
            "campaign": "C", "title": "T", "pipeline": pipeline, "brand": "zest",
            "locales": locales, "scenes": scenes, "outputs": outputs, "seed": seed,
            "stakeholders": [{"email": "a@b.example"}, {"email": "a@b.example", "on": ["failed"]}],
        }).to_string();
        let first = plan(&text);
        prop_assert_eq!(&first, &plan(&text));
        let mut seen = BTreeSet::new();
        for task in &first.tasks {
            prop_assert!(task.needs.iter().all(|n| seen.contains(n)), "{} needs what comes later", task.key);
            prop_assert!(seen.insert(task.key.clone()), "{} is there twice", task.key);
        }
        let json = serde_json::to_string(&first).unwrap();
        prop_assert_eq!(first, serde_json::from_str::<Plan>(&json).unwrap());
    }

    /// Nothing a file can hold makes the parser or the checks panic.
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Brief::parse("b.yaml", &bytes);
        let _ = Pipeline::parse("p.yaml", &bytes);
    }

    /// The same for text that is nearly right.
    #[test]
    fn nearly_yaml_gets_an_answer(text in "([a-z]{1,9}: ?|- |[ \\n\\[\\]{}&*!|>'\"%@#]|\\{\\{ [a-z.|()]{1,9} \\}\\}|[0-9é夏]){0,60}") {
        for mistakes in [Brief::parse("b.yaml", text.as_bytes()).err(), Pipeline::parse("p.yaml", text.as_bytes()).err()] {
            let _ = render(&mistakes.unwrap_or_default());
        }
    }

    /// One changed line of a good brief or pipeline.
    #[test]
    fn a_broken_file_gets_an_answer(line in 0usize..40, with in "[ -~]{0,30}") {
        let pipeline_text = include_str!("../../pipelines/social-ad.yaml");
        let broken = |text: &str| text.lines().enumerate().map(|(i, l)| if i == line { &*with } else { l }).collect::<Vec<_>>().join("\n");
        if let Ok(brief) = Brief::parse("b.yaml", broken(BRIEF).as_bytes()) {
            let _ = pipeline::expand(&built_in("social-ad"), &brief, &Studio::new());
        }
        if let Ok(pipeline) = Pipeline::parse("p.yaml", broken(pipeline_text).as_bytes()) {
            let _ = pipeline::expand(&pipeline, &brief(BRIEF), &Studio::new());
        }
    }
}
