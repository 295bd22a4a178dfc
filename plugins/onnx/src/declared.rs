//! What an ONNX file declares, read without loading it: the ports of its graph, how wide its layers are, and which operators it has.
//!
//! Invariant: what is said here of a port is what ONNX Runtime says of it once the file is loaded, or nothing: a shape or
//! type that the file leaves open may be found out then.

use std::collections::BTreeSet;

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::external::{Content, DEPTH, Kind, Reader};

/// A port as a graph declares it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// `None` when it is something else.
    pub(crate) tensor: Option<Tensor>,
}

/// What is known of a tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) element: Option<TensorElementType>,
    /// A dimension that is `None` is free.
    pub(crate) shape: Option<Vec<Option<usize>>>,
}

/// The ports of a graph.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ports {
    pub(crate) inputs: Vec<Declared>,
    pub(crate) outputs: Vec<Declared>,
}

impl Ports {
    /// Those of a graph that is loaded.
    pub(crate) fn of(session: &Session) -> Self {
        let all = |outlets: &[Outlet]| outlets.iter().map(Declared::of).collect();
        Self { inputs: all(session.inputs()), outputs: all(session.outputs()) }
    }

    /// Those of an ONNX file.
    ///
    /// # Errors
    /// What is wrong, when the bytes are no protocol buffer.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut ports = Self::default();
        // In old files, inputs with a value of their own are weights.
        let mut weights = BTreeSet::new();
        for graph in all(bytes, 7)? {
            for weight in all(graph, 5)? {
                weights.extend(all(weight, 8)?);
            }
            for sparse in all(graph, 15)? {
                for values in all(sparse, 1)? {
                    weights.extend(all(values, 8)?);
                }
            }
            ports.inputs.extend(all(graph, 11)?.into_iter().map(Declared::read).collect::<Result<Vec<_>, _>>()?);
            ports.outputs.extend(all(graph, 12)?.into_iter().map(Declared::read).collect::<Result<Vec<_>, _>>()?);
        }
        ports.inputs.retain(|port| !weights.contains(port.name.as_bytes()));
        Ok(ports)
    }
}

impl Declared {
    fn of(outlet: &Outlet) -> Self {
        let tensor = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let shape = shape.iter().map(|d| usize::try_from(*d).ok()).collect();
                Some(Tensor { element: Some(*ty), shape: Some(shape) })
            }
            _ => None,
        };
        Self { name: outlet.name().into(), tensor }
    }

    /// A `ValueInfoProto`.
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut port = Self { name: String::new(), tensor: Some(Tensor::default()) };
        let mut reader = Reader { bytes };
        while let Some((field, content)) = reader.field()? {
            match (field, content) {
                (1, Content::Bytes(name)) => port.name = String::from_utf8_lossy(name).into_owned(),
                (2, Content::Bytes(inner)) => port.tensor = Tensor::read(inner)?,
                _ => {}
            }
        }
        Ok(port)
    }
}

impl Tensor {
    /// A `TypeProto`; `None` when it is no tensor.
    fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let mut reader = Reader { bytes };
        let mut tensor = Self::default();
        while let Some((field, content)) = reader.field()? {
            match (field, content) {
                (1, Content::Bytes(inner)) => {
                    let mut reader = Reader { bytes: inner };
                    while let Some((field, content)) = reader.field()? {
                        match (field, content) {
                            (1, Content::Number(number)) => tensor.element = element(number),
                            (2, Content::Bytes(shape)) => {
                                let dimensions = all(shape, 1)?.into_iter().map(dimension);
                                tensor.shape = Some(dimensions.collect::<Result<_, _>>()?);
                            }
                            _ => {}
                        }
                    }
                }
                // A sequence, a map, an optional, a sparse tensor or an opaque value.
                (4 | 5 | 7 | 8 | 9, _) => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(tensor))
    }
}

/// A dimension's length, unless it is free.
fn dimension(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut reader = Reader { bytes };
    let mut length = None;
    while let Some((field, content)) = reader.field()? {
        if let (1, Content::Number(number)) = (field, content) {
            // A negative one is free as well.
            length = usize::try_from(number.cast_signed()).ok();
        }
    }
    Ok(length)
}

/// The type that a number of `TensorProto.DataType` means, of those that ports of ours have or may have by mistake.
fn element(number: u64) -> Option<TensorElementType> {
    use TensorElementType as T;
    let known = [
        (1, T::Float32),
        (2, T::Uint8),
        (3, T::Int8),
        (4, T::Uint16),
        (5, T::Int16),
        (6, T::Int32),
        (7, T::Int64),
        (8, T::String),
        (9, T::Bool),
        (10, T::Float16),
        (11, T::Float64),
        (12, T::Uint32),
        (13, T::Uint64),
        (14, T::Complex64),
        (15, T::Complex128),
        (16, T::Bfloat16),
    ];
    known.iter().find(|(n, _)| *n == number).map(|(_, element)| *element)
}

/// How wide the layers of a graph are, as the shapes of its weights tell: these stand in the file wherever the values lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Widths {
    /// The widest layer between a weight and another that leads back, `[a, b]` and `[b, a]`: what a feed-forward network makes of each
    /// of its rows. A table of shifts is often wider, but nothing leads back from it, and where the time is one for all it has one row.
    pub feed_forward: usize,
    /// The longest side of any weight of two dimensions: no layer is wider.
    pub widest: usize,
}

impl Widths {
    /// Those of an ONNX file.
    ///
    /// # Errors
    /// What is wrong, when the bytes are no protocol buffer.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut shapes = BTreeSet::new();
        for graph in all(bytes, 7)? {
            for weight in all(graph, 5)? {
                if let [rows, columns] = dimensions(weight)?[..] {
                    shapes.insert((rows, columns));
                }
            }
        }
        let longest = |(rows, columns): &(usize, usize)| *rows.max(columns);
        let back = shapes.iter().filter(|(rows, columns)| shapes.contains(&(*columns, *rows)));
        Ok(Self {
            feed_forward: back.map(longest).max().unwrap_or(0),
            widest: shapes.iter().map(longest).max().unwrap_or(0),
        })
    }
}

/// The `dims` of a `TensorProto`.
pub(crate) fn dimensions(bytes: &[u8]) -> Result<Vec<usize>, String> {
    Ok(numbers(bytes, 1)?.into_iter().map(|length| usize::try_from(length).unwrap_or(usize::MAX)).collect())
}

/// The numbers of a field, each in one of its own or all in one.
pub(crate) fn numbers(bytes: &[u8], wanted: u64) -> Result<Vec<u64>, String> {
    let mut reader = Reader { bytes };
    let mut found = Vec::new();
    while let Some((field, content)) = reader.field()? {
        match content {
            Content::Number(number) if field == wanted => found.push(number),
            Content::Bytes(packed) if field == wanted => {
                let mut packed = Reader { bytes: packed };
                while !packed.bytes.is_empty() {
                    found.push(packed.varint()?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The messages of a field.
pub(crate) fn all(bytes: &[u8], wanted: u64) -> Result<Vec<&[u8]>, String> {
    let mut reader = Reader { bytes };
    let mut found = Vec::new();
    while let Some((field, content)) = reader.field()? {
        if let (true, Content::Bytes(inner)) = (field == wanted, content) {
            found.push(inner);
        }
    }
    Ok(found)
}

/// Whether an ONNX file has an operator of one of these names, wherever in it.
///
/// # Errors
/// What is wrong, when the bytes are no protocol buffer.
pub fn has_operator(bytes: &[u8], names: &[&str]) -> Result<bool, String> {
    has(Kind::Model, bytes, names, 0)
}

fn has(kind: Kind, bytes: &[u8], names: &[&str], depth: usize) -> Result<bool, String> {
    if depth > DEPTH {
        return Err("its graphs are nested too deeply".into());
    }
    let mut reader = Reader { bytes };
    while let Some((field, content)) = reader.field()? {
        let Content::Bytes(inner) = content else { continue };
        if kind == Kind::Node && field == 4 && names.iter().any(|name| name.as_bytes() == inner) {
            return Ok(true);
        }
        // Weights hold no operators.
        let child = kind.child(field).filter(|child| !matches!(child, Kind::Tensor | Kind::Sparse));
        if let Some(child) = child
            && has(child, inner, names, depth + 1)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external::tests::field;

    /// A port of a type, 0 for none, with these dimensions; 0 is free.
    fn port(name: &str, element: u8, dimensions: Option<&[u8]>) -> Vec<u8> {
        let one = |length: &u8| field(1, &if *length == 0 { field(2, b"batch") } else { vec![1 << 3, *length] });
        let shape = dimensions.map(|all| field(2, &all.iter().flat_map(one).collect::<Vec<u8>>()));
        let mut inner = if element == 0 { Vec::new() } else { vec![1 << 3, element] };
        inner.extend(shape.unwrap_or_default());
        [field(1, name.as_bytes()), field(2, &field(1, &inner))].concat()
    }

    #[test]
    fn ports_are_read_as_they_are_declared() {
        type Expected<'a> = (&'a str, Option<TensorElementType>, Option<&'a [Option<usize>]>);
        let check = |graph: &[Vec<u8>], expected: &[Expected<'_>]| {
            let ports = Ports::read(&field(7, &graph.concat())).expect("a model");
            let expected: Vec<Declared> = expected
                .iter()
                .map(|(name, element, shape)| Declared {
                    name: (*name).into(),
                    tensor: Some(Tensor { element: *element, shape: shape.map(<[_]>::to_vec) }),
                })
                .collect();
            assert_eq!(ports.inputs, expected);
        };
        let ids = field(11, &port("ids", 7, Some(&[0, 24])));
        check(std::slice::from_ref(&ids), &[("ids", Some(TensorElementType::Int64), Some(&[None, Some(24)]))]);
        // A scalar has a shape; a port that leaves it open has none.
        check(&[field(11, &port("t", 1, Some(&[])))], &[("t", Some(TensorElementType::Float32), Some(&[]))]);
        check(&[field(11, &port("t", 0, None))], &[("t", None, None)]);
        // What is a weight is no port, and an output is no input.
        let weight = field(5, &field(8, b"w"));
        check(&[weight, field(11, &port("w", 1, Some(&[2]))), field(12, &port("out", 1, None))], &[]);
        let sequence = [field(1, b"s"), field(2, &field(4, b""))].concat();
        assert_eq!(Ports::read(&field(7, &field(11, &sequence))).expect("a model").inputs[0].tensor, None);
        assert!(Ports::read(&field(7, &ids)[..9]).is_err());
    }

    #[test]
    fn widths_are_those_that_the_weights_declare() {
        // Weights without values, as those are that have them in another file; of odd ones the shape is packed.
        let weight = |(number, shape): (usize, &&[u8])| match number % 2 {
            0 => field(5, &shape.iter().flat_map(|length| [1 << 3, *length]).collect::<Vec<u8>>()),
            _ => field(5, &field(1, shape)),
        };
        let check = |shapes: &[&[u8]], feed_forward: usize, widest: usize| {
            let graph: Vec<u8> = shapes.iter().enumerate().flat_map(weight).collect();
            let found = Widths::read(&field(7, &graph)).expect("a model");
            assert_eq!(found, Widths { feed_forward, widest }, "{shapes:?}");
        };
        check(&[&[24, 24], &[24, 64], &[64, 24]], 64, 64);
        // As a layer of torch has its weights, and with a table of shifts.
        check(&[&[64, 24], &[24, 64], &[120, 24]], 64, 120);
        check(&[&[24, 24], &[24, 120]], 24, 120);
        // Kernels and biases are no layers of tokens.
        check(&[&[99, 3, 3, 3], &[99], &[]], 0, 0);
        check(&[], 0, 0);
        assert!(Widths::read(&field(7, &field(5, &field(1, &[0x80])))).is_err());
    }

    #[test]
    fn operators_are_found_at_every_depth() {
        let names = ["MultiHeadAttention"];
        let node = field(1, &field(4, b"MultiHeadAttention"));
        let check = |bytes: &[u8], found: bool| assert_eq!(has_operator(bytes, &names), Ok(found));
        check(&field(7, &node), true);
        // In a function (field 25, whose number takes two bytes), in a branch, and as a mere name.
        let function = field(7, &field(4, b"MultiHeadAttention"));
        let length = u8::try_from(function.len()).expect("short");
        check(&[&[0xca, 0x01, length], &function[..]].concat(), true);
        check(&field(7, &field(1, &field(5, &field(6, &node)))), true);
        check(&field(7, &field(1, &[field(3, b"MultiHeadAttention"), field(4, b"MatMul")].concat())), false);
        assert!(has_operator(&field(7, &node)[..9], &names).is_err());
    }
}
