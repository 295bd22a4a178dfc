//! The ports of a graph: what a family expects, held against what a file declares.

use ort::value::TensorElementType;

use crate::declared::{Declared, Ports};
use crate::error::Error;

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

/// Holds what a graph declares against what is expected of it.
///
/// # Errors
/// `model-port-mismatch`.
pub(crate) fn check(model: &str, file: &str, declared: &Ports, inputs: &[Port], outputs: &[Port]) -> Result<(), Error> {
    let wrong = |direction: &'static str, (port, reason): (String, String)| Error::Port {
        model: model.into(),
        file: file.into(),
        direction,
        port,
        reason,
    };
    check_all(&declared.inputs, inputs).map_err(|e| wrong("input", e))?;
    check_all(&declared.outputs, outputs).map_err(|e| wrong("output", e))?;
    // An input nobody feeds fails in the middle of a run; an output nobody reads does no harm.
    if let Some(extra) = declared.inputs.iter().find(|d| !inputs.iter().any(|p| p.is(&d.name))) {
        let known = inputs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(wrong("input", (extra.name.clone(), format!("is not one of this family's: {known}"))));
    }
    Ok(())
}

/// Whether every expected port is declared with a type and shape that fit; else the port and what is wrong with it.
fn check_all(declared: &[Declared], expected: &[Port]) -> Result<(), (String, String)> {
    for port in expected {
        let mut matching = declared.iter().filter(|d| port.is(&d.name)).peekable();
        if matching.peek().is_none() && port.presence == Presence::Required {
            let there = declared.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err((port.name.clone(), format!("is missing; the graph declares {there}")));
        }
        for one in matching {
            check_one(one, port).map_err(|reason| (one.name.clone(), reason))?;
        }
    }
    Ok(())
}

fn check_one(declared: &Declared, port: &Port) -> Result<(), String> {
    let Some(tensor) = &declared.tensor else {
        return Err(format!("is no tensor; expected {}", port.wanted()));
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
    Err(format!("is {element} [{have}]; model.yaml and its family ask for {}", port.wanted()))
}

fn dimensions(shape: impl Iterator<Item = Option<usize>>) -> String {
    shape.map(|d| d.map_or_else(|| "any".into(), |d| d.to_string())).collect::<Vec<_>>().join(", ")
}
