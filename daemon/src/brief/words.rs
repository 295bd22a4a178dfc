//! The words of a brief as a client would read them: nothing left to be filled in, nothing the brand does not say.

use super::model::Brief;
use super::text::Text;
use crate::error::{Diagnostic, Diagnostics};
use crate::yaml::Node;

/// What people leave where words are still to come. In lower case.
const FILLERS: [&str; 8] = ["lorem ipsum", "dolor sit amet", "tbd", "tbc", "tba", "xxx", "todo", "headline here"];

/// Openings and closings of fields that were to be filled in.
const BRACKETS: [(&str, &str); 5] = [("{{", "}}"), ("{%", "%}"), ("<<", ">>"), ("${", "}"), ("%%", "%%")];

/// What begins a bracket that says that something is to come: `[price]`, `<insert price>`.
const TO_COME: [&str; 9] = ["insert", "your", "add", "todo", "tbd", "tbc", "placeholder", "price", "name"];

/// The first thing in a text that looks as if it was to be filled in.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    for (open, close) in BRACKETS {
        if let Some(start) = text.find(open) {
            let rest = &text[start + open.len()..];
            if let Some(end) = rest.find(close) {
                return Some(&text[start..start + open.len() + end + close.len()]);
            }
        }
    }
    for (open, close) in [('[', ']'), ('<', '>')] {
        if let Some(start) = text.find(open)
            && let Some(length) = text[start..].find(close)
        {
            let inside = text[start + 1..start + length].to_lowercase();
            let first = inside.split(|c: char| !c.is_alphanumeric()).find(|w| !w.is_empty()).unwrap_or_default();
            if TO_COME.contains(&first) {
                return Some(&text[start..=start + length]);
            }
        }
    }
    FILLERS.iter().find_map(|filler| find_words(text, filler))
}

/// The diagnostic for a text with something left in it.
pub(super) fn unfilled(node: &Node, text: &str) -> Option<Diagnostic> {
    let found = placeholder(text)?;
    let mistake = node.mistake("unfilled-placeholder", format!("the text still has `{found}` in it"));
    Some(mistake.expected("the words as they are to be seen").hint("fill it in, or take it out"))
}

/// Every text of the brief that says a word its brand does not want to say.
#[must_use]
pub fn forbidden(brief: &Brief, words: &[&str], brand: &str) -> Diagnostics {
    let mut mistakes = Diagnostics::new();
    let mut check = |path: &[&str], text: &Text| {
        let mut one = |path: &[&str], text: &str| {
            for word in words {
                if let Some(found) = find_words(text, word) {
                    let message = format!("the text says \"{found}\", which the brand {brand} does not want to say");
                    let mistake = Diagnostic::new("forbidden-word", message).at(brief.place(path));
                    mistakes
                        .push(mistake.hint("reword the text, or change `forbidden-words` in the brand's brand.yaml"));
                }
            }
        };
        match text {
            Text::Plain(text) => one(path, text),
            Text::Localised(texts) => {
                for (locale, text) in texts {
                    one(&[path, &[locale.as_str()]].concat(), text);
                }
            }
        }
    };
    for (name, text) in &brief.copy {
        check(&["copy", name], text);
    }
    for (i, scene) in brief.scenes.iter().enumerate() {
        for (field, text) in [("headline", &scene.headline), ("say", &scene.say)] {
            if let Some(text) = text {
                check(&["scenes", &i.to_string(), field], text);
            }
        }
    }
    if let Some(text) = &brief.audio.voiceover {
        check(&["audio", "voiceover"], text);
    }
    mistakes
}

/// Where `words` stand in a text as whole words, whatever their case and what is between them.
fn find_words<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let wanted = split(words);
    let found = split(text);
    let at = (!wanted.is_empty()).then(|| {
        found.windows(wanted.len()).find(|window| window.iter().zip(&wanted).all(|((_, a), (_, b))| a == b))
    })??;
    let (first, last) = (at.first()?.0, at.last()?.0);
    let end = text[last..].find(|c: char| !c.is_alphanumeric()).map_or(text.len(), |n| last + n);
    Some(&text[first..end])
}

/// Words in lower case with where they begin.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((from, text[from..at].to_lowercase()));
                start = None;
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_noticed_and_words_are_not() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(placeholder(text), expected, "{text}");
        check("Only {{ price }} today", Some("{{ price }}"));
        check("Only ${price}", Some("${price}"));
        check("Only [PRICE]!", Some("[PRICE]"));
        check("<insert claim>", Some("<insert claim>"));
        check("[TBD]", Some("[TBD]"));
        check("Price: tbd", Some("tbd"));
        check("Lorem ipsum dolor", Some("Lorem ipsum"));
        check("XXX", Some("XXX"));
        check("Save $5 (and 10 %)", None);
        check("Size XXXL", None);
        check("Todos nuestros sabores", None);
        check("[New] Zest & Zing", None);
        check("[Added value]", None);
        check("a < b > c", None);
    }

    #[test]
    fn forbidden_words_are_whole_words() {
        let check = |text: &str, word: &str, expected: Option<&str>| assert_eq!(find_words(text, word), expected);
        check("So Healthy!", "healthy", Some("Healthy"));
        check("unhealthy", "healthy", None);
        check("Best-in-class taste", "best in class", Some("Best-in-class"));
        check("GESUND", "gesund", Some("GESUND"));
        check("anything", "  ", None);
    }
}
