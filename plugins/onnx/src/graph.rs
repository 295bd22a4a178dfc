//! One ONNX graph: loaded from hashed bytes, its ports held against what the family expects, run with plain arrays.
//!
//! Callers see `f32` and `i64`; a port of half precision is converted at this border. Only the inputs that a graph
//! declares are fed, because exporters prune those that nothing reads.
//! Invariant: a [`Graph`] that exists takes and gives the ports it was opened with.

use ndarray::{ArrayD, ArrayViewD};
use ort::ep;
use ort::memory::AllocationDevice;
use ort::session::builder::{BuilderResult, SessionBuilder};
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{DynValue, Outlet, TensorElementType, ValueType};
use std::fs;

use crate::binding;
use crate::declared::Ports;
use crate::error::Error;
use crate::folder::{Described, GraphFile, Model};
use crate::hashes::Stamp;
use crate::placement::Profiled;
use crate::port::{self, Port, Presence};
use crate::provider::Provider;
use crate::replay::Replays;
use crate::runtime::Engine;
use crate::sums::Sums;
use crate::value::{feed, floats};

/// What ONNX Runtime says where a provider, and the processor behind it, has no kernel for an operator of some type.
const NO_KERNEL: &str = "Could not find an implementation for";

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
    /// The first run's, where something else than the processor was asked for.
    profiled: Option<Profiled>,
    /// What a person should know.
    notes: Vec<String>,
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
        let provider = engine.provider.to_string();
        let unreadable = |reason: String| match reason.strip_prefix(NO_KERNEL) {
            Some(node) => Error::Operators {
                model: name.into(),
                file: file.clone(),
                provider: provider.clone(),
                reason: node.split(" node ").next().unwrap_or(node).trim().into(),
            },
            None => Error::Unreadable { model: name.into(), file: file.clone(), reason },
        };
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
        let declared = Ports::of(&session);
        port::check(name, file, &declared, inputs, outputs)?;
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
        let profiled = Profiled::new(engine.provider);
        let (model, component, notes) = (name.into(), component.into(), Vec::new());
        Ok(Self { model, component, session, outputs, bound, replays, profiled, notes })
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

    /// What a person should know of the runs since the last call.
    pub fn told(&mut self) -> Vec<String> {
        if let Some(reason) = self.replays.as_mut().and_then(Replays::told) {
            let (component, model) = (&self.component, &self.model);
            self.notes.push(format!("the component `{component}` of {model} was run without CUDA graphs: {reason}"));
        }
        std::mem::take(&mut self.notes)
    }

    /// Runs the graph. Inputs that it does not declare are left out.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn run(&mut self, inputs: &[(&str, Tensor<'_>)]) -> Result<Results, Error> {
        let Self { model, component, session, outputs, bound, replays, profiled, notes } = self;
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
        let own = |mut given: SessionOutputs<'_>| -> Vec<(String, DynValue)> {
            outputs.iter().filter_map(|name| Some((name.clone(), given.remove(name)?))).collect()
        };
        let values = match (profiled.take(), bound, replays) {
            (Some(first), ..) => {
                let values = session.run_with_options(values, &first.options).map(own).map_err(failed)?;
                notes.extend(first.told(component, model));
                values
            }
            (None, Some(Bound { outputs: stay, device }), _) => {
                binding::run(session, &values, outputs, stay, device, None).map_err(failed)?
            }
            (None, None, Some(replays)) => replays.run(session, &values, outputs).map_err(failed)?,
            (None, None, None) => session.run(values).map(own).map_err(failed)?,
        };
        Ok(Results { model: model.clone(), component: component.clone(), values })
    }
}

impl Graph {
    /// Runs the graph and leaves its one `output` where the provider computes, as are those inputs that lie there.
    /// It is not recorded for playing back, which takes buffers of its own.
    ///
    /// # Errors
    /// `inference-failed`.
    pub fn run_there(&mut self, inputs: &[(&str, Tensor<'_>)], output: &str, sums: &mut Sums) -> Result<Kept, Error> {
        let failed = |e: ort::Error| Error::Inference {
            model: self.model.clone(),
            component: self.component.clone(),
            reason: e.message().into(),
        };
        let element = |name: &str| {
            let outlet = self.session.inputs().iter().find(|o| o.name() == name)?;
            Some(outlet.dtype().tensor_type().unwrap_or(TensorElementType::Float32))
        };
        let mut cast = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            cast.push(match (tensor, element(name)) {
                (Tensor::Kept(kept), Some(element)) => sums.cast(kept, element).map_err(failed)?,
                _ => None,
            });
        }
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for ((name, tensor), cast) in inputs.iter().zip(&cast) {
            let Some(element) = element(name) else { continue };
            let value = match cast {
                Some(Kept(value)) => value.into(),
                None => feed(tensor, element, true).map_err(failed)?,
            };
            values.push((*name, value));
        }
        let outputs = [output.to_owned()];
        let (session, device) = (&mut self.session, sums.device());
        let first = self.profiled.take();
        let options = first.as_ref().map(|first| &first.options);
        let mut given = binding::run(session, &values, &outputs, &outputs, device, options).map_err(failed)?;
        drop(values);
        if let Some(first) = first {
            self.notes.extend(first.told(&self.component, &self.model));
        }
        let kept = given.pop().map(|(_, value)| Kept(value));
        kept.ok_or_else(|| failed(ort::Error::new(format!("it gave no output `{output}`"))))
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
pub(crate) fn options(engine: &Engine) -> ort::Result<SessionBuilder> {
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
