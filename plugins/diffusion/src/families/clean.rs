//! A prompt as the reference cleans it: `ftfy.fix_text`, HTML entities unescaped twice, white space joined.
//!
//! Of ftfy all is done that changes what people paste: curly quotes become straight, wide characters narrow, ligatures of Latin
//! letters are split, control characters go, and what is left is in NFC. Left out is what mends text that was decoded wrongly
//! (mojibake), as briefs are checked to be UTF-8, and what takes the colours of a terminal out. Of HTML's two thousand names
//! those are known that people meet.

use std::iter::once;

use unicode_normalization::UnicodeNormalization as _;

/// The cleaned prompt.
#[must_use]
pub fn clean(prompt: &str) -> String {
    // From the first line with a `<` on, ftfy takes the text for HTML, whose entities are meant.
    let mut plain = true;
    let lines = prompt.split_inclusive('\n').map(|line| {
        plain &= !line.contains('<');
        mend(line, plain)
    });
    let mended: String = lines.collect();
    // Whatever breaks a line is white space, so that it needs no rule of its own.
    unescape(&unescape(&mended)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line as ftfy leaves it: its rules, until they change nothing more.
fn mend(line: &str, entities: bool) -> String {
    let mut text = line.to_owned();
    loop {
        let unescaped = if entities { unescape(&text) } else { text.clone() };
        let characters = unescaped.chars().map(windows_1252).flat_map(letters).flat_map(narrow).map(straight);
        let mended: String = characters.filter(|c| !is_control(*c)).nfc().collect();
        if mended == text {
            return text;
        }
        text = mended;
    }
}

/// What a control character of Latin-1 means in Windows-1252, as browsers read it; five mean nothing there.
fn windows_1252(character: char) -> char {
    const MEANT: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let at = u32::from(character).checked_sub(0x80).and_then(|at| usize::try_from(at).ok());
    at.and_then(|at| MEANT.get(at)).copied().unwrap_or(character)
}

/// The letters of a Latin ligature; another character is itself.
fn letters(character: char) -> impl Iterator<Item = char> {
    let split = match character {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "ʼn",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => "",
    };
    split.chars().chain(split.is_empty().then_some(character))
}

/// The usual form of a full-width or half-width character, and of the wide space.
fn narrow(character: char) -> impl Iterator<Item = char> {
    let odd = matches!(character, '\u{3000}' | '\u{ff01}'..='\u{ffef}');
    once(character).filter(move |_| odd).nfkc().chain((!odd).then_some(character))
}

/// A curly quotation mark, or a letter that looks like one, as it is typed.
fn straight(character: char) -> char {
    match character {
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        other => other,
    }
}

/// Control characters that are no white space, deprecated Arabic ones, the byte order mark and what annotates or stands for objects.
fn is_control(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}'
    )
}

/// Replaces entities by name, of those that people meet, and by number.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.char_indices().take(12).find(|(_, c)| *c == ';').map(|(i, _)| i);
        match end.and_then(|end| Some((end, entity(&rest[1..end])?))) {
            Some((end, character)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "lsquo" => '‘',
        "rsquo" => '’',
        "sbquo" => '‚',
        "ldquo" => '“',
        "rdquo" => '”',
        "bdquo" => '„',
        "laquo" => '«',
        "raquo" => '»',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "bull" => '•',
        "middot" => '·',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "deg" => '°',
        "times" => '×',
        "euro" => '€',
        "pound" => '£',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            let character = char::from_u32(code).filter(|c| *c != '\0');
            character.map_or(char::REPLACEMENT_CHARACTER, windows_1252)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::clean;

    /// What the reference makes of prompts: ftfy 6.3.1 and `html` of Python.
    #[test]
    fn prompts_are_cleaned_as_the_reference_does() {
        let check = |prompt: &str, expected: &str| assert_eq!(clean(prompt), expected, "{prompt:?}");
        check("  A cat \n walks&nbsp; on &lt;grass&gt;", "A cat walks on <grass>");
        check("salt &amp;amp; pepper", "salt & pepper");
        check("caf&#233; &#x2764; R&D; & more", "café ❤ R&D; & more");
        check("&#0;&unknown;&", "\u{fffd}&unknown;&");
        // Quotes: typed, as entities, as numbers of Windows-1252, and in what is taken for HTML.
        check("“Here’s the ‘new’ look”", "\"Here's the 'new' look\"");
        check("itʼs „so” ‚‛", "it's \"so\" ''");
        check("it&rsquo;s &ldquo;new&rdquo; &ndash; &mdash; &hellip;", "it's \"new\" – — …");
        check("&#8220;a&#8221; &#147;b&#148; &#x27;c", "\"a\" \"b\" 'c");
        check("x\u{93}quoted\u{94} \u{80} 5", "x\"quoted\" € 5");
        check("it&rsquo;s\n<b>it&rsquo;s</b>\nit&rsquo;s", "it's <b>it’s</b> it’s");
        check("<b>it&rsquo;s</b>\n&amp;amp;rsquo; ’", "<b>it’s</b> &rsquo; '");
        check(
            "&laquo;&raquo; &bull; &middot; &copy; &reg; &trade; &deg; &euro; &pound; &times;",
            "«» • · © ® ™ ° € £ ×",
        );
        // Widths.
        check("ＬＯＵＤ\u{3000}ＮＯＩＳＥＳ！", "LOUD NOISES!");
        check("Ｕﾀｰﾝ ｶﾞ ﾊﾟ ￥ ￦", "Uターン ガ パ ¥ ₩");
        check("\u{ffa0}x ￠￡￢￣￤￨￭", "\u{1160}x ¢£¬ \u{304}¦│■");
        // Ligatures.
        check("ﬂuﬃeﬆ ﬁne oﬀ ﬄ ﬅ", "fluffiest fine off ffl ſt");
        check("Ĳ ĳ ŉ Ǆ ǅ ǆ Ǉ ǈ ǉ Ǌ ǋ ǌ Ǳ ǲ ǳ", "IJ ij 'n DŽ Dž dž LJ Lj lj NJ Nj nj DZ Dz dz");
        // Composed, and no further: these mean something else.
        check("cafe\u{301} A\u{30a} \u{212b} \u{1100}\u{1161}", "café Å Å 가");
        check("10³ ½ ™ … «» –", "10³ ½ ™ … «» –");
        // Control characters, and what only looks like one.
        check("a\0b\u{7}c\u{b}d\u{7f}e\u{feff}f\u{fffc}g\u{206a}h", "abcdefgh");
        check("a\u{1c}b &#1; c", "ab c");
        check("zero\u{200b}width\u{200d}join \u{200e}", "zero\u{200b}width\u{200d}join \u{200e}");
        check("👩\u{200d}🍳 ♥\u{fe0f}", "👩\u{200d}🍳 ♥\u{fe0f}");
        check("line\u{2028}two\u{2029}three\u{85}four\rfive\r\nsix", "line two three…four five six");
    }
}
