//! One ONNX graph: loaded from bytes, its ports held against what the family expects, run with plain arrays.
//!
//! Invariant: a [`Graph`] that exists takes and gives exactly the ports it was opened with.

use ndarray::{ArrayD, ArrayViewD};
use ort::session::builder::{BuilderResult, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::error::Error;
use crate::runtime::Runtime;

/// A port the family expects.
#[derive(Clone, Debug)]
pub struct Port {
    pub name: &'static str,
    pub element: TensorElementType,
    /// `None` is the batch or another free dimension.
    pub shape: Vec<Option<usize>>,
}

impl Port {
    /// A port of 32-bit floats.
    #[must_use]
    pub fn f32(name: &'static str, shape: &[Option<usize>]) -> Self {
        Self { name, element: TensorElementType::Float32, shape: shape.to_vec() }
    }

    /// A port of 64-bit integers.
    #[must_use]
    pub fn i64(name: &'static str, shape: &[Option<usize>]) -> Self {
        Self { name, element: TensorElementType::Int64, shape: shape.to_vec() }
    }
}

/// A value for an input port.
pub enum Tensor<'a> {
    F32(ArrayViewD<'a, f32>),
    I64(ArrayViewD<'a, i64>),
}

/// A loaded graph.
pub struct Graph {
    model: String,
    component: &'static str,
    session: Session,
    outputs: Vec<&'static str>,
}

/// Which graph is being opened, for messages.
pub struct GraphName<'a> {
    pub model: &'a str,
    pub component: &'static str,
    pub file: &'a str,
}

impl Graph {
    /// Loads a graph and checks its ports.
    ///
    /// # Errors
    /// `model-unreadable`, `model-port-mismatch`.
    pub fn open(
        runtime: &Runtime,
        name: &GraphName<'_>,
        bytes: &[u8],
        threads: usize,
        inputs: &[Port],
        outputs: &[Port],
    ) -> Result<Self, Error> {
        let session = options(runtime, threads).and_then(|mut b| b.commit_from_memory(bytes)).map_err(|e| {
            Error::Unreadable { model: name.model.into(), file: name.file.into(), reason: e.message().into() }
        })?;
        let wrong = |direction: &'static str, (port, reason): (String, String)| Error::Port {
            model: name.model.into(),
            file: name.file.into(),
            direction,
            port,
            reason,
        };
        check_ports(session.inputs(), inputs).map_err(|e| wrong("input", e))?;
        check_ports(session.outputs(), outputs).map_err(|e| wrong("output", e))?;
        // An input nobody feeds fails in the middle of a run; an output nobody reads does no harm.
        if let Some(extra) = session.inputs().iter().find(|o| inputs.iter().all(|p| p.name != o.name())) {
            let known = inputs.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
            return Err(wrong("input", (extra.name().into(), format!("is not one of this family's: {known}"))));
        }
        Ok(Self {
            model: name.model.into(),
            component: name.component,
            session,
            outputs: outputs.iter().map(|p| p.name).collect(),
        })
    }

    /// Runs the graph; the results come in the order of the expected outputs.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn run(&mut self, inputs: &[(&'static str, Tensor<'_>)]) -> Result<Vec<ArrayD<f32>>, Error> {
        let Self { model, component, session, outputs } = self;
        let failed = |e: ort::Error| Error::Inference {
            model: model.clone(),
            component: (*component).into(),
            reason: e.message().into(),
        };
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let value = match tensor {
                Tensor::F32(view) => TensorRef::from_array_view(view.view()).map_err(failed)?.into(),
                Tensor::I64(view) => TensorRef::from_array_view(view.view()).map_err(failed)?.into(),
            };
            values.push((*name, value));
        }
        let results = session.run(values).map_err(failed)?;
        outputs
            .iter()
            .map(|name| results[*name].try_extract_array::<f32>().map(|view| view.to_owned()).map_err(failed))
            .collect()
    }
}

/// Sequential and reproducible; threads sleep instead of spinning, because other work shares the machine.
fn options(runtime: &Runtime, threads: usize) -> ort::Result<SessionBuilder> {
    fn plain(result: BuilderResult) -> ort::Result<SessionBuilder> {
        result.map_err(|e| ort::Error::new(e.message()))
    }
    let builder = Session::builder(&runtime.environment)?;
    let builder = plain(builder.with_intra_threads(threads))?;
    let builder = plain(builder.with_inter_threads(1))?;
    let builder = plain(builder.with_parallel_execution(false))?;
    let builder = plain(builder.with_deterministic_compute(true))?;
    plain(builder.with_intra_op_spinning(false))
}

/// Whether every expected port is declared with a type and shape that fit; else the port and what is wrong with it.
fn check_ports(declared: &[Outlet], expected: &[Port]) -> Result<(), (String, String)> {
    for port in expected {
        let Some(outlet) = declared.iter().find(|o| o.name() == port.name) else {
            let there = declared.iter().map(Outlet::name).collect::<Vec<_>>().join(", ");
            return Err((port.name.into(), format!("is missing; the graph declares {there}")));
        };
        let want = format!("{} [{}]", port.element, dimensions(port.shape.iter().copied()));
        let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
            return Err((port.name.into(), format!("is no tensor; expected {want}")));
        };
        let fits = *ty == port.element
            && shape.len() == port.shape.len()
            && shape.iter().zip(&port.shape).all(|(have, want)| match want {
                Some(want) => *have < 0 || usize::try_from(*have) == Ok(*want),
                None => *have < 0,
            });
        if !fits {
            let have = dimensions(shape.iter().map(|d| usize::try_from(*d).ok()));
            return Err((port.name.into(), format!("is {ty} [{have}]; model.yaml and its family ask for {want}")));
        }
    }
    Ok(())
}

fn dimensions(shape: impl Iterator<Item = Option<usize>>) -> String {
    shape.map(|d| d.map_or_else(|| "any".into(), |d| d.to_string())).collect::<Vec<_>>().join(", ")
}
