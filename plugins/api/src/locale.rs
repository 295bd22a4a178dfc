//! What both sides must hold alike of language tags (BCP 47), such as `en`, `de-AT`, `sr-Latn`.

/// Whether two tags are of the same language, whatever the country or the script.
#[must_use]
pub fn same_language(a: &str, b: &str) -> bool {
    language(a).eq_ignore_ascii_case(language(b))
}

/// Whether a language is written from right to left.
#[must_use]
pub fn reads_right_to_left(locale: &str) -> bool {
    let script = locale.split(['-', '_']).skip(1).find(|s| s.len() == 4);
    match script {
        Some(script) => {
            matches!(script.to_ascii_lowercase().as_str(), "arab" | "hebr" | "thaa" | "syrc" | "nkoo")
        }
        None => {
            let language = language(locale).to_ascii_lowercase();
            let language = language.as_str();
            matches!(language, "ar" | "he" | "iw" | "fa" | "ur" | "ps" | "sd" | "ug" | "yi" | "dv" | "ckb")
        }
    }
}

fn language(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_do_not_part_languages() {
        let check = |a: &str, b: &str, expected: bool| assert_eq!(same_language(a, b), expected, "{a} and {b}");
        check("en-US", "en", true);
        check("en-US", "en-GB", true);
        check("de", "de_AT", true);
        check("en-US", "de", false);
        check("es", "est", false);
    }

    #[test]
    fn a_script_decides_before_the_language() {
        let check = |locale: &str, expected: bool| assert_eq!(reads_right_to_left(locale), expected, "{locale}");
        check("ar-EG", true);
        check("he", true);
        check("en", false);
        check("uz-Arab", true);
        check("ur-Latn-PK", false);
        check("th", false);
    }
}
