//! What the model understood of a prompt, and what a person should know of the rest: it is not in the picture.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ndarray::{ArrayD, Axis};
use tokenizers::Tokenizer;

use crate::contract::{Attribute, Contract, Implied, NotDrawn};

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
        let words = split(prompt);
        let mut said = Said { prompt: Cow::Borrowed(prompt), taken: Vec::new() };
        let (mut all, mut other, mut at) = (Vec::new(), false, 0);
        let say_of = |phrase: &String| said_as.iter().find(|(_, phrases)| phrases.contains(phrase)).map(|(say, _)| say);
        while at < words.len() {
            let (word, _) = &words[at];
            let longest = 1 + words[at + 1..].iter().take(LONGEST - 1).take_while(|(_, joined)| *joined).count();
            let phrases = (1..=longest).rev().map(|count| {
                let phrase: Vec<&str> = words[at..at + count].iter().map(|(word, _)| word.as_str()).collect();
                (count, phrase.join(" "))
            });
            let found = phrases.clone().find_map(|(count, phrase)| say_of(&phrase).map(|say| (count, phrase, say)));
            let unknown = !knows(tokenizer, word);
            let found = found.or_else(|| {
                let say = if unknown { forms(word).find_map(|form| say_of(&form)) } else { None };
                say.map(|say| (1, word.clone(), say))
            });
            if let Some((count, phrase, say)) = found {
                if !said.taken.iter().any(|(taken, _)| *taken == phrase) {
                    said.taken.push((phrase, say));
                }
                all.push(say.to_owned());
                (other, at) = (true, at + count);
                continue;
            }
            // Of shorter ones too many others would come out: `news` is not `new`.
            let form = if unknown { forms(word).find(|form| form.len() > 3 && knows(tokenizer, form)) } else { None };
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
        let all: Vec<String> = self.taken.iter().map(|(phrase, say)| format!("`{phrase}` for `{say}`")).collect();
        (!all.is_empty()).then(|| format!("{model} took {}; its README lists the words it knows", all.join(", ")))
    }
}

fn knows(tokenizer: &Tokenizer, word: &str) -> bool {
    tokenizer.token_to_id(word).is_some()
}

/// Whether words with this between them may be one phrase: a comma, or what else is neither a space nor a hyphen, ends it.
fn joins(between: char) -> bool {
    between.is_whitespace() || between == '-'
}

/// The words of a prompt in lower case, each with whether it may be of one phrase with the one before.
fn split(prompt: &str) -> Vec<(String, bool)> {
    let mut words: Vec<(String, bool)> = Vec::new();
    let (mut inside, mut joined) = (false, true);
    for c in prompt.chars() {
        if c.is_alphanumeric() {
            if !inside {
                words.push((String::new(), std::mem::replace(&mut joined, true)));
            }
            if let Some((word, _)) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        } else {
            joined &= joins(c);
        }
        inside = c.is_alphanumeric();
    }
    words
}

/// One for many, and many for one.
fn forms(word: &str) -> impl Iterator<Item = String> {
    let hisses = |stem: &&str| ["s", "x", "z", "ch", "sh"].iter().any(|end| stem.ends_with(end));
    let one = [
        word.strip_suffix("ies").map(|stem| format!("{stem}y")),
        word.strip_suffix("es").filter(hisses).map(str::to_owned),
        word.strip_suffix('s').filter(|stem| !hisses(stem)).map(str::to_owned),
    ];
    let many = match word.strip_suffix('y') {
        Some(stem) => Some(format!("{stem}ies")),
        None if hisses(&word) => Some(format!("{word}es")),
        None => Some(format!("{word}s")),
    };
    let long = |form: &String| form.len() > 2;
    one.into_iter().chain([many]).flatten().filter(long).collect::<Vec<_>>().into_iter()
}

/// The words of a prompt.
pub(super) struct Words(Vec<Word>);

struct Word {
    /// In lower case.
    text: String,
    /// Whether the text encoder knows it.
    known: bool,
    /// Whether it may be of one phrase with the word before it.
    joined: bool,
}

impl Words {
    pub(super) fn of(prompt: &str, tokenizer: &Tokenizer) -> tokenizers::Result<Self> {
        let encoding = tokenizer.encode(prompt, true)?;
        let strange = tokenizer.token_to_id("[UNK]");
        let tokens = encoding.get_ids().iter().zip(encoding.get_special_tokens_mask());
        let words = tokens.zip(encoding.get_offsets()).filter(|((_, special), _)| **special == 0);
        let mut before = 0;
        let word = |((id, _), (from, to)): ((&u32, _), &(usize, usize))| {
            let between = prompt.get(before..*from).unwrap_or_default();
            before = *to;
            Word {
                text: prompt.get(*from..*to).unwrap_or_default().to_lowercase(),
                known: Some(*id) != strange,
                joined: between.chars().all(joins),
            }
        };
        Ok(Self(words.map(word).collect()))
    }

    /// What nothing in the picture stands for, each once, in the order of the prompt.
    fn left_out(&self, not_drawn: &NotDrawn, fell_back: bool) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut at = 0;
        while at < self.0.len() {
            let longest = 1 + self.0[at + 1..].iter().take(LONGEST - 1).take_while(|word| word.joined).count();
            let phrases = (1..=longest).rev().map(|count| {
                let words: Vec<&str> = self.0[at..at + count].iter().map(|word| word.text.as_str()).collect();
                (count, words.join(" "))
            });
            let listed = |(_, phrase): &(usize, String)| {
                not_drawn.except.contains(phrase)
                    || not_drawn.things.contains(phrase)
                    || fell_back && not_drawn.topics.contains(phrase)
            };
            let Word { text, known, .. } = &self.0[at];
            let phrase = if *known { phrases.clone().find(listed) } else { Some((1, text.clone())) };
            let Some((count, phrase)) = phrase else {
                at += 1;
                continue;
            };
            if !not_drawn.except.contains(&phrase) && !found.contains(&phrase) {
                found.push(phrase);
            }
            at += count;
        }
        found
    }

    /// What to say when the model left something out.
    pub(super) fn told(&self, contract: &Contract, understood: &[(String, String)]) -> Option<String> {
        let model = &contract.name;
        if !self.0.iter().any(|word| word.known) {
            return Some(format!(
                "{model} knows none of the words of the prompt and made an abstract picture; its README lists those it knows"
            ));
        }
        let asked = |implied: &Implied| self.0.iter().any(|word| word.known && implied.said_by.contains(&word.text));
        let fell_back = contract.attributes.iter().any(|slot| {
            let made = |word: &str| understood.iter().any(|(of, made)| *of == slot.name && made == word);
            slot.implied.as_ref().is_some_and(|implied| made(&implied.word) && !asked(implied))
        });
        let left_out = self.left_out(&contract.not_drawn, fell_back);
        let words = left_out.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        // Of a prompt that says only colours or a motion nothing is missing.
        let rest = understood.len() > 1;
        match (fell_back, left_out.is_empty()) {
            (true, false) => Some(format!(
                "{model} does not know {words} and made an abstract picture{}; its README lists the words it knows",
                if rest { " of the rest of the prompt" } else { "" }
            )),
            (true, true) if !rest => Some(format!(
                "{model} found nothing in the prompt that it can draw and made an abstract picture; its README lists the words it knows"
            )),
            (false, false) => {
                let drawn: Vec<String> = understood.iter().map(|(slot, word)| format!("{slot} `{word}`")).collect();
                Some(format!(
                    "{model} left out {words}, which it can't draw, and drew {}; its README lists the words it knows",
                    if drawn.is_empty() { "the rest".into() } else { drawn.join(", ") }
                ))
            }
            (_, true) => None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_said_in_words_that_the_model_knows() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ambient-v7");
        let model = crate::contract::Model::open(&folder).unwrap();
        let said_as = &model.contract.said_as;
        let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        for say in said_as.keys().flat_map(|say| say.split(' ')) {
            assert!(knows(&tokenizer, say), "said-as says `{say}`, which the model does not know");
        }
        let check = |prompt: &str, expected: &str, taken: &[&str]| {
            let said = Said::of(prompt, said_as, &tokenizer);
            assert_eq!(said.prompt, expected, "{prompt}");
            assert_eq!(said.taken.iter().map(|(phrase, _)| phrase.as_str()).collect::<Vec<_>>(), taken, "{prompt}");
        };
        check("Sea waves, at Sunset!", "Sea waves, at Sunset!", &[]);
        check("Fresh ORANGES, oranges", "fresh orange grapefruit orange grapefruit", &["oranges"]);
        check("an orange fruit", "an orange grapefruit", &["orange fruit"]);
        check("an orange-fruit", "an orange grapefruit", &["orange fruit"]);
        check("An orange on a table", "orange grapefruit on a table", &["an orange on"]);
        check(
            "an orange can on a table, a juicy orange cocktail",
            "an orange can on a table, a juicy orange cocktail",
            &[],
        );
        check("a sunset in orange, fruit on a table", "a sunset in orange, fruit on a table", &[]);
        check("two boys and a taxi", "two people and a car", &["boys", "taxi"]);
        check("taxis, a blueberry", "car a blue fruit", &["taxis", "blueberry"]);
        check("a skyscraper, a wave", "a skyscrapers a waves", &[]);
        check("laptops", "laptop", &[]);
        check("a bar of milk chocolate", "a bar of chocolate", &["milk chocolate"]);
        // What only looks alike stays, to be told as unknown.
        for prompt in ["a family that cares", "news", "panes", "manes", "bras", "tines", "é", "", " , -", "ß ŉ İ"] {
            check(prompt, prompt, &[]);
        }
    }

    #[test]
    fn words_that_are_known_and_not_drawn_are_left_out_as_those_are_that_are_unknown() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ambient-v7");
        let not_drawn = crate::contract::Model::open(&folder).unwrap().contract.not_drawn;
        let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        for phrase in not_drawn.things.iter().chain(&not_drawn.topics).chain(&not_drawn.except) {
            let words: Vec<&str> = phrase.split(' ').collect();
            assert!(words.len() <= LONGEST, "not-drawn has `{phrase}`, which is longer than {LONGEST} words");
            assert!(words.iter().all(|word| knows(&tokenizer, word)), "`{phrase}` of not-drawn is unknown anyway");
        }
        let check = |prompt: &str, fell_back: bool, expected: &[&str]| {
            let words = Words::of(prompt, &tokenizer).unwrap();
            assert_eq!(words.left_out(&not_drawn, fell_back), expected, "{prompt}");
        };
        check("An elegant WATCH, on a zorblat; a watch", false, &["watch", "zorblat"]);
        check("laptop bag lipstick headphones handbag", false, &["laptop", "bag", "lipstick", "headphones", "handbag"]);
        check("food, real estate", true, &["food", "real estate"]);
        check("food, real estate", false, &[]);
        check("a lamp, a lava lamp", false, &["lamp"]);
        check("snow, snow white", false, &["snow"]);
        check("static camera, a camera on a table", false, &["a camera on"]);
        // A comma ends a phrase: this is a lamp, and no real estate.
        check("lava, lamp light, a lava-lamp", false, &["lamp"]);
        check("real, estate", true, &[]);
        check("a green forest, forest green, shallow depth of field", true, &["forest"]);
        check("", true, &[]);
    }
}
