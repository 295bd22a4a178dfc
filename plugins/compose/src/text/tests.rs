use std::path::Path;

use super::*;
use crate::fonts;

fn spec(text: &str) -> TextSpec {
    TextSpec {
        name: "headline".into(),
        text: text.into(),
        family: "Sora".into(),
        weight: 800,
        size: 100.0,
        min_size: 40.0,
        width: 600.0,
        height: 400.0,
        max_lines: 3,
        leading: 1.1,
        tracking: 0.0,
        rtl: false,
    }
}

fn typesetter() -> Typesetter {
    Typesetter::new(fonts::collect(Path::new("/nonexistent")).unwrap(), "en")
}

#[test]
fn texts_wrap_shrink_and_then_fail() {
    let mut setter = typesetter();
    let mut check = |text: &str, lines: usize, full_size: bool| {
        let block = setter.set(&spec(text)).unwrap();
        assert_eq!(block.lines.len(), lines, "{text}");
        assert_eq!(block.size == 100.0, full_size, "{text}: {}", block.size);
        assert!(block.width <= 600.0 && block.height <= 400.0, "{text}");
    };
    check("Hello", 1, true);
    check("Taste the sun", 2, true);
    check("Sonnenblumen", 1, false);
    check("One two three four five six seven eight", 3, false);
    let failed = setter.set(&spec(&"Sonnenblumen".repeat(4))).unwrap_err();
    assert_eq!(failed.code(), "text-does-not-fit");
}

#[test]
fn every_script_that_ships_has_its_glyphs() {
    let mut setter = typesetter();
    for text in
        ["Größe, ß & œuvre!", "Żółć – ığüşöç", "Вкус солнца", "Γεύση", "ذُق الشمس! (100%)", "טעם השמש.", "सूरज का स्वाद"]
    {
        let block = setter.set(&TextSpec { width: 5000.0, ..spec(text) }).unwrap();
        assert_eq!(block.lines[0].words.len(), text.split(' ').count(), "{text}");
    }
    let failed = setter.set(&spec("Sun \u{13000}")).unwrap_err();
    assert!(failed.to_string().contains("(U+13000)"), "{failed}");
}

/// Left edge of a word's outlines.
fn left(d: &str) -> f32 {
    let numbers = d.split(|c: char| c.is_ascii_alphabetic()).filter_map(|p| p.split(' ').next()?.parse().ok());
    numbers.fold(f32::INFINITY, f32::min)
}

#[test]
fn arabic_runs_from_right_to_left_with_its_punctuation() {
    let mut setter = typesetter();
    let block = setter.set(&TextSpec { rtl: true, width: 5000.0, ..spec("برتقال حقيقي. ولا شيء آخر.") }).unwrap();
    let words: Vec<f32> = block.lines[0].words.iter().map(|w| left(&w.d)).collect();
    assert!(words.windows(2).all(|w| w[0] > w[1]), "{words:?}");
    // A full stop is at the left end of its word: the word reaches further left than without it.
    let mut width = |text: &str| {
        let block = setter.set(&TextSpec { rtl: true, width: 5000.0, ..spec(text) }).unwrap();
        (block.lines[0].width, left(&block.lines[0].words[0].d))
    };
    let ((with, dot), (without, letter)) = (width("حقيقي."), width("حقيقي"));
    assert!(with > without && dot < letter + 12.0, "{with} {without} {dot} {letter}");
}

#[test]
fn ideographs_and_emoji_come_from_the_machine_or_say_what_to_install() {
    for (text, package) in
        [("太陽を味わう", "fonts-noto-cjk"), ("태양의 맛", "fonts-noto-cjk"), ("Yes 🍊", "fonts-noto-color-emoji")]
    {
        let mut setter = typesetter();
        match setter.set(&TextSpec { width: 5000.0, ..spec(text) }) {
            Ok(block) => {
                let pictures = block.lines[0].words.iter().flat_map(|w| &w.pictures).count();
                assert_eq!(
                    (pictures, setter.emoji().len()),
                    if text.contains('🍊') { (1, 1) } else { (0, 0) },
                    "{text}"
                );
            }
            Err(e) => assert!(e.to_string().contains(package), "{e}"),
        }
    }
}

#[test]
fn a_written_line_has_a_step_for_each_letter_from_where_reading_starts() {
    let mut setter = typesetter();
    let mut steps = |text: &str, rtl: bool| {
        let line = setter.set(&TextSpec { rtl, width: 5000.0, ..spec(text) }).unwrap().lines.swap_remove(0);
        assert!((line.steps.last().unwrap() - line.width).abs() < 1.0, "{text}: {:?} of {}", line.steps, line.width);
        line.steps.len()
    };
    assert_eq!(steps("Sun now", false), 6);
    assert_eq!(steps("שמש", true), 3);
}

#[test]
fn a_borrowed_font_is_as_bold_as_the_text() {
    let mut setter = typesetter();
    for text in ["Попробуй", "Γεύσου", "ذُق طعم", "ลิ้มรส"] {
        let mut width =
            |weight: u16| setter.set(&TextSpec { weight, width: 5000.0, ..spec(text) }).unwrap().lines[0].width;
        let (regular, bold) = (width(400), width(800));
        assert!(bold > regular * 1.01, "{text}: {regular} {bold}");
    }
}
