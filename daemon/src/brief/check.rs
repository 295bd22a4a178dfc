//! Every mistake of a brief in one pass.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;

use super::audio::{Audio, Codes, audio, codes};
use super::captions::{Captions, captions};
use super::model::*;
use super::people::{deliver, stakeholders};
use super::scene::scene_list;
use super::text::{Locale, Text};
use crate::error::{self, Diagnostics};
use crate::yaml::{Fields, Mistakes, Node};

pub(super) fn default_locales() -> Vec<Locale> {
    Locale::parse("en").into_iter().collect()
}

pub(super) fn default_seconds() -> f64 {
    4.0
}

pub(super) fn default_on() -> Vec<Notice> {
    vec![Notice::Delivered, Notice::Failed]
}

/// Reads the whole brief.
pub(super) fn brief(node: &Node) -> Result<Brief, Diagnostics> {
    let mut m = Mistakes::new();
    let brief = Fields::of(node, "the brief", &mut m).and_then(|fields| read(fields, &mut m));
    m.finish(brief)
}

fn read(mut f: Fields<'_>, m: &mut Mistakes) -> Option<Brief> {
    let campaign = f.require("campaign", "the campaign's name").and_then(|n| title(n, "the campaign's name", m));
    let title = f.require("title", "the spot's name").and_then(|n| title(n, "the spot's name", m));
    let pipeline =
        f.require("pipeline", "a pipeline's name, like `social-ad`").and_then(|n| m.text(n, "a pipeline's name"));
    let brand = f.require("brand", "a brand of the studio").and_then(|n| m.text(n, "a brand's name"));
    let locales = f.get("locales").map_or_else(|| Some(default_locales()), |n| locales(n, m));
    let known = Known { locales: locales.clone().unwrap_or_default() };
    let product = f.get("product").map_or_else(|| Some(Product::default()), |n| product(n, &known, m));
    let copy = f.get("copy").map_or_else(|| Some(BTreeMap::new()), |n| copy(n, &known, m));
    let scenes = f.require("scenes", "a list of shots, like `- {prompt: waves at sunset, seconds: 4}`");
    let scenes = scenes.and_then(|n| scene_list(n, &known, m));
    let audio = f.get("audio").map_or_else(|| Some(Audio::default()), |n| audio(n, &known, m));
    let captions = f.get("captions").map_or_else(|| Some(Captions::default()), |n| captions(n, &known, m));
    let codes = f.get("codes").map_or_else(|| Some(Codes::default()), |n| codes(n, &known, m));
    let outputs = f.require("outputs", "a list of presets, like `[youtube-15s, instagram-reel]`");
    let outputs = outputs.and_then(|n| names(n, "a list of presets, like `[youtube-15s]`", "a preset's name", m));
    let seed = f.get("seed").map_or(Some(0), |n| {
        let expected = "a whole number from 0 to 4294967295";
        m.integer(n, expected, 0..=i64::from(u32::MAX)).and_then(|s| u32::try_from(s).ok())
    });
    let rights = f.get("rights").map_or_else(|| Some(Rights::default()), |n| rights(n, m));
    let deliver = f.get("deliver").map_or_else(|| Some(Vec::new()), |n| deliver(n, m));
    let stakeholders = f.get("stakeholders").map_or_else(|| Some(Vec::new()), |n| stakeholders(n, m));
    let with = f.get("with").map_or_else(|| Some(BTreeMap::new()), |n| with(n, m));
    let source = f.node().clone();
    f.finish(m);
    Some(Brief {
        campaign: campaign?,
        title: title?,
        pipeline: pipeline?,
        brand: brand?,
        locales: locales?,
        product: product?,
        copy: copy?,
        scenes: scenes?,
        audio: audio?,
        captions: captions?,
        codes: codes?,
        outputs: outputs?,
        seed: seed?,
        rights: rights?,
        deliver: deliver?,
        stakeholders: stakeholders?,
        with: with?,
        source,
    })
}

/// What the brief says elsewhere.
pub(super) struct Known {
    pub locales: Vec<Locale>,
}

/// A name that becomes part of file names.
fn title(node: &Node, expected: &str, m: &mut Mistakes) -> Option<String> {
    let text: String = m.text(node, expected)?.nfc().collect();
    let length = text.chars().count();
    if length > 100 {
        m.push(node.mistake("too-long", format!("the name is {length} characters long")).expected("at most 100"));
        return None;
    }
    if text.contains(char::is_control) || !text.contains(char::is_alphanumeric) {
        let mistake = node.mistake("bad-name", "the name becomes a folder's name and can't be one");
        m.push(mistake.expected("one line with a letter or a digit in it"));
        return None;
    }
    Some(text)
}

fn locales(node: &Node, m: &mut Mistakes) -> Option<Vec<Locale>> {
    let items = non_empty(node, "a list of language tags, like `[en, de]`", m)?;
    let mut locales = Vec::new();
    let mut right = true;
    for item in items {
        match locale(item, m) {
            Some(l) if locales.contains(&l) => {
                m.push(item.mistake("repeated", format!("`{l}` is there twice")).hint("remove one of the two"));
                right = false;
            }
            Some(l) => locales.push(l),
            None => right = false,
        }
    }
    right.then_some(locales)
}

fn locale(node: &Node, m: &mut Mistakes) -> Option<Locale> {
    let text = m.text(node, "a language tag, like `en` or `pt-BR`")?;
    match Locale::parse(&text) {
        Ok(locale) => Some(locale),
        Err(hint) => {
            let mistake = node.mistake("bad-locale", format!("`{text}` is no language tag"));
            m.push(mistake.expected("a tag like `en`, `de-AT` or `zh-Hant`").hint(hint));
            None
        }
    }
}

/// Words, in all of the brief's languages when they are per language.
pub(super) fn text(node: &Node, known: &Known, expected: &str, m: &mut Mistakes) -> Option<Text> {
    if node.as_text().is_some() {
        return words(node, expected, m).map(Text::Plain);
    }
    let entries = m.entries(node, &format!("{expected}: text, or text per language like {{en: …, de: …}}"))?;
    let mut texts = BTreeMap::new();
    let mut right = true;
    for entry in entries {
        match (locale(&entry.key_node, m), words(&entry.value, expected, m)) {
            (Some(locale), Some(text)) => {
                texts.insert(locale, text);
            }
            _ => right = false,
        }
    }
    let missing: Vec<&str> = known.locales.iter().filter(|l| !texts.contains_key(l)).map(Locale::as_str).collect();
    // A key that is no tag is the likelier mistake; it is reported already.
    if right && !missing.is_empty() {
        let message = format!("the text is missing in {}", error::list(&missing, "and"));
        let mistake = node.mistake("missing-locale", message);
        m.push(mistake.hint("add it, or take the language out of the brief's `locales`"));
        right = false;
    }
    right.then_some(Text::Localised(texts))
}

/// Words that are complete: no placeholder left in them.
fn words(node: &Node, expected: &str, m: &mut Mistakes) -> Option<String> {
    let text = m.text(node, expected)?;
    let mistake = super::words::unfilled(node, &text);
    let right = mistake.is_none();
    m.extend(mistake);
    right.then_some(text)
}

fn product(node: &Node, known: &Known, m: &mut Mistakes) -> Option<Product> {
    let mut f = Fields::of(node, "the product", m)?;
    let name = f.get("name").map(|n| text(n, known, "the product's name", m));
    let image = f.get("image").map(|n| asset(n, m));
    let mut other = BTreeMap::new();
    let right = free_texts(&f, &["name", "image"], known, &mut other, m);
    f.finish_free(m);
    right.then_some(Product { name: settled(name)?, image: settled(image)?, other })
}

/// Optional and wrong are different: `None` for wrong.
#[expect(clippy::option_option, reason = "absent, wrong, right")]
pub(super) fn settled<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

fn copy(node: &Node, known: &Known, m: &mut Mistakes) -> Option<BTreeMap<String, Text>> {
    let f = Fields::of(node, "the copy", m)?;
    let mut texts = BTreeMap::new();
    free_texts(&f, &["headline", "subline", "cta", "legal"], known, &mut texts, m).then_some(texts)
}

/// Texts under free names. A name that is nearly, but not quite, one that everybody uses is a slip of the pen:
/// without an error the words would silently be missing from the picture.
fn free_texts(
    f: &Fields<'_>,
    usual: &[&str],
    known: &Known,
    texts: &mut BTreeMap<String, Text>,
    m: &mut Mistakes,
) -> bool {
    let mut right = true;
    for entry in f.rest() {
        let key = &*entry.key;
        let slip = usual.iter().find(|u| {
            u.chars().count() > 4 && **u != key && f.node().get(u).is_none() && strsim::damerau_levenshtein(u, key) <= 2
        });
        if let (Some(meant), false) = (slip, usual.contains(&key)) {
            let mistake = entry.key_node.mistake("unknown-field", format!("`{key}` is nothing that a look shows"));
            m.push(mistake.hint(format!("did you mean `{meant}`?")));
            right = false;
        }
        let is_name = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_name {
            let mistake = entry.key_node.mistake("bad-name", format!("`{key}` can't be used as a name"));
            m.push(mistake.expected("letters, digits, `-` and `_`"));
            right = false;
        }
        if entry.value.is_null() {
            continue;
        }
        match text(&entry.value, known, "words to show", m) {
            Some(text) => {
                texts.insert(key.to_owned(), text);
            }
            None => right = false,
        }
    }
    right
}

/// A path inside the studio, in NFC: the same name typed on a Mac and on Linux is the same file.
pub(super) fn asset(node: &Node, m: &mut Mistakes) -> Option<String> {
    let path: String = m.text(node, "a file of the studio, like `assets/can.png`")?.nfc().collect();
    let outside = path.starts_with('/') || path.split('/').any(|part| part == "..");
    let reason = if path.contains("://") {
        "a web address can't be used: its content may change"
    } else if path.contains('\\') || path.as_bytes().get(1) == Some(&b':') {
        "the path is written the Windows way"
    } else if outside {
        "the path leads out of the studio"
    } else if path.contains(char::is_control) {
        "the path holds a control character"
    } else {
        return Some(path.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/"));
    };
    let mistake = node.mistake("bad-path", reason).expected("a path inside the studio, like `assets/can.png`");
    m.push(mistake.hint("put the file into the studio's `assets` folder"));
    None
}

fn rights(node: &Node, m: &mut Mistakes) -> Option<Rights> {
    let mut f = Fields::of(node, "the rights", m)?;
    let ai_disclosure = f.get("ai_disclosure").map_or(Some(AiDisclosure::default()), |n| {
        m.choice(n, &[("required", AiDisclosure::Required), ("not-required", AiDisclosure::NotRequired)])
    });
    let territories = f.get("territories").map_or_else(
        || Some(Vec::new()),
        |n| {
            let items = m.list(n, "a list of countries, like `[DE, US]`")?;
            items.iter().map(|item| territory(item, m)).collect::<Vec<_>>().into_iter().collect()
        },
    );
    let licence_notes = f.get("licence_notes").map(|n| m.text(n, "text"));
    f.finish(m);
    Some(Rights { ai_disclosure: ai_disclosure?, territories: territories?, licence_notes: settled(licence_notes)? })
}

fn territory(node: &Node, m: &mut Mistakes) -> Option<String> {
    let expected = "an ISO country code like `DE`, or `EU`, or `WORLD`";
    let text = m.text(node, expected)?;
    let upper = text.to_uppercase();
    if upper == "WORLD" || (upper.len() == 2 && upper.bytes().all(|b| b.is_ascii_uppercase())) {
        return Some(upper);
    }
    m.push(node.mistake("bad-value", format!("`{text}` is no country code")).expected(expected));
    None
}

fn with(node: &Node, m: &mut Mistakes) -> Option<BTreeMap<String, serde_json::Value>> {
    let entries = m.entries(node, "a mapping of the pipeline's inputs, like `look: bold`")?;
    Some(entries.iter().map(|e| (e.key.to_string(), e.value.to_json())).collect())
}

fn names(node: &Node, expected: &str, of_one: &str, m: &mut Mistakes) -> Option<Vec<String>> {
    let items = non_empty(node, expected, m)?;
    let mut names = Vec::new();
    let mut right = true;
    for item in items {
        match m.text(item, of_one) {
            Some(name) if names.contains(&name) => {
                m.push(item.mistake("repeated", format!("`{name}` is there twice")).hint("remove one of the two"));
                right = false;
            }
            Some(name) => names.push(name),
            None => right = false,
        }
    }
    right.then_some(names)
}

pub(super) fn non_empty<'a>(node: &'a Node, expected: &str, m: &mut Mistakes) -> Option<&'a [Node]> {
    let items = m.list(node, expected)?;
    if items.is_empty() {
        m.push(node.mistake("empty-list", "the list is empty").expected(expected));
        return None;
    }
    Some(items)
}
