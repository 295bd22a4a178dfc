//! Masters made by FFmpeg's command for a preset of their own, and the checks of them.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use spotloom_check::CheckStage;
use spotloom_plugin_sdk::api::Artifact;
use spotloom_plugin_sdk::harness::{Done, Harness};

pub const SECONDS: f64 = 5.0;
/// A picture that moves, calmly and without any black, on which a headline stands.
pub const PICTURE: &str = "testsrc2=s=320x180:r=30:d=5,eq=brightness=0.02:contrast=0.35,gblur=2";
pub const PLATE: &str = "drawbox=x=70:y=75:w=180:h=34:color=0x102030:t=fill";
/// 440 Hz at -14 LUFS.
pub const TONE: &str = "0.217*sin(2*PI*440*t)";
pub const TAGS: &str = "bt709";

pub const PRESET: &str = "
summary: A small one
platform: Test
aspect: '16:9'
width: 320
height: 180
fps: 30
max-fps: 30
video: {codec: h264, profile: high, crf: 18, max-kbps: 4000, gop-seconds: 0.5}
audio: {codec: aac, kbps: 128, loudness-lufs: -14, true-peak-db: -1}
limits: {min-seconds: 3, max-seconds: 10, max-megabytes: 20}
safe-zone: {top: 0.1, right: 0.1, bottom: 0.1, left: 0.1}
dated: 2026-11-22
sources: [here]
";

/// How a master is made, and what is said of it.
pub struct Made {
    pub video: String,
    pub audio: String,
    pub tags: &'static str,
    pub flags: &'static str,
    /// Left, top, right, bottom of the headline.
    pub text: [f64; 4],
    pub colour: &'static str,
    /// Bytes that are kept of the file.
    pub keep: f64,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            video: format!("{PICTURE},{PLATE},{}", words("white")),
            audio: TONE.into(),
            tags: TAGS,
            flags: "+faststart",
            text: [80.0 / 320.0, 80.0 / 180.0, 240.0 / 320.0, 104.0 / 180.0],
            colour: "#FFFFFF",
            keep: 1.0,
        }
    }
}

pub fn words(colour: &str) -> String {
    let font = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/fonts/Manrope-Bold.ttf");
    format!("drawtext=fontfile={}:text='Taste the sun':fontsize=22:fontcolor={colour}:x=86:y=82", font.display())
}

/// Two levels of grey that a share of the area goes between, so many times a second.
pub fn flashing(hertz: f64, share: f64) -> String {
    let height = (180.0 * share).round();
    // Above the headline, at whole frames: the source is a still of its own.
    format!(
        "{PICTURE},{PLATE},{},split[a][b];color=white:s=320x{height}:r=30:d=5[w];color=0x303030:s=320x{height}:r=30:d=5[k];\
         [k][w]overlay=enable='lt(mod(t*{hertz}\\,1)\\,0.5)'[f];[b]nullsink;[a][f]overlay=x=0:y=0:shortest=1",
        words("white")
    )
}

/// The text of a preset that comes along.
pub fn built_in(name: &str) -> String {
    let presets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/presets");
    std::fs::read_to_string(presets.join(format!("{name}.yaml"))).unwrap()
}

pub fn ffmpeg(arguments: &[&str]) {
    let out = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).output().expect("ffmpeg");
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

pub fn make(folder: &Path, made: &Made) -> PathBuf {
    let path = folder.join("Test_Campaign_Title_16x9_Test_5s_en.mp4");
    let sound = format!("aevalsrc='{0}|{0}':s=48000:d=5", made.audio);
    let graph = format!("{},format=yuv420p[v];{sound}[a]", made.video);
    let name = path.to_str().unwrap();
    ffmpeg(&[
        "-filter_complex",
        &graph,
        "-map",
        "[v]",
        "-map",
        "[a]",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "18",
        "-profile:v",
        "high",
        "-g",
        "15",
        "-c:a",
        "aac",
        "-b:a",
        "128k",
        "-colorspace",
        made.tags,
        "-color_primaries",
        made.tags,
        "-color_trc",
        made.tags,
        "-color_range",
        "tv",
        "-movflags",
        made.flags,
        "-use_editlist",
        "0",
        "-t",
        "5",
        "-threads",
        "2",
        name,
    ]);
    if made.keep < 1.0 {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..(bytes.len() as f64 * made.keep) as usize]).unwrap();
    }
    path
}

/// What compose writes of two scenes with a headline (its own test holds this file against that), but for where and in which
/// colour the headline is in the master.
pub fn layout(folder: &Path, made: &Made) -> PathBuf {
    let path = folder.join("layout.json");
    let mut document: Value = serde_json::from_str(include_str!("layout.json")).unwrap();
    for headline in document["texts"].as_array_mut().unwrap() {
        (headline["lines"], headline["colour"]) = (json!([made.text]), json!(made.colour));
    }
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

pub fn run(master: &Path, layout: &Path, params: Value) -> Done {
    run_for(PRESET, master, layout, params)
}

fn media(master: &Path) -> &'static str {
    match master.extension().and_then(|e| e.to_str()) {
        Some("mxf") => "application/mxf",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        _ => "video/mp4",
    }
}

pub fn run_for(text: &str, master: &Path, layout: &Path, params: Value) -> Done {
    let preset = master.with_file_name("test.yaml");
    std::fs::write(&preset, text).unwrap();
    let artifact = Artifact {
        path: master.into(),
        sha256: "0".repeat(64),
        media: media(master).into(),
        name: master.file_name().unwrap().to_string_lossy().into_owned(),
        facts: Map::from_iter([("preset".to_owned(), json!("test"))]),
    };
    Harness::<CheckStage>::new()
        .artifact("masters", artifact)
        .input("presets", &preset, "application/yaml")
        .input("layout", layout, "application/json")
        .params(params)
        .run()
}

/// The checks of a run that only warns, by name and verdict.
pub fn checks(done: &Done) -> Vec<Value> {
    let document: Value = serde_json::from_str(&done.text("checks")).unwrap();
    document["masters"][0]["checks"].as_array().unwrap().clone()
}

/// Names of the checks that did not pass.
pub fn found(done: &Done) -> Vec<String> {
    let all = checks(done);
    let wrong = all.iter().filter(|c| c["verdict"] != "pass");
    let mut names: Vec<String> = wrong.map(|c| c["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
