//! Words to cues: sentences, their times, and pieces that can be read at once. Pure.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::params::Params;

/// Shown at one time, in seconds of the spot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cue {
    pub start: f64,
    pub end: f64,
    pub text: String,
}

/// A scene is seen this long before its words come.
const LEAD: f64 = 0.3;
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 7.0;
/// Between two cues, so that the eye sees the change.
const GAP: f64 = 0.08;
const LINES: usize = 2;

/// Sentences by the speed of reading: those of the scenes, each from the start of its scene, else those of the text.
/// Also what can't be read in the time there is, as sentences for a person.
pub fn by_reading(params: &Params) -> (Vec<Cue>, Vec<String>) {
    let (mut cues, mut warnings) = (Vec::new(), Vec::new());
    let scenes: f64 = params.scenes.iter().map(|s| s.seconds).sum();
    let whole = scenes + params.end_card_seconds;
    let spoken = params.scenes.iter().any(|s| said(s.say.as_deref()).is_some());
    let mut at = 0.0;
    for (number, scene) in (1..).zip(&params.scenes) {
        if let Some(text) = said(scene.say.as_deref()) {
            // The last words may reach into the end card.
            let end = if number == params.scenes.len() { whole } else { at + scene.seconds };
            let what = format!("what scene {number} says");
            place(text, at + LEAD, end, params.letters_per_second, &what, &mut cues, &mut warnings);
        }
        at += scene.seconds;
    }
    if let (false, Some(text)) = (spoken, said(params.text.as_deref())) {
        let end = if whole > 0.0 { whole } else { f64::INFINITY };
        place(text, LEAD, end, params.letters_per_second, "the text", &mut cues, &mut warnings);
    }
    (cues, warnings)
}

fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|t| !t.is_empty())
}

/// Sentences one after another from `from`, faster when they have to be done by `end`.
fn place(text: &str, from: f64, end: f64, speed: f64, what: &str, cues: &mut Vec<Cue>, warnings: &mut Vec<String>) {
    let sentences: Vec<String> = sentences(text);
    let needs: Vec<f64> = sentences.iter().map(|s| (letters(s) / speed).max(SHORTEST)).collect();
    let (wanted, room) = (needs.iter().sum::<f64>(), (end - from).max(0.2));
    let squeeze = (room / wanted).min(1.0);
    if squeeze < 0.75 {
        warnings.push(format!("{what} takes {wanted:.1} s to read and has {room:.1} s"));
    }
    let mut at = from;
    for (text, need) in sentences.into_iter().zip(needs) {
        cues.push(Cue { start: at, end: at + need * squeeze, text });
        at += need * squeeze;
    }
}

fn sentences(text: &str) -> Vec<String> {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let all = flat.unicode_sentences().map(|s| s.trim().to_owned());
    all.filter(|s| s.chars().any(char::is_alphanumeric)).collect()
}

fn letters(text: &str) -> f64 {
    text.width() as f64
}

/// Cues that are too much for one look in pieces, at commas where there are some, each with its share of the time. Then
/// no two at once, and each as long as it may.
pub fn readable(cues: Vec<Cue>, line: usize, until: f64) -> Vec<Cue> {
    let mut pieces = Vec::new();
    for cue in cues {
        let texts = split(&cue.text, line * LINES - 2);
        let total: f64 = texts.iter().map(|t| letters(t).max(1.0)).sum();
        let mut at = cue.start;
        for text in texts {
            let share = (cue.end - cue.start) * letters(&text).max(1.0) / total;
            pieces.push(Cue { start: at, end: at + share, text });
            at += share;
        }
    }
    for i in 0..pieces.len() {
        let next = pieces.get(i + 1).map_or(until, |n| n.start - GAP);
        let piece = &mut pieces[i];
        piece.end = piece.end.max(piece.start + SHORTEST).min(piece.start + LONGEST).min(next).max(piece.start + 0.2);
    }
    pieces
}

/// Pieces of at most `most` letters, about equally long, and at a comma where one is near.
fn split(text: &str, most: usize) -> Vec<String> {
    let count = text.width().div_ceil(most);
    if count <= 1 {
        return vec![text.to_owned()];
    }
    let goal = text.width().div_ceil(count);
    let units = units(text);
    let (mut pieces, mut current) = (Vec::new(), String::new());
    for unit in units {
        let full = current.trim_end().width() + unit.trim_end().width() > most;
        let rest = current.trim_end().ends_with([',', ';', ':', '–', '—', '、', '，', '،', '；']);
        let enough = current.width() >= goal || rest && current.width() * 10 >= goal * 6;
        if !current.trim().is_empty() && (full || enough) {
            pieces.push(current.trim().to_owned());
            current.clear();
        }
        current.push_str(&unit);
    }
    if !current.trim().is_empty() {
        pieces.push(current.trim().to_owned());
    }
    pieces
}

/// Where lines may break: after blanks, and between the letters of scripts without any.
fn units(text: &str) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    for word in text.split_inclusive(' ') {
        if word.width() > word.chars().count() + 2 && word.chars().count() > 3 {
            for letter in word.graphemes(true) {
                let closes = letter.starts_with([
                    '。', '、', '，', '！', '？', '」', '』', '）', '：', '；', 'ー', 'っ', 'ゃ', 'ゅ', 'ょ',
                ]);
                match units.last_mut() {
                    Some(last) if closes => last.push_str(letter),
                    _ => units.push(letter.to_owned()),
                }
            }
        } else {
            units.push(word.to_owned());
        }
    }
    units
}

/// The lines of a cue, for files: as equal as they can be, the lower one not the shorter.
pub fn lines(text: &str, line: usize) -> Vec<String> {
    if text.width() <= line {
        return vec![text.to_owned()];
    }
    let units = units(text);
    let at = (1..units.len()).map(|i| {
        let (a, b): (String, String) = (units[..i].concat(), units[i..].concat());
        (a.trim().to_owned(), b.trim().to_owned())
    });
    let best = at.min_by_key(|(a, b)| a.width().max(b.width()) * 2 + usize::from(a.width() > b.width()));
    best.map_or_else(|| vec![text.to_owned()], |(a, b)| vec![a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_where_people_would() {
        let check = |text: &str, line: usize, expected: &[&str]| assert_eq!(lines(text, line), expected);
        check("Taste the sun.", 37, &["Taste the sun."]);
        check(
            "Pressed from whole oranges, and nothing else in it.",
            37,
            &["Pressed from whole oranges,", "and nothing else in it."],
        );
        check("尝尝阳光的味道，现在就订购吧！", 20, &["尝尝阳光的味道，", "现在就订购吧！"]);
    }

    #[test]
    fn long_sentences_come_in_pieces() {
        let text = "Open the valve slowly, wait until the gauge shows two bar, and only then start the pump.";
        let cue = Cue { start: 1.0, end: 8.0, text: text.into() };
        let pieces = readable(vec![cue], 26, 10.0);
        assert!(pieces.iter().all(|p| p.text.width() <= 50), "{pieces:?}");
        assert_eq!(pieces.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" "), text);
        assert!(pieces.windows(2).all(|p| p[0].end < p[1].start));
    }

    #[test]
    fn the_time_is_that_of_reading() {
        let params = |say: &str, seconds: f64| -> Params {
            serde_json::from_value(serde_json::json!({"locale": "en", "scenes": [
                {"seconds": 2}, {"seconds": seconds, "say": say}, {"seconds": 4}]}))
            .unwrap()
        };
        let (cues, warnings) = by_reading(&params("Taste the sun. Order now!", 4.0));
        assert_eq!(cues.iter().map(|c| (c.start, c.end)).collect::<Vec<_>>(), [(2.3, 3.3), (3.3, 4.3)]);
        assert!(warnings.is_empty());
        let (cues, warnings) = by_reading(&params(&"A long sentence that nobody can read so fast. ".repeat(4), 3.0));
        assert!(cues.last().unwrap().end <= 5.0 + 1e-9);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }
}
