//! Arithmetic where a provider computes: sums of tensors with factors, another precision, and whether all values are
//! numbers. With it, what a denoiser takes and gives need not come back to the processor between its steps.
//!
//! The graphs are made here, for ONNX Runtime's own operators: one for each number of terms, precision and number of
//! dimensions.
//! Invariant: what is given stays in the provider's memory; only [`Sums::is_finite`], which brings back one number, and
//! [`Sums::fetch`] do otherwise.

use ndarray::{Array1, ArrayD, ArrayViewD};
use ort::editor::{Graph, Model, Node, ONNX_DOMAIN, Opset};
use ort::memory::AllocationDevice;
use ort::operator::Attribute;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, Shape, SymbolicDimensions, TensorElementType, Value, ValueType};

use crate::binding;
use crate::error::Error;
use crate::graph::{Kept, options};
use crate::provider::Provider;
use crate::runtime::Engine;
use crate::value::{floats, owned};

/// `Cast` of bfloat16 and `ReduceSum` without axes are there from 13 on.
const OPSET: u32 = 17;
const OUT: &str = "out";

/// What a graph does; with the number of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// So many tensors `x0` … of 32 bits, times the numbers `c0` …
    Sum(usize, usize),
    /// A tensor of one precision in another.
    Cast(TensorElementType, TensorElementType, usize),
    /// The sum of the absolute values of a tensor.
    Size(usize),
    /// Two tensors of 32 bits, one behind the other along the second dimension.
    Join(usize),
}

/// Arithmetic for one model's tensors.
pub struct Sums {
    model: String,
    engine: Engine,
    device: AllocationDevice<'static>,
    sessions: Vec<(What, Session)>,
}

impl Sums {
    #[must_use]
    pub fn new(model: &str, engine: &Engine) -> Self {
        let device = engine.provider.memory().unwrap_or(AllocationDevice::CPU);
        Self { model: model.into(), engine: *engine, device, sessions: Vec::new() }
    }

    pub(crate) fn device(&self) -> &AllocationDevice<'static> {
        &self.device
    }

    /// The sum of tensors of one shape, each times its factor.
    ///
    /// # Errors
    /// `inference-failed`, also when there are no terms.
    pub fn sum(&mut self, terms: &[(f64, &Kept)]) -> Result<Kept, Error> {
        let terms: Vec<(f64, SessionInputValue<'_>)> = terms.iter().map(|(c, kept)| (*c, (&kept.0).into())).collect();
        self.added(terms).map_err(|e| self.failed(&e))
    }

    /// Two tensors one behind the other along the channels, their second dimension.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn join(&mut self, first: &Kept, second: &Kept) -> Result<Kept, Error> {
        let inputs = [("x0".to_owned(), (&first.0).into()), ("x1".to_owned(), (&second.0).into())];
        self.run(What::Join(rank(&first.0)), &inputs, true).map(Kept).map_err(|e| self.failed(&e))
    }

    /// An array, put where the provider computes.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn put(&mut self, array: ArrayViewD<'_, f32>) -> Result<Kept, Error> {
        let value = owned(array, TensorElementType::Float32);
        value.and_then(|value| self.added(vec![(1.0, value.into())])).map_err(|e| self.failed(&e))
    }

    /// A tensor as an array.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn fetch(&self, kept: &Kept) -> Result<ArrayD<f32>, Error> {
        floats(&kept.0).map_err(|e| self.failed(&e))
    }

    /// Whether all values are numbers, and finite.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn is_finite(&mut self, kept: &Kept) -> Result<bool, Error> {
        let mut size = || -> ort::Result<bool> {
            let wide = self.cast(kept, TensorElementType::Float32)?;
            let value = &wide.as_ref().unwrap_or(kept).0;
            let size = self.run(What::Size(rank(value)), &[("x0".into(), value.into())], false)?;
            Ok(floats(&size)?.iter().all(|v| v.is_finite()))
        };
        size().map_err(|e| self.failed(&e))
    }

    /// A tensor in another precision; `None` when it has it.
    pub(crate) fn cast(&mut self, kept: &Kept, to: TensorElementType) -> ort::Result<Option<Kept>> {
        match kept.0.dtype().tensor_type() {
            Some(from) if from != to => {
                let what = What::Cast(from, to, rank(&kept.0));
                self.run(what, &[("x0".into(), (&kept.0).into())], true).map(|value| Some(Kept(value)))
            }
            _ => Ok(None),
        }
    }

    /// A tensor with 32 bits.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn widened(&mut self, kept: Kept) -> Result<Kept, Error> {
        let wide = self.cast(&kept, TensorElementType::Float32).map_err(|e| self.failed(&e))?;
        Ok(wide.unwrap_or(kept))
    }

    fn added(&mut self, terms: Vec<(f64, SessionInputValue<'_>)>) -> ort::Result<Kept> {
        let shapes: Vec<_> = terms.iter().map(|(_, value)| value.dtype().tensor_shape()).collect();
        if let Some(odd) = shapes.iter().find(|shape| **shape != shapes[0]) {
            return Err(ort::Error::new(format!("shapes differ: {odd:?} and {:?}", shapes[0])));
        }
        let rank = terms.first().map_or(0, |(_, value)| rank(value));
        let what = What::Sum(terms.len(), rank);
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::with_capacity(2 * terms.len());
        for (n, (factor, value)) in terms.into_iter().enumerate() {
            let factor = Value::from_array(Array1::from_elem(1, factor as f32))?;
            inputs.push((format!("c{n}"), factor.into()));
            inputs.push((format!("x{n}"), value));
        }
        self.run(what, &inputs, true).map(Kept)
    }

    fn run(&mut self, what: What, inputs: &[(String, SessionInputValue<'_>)], stays: bool) -> ort::Result<DynValue> {
        let at = match self.sessions.iter().position(|(known, _)| *known == what) {
            Some(at) => at,
            None => {
                self.sessions.push((what, session(&self.engine, what)?));
                self.sessions.len() - 1
            }
        };
        let inputs: Vec<(&str, SessionInputValue<'_>)> =
            inputs.iter().map(|(name, value)| (name.as_str(), value.view().into())).collect();
        let outputs = [OUT.to_owned()];
        let stay = if stays { &outputs[..] } else { &[] };
        let values = binding::run(&mut self.sessions[at].1, &inputs, &outputs, stay, &self.device, None)?;
        let first = values.into_iter().next();
        first.map(|(_, value)| value).ok_or_else(|| ort::Error::new("it gave no output"))
    }

    fn failed(&self, e: &ort::Error) -> Error {
        let component = "arithmetic between the steps".into();
        Error::Inference { model: self.model.clone(), component, reason: e.message().into() }
    }
}

fn rank(value: &DynValue) -> usize {
    value.dtype().tensor_shape().map_or(0, |shape| shape.len())
}

/// A session of a graph that is made for it.
fn session(engine: &Engine, what: What) -> ort::Result<Session> {
    const FLOAT: TensorElementType = TensorElementType::Float32;
    let tensor = |name: &str, ty, dimensions: &[i64]| {
        let dimension_symbols = SymbolicDimensions::empty(dimensions.len());
        Outlet::new(name, ValueType::Tensor { ty, shape: Shape::new(dimensions.iter().copied()), dimension_symbols })
    };
    let free = |rank| vec![-1; rank];
    let node = |operator: &str, name: &str, inputs: &[String], attributes: Vec<Attribute>| {
        Node::new(operator, ONNX_DOMAIN, name, inputs, [name], attributes)
    };
    let mut graph = Graph::new()?;
    match what {
        What::Sum(terms, rank) => {
            let names = |letter: char| (0..terms).map(move |n| format!("{letter}{n}")).collect::<Vec<_>>();
            let (tensors, factors, parts) = (names('x'), names('c'), names('p'));
            let tensors_in = tensors.iter().map(|name| tensor(name, FLOAT, &free(rank)));
            graph.set_inputs(tensors_in.chain(factors.iter().map(|name| tensor(name, FLOAT, &[1]))))?;
            graph.set_outputs([tensor(OUT, FLOAT, &free(rank))])?;
            for ((x, c), part) in tensors.into_iter().zip(factors).zip(&parts) {
                graph.add_node(node("Mul", part, &[x, c], vec![])?)?;
            }
            graph.add_node(node("Sum", OUT, &parts, vec![])?)?;
        }
        What::Cast(from, to, rank) => {
            graph.set_inputs([tensor("x0", from, &free(rank))])?;
            graph.set_outputs([tensor(OUT, to, &free(rank))])?;
            graph.add_node(node("Cast", OUT, &["x0".into()], vec![Attribute::new("to", onnx_type(to)?)?])?)?;
        }
        What::Join(rank) => {
            graph.set_inputs(["x0", "x1"].map(|name| tensor(name, FLOAT, &free(rank))))?;
            graph.set_outputs([tensor(OUT, FLOAT, &free(rank))])?;
            let axis = Attribute::new("axis", 1_i64)?;
            graph.add_node(node("Concat", OUT, &["x0".into(), "x1".into()], vec![axis])?)?;
        }
        What::Size(rank) => {
            graph.set_inputs([tensor("x0", FLOAT, &free(rank))])?;
            graph.set_outputs([tensor(OUT, FLOAT, &[])])?;
            graph.add_node(node("Abs", "size", &["x0".into()], vec![])?)?;
            graph.add_node(node("ReduceSum", OUT, &["size".into()], vec![Attribute::new("keepdims", 0_i64)?])?)?;
        }
    }
    let mut model = Model::new([Opset::new(ONNX_DOMAIN, OPSET)?])?;
    model.set_graph(graph)?;
    let mut builder = options(engine)?;
    if engine.provider != Provider::Cpu {
        builder = engine.provider.register(builder, false)?;
    }
    model.into_session(&builder)
}

/// `TensorProto.DataType` of ONNX.
fn onnx_type(element: TensorElementType) -> ort::Result<i64> {
    match element {
        TensorElementType::Float32 => Ok(1),
        TensorElementType::Float16 => Ok(10),
        TensorElementType::Bfloat16 => Ok(16),
        other => Err(ort::Error::new(format!("no arithmetic with {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;

    fn check(terms: &[(f64, [f32; 3])], expected: [f32; 3]) {
        let mut sums = Sums::new("a model", &Engine::cpu(1).expect("ONNX Runtime"));
        let array = |values: [f32; 3]| ArrayD::from_shape_vec(vec![1, 3], values.to_vec()).expect("an array");
        let there: Vec<_> = terms.iter().map(|(c, v)| (*c, sums.put(array(*v).view()).expect("a tensor"))).collect();
        let sum = sums.sum(&there.iter().map(|(c, kept)| (*c, kept)).collect::<Vec<_>>()).expect("a sum");
        assert_eq!(sums.fetch(&sum).expect("an array"), array(expected), "{terms:?}");
        for element in [TensorElementType::Float16, TensorElementType::Bfloat16] {
            let half = sums.cast(&sum, element).expect("a cast").expect("another precision");
            assert_eq!(half.0.dtype().tensor_type(), Some(element));
            assert_eq!(sums.fetch(&half).expect("an array"), array(expected), "{terms:?} as {element}");
        }
        let finite = expected.iter().all(|v| v.is_finite());
        assert_eq!(sums.is_finite(&sum).expect("an answer"), finite, "{terms:?}");
    }

    #[test]
    fn terms_are_added_with_their_factors() {
        check(&[(1.0, [1.0, -2.0, 0.5])], [1.0, -2.0, 0.5]);
        check(&[(2.0, [1.0, -2.0, 0.5]), (-0.5, [4.0, 0.0, 1.0])], [0.0, -4.0, 0.5]);
        check(&[(1.0, [1.0; 3]), (2.0, [2.0; 3]), (-1.0, [1.0; 3]), (0.25, [8.0; 3]), (1.0, [0.5; 3])], [6.5; 3]);
        check(&[(1.0, [1.0, f32::INFINITY, 0.0])], [1.0, f32::INFINITY, 0.0]);
    }

    #[test]
    fn channels_are_joined() {
        let mut sums = Sums::new("a model", &Engine::cpu(1).expect("ONNX Runtime"));
        let array = |channels: usize, from: f32| {
            ArrayD::from_shape_fn(vec![1, channels, 2], |at| from + (at[1] * 2 + at[2]) as f32)
        };
        let [first, second] = [array(1, 0.0), array(2, 2.0)].map(|a| sums.put(a.view()).expect("a tensor"));
        let joined = sums.join(&first, &second).expect("a tensor");
        assert_eq!(sums.fetch(&joined).expect("an array"), array(3, 0.0));
    }

    #[test]
    fn what_is_no_number_is_seen() {
        let mut sums = Sums::new("a model", &Engine::cpu(1).expect("ONNX Runtime"));
        let array = ArrayD::from_shape_vec(vec![2], vec![0.0, f32::NAN]).expect("an array");
        let there = sums.put(array.view()).expect("a tensor");
        assert!(!sums.is_finite(&there).expect("an answer"));
        assert!(sums.sum(&[]).is_err());
        // Not spread out over the larger one.
        let other = sums.put(ArrayD::from_elem(vec![1], 1.0).view()).expect("a tensor");
        assert!(sums.sum(&[(1.0, &there), (1.0, &other)]).is_err());
    }
}
