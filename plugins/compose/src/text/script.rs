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

/// One-letter words stay with the word that follows (Russian typesetting leaves no `и` at the end of a line).
pub(super) fn with_short_words_bound(text: &str) -> String {
    let cyrillic = |c: &char| matches!(c, '\u{0400}'..='\u{052F}');
    let mut out = String::with_capacity(text.len());
    let (mut before, mut last) = (' ', ' ');
    for c in text.chars() {
        let bound = c == ' ' && cyrillic(&last) && !before.is_alphanumeric();
        out.push(if bound { '\u{A0}' } else { c });
        (before, last) = (last, c);
    }
    out
}

/// A Japanese or Korean text that breaks between phrases only: after punctuation and after the particles and endings that
/// are written in hiragana, or at the spaces of Korean. `None` for other texts.
pub(super) fn in_phrases(text: &str) -> Option<String> {
    let kana = |c: char| matches!(c, '\u{3041}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}');
    let hangul = |c: char| matches!(c, '\u{1100}'..='\u{11FF}' | '\u{AC00}'..='\u{D7FF}');
    let japanese = text.contains(kana);
    let korean = text.contains(hangul) && text.contains(' ');
    if !(japanese || korean) {
        return None;
    }
    let stop =
        |c: char| matches!(c, '、' | '。' | '，' | '．' | '！' | '？' | '…' | '」' | '』' | '）' | ' ' | '\u{3000}');
    let hiragana = |c: char| matches!(c, '\u{3041}'..='\u{309F}');
    let mut out = String::with_capacity(text.len() * 2);
    let mut last: Option<char> = None;
    for c in text.chars() {
        if let Some(a) = last.filter(|a| !a.is_whitespace() && !c.is_whitespace()) {
            let phrase =
                (stop(a) && !stop(c) && !is_emoji(c)) || (hiragana(a) && !hiragana(c) && !stop(c) && !is_emoji(c));
            if japanese && phrase {
                out.push('\u{200B}');
            } else if is_ideographic(a) || is_ideographic(c) {
                out.push('\u{2060}');
            }
        }
        out.push(c);
        last = Some(c);
    }
    Some(out)
}

/// In capitals as a language writes them: Greek without its accents, Turkish `i` with its dot.
pub(crate) fn in_capitals(text: &str, locale: &str) -> String {
    let language = locale.split('-').next().unwrap_or_default();
    let dotted = matches!(language, "tr" | "az");
    let capital = |c: char| match c {
        'ά' | 'Ά' => 'Α',
        'έ' | 'Έ' => 'Ε',
        'ή' | 'Ή' => 'Η',
        'ί' | 'Ί' => 'Ι',
        'ό' | 'Ό' => 'Ο',
        'ύ' | 'Ύ' => 'Υ',
        'ώ' | 'Ώ' => 'Ω',
        'ΐ' => 'Ϊ',
        'ΰ' => 'Ϋ',
        'i' if dotted => 'İ',
        other => other,
    };
    text.chars().map(capital).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{in_capitals, in_phrases, with_breaks, with_short_words_bound};

    #[test]
    fn capitals_are_those_of_the_language() {
        let check = |text: &str, locale: &str, expected: &str| assert_eq!(in_capitals(text, locale), expected);
        check("Προσφορά ΐ", "el", "ΠΡΟΣΦΟΡΑ Ϊ");
        check("İndirim için", "tr-TR", "İNDİRİM İÇİN");
        check("Größe für Maya", "de", "GRÖSSE FÜR MAYA");
    }

    #[test]
    fn japanese_and_korean_break_between_phrases() {
        let seen = |text: &str| in_phrases(text).map(|t| t.replace('\u{200B}', "|").replace('\u{2060}', ""));
        let check = |text: &str, expected: Option<&str>| assert_eq!(seen(text).as_deref(), expected);
        check("太陽を味わう、夏の一本。", Some("太陽を|味わう、|夏の|一本。"));
        check("まるごと搾ったオレンジ。ほかには何も。🍊", Some("まるごと|搾った|オレンジ。|ほかには|何も。🍊"));
        check("Zestを探す", Some("Zestを|探す"));
        check("태양의 맛", Some("태양의 맛"));
        check("品味阳光", None);
        check("Taste the sun", None);
        assert_eq!(in_phrases("태양의 맛").as_deref(), Some("태\u{2060}양\u{2060}의 맛"));
    }

    #[test]
    fn one_letter_words_of_cyrillic_stay_with_the_next() {
        let check =
            |text: &str, expected: &str| assert_eq!(with_short_words_bound(text).replace('\u{A0}', "_"), expected);
        check("Выжато. И ничего больше, а вкус в нём", "Выжато. И_ничего больше, а_вкус в_нём");
        check("A sun, I see", "A sun, I see");
    }

    #[test]
    fn thai_may_break_between_words_and_nowhere_else() {
        let check = |text: &str, expected: &str| assert_eq!(with_breaks(text).replace('\u{200B}', "|"), expected);
        check("Taste the sun", "Taste the sun");
        check("太陽を味わう", "太陽を味わう");
        check("ลิ้มรสแสงอาทิตย์", "ลิ้ม|รส|แสง|อาทิตย์");
    }
}
