//! The built-in pipelines from brief to report, small and short: what each hands over, and what a failed check does to it.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spotloom_tests::TestStudio;

/// Instagram's square at half its size: the studio's own preset comes before the built-in one.
const SMALL: &str = "summary: Small square
platform: Instagram
aspect: '1:1'
width: 540
height: 540
fps: 30
max-fps: 30
container: mp4
video: {codec: h264, profile: high, crf: 20, max-kbps: 8000, buffer-kbps: 8000, gop-seconds: 0.5}
audio: {codec: aac, kbps: 128, loudness-lufs: -14, true-peak-db: -1}
limits: {min-seconds: 1, max-seconds: 60}
safe-zone: {top: 0.05, right: 0.05, bottom: 0.05, left: 0.05}
dated: 2026-11-25
sources: [a test]
";

const CAN: &str = "image: assets/zest-can.png, move: in, seconds: 1.5";

/// The daemon's own tests plan with these descriptions, without loading a plugin.
#[test]
fn the_descriptions_that_plans_are_tested_with_are_those_of_the_plugins() {
    let studio = TestStudio::example();
    let folder = spotloom_tests::build::root().join("daemon/tests/catalog");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if file.extension().is_some_and(|e| e == "json") {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let own = studio.run(&["plugins", "show", &name, "--json"]).ok().json();
            assert_eq!(kept, own, "write `spotloom plugins show {name} --json` to {}", file.display());
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen}");
}

fn studio() -> TestStudio {
    let studio = TestStudio::example();
    studio.write("pipelines/presets/instagram-square.yaml", SMALL);
    studio
}

/// Runs a brief; gives the exit code, what the command reports, and the names of what was delivered.
fn run(studio: &TestStudio, pipeline: &str, locales: &str, more: &str) -> (i32, Value, Vec<String>) {
    let text = format!(
        "campaign: Test\ntitle: {pipeline}\npipeline: {pipeline}\nbrand: zest\nlocales: [{locales}]\n\
         product: {{name: Zest, image: assets/zest-can.png, price: 1.29}}\noutputs: [instagram-square]\n{more}"
    );
    studio.write("examples/small.yaml", &text);
    let done = studio.run(&["run", studio.path("examples/small.yaml").to_str().unwrap(), "--json"]);
    let report = done.json();
    let names = studio.list(&format!("deliveries/test/{pipeline}-v{}", report["version"]));
    (done.code, report, names)
}

/// A person, a garment and a model that lays the one on the other become a spot, a still, and a report that says so.
#[test]
fn somebody_wears_the_product() {
    let studio = studio();
    let fixtures = spotloom_tests::build::root().join("plugins/try-on/tests/fixtures");
    for (from, to) in [("vton/large.png", "assets/ana.png"), ("vton/garment.png", "assets/tee.png")] {
        std::fs::copy(fixtures.join(from), studio.path(to)).unwrap();
    }
    let model = studio.path("models/paste");
    std::fs::create_dir_all(&model).unwrap();
    for file in std::fs::read_dir(fixtures.join("paste")).unwrap().map(|e| e.unwrap()) {
        std::fs::copy(file.path(), model.join(file.file_name())).unwrap();
    }
    let scenes = "scenes: [{prompt: she turns, seconds: 1.5, headline: {en: New, ar: جديد}}]\nrights: {ai_disclosure: required}\n";
    let with = |model: &str| {
        let given = "person: assets/ana.png, garment: assets/tee.png, category: tops, end_card: 2";
        format!("{scenes}with: {{model: {model}, {given}}}\n")
    };
    let (code, _, _) = run(&studio, "try-on", "en", &with("ambient-v7"));
    assert_eq!(code, 1, "a video model dresses nobody");
    assert_eq!(
        delivered(&studio, "try-on", "en, ar", &with("paste")),
        ".mp4 2, .srt 0, .vtt 0, loudness.svg 2, report.html 1, manifest.json 1, pictures and chapters 6"
    );
    let folder = studio.path("deliveries/test/try-on-v1");
    // Orange on the middle of somebody in the dark.
    let command =
        ["-v", "error", "-i", "dressed_v1.png", "-vf", "crop=1:1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
    let middle = Command::new("ffmpeg").current_dir(&folder).args(command).output().unwrap().stdout;
    assert_eq!(middle, [242, 140, 15]);
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    for words in ["How the pictures were made", "ana.png", "tee.png", "for tests alone"] {
        assert!(page.contains(words), "the report does not say {words}");
    }
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["generated"], true, "{manifest:#}");
    let again = studio.run(&["run", folder.join("manifest.json").to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(again["identical"], true, "{again:#}");
}

/// Footage of four seconds, in the last two of which a tone is heard.
fn film(studio: &TestStudio) {
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=4,eq=contrast=0.35,gblur=4"];
    let speech = ["-f", "lavfi", "-i", "aevalsrc='if(lt(t,2),0,0.1*sin(880*PI*t))':s=48000:d=4", "-c:v", "libx264"];
    let film = studio.path("assets/spot.mp4");
    assert!(Command::new("ffmpeg").args(source).args(speech).arg(film).status().unwrap().success());
}

/// What is delivered, with what every pipeline hands over counted and the rest by name.
fn delivered(studio: &TestStudio, pipeline: &str, locales: &str, more: &str) -> String {
    let (code, report, names) = run(studio, pipeline, locales, more);
    assert_eq!(code, 0, "{pipeline}: {report:#}");
    let manifest: Value =
        serde_json::from_str(&studio.read(&format!("deliveries/test/{pipeline}-v1/manifest.json"))).unwrap();
    assert_eq!(manifest["pipeline"], pipeline);
    assert_eq!(manifest["verdicts"]["fail"], 0, "{pipeline}");
    let checks = manifest["masters"][0]["checks"].as_array().unwrap().len();
    assert!(checks >= 18, "{pipeline}: {checks} checks");
    let count = |ending: &str| names.iter().filter(|n| n.ends_with(ending)).count();
    let endings = [".mp4", ".srt", ".vtt", "loudness.svg", "report.html", "manifest.json"];
    let told = endings.map(|e| format!("{e} {}", count(e))).join(", ");
    let rest = names.iter().filter(|n| !endings.iter().any(|e| n.ends_with(e))).count();
    format!("{told}, pictures and chapters {rest}")
}

#[test]
fn each_hands_over_its_masters_checked_with_a_report() {
    let studio = studio();
    let music = "audio: {music: assets/music/sunny-side.m4a}\n";
    let copy = "copy: {headline: {en: Zest, ar: زيست}, cta: {en: Try it, ar: جربه}}\nwith: {end_card: 2}\n";
    let plain = format!("scenes: [{{{CAN}}}]\n{copy}{music}");
    // One contact sheet and one poster for each language, and the poster of the spot.
    assert_eq!(
        delivered(&studio, "product-demo", "en, ar", &plain),
        ".mp4 2, .srt 0, .vtt 0, loudness.svg 2, report.html 1, manifest.json 1, pictures and chapters 5"
    );
    let steps = format!(
        "scenes: [{{{CAN}, headline: {{en: Chill, ar: برّد}}, say: {{en: Chill it well., ar: برّدها جيدًا.}}}}]\n{copy}"
    );
    assert_eq!(
        delivered(&studio, "training-video", "en, ar", &steps),
        ".mp4 2, .srt 2, .vtt 4, loudness.svg 2, report.html 1, manifest.json 1, pictures and chapters 5"
    );
    film(&studio);
    let localised = format!("scenes: [{{footage: assets/spot.mp4, seconds: 1.5}}]\n{copy}{music}");
    assert_eq!(
        delivered(&studio, "localise", "en, ar", &localised),
        ".mp4 2, .srt 0, .vtt 0, loudness.svg 2, report.html 1, manifest.json 1, pictures and chapters 5"
    );
}

#[test]
fn a_failed_check_stops_the_delivery_and_shows_itself_or_stands_in_the_report() {
    let studio = studio();
    // Footage that flashes five times a second.
    let flashing = "nullsrc=s=640x360:r=30:d=3,geq=lum='if(lt(mod(N,6),3),235,40)':cb=128:cr=128";
    let source = ["-v", "error", "-f", "lavfi", "-i", flashing, "-c:v", "libx264"];
    assert!(Command::new("ffmpeg").args(source).arg(studio.path("assets/flash.mp4")).status().unwrap().success());
    let scenes = "scenes: [{footage: assets/flash.mp4, seconds: 2}]\ncopy: {headline: Zest}\n\
                  audio: {music: assets/music/sunny-side.m4a}\n";
    let (code, report, names) = run(&studio, "product-demo", "en", &format!("{scenes}with: {{end_card: 2}}\n"));
    assert_eq!((code, &report["failure"]["task"], names.len()), (3, &"report".into(), 0), "{report:#}");
    let failure = &report["failure"]["failure"];
    assert!(failure["code"] == "check-failed" && failure["message"].as_str().unwrap().contains("flashes"), "{failure}");
    assert!(failure["hint"].as_str().unwrap().contains("failed_checks: warn"), "{failure}");
    let page = std::fs::read_to_string(report["shown"][0].as_str().unwrap()).unwrap();
    assert!(page.contains("Why nothing was delivered") && page.contains("epilepsy"), "the page does not say so");

    let (code, report, names) =
        run(&studio, "product-demo", "en", &format!("{scenes}with: {{end_card: 2, failed_checks: warn}}\n"));
    assert_eq!(code, 0, "{report:#}");
    assert!(names.iter().any(|n| n.ends_with(".mp4")), "{names:?}: {report:#}");
    assert_eq!(report["shown"], json!([]));
    let page = studio.read(&format!("deliveries/test/product-demo-v{}/report.html", report["version"]));
    assert!(page.contains("to look at") && !page.contains("nothing was delivered"), "the page does not say so");
}

#[test]
fn a_voice_of_the_studio_speaks_and_one_without_the_language_is_refused() {
    let studio = studio();
    let fixtures = spotloom_tests::build::root().join("plugins/voice/tests/fixtures");
    for (voice, files) in
        [("tone", ["tone.onnx", "tone.onnx.json", "model.yaml"].as_slice()), ("duo", &["duo.onnx", "duo.onnx.json"])]
    {
        std::fs::create_dir_all(studio.path(&format!("models/{voice}"))).unwrap();
        for file in files {
            std::fs::copy(fixtures.join(voice).join(file), studio.path(&format!("models/{voice}/{file}"))).unwrap();
        }
        let said = studio.run(&["models", "check", voice]).ok().stdout;
        assert!(said.contains("whose parts load") || said.contains("its parts load"), "{said}");
    }
    let listed = studio.run(&["models", "list"]).ok().stdout;
    assert_eq!(listed.matches("piper (en-US)").count(), 2, "{listed}");

    let scenes =
        format!("scenes: [{{{CAN}, say: {{en: Taste the sun., de: Schmeck die Sonne.}}}}]\nwith: {{end_card: 2}}\n");
    let (code, report, names) = run(
        &studio,
        "product-demo",
        "en, de",
        &format!("{scenes}audio: {{voice: {{en: duo}}, speaker: bert, pace: 1.2}}\n"),
    );
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(names.iter().filter(|n| n.ends_with(".mp4")).count(), 2);
    let manifest: Value = serde_json::from_str(&studio.read("deliveries/test/product-demo-v1/manifest.json")).unwrap();
    let voices: Vec<_> =
        manifest["masters"].as_array().unwrap().iter().map(|m| m["facts"]["synthetic-voice"].clone()).collect();
    assert_eq!(voices, ["duo", "espeak-ng de"], "German has no voice of its own here, and gets the guide");
    assert_eq!(manifest["guide-voice"], true);

    for voice in ["tone", "duo"] {
        let (code, report, _) = run(&studio, "product-demo", "en, de", &format!("{scenes}audio: {{voice: {voice}}}\n"));
        assert_eq!(code, 1, "{report:#}");
        let mistake = &report["errors"][0];
        assert_eq!(mistake["code"], "not-offered", "{report:#}");
        assert_eq!(mistake["message"], format!("`{voice}` can't do the locale `de`"));
        assert_eq!(mistake["expected"], "`en-US`");
    }
}

/// A scene that keeps its sound is heard, one that does not is silent, and a sound comes on its cue; the report says of which
/// files all that was made, by their hashes, and by which code it is booked.
#[test]
fn footage_keeps_its_sound_and_sounds_come_on_their_cue() {
    let studio = studio();
    film(&studio);
    let heard = "scenes: [{footage: assets/spot.mp4, from: 2.2, seconds: 1}, {footage: assets/spot.mp4, from: 2, seconds: 1, keep_sound: true}]\n";
    let cues =
        "audio: {cues: [{file: assets/music/sunny-side.m4a, at: 3.5, gain_db: -6}]}\ncodes: {ad_id: ZEST1234567H}\n";
    let (code, report, names) = run(&studio, "localise", "en", &format!("{heard}with: {{end_card: 2}}\n{cues}"));
    assert_eq!(code, 0, "{report:#}");
    let spot = names.iter().find(|n| n.ends_with(".mp4")).unwrap();
    let folder = studio.path(&format!("deliveries/test/localise-v{}", report["version"]));
    let sound = ["-v", "error", "-i", spot, "-vn", "-ac", "1", "-ar", "8000", "-f", "f32le", "-"];
    let bytes = Command::new("ffmpeg").current_dir(&folder).args(sound).output().unwrap().stdout;
    let level = |from: f64, to: f64| {
        let part = &bytes[(from * 8000.0) as usize * 4..(to * 8000.0) as usize * 4];
        let power = part.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).powi(2)).sum::<f32>();
        10.0 * (power / (part.len() / 4) as f32).log10()
    };
    let parts = [(0.1, 0.9), (1.1, 1.9), (2.2, 3.4), (3.5, 3.9)].map(|(from, to)| level(from, to));
    let [before, kept, card, cue] = parts;
    assert!(before < -60.0 && card < -60.0 && kept > -25.0 && cue > -40.0, "{parts:?}");
    assert!(names.iter().any(|n| n.ends_with("_1x1_poster_en_v1.png")), "{names:?}");

    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    let told = manifest["materials"].as_array().unwrap();
    let expected = [
        ("assets/zest-can.png", json!([{"as": "product-image"}])),
        ("assets/spot.mp4", json!([{"as": "footage", "scene": 1}, {"as": "footage", "scene": 2}])),
        ("assets/music/sunny-side.m4a", json!([{"as": "sound", "at": 3.5}])),
    ];
    for (material, (file, uses)) in told.iter().zip(&expected) {
        let hash: String =
            Sha256::digest(std::fs::read(studio.path(file)).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((&material["file"], &material["sha256"], &material["uses"]), (&json!(file), &json!(hash), uses));
        assert!(page.contains(&format!(">{}<", &hash[..12])), "{file} is not in the page with its hash");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    assert!(page.contains("<dt>Ad-ID</dt><dd>ZEST1234567H</dd>"), "the page does not have the code");
}
