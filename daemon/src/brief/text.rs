//! Words in several languages, language tags, addresses.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use email_address::{EmailAddress, Options};
use icu_locale_core::LanguageIdentifier;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A language tag in its usual spelling: `en`, `de-AT`, `zh-Hant`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// # Errors
    /// Why it is no tag, as a hint.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('_') {
            return Err(format!("write `{}`: the parts are joined by hyphens", text.replace('_', "-")));
        }
        match LanguageIdentifier::try_from_str(text) {
            Ok(id) if id.language.is_unknown() => Err("a tag begins with a language, like `en`".into()),
            Ok(id) => Ok(Self(id.to_string())),
            Err(_) => {
                Err("a language of two or three letters, then maybe a script and a country: `en`, `pt-BR`".into())
            }
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Locale {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Locale".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A language tag: `en`, `de-AT`, `zh-Hant`.",
            "pattern": "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-[A-Za-z0-9]{4,8})*$",
        })
    }
}

/// Words: the same for all languages, or per language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    Plain(String),
    Localised(BTreeMap<Locale, String>),
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => text.serialize(serializer),
            Self::Localised(texts) => texts.serialize(serializer),
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Words, the same for all languages or per language: `Taste the sun` or `{en: …, de: …}`.",
            "anyOf": [
                {"type": ["string", "number"]},
                {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["string", "number"]}},
            ],
        })
    }
}

/// The words of `locale` wherever a mapping is one from languages to words: at any depth.
///
/// Such a mapping has nothing but language tags as keys, one of the brief's among them. Its words are those of the
/// locale itself, else of its language, else of the brief's first locale, else the first there are.
#[must_use]
pub fn localised(value: &Value, locale: &str, locales: &[String]) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|v| localised(v, locale, locales)).collect(),
        Value::Object(map) if is_localised(value, locales) => {
            let language = locale.split('-').next().unwrap_or(locale);
            let wanted = [Some(locale), Some(language), locales.first().map(String::as_str)];
            let found = wanted.into_iter().flatten().find_map(|l| map.get(l)).or_else(|| map.values().next());
            found.cloned().unwrap_or(Value::Null)
        }
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), localised(v, locale, locales))).collect(),
        other => other.clone(),
    }
}

/// What a mapping from languages has for `locale` itself or its language, and nothing otherwise; what is no mapping as it is.
#[must_use]
pub fn own(value: &Value, locale: &str) -> Value {
    let language = locale.split('-').next().unwrap_or(locale);
    match value {
        Value::Object(map) => map.get(locale).or_else(|| map.get(language)).cloned().unwrap_or(Value::Null),
        other => other.clone(),
    }
}

fn is_localised(value: &Value, locales: &[String]) -> bool {
    value.as_object().is_some_and(|map| {
        let is_locale = |key: &String| Locale::parse(key).is_ok_and(|l| l.as_str() == key);
        let ours = |key: &String| locales.iter().any(|l| l == key || l.split('-').next() == Some(key));
        map.keys().all(is_locale) && map.keys().any(ours) && map.values().all(|v| v.is_string() || v.is_null())
    })
}

/// Whether a mail can be addressed so. No display names, no quoted local parts, nothing that could break a header.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let options = Options::default().without_display_text().without_domain_literal().with_no_minimum_sub_domains();
    text.len() <= 254
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>' | ',' | ';'))
        && EmailAddress::parse_with_options(text, options).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn locales() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(Locale::parse(text).ok().as_ref().map(Locale::as_str), expected, "{text}");
        };
        check("en", Some("en"));
        check("DE-at", Some("de-AT"));
        check("zh-hant-tw", Some("zh-Hant-TW"));
        check("es-419", Some("es-419"));
        check("gsw", Some("gsw"));
        check("no", Some("no"));
        check("en_US", None);
        check("english", None);
        check("e", None);
        check("und", None);
        check("", None);
    }

    #[test]
    fn addresses() {
        let check = |text: &str, expected: bool| assert_eq!(is_address(text), expected, "{text}");
        check("client@zest.example", true);
        check("a.b+c@mail.zest.example", true);
        check("ops@localhost", true);
        check("müller@zest.example", true);
        check("client", false);
        check("client@", false);
        check("@zest.example", false);
        check("Client <client@zest.example>", false);
        check("a@b.example, c@d.example", false);
        check("a@b.example\r\nBcc: x@y.example", false);
        check("a b@c.example", false);
        check("a@b..example", false);
    }

    #[test]
    fn a_language_has_its_own_or_nothing() {
        let check = |value: Value, locale: &str, expected: Value| assert_eq!(own(&value, locale), expected, "{locale}");
        check(json!({"en": "amy", "de": "thorsten"}), "de-AT", json!("thorsten"));
        check(json!({"en": "amy"}), "de", Value::Null);
        check(json!("amy"), "de", json!("amy"));
        check(Value::Null, "de", Value::Null);
    }

    #[test]
    fn localised_at_any_depth() {
        let locales = ["en".to_owned(), "de".to_owned()];
        let check = |value: Value, locale: &str, expected: Value| {
            assert_eq!(localised(&value, locale, &locales), expected, "{value}");
        };
        let copy = json!({"headline": {"en": "Sun", "de": "Sonne"}, "cta": "Go"});
        check(copy.clone(), "de", json!({"headline": "Sonne", "cta": "Go"}));
        check(copy.clone(), "de-AT", json!({"headline": "Sonne", "cta": "Go"}));
        check(copy, "fr", json!({"headline": "Sun", "cta": "Go"}));
        check(json!([{"headline": {"de": "Sonne"}}]), "en", json!([{"headline": "Sonne"}]));
        check(json!({"cta": "Go", "url": "x"}), "en", json!({"cta": "Go", "url": "x"}));
        check(json!({"cta": "Go"}), "en", json!({"cta": "Go"}));
    }
}
