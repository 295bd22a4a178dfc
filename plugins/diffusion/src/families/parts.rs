//! Components that are loaded when they are needed: dropped after their part unless everything fits well into memory,
//! and looked at for values that are not numbers.
//!
//! A contract may have a component more than once: `ROLE-int8`, which a shot may ask for, `ROLE`, and `ROLE-f32`. A value
//! that is not a number brings in the next of them for the rest of the shot, and a warning says so. Every shot starts
//! with the first again: the same seed gives the same clip, whatever was made before it.

use ndarray::ArrayD;
use spotloom_onnx::{
    Engine, Error as ModelError, Graph, Inspected, Kept, Port, Provider, Results, Sums, Tensor, Wanted, memory,
};

use super::embeddings;
use crate::contract::Model;
use crate::error::Error;
use crate::family::{Levers, Shot, Weights};
use crate::schedulers::Skipped;

/// Bytes of a value as it is computed.
const VALUE: u64 = 4;
/// Tensors of a layer's size that are alive at once: what goes in, what comes out, and one on the way.
const ALIVE: u64 = 3;
/// Bytes that [`Loader::require`] reckons with for each value of a component's largest tensor.
pub const WORK: u64 = VALUE * ALIVE;

/// What loads the components of a model.
pub struct Loader {
    pub model: Model,
    pub engine: Engine,
    /// What computes: of `provider: auto` what it turned out to be, which decides how wide values are and whose memory they take.
    provider: Provider,
    /// Whether components stay loaded.
    warm: bool,
    /// Of the shot under way.
    levers: Levers,
    /// What a person should know about the shot under way.
    pub warnings: Vec<String>,
    /// What step caching left out of it.
    pub skipped: Option<Skipped>,
    /// The components whose files were in order.
    inspected: Inspected,
    /// Why files of the folder can't be used, until [`Self::complete`] tells.
    refused: Option<ModelError>,
}

impl Loader {
    /// Sees that every component is there and that the largest fits into memory; nothing is loaded yet. Files that can't be used are for
    /// [`Self::complete`] to tell, once the parts are known.
    ///
    /// # Errors
    /// `not-enough-memory`.
    pub fn new(model: &Model, engine: &Engine, roles: &[&str]) -> Result<Self, Error> {
        let mut loader = Self {
            model: model.clone(),
            engine: *engine,
            provider: engine.gets(),
            warm: false,
            levers: Levers::default(),
            warnings: Vec::new(),
            skipped: None,
            inspected: Inspected::default(),
            refused: None,
        };
        let sizes: Vec<u64> = match roles.iter().map(|role| loader.weights(role)).collect() {
            Ok(sizes) => sizes,
            Err(refused) => {
                loader.refused = Some(refused);
                return Ok(loader);
            }
        };
        let (largest, all) = (sizes.iter().max().copied().unwrap_or(0), sizes.iter().sum::<u64>());
        let available = memory::available_to(loader.provider);
        memory::require(&model.contract.name, largest, available.as_ref())?;
        loader.warm = available.is_none_or(|a| all <= a.bytes / 2);
        Ok(loader)
    }

    /// What was read of a file; what stands in for one that can't be used is never asked, since [`Self::complete`] refuses the folder.
    pub fn hold<T>(&mut self, read: Result<T, ModelError>, instead: impl FnOnce() -> T) -> T {
        read.unwrap_or_else(|refused| {
            self.refused = Some(match self.refused.take() {
                Some(first) => first.and(Some(refused)),
                None => refused,
            });
            instead()
        })
    }

    /// Refuses a folder with a file that can't be used, and tells what else is wrong with the files of its parts: who mends one should not
    /// come upon the next only then.
    ///
    /// # Errors
    /// `model-file-missing`, `model-hash-mismatch`, `model-port-mismatch` and their kin.
    pub fn complete(&mut self, parts: &[&mut Part]) -> Result<(), Error> {
        let Some(refused) = self.refused.take() else { return Ok(()) };
        Err(refused.and(self.examine(parts).err()).into())
    }

    /// Takes a shot's levers, and forgets what was to be said of the one before.
    ///
    /// # Errors
    /// `model-unable` when weights are asked for that the folder hasn't.
    pub fn begin(&mut self, shot: &Shot) -> Result<(), Error> {
        self.levers = shot.levers;
        self.warnings.clear();
        self.skipped = None;
        if self.levers.weights == Weights::Int8 && !self.model.contract.components.keys().any(|r| r.ends_with(INT8)) {
            let reason = "weights of int8; its folder has no `transformer-int8` (the exporter's `quantise` makes one)";
            return Err(self.unable(reason));
        }
        Ok(())
    }

    /// The rows of a prompt that was encoded before, and where to keep those of one that was not.
    #[must_use]
    pub fn remembered(&self, prompt: &str) -> Option<embeddings::Key> {
        self.levers.embedding_cache.then(|| embeddings::key(&self.model, &self.engine, self.levers.weights, prompt))
    }

    /// Sees that each component has memory for its weights and for the largest tensor it makes, given in values. What is
    /// loaded already counts no more, and a file that can't be used counts for nothing: [`Self::inspect`] tells of it, with all that is
    /// wrong.
    ///
    /// # Errors
    /// `not-enough-memory`.
    pub fn require(&self, needs: &[(&Part, u64)]) -> Result<(), Error> {
        let mut all = 0;
        let (mut largest, mut most) = (0, 0);
        for (part, values) in needs {
            let role = part.role(self, 0).unwrap_or_else(|| part.role.to_owned());
            let weights = if part.loaded.as_ref() == Some(&role) { 0 } else { self.weights(&role).unwrap_or(0) };
            let work = values.saturating_mul(WORK);
            all += weights;
            most = most.max(work);
            largest = largest.max(weights.saturating_add(work));
        }
        let needed = if self.warm { all.saturating_add(most) } else { largest };
        Ok(memory::require(&self.name(), needed, memory::available_to(self.provider).as_ref())?)
    }

    /// Holds every file that the shot under way takes against the contract and the family, before the first of them is
    /// loaded: what is broken at the end of a shot is told at its beginning.
    ///
    /// # Errors
    /// `model-file-missing`, `model-hash-mismatch`, `model-port-mismatch` and their kin.
    pub fn inspect(&mut self, parts: &[&mut Part]) -> Result<(), Error> {
        Ok(self.examine(parts)?)
    }

    fn examine(&mut self, parts: &[&mut Part]) -> Result<(), ModelError> {
        let wanted = parts.iter().filter_map(|part| part.wanted(self)).collect::<Vec<_>>();
        self.inspected.inspect(&self.model, &wanted, self.engine.threads)
    }

    /// Bytes that a component's weights take in memory.
    fn weights(&self, role: &str) -> Result<u64, ModelError> {
        self.model.bytes_in_memory(role, self.provider)
    }

    /// Values of the transformer's largest tensor in a call: of its widest layer, as the weights of its graph declare it, or of its
    /// attention scores where the graph writes them out.
    ///
    /// # Errors
    /// `tensor-too-large`.
    pub fn transforming(&mut self, part: &Part, call: &Call) -> Result<u64, Error> {
        let role = part.role(self, 0).unwrap_or_else(|| part.role.to_owned());
        let widths = self.inspected.widths(&self.model, &role);
        let width = if call.timed { widths.widest } else { widths.feed_forward };
        let heads = self.model.contract.attention_heads.unwrap_or(0);
        let Call { batch, tokens, .. } = *call;
        // Of a batch of two each half alone takes half.
        let apart = || (batch > 1).then(|| "`guidance-calls: apart` takes half of it at once".into());
        let check = |what, shape: &[usize]| memory::check_elements(what, shape).map_err(|e| e.instead(apart()));
        let attention = check("the transformer's attention", &[batch, heads, tokens, tokens])?;
        let largest = attention.max(check("the transformer's widest layer", &[batch, tokens, width])?);
        // Reckoned with as values of 32 bits, and a card computes with the 16 that are stored.
        let half = self.provider != Provider::Cpu && self.model.is_half(&role)?;
        Ok(if half { largest.div_ceil(2) } else { largest })
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

/// What the transformer is asked for at once.
pub struct Call {
    /// Prompts: two where guidance is asked for in one call.
    pub batch: usize,
    /// Of each prompt.
    pub tokens: usize,
    /// Whether each token has a time of its own, so that there is a row of shifts for each, the widest that there is.
    pub timed: bool,
}

/// A component, loaded or not.
pub struct Part {
    role: &'static str,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    graph: Option<Graph>,
    /// The role of the file that the graph is of.
    loaded: Option<String>,
    /// Files that gave what is not a number.
    failed: usize,
}

/// What the role of quantised weights ends with.
const INT8: &str = "-int8";
/// What the role of weights in full precision ends with.
const F32: &str = "-f32";

impl Part {
    #[must_use]
    pub fn new(role: &'static str, inputs: Vec<Port>, outputs: Vec<Port>) -> Self {
        Self { role, inputs, outputs, graph: None, loaded: None, failed: 0 }
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
        self.until_finite(loader, inputs, place, &mut |graph| {
            let results = graph.run(inputs)?;
            let values = results.array(output)?;
            Ok(values.iter().all(|v| v.is_finite()).then_some((values, results)))
        })
    }

    /// The same, with the output left where the provider computes.
    ///
    /// # Errors
    /// `inference-failed`, `non-finite` and what loading may say.
    pub fn run_there(
        &mut self,
        loader: &mut Loader,
        inputs: &[(&str, Tensor<'_>)],
        output: &str,
        sums: &mut Sums,
        place: &dyn Fn() -> String,
    ) -> Result<Kept, Error> {
        self.until_finite(loader, inputs, place, &mut |graph| {
            let kept = graph.run_there(inputs, output, sums)?;
            Ok(sums.is_finite(&kept)?.then_some(kept))
        })
    }

    /// Runs the first of the component's files, and the next where what came out is not all numbers: `None`.
    fn until_finite<T>(
        &mut self,
        loader: &mut Loader,
        inputs: &[(&str, Tensor<'_>)],
        place: &dyn Fn() -> String,
        run: &mut dyn FnMut(&mut Graph) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let mut taken = None;
        loop {
            let graph = self.get(loader)?;
            let takes: Vec<&str> = inputs.iter().map(|(name, _)| *name).filter(|name| graph.takes(name)).collect();
            // What was laid out for one file must not be read otherwise by the next.
            if *taken.get_or_insert_with(|| takes.clone()) != takes {
                let reason = format!(
                    "to go on with another file for `{}` after a value that was not a number: its ports differ; export the model again",
                    self.role
                );
                return Err(loader.unable(reason));
            }
            let result = run(graph)?;
            let told = graph.told();
            loader.warnings.extend(told);
            if let Some(result) = result {
                return Ok(result);
            }
            let place = place();
            let (from, to) = (self.role(loader, self.failed), self.role(loader, self.failed + 1));
            let (Some(from), Some(to)) = (from, to) else {
                return Err(ModelError::NonFinite { model: loader.name(), place }.into());
            };
            self.failed += 1;
            let name = loader.name();
            loader.warnings.push(format!(
                "the component `{from}` of {name} gave a value that is not a number in {place}; `{to}` made the rest of the shot, which takes longer",
            ));
        }
    }

    /// The role of the file that is used after so many that failed.
    fn role(&self, loader: &Loader, failed: usize) -> Option<String> {
        let int8 = (loader.levers.weights == Weights::Int8).then(|| format!("{}{INT8}", self.role));
        let others = [self.role.to_owned(), format!("{}{F32}", self.role)];
        // That the component itself is missing is told when it is opened.
        let there = |role: &String| role == self.role || loader.model.has(role);
        int8.into_iter().chain(others).filter(there).nth(failed)
    }

    /// The file that will be loaded, unless it is or the contract has none. What stands in for it where values are no numbers is
    /// not looked at before: hardly a shot needs it, and it is the largest of all.
    fn wanted<'a>(&'a self, loader: &Loader) -> Option<Wanted<'a>> {
        let role = self.role(loader, self.failed)?;
        let file = loader.model.has(&role) && self.loaded.as_ref() != Some(&role);
        file.then(|| Wanted { role, inputs: &self.inputs, outputs: &self.outputs })
    }

    /// Loads the component, unless it is.
    ///
    /// # Errors
    /// What loading may say.
    pub fn get(&mut self, loader: &Loader) -> Result<&mut Graph, Error> {
        let role = self.role(loader, self.failed).unwrap_or_else(|| self.role.to_owned());
        let graph = match self.graph.take().filter(|_| self.loaded.as_ref() == Some(&role)) {
            Some(graph) => graph,
            None => {
                self.loaded = None;
                Graph::open(&loader.engine, &loader.model, &role, &self.inputs, &self.outputs)?
            }
        };
        self.loaded = Some(role);
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
            (self.graph, self.loaded) = (None, None);
        }
    }

    /// Whether what it gave so far is of the file that a shot begins with, not of one that stood in for it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.failed == 0
    }

    /// Goes back to the first file, for a new shot.
    pub fn reset(&mut self) {
        self.failed = 0;
    }
}
