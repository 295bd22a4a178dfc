//! What every contract says in the same words: the files of a model, and on which terms it may be used.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::error::Error;

/// One part of a model: a graph with its weights, or another file such as the tokenizer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Component {
    /// Path inside the model's folder.
    pub file: String,
    /// Lower-case hex.
    pub sha256: String,
    /// Files that hold the graph's weights when they are not in `file` itself (more than 2 GB never are).
    #[serde(default)]
    pub data: Vec<DataFile>,
    /// How most of the weights are stored; left out, the graph tells. The ports may be another kind of float; the runtime converts.
    pub dtype: Option<Dtype>,
}

/// A file of weights beside a graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataFile {
    /// Path inside the model's folder.
    pub file: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    F32,
    F16,
    Bf16,
    Int8,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

/// On which terms the model may be used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Licence {
    /// SPDX expression.
    pub spdx: String,
    /// What has to be said where the result is used, or where the training data came from.
    #[serde(default)]
    pub notice: String,
    /// Where it may be used; left out means everywhere.
    pub territories: Option<Territories>,
}

/// Countries by their ISO 3166 codes, `EU` for the Union: all but some, or only some.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Territories {
    Except(Vec<String>),
    Only(Vec<String>),
}

impl Licence {
    /// Whether a model may be used where its result will be shown.
    ///
    /// # Errors
    /// `licence-territory`.
    pub fn check(&self, model: &str, places: &[String]) -> Result<(), Error> {
        let forbidden = self.territories.as_ref().map(|t| t.forbidden(places)).unwrap_or_default();
        if forbidden.is_empty() {
            return Ok(());
        }
        Err(Error::Territory { model: model.into(), licence: self.spdx.clone(), territories: forbidden.join(", ") })
    }
}

/// The member states of the European Union, by their ISO 3166 codes.
const UNION: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];
const EU: &str = "EU";
const WORLD: &str = "WORLD";

impl Territories {
    /// Those of `wanted` where the model may not be used: a place that has a part in an exception, or that is not wholly in
    /// what is allowed. The Union is its member states; the world is every place, and no list of places is the world.
    #[must_use]
    pub fn forbidden<'a>(&self, wanted: &'a [String]) -> Vec<&'a str> {
        let forbidden = |place: &str| match self {
            Self::Except(list) => list.iter().any(|listed| within(place, listed) || within(listed, place)),
            Self::Only(list) => {
                let inside = |place: &str| list.iter().any(|listed| within(place, listed));
                let is_union = place.eq_ignore_ascii_case(EU);
                !(inside(place) || is_union && UNION.iter().all(|member| inside(member)))
            }
        };
        wanted.iter().map(String::as_str).filter(|place| forbidden(place)).collect()
    }
}

/// Whether a place lies in another one, or is it.
fn within(place: &str, other: &str) -> bool {
    let is_member = || UNION.iter().any(|member| member.eq_ignore_ascii_case(place));
    place.eq_ignore_ascii_case(other)
        || other.eq_ignore_ascii_case(WORLD)
        || other.eq_ignore_ascii_case(EU) && is_member()
}

/// What is wrong with a contract, gathered.
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// Of what every contract says in the same words: its version, its family, and a component for each role, with hashes.
    #[must_use]
    pub fn of(
        version: u32,
        (family, takes): (&str, &str),
        components: &BTreeMap<String, Component>,
        roles: &[&str],
    ) -> Self {
        let mut found = Self(mistakes(components));
        found.check(version == 1, format!("`contract` is {version}; expected 1"));
        found.check(family == takes, format!("`family` is `{family}`; this stage takes `{takes}`"));
        for role in roles {
            found.check(components.contains_key(*role), format!("`components` has no `{role}`"));
        }
        found
    }

    /// Adds what is wrong unless it is good.
    pub fn check(&mut self, good: bool, wrong: String) {
        if !good {
            self.0.push(wrong);
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> Vec<String> {
        self.0
    }
}

/// What is wrong with the hashes of components; empty when nothing is.
#[must_use]
pub fn mistakes(components: &BTreeMap<String, Component>) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |place: String, hash: &str| {
        if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            found.push(format!("`{place}.sha256` is `{hash}`; expected 64 lower-case hex digits"));
        }
    };
    for (role, component) in components {
        check(format!("components.{role}"), &component.sha256);
        for (index, data) in component.data.iter().enumerate() {
            check(format!("components.{role}.data[{index}]"), &data.sha256);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn territories_name_what_they_forbid() {
        let list = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let check = |territories: &Territories, wanted: &str, forbidden: &str| {
            assert_eq!(territories.forbidden(&list(wanted)), list(forbidden), "{wanted} of {territories:?}");
        };
        let except = |names: &str| Territories::Except(list(names));
        let only = |names: &str| Territories::Only(list(names));
        check(&except("EU GB"), "US gb EU", "gb EU");
        check(&except("EU GB"), "US CH", "");
        check(&except("EU GB"), "", "");
        // The Union and its members, both ways.
        check(&except("EU"), "DE fr GR HR CH NO GB IS", "DE fr GR HR");
        check(&except("DE"), "EU DE FR", "EU DE");
        check(&only("EU"), "DE EU CH GB", "CH GB");
        check(&only("DE FR"), "EU DE fr IT", "EU IT");
        check(&only(&UNION.join(" ")), "EU DE WORLD", "WORLD");
        check(&only(&UNION[1..].join(" ")), "EU", "EU");
        // The world has a part in every exception, and lies in no list of places.
        check(&except("EU"), "WORLD world US", "WORLD world");
        check(&except("CN"), "WORLD", "WORLD");
        check(&except(""), "WORLD EU US", "");
        check(&except("WORLD"), "WORLD EU US", "WORLD EU US");
        check(&only("EU US"), "WORLD", "WORLD");
        check(&only("WORLD"), "WORLD EU DE US", "");
        check(&only(""), "WORLD EU US", "WORLD EU US");
    }
}
