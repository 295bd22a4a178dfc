//! One ONNX graph: loaded from hashed bytes, its ports held against what the family expects, run with plain arrays.
//!
//! Callers see `f32` and `i64`; a port of half precision is converted at this border. Only the inputs that a graph
//! declares are fed, because exporters prune those that nothing reads.
//! Invariant: a [`Graph`] that exists takes and gives the ports it was opened with.

use ndarray::{ArrayD, ArrayViewD};
use ort::ep;
use ort::memory::AllocationDevice;
use ort::session::builder::{BuilderResult, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, TensorElementType, ValueType};
use std::fs;

use crate::binding;
use crate::error::Error;
use crate::folder::{Described, GraphFile, Model, Stamp};
use crate::provider::Provider;
use crate::replay::Replays;
use crate::runtime::Engine;
use crate::value::{feed, floats};

/// A port the family expects.
#[derive(Clone, Debug)]
pub struct Port {
    /// The name, or for numbered ports what stands before the number.
    pub name: String,
    /// `None` is the batch or another free dimension.
    pub shape: Vec<Option<usize>>,
    kind: Element,
    presence: Presence,
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
enum Presence {
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

    fn is(&self, name: &str) -> bool {
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

/// A value for an input port.
pub enum Tensor<'a> {
    F32(ArrayViewD<'a, f32>),
    I64(ArrayViewD<'a, i64>),
    /// What another run gave, handed on as it is.
    Kept(&'a Kept),
}

/// An output that stays in the runtime's own memory, or on its device, to be fed to the next run without a copy.
pub struct Kept(pub(crate) DynValue);

/// What a run gave.
pub struct Results {
    model: String,
    component: String,
    values: Vec<(String, DynValue)>,
}

/// A loaded graph.
pub struct Graph {
    model: String,
    component: String,
    session: Session,
    outputs: Vec<String>,
    bound: Option<Bound>,
    replays: Option<Replays>,
}

/// Outputs that stay on a device.
struct Bound {
    outputs: Vec<String>,
    device: AllocationDevice<'static>,
}

impl Graph {
    /// Loads a component and checks its ports.
    ///
    /// # Errors
    /// Those of [`Model::read_graph`], `model-unreadable`, `model-port-mismatch`, `provider-unusable`.
    pub fn open<C: Described>(
        engine: &Engine,
        model: &Model<C>,
        component: &str,
        inputs: &[Port],
        outputs: &[Port],
    ) -> Result<Self, Error> {
        Self::load(engine, model, component, &model.read_graph(component)?, inputs, outputs)
    }

    /// The same for a component whose file has been read.
    ///
    /// # Errors
    /// `model-unreadable`, `model-port-mismatch`, `provider-unusable`.
    pub fn load<C: Described>(
        engine: &Engine,
        model: &Model<C>,
        component: &str,
        source: &GraphFile,
        inputs: &[Port],
        outputs: &[Port],
    ) -> Result<Self, Error> {
        let name = model.contract.name();
        let file = &model.component(component)?.file;
        let unreadable = |reason: String| Error::Unreadable { model: name.into(), file: file.clone(), reason };
        let build = |graphs: bool| -> Result<Session, Error> {
            let mut builder = options(engine).map_err(|e| unreadable(e.message().into()))?;
            if engine.provider != Provider::Cpu {
                let unusable = |e: ort::Error| Error::Provider {
                    provider: engine.provider.to_string(),
                    reason: e.message().into(),
                };
                builder = engine.provider.register(builder, graphs).map_err(unusable)?;
            }
            if !source.data.is_empty() {
                let folder = source.folder.display().to_string();
                builder = builder
                    .with_config_entry("session.model_external_initializers_file_folder_path", folder)
                    .map_err(|e| unreadable(e.message().into()))?;
            }
            builder.commit_from_memory(&source.bytes).map_err(|e| unreadable(e.message().into()))
        };
        // What is fed to the next run lies somewhere else each time.
        let steady = outputs.iter().all(|port| port.presence != Presence::Numbered);
        let memory = engine.provider.memory();
        let mut replays = (engine.session.cuda_graphs && steady)
            .then(|| Replays::new(memory.clone().unwrap_or(AllocationDevice::CPU)));
        let session = match build(replays.is_some()) {
            // Recordings are refused, for one, when an operator runs on the processor.
            Err(Error::Unreadable { reason, .. }) if replays.is_some() => {
                let session = build(false)?;
                replays = Some(Replays::refused(reason));
                session
            }
            built => built?,
        };
        for (path, stamp) in &source.data {
            let now = fs::metadata(path).map(|m| Stamp::of(&m));
            if now.ok() != Some(*stamp) {
                return Err(unreadable(format!("{} was changed while it was loaded", path.display())));
            }
        }
        let wrong = |direction: &'static str, (port, reason): (String, String)| Error::Port {
            model: name.into(),
            file: file.clone(),
            direction,
            port,
            reason,
        };
        check_ports(session.inputs(), inputs).map_err(|e| wrong("input", e))?;
        check_ports(session.outputs(), outputs).map_err(|e| wrong("output", e))?;
        // An input nobody feeds fails in the middle of a run; an output nobody reads does no harm.
        if let Some(extra) = session.inputs().iter().find(|o| !inputs.iter().any(|p| p.is(o.name()))) {
            let known = inputs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(wrong("input", (extra.name().into(), format!("is not one of this family's: {known}"))));
        }
        let of = |wanted: &dyn Fn(&Port) -> bool| -> Vec<String> {
            let declared = session.outputs().iter().map(Outlet::name);
            declared.filter(|o| outputs.iter().any(|p| wanted(p) && p.is(o))).map(str::to_owned).collect()
        };
        let bound = engine.session.io_binding.unwrap_or(memory.is_some()).then(|| Bound {
            outputs: of(&|port| port.presence == Presence::Numbered),
            device: memory.unwrap_or(AllocationDevice::CPU),
        });
        let bound = bound.filter(|b| !b.outputs.is_empty());
        let outputs = of(&|_| true);
        Ok(Self { model: name.into(), component: component.into(), session, outputs, bound, replays })
    }

    /// Whether the graph has an input.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.session.inputs().iter().any(|o| o.name() == name)
    }

    /// What an input's dimensions are; `None` is free. Empty when there is no such input.
    #[must_use]
    pub fn input_shape(&self, name: &str) -> Vec<Option<usize>> {
        let outlet = self.session.inputs().iter().find(|o| o.name() == name);
        match outlet.map(Outlet::dtype) {
            Some(ValueType::Tensor { shape, .. }) => shape.iter().map(|d| usize::try_from(*d).ok()).collect(),
            _ => Vec::new(),
        }
    }

    /// What a person should know of the last run, once.
    pub fn told(&mut self) -> Option<String> {
        let reason = self.replays.as_mut()?.told()?;
        let (component, model) = (&self.component, &self.model);
        Some(format!("the component `{component}` of {model} was run without CUDA graphs: {reason}"))
    }

    /// Runs the graph. Inputs that it does not declare are left out.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn run(&mut self, inputs: &[(&str, Tensor<'_>)]) -> Result<Results, Error> {
        let Self { model, component, session, outputs, bound, replays } = self;
        let failed = |e: ort::Error| Error::Inference {
            model: model.clone(),
            component: component.clone(),
            reason: e.message().into(),
        };
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let Some(outlet) = session.inputs().iter().find(|o| o.name() == *name) else { continue };
            let element = outlet.dtype().tensor_type().unwrap_or(TensorElementType::Float32);
            values.push((*name, feed(tensor, element, bound.is_some() || replays.is_some()).map_err(failed)?));
        }
        let values = match (bound, replays) {
            (Some(Bound { outputs: stay, device }), _) => {
                binding::run(session, &values, outputs, stay, device).map_err(failed)?
            }
            (None, Some(replays)) => replays.run(session, &values, outputs).map_err(failed)?,
            (None, None) => {
                let mut given = session.run(values).map_err(failed)?;
                outputs.iter().filter_map(|name| Some((name.clone(), given.remove(name)?))).collect()
            }
        };
        Ok(Results { model: model.clone(), component: component.clone(), values })
    }
}

impl Results {
    /// An output as an array.
    ///
    /// # Errors
    /// `inference-failed` when there is none of this name.
    pub fn array(&self, name: &str) -> Result<ArrayD<f32>, Error> {
        let failed =
            |reason: String| Error::Inference { model: self.model.clone(), component: self.component.clone(), reason };
        let value = self.values.iter().find(|(n, _)| n == name);
        let (_, value) = value.ok_or_else(|| failed(format!("it gave no output `{name}`")))?;
        floats(value).map_err(|e| failed(e.message().into()))
    }

    /// Takes out the numbered outputs `NAME0`, `NAME1` … in their order, to feed them again.
    #[must_use]
    pub fn keep(&mut self, name: &str) -> Vec<Kept> {
        let number = |n: &str| n.strip_prefix(name).and_then(|rest| rest.parse::<u32>().ok());
        let values = std::mem::take(&mut self.values);
        let (kept, rest): (Vec<_>, Vec<_>) = values.into_iter().partition(|(n, _)| number(n).is_some());
        self.values = rest;
        let mut kept: Vec<_> = kept.into_iter().map(|(n, value)| (number(&n), value)).collect();
        kept.sort_by_key(|(number, _)| *number);
        kept.into_iter().map(|(_, value)| Kept(value)).collect()
    }
}

/// Sequential and reproducible; the rest is the engine's choice.
fn options(engine: &Engine) -> ort::Result<SessionBuilder> {
    fn plain(result: BuilderResult) -> ort::Result<SessionBuilder> {
        result.map_err(|e| ort::Error::new(e.message()))
    }
    let builder = Session::builder(&engine.runtime.environment)?;
    let builder = plain(builder.with_intra_threads(engine.threads))?;
    let builder = plain(builder.with_inter_threads(1))?;
    let builder = plain(builder.with_parallel_execution(false))?;
    let builder = plain(builder.with_deterministic_compute(true))?;
    let session = engine.session;
    let builder = plain(builder.with_intra_op_spinning(session.spinning.unwrap_or(false)))?;
    let builder = plain(builder.with_prepacking(session.prepacking))?;
    if session.arena || engine.provider != Provider::Cpu {
        return Ok(builder);
    }
    plain(builder.with_execution_providers([ep::CPU::default().with_arena_allocator(false).build()]))
}

/// Whether every expected port is declared with a type and shape that fit; else the port and what is wrong with it.
fn check_ports(declared: &[Outlet], expected: &[Port]) -> Result<(), (String, String)> {
    for port in expected {
        let mut matching = declared.iter().filter(|o| port.is(o.name())).peekable();
        if matching.peek().is_none() && port.presence == Presence::Required {
            let there = declared.iter().map(Outlet::name).collect::<Vec<_>>().join(", ");
            return Err((port.name.clone(), format!("is missing; the graph declares {there}")));
        }
        for outlet in matching {
            check_port(outlet, port).map_err(|reason| (outlet.name().to_owned(), reason))?;
        }
    }
    Ok(())
}

fn check_port(outlet: &Outlet, port: &Port) -> Result<(), String> {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(format!("is no tensor; expected {}", port.wanted()));
    };
    let dimensions_fit = port.any_rank
        || port.presence == Presence::Numbered
        || shape.len() == port.shape.len()
            && shape.iter().zip(&port.shape).all(|(have, want)| match want {
                Some(want) => *have < 0 || usize::try_from(*have) == Ok(*want),
                None => true,
            });
    if dimensions_fit && port.takes(*ty) {
        return Ok(());
    }
    let have = dimensions(shape.iter().map(|d| usize::try_from(*d).ok()));
    Err(format!("is {ty} [{have}]; model.yaml and its family ask for {}", port.wanted()))
}

fn dimensions(shape: impl Iterator<Item = Option<usize>>) -> String {
    shape.map(|d| d.map_or_else(|| "any".into(), |d| d.to_string())).collect::<Vec<_>>().join(", ")
}
