//! What the model understood of a prompt, and what a person should know of the rest: it is not in the picture.

use ndarray::{ArrayD, Axis};
use tokenizers::Tokenizer;

use crate::contract::{Attribute, Implied};

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
