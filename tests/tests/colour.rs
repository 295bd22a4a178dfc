//! Colour is exact: a plate of one colour, as footage and as a drawing over it, comes out of every codec as it went in.
//!
//! Most tools draw over video with BT.601 and tag BT.709, or the other way round: this orange would come back as another.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spotloom_tests::{TestStudio, build};

const ORANGE: [u8; 3] = [0xF2, 0x8C, 0x0F];

const PIPELINE: &str = r##"name: plate
description: A plate, half of it footage and half of it drawn
stages:
  footage:
    uses: footage
    for-each: {aspect: "{{ aspects }}"}
    with: {picture: assets/plate.png, seconds: 1, width: "{{ each.aspect.width }}", height: "{{ each.aspect.height }}", fps: "{{ each.aspect.fps }}"}
  compose:
    uses: compose
    for-each: {aspect: "{{ aspects }}"}
    with:
      clips: "{{ stages.footage.clip | pick(aspect=each.aspect.name) }}"
      brand: zest
      look: half
      width: "{{ each.aspect.width }}"
      height: "{{ each.aspect.height }}"
      fps: "{{ each.aspect.fps }}"
      scenes: [{seconds: 1}]
      end-card: {seconds: 0}
      grain: 0
      push: 0
  masters:
    uses: transcode
    for-each: {aspect: "{{ aspects }}"}
    with:
      composition: "{{ stages.compose.composition | pick(aspect=each.aspect.name) }}"
      clips: "{{ stages.footage.clip | pick(aspect=each.aspect.name) }}"
      presets: "{{ each.aspect.presets }}"
      name: Plate
      locale: en
deliver: {files: "{{ stages.masters.masters }}"}
"##;

/// Draws the right half of the plate.
const LOOK: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}" height="{{ height }}">
  <g id="half" data-scene="all"><rect x="{{ width / 2 }}" y="0" width="{{ width / 2 }}" height="{{ height }}" fill="#F28C0F"/></g>
</svg>
"##;

/// A preset of 16:9 for each codec, rate control and container that the built-in ones use, without limits and leaders: a
/// second of it is enough here.
fn presets() -> BTreeMap<String, (String, String)> {
    let mut chosen = BTreeMap::new();
    let mut files: Vec<_> =
        fs::read_dir(build::root().join("pipelines/presets")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let line = |name: &str| text.lines().find(|l| l.starts_with(name)).unwrap_or_default().to_owned();
        let codec = line("video:").split("codec: ").nth(1).unwrap().split([',', '}']).next().unwrap().to_owned();
        let kind = format!("{codec}, constant rate: {}, {}", line("video:").contains("constant"), line("container:"));
        let dropped = ["limits:", "leader:", "tail-black", "silence:", "timecode:", "named-by:"];
        let kept = text.lines().filter(|l| !dropped.iter().any(|d| l.starts_with(d)));
        let short = kept.map(|l| format!("{l}\n")).collect();
        let wide = text.contains("aspect: \"16:9\"") && line("width:") != "width: 3840";
        if wide && !chosen.contains_key(&kind) {
            chosen.insert(kind, (file.file_stem().unwrap().to_string_lossy().into_owned(), short));
        }
    }
    chosen
}

/// A picture whose left half is orange and whose right half is black, exactly.
fn plate(studio: &TestStudio) {
    let (w, h) = (1280, 720);
    let mut ppm = format!("P6 {w} {h} 255\n").into_bytes();
    for _ in 0..h {
        ppm.extend(ORANGE.repeat(w / 2));
        ppm.extend([0, 0, 0].repeat(w / 2));
    }
    fs::write(studio.path("assets/plate.ppm"), ppm).unwrap();
    let (from, to) = (studio.path("assets/plate.ppm"), studio.path("assets/plate.png"));
    let made = Command::new("ffmpeg").args(["-v", "error", "-y", "-i"]).arg(from).arg(to).status().unwrap();
    assert!(made.success());
}

/// The pixels of a part of the middle frame, decoded by FFmpeg with the tags it finds.
fn pixels(file: &Path, left: f64) -> Vec<[u8; 3]> {
    let filter = format!("crop=iw*0.2:ih*0.6:iw*{left}:ih*0.2,format=rgb24");
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-sws_flags", "accurate_rnd+full_chroma_int", "-vf", &filter, "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    let all: Vec<[u8; 3]> = out.stdout.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
    assert!(!all.is_empty(), "{}: nothing decoded: {}", file.display(), String::from_utf8_lossy(&out.stderr));
    all
}

/// The first picture of an animated WebP as a still one: FFmpeg reads only those. (A film of one picture is one already.)
fn first_of_webp(file: &Path, to: &Path) -> PathBuf {
    let bytes = fs::read(file).unwrap();
    let size = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut at = 12;
    while at < bytes.len() && &bytes[at..at + 4] != b"ANMF" {
        at += 8 + size(at + 4).next_multiple_of(2);
    }
    if at >= bytes.len() {
        return file.to_path_buf();
    }
    // Sixteen bytes of place and time, then the picture's own chunk.
    let picture = &bytes[at + 24..at + 8 + size(at + 4)];
    let length = u32::try_from(4 + picture.len()).unwrap().to_le_bytes();
    fs::write(to, [b"RIFF", &length[..], b"WEBP", picture].concat()).unwrap();
    to.to_path_buf()
}

/// Colour tags of a file's video.
fn tags(file: &Path) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_streams", "-of", "json"])
        .arg(file)
        .output()
        .unwrap();
    serde_json::from_slice::<Value>(&out.stdout).unwrap()["streams"][0].clone()
}

#[test]
fn the_brands_orange_comes_out_of_every_codec_as_it_went_in() {
    let studio = TestStudio::example();
    plate(&studio);
    studio.write("pipelines/plate.yaml", PIPELINE);
    studio.write("templates/overlays/half.svg", LOOK);
    let presets = presets();
    assert!(presets.len() >= 9, "{:?}", presets.keys());
    presets.values().for_each(|(name, text)| studio.write(&format!("pipelines/presets/{name}.yaml"), text));
    let outputs: Vec<&str> = presets.values().map(|(name, _)| name.as_str()).collect();
    studio.write(
        "examples/plate.yaml",
        &format!(
            "campaign: Colour\ntitle: Plate\npipeline: plate\nbrand: zest\nscenes: [{{image: assets/plate.png, seconds: 1}}]\noutputs: [{}]\n",
            outputs.join(", ")
        ),
    );
    let done = studio.run(&["run", studio.path("examples/plate.yaml").to_str().unwrap(), "--json"]).ok().json();
    let files: Vec<&Path> = done["files"].as_array().unwrap().iter().map(|f| Path::new(f.as_str().unwrap())).collect();
    let masters: Vec<&Path> = files.into_iter().filter(|f| f.extension().is_some_and(|e| e != "json")).collect();
    assert_eq!(masters.len(), presets.len(), "{masters:?}");
    let mut wrong = Vec::new();
    for file in masters {
        let name = file.file_name().unwrap().to_string_lossy();
        let stream = tags(file);
        // A GIF has a palette and a WebP its own BT.601: their colours are what a decoder gives, there is nothing to tag.
        let untagged = name.ends_with(".gif") || name.ends_with(".webp");
        for tag in ["color_space", "color_primaries", "color_transfer"] {
            if !untagged && stream[tag] != "bt709" {
                wrong.push(format!("{name}: {tag} is {}", stream[tag]));
            }
        }
        if !untagged && stream["color_range"] != "tv" {
            wrong.push(format!("{name}: color_range is {}", stream["color_range"]));
        }
        let extension = file.extension().and_then(|e| e.to_str());
        let file =
            if extension == Some("webp") { first_of_webp(file, &studio.path("first.webp")) } else { file.into() };
        // The mean, as a meter held to the screen reads it: footage is dithered, so that its shades show no bands. WebP is
        // BT.601 with one rounding more.
        let (mean_within, each_within) = if extension == Some("webp") { (3.0, 6) } else { (1.0, 4) };
        for (what, left) in [("footage", 0.15), ("drawing", 0.65)] {
            let all = pixels(&file, left);
            let mean = |c: usize| all.iter().map(|p| f64::from(p[c])).sum::<f64>() / all.len() as f64;
            let means = [mean(0), mean(1), mean(2)];
            let off = |p: &[u8; 3]| p.iter().zip(ORANGE).map(|(a, b)| a.abs_diff(b)).max().unwrap();
            let worst = all.iter().max_by_key(|p| off(p)).unwrap();
            let shifted = means.iter().zip(ORANGE).any(|(m, o)| (m - f64::from(o)).abs() > mean_within);
            if shifted || off(worst) > each_within {
                wrong.push(format!("{name}: the {what} reads back as {means:.1?}, at the worst as {worst:02X?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "F28C0F went in:\n{}", wrong.join("\n"));
}
