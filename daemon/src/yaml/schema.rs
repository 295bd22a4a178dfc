//! Checking values against a JSON Schema, with answers a person can use, and with places when the value has any.

use jsonschema::error::{TypeKind, ValidationErrorKind as K};
use jsonschema::{JsonType, ValidationError, Validator};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Mistakes;
use super::node::{Node, short};
use crate::error::{self, Diagnostic, Diagnostics};

/// Reads a whole file's node as a `T` through the schema made from `T`; `what` is the file for a person (`the brand`).
///
/// # Errors
/// Every mistake with its place.
pub fn typed<T: DeserializeOwned + JsonSchema>(node: &Node, what: &str) -> Result<T, Diagnostics> {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    let schema = Schema::new(schema).map_err(|reason| vec![node.mistake("bad-schema", reason)])?;
    let value = node.to_json();
    let mut mistakes = Mistakes::new();
    mistakes.extend(schema.errors(&value).into_iter().map(|e| e.locate(node, what)));
    let value = mistakes.finish(Some(value))?;
    // The schema can't say everything that `T` demands.
    serde_json::from_value(value).map_err(|e| vec![node.mistake("bad-value", format!("{what} is wrong: {e}"))])
}

/// More unknown properties of one object are not reported one by one.
const MOST_UNKNOWN: usize = 50;

/// A JSON Schema ready to check with.
#[derive(Debug)]
pub struct Schema {
    source: Value,
    validator: Validator,
}

/// One way in which a value breaks a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaError {
    pub code: &'static str,
    /// Keys and indices down to the value.
    pub path: Vec<String>,
    /// The property that is unknown or missing there.
    pub property: Option<String>,
    /// What is wrong; starts with what was found.
    pub message: String,
    pub expected: Option<String>,
    pub hint: Option<String>,
}

impl SchemaError {
    /// The diagnostic, where `node` is the value that was checked and `what` its name for a person.
    #[must_use]
    pub fn locate(self, node: &Node, what: &str) -> Diagnostic {
        let (at, led) = node.follow(self.path.iter().map(String::as_str));
        let entries = at.as_mapping().unwrap_or_default();
        let key = self.property.as_ref().filter(|_| led).and_then(|p| entries.iter().find(|e| &*e.key == p));
        let place = key.map_or_else(|| at.place(), |entry| entry.key_node.place());
        let name = match self.path.as_slice() {
            [] => what.to_owned(),
            path => format!("`{}` in {what}", dotted(path)),
        };
        Diagnostic { place: Some(place), ..self.into_diagnostic(&name) }
    }

    /// The diagnostic without a place; `name` says whose value it is.
    #[must_use]
    pub fn into_diagnostic(self, name: &str) -> Diagnostic {
        let message = match (self.code, &self.property) {
            ("unknown-field", Some(property)) => format!("{name} has no `{property}`"),
            ("missing-field", Some(property)) => format!("{name} needs `{property}`"),
            _ => format!("{name}: {}", self.message),
        };
        Diagnostic { code: self.code.into(), message, place: None, expected: self.expected, hint: self.hint }
    }
}

impl Schema {
    /// # Errors
    /// The schema itself is wrong: a defect of whoever made it.
    pub fn new(source: Value) -> Result<Self, String> {
        match jsonschema::validator_for(&source) {
            Ok(validator) => Ok(Self { source, validator }),
            Err(error) => Err(format!("the JSON Schema is invalid: {error}")),
        }
    }

    /// The names the root object takes.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        keys(self.source.get("properties"))
    }

    /// Everything that is wrong with `value`.
    #[must_use]
    pub fn errors(&self, value: &Value) -> Vec<SchemaError> {
        let mut found = Vec::new();
        for error in self.validator.iter_errors(value) {
            self.explain(&error, &mut found);
        }
        found
    }

    /// What the subschema with this keyword says of `name`.
    fn sibling(&self, error: &ValidationError<'_>, name: &str) -> Option<&Value> {
        let keyword = error.schema_path().as_str();
        let (parent, _) = keyword.rsplit_once('/')?;
        self.source.pointer(parent)?.get(name)
    }

    fn explain(&self, error: &ValidationError<'_>, found: &mut Vec<SchemaError>) {
        let path: Vec<String> = error
            .instance_path()
            .as_str()
            .split('/')
            .skip(1)
            .map(|s| s.replace("~1", "/").replace("~0", "~"))
            .collect();
        let what = say(error.instance());
        let plain = |code, message: String| SchemaError {
            code,
            path: path.clone(),
            property: None,
            message,
            expected: None,
            hint: None,
        };
        let bounds = || {
            let bound = |name| self.sibling(error, name).map(Value::to_string);
            let low = bound("minimum").map(|b| format!("at least {b}"));
            let low = low.or_else(|| bound("exclusiveMinimum").map(|b| format!("more than {b}")));
            let high = bound("maximum").map(|b| format!("at most {b}"));
            let high = high.or_else(|| bound("exclusiveMaximum").map(|b| format!("less than {b}")));
            [low, high].into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        match error.kind() {
            K::AdditionalProperties { unexpected } | K::UnevaluatedProperties { unexpected } => {
                let known: Vec<&str> = keys(self.sibling(error, "properties")).collect();
                for name in unexpected.iter().take(MOST_UNKNOWN) {
                    let near = error::nearest(name, known.iter().copied());
                    found.push(SchemaError {
                        property: Some(name.clone()),
                        hint: match near {
                            Some(near) => Some(format!("did you mean `{near}`?")),
                            None if known.is_empty() => None,
                            None => Some(format!("there is {}", error::list(&known, "and"))),
                        },
                        ..plain("unknown-field", format!("`{name}` is unknown"))
                    });
                }
            }
            K::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let about =
                    self.sibling(error, "properties").and_then(|p| p.get(name)).and_then(|p| p.get("description"));
                let about = about.and_then(Value::as_str).and_then(|text| text.split("\n\n").next());
                found.push(SchemaError {
                    property: Some(name.into()),
                    expected: about.map(|a| a.replace('\n', " ")),
                    ..plain("missing-field", format!("`{name}` is missing"))
                });
            }
            K::Type { kind } => {
                found.push(SchemaError { expected: Some(types(kind)), ..plain("wrong-type", format!("found {what}")) });
            }
            K::Enum { options } => {
                let names: Vec<String> = options.as_array().into_iter().flatten().map(bare).collect();
                found.push(one_of(
                    plain("bad-value", format!("{what} is none of the choices")),
                    error.instance(),
                    &names,
                ));
            }
            K::Constant { expected_value } => {
                let names = [bare(expected_value)];
                found.push(one_of(plain("bad-value", format!("found {what}")), error.instance(), &names));
            }
            K::Minimum { .. } | K::Maximum { .. } | K::ExclusiveMinimum { .. } | K::ExclusiveMaximum { .. } => {
                found.push(SchemaError {
                    expected: Some(bounds()),
                    ..plain("out-of-range", format!("{what} is out of range"))
                });
            }
            K::AnyOf { context } | K::OneOfNotValid { context } => self.explain_branches(error, context, found),
            K::Pattern { pattern } => found.push(SchemaError {
                expected: Some(format!("text like {pattern}")),
                ..plain("bad-value", format!("{what} has the wrong form"))
            }),
            K::MinItems { limit } => found.push(SchemaError {
                expected: Some(format!("at least {limit}")),
                ..plain("out-of-range", "too few items".into())
            }),
            K::MaxItems { limit } => found.push(SchemaError {
                expected: Some(format!("at most {limit}")),
                ..plain("out-of-range", "too many items".into())
            }),
            K::MinLength { .. } => found.push(plain("empty-text", format!("{what} is too short"))),
            _ => found.push(plain("bad-value", error.to_string())),
        }
    }

    /// A value that fits none of several branches: the branch it was meant for says what is wrong, if it can be told.
    fn explain_branches(
        &self,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'static>>],
        found: &mut Vec<SchemaError>,
    ) {
        let here = error.instance_path().as_str();
        let shallow = |e: &&ValidationError<'_>| {
            e.instance_path().as_str() == here
                && matches!(e.kind(), K::Type { .. } | K::Constant { .. } | K::Enum { .. })
        };
        if let Some(meant) = branches.iter().find(|b| !b.iter().any(|e| shallow(&e))) {
            meant.iter().for_each(|e| self.explain(e, found));
            return;
        }
        let errors = || branches.iter().flatten().filter(shallow);
        let mut names: Vec<String> = Vec::new();
        let mut kinds: Vec<String> = Vec::new();
        for e in errors() {
            match e.kind() {
                K::Constant { expected_value } => names.push(bare(expected_value)),
                K::Enum { options } => names.extend(options.as_array().into_iter().flatten().map(bare)),
                K::Type { kind } => kinds.push(types(kind)),
                _ => {}
            }
        }
        kinds.retain(|k| k != "nothing");
        let mut wrong = SchemaError {
            code: if names.is_empty() { "wrong-type" } else { "bad-value" },
            path: here.split('/').skip(1).map(str::to_owned).collect(),
            property: None,
            message: format!("found {}", say(error.instance())),
            expected: None,
            hint: None,
        };
        if names.is_empty() {
            wrong.expected = (!kinds.is_empty()).then(|| kinds.join(" or "));
            found.push(wrong);
        } else {
            found.push(one_of(wrong, error.instance(), &names));
        }
    }
}

/// `scenes[1].seconds`
#[must_use]
pub fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for step in path {
        match step.parse::<usize>() {
            Ok(index) if !text.is_empty() => text.push_str(&format!("[{index}]")),
            _ if text.is_empty() => text.push_str(step),
            _ => text.push_str(&format!(".{step}")),
        }
    }
    text
}

fn keys(object: Option<&Value>) -> impl Iterator<Item = &str> {
    object.and_then(Value::as_object).into_iter().flat_map(|o| o.keys().map(String::as_str))
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn one_of(wrong: SchemaError, instance: &Value, names: &[String]) -> SchemaError {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = instance.as_str().and_then(|text| error::nearest(text, names.iter().copied()));
    SchemaError {
        expected: Some(error::list(&names, "or")),
        hint: near.map(|name| format!("did you mean `{name}`?")),
        ..wrong
    }
}

/// A value as it is named in a sentence.
fn say(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(b) => format!("`{b}`"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(s) => format!("the text `{}`", short(s)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
    }
}

fn types(kind: &TypeKind) -> String {
    let name = |t: JsonType| match t {
        JsonType::Array => "a list",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "text",
    };
    match kind {
        TypeKind::Single(t) => name(*t).into(),
        TypeKind::Multiple(set) => {
            let names: Vec<&str> = set.iter().map(name).filter(|n| *n != "nothing").collect();
            names.join(" or ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// A preset as a test would have it.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Preset {
        /// Width in pixels.
        #[schemars(range(min = 16, max = 8192))]
        #[expect(dead_code, reason = "only its schema matters here")]
        width: u32,
        #[expect(dead_code, reason = "only its schema matters here")]
        codec: Codec,
        #[serde(default)]
        #[expect(dead_code, reason = "only its schema matters here")]
        safe_zone: Option<Zone>,
    }

    /// How it is encoded.
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Codec {
        /// For the web
        H264,
        /// For broadcast
        Prores,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Zone {
        #[expect(dead_code, reason = "only its schema matters here")]
        top: f64,
    }

    #[test]
    fn a_schema_gives_located_mistakes() {
        let check = |yaml: &str, expected: &[&str]| {
            let node = crate::yaml::parse("p.yaml", yaml.as_bytes()).unwrap();
            let found: Vec<String> = match typed::<Preset>(&node, "the preset") {
                Ok(_) => Vec::new(),
                Err(mistakes) => mistakes.iter().map(one_line).collect(),
            };
            assert_eq!(found, expected, "{yaml}");
        };
        check("{width: 1920, codec: h264}", &[]);
        check("{width: 1920, codec: h264, safe-zone: {top: 0.1}}", &[]);
        check(
            "{width: 8, codec: h265}",
            &[
                "1:9 `width` in the preset: the number 8 is out of range | at least 16, at most 8192 | ",
                "1:19 `codec` in the preset: found the text `h265` | `h264` or `prores` | did you mean `h264`?",
            ],
        );
        check("{codec: h264}", &["1:1 the preset needs `width` | Width in pixels. | "]);
        check(
            "width: '8'\ncodec: h264\nsafe-zone: {tob: 1}",
            &[
                "1:8 `width` in the preset: found the text `8` | a whole number | ",
                "3:12 `safe-zone` in the preset needs `top` |  | ",
                "3:13 `safe-zone` in the preset has no `tob` |  | did you mean `top`?",
            ],
        );
        check(
            "width: 99\ncodec: h264\nsafe-zone: all",
            &["3:12 `safe-zone` in the preset: found the text `all` | a mapping | "],
        );
    }

    fn one_line(d: &Diagnostic) -> String {
        let at = d.place.as_ref().map(|p| format!("{}:{}", p.line, p.column)).unwrap_or_default();
        let (expected, hint) = (d.expected.clone().unwrap_or_default(), d.hint.clone().unwrap_or_default());
        format!("{at} {} | {expected} | {hint}", d.message)
    }
}
