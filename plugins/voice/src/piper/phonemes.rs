//! Words to the ids that a voice was trained on, step by step as Piper does it (`phonemize_espeak.py`, `phoneme_ids.py`).
//!
//! espeak-ng says how a clause is pronounced and leaves out the mark at its end, which the voice needs for its tune: so a
//! sentence is cut into clauses here, and each gets its mark back.

use unicode_normalization::UnicodeNormalization as _;

use super::config::Config;

/// The marks that end a clause, and how the voice knows them. The bool: whether the next word may follow at once.
fn mark(c: char) -> Option<(char, bool)> {
    Some(match c {
        '.' | ',' | ';' | ':' | '!' | '?' => (c, false),
        '،' => (',', false),
        '؛' => (';', false),
        '؟' => ('?', false),
        '।' => ('.', false),
        '—' | '–' => (';', false),
        '。' => ('.', true),
        '，' | '、' => (',', true),
        '；' => (';', true),
        '：' => (':', true),
        '！' => ('!', true),
        '？' => ('?', true),
        _ => return None,
    })
}

/// A part of a sentence, and the mark at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    pub text: String,
    pub mark: Option<char>,
}

/// Cuts a sentence where the voice would pause.
pub(crate) fn clauses(sentence: &str) -> Vec<Clause> {
    let chars: Vec<char> = sentence.chars().collect();
    let closing = |c: char| mark(c).is_some() || ")]}\"'”’»…".contains(c);
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while at < chars.len() {
        let Some((known, at_once)) = mark(chars[at]) else {
            at += 1;
            continue;
        };
        let mut end = at + 1;
        while end < chars.len() && closing(chars[end]) {
            end += 1;
        }
        // `3.5` and `zest.example` go on; a dash between spaces ends a clause, one in a word does not.
        let open = "—–".contains(chars[at]) && at > 0 && !chars[at - 1].is_whitespace();
        if at_once || !open && chars.get(end).is_none_or(|c| c.is_whitespace()) {
            found.push(Clause {
                text: chars[start..end].iter().collect::<String>().trim().to_owned(),
                mark: Some(known),
            });
            start = end;
        }
        at = end;
    }
    let rest = chars[start..].iter().collect::<String>().trim().to_owned();
    if !rest.is_empty() {
        found.push(Clause { text: rest, mark: None });
    }
    found.retain(|c| c.text.chars().any(char::is_alphanumeric));
    found
}

/// Phonemes of clauses, one after the other. `pronounced` says how a text is.
///
/// # Errors
/// Those of `pronounced`.
pub(crate) fn phonemes<E>(
    clauses: &[Clause],
    mut pronounced: impl FnMut(&str) -> Result<String, E>,
) -> Result<Vec<String>, E> {
    let mut all = String::new();
    for clause in clauses {
        all.push_str(&without_switches(&pronounced(&clause.text)?));
        if let Some(mark) = clause.mark {
            all.push(mark);
            if ",:;".contains(mark) {
                all.push(' ');
            }
        }
    }
    Ok(all.trim().nfd().map(String::from).collect())
}

/// Without `(en)` and `(de)`, which stand around words of another language.
fn without_switches(phonemes: &str) -> String {
    let mut depth = 0_u32;
    let kept = phonemes.chars().filter(|c| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' if depth > 0 => {
            depth -= 1;
            false
        }
        _ => depth == 0,
    });
    kept.collect()
}

/// The ids of phonemes, and those phonemes that the voice does not know.
pub(crate) fn ids(phonemes: &[String], config: &Config) -> (Vec<i64>, Vec<String>) {
    let of = |phoneme: &str| config.phoneme_id_map.get(phoneme).map(Vec::as_slice);
    let pad = of("_").unwrap_or_default();
    let mut ids = [of("^").unwrap_or_default(), pad].concat();
    let mut unknown: Vec<String> = Vec::new();
    for phoneme in merged(phonemes, &config.vowel_clusters) {
        match of(&phoneme) {
            Some(known) => ids.extend(known.iter().chain(pad)),
            None if !unknown.contains(&phoneme) => unknown.push(phoneme),
            None => {}
        }
    }
    ids.extend(of("$").unwrap_or_default());
    (ids, unknown)
}

/// With the vowels that are one phoneme together put together, the longest first.
fn merged(phonemes: &[String], clusters: &[Vec<String>]) -> Vec<String> {
    let mut out = Vec::with_capacity(phonemes.len());
    let mut rest = phonemes;
    while let Some(first) = rest.first() {
        let longest = clusters.iter().filter(|c| c.len() > 1 && rest.starts_with(c)).max_by_key(|c| c.len());
        let count = longest.map_or(1, Vec::len);
        out.push(longest.map_or_else(|| first.clone(), |c| c.concat()));
        rest = &rest[count..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_cut_where_a_voice_pauses() {
        fn check(sentence: &str, expected: &[(&str, &str)]) {
            let found = clauses(sentence);
            let found: Vec<(&str, String)> =
                found.iter().map(|c| (c.text.as_str(), c.mark.map(String::from).unwrap_or_default())).collect();
            let expected: Vec<(&str, String)> = expected.iter().map(|(t, m)| (*t, (*m).to_owned())).collect();
            assert_eq!(found, expected);
        }
        check("Taste the sun, now!", &[("Taste the sun,", ","), ("now!", "!")]);
        check("Only 3.5 grams: at zest.example", &[("Only 3.5 grams:", ":"), ("at zest.example", "")]);
        check("Zest — the orange one — is here.", &[("Zest —", ";"), ("the orange one —", ";"), ("is here.", ".")]);
        check("ready—set 5–9", &[("ready—set 5–9", "")]);
        check("Wait… what?", &[("Wait… what?", "?")]);
        check("“Really?”", &[("“Really?”", "?")]);
        check("尝尝阳光，现在订购！", &[("尝尝阳光，", ","), ("现在订购！", "!")]);
        check("ذُق الشمس، اطلب الآن؟", &[("ذُق الشمس،", ","), ("اطلب الآن؟", "?")]);
        check("¿Quieres sol?", &[("¿Quieres sol?", "?")]);
        check(" , … ", &[]);
    }

    #[test]
    fn ids_are_those_of_piper() {
        let config: Config = serde_json::from_value(serde_json::json!({
            "audio": {"sample_rate": 22050}, "vowel_clusters": [["a", "ʊ"]],
            "phoneme_id_map": {"_": [0], "^": [1], "$": [2], " ": [3], ",": [8], "!": [4], "n": [26], "s": [31], "aʊ": [7], "ç": [9, 10],
                "c": [16], "\u{327}": [140]},
        }))
        .unwrap();
        let check = |sentence: &str, pronounced: &[&str], expected: &[i64], unknown: &[&str]| {
            let mut said = pronounced.iter();
            let phonemes = phonemes::<()>(&clauses(sentence), |_| Ok(said.next().unwrap().to_string())).unwrap();
            let (found, missing) = ids(&phonemes, &config);
            assert_eq!((found.as_slice(), missing), (expected, unknown.iter().map(|s| (*s).to_owned()).collect()));
        };
        check("now", &["naʊ"], &[1, 0, 26, 0, 7, 0, 2], &[]);
        check("now!", &["naʊ"], &[1, 0, 26, 0, 7, 0, 4, 0, 2], &[]);
        check("so, now", &["s", "n"], &[1, 0, 31, 0, 8, 0, 3, 0, 26, 0, 2], &[]);
        check("so", &["(en)s(de)ɣɣ"], &[1, 0, 31, 0, 2], &["ɣ"]);
        // Letters are taken apart (NFD): `ç` is `c` and a cedilla.
        check("ça", &["ç"], &[1, 0, 16, 0, 140, 0, 2], &[]);
    }
}
