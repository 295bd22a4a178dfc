//! What a pipeline can say under `with:`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use spotloom_plugin_sdk::api::Failure;

use crate::check::{Check, Name, Verdict, round};

/// The share of a shot that is as good as all of it: a first frame may differ from what follows.
const WHOLE: f64 = 0.9;

/// What the masters are held against, besides their presets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Seconds that every master must last: the scenes and the end card of the brief. Left out, what compose says.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 7200.0))]
    pub seconds: Option<f64>,
    /// Whether there is to be sound. Without, a silent master is right.
    #[serde(default = "yes")]
    pub sound: bool,
    /// What a failed check does: `fail` stops the job before anything is delivered, `warn` is told in the report, `report`
    /// leaves it to the stage `report`, which tells of all masters at once and stops the job then.
    #[serde(default)]
    pub on_fail: OnFail,
    /// The same for single checks; `off` leaves one out. By default all are `fail`, but `drift` and `flicker` of masters, and
    /// `frozen` and `letterbox` of a scene with a picture or footage of the brief's own.
    #[serde(default)]
    #[schemars(schema_with = "by_name")]
    pub severity: BTreeMap<Name, Severity>,
    /// Of shots alone: only what is black or still from end to end fails, and `drift` and `flicker` are left to the check of
    /// the masters. For shots that are not made again, so that nothing stops a job for a moment of one.
    #[serde(default)]
    pub whole_shot: bool,
    /// The longest black allowed.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 60.0))]
    pub max_black_seconds: f64,
    /// The longest time for which a scene may stand still. An end card may as long as it is there; of a picture or footage of the
    /// brief's own it is only told, unless `severity` says `fail`.
    #[serde(default = "two")]
    #[schemars(range(min = 0.2, max = 600.0))]
    pub max_frozen_seconds: f64,
    /// The longest silence allowed where there is to be sound.
    #[serde(default = "two")]
    #[schemars(range(min = 0.2, max = 600.0))]
    pub max_silent_seconds: f64,
    /// How far the integrated loudness may be from the preset's, in LU; what the preset says when left out.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 6.0))]
    pub loudness_tolerance_lu: Option<f64>,
    /// The least contrast of text against what is behind it (WCAG 2.2): 4.5, and 3 for large type, by default.
    #[serde(default = "contrast")]
    #[schemars(range(min = 1.0, max = 21.0))]
    pub min_contrast: f64,
}

/// What a failed check does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    #[default]
    Fail,
    Warn,
    Report,
}

/// What a failed check does, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Fail,
    Warn,
    Off,
}

/// Every name spelt out, so that one that is misspelt is found before anything is made.
fn by_name(generator: &mut SchemaGenerator) -> Schema {
    let severity = generator.subschema_for::<Severity>().to_value();
    let names = Name::json_schema(generator).to_value();
    let kinds = names["oneOf"].as_array().into_iter().flatten();
    let names = kinds.flat_map(|kind| match &kind["enum"] {
        Value::Array(names) => names.clone(),
        _ => vec![kind["const"].clone()],
    });
    let properties: Map<String, Value> =
        names.filter_map(|name| Some((name.as_str()?.to_owned(), severity.clone()))).collect();
    json_schema!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn contrast() -> f64 {
    4.5
}

impl Params {
    /// Refuses what the schema can't when it is not asked: figures out of range.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for (what, value, low, high) in [
            ("seconds", self.seconds.unwrap_or(1.0), 0.1, 7200.0),
            ("max-black-seconds", self.max_black_seconds, 0.0, 60.0),
            ("max-frozen-seconds", self.max_frozen_seconds, 0.2, 600.0),
            ("max-silent-seconds", self.max_silent_seconds, 0.2, 600.0),
            ("loudness-tolerance-lu", self.loudness_tolerance_lu.unwrap_or(1.0), 0.1, 6.0),
            ("min-contrast", self.min_contrast, 1.0, 21.0),
        ] {
            if !(low..=high).contains(&value) {
                return Err(Failure::new("bad-params", format!("`{what}` is {value}; expected {low} to {high}")));
            }
        }
        Ok(())
    }

    /// The same for a shot alone. A clip shorter than what may be black or still in a film must not be so for half of it.
    pub(crate) fn of_shot(&self, seconds: f64) -> Self {
        let most = |allowed: f64| match self.whole_shot {
            true => round(seconds * WHOLE),
            false => allowed.min(seconds / 2.0),
        };
        let (black, frozen) = (most(self.max_black_seconds), most(self.max_frozen_seconds));
        Self { max_black_seconds: black, max_frozen_seconds: frozen, ..self.clone() }
    }

    /// The verdict as the pipeline wants it; none when the check is left out. A shot that can still be made again is refused
    /// for what is a matter of taste in a finished film.
    pub(crate) fn judge(&self, mut check: Check, shot: bool) -> Option<Check> {
        let usual = match check.name {
            Name::Drift | Name::Flicker if !shot => Severity::Warn,
            Name::Drift | Name::Flicker if self.whole_shot => Severity::Off,
            _ if check.own => Severity::Warn,
            _ if self.on_fail == OnFail::Warn => Severity::Warn,
            _ => Severity::Fail,
        };
        match self.severity.get(&check.name).copied().unwrap_or(usual) {
            Severity::Off => return None,
            Severity::Warn => check.verdict = check.verdict.min(Verdict::Warn),
            Severity::Fail => {}
        }
        Some(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_severity() {
        let schema = schemars::schema_for!(Params).to_value();
        let severity = &schema["properties"]["severity"];
        let names = severity["properties"].as_object().expect("names");
        assert_eq!((names.len(), &severity["additionalProperties"]), (22, &Value::Bool(false)));
        for name in names.keys() {
            serde_json::from_value::<Name>(name.as_str().into()).expect(name);
        }
    }
}
