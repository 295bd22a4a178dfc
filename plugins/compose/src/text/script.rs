//! What a script asks of the setting: room above and below, letters that must not be pulled apart, places to break.

use std::sync::LazyLock;

use icu_segmenter::LineSegmenter;
use icu_segmenter::options::LineBreakOptions;

/// Characters that no font needs to have a glyph for.
pub(super) fn is_ignorable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
        // Flags of regions are spelt with these after the black flag.
        || matches!(c, '\u{E0020}'..='\u{E007F}')
}

/// Scripts whose letters touch or carry marks: space between letters would tear words apart, and marks need room.
pub(super) fn is_joining(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

/// Characters that fill a square: ideographs, kana, hangul, emoji. They reach higher than capitals do.
pub(super) fn is_square(c: char) -> bool {
    is_ideographic(c) || is_emoji(c)
}

/// Chinese, Japanese and Korean, their punctuation included.
pub(crate) fn is_ideographic(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{303E}' | '\u{3041}'..='\u{33FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Characters that are pictures unless a text font has them.
pub(crate) fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{203C}' | '\u{2049}' | '\u{231A}'..='\u{23FF}' | '\u{2600}'..='\u{27BF}' | '\u{2B05}'..='\u{2B55}'
        | '\u{1F000}'..='\u{1FAFF}')
}

/// Marks where lines may break in scripts that write no spaces between words (Thai, Lao, Khmer, Burmese), by an
/// invisible space that the engine breaks at. Other scripts are left as they are: the engine knows their rules.
pub(super) fn with_breaks(text: &str) -> String {
    let spaceless = |c: char| matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}');
    if !text.contains(spaceless) {
        return text.into();
    }
    static SEGMENTER: LazyLock<icu_segmenter::LineSegmenterBorrowed<'static>> =
        LazyLock::new(|| LineSegmenter::new_lstm(LineBreakOptions::default()));
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for at in SEGMENTER.segment_str(text) {
        out.push_str(&text[from..at]);
        let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
        if before.is_some_and(spaceless) && after.is_some_and(spaceless) {
            out.push('\u{200B}');
        }
        from = at;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::with_breaks;

    #[test]
    fn thai_may_break_between_words_and_nowhere_else() {
        let check = |text: &str, expected: &str| assert_eq!(with_breaks(text).replace('\u{200B}', "|"), expected);
        check("Taste the sun", "Taste the sun");
        check("太陽を味わう", "太陽を味わう");
        check("ลิ้มรสแสงอาทิตย์", "ลิ้ม|รส|แสง|อาทิตย์");
    }
}
