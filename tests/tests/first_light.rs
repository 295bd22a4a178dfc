//! The whole house: the example brief becomes finished ads, by the real model, with the real tools.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spotloom_tests::TestStudio;

fn ffprobe(file: &Path) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-show_format", "-show_streams", "-of", "json"])
        .arg(file)
        .output()
        .expect("ffprobe");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn run(studio: &TestStudio, brief: &str) -> Value {
    let path = studio.path(brief);
    studio.run(&["run", path.to_str().unwrap(), "--json"]).ok().json()
}

fn masters(report: &Value) -> Vec<PathBuf> {
    let files = report["files"].as_array().unwrap().iter().map(|f| PathBuf::from(f.as_str().unwrap()));
    files.filter(|f| f.extension().is_some_and(|e| e == "mp4")).collect()
}

/// States of a job's tasks whose key starts with `stage`.
fn states(studio: &TestStudio, report: &Value, stage: &str) -> Vec<(String, Value)> {
    let shown = studio.run(&["jobs", "show", &report["job"].to_string(), "--json"]).ok().json();
    let tasks = shown["tasks"].as_array().unwrap().clone();
    let of_stage = tasks.into_iter().filter(|t| t["key"].as_str().unwrap().starts_with(stage));
    of_stage.map(|t| (t["key"].as_str().unwrap().to_owned(), t)).collect()
}

fn clips(studio: &TestStudio, report: &Value) -> Vec<String> {
    let tasks = states(studio, report, "shots");
    assert!(!tasks.is_empty(), "the pipeline has no stage `shots`");
    tasks.iter().map(|(_, t)| t["outputs"]["clip"][0]["sha256"].as_str().unwrap().to_owned()).collect()
}

fn all_cached(tasks: &[(String, Value)]) -> bool {
    !tasks.is_empty() && tasks.iter().all(|(_, t)| t["state"]["from_cache"] == true)
}

#[test]
fn the_example_brief_becomes_three_masters_and_only_what_changed_is_made_again() {
    let studio = TestStudio::example();
    let first = run(&studio, "examples/citrus-hero.yaml");
    let made = masters(&first);
    let mut sizes = Vec::new();
    for file in &made {
        let probe = ffprobe(file);
        let streams = probe["streams"].as_array().unwrap();
        let video = streams.iter().find(|s| s["codec_type"] == "video").unwrap();
        let audio = streams.iter().find(|s| s["codec_type"] == "audio").unwrap();
        assert_eq!((video["codec_name"].as_str(), audio["codec_name"].as_str()), (Some("h264"), Some("aac")));
        for tag in ["color_space", "color_primaries", "color_transfer"] {
            assert_eq!(video[tag], "bt709", "{tag} of {}", file.display());
        }
        let seconds: f64 = probe["format"]["duration"].as_str().unwrap().parse().unwrap();
        assert!((10.0..=15.05).contains(&seconds), "{} lasts {seconds} s", file.display());
        sizes.push((video["width"].as_u64().unwrap(), video["height"].as_u64().unwrap()));
    }
    sizes.sort_unstable();
    assert_eq!(sizes, [(1080, 1080), (1080, 1920), (1920, 1080)]);

    // Again: everything from the cache, the same version, the same files.
    let second = run(&studio, "examples/citrus-hero.yaml");
    assert_eq!((&second["version"], masters(&second)), (&first["version"], made.clone()));
    for stage in ["prompts", "shots", "compose", "masters"] {
        assert!(all_cached(&states(&studio, &second, stage)), "{stage} was not taken from the cache");
    }

    // Another headline: a new version, and nothing is generated. One platform will do to see it.
    let text = studio.read("examples/citrus-hero.yaml");
    let outputs = text.lines().find(|l| l.starts_with("outputs:")).unwrap();
    let changed = text.replace("Taste the sun", "Drink the light").replace(outputs, "outputs: [instagram-square]");
    studio.write("examples/headline.yaml", &changed);
    let third = run(&studio, "examples/headline.yaml");
    assert_eq!(third["version"], 2);
    assert!(all_cached(&states(&studio, &third, "shots")), "a headline must not cost a generation");
    assert!(!all_cached(&states(&studio, &third, "compose")), "but the picture is composed anew");
    assert_eq!(masters(&third).len(), 1);
    assert!(masters(&third).iter().all(|m| !made.contains(m)) && made.iter().all(|m| m.exists()), "v1 is still there");
}

/// The shots of a brief and nothing after them: what is compared here is what was generated.
const SHOTS: &str = r#"name: shots
stages:
  prompts:
    uses: prompt
    for-each: "{{ brief.scenes }}"
    with: {template: ad-shot, prompt: "{{ each.prompt }}", seconds: "{{ each.seconds }}", index: "{{ each.index }}"}
  shots:
    uses: diffusion
    for-each: "{{ brief.scenes }}"
    with: {model: ambient-v7, shot: "{{ stages.prompts.shot | pick(index=each.index) }}", seed: "{{ brief.seed }}"}
deliver: {files: "{{ stages.shots.clip }}"}
"#;

#[test]
fn the_same_brief_gives_the_same_pictures_and_other_words_give_others() {
    let brief = |title: &str, prompt: &str, seed: u32| {
        format!(
            "campaign: Words\ntitle: {title}\npipeline: shots\nbrand: zest\nseed: {seed}\n\
             copy: {{headline: Hello, cta: Go}}\nscenes: [{{prompt: {prompt}, seconds: 2}}]\noutputs: [instagram-square]\n"
        )
    };
    let clip = |studio: &TestStudio, title: &str, prompt: &str, seed: u32| {
        studio.write("pipelines/shots.yaml", SHOTS);
        studio.write("examples/words.yaml", &brief(title, prompt, seed));
        let report = run(studio, "examples/words.yaml");
        clips(studio, &report).remove(0)
    };
    let (one, two) = (TestStudio::example(), TestStudio::example());
    let sea = clip(&one, "Sea", "sea waves at sunset", 5);
    assert_eq!(sea, clip(&two, "Sea", "sea waves at sunset", 5), "bit for bit, in a studio that never saw the first");
    let other_seed = clip(&one, "Seed", "sea waves at sunset", 6);
    let silk = clip(&one, "Gradient", "teal liquid gradient", 5);
    assert!(sea != other_seed && sea != silk && other_seed != silk);

    // The picture follows the words: sunset is warm (more red than blue), teal is not.
    let warmth = |sha: &str| {
        let file = one.path(&format!(".spotloom/artifacts/{}/{sha}", &sha[..2]));
        let out = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(file)
            .args(["-vf", "scale=1:1:flags=area,format=rgb24", "-frames:v", "1", "-f", "rawvideo", "-"])
            .output()
            .expect("ffmpeg");
        i32::from(out.stdout[0]) - i32::from(out.stdout[2])
    };
    assert!(warmth(&sea) > 20, "a sunset is warm: {}", warmth(&sea));
    assert!(warmth(&silk) < -20, "teal is not: {}", warmth(&silk));
}
