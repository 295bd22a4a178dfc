//! Looks as pictures: held against small stored ones, by eye when they change (`UPDATE_PICTURES=1` writes them anew).

use std::path::{Path, PathBuf};

use crate::common::{GREY, WHITE, clip, compose, frames, params, pixel, template, with_look};
use serde_json::json;
use spotloom_compose::Compose;
use spotloom_media::{Frame, Pixel, ReadOptions, Reader};
use spotloom_plugin_sdk::harness::Harness;
use tempfile::TempDir;

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/pictures").join(format!("{name}.png"))
}

/// How different two pictures look: the mean distance of blurred colours, 0 to 255, and the largest of any place.
fn distance(a: &Frame, b: &Frame) -> (f64, f64) {
    let (width, height) = (a.width() as usize, a.height() as usize);
    let cell = |f: &Frame, x: usize, y: usize| -> [f64; 3] {
        let mut sum = [0.0; 3];
        for (dx, dy) in (0..4).flat_map(|dx| (0..4).map(move |dy| (dx, dy))) {
            let p = pixel(f, (x + dx).min(width - 1), (y + dy).min(height - 1));
            (0..3).for_each(|c| sum[c] += f64::from(p[c]) / 16.0);
        }
        sum
    };
    let (mut total, mut worst, mut count) = (0.0, 0.0_f64, 0.0);
    for y in (0..height).step_by(4) {
        for x in (0..width).step_by(4) {
            let (p, q) = (cell(a, x, y), cell(b, x, y));
            let d = (0..3).map(|c| (p[c] - q[c]).abs()).sum::<f64>() / 3.0;
            (total, worst, count) = (total + d, worst.max(d), count + 1.0);
        }
    }
    (total / count, worst)
}

fn read(path: &Path) -> Frame {
    Reader::open(path, ReadOptions::new(Pixel::Rgb24)).unwrap().next().unwrap().unwrap()
}

#[test]
fn the_looks_are_as_they_were_when_they_were_looked_at() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (128, 72), 30, |_| [420, 470, 560])];
    let mut wrong = Vec::new();
    for (look, size, locale) in [
        ("clean", (240, 136), "en"),
        ("bold-type", (136, 240), "en"),
        ("lower-third", (240, 136), "ar"),
        ("price-burst", (192, 240), "en"),
        ("quote", (240, 240), "he"),
        ("steps", (240, 136), "en"),
    ] {
        let texts = match locale {
            "ar" => json!({"headline": "ذُق طعم الشمس", "subline": "برتقال كامل معصور", "cta": "اعثر على زِست"}),
            "he" => json!({"headline": "לטעום את השמש", "author": "מאיה, חיפה", "cta": "מצאו את Zest"}),
            _ => json!({"headline": "Taste the sun", "subline": "Whole oranges", "cta": "Find it", "price": "$1.49"}),
        };
        let headline = (look == "steps").then_some("Pour over ice");
        let given = params(json!({
            "width": size.0, "height": size.1, "locale": locale, "copy": texts, "end-card": {"seconds": 0},
            "scenes": [{"seconds": 3, "headline": headline}], "poster-at": 2.2,
        }));
        let done = compose(look, given, &clips).run();
        let name = format!("{look}-{locale}");
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            std::fs::create_dir_all(stored("x").parent().unwrap()).unwrap();
            std::fs::copy(done.path("poster"), stored(&name)).unwrap();
        }
        let (mean, worst) = distance(&read(&done.path("poster")), &read(&stored(&name)));
        if mean > 1.5 || worst > 40.0 {
            wrong.push(format!("{name}: {mean:.2} on the whole, {worst:.0} somewhere"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_drawing_of_inkscapes_is_a_look() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (64, 36), 12, |_| GREY)];
    let look = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/inkscape.svg");
    for size in [(320, 180), (180, 320)] {
        let make = |headline: &str| {
            let given = params(json!({
                "width": size.0, "height": size.1, "copy": {"headline": headline, "subline": "Whole oranges"},
                "end-card": {"seconds": 0}, "scenes": [{"seconds": 1.2}],
            }));
            frames(&with_look(&look, given, &clips).run()).swap_remove(11)
        };
        let (with, without) = (make("Taste the sun"), make("\u{200B}"));
        let all = || (0..size.1 as usize).flat_map(|y| (0..size.0 as usize).map(move |x| (x, y)));
        let letters =
            all().filter(|(x, y)| pixel(&with, *x, *y)[0] > pixel(&without, *x, *y)[0].saturating_add(90)).count();
        let plate = all().filter(|(x, y)| pixel(&without, *x, *y)[0] < 30).count();
        assert!(letters > 40 && plate > 400, "{size:?}: {letters} {plate}");
    }
}

#[test]
fn a_text_that_the_footage_makes_unreadable_gets_a_plate_and_others_do_not() {
    let folder = TempDir::new().unwrap();
    let look = folder.path().join("bare.svg");
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 1080' width='1920' height='1080'><g id='words'>\
               <text data-box='200 400 1500 300' font-family='display' font-weight='800' font-size='200' \
               fill='#FFF6E6'>Taste</text></g></svg>";
    std::fs::write(&look, svg).unwrap();
    // Above the capitals, where only a plate can be.
    let beside = |yuv: [u16; 3]| {
        let clips = [clip(folder.path(), "a.mkv", (64, 36), 12, |_| yuv)];
        let given = params(json!({"end-card": {"seconds": 0}, "scenes": [{"seconds": 1.2}]}));
        pixel(&frames(&with_look(&look, given, &clips).run())[8], 36, 63)
    };
    let (white, dark) = (beside(WHITE), beside([150, 512, 512]));
    assert!(white[0] < 130, "a plate over white: {white:?}");
    assert!(dark[0] < 40 && dark[0].abs_diff(dark[2]) < 6, "nothing over dark: {dark:?}");
}

#[test]
fn a_text_is_written_and_a_number_counts() {
    let folder = TempDir::new().unwrap();
    let clips = [clip(folder.path(), "a.mkv", (64, 36), 30, |_| [64, 512, 512])];
    let look = folder.path().join("moving.svg");
    let make = |effect: &str, text: &str, seconds: f64| {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 1080' width='1920' height='1080'><g id='words' \
             data-in='{effect} 2 linear'><text data-box='100 400 1700 300' font-family='display' font-weight='800' \
             font-size='200' fill='#FFFFFF'>{text}</text></g></svg>"
        );
        std::fs::write(&look, svg).unwrap();
        let given = params(json!({"end-card": {"seconds": 0}, "scenes": [{"seconds": seconds}]}));
        let all = frames(&with_look(&look, given, &clips).run());
        let lit = |f: &Frame| (0..320).filter(|x| (0..180).any(|y| pixel(f, *x, y)[0] > 128)).collect::<Vec<_>>();
        all.iter().map(lit).collect::<Vec<_>>()
    };
    let typed = make("typewriter", "oranges", 3.0);
    let right: Vec<usize> = typed.iter().map(|lit| lit.last().copied().unwrap_or_default()).collect();
    assert!(right.windows(2).all(|w| w[0] <= w[1]), "{right:?}");
    assert!(right[1] == 0 && right[10] > 0 && right[10] < right[25] && right[22] == right[29], "{right:?}");
    let counted = make("count-up", "$100", 3.0);
    let different = counted.windows(2).filter(|w| w[0] != w[1]).count();
    assert!(different >= 12, "{different}");
    // It counts for six tenths of its time at most, and not to a hair: one cent less is another price.
    // `$100` is the widest of them.
    let wide = |lit: &Vec<usize>| lit.last().copied();
    assert!(counted[17..].iter().all(|lit| wide(lit) == wide(&counted[29])));
    let short = make("count-up", "$100", 0.8);
    assert!(
        short.iter().all(|lit| wide(lit) == wide(&counted[29])),
        "no time to count: the price from the first frame"
    );
}

#[test]
fn each_scene_gets_the_tone_that_its_picture_asks_for() {
    let folder = TempDir::new().unwrap();
    let clips = [
        clip(folder.path(), "a.mkv", (64, 36), 30, |_| WHITE),
        clip(folder.path(), "b.mkv", (64, 36), 30, |_| [150, 512, 512]),
    ];
    let given = params(json!({
        "end-card": {"seconds": 0}, "scenes": [{"seconds": 2.4}, {"seconds": 2.4, "transition": "cut"}],
    }));
    let done = compose("clean", given, &clips).run();
    let layout: serde_json::Value = serde_json::from_slice(&std::fs::read(done.path("layout")).unwrap()).unwrap();
    let told: Vec<String> = layout["texts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["name"] == "headline")
        .map(|t| format!("{} until {:.1}", t["colour"].as_str().unwrap(), t["until"].as_f64().unwrap()))
        .collect();
    assert_eq!(told, ["#FFF6E6 until 4.5", "#062B28 until 2.4"]);
    let all = frames(&done);
    // Ink on white needs no shade: the corner that it would be in is as white as the footage.
    assert!(pixel(&all[20], 2, 177)[0] > 250, "{:?}", pixel(&all[20], 2, 177));
    let dark = |f: &Frame| {
        (0..320).flat_map(|x| (60..180).map(move |y| (x, y))).filter(|(x, y)| pixel(f, *x, *y)[0] < 60).count()
    };
    let light = |f: &Frame| {
        (0..320).flat_map(|x| (60..180).map(move |y| (x, y))).filter(|(x, y)| pixel(f, *x, *y)[0] > 220).count()
    };
    assert!(dark(&all[20]) > 200 && light(&all[40]) > 200, "{} {}", dark(&all[20]), light(&all[40]));
}

#[test]
fn a_brand_sheet_shows_the_kit_and_lists_what_is_wrong_with_it() {
    let sheet = |brand: &Path| {
        let given = json!({"width": 64, "height": 64, "brand-sheet": true});
        Harness::<Compose>::new().params(given).input("brand", brand, "inode/directory").run()
    };
    let good = sheet(&template("studio/brands/zest"));
    assert_eq!(good.facts()["mistakes"], json!([]));
    let picture = read(&good.path("poster"));
    assert!(picture.width() == 1600 && picture.height() > 1000);

    let folder = TempDir::new().unwrap();
    let kit = template("studio/brands/zest");
    for file in ["logo.svg", "mark.svg"] {
        std::fs::copy(kit.join(file), folder.path().join(file)).unwrap();
    }
    std::fs::create_dir(folder.path().join("fonts")).unwrap();
    std::fs::write(folder.path().join("fonts/broken.ttf"), "no font").unwrap();
    let text = std::fs::read_to_string(kit.join("brand.yaml")).unwrap();
    let text = text.replace("display: Sora ", "display: Futura").replace("ink: \"#062B28\"", "ink: \"#A0A0A0\"");
    let text = text.replace("en: Zest is", "en: \u{13000} is");
    std::fs::write(folder.path().join("brand.yaml"), text).unwrap();
    let bad = sheet(folder.path());
    let told: Vec<String> = bad.facts()["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| format!("{}: {}", m["code"].as_str().unwrap(), m["message"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert!(bad.path("poster").is_file());
}
