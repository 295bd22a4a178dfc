//! What the model understood of a prompt, and what a person should know of the rest: it is not in the picture.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ndarray::{ArrayD, Axis};
use tokenizers::Tokenizer;

use crate::contract::{Attribute, Implied};

/// The most words of a phrase that others are said for.
const LONGEST: usize = 3;

/// A prompt in words that the model knows: those of the contract's `said-as`, and one for many or many for one
/// (`cloud`, `clouds`) where only the other is known.
pub(super) struct Said<'a> {
    pub prompt: Cow<'a, str>,
    /// What was said for what, each once, in the order of the prompt.
    pub taken: Vec<(String, &'a str)>,
}

impl<'a> Said<'a> {
    pub(super) fn of(prompt: &'a str, said_as: &'a BTreeMap<String, Vec<String>>, tokenizer: &Tokenizer) -> Self {
        let words: Vec<String> = prompt
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let mut said = Said { prompt: Cow::Borrowed(prompt), taken: Vec::new() };
        let (mut all, mut other, mut at) = (Vec::new(), false, 0);
        while at < words.len() {
            let longest = LONGEST.min(words.len() - at);
            let found = (1..=longest).rev().find_map(|count| {
                let phrase = words[at..at + count].join(" ");
                let say = said_as.iter().find(|(_, phrases)| phrases.contains(&phrase))?.0;
                Some((count, phrase, say.as_str()))
            });
            if let Some((count, phrase, say)) = found {
                if !said.taken.iter().any(|(taken, _)| *taken == phrase) {
                    said.taken.push((phrase, say));
                }
                all.push(say.to_owned());
                (other, at) = (true, at + count);
                continue;
            }
            let word = &words[at];
            let form = if knows(tokenizer, word) { None } else { forms(word).find(|form| knows(tokenizer, form)) };
            other |= form.is_some();
            all.push(form.unwrap_or_else(|| word.clone()));
            at += 1;
        }
        // Word for word the same where nothing is: what stands between words may mean something to a tokenizer.
        if other {
            said.prompt = Cow::Owned(all.join(" "));
        }
        said
    }

    /// What a person should know of it.
    pub(super) fn told(&self, model: &str) -> Option<String> {
        let all: Vec<String> = self.taken.iter().map(|(phrase, say)| format!("`{phrase}` as `{say}`")).collect();
        (!all.is_empty()).then(|| format!("{model} makes {}, which it knows", all.join(", ")))
    }
}

fn knows(tokenizer: &Tokenizer, word: &str) -> bool {
    tokenizer.token_to_id(word).is_some()
}

/// One for many, and many for one.
fn forms(word: &str) -> impl Iterator<Item = String> {
    let without =
        |end: &str, then: &str| word.strip_suffix(end).filter(|rest| rest.len() > 2).map(|r| format!("{r}{then}"));
    [without("ies", "y"), without("es", ""), without("s", ""), Some(format!("{word}s")), Some(format!("{word}es"))]
        .into_iter()
        .flatten()
}

/// The words of a prompt, in lower case.
pub(super) struct Words {
    known: Vec<String>,
    /// Each once.
    unknown: Vec<String>,
}

impl Words {
    pub(super) fn of(prompt: &str, tokenizer: &Tokenizer) -> tokenizers::Result<Self> {
        let encoding = tokenizer.encode(prompt, true)?;
        let strange = tokenizer.token_to_id("[UNK]");
        let mut words = Self { known: Vec::new(), unknown: Vec::new() };
        for (token, (from, to)) in encoding.get_offsets().iter().enumerate() {
            if encoding.get_special_tokens_mask()[token] != 0 {
                continue;
            }
            let word = prompt.get(*from..*to).unwrap_or_default().to_lowercase();
            if Some(encoding.get_ids()[token]) != strange {
                words.known.push(word);
            } else if !words.unknown.contains(&word) {
                words.unknown.push(word);
            }
        }
        Ok(words)
    }

    /// What to say when the model left something out.
    pub(super) fn told(&self, model: &str, slots: &[Attribute], understood: &[(String, String)]) -> Option<String> {
        if self.known.is_empty() {
            return Some(format!(
                "{model} knows none of the words of the prompt and made an abstract picture; its README lists those it knows"
            ));
        }
        if self.unknown.is_empty() {
            return None;
        }
        let words = self.unknown.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let asked = |implied: &Implied| self.known.iter().any(|word| implied.said_by.contains(word));
        let fell_back = slots.iter().any(|slot| {
            let made = |word: &str| understood.iter().any(|(of, made)| *of == slot.name && made == word);
            slot.implied.as_ref().is_some_and(|implied| made(&implied.word) && !asked(implied))
        });
        Some(match fell_back {
            true => format!(
                "{model} does not know {words} and made an abstract picture of the rest of the prompt; its README lists the words it knows"
            ),
            false => format!("{model} left out {words}, which it does not know; its README lists the words it knows"),
        })
    }
}

/// The likeliest word of each slot that was mentioned, out of the probabilities of all of them.
pub(super) fn understood(slots: &[Attribute], attributes: &ArrayD<f32>) -> Vec<(String, String)> {
    let row: Vec<f32> = attributes.index_axis(Axis(0), 0).iter().copied().collect();
    let mut start = 0;
    let mut mentioned = Vec::new();
    for slot in slots {
        let classes = &row[start..start + slot.words.len()];
        start += slot.words.len();
        let best = classes.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
        if best > 0 {
            mentioned.push((slot.name.clone(), slot.words[best].clone()));
        }
    }
    mentioned
}
