//! Words that can't be set are told before anything is generated: to whoever asks, runs, or drops a brief.

use std::time::Duration;

use spotloom_tests::{TestStudio, wait_for};

/// A brief of twelve lines; `headline` is the ninth, `scene` goes into the eleventh.
fn brief(headline: &str, scene: &str) -> String {
    format!(
        "campaign: Test\ntitle: Words\npipeline: social-ad\nbrand: zest\nlocales: [en, de]\n\
         outputs: [youtube-15s, instagram-reel]\ncopy:\n  cta: Find your Zest\n  headline: {headline}\n\
         scenes:\n  - {{prompt: waves at sunset, seconds: 3{scene}}}\nseed: 1\n"
    )
}

const LONG: &str = "Supercalifragilisticexpialidociousantidisestablishmentarianism";

#[test]
fn words_that_cannot_be_set_are_told_with_their_place() {
    let studio = TestStudio::example();
    let check = |text: String, expected: &[(&str, u64)]| {
        studio.write("words.yaml", &text);
        for command in ["validate", "run"] {
            if expected.is_empty() && command == "run" {
                continue;
            }
            let done = studio.run(&[command, studio.path("words.yaml").to_str().unwrap(), "--json"]);
            assert_eq!(done.code, i32::from(!expected.is_empty()), "{command}: {}{}", done.stdout, done.stderr);
            let report = done.json();
            let told = report["errors"].as_array().unwrap().iter();
            let told: Vec<(&str, u64)> =
                told.map(|e| (e["code"].as_str().unwrap(), e["place"]["line"].as_u64().unwrap())).collect();
            assert_eq!(told, expected, "{command}: {report:#}");
        }
    };
    check(brief("Taste the sun", ""), &[]);
    check(brief(LONG, ""), &[("text-does-not-fit", 9)]);
    // The first language is fine, the second has a letter that no font has.
    check(brief("{en: Taste the sun, de: \"Sonne \u{10ffd7}\"}", ""), &[("missing-glyph", 9)]);
    check(brief("Taste the sun", &format!(", headline: {LONG}")), &[("text-does-not-fit", 11)]);
    check(brief("Taste the sun", ", headline: \"Sun \u{10ffd7}\""), &[("missing-glyph", 11)]);
    // All of them, though a stage stops at the first: of two texts, of two languages, of a text and a scene's.
    let two = format!("{{en: {LONG}, de: \"Sonne \u{10ffd7}\"}}");
    check(brief(&two, ""), &[("text-does-not-fit", 9), ("missing-glyph", 9)]);
    let all = brief(LONG, &format!(", headline: {LONG}ism")).replace("Find your Zest", "\"Zest \u{10ffd7}\"");
    check(all, &[("missing-glyph", 8), ("text-does-not-fit", 9), ("text-does-not-fit", 11)]);
    let jobs = studio.run(&["jobs", "list", "--json"]).ok().json();
    assert_eq!(jobs.as_array().unwrap().len(), 0, "nothing has begun");
}

/// What platforms do not take, and a code for two languages: told with the place in the brief, all of it at once.
#[test]
fn lengths_and_codes_that_cannot_be_are_told_with_their_place() {
    let studio = TestStudio::example();
    let check = |outputs: &str, rest: &str, expected: &[(&str, u64, &str)]| {
        let text = brief("Taste the sun", "").replace("youtube-15s, instagram-reel", outputs);
        studio.write("long.yaml", &format!("{text}{rest}"));
        let done = studio.run(&["plan", studio.path("long.yaml").to_str().unwrap(), "--json"]);
        let report = done.json();
        let told = report["errors"].as_array().cloned().unwrap_or_default();
        assert_eq!(told.len(), expected.len(), "{outputs}: {report:#}");
        for (told, (code, line, part)) in told.iter().zip(expected) {
            assert_eq!((told["code"].as_str(), told["place"]["line"].as_u64()), (Some(*code), Some(*line)), "{told:#}");
            assert!(told["message"].as_str().unwrap().contains(part), "{part}: {told:#}");
        }
    };
    // Three seconds and an end card of three.
    check("youtube, us-broadcast-prores", "", &[]);
    let both = [("too-long", 6, "youtube-bumper"), ("wrong-length", 6, "netflix-ads")];
    check("netflix-ads, youtube, youtube-bumper", "with: {end_card: 4}\n", &[both[1], both[0]]);
    let clocks =
        |en: &str, de: &str| format!("codes:\n  clock_number:\n    en: AGY/ZEST001/{en}\n    de: AGY/ZEST002/{de}\n");
    check("uk-broadcast-prores", &clocks("010", "006"), &[("bad-code", 15, "says 10 s")]);
    let both = [("bad-code", 15, "says 10 s"), ("bad-code", 16, "says 30 s")];
    check("uk-broadcast-prores", &clocks("010", "030"), &both);
    // The ad is composed at the highest rate, whatever is named first.
    check("netflix-ads, youtube", "with: {end_card: 7.02}\n", &[("wrong-length", 6, "netflix-ads")]);
    check(
        "us-broadcast-prores, youtube",
        "product: {name: \"Zest \u{10ffd7}\"}\n",
        &[("missing-glyph", 13, "U+10FFD7")],
    );
    let one = "codes: {ad_id: ZEST1234567H}\n";
    check("us-broadcast-prores, youtube", one, &[("duplicate-name", 13, "ZEST1234567H.mov")]);
    let each = "codes: {ad_id: {en: ZEST1234567H, de: ZEST1234568H}}\n";
    check("us-broadcast-prores, youtube", each, &[]);
    let mute = studio.path("assets/mute.mp4");
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=4", "-c:v", "libx264"];
    assert!(std::process::Command::new("ffmpeg").args(source).arg(&mute).status().unwrap().success());
    let kept = "captions: {burn: false}\nproduct: {name: Zest}\n";
    let scene = "waves at sunset, seconds: 3}\n  - {footage: assets/mute.mp4, seconds: 3, keep_sound: true";
    let text = brief("Taste the sun", "").replace("waves at sunset, seconds: 3", scene);
    studio.write("mute.yaml", &format!("{text}{kept}"));
    let told = studio.run(&["validate", studio.path("mute.yaml").to_str().unwrap(), "--json"]).json();
    let told = &told["errors"][0];
    assert_eq!((told["code"].as_str(), told["place"]["line"].as_u64()), (Some("no-sound"), Some(12)), "{told:#}");
    assert!(told["message"].as_str().unwrap().contains("no sound to keep in mute.mp4"), "{told:#}");
    // A code is the spot's, in whatever format: the second file has the placement behind it.
    check("us-broadcast-prores, us-broadcast-avc", each, &[]);
}

#[test]
fn a_brief_with_such_words_is_rejected_when_it_is_dropped() {
    let studio = TestStudio::example();
    let daemon = studio.serve();
    studio.write("briefs/words.yaml", &brief(LONG, ""));
    let rejected = wait_for("the rejection", Duration::from_secs(60), || {
        Some(studio.list("briefs/rejected")).filter(|l| l.len() == 2)
    });
    let report = studio.read(&format!("briefs/rejected/{}", rejected[0]));
    assert!(report.contains("does not fit") && report.contains("words.yaml:9:"), "{report}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_table_is_told_of_the_row_whose_words_do_not_fit() {
    let studio = TestStudio::example();
    studio.write("template.yaml", &brief("\"{{ headline }}\"", "").replace("title: Words", "title: \"{{ title }}\""));
    studio.write("rows.csv", &format!("title,headline\nOne,Taste the sun\nTwo,{LONG}\n"));
    let [rows, template] = ["rows.csv", "template.yaml"].map(|name| studio.path(name));
    let done = studio.run(&["batch", rows.to_str().unwrap(), template.to_str().unwrap(), "--json"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let report = done.json();
    let told = &report["errors"][0];
    assert_eq!(report["errors"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(
        (told["code"].as_str(), told["place"]["line"].as_u64()),
        (Some("text-does-not-fit"), Some(3)),
        "{told:#}"
    );
    assert!(told["place"]["file"].as_str().unwrap().ends_with("rows.csv"), "{told:#}");
}
