//! Values of expressions: JSON, and references to files that other tasks will make.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value, ValueKind};
use serde_json::{Map, Value as Json};

use super::plan::InputRef;
use crate::ids::TaskKey;

/// What `stages.S.O` gives: the files one task will put on one output port.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub task: TaskKey,
    pub output: String,
    pub media: String,
    /// The port holds a list of files.
    pub many: bool,
    /// The `for-each` item of that task.
    pub each: Option<Value>,
}

impl Reference {
    pub(super) fn input(&self) -> InputRef {
        InputRef::Output { task: self.task.clone(), output: self.output.clone() }
    }
}

impl Object for Reference {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the files of {}.{}", self.task, self.output)
    }
}

/// An evaluated value.
#[derive(Clone, Debug)]
pub(super) enum Evaluated {
    Json(Json),
    Reference(Arc<Reference>),
    /// A list or mapping with a reference somewhere in it.
    List(Vec<Evaluated>),
    Mapping(Vec<(String, Evaluated)>),
}

impl Evaluated {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Json(Json::Null))
    }

    /// As JSON; the first reference in it when there is one.
    pub(super) fn into_json(self) -> Result<Json, Arc<Reference>> {
        match self {
            Self::Json(json) => Ok(json),
            Self::Reference(reference) => Err(reference),
            Self::List(items) => items.into_iter().map(Self::into_json).collect::<Result<Vec<_>, _>>().map(Json::Array),
            Self::Mapping(entries) => {
                let entries = entries.into_iter().map(|(k, v)| v.into_json().map(|v| (k, v)));
                entries.collect::<Result<Map<_, _>, _>>().map(Json::Object)
            }
        }
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        if items.iter().all(|i| matches!(i, Self::Json(_))) {
            Self::Json(items.into_iter().filter_map(|i| i.into_json().ok()).collect())
        } else {
            Self::List(items)
        }
    }

    pub(super) fn mapping(entries: Vec<(String, Self)>) -> Self {
        if entries.iter().all(|(_, v)| matches!(v, Self::Json(_))) {
            Self::Json(Json::Object(entries.into_iter().filter_map(|(k, v)| Some((k, v.into_json().ok()?))).collect()))
        } else {
            Self::Mapping(entries)
        }
    }

    /// From an expression's value.
    pub(super) fn from_value(value: &Value) -> Result<Self, minijinja::Error> {
        if let Some(reference) = value.downcast_object::<Reference>() {
            return Ok(Self::Reference(reference));
        }
        Ok(match value.kind() {
            ValueKind::None | ValueKind::Undefined => Self::Json(Json::Null),
            ValueKind::Bool => Self::Json(Json::Bool(value.is_true())),
            ValueKind::Number => Self::Json(number(value)),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?.checked();
                Self::list(items.map(|item| Self::from_value(&item?)).collect::<Result<_, _>>()?)
            }
            ValueKind::Map => {
                let keys = value.try_iter()?.checked();
                let entries = keys.map(|key| {
                    let key = key?;
                    Ok((key.to_string(), Self::from_value(&value.get_item(&key)?)?))
                });
                Self::mapping(entries.collect::<Result<_, minijinja::Error>>()?)
            }
            ValueKind::Invalid => return Err(minijinja::Error::from(minijinja::ErrorKind::InvalidOperation)),
            _ => Self::Json(Json::String(value.to_string())),
        })
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Json(json) => to_value(json),
            Self::Reference(reference) => Value::from_dyn_object(reference.clone()),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Mapping(entries) => Value::from_pairs(entries.iter().map(|(k, v)| (k.clone(), v.to_value()))),
        }
    }
}

fn number(value: &Value) -> Json {
    if value.is_integer() {
        if let Some(n) = value.as_i64() {
            return n.into();
        }
        if let Ok(n) = u64::try_from(value.clone()) {
            return n.into();
        }
    }
    f64::try_from(value.clone()).ok().and_then(serde_json::Number::from_f64).map_or(Json::Null, Json::Number)
}

/// JSON as a value of an expression.
pub(super) fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::from(n),
            (None, Some(n)) => Value::from(n),
            _ => Value::from(n.as_f64().unwrap_or_default()),
        },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => items.iter().map(to_value).collect(),
        Json::Object(map) => Value::from_pairs(map.iter().map(|(k, v)| (k.clone(), to_value(v)))),
    }
}
