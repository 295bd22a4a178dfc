//! One brief, three languages (one from right to left), four shapes, captions, in one run: nothing is generated twice, every
//! master passes its checks, and ffprobe, mediainfo and FFmpeg's loudness meter say of each what the report says.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spotloom_tests::{TestStudio, build};

const LOCALES: [&str; 3] = ["en", "de", "ar"];
const OUTPUTS: &str = "[youtube, instagram-reel, instagram-square, instagram-feed-4x5]";

/// The example as it is, but short and with fewer words, for these platforms.
fn brief(studio: &TestStudio, outputs: &str, seconds: u32) -> PathBuf {
    let text = studio.read("examples/everywhere.yaml");
    let own = text.lines().find(|l| l.starts_with("outputs:")).unwrap();
    let short = text.replace("seconds: 4", &format!("seconds: {seconds}")).replace(own, &format!("outputs: {outputs}"));
    let short: String = short.lines().filter(|l| !l.contains("comes back")).map(|l| format!("{l}\n")).collect();
    studio.write("examples/short.yaml", &format!("{short}with: {{end_card: {seconds}}}\n"));
    studio.path("examples/short.yaml")
}

/// Platforms at two thirds of their size: a studio's own presets come before the built-in ones.
fn smaller(studio: &TestStudio, outputs: &str) {
    for name in outputs.trim_matches(['[', ']']).split(", ") {
        let preset = format!("pipelines/presets/{name}.yaml");
        let text = fs::read_to_string(build::root().join(&preset)).unwrap();
        let smaller = |line: &str| match line.split_once(": ") {
            Some((side @ ("width" | "height"), pixels)) => {
                format!("{side}: {}\n", pixels.split(' ').next().unwrap().parse::<u32>().unwrap() * 2 / 3)
            }
            _ => format!("{line}\n"),
        };
        studio.write(&preset, &text.lines().map(smaller).collect::<String>());
    }
}

fn words(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e} (run `make setup-test` first)"));
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn ffprobe(file: &Path) -> Value {
    let arguments = ["-v", "error", "-show_streams", "-show_format", "-count_packets", "-of", "json"];
    serde_json::from_str(&words(Command::new("ffprobe").args(arguments).arg(file))).unwrap()
}

/// Kilobits of all of the picture's packets.
fn kilobits(file: &Path) -> f64 {
    let arguments = ["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=size", "-of", "csv=p=0"];
    let sizes = words(Command::new("ffprobe").args(arguments).arg(file));
    sizes.lines().map(|l| l.trim_end_matches(',').parse::<f64>().unwrap()).sum::<f64>() * 8.0 / 1000.0
}

/// The tracks of a file by kind, as mediainfo tells them.
fn mediainfo(file: &Path) -> impl Fn(&str) -> Value {
    let info: Value = serde_json::from_str(&words(Command::new("mediainfo").arg("--Output=JSON").arg(file))).unwrap();
    let tracks = info["media"]["track"].as_array().unwrap().clone();
    move |kind| tracks.iter().find(|t| t["@type"] == kind).unwrap_or_else(|| panic!("no {kind} track")).clone()
}

/// Integrated loudness and true peak, as FFmpeg's filter prints them. Broadcasters' tracks have a channel each, left and right first.
fn ebur128(file: &Path, mono_tracks: bool) -> (f64, f64) {
    let stereo = if mono_tracks { "[0:a:0][0:a:1]join=inputs=2:channel_layout=stereo" } else { "[0:a:0]anull" };
    let filter = format!("{stereo},ebur128=peak=true[out]");
    let measured = ["-filter_complex", &filter, "-map", "[out]", "-f", "null", "-"];
    let text = words(Command::new("ffmpeg").args(["-nostats", "-i"]).arg(file).args(measured));
    let summary = text.rsplit("Summary:").next().unwrap();
    let figure = |key: &str| -> f64 {
        let line = summary.lines().find(|l| l.trim_start().starts_with(key)).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().find_map(|w| w.parse().ok()).unwrap()
    };
    (figure("I:"), figure("Peak:"))
}

/// Collects what does not agree, so that one run tells all of it.
struct Compared<'a> {
    file: &'a str,
    wrong: &'a mut Vec<String>,
}

impl Compared<'_> {
    fn same(&mut self, what: &str, ours: &Value, theirs: &Value) {
        if ours != theirs {
            self.wrong.push(format!("{}: {what}: {ours} in the report, {theirs} elsewhere", self.file));
        }
    }

    fn near(&mut self, what: &str, ours: &Value, theirs: f64, within: f64) {
        if !ours.as_f64().is_some_and(|ours| (ours - theirs).abs() <= within) {
            self.wrong.push(format!("{}: {what}: {ours} in the report, {theirs} elsewhere", self.file));
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(f64::NAN)
}

fn ratio(value: &Value) -> f64 {
    let (a, b) = value.as_str().unwrap().split_once('/').unwrap();
    a.parse::<f64>().unwrap() / b.parse::<f64>().unwrap()
}

/// Holds what the report says of one master against what the others say.
fn compare(folder: &Path, master: &Value, wrong: &mut Vec<String>) {
    let name = master["file"].as_str().unwrap();
    let path = folder.join(name);
    let (facts, loudness) = (&master["measured"], &master["loudness"]);
    let (video, audio) = (&facts["video"], &facts["audio"]);
    let probe = ffprobe(&path);
    let stream = |kind: &str| {
        probe["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == kind).cloned().unwrap_or_default()
    };
    let (v, a) = (stream("video"), stream("audio"));
    let mut c = Compared { file: name, wrong };
    for (ours, theirs) in [
        ("codec", "codec_name"),
        ("width", "width"),
        ("height", "height"),
        ("pixel", "pix_fmt"),
        ("matrix", "color_space"),
        ("primaries", "color_primaries"),
        ("transfer", "color_transfer"),
        ("range", "color_range"),
    ] {
        c.same(&format!("ffprobe, {theirs}"), &video[ours], &v[theirs]);
    }
    // FFmpeg's library names some profiles in another way than its program, and of ProRes and AV1 none.
    let profile = match video["profile"].as_str() {
        Some("422") => "4:2:2".into(),
        Some("0") => "Profile 0".into(),
        Some("") if [json!("prores"), json!("av1")].contains(&video["codec"]) => v["profile"].clone(),
        own => own.into(),
    };
    c.same("ffprobe, profile", &profile, &v["profile"]);
    c.near("ffprobe, avg_frame_rate", &video["fps"], ratio(&v["avg_frame_rate"]), 0.001);
    c.near("ffprobe, packets", &video["frames"], number(&v["nb_read_packets"]), 0.0);
    c.near("ffprobe, duration", &facts["seconds"], number(&probe["format"]["duration"]), 0.03);
    c.near("ffprobe, size", &facts["bytes"], number(&probe["format"]["size"]), 0.0);
    c.near("ffprobe, bit_rate", &facts["kbps"], number(&probe["format"]["bit_rate"]) / 1000.0, 60.0);
    c.same("ffprobe, audio codec", &audio["codec"], &a["codec_name"]);
    c.near("ffprobe, sample_rate", &audio["rate"], number(&a["sample_rate"]), 0.0);
    c.same("ffprobe, channels", &audio["channels"], &a["channels"]);

    let track = mediainfo(&path);
    let (general, v, a) = (track("General"), track("Video"), track("Audio"));
    for (what, ours, theirs) in [
        ("Width", &video["width"], &v["Width"]),
        ("Height", &video["height"], &v["Height"]),
        ("FrameCount", &video["frames"], &v["FrameCount"]),
        ("SamplingRate", &audio["rate"], &a["SamplingRate"]),
        ("Channels", &audio["channels"], &a["Channels"]),
        ("FileSize", &facts["bytes"], &general["FileSize"]),
    ] {
        // It counts no frames of WebM.
        if !theirs.is_null() {
            c.near(&format!("mediainfo, {what}"), ours, number(theirs), 0.0);
        }
    }
    // It may tell the rate that a constant one aims at, and of WebM none.
    let told = |track: &Value| number(&track["BitRate"]) / 1000.0;
    for (what, ours, theirs) in [("video", &video["kbps"], told(&v)), ("audio", &audio["kbps"], told(&a))] {
        if !theirs.is_nan() {
            c.near(&format!("mediainfo, {what} BitRate"), ours, theirs, (0.005 * theirs).max(5.0));
        }
    }
    c.near("ffprobe, packet sizes", &video["kbps"], kilobits(&path) / number(&facts["seconds"]), 1.0);
    c.near("mediainfo, FrameRate", &video["fps"], number(&v["FrameRate"]), 0.001);
    c.near("mediainfo, Duration", &facts["seconds"], number(&general["Duration"]), 0.03);
    let formats = [
        ("h264", "AVC"),
        ("hevc", "HEVC"),
        ("vp9", "VP9"),
        ("av1", "AV1"),
        ("prores", "ProRes"),
        ("mpeg2video", "MPEG Video"),
        ("aac", "AAC"),
        ("opus", "Opus"),
        ("pcm_s24le", "PCM"),
        ("pcm_s24be", "PCM"),
    ];
    let format = |codec: &Value| formats.iter().find(|f| codec == f.0).map_or(Value::Null, |f| f.1.into());
    c.same("mediainfo, video Format", &format(&video["codec"]), &v["Format"]);
    c.same("mediainfo, audio Format", &format(&audio["codec"]), &a["Format"]);
    let colours =
        [("bt709", "BT.709"), ("tv", "Limited"), ("yuv420p", "4:2:0"), ("yuv422p", "4:2:2"), ("yuv422p10le", "4:2:2")];
    let colour = |tag: &Value| colours.iter().find(|t| tag == t.0).map_or(Value::Null, |t| t.1.into());
    for (ours, theirs) in [
        ("matrix", "matrix_coefficients"),
        ("primaries", "colour_primaries"),
        ("transfer", "transfer_characteristics"),
        ("range", "colour_range"),
        ("pixel", "ChromaSubsampling"),
    ] {
        if !v[theirs].is_null() || name.ends_with(".mp4") {
            c.same(&format!("mediainfo, {theirs}"), &colour(&video[ours]), &v[theirs]);
        }
    }

    let mono = audio["tracks"].as_u64().is_some_and(|tracks| tracks > 1);
    let (integrated, peak) = ebur128(&path, mono);
    c.near("ebur128, I", &loudness["integrated-lufs"], integrated, 0.1001);
    c.near("ebur128, Peak", &loudness["true-peak-db"], peak, 0.1001);
    c.near("the preset's loudness", &loudness["target-lufs"], integrated, 1.0);
}

#[test]
fn three_languages_and_four_shapes_in_one_run() {
    let studio = TestStudio::example();
    smaller(&studio, OUTPUTS);
    let brief = brief(&studio, OUTPUTS, 1);
    let report = studio.run(&["run", brief.to_str().unwrap(), "--json"]).ok().json();
    let job = report["job"].to_string();
    let folder = studio.path("deliveries/summer-splash/zest-everywhere-v1");

    // Two shots for each of four shapes, once each, whatever the language.
    let shown = studio.run(&["jobs", "show", &job, "--json"]).ok().json();
    let starts = |stage: &str| {
        let attempts = shown["attempts"].as_array().unwrap().iter();
        attempts.filter(|a| a["task"].as_str().unwrap().starts_with(stage)).count()
    };
    assert_eq!((starts("shots["), starts("compose["), starts("check[")), (8, 12, 12));
    let tasks = shown["tasks"].as_array().unwrap();
    let clips = tasks.iter().filter_map(|t| t["outputs"]["clip"][0]["sha256"].as_str());
    assert_eq!(clips.collect::<BTreeSet<_>>().len(), 8, "two clips are the same");

    let manifest: Value =
        serde_json::from_str(&studio.read("deliveries/summer-splash/zest-everywhere-v1/manifest.json")).unwrap();
    let masters = manifest["masters"].as_array().unwrap();
    assert_eq!(masters.len(), 12, "three languages for four platforms");
    assert_eq!((&manifest["verdicts"]["fail"], masters.iter().all(|m| m["checks"].is_array())), (&0.into(), true));
    let mut wrong = Vec::new();
    let mut shapes = BTreeSet::new();
    for master in masters {
        shapes.insert((master["measured"]["video"]["width"].as_u64(), master["facts"]["locale"].as_str()));
        compare(&folder, master, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));

    for locale in LOCALES {
        for ending in ["srt", "vtt"] {
            let names = studio.list("deliveries/summer-splash/zest-everywhere-v1");
            let name = names.iter().find(|n| n.contains(&format!("_{locale}")) && n.ends_with(ending));
            let text = studio.read(&format!("deliveries/summer-splash/zest-everywhere-v1/{}", name.unwrap()));
            let said = ["The sun goes down", "Die Sonne geht unter", "تغرب الشمس"];
            assert!(said.iter().any(|s| text.contains(s)) && text.contains("-->"), "{locale}, {ending}: {text}");
        }
    }
}

/// Platforms that take no spot of six seconds: these get fifteen.
const LONGER: [&str; 3] = ["netflix-ads", "netflix-ads-prores", "youtube-skippable"];

/// Every platform that is built in, in each language, as it is. Moving pictures without sound, GIF and WebP, are not among them:
/// neither of the others can say much of those. `EVERYWHERE_LOCALES=en` makes it in one language, in a third of the time, and
/// `EVERYWHERE_PLATFORMS=web-av1,roku` for those alone.
#[test]
#[ignore = "a hundred masters, 4K and ProRes among them: an hour on two cores"]
fn three_languages_and_every_platform() {
    let studio = TestStudio::example();
    let presets = fs::read_dir(build::root().join("pipelines/presets")).unwrap().flatten();
    let names = presets.filter_map(|e| e.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned));
    let platforms = std::env::var("EVERYWHERE_PLATFORMS").unwrap_or_default();
    let wanted = |name: &str| match platforms.is_empty() {
        true => !name.starts_with("preview-"),
        false => platforms.split(',').any(|platform| platform == name),
    };
    let (longer, names): (Vec<_>, Vec<_>) =
        names.filter(|name| wanted(name)).partition(|name| LONGER.contains(&name.as_str()));
    let locales = std::env::var("EVERYWHERE_LOCALES").unwrap_or_else(|_| LOCALES.join(", "));
    let known = |name: &&str| names.iter().chain(&longer).any(|known| known == name);
    let unknown: Vec<_> = platforms.split(',').filter(|name| !name.is_empty() && !known(name)).collect();
    assert!(unknown.is_empty(), "no platforms: {unknown:?}");
    let (mut wrong, mut seen) = (Vec::new(), 0);
    let briefs = [(names, 2), (longer, 5)].into_iter().filter(|(names, _)| !names.is_empty());
    for (version, (names, seconds)) in briefs.enumerate() {
        let brief = brief(&studio, &format!("[{}]", names.join(", ")), seconds);
        let text = fs::read_to_string(&brief).unwrap();
        fs::write(&brief, text.replace("locales: [en, de, ar]", &format!("locales: [{locales}]"))).unwrap();
        studio.run(&["run", brief.to_str().unwrap()]).ok();
        let folder = studio.path(&format!("deliveries/summer-splash/zest-everywhere-v{}", version + 1));
        let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
        let masters = manifest["masters"].as_array().unwrap();
        assert_eq!(
            (masters.len(), &manifest["verdicts"]["fail"]),
            (locales.split(',').count() * names.len(), &0.into())
        );
        masters.iter().for_each(|master| compare(&folder, master, &mut wrong));
        seen += masters.len();
    }
    assert!(wrong.is_empty(), "{} disagreements in {seen} masters:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen > 0, "no platform is called so");
}
