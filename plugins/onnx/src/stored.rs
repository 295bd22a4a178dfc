//! How a graph's weights are stored, as most of them are: a contract may say it, and need not.
//!
//! Counted are the values of the initializers, since a graph of 16 bits has small parts of 32 and one of 8 bits has all but its
//! matrix products in floats. Types stand in the file wherever the values lie.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::component::Dtype;
use crate::declared::{all, dimensions, numbers};
use crate::error::Error;
use crate::folder::{Described, Model};
use crate::hashes::Stamp;

/// Values of each type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    f32: u64,
    f16: u64,
    bf16: u64,
    int8: u64,
}

impl Stored {
    /// Those of an ONNX file.
    ///
    /// # Errors
    /// What is wrong, when the bytes are no protocol buffer.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut stored = Self::default();
        for graph in all(bytes, 7)? {
            for weight in all(graph, 5)? {
                let count = dimensions(weight)?.iter().fold(1, |count: u64, side| count.saturating_mul(*side as u64));
                let of = match numbers(weight, 2)?.last() {
                    Some(1) => &mut stored.f32,
                    Some(10) => &mut stored.f16,
                    Some(16) => &mut stored.bf16,
                    // Signed and unsigned, and of four bits.
                    Some(2 | 3 | 21 | 22) => &mut stored.int8,
                    // Shapes and indices, and what no contract has a word for.
                    _ => continue,
                };
                *of = of.saturating_add(count);
            }
        }
        Ok(stored)
    }

    /// The type of most weights; `None` of a graph that has none.
    pub(crate) fn most(&self) -> Option<Dtype> {
        let counts =
            [(self.f32, Dtype::F32), (self.f16, Dtype::F16), (self.bf16, Dtype::Bf16), (self.int8, Dtype::Int8)];
        counts.into_iter().filter(|(count, _)| *count > 0).max_by_key(|(count, _)| *count).map(|(_, dtype)| dtype)
    }

    /// Whether a contract may say this of the graph. One is quantised when any of its weights is: what is left in floats, such as
    /// kernels of convolutions, may be more.
    fn fits(&self, dtype: Dtype) -> bool {
        dtype == Dtype::Int8 && self.int8 > 0 || self.most().is_none_or(|most| most == dtype)
    }
}

/// Holds what a contract says of a component's weights against its graph.
///
/// # Errors
/// `model-contract-invalid` where it says another type; `model-unreadable`.
pub(crate) fn check<C: Described>(model: &Model<C>, role: &str, graph: &[u8]) -> Result<(), Error> {
    let entry = model.component(role)?;
    let Some(expected) = entry.dtype else { return Ok(()) };
    let stored = Stored::read(graph).map_err(|reason| model.unreadable(&entry.file, reason))?;
    match stored.most() {
        Some(found) if !stored.fits(expected) => Err(Error::Dtype {
            model: model.contract.name().into(),
            component: role.into(),
            file: entry.file.clone(),
            expected,
            found,
        }),
        _ => Ok(()),
    }
}

/// The type of most weights of a component's graph; a file that is as it was the last time is not read again. `None` also of one
/// that is not in order, which is for others to tell.
pub(crate) fn dtype<C: Described>(model: &Model<C>, role: &str) -> Option<Dtype> {
    type Known = HashMap<PathBuf, (Stamp, Option<Dtype>)>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let (path, stamp) = model.stamp(role).ok()?;
    if let Some((_, dtype)) = known().get(&path).filter(|(then, _)| *then == stamp) {
        return *dtype;
    }
    let dtype = Stored::read(&model.read(role).ok()?).ok()?.most();
    known().insert(path, (stamp, dtype));
    dtype
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external::tests::field;
    use crate::folder::tests::{Plain, model};
    use crate::provider::Provider;

    const F32: u8 = 1;
    const F16: u8 = 10;
    const INT8: u8 = 3;

    /// A graph with weights of these types and lengths.
    fn graph(weights: &[(u8, u8)]) -> Vec<u8> {
        let weight = |(element, length): &(u8, u8)| field(5, &[1 << 3, *length, 2 << 3, *element]);
        field(7, &weights.iter().flat_map(weight).collect::<Vec<u8>>())
    }

    #[test]
    fn most_values_count() {
        let check = |weights: &[(u8, u8)], expected: Option<Dtype>| {
            assert_eq!(Stored::read(&graph(weights)).expect("a graph").most(), expected, "{weights:?}");
        };
        check(&[(F16, 90), (F32, 10), (F32, 10), (F32, 10)], Some(Dtype::F16));
        check(&[(F32, 90), (F16, 10)], Some(Dtype::F32));
        check(&[(16, 1)], Some(Dtype::Bf16));
        check(&[(2, 9), (F32, 5)], Some(Dtype::Int8));
        // Whole numbers of 64 bits are shapes.
        check(&[(7, 100), (F16, 1)], Some(Dtype::F16));
        check(&[(7, 100)], None);
        check(&[], None);
        assert!(Stored::read(&field(7, &field(5, &[1 << 3]))).is_err());
    }

    #[test]
    fn a_type_that_the_graph_does_not_have_is_refused_and_one_that_is_left_out_is_read() {
        let check = |weights: &[(u8, u8)], said: Option<Dtype>, expected: Result<bool, &str>| {
            let graph = graph(weights);
            let folder = model(&[("t.onnx", &graph)], &[("transformer", "t.onnx", &[])]);
            let mut model = Model::<Plain>::open(folder.path()).expect("a model");
            model.contract.component_mut("transformer").dtype = said;
            match (model.read_graph("transformer"), expected) {
                (Ok(_), Ok(half)) => {
                    assert_eq!(model.is_half("transformer").expect("its graph"), half);
                    // The processor computes with 32 bits, and `auto` may be it.
                    let on_disk = model.bytes_on_disk("transformer").expect("its graph");
                    for (provider, narrow) in [(Provider::Cpu, false), (Provider::Auto, false), (Provider::Cuda, true)]
                    {
                        let times = if half && !narrow { 2 } else { 1 };
                        let bytes = model.bytes_in_memory("transformer", provider).expect("its graph");
                        assert_eq!(bytes, times * on_disk, "{provider}");
                    }
                }
                (Err(error), Err(expected)) => {
                    assert_eq!((error.code(), error.to_string().as_str()), ("model-contract-invalid", expected));
                }
                (found, expected) => panic!("{:?} is not {expected:?}", found.err()),
            }
        };
        let half = [(F16, 90), (F32, 10)];
        check(&half, None, Ok(true));
        check(&half, Some(Dtype::F16), Ok(true));
        check(&[(F32, 90)], None, Ok(false));
        check(&[(F32, 90)], Some(Dtype::F32), Ok(false));
        let expected =
            "the component `transformer` of plain has weights of f16 in t.onnx, not of f32 as model.yaml says";
        check(&half, Some(Dtype::F32), Err(expected));
        check(&half, Some(Dtype::Bf16), Err(&expected.replace("of f32", "of bf16")));
        // Quantised is what has any weights of 8 bits, and nothing is said of a graph without weights.
        check(&[(F32, 90), (INT8, 10)], Some(Dtype::Int8), Ok(false));
        check(&half, Some(Dtype::Int8), Err(&expected.replace("of f32", "of int8")));
        check(&[], Some(Dtype::F32), Ok(false));
    }
}
