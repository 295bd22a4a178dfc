//! Every mode that a brief can ask for, through the command and the embedded model; what a model lacks, refused before
//! anything runs; and clips made again from their recipes.
#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use spotloom_tests::{TINY, TestStudio, wait_for};

fn studio() -> TestStudio {
    let studio = TestStudio::example();
    studio.write("pipelines/presets/tiny.yaml", TINY);
    studio
}

/// A brief of these scenes, few steps and no end card.
fn brief(title: &str, scenes: &[String], more: &str) -> String {
    let scenes: String = scenes.iter().map(|scene| format!("  - {{{scene}, transition: cut}}\n")).collect();
    format!(
        "campaign: Modes\ntitle: {title}\npipeline: social-ad\nbrand: zest\noutputs: [tiny]\nscenes:\n{scenes}\
         with: {{steps: 4, end_card: 0, failed_checks: warn{more}}}\n"
    )
}

fn run(studio: &TestStudio, file: &str, brief: &str) -> Value {
    studio.write(file, brief);
    studio.run(&["run", studio.path(file).to_str().unwrap(), "--json"]).ok().json()
}

/// The tasks of a job by their keys.
fn task(studio: &TestStudio, report: &Value, key: &str) -> Value {
    let shown = studio.run(&["jobs", "show", &report["job"].to_string(), "--json"]).ok().json();
    let tasks = shown["tasks"].as_array().unwrap();
    let found = tasks.iter().find(|t| t["key"] == key);
    found.unwrap_or_else(|| panic!("no {key} in {:?}", tasks.iter().map(|t| &t["key"]).collect::<Vec<_>>())).clone()
}

fn artifact(studio: &TestStudio, task: &Value, port: &str) -> PathBuf {
    let sha = task["outputs"][port][0]["sha256"].as_str().unwrap();
    studio.path(&format!(".spotloom/artifacts/{}/{sha}", &sha[..2]))
}

fn ffmpeg(args: &[&str], file: &Path, more: &[&str]) -> Vec<u8> {
    let out = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args).arg("-i").arg(file).args(more).output();
    let out = out.expect("ffmpeg");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// A frame in 16x9 colours, its place counted from the beginning or, below 0, from the end.
fn look(file: &Path, seconds: f64) -> Vec<u8> {
    let at = seconds.to_string();
    let seek = if seconds < 0.0 { ["-sseof", &at] } else { ["-ss", &at] };
    let colours =
        ffmpeg(&seek, file, &["-vf", "scale=16:9:flags=area,format=rgb24", "-frames:v", "1", "-f", "rawvideo", "-"]);
    assert_eq!(colours.len(), 16 * 9 * 3, "a frame of {} at {seconds}", file.display());
    colours
}

/// Mean difference of two frames, in 8-bit steps.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

const SEA: &str = "prompt: waves at sunset with warm light";

/// Two clips of a second and a half and two stills, made by a brief that also asks for variations.
fn material(studio: &TestStudio) -> Value {
    let scenes = [format!("{SEA}, seconds: 1.5, variations: 2"), "prompt: calm ocean at night, seconds: 1.5".into()];
    let report = run(studio, "examples/material.yaml", &brief("Material", &scenes, ""));
    for (key, name) in [("shots[0,16:9]", "sunset"), ("shots[1,16:9]", "night")] {
        let clip = artifact(studio, &task(studio, &report, key), "clip");
        std::fs::copy(&clip, studio.path(&format!("assets/{name}.mkv"))).unwrap();
        let still = studio.path(&format!("assets/{name}.png"));
        ffmpeg(&[], &clip, &["-frames:v", "1", still.to_str().unwrap()]);
    }
    report
}

#[test]
fn what_a_stage_warns_of_is_told_at_the_terminal_and_out_of_the_cache_too() {
    let studio = studio();
    let file = "examples/zebra.yaml";
    let report = run(&studio, file, &brief("Zebra", &["prompt: a zebra at sunset, seconds: 1".into()], ""));
    let warnings = report["warnings"].as_array().unwrap();
    let told = warnings.iter().find(|w| w["message"].as_str().unwrap().contains("`zebra`")).unwrap();
    assert_eq!(told["tasks"], serde_json::json!(["shots[0,16:9]"]));
    let again = studio.run(&["run", studio.path(file).to_str().unwrap()]).ok();
    let line = format!("warning: {} (shots[0,16:9])", told["message"].as_str().unwrap());
    assert!(again.stderr.contains(&line), "{}", again.stderr);
    assert!(again.stdout.contains("from the cache"), "{}", again.stdout);
}

#[test]
fn a_brief_asks_for_every_mode_and_what_was_made_is_made_again_bit_for_bit() {
    let studio = studio();
    let material = material(&studio);
    variations(&studio, &material);
    quick_look(&studio, &material);
    let made = modes(&studio);
    recipes(&studio, &made);
}

/// The other clips lie beside the spot, with the seed to ask for; asked for, it is the same clip.
fn variations(studio: &TestStudio, material: &Value) {
    let files: Vec<PathBuf> = serde_json::from_value(material["files"].clone()).unwrap();
    let name = |end: &str| {
        let names = files.iter().filter_map(|f| f.file_name()).filter_map(|n| n.to_str());
        names.filter(|n| n.starts_with("shot-1_16x9_seed-") && n.ends_with(end)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((name(".mkv").len(), name(".json").len()), (1, 1), "{files:?}");
    let clip = files.iter().find(|f| f.ends_with(&name(".mkv")[0])).unwrap();
    let seed: u32 = name(".mkv")[0]["shot-1_16x9_seed-".len()..].split(['_', '.']).next().unwrap().parse().unwrap();
    let scenes = [format!("{SEA}, seconds: 1.5, seed: {seed}")];
    let chosen = run(studio, "examples/chosen.yaml", &brief("Chosen", &scenes, ""));
    let same = artifact(studio, &task(studio, &chosen, "shots[0,16:9]"), "clip");
    assert!(std::fs::read(clip).unwrap() == std::fs::read(same).unwrap(), "the variation with seed {seed}");
}

/// A quick look is a third of the size and has the same composition.
fn quick_look(studio: &TestStudio, material: &Value) {
    let scenes = [format!("{SEA}, seconds: 1.5")];
    let report = run(studio, "examples/quick.yaml", &brief("Quick look", &scenes, ", preview: true"));
    let shot = task(studio, &report, "shots[0,16:9]");
    assert_eq!(shot["outputs"]["clip"][0]["facts"]["width"], 106, "a third of two thirds of 480");
    let finished = artifact(studio, &task(studio, material, "shots[0,16:9]"), "clip");
    let far = difference(&look(&artifact(studio, &shot, "clip"), 0.0), &look(&finished, 0.0));
    assert!(far < 8.0, "the same sea: {far}");
}

/// One spot with a scene for each mode.
fn modes(studio: &TestStudio) -> Value {
    let cases = [
        ("text-to-video", 1.0, String::new()),
        ("image-to-video", 1.0, ", image: assets/night.png".into()),
        ("first-last", 1.0, ", image: assets/sunset.png, last_image: assets/night.png".into()),
        ("extend", 2.5, ", clip: assets/sunset.mkv, mode: extend".into()),
        ("extend", 2.5, ", clip_after: assets/night.mkv".into()),
        ("loop", 1.0, ", mode: loop".into()),
        ("bridge", 4.0, ", clip: assets/sunset.mkv, clip_after: assets/night.mkv".into()),
        ("edit", 1.5, ", clip: assets/night.mkv, mode: edit, strength: 0.3".into()),
        ("retake", 1.5, ", clip: assets/sunset.mkv, retake: {from: 0.5, to: 1}".into()),
    ];
    let scenes = cases.each_ref().map(|(_, seconds, given)| format!("{SEA}, seconds: {seconds}{given}"));
    let report = run(studio, "examples/modes.yaml", &brief("Every mode", &scenes, ""));
    assert_eq!(report["outcome"], "delivered");
    let (sunset, night) = (look(&studio.path("assets/sunset.png"), 0.0), look(&studio.path("assets/night.png"), 0.0));
    let later = look(&studio.path("assets/night.mkv"), 1.0);
    assert!(difference(&sunset, &night) > 30.0, "the two are told apart: {}", difference(&sunset, &night));
    let is = |clip: &Path, at: f64, like: &[u8], what: &str| {
        let far = difference(&look(clip, at), like);
        assert!(far < 9.0, "{what}: {far}");
    };
    for (index, (mode, seconds, _)) in cases.iter().enumerate() {
        let shot = task(studio, &report, &format!("shots[{index},16:9]"));
        let facts = &shot["outputs"]["clip"][0]["facts"];
        assert_eq!(shot["facts"]["mode"], *mode, "scene {index}");
        assert!((facts["seconds"].as_f64().unwrap() - seconds).abs() < 0.05, "{mode}: {facts}");
        let clip = artifact(studio, &shot, "clip");
        match index {
            1 => is(&clip, 0.0, &night, "begins with the picture"),
            2 => {
                is(&clip, 0.0, &sunset, "begins with the first picture");
                is(&clip, -0.05, &night, "ends with the last picture");
            }
            3 => is(&clip, 0.0, &sunset, "begins as the clip does"),
            4 => is(&clip, 2.0, &later, "the clip begins after a second"),
            6 => {
                is(&clip, 0.0, &sunset, "begins as the one clip does");
                is(&clip, 3.5, &later, "the other clip begins after two and a half seconds");
            }
            7 => is(&clip, 0.0, &night, "most of it is left"),
            8 => is(&clip, 0.0, &sunset, "what is not made again stays"),
            _ => {}
        }
    }
    report
}

/// The delivery's manifest and a single recipe; then a recipe that tells of another machine, and one whose picture is gone.
fn recipes(studio: &TestStudio, made: &Value) {
    let again = |file: &Path| studio.run(&["run", file.to_str().unwrap(), "--json"]);
    let files: Vec<PathBuf> = serde_json::from_value(made["files"].clone()).unwrap();
    let manifest = files[0].with_file_name("manifest.json");
    let whole = again(&manifest).ok().json();
    assert_eq!((whole["identical"].as_bool(), whole["clips"].as_array().unwrap().len()), (Some(true), 9), "{whole}");

    let shot = task(studio, made, "shots[1,16:9]");
    let recipe = std::fs::read_to_string(artifact(studio, &shot, "recipe")).unwrap();
    studio.write("recipes/hero.recipe.json", &recipe);
    let done = studio.run(&["run", studio.path("recipes/hero.recipe.json").to_str().unwrap()]).ok();
    assert!(done.stdout.contains("It is the one of the recipe, bit for bit."), "{}", done.stdout);
    let original = std::fs::read(artifact(studio, &shot, "clip")).unwrap();
    assert!(std::fs::read(studio.path("recipes/hero.mkv")).unwrap() == original, "it lies beside the recipe");

    let mut other: Value = serde_json::from_str(&recipe).unwrap();
    other["runtime"]["onnxruntime"] = "1.0.0".into();
    other["clip"]["sha256"] = "0".repeat(64).into();
    studio.write("recipes/other.recipe.json", &other.to_string());
    let differs = again(&studio.path("recipes/other.recipe.json"));
    assert_eq!(differs.code, 3, "{}", differs.stdout);
    assert_eq!(differs.json()["clips"][0]["differs"][0]["field"], "runtime.onnxruntime");

    std::fs::remove_file(studio.path("assets/night.png")).unwrap();
    let missing = again(&studio.path("recipes/hero.recipe.json"));
    assert_eq!((missing.code, missing.json()["errors"][0]["code"].as_str()), (1, Some("bad-recipe")));
    assert!(missing.stdout.contains("night.png"), "{}", missing.stdout);
}

#[test]
fn a_mode_that_the_model_lacks_is_refused_before_anything_runs() {
    let studio = studio();
    let contract = spotloom_tests::build::prefix().join("share/spotloom/models/ambient-v7/model.yaml");
    let contract = std::fs::read_to_string(contract).unwrap();
    let modes = contract.lines().find(|l| l.starts_with("modes:")).unwrap();
    studio.write("models/text-only/model.yaml", &contract.replace(modes, "modes: [text-to-video]"));
    let scenes =
        [format!("{SEA}, seconds: 1"), format!("{SEA}, image: assets/zest-can.png"), format!("{SEA}, mode: loop")];
    let text = brief("Refused", &scenes, ", model: text-only");
    studio.write("examples/refused.yaml", &text);
    let check = |told: &str| {
        for words in ["`text-only` can't do the mode `image-to-video`", "`text-only` can't do the mode `loop`"] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(told.contains("ambient-v7"), "{told}");
    };
    let file = studio.path("examples/refused.yaml");
    for command in ["run", "plan", "validate"] {
        let refused = studio.run(&[command, file.to_str().unwrap()]);
        assert_eq!(refused.code, 1, "{command}: {}", refused.stdout);
        check(&format!("{}{}", refused.stdout, refused.stderr));
    }
    let daemon = studio.serve();
    studio.write("briefs/refused.yaml", &text);
    let rejected = wait_for("the brief to be rejected", Duration::from_secs(60), || {
        Some(studio.list("briefs/rejected")).filter(|names| names.len() == 2)
    });
    check(&studio.read(&format!("briefs/rejected/{}", rejected[0])));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(studio.run(&["jobs", "--json"]).ok().json().as_array().map(Vec::len), Some(0), "nothing was started");
}
