//! Components that are loaded when they are needed: dropped after their part unless everything fits well into memory,
//! and looked at for values that are not numbers.
//!
//! Where a contract has a component twice, `ROLE` and `ROLE-f32`, a value that is not a number brings in the second for
//! the rest of the shot, and a warning says so. Every shot starts with the first again: the same seed gives the same
//! clip, whatever was made before it.

use ndarray::ArrayD;
use spotloom_onnx::{Dtype, Engine, Error as ModelError, Graph, Port, Provider, Results, Tensor, memory};

use crate::contract::Model;
use crate::error::Error;

/// Bytes of a value as it is computed.
const VALUE: u64 = 4;
/// Tensors of a layer's size that are alive at once: what goes in, what comes out, and one on the way.
const ALIVE: u64 = 3;

/// What loads the components of a model.
pub struct Loader {
    pub model: Model,
    engine: Engine,
    /// Whether components stay loaded.
    warm: bool,
    /// What a person should know about the shot under way.
    pub warnings: Vec<String>,
}

impl Loader {
    /// Sees that every component is there and that the largest fits into memory; nothing is loaded yet.
    ///
    /// # Errors
    /// `model-file-missing` and its kin, `not-enough-memory`.
    pub fn new(model: &Model, engine: &Engine, roles: &[&str]) -> Result<Self, Error> {
        let mut loader = Self { model: model.clone(), engine: *engine, warm: false, warnings: Vec::new() };
        let sizes = roles.iter().map(|role| loader.weights(role)).collect::<Result<Vec<_>, _>>()?;
        let (largest, all) = (sizes.iter().max().copied().unwrap_or(0), sizes.iter().sum::<u64>());
        let available = memory::available();
        memory::require(&model.contract.name, largest, available.as_ref())?;
        loader.warm = available.is_none_or(|a| all <= a.bytes / 2);
        Ok(loader)
    }

    /// Sees that each component has memory for its weights and for the largest tensor it makes, given in values. What is
    /// loaded already counts no more.
    ///
    /// # Errors
    /// `not-enough-memory`, `model-file-missing` and its kin.
    pub fn require(&self, needs: &[(&Part, u64)]) -> Result<(), Error> {
        let mut all = 0;
        let (mut largest, mut most) = (0, 0);
        for (part, values) in needs {
            let weights = if part.graph.is_some() { 0 } else { self.weights(part.role)? };
            let work = values.saturating_mul(VALUE * ALIVE);
            all += weights;
            most = most.max(work);
            largest = largest.max(weights.saturating_add(work));
        }
        let needed = if self.warm { all.saturating_add(most) } else { largest };
        Ok(memory::require(&self.name(), needed, memory::available().as_ref())?)
    }

    /// Bytes that a component's weights take in memory: the processor computes with 32 bits, however they are stored.
    fn weights(&self, role: &str) -> Result<u64, Error> {
        let halved = matches!(self.model.component(role)?.dtype, Some(Dtype::F16 | Dtype::Bf16));
        let factor = if halved && self.engine.provider == Provider::Cpu { 2 } else { 1 };
        Ok(self.model.bytes_on_disk(role)?.saturating_mul(factor))
    }

    /// Values of the transformer's attention scores, where its graph writes them out.
    ///
    /// # Errors
    /// `tensor-too-large`.
    pub fn attention(&self, tokens: usize) -> Result<u64, Error> {
        let heads = self.model.contract.attention_heads.unwrap_or(0);
        Ok(memory::check_elements("the transformer's attention", &[heads, tokens, tokens])?)
    }

    /// The name of the model, for sentences.
    #[must_use]
    pub fn name(&self) -> String {
        self.model.contract.name.clone()
    }

    /// `model-unable`, with a reason.
    #[must_use]
    pub fn unable(&self, reason: impl Into<String>) -> Error {
        Error::Unable { model: self.name(), reason: reason.into() }
    }
}

/// A component, loaded or not.
pub struct Part {
    role: &'static str,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    graph: Option<Graph>,
    /// Whether its second file has taken over.
    safer: bool,
}

impl Part {
    #[must_use]
    pub fn new(role: &'static str, inputs: Vec<Port>, outputs: Vec<Port>) -> Self {
        Self { role, inputs, outputs, graph: None, safer: false }
    }

    /// Runs the component, loaded now unless it is there, and gives its `output` besides what else came out. `place`
    /// says where a value was that is not a number.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn run(
        &mut self,
        loader: &mut Loader,
        inputs: &[(&str, Tensor<'_>)],
        output: &str,
        place: &dyn Fn() -> String,
    ) -> Result<(ArrayD<f32>, Results), Error> {
        loop {
            let results = self.get(loader)?.run(inputs)?;
            let values = results.array(output)?;
            if values.iter().all(|v| v.is_finite()) {
                return Ok((values, results));
            }
            if self.safer || !loader.model.has(&self.spare()) {
                return Err(ModelError::NonFinite { model: loader.name(), place: place() }.into());
            }
            self.graph = None;
            self.safer = true;
            loader.warnings.push(format!(
                "the component `{}` of {} gave a value that is not a number in {}; `{}` made the rest of the shot, which takes longer",
                self.role,
                loader.name(),
                place(),
                self.spare(),
            ));
        }
    }

    /// The role of the component's second file.
    fn spare(&self) -> String {
        format!("{}-f32", self.role)
    }

    fn get(&mut self, loader: &Loader) -> Result<&mut Graph, Error> {
        let role = if self.safer { self.spare() } else { self.role.to_owned() };
        let graph = match self.graph.take() {
            Some(graph) => graph,
            None => Graph::open(&loader.engine, &loader.model, &role, &self.inputs, &self.outputs)?,
        };
        Ok(self.graph.insert(graph))
    }

    /// Loads the component's files, which holds their ports against what the family expects, and lets go of them again.
    ///
    /// # Errors
    /// `model-port-mismatch`, `model-unreadable` and what else loading may say.
    pub fn try_out(&mut self, loader: &Loader) -> Result<(), Error> {
        if !loader.model.has(self.role) {
            return Ok(());
        }
        self.get(loader)?;
        self.rest(loader);
        Ok(())
    }

    /// Drops the graph when memory is needed for other components.
    pub fn rest(&mut self, loader: &Loader) {
        if !loader.warm {
            self.graph = None;
        }
    }

    /// Goes back to the first file, for a new shot.
    pub fn reset(&mut self) {
        if self.safer {
            (self.graph, self.safer) = (None, false);
        }
    }
}
