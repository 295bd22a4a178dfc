//! The stage through the harness, with real clips, fonts, looks and encodes.

use crate::common::{GREY, WHITE, clip, compose, frames, params, pixel, template, with_look};
use serde_json::{Value, json};
use spotloom_compose::colour::Rgb;
use spotloom_media::probe;
use spotloom_plugin_sdk::api::End;
use tempfile::TempDir;

#[test]
fn the_built_in_looks_work_in_every_aspect_language_and_with_and_without_a_product() {
    let folder = TempDir::new().unwrap();
    let clips =
        [clip(folder.path(), "a.mkv", (128, 72), 20, |_| GREY), clip(folder.path(), "b.mkv", (128, 72), 20, |_| WHITE)];
    let arabic = json!({"headline": "ذُق الشمس", "subline": "برتقال حقيقي. ولا شيء آخر.", "cta": "اطلب الآن"});
    for look in ["clean", "bold-type", "lower-third", "price-burst", "quote", "steps"] {
        for (width, height) in [(320, 180), (180, 320), (180, 180), (176, 220)] {
            for (locale, product) in [("en", true), ("ar", false), ("ar", true)] {
                let mut given = params(json!({"width": width, "height": height, "locale": locale}));
                if locale == "ar" {
                    given["copy"] = arabic.clone();
                }
                // What Instagram's interface covers, and TikTok's, which stands at the right whatever the language.
                let tall = height > width;
                let zone = [0.06, 0.14, if tall { 0.13 } else { 0.06 }, if tall { 0.35 } else { 0.0 }];
                let [left, top, right, bottom] = zone;
                given["safe-zone"] = json!({"left": left, "top": top, "right": right, "bottom": bottom});
                let mut harness = compose(look, given, &clips);
                if product {
                    harness = harness.input("product", template("studio/assets/zest-can.png"), "image/png");
                }
                let done = harness.run();
                let layout: Value = serde_json::from_str(&done.text("layout")).unwrap();
                for text in layout["texts"].as_array().unwrap() {
                    for line in text["lines"].as_array().unwrap() {
                        // As far over the edge as `check` lets a round letter be.
                        let side = |i: usize| line[i].as_f64().unwrap();
                        let inside = side(0) > left - 0.01 && side(2) < 1.0 - right + 0.01;
                        assert!(inside, "{look} {width}x{height} {locale}: {} is at {line}", text["name"]);
                    }
                }
                let facts = &done.outputs("mezzanine")[0].facts;
                assert_eq!((&facts["width"], &facts["height"]), (&json!(width), &json!(height)));
                let video = probe(done.path("mezzanine")).unwrap().video.unwrap();
                assert_eq!((video.width, video.height), (width, height), "{look} {locale}");
                assert!(done.path("poster").is_file());
            }
        }
    }
}

/// Which words there are is the brief's choice: each may be left out, of the ad and of a scene.
#[test]
fn the_built_in_looks_work_whichever_words_there_are() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (128, 72), 5, |_| GREY)];
    let headline = json!({"headline": "Taste the sun"});
    let copies = [json!({}), headline.clone(), json!({"subline": "Real oranges."}), json!({"cta": "Order now"})];
    for look in ["clean", "bold-type", "lower-third", "price-burst", "quote", "steps"] {
        for (width, height) in [(320, 180), (180, 320), (180, 180), (176, 220)] {
            for copy in &copies {
                for scene in [json!({"seconds": 2}), json!({"seconds": 2, "headline": "Squeezed today"})] {
                    for product in [true, false] {
                        let given = json!({"preflight": true, "copy": copy, "scenes": [scene, {"seconds": 2}]});
                        let mut given = params(given);
                        (given["width"], given["height"]) = (json!(width), json!(height));
                        let mut harness = compose(look, given, &clips);
                        if product {
                            harness = harness.input("product", template("studio/assets/zest-can.png"), "image/png");
                        }
                        let done = harness.run();
                        let what = format!("{look} {width}x{height}, product {product}, with {copy} and {scene}");
                        assert!(matches!(done.end, End::Succeeded { .. }), "{what}: {:?}", done.end);
                    }
                }
            }
        }
    }
}

#[test]
fn an_ad_is_as_long_as_its_scenes_and_its_card() {
    let folder = TempDir::new().unwrap();
    let clips =
        [clip(folder.path(), "a.mkv", (64, 36), 15, |_| GREY), clip(folder.path(), "b.mkv", (64, 36), 90, |_| WHITE)];
    let scenes = json!([{"seconds": 1.5}, {"seconds": 0.7, "transition": "wipe"}]);
    let done = compose("clean", params(json!({"scenes": scenes, "end-card": {"seconds": 1.3}})), &clips).run();
    assert_eq!(done.facts()["frames"], json!(35));
    assert_eq!(frames(&done).len(), 35);
}

#[test]
fn a_brand_colour_is_the_brand_colour_in_the_file() {
    let folder = TempDir::new().unwrap();
    let look = folder.path().join("plate.svg");
    for colour in ["#F28C0F", "#0B4F4A", "#FFFFFF", "#000000", "#E3000B"] {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {{{{ width }}}} {{{{ height }}}}' width='{{{{ width }}}}' height='{{{{ height }}}}'>\
             <g id='plate'><rect x='200' y='200' width='900' height='600' fill='{colour}'/></g></svg>"
        );
        std::fs::write(&look, svg).unwrap();
        let clips = [clip(folder.path(), "a.mkv", (64, 36), 6, |_| GREY)];
        let done = with_look(&look, params(json!({"end-card": {"seconds": 0}})), &clips).run();
        let wanted: Rgb = colour.parse().unwrap();
        let found = pixel(&frames(&done)[1], 100, 80);
        for (w, f) in wanted.0.iter().zip(found) {
            assert!(w.abs_diff(f) <= 2, "{colour} came back as {found:?}");
        }
    }
}

#[test]
fn small_texts_stay_readable_over_white_footage() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (128, 72), 40, |_| WHITE)];
    for (width, height) in [(1280, 720), (720, 1280), (720, 720), (704, 880)] {
        for product in [true, false] {
            let copy = json!({"headline": "Taste the sun", "subline": "Real oranges"});
            let given = params(
                json!({"width": width, "height": height, "copy": copy, "scenes": [{"seconds": 2.4}], "end-card": {"seconds": 0}}),
            );
            let mut harness = compose("clean", given, &clips);
            if product {
                harness = harness.input("product", template("studio/assets/zest-can.png"), "image/png");
            }
            let done = harness.run();
            // Before the subline comes the shade is all there: where the two frames differ in its place, there are letters.
            let all = frames(&done);
            let (without, with) = (&all[6], &all[18]);
            let layout: Value = serde_json::from_slice(&std::fs::read(done.path("layout")).unwrap()).unwrap();
            let subline = layout["texts"].as_array().unwrap().iter().find(|t| t["name"] == "subline").unwrap();
            let colour: Rgb = subline["colour"].as_str().unwrap().parse().unwrap();
            let mut worst = f64::INFINITY;
            let mut letters = 0;
            for line in subline["lines"].as_array().unwrap() {
                let side = |i: usize, all: u32| (line[i].as_f64().unwrap() * f64::from(all)) as usize;
                for (x, y) in (side(1, height)..side(3, height))
                    .flat_map(|y| (side(0, width)..side(2, width)).map(move |x| (x, y)))
                {
                    let (letter, ground) = (Rgb(pixel(with, x, y)), Rgb(pixel(without, x, y)));
                    // Insides of letters only; their edges are mixtures.
                    let inside = (0..3).all(|i| letter.0[i].abs_diff(colour.0[i]) < 24);
                    if inside && letter.contrast(ground) > 1.3 {
                        letters += 1;
                        worst = worst.min(letter.contrast(ground));
                    }
                }
            }
            assert!(letters > 20, "{width}x{height}: {letters}");
            assert!(worst >= 4.5, "{width}x{height}, product {product}: {worst:.2}");
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes_on_any_number_of_threads() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (128, 72), 12, |i| [300 + i as u16 * 20, 400, 600])];
    let given = params(json!({"grain": 0.5, "push": 0.1, "end-card": {"seconds": 0.5}}));
    let bytes = |threads| {
        let done = compose("clean", given.clone(), &clips).threads(threads).run();
        ["composition", "mezzanine", "poster"].map(|port| std::fs::read(done.path(port)).unwrap())
    };
    let first = bytes(1);
    assert!(first == bytes(1));
    assert!(first == bytes(5));
}

#[test]
fn a_short_clip_is_slowed_down_to_fill_its_scene() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (64, 36), 30, |i| [100 + i as u16 * 20, 512, 512])];
    let look = folder.path().join("empty.svg");
    std::fs::write(
        &look,
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 1080' width='1920' height='1080'/>",
    )
    .unwrap();
    let given = params(json!({"scenes": [{"seconds": 3}], "end-card": {"seconds": 0}}));
    let done = with_look(&look, given, &clips).run();
    let levels: Vec<u8> = frames(&done).iter().map(|f| pixel(f, 160, 90)[0]).collect();
    assert_eq!(levels.len(), 30);
    assert!(levels.windows(2).all(|w| w[0] <= w[1]), "{levels:?}");
    assert!(levels[15] > levels[0] + 60 && levels[29] > levels[15] + 60, "{levels:?}");
}

#[test]
fn it_ends_when_it_is_cancelled() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (64, 36), 60, |_| GREY)];
    let done = compose("clean", params(json!({})), &clips).cancel_after(5).run();
    assert_eq!(done.end, spotloom_plugin_sdk::api::End::Cancelled);
}
