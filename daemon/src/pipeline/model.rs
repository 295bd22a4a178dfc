//! A pipeline as it was written and checked: expressions are still expressions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plan::Retry;
use crate::brief::Notice;
use crate::error::Diagnostics;
use crate::yaml::{self, Node};

/// A pipeline: what is done with a brief.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub name: String,
    pub description: String,
    pub inputs: Vec<Input>,
    /// What a brief must be like for it.
    pub(super) requires: Vec<Requirement>,
    /// In an order in which every stage comes after those it needs.
    pub stages: Vec<Stage>,
    pub deliver: Option<Deliver>,
    /// What the notice of a failure carries.
    pub on_failure: Option<Deliver>,
    /// What stakeholders can be told.
    pub notify: Vec<Notice>,
    pub(super) source: Node,
}

/// A value a brief may set under `with:`.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub description: String,
    pub kind: InputKind,
    /// May hold expressions over `brief` and `brand`.
    pub(super) default: Option<Node>,
}

/// The type of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputKind {
    String,
    Integer,
    Number,
    Boolean,
    Enum(Vec<String>),
    List,
    Mapping,
}

impl InputKind {
    /// For a person.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::String => "text".into(),
            Self::Integer => "a whole number".into(),
            Self::Number => "a number".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::Enum(values) => crate::error::list(&values.iter().map(String::as_str).collect::<Vec<_>>(), "or"),
            Self::List => "a list".into(),
            Self::Mapping => "a mapping".into(),
        }
    }

    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Enum(values) => value.as_str().is_some_and(|v| values.iter().any(|known| known == v)),
            Self::List => value.is_array(),
            Self::Mapping => value.is_object(),
        }
    }
}

/// What a brief must be like, and what its author is told when it is not.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub(super) that: Node,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The field of the brief it is about.
    pub(super) at: Option<String>,
}

/// One kind of work.
#[derive(Clone, Debug)]
pub struct Stage {
    pub name: String,
    /// The plugin's id.
    pub uses: String,
    pub(super) uses_node: Node,
    /// Where the stage's name stands.
    pub(super) node: Node,
    /// Parameters and file inputs by name, not evaluated; `None` when there are none.
    pub(super) with: Option<Node>,
    /// Stages named under `needs`.
    pub(super) needs: BTreeSet<String>,
    /// Stages its expressions refer to, `needs` included.
    pub(super) depends: BTreeSet<String>,
    pub(super) when: Option<Node>,
    pub(super) for_each: Option<ForEach>,
    pub(super) retry: Option<Retry>,
    pub(super) timeout_s: Option<f64>,
    pub(super) stall_timeout_s: Option<f64>,
    pub(super) cache: Option<bool>,
    pub(super) pool: Option<String>,
    pub(super) continue_on_error: bool,
    pub(super) reseed: Option<ReseedStage>,
}

/// `retry-with-new-seed`: the stage whose files this one judges.
#[derive(Clone, Debug)]
pub(super) struct ReseedStage {
    pub(super) stage: String,
    /// Where its name stands.
    pub(super) node: Node,
    /// How many seeds are tried after the first; may hold an expression.
    pub(super) retries: Node,
}

/// What a stage is repeated over.
#[derive(Clone, Debug)]
pub(super) enum ForEach {
    /// An expression or a list.
    List(Node),
    /// Every combination; the first name changes slowest.
    Matrix(Vec<(String, Node)>),
}

/// What is handed over at the end.
#[derive(Clone, Debug)]
pub struct Deliver {
    pub(super) files: Node,
    pub(super) poster: Option<Node>,
}

impl Pipeline {
    /// Reads and checks a pipeline as far as the file alone allows.
    ///
    /// # Errors
    /// Every mistake with its place, in the order of the file.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        Self::from_node(&yaml::parse(file, bytes)?)
    }

    /// Checks a pipeline as far as the file alone allows.
    ///
    /// # Errors
    /// Every mistake with its place, in the order of the file.
    pub fn from_node(node: &Node) -> Result<Self, Diagnostics> {
        super::parse::pipeline(node)
    }

    /// Checks it against what the studio has: plugins, their parameters and ports, resources named outright. What
    /// depends on a brief is found by [`super::expand()`].
    #[must_use]
    pub fn check(&self, catalog: &dyn super::Catalog) -> Diagnostics {
        super::check::against(self, catalog)
    }

    /// The stage of that name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|s| s.name == name)
    }
}
