//! The built-in pipelines with the briefs they are for, and what they say to briefs they are not for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "catalog/mod.rs"]
mod catalog;

use std::path::Path;

use catalog::Studio;
use serde_json::json;
use spotloom::brief::Brief;
use spotloom::error::render;
use spotloom::pipeline::plan::{InputRef, Plan};
use spotloom::pipeline::{self, Pipeline};

fn plan(pipeline: &str, more: &str) -> Result<Plan, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../pipelines/{pipeline}.yaml"));
    let built_in = Pipeline::parse(&format!("pipelines/{pipeline}.yaml"), &std::fs::read(path).unwrap());
    let built_in = built_in.unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)));
    let text = format!(
        "campaign: C\ntitle: T\npipeline: {pipeline}\nbrand: zest\noutputs: [youtube-15s, instagram-reel]\n{more}"
    );
    let brief = Brief::parse("brief.yaml", text.as_bytes()).map_err(|m| render(&m))?;
    pipeline::expand(&built_in, &brief, &Studio::new().without_mail()).map_err(|m| render(&m))
}

/// The keys of the tasks that make pictures and words, without delivery.
fn keys(plan: &Plan) -> Vec<&str> {
    plan.tasks
        .iter()
        .map(|t| t.key.as_str())
        .filter(|k| !k.starts_with("deliver") && !k.starts_with("notify"))
        .collect()
}

fn inputs(plan: &Plan, key: &str, port: &str) -> Vec<String> {
    let task = plan.tasks.iter().find(|t| t.key.as_str() == key).unwrap();
    let of = |input: &InputRef| match input {
        InputRef::Output { task, output } => format!("{task}.{output}"),
        InputRef::File { name, .. } => name.clone(),
    };
    task.inputs.get(port).into_iter().flatten().map(of).collect()
}

/// What its author reads.
fn refused(told: &str, words: &str) {
    assert!(told.contains("not-for-this-pipeline") && told.contains(words), "{told}");
}

const MIXED: &str = "scenes:
  - {footage: assets/shot.mov, from: 2, seconds: 4}
  - {prompt: sea, seconds: 3}
  - {image: assets/zest-can.png, move: in, say: {en: Whole oranges., de: Ganze Orangen.}}
locales: [en, de]
";

/// Footage, pictures and generated shots are made for each shape; each composition gets them in the scenes' order.
#[test]
fn scenes_of_every_kind_come_in_order() {
    for pipeline in ["social-ad", "storyboard"] {
        let plan = plan(pipeline, MIXED).unwrap();
        let made = ["prompts[1]", "shots[1,16:9]", "shots[1,9:16]", "shot_checks[1,16:9]", "shot_checks[1,9:16]"];
        assert_eq!(keys(&plan)[..5], made, "{pipeline}");
        assert_eq!(keys(&plan)[5..8], ["footage[0,16:9]", "footage[0,9:16]", "footage[2,16:9]"], "{pipeline}");
        for aspect in ["16:9", "9:16"] {
            let clips = inputs(&plan, &format!("compose[{aspect},de]"), "clips");
            let expected = ["footage[0", "shots[1", "footage[2"].map(|task| format!("{task},{aspect}].clip"));
            assert_eq!(clips, expected, "{pipeline}");
            assert_eq!(inputs(&plan, &format!("compose[{aspect},de]"), "captions"), ["captions[de].cues"]);
        }
        assert_eq!(inputs(&plan, "captions[de]", "timings"), ["voice[de].timings"]);
        let delivered = inputs(&plan, "deliver[folder:deliveries]", "files");
        for file in ["captions[en].srt", "captions[de].srt", "captions[en].vtt", "captions[de].vtt"] {
            assert!(delivered.iter().any(|d| d == file), "{delivered:?}");
        }
    }
    let without = plan("social-ad", &format!("{MIXED}captions: {{burn: false}}\n")).unwrap();
    assert!(inputs(&without, "compose[16:9,de]", "captions").is_empty());
}

#[test]
fn localise_generates_nothing() {
    let plan1 = plan("localise", "locales: [en, de]\nscenes: [{footage: assets/shot.mov, seconds: 15}]\n").unwrap();
    assert!(plan1.tasks.iter().all(|t| t.uses.id != "diffusion" && t.uses.id != "prompt"));
    assert_eq!(plan1.tasks.iter().filter(|t| t.uses.id == "compose").count(), 4);
    refused(
        &plan("localise", "scenes: [{prompt: sea}]\n").unwrap_err(),
        "a scene has a `prompt`, and nothing is generated here",
    );
}

#[test]
fn product_demo_shows_price_and_picture() {
    let product = "product: {name: Zest, image: assets/zest-can.png, price: 1.29 €}\n";
    let scenes =
        "scenes: [{image: assets/zest-can.png, move: in}, {prompt: the can turns, image: assets/zest-can.png}]\n";
    let made = plan("product-demo", &format!("{product}{scenes}")).unwrap();
    assert_eq!(inputs(&made, "shots[1,16:9]", "image"), ["zest-can.png"]);
    let compose = made.tasks.iter().find(|t| t.stage == "compose").unwrap();
    assert_eq!(compose.params["copy"]["price"], "1.29 €");
    refused(&plan("product-demo", scenes).unwrap_err(), "the product has no name");
}

#[test]
fn training_numbers_its_steps_and_has_chapters() {
    let scenes = "scenes: [{prompt: a, headline: Open, say: Open it.}, {prompt: b, headline: Pour, say: Pour it.}]\n";
    let made = plan("training-video", &format!("{scenes}with: {{look: clean}}\n")).unwrap();
    let compose = made.tasks.iter().find(|t| t.stage == "compose").unwrap();
    assert_eq!(compose.params["scenes"][1]["headline"], "2. Pour");
    let delivered = inputs(&made, "deliver[folder:deliveries]", "files");
    assert!(delivered.iter().any(|d| d == "captions[en].chapters"), "{delivered:?}");
    refused(&plan("training-video", "scenes: [{prompt: a}]\n").unwrap_err(), "a step has no headline");
}

/// One picture for all scenes and shapes; a camera moves over it, or a motion model does more.
#[test]
fn try_on_dresses_once_and_shows_it_everywhere() {
    let given = "with: {model: dresser, person: assets/caf\u{e9}.png, category: tops}\nseed: 7\n";
    let scenes = "scenes: [{prompt: she turns}, {image: assets/zest-can.png}, {prompt: she smiles}]\n";
    let product = "product: {name: Zest, image: assets/zest-can.png}\n";
    let made = plan("try-on", &format!("{scenes}{product}{given}")).unwrap();
    let of = |plan: &Plan, id: &str| plan.tasks.iter().filter(|t| t.uses.id == id).count();
    assert_eq!((of(&made, "try-on"), of(&made, "diffusion"), of(&made, "prompt")), (1, 0, 0));
    assert_eq!(inputs(&made, "dressed", "person"), ["caf\u{e9}.png"]);
    assert_eq!(inputs(&made, "dressed", "garment"), ["zest-can.png"]);
    assert_eq!(made.tasks.iter().find(|t| t.stage == "dressed").unwrap().params["seed"], 7);
    assert_eq!(inputs(&made, "views[2,9:16]", "picture"), ["dressed.picture"]);
    let clips = inputs(&made, "compose[9:16,en]", "clips");
    assert_eq!(clips, ["views[0,9:16].clip", "pictures[1,9:16,ltr].clip", "views[2,9:16].clip"]);
    assert!(inputs(&made, "deliver[folder:deliveries]", "files").contains(&"dressed.picture".to_owned()));
    // Its picture over whoever wears it would hide them; another thing's is shown.
    assert!(inputs(&made, "compose[9:16,en]", "product").is_empty());
    let other = given.replace("category", "garment: assets/caf\u{e9}.png, category");
    let other = plan("try-on", &format!("{scenes}{product}{other}")).unwrap();
    assert_eq!(inputs(&other, "compose[9:16,en]", "product"), ["zest-can.png"]);

    let moved = given.replace("category", "motion: ambient-v7, category");
    let made = plan("try-on", &format!("{scenes}{product}{moved}")).unwrap();
    assert_eq!((of(&made, "try-on"), of(&made, "diffusion"), of(&made, "prompt")), (1, 4, 2));
    assert_eq!(inputs(&made, "shots[0,16:9]", "image"), ["dressed.picture"]);
}

/// What is missing is said before anything runs.
#[test]
fn try_on_says_what_it_lacks() {
    let check = |with: &str, more: &str, words: &str| {
        let told = plan("try-on", &format!("scenes: [{{prompt: she turns}}]\n{more}with: {{{with}}}\n")).unwrap_err();
        assert!(told.contains(words), "{with}: {told}");
    };
    let image = "product: {name: Zest, image: assets/zest-can.png}\n";
    let person = "person: assets/zest-can.png";
    let none = plan("try-on", "scenes: [{prompt: she turns}]\n").unwrap_err();
    for words in
        ["no try-on model is named", "no picture of the person", "no picture of the garment", "how the garment is worn"]
    {
        refused(&none, words);
    }
    check(&format!("model: dresser, {person}, category: tops"), "", "there is no picture of the garment");
    check(&format!("model: dresser, {person}, category: hats"), image, "expected: `tops`, `bottoms` or `one-pieces`");
    check(&format!("model: dresser, {person}, category: bottoms"), image, "`dresser` can't do the category `bottoms`");
    check(
        &format!("model: ambient-v7, {person}, category: tops"),
        image,
        "`ambient-v7` is a model of the family `ambient`",
    );
    check(&format!("model: ambient-v7, {person}, category: tops"), image, "`dresser` can");
    check(
        &format!("model: dresser, motion: amy, {person}, category: tops"),
        image,
        "`amy` is a model of the family `piper`",
    );
    let still = plan(
        "try-on",
        &format!(
            "scenes: [{{image: assets/zest-can.png}}]\n{image}with: {{model: dresser, {person}, category: tops}}\n"
        ),
    );
    refused(&still.unwrap_err(), "no scene shows the person");
}

/// Nothing is made of a shot before its check has let it pass, and each check has one shot made again.
#[test]
fn shots_that_may_be_made_again_are_judged_first() {
    let scenes = "scenes: [{prompt: a, headline: A}, {image: assets/zest-can.png, headline: B}]\n\
                  product: {name: Zest, image: assets/zest-can.png}\n";
    for pipeline in ["social-ad", "storyboard", "product-demo", "training-video"] {
        let retries = "with: {failed_checks: retry-with-new-seed, retries: 3}\n";
        let made = plan(pipeline, &format!("{scenes}{retries}")).unwrap();
        let judge = made.tasks.iter().find(|t| t.key.as_str() == "shot_checks[0,9:16]").unwrap();
        let reseed = judge.reseed.as_ref().unwrap();
        assert_eq!((reseed.task.as_str(), reseed.retries), ("shots[0,9:16]", 3), "{pipeline}");
        for task in made.tasks.iter().filter(|t| t.key != judge.key && t.needs.contains(&reseed.task)) {
            assert!(task.needs.contains(&judge.key), "{pipeline}: {} does not wait for the judgement", task.key);
        }
        assert_eq!(made.tasks.iter().filter(|t| t.reseed.is_some()).count(), 2, "{pipeline}: one for each shape");
        let none =
            plan(pipeline, &format!("{scenes}with: {{failed_checks: retry-with-new-seed, retries: 0}}\n")).unwrap();
        assert!(none.tasks.iter().all(|t| t.reseed.is_none()), "{pipeline}");
        let many = plan(pipeline, &format!("{scenes}with: {{failed_checks: retry-with-new-seed, retries: 11}}\n"));
        assert!(many.unwrap_err().contains("from 0 to 10"), "{pipeline}");
        // Without retries they are judged all the same, more gently, and what is made of them waits.
        let plain = plan(pipeline, scenes).unwrap();
        assert!(plain.tasks.iter().all(|t| t.reseed.is_none()), "{pipeline}");
        let judges = |plan: &Plan| plan.tasks.iter().filter(|t| t.stage == "shot_checks").count();
        assert_eq!((judges(&plain), judges(&made)), (2, 2), "{pipeline}: the picture is none of a model's");
        let gently = &plain.tasks.iter().find(|t| t.key == judge.key).unwrap().params;
        assert_eq!((&gently["whole-shot"], &gently["on-fail"]), (&json!(true), &json!("fail")), "{pipeline}");
        assert_eq!(judge.params["whole-shot"], false, "{pipeline}");
        let waiting = |plan: &Plan| {
            let of = plan.tasks.iter().filter(|t| t.needs.contains(&judge.key));
            of.map(|t| t.key.clone()).collect::<Vec<_>>()
        };
        assert_eq!(waiting(&plain), waiting(&made), "{pipeline}");
        let warned = plan(pipeline, &format!("{scenes}with: {{failed_checks: warn}}\n")).unwrap();
        let warned = &warned.tasks.iter().find(|t| t.key == judge.key).unwrap().params;
        assert_eq!(warned["on-fail"], "warn", "{pipeline}");
    }
}

/// A brief says of one check what it does; a name that is none is found before anything is made.
#[test]
fn a_brief_waives_one_check_alone() {
    let scenes = "scenes: [{prompt: a, headline: A}]\nproduct: {name: Zest, image: assets/zest-can.png}\n";
    let own = "scenes: [{footage: assets/shot.mov, headline: A}]\n";
    let try_on = "model: dresser, motion: ambient-v7, person: assets/zest-can.png, category: tops, ";
    for (pipeline, scenes, more) in [
        ("social-ad", scenes, ""),
        ("storyboard", scenes, ""),
        ("product-demo", scenes, ""),
        ("training-video", scenes, ""),
        ("try-on", scenes, try_on),
        ("localise", own, ""),
    ] {
        let with = |severity: &str| plan(pipeline, &format!("{scenes}with: {{{more}severity: {severity}}}\n"));
        let made = with("{letterbox: warn, drift: off}").unwrap();
        let checks: Vec<_> = made.tasks.iter().filter(|t| t.uses.id == "check").collect();
        assert!(checks.len() >= if pipeline == "localise" { 1 } else { 4 }, "{pipeline}");
        for task in checks {
            assert_eq!(
                task.params["severity"],
                json!({"letterbox": "warn", "drift": "off"}),
                "{pipeline} {}",
                task.key
            );
        }
        for (wrong, words) in [
            ("{letterbx: warn}", "did you mean `letterbox`?"),
            ("{letterbox: ignore}", "expected: `fail`, `warn` or `off`"),
            ("[letterbox]", "expected: a mapping"),
        ] {
            let told = with(wrong).unwrap_err();
            assert!(told.contains(words) && told.contains("brief.yaml:"), "{pipeline} {wrong}: {told}");
        }
    }
}

/// A licence that forbids a place can only be held against the brief when the stage is told where the spot will be shown.
#[test]
fn models_are_told_where_the_spot_will_be_shown() {
    let brief = "scenes: [{prompt: a, headline: A, say: Taste the sun.}]\nproduct: {name: Zest, image: assets/zest-can.png}\n\
                 rights: {ai_disclosure: required, territories: [EU, US]}\n";
    let try_on = "with: {model: dresser, motion: ambient-v7, person: assets/zest-can.png, category: tops}\n";
    for (pipeline, more) in
        [("social-ad", ""), ("storyboard", ""), ("product-demo", ""), ("training-video", ""), ("try-on", try_on)]
    {
        let made = plan(pipeline, &format!("{brief}{more}")).unwrap();
        let told = made.tasks.iter().filter(|t| ["diffusion", "try-on", "voice"].contains(&t.uses.id.as_str()));
        let places: Vec<_> = told.map(|t| &t.params["territory"]).collect();
        assert!(places.len() >= 3 && places.iter().all(|p| **p == json!(["EU", "US"])), "{pipeline}: {places:?}");
    }
}

/// What a notice of a failure shows is what the report shows.
#[test]
fn a_failure_is_told_with_its_report() {
    let people = "scenes: [{prompt: a, headline: A}]\nstakeholders: [{webhook: client-dam, on: [failed]}]\n";
    for pipeline in ["social-ad", "storyboard", "training-video"] {
        let made = plan(pipeline, people).unwrap();
        let key = "notify[failed,client-dam]";
        assert_eq!(inputs(&made, key, "files"), ["report.report"], "{pipeline}");
        assert_eq!(inputs(&made, key, "poster"), ["report.evidence"], "{pipeline}");
    }
}
