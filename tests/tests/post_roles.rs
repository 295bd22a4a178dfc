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

/// A clip for the pipeline.
fn give_clip(studio: &TestStudio) {
    let source = "testsrc2=size=96x64:rate=12:duration=1,format=yuv420p";
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", source, "-c:v", "ffv1"]).arg(studio.path("assets/in.mkv"));
    assert!(ffmpeg.status().unwrap().success());
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
    give_clip(&studio);
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

/// From its recipe, whether what it was made of is still here or has to be made again first; with models and without.
#[test]
fn a_clip_behind_the_shots_is_made_again_from_its_recipe() {
    let studio = TestStudio::example();
    model(&studio, "interpolate", "rife");
    model(&studio, "upscale", "double");
    give_clip(&studio);
    let post = studio.path("post.yaml");
    studio.write("post.yaml", BRIEF);
    let again = |file: &str| studio.run(&["run", studio.path(file).to_str().unwrap(), "--json"]);
    let check = |smooth: &str, larger: &str, methods: [&str; 2]| {
        let larger = format!("{larger}, recipe: \"{{{{ stages.smooth.recipe }}}}\"");
        studio.write("pipelines/post.yaml", &pipeline(smooth, &larger));
        let run = studio.run(&["run", post.to_str().unwrap(), "--json"]).ok().json();
        let shown = studio.run(&["jobs", "show", &run["job"].to_string(), "--json"]).ok().json();
        let stored = |stage: &str, port: &str| {
            let task = shown["tasks"].as_array().unwrap().iter().find(|t| t["key"] == stage).unwrap();
            let sha = task["outputs"][port][0]["sha256"].as_str().unwrap().to_owned();
            (studio.path(&format!(".spotloom/artifacts/{}/{sha}", &sha[..2])), sha)
        };
        let recipe: Value = serde_json::from_slice(&fs::read(stored("larger", "recipe").0).unwrap()).unwrap();
        let (before, hash) = stored("smooth", "clip");
        assert_eq!(recipe["inputs"]["clip"][0]["sha256"], hash, "its parent");
        assert_eq!(recipe["parents"][0]["clip"]["sha256"], hash, "and how that was made");
        assert_eq!([&recipe["parents"][0]["method"], &recipe["method"]], methods);
        // By itself, and behind its parent in a list such as the report's.
        let list = json!({"recipes": [recipe["parents"][0].clone(), recipe]});
        let files = [("again/larger.recipe.json", recipe.to_string(), 1), ("again/manifest.json", list.to_string(), 2)];
        for parent_is_here in [true, false] {
            for (file, text, clips) in &files {
                if !parent_is_here {
                    let _ = fs::remove_file(&before);
                }
                studio.write(file, text);
                let done = again(file).ok().json();
                let identical = (done["identical"].as_bool(), done["clips"].as_array().map(Vec::len));
                assert_eq!(identical, (Some(true), Some(*clips)), "{done:#}");
            }
        }
        recipe
    };
    check("", "", ["minterpolate-mci", "lanczos"]);
    let mut recipe = check(", model: rife", ", model: double", ["network", "network"]);

    // Without its parent, and without a way to make that again, it is said what is missing.
    let hash = recipe["inputs"]["clip"][0]["sha256"].as_str().unwrap().to_owned();
    let _ = fs::remove_file(studio.path(&format!(".spotloom/artifacts/{}/{hash}", &hash[..2])));
    recipe.as_object_mut().unwrap().remove("parents");
    studio.write("alone/larger.recipe.json", &recipe.to_string());
    let refused = again("alone/larger.recipe.json");
    let told = &refused.json()["errors"][0];
    assert_eq!((refused.code, told["code"].as_str()), (1, Some("bad-recipe")), "{told}");
    assert!(told["expected"].as_str().is_some_and(|expected| expected.contains(&hash)), "{told}");
    assert!(told["hint"].as_str().is_some_and(|hint| hint.contains("run the recipe that made it")), "{told}");
}
