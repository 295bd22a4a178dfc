//! The ports of a graph: what a family expects, held against what a file declares.

use std::fmt;

use ort::value::TensorElementType;

use crate::declared::{Declared, Ports};
use crate::error::Error;

/// Declared ports that a message names, at most.
const SHOWN: usize = 6;

/// A port the family expects.
#[derive(Clone, Debug)]
pub struct Port {
    /// The name, or for numbered ports what stands before the number.
    pub name: String,
    /// `None` is the batch or another free dimension.
    pub shape: Vec<Option<usize>>,
    kind: Element,
    pub(crate) presence: Presence,
    any_rank: bool,
}

/// What a port may be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// `f32`, `f16` or `bf16`.
    Float,
    I64,
    /// Floats or integers: times are either.
    Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// `NAME0`, `NAME1` … as many as the graph has, of any shape.
    Numbered,
}

impl Port {
    /// A port of floats of any precision.
    #[must_use]
    pub fn float(name: &str, shape: &[Option<usize>]) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            kind: Element::Float,
            presence: Presence::Required,
            any_rank: false,
        }
    }

    /// A port of 64-bit integers.
    #[must_use]
    pub fn i64(name: &str, shape: &[Option<usize>]) -> Self {
        Self { kind: Element::I64, ..Self::float(name, shape) }
    }

    /// A port of floats or of 64-bit integers, as the exporter chose.
    #[must_use]
    pub fn number(name: &str, shape: &[Option<usize>]) -> Self {
        Self { kind: Element::Number, ..Self::float(name, shape) }
    }

    /// Float ports `NAME0`, `NAME1` … of any shape, as many as the graph has.
    #[must_use]
    pub fn numbered(name: &str) -> Self {
        Self { presence: Presence::Numbered, ..Self::float(name, &[]) }
    }

    /// The same port, which a graph need not have.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// The same port, of any number of dimensions.
    #[must_use]
    pub fn of_any_rank(mut self) -> Self {
        self.any_rank = true;
        self
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        match self.presence {
            Presence::Numbered => name.strip_prefix(&self.name).is_some_and(|n| n.parse::<u32>().is_ok()),
            _ => name == self.name,
        }
    }

    fn takes(&self, element: TensorElementType) -> bool {
        let float =
            [TensorElementType::Float32, TensorElementType::Float16, TensorElementType::Bfloat16].contains(&element);
        match self.kind {
            Element::Float => float,
            Element::I64 => element == TensorElementType::Int64,
            Element::Number => float || element == TensorElementType::Int64,
        }
    }

    fn wanted(&self) -> String {
        let kind = match self.kind {
            Element::Float => "floats",
            Element::I64 => "i64",
            Element::Number => "floats or i64",
        };
        if self.any_rank {
            return format!("{kind} of any shape");
        }
        format!("{kind} [{}]", dimensions(self.shape.iter().copied()))
    }
}

/// What is wrong with ports of a graph.
struct Fault {
    /// `input` or `output`.
    direction: &'static str,
    /// There is at least one.
    ports: Vec<String>,
    /// What they are, without the verb.
    are: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, ports, are } = self;
        match ports.as_slice() {
            [port] => write!(f, "the {direction} `{port}` is {are}"),
            ports => write!(f, "the {direction}s `{}` are {are}", ports.join("`, `")),
        }
    }
}

/// Holds what a graph declares against what is expected of it.
///
/// # Errors
/// `model-port-mismatch`, with all that is wrong.
pub(crate) fn check(model: &str, file: &str, declared: &Ports, inputs: &[Port], outputs: &[Port]) -> Result<(), Error> {
    let mut faults = check_all("input", &declared.inputs, inputs);
    faults.extend(check_all("output", &declared.outputs, outputs));
    // An input nobody feeds fails in the middle of a run; an output nobody reads does no harm.
    let extra = declared.inputs.iter().filter(|d| !inputs.iter().any(|p| p.is(&d.name)));
    let ports: Vec<_> = extra.map(|d| d.name.clone()).collect();
    if !ports.is_empty() {
        let known = inputs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
        faults.push(Fault { direction: "input", ports, are: format!("unknown to this family, which feeds {known}") });
    }
    if faults.is_empty() {
        return Ok(());
    }
    let faults = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(Error::Ports { model: model.into(), file: file.into(), faults })
}

/// Whether every expected port is declared with a type and shape that fit; else what is wrong.
fn check_all(direction: &'static str, declared: &[Declared], expected: &[Port]) -> Vec<Fault> {
    let (mut faults, mut missing) = (Vec::new(), Vec::new());
    for port in expected {
        let mut matching = declared.iter().filter(|d| port.is(&d.name)).peekable();
        if matching.peek().is_none() && port.presence == Presence::Required {
            missing.push(port.name.clone());
        }
        let unfit = |one: &Declared| {
            check_one(one, port).err().map(|are| Fault { direction, ports: vec![one.name.clone()], are })
        };
        faults.extend(matching.filter_map(unfit));
    }
    if !missing.is_empty() {
        let are = format!("missing (the graph declares {})", some(declared));
        faults.insert(0, Fault { direction, ports: missing, are });
    }
    faults
}

/// What a port is, where it is not what is expected.
fn check_one(declared: &Declared, port: &Port) -> Result<(), String> {
    let Some(tensor) = &declared.tensor else {
        return Err(format!("no tensor where model.yaml and its family ask for {}", port.wanted()));
    };
    let dimensions_fit = port.any_rank
        || port.presence == Presence::Numbered
        || tensor.shape.as_ref().is_none_or(|shape| {
            shape.len() == port.shape.len()
                && shape.iter().zip(&port.shape).all(|(have, want)| have.is_none() || want.is_none() || have == want)
        });
    if dimensions_fit && tensor.element.is_none_or(|element| port.takes(element)) {
        return Ok(());
    }
    let element = tensor.element.map_or_else(|| "of some type".into(), |element| element.to_string());
    let have = dimensions(tensor.shape.iter().flatten().copied());
    Err(format!("{element} [{have}] where model.yaml and its family ask for {}", port.wanted()))
}

/// The names of ports, the first of them where there are many: a decoder declares caches by the dozen.
fn some(declared: &[Declared]) -> String {
    let mut names: Vec<_> = declared.iter().take(SHOWN).map(|d| d.name.clone()).collect();
    if declared.len() > SHOWN {
        names.push(format!("and {} more", declared.len() - SHOWN));
    }
    names.join(", ")
}

fn dimensions(shape: impl Iterator<Item = Option<usize>>) -> String {
    shape.map(|d| d.map_or_else(|| "any".into(), |d| d.to_string())).collect::<Vec<_>>().join(", ")
}
