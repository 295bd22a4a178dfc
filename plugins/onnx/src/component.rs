//! What every contract says in the same words: the files of a model, and on which terms it may be used.

use std::collections::BTreeMap;

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
    /// How the weights are stored. The ports may be another kind of float; the runtime converts.
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

impl Territories {
    /// Those of `wanted` where the model may not be used. The Union's members are not unfolded: a brief that names
    /// `DE` and a licence that excepts `EU` do not meet, so briefs name what the licence names.
    #[must_use]
    pub fn forbidden<'a>(&self, wanted: &'a [String]) -> Vec<&'a str> {
        let listed = |list: &[String], name: &str| list.iter().any(|l| l.eq_ignore_ascii_case(name));
        let forbidden = |name: &str| match self {
            Self::Except(list) => listed(list, name),
            Self::Only(list) => !listed(list, name),
        };
        wanted.iter().map(String::as_str).filter(|name| forbidden(name)).collect()
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
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let except = Territories::Except(list(&["EU", "GB"]));
        assert_eq!(except.forbidden(&list(&["US", "gb", "EU"])), ["gb", "EU"]);
        assert!(except.forbidden(&list(&["US"])).is_empty());
        assert_eq!(Territories::Only(list(&["US"])).forbidden(&list(&["US", "CH"])), ["CH"]);
    }
}
