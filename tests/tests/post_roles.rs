//! The stages behind the shots, as a pipeline has them: a clip at another rate and a larger one, with small models of the public
//! interfaces and without any.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use spotloom_tests::TestStudio;

/// Puts a model of a plugin's tests into the studio.
fn model(studio: &TestStudio, plugin: &str, name: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/{plugin}/tests/fixtures/{name}"));
    let folder = studio.path(&format!("models/{name}"));
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(source).unwrap().flatten() {
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
}

/// Width, height, frames a second and frames of a file, as ffprobe counts them.
fn probed(file: &Path) -> String {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "csv=p=0"]);
    ffprobe.args(["-show_entries", "stream=width,height,r_frame_rate,nb_read_frames"]).arg(file);
    String::from_utf8(ffprobe.output().unwrap().stdout).unwrap().trim().to_owned()
}

const BRIEF: &str = "campaign: Post\ntitle: Larger\npipeline: post\nbrand: zest\noutputs: [youtube]\nscenes: [{prompt: none, seconds: 1}]\n";

/// `smooth` and `larger` stand for what is said of models.
fn pipeline(smooth: &str, larger: &str) -> String {
    format!(
        r#"
name: post
description: A clip of one's own, smoother and larger
stages:
  smooth:
    uses: interpolate
    with: {{clip: assets/in.mkv, fps: 30{smooth}}}
  larger:
    uses: upscale
    with: {{clip: "{{{{ stages.smooth.clip }}}}"{larger}}}
deliver: {{files: "{{{{ stages.larger.clip }}}}"}}
"#
    )
}

#[test]
fn clips_are_smoother_and_larger_with_models_and_without() {
    let studio = TestStudio::example();
    model(&studio, "interpolate", "rife");
    model(&studio, "upscale", "double");
    for name in ["rife", "double"] {
        let said = studio.run(&["models", "check", name]).ok().stdout;
        assert!(said.contains(name), "{said}");
    }
    let clip = studio.path("assets/in.mkv");
    let source = "testsrc2=size=96x64:rate=12:duration=1,format=yuv420p";
    let made =
        Command::new("ffmpeg").args(["-v", "error", "-f", "lavfi", "-i", source, "-c:v", "ffv1"]).arg(clip).status();
    assert!(made.unwrap().success());
    let post = studio.path("post.yaml");
    studio.write("post.yaml", BRIEF);
    let facts = |job: &str| {
        let shown = studio.run(&["jobs", "show", job, "--json"]).ok().json();
        let of = |stage: &str, fact: &str| -> Value {
            let tasks = shown["tasks"].as_array().unwrap();
            tasks.iter().find(|t| t["key"] == stage).map_or(Value::Null, |t| t["facts"][fact].clone())
        };
        [of("smooth", "method"), of("smooth", "model"), of("larger", "method"), of("larger", "model")]
    };
    let check = |smooth: &str, larger: &str, expected: Value| {
        studio.write("pipelines/post.yaml", &pipeline(smooth, larger));
        let run = studio.run(&["run", post.to_str().unwrap(), "--json"]).ok().json();
        assert_eq!(json!(facts(&run["job"].to_string())), expected);
        let folder = studio.path("deliveries/post");
        let version = fs::read_dir(&folder).unwrap().flatten().map(|e| e.path()).max().unwrap();
        let file = fs::read_dir(&version)
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .find(|p| p.extension().is_some_and(|e| e == "mkv"));
        assert_eq!(probed(&file.unwrap()), "192,128,30/1,30", "{smooth} {larger}");
    };
    check(", model: rife", ", model: double", json!(["network", "rife", "network", "double"]));
    check("", "", json!(["minterpolate-mci", null, "lanczos", null]));

    // What can't be had is said before anything runs, and where.
    studio.write("pipelines/post.yaml", &pipeline(", model: film", ""));
    let refused = studio.run(&["run", post.to_str().unwrap()]);
    assert!(refused.stderr.contains("there is no model `film`"), "{}", refused.stderr);
    // Of a model of another family as well, with one that can.
    studio.write("pipelines/post.yaml", &pipeline(", model: double", ""));
    let refused = studio.run(&["run", post.to_str().unwrap()]);
    assert!(refused.stderr.contains("of the family `interpolate`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("`rife` can"), "{}", refused.stderr);
}
