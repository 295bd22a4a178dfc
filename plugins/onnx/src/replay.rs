//! CUDA graphs: a graph that runs again and again with inputs of the same shapes is recorded by the provider and played
//! back, which saves the launch of each of its kernels.
//!
//! A recording holds addresses, so what it takes and gives lies in buffers that stay where they are; values are copied in
//! and out. ONNX Runtime records the first run with a number of its own for `gpu_graph_id` and plays it back from then on;
//! the number -1 is a run without. (Source: ONNX Runtime's documentation of the CUDA execution provider, "Using CUDA Graphs".)
//! Invariant: the first runs out of a recording are held against runs of the same inputs without it; when they differ, or the
//! provider refuses, the graph goes on without recordings and says so.

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, RunOptions, Session, SessionInputValue};
use ort::value::{DynTensor, DynTensorValueType, DynValue};

use crate::value::floats;

/// Runs with the same shapes before one is recorded: text encoders have no more.
const PLAIN: usize = 2;
/// Runs out of a recording that are checked: the one that is recorded, and one that is played back with other values.
const CHECKED: usize = 2;
/// How far a value may be off, beside the largest: kernels may add up in another order.
const TOLERANCE: f32 = 1e-3;
/// Which recording a run belongs to; -1 is none.
pub(crate) const GRAPH_ID: &str = "gpu_graph_id";

type Values = Vec<(String, DynValue)>;
/// The names and shapes of what goes in.
type Shapes = Vec<(String, Vec<i64>)>;

/// What a session has recorded.
pub(crate) struct Replays {
    device: AllocationDevice<'static>,
    seen: Vec<(Shapes, usize)>,
    recordings: Vec<Recording>,
    /// Nothing is recorded any more.
    off: bool,
    /// Why not, until it is told.
    reason: Option<String>,
}

struct Recording {
    of: Shapes,
    inputs: Vec<(String, DynTensor)>,
    outputs: Vec<(String, DynTensor)>,
    binding: IoBinding,
    options: RunOptions,
    checked: usize,
}

impl Replays {
    pub(crate) fn new(device: AllocationDevice<'static>) -> Self {
        Self { device, seen: Vec::new(), recordings: Vec::new(), off: false, reason: None }
    }

    /// None, for this reason.
    pub(crate) fn refused(reason: String) -> Self {
        Self { off: true, reason: Some(reason), ..Self::new(AllocationDevice::CPU) }
    }

    fn stop(&mut self, reason: String) {
        self.recordings.clear();
        (self.off, self.reason) = (true, Some(reason));
    }

    /// What a person should know, once.
    pub(crate) fn told(&mut self) -> Option<String> {
        self.reason.take()
    }

    /// Runs a session, out of a recording where there is one. `inputs` are owned.
    pub(crate) fn run(
        &mut self,
        session: &mut Session,
        inputs: &[(&str, SessionInputValue<'_>)],
        outputs: &[String],
    ) -> ort::Result<Values> {
        if self.off {
            return plain(session, inputs, outputs);
        }
        let of = shapes(inputs);
        if let Some(recording) = self.recordings.iter_mut().find(|r| r.of == of) {
            let played = recording.play(session, inputs);
            if recording.checked >= CHECKED && played.is_ok() {
                return played;
            }
            let expected = plain(session, inputs, outputs)?;
            let wrong = match played {
                Ok(played) => difference(&expected, &played)?,
                Err(e) => Some(e.message().to_owned()),
            };
            recording.checked += 1;
            if let Some(reason) = wrong {
                self.stop(reason);
            }
            return Ok(expected);
        }
        let values = plain(session, inputs, outputs)?;
        let at = self.seen.iter().position(|(shapes, _)| *shapes == of).unwrap_or_else(|| {
            self.seen.push((of.clone(), 0));
            self.seen.len() - 1
        });
        let Some((_, runs)) = self.seen.get_mut(at) else { return Ok(values) };
        *runs += 1;
        if *runs == PLAIN {
            match Recording::new(session, &self.device, of, inputs, &values, self.recordings.len()) {
                Ok(recording) => self.recordings.push(recording),
                Err(e) => self.stop(e.message().to_owned()),
            }
        }
        Ok(values)
    }
}

impl Recording {
    /// Buffers as large as these inputs and what came of them.
    fn new(
        session: &Session,
        device: &AllocationDevice<'static>,
        of: Shapes,
        inputs: &[(&str, SessionInputValue<'_>)],
        outputs: &Values,
        number: usize,
    ) -> ort::Result<Self> {
        let memory = MemoryInfo::new(device.clone(), 0, AllocatorType::Device, MemoryType::Default)?;
        let allocator = Allocator::new(session, memory)?;
        let buffer = |value: &DynValue| -> ort::Result<DynTensor> {
            let tensor = value.view().downcast::<DynTensorValueType>()?;
            DynTensor::new(&allocator, *tensor.data_type(), tensor.shape().to_vec())
        };
        let inputs: Vec<_> =
            inputs.iter().map(|(name, value)| Ok(((*name).to_owned(), buffer(value)?))).collect::<ort::Result<_>>()?;
        let mut outputs: Vec<_> =
            outputs.iter().map(|(name, value)| Ok((name.clone(), buffer(value)?))).collect::<ort::Result<_>>()?;
        let mut binding = session.create_binding()?;
        for (name, buffer) in &inputs {
            binding.bind_input(name, buffer)?;
        }
        for (name, buffer) in &mut outputs {
            binding.bind_output(name.as_str(), buffer)?;
        }
        Ok(Self { of, inputs, outputs, binding, options: numbered(&number.to_string())?, checked: 0 })
    }

    fn play(&mut self, session: &mut Session, inputs: &[(&str, SessionInputValue<'_>)]) -> ort::Result<Values> {
        for ((_, value), (_, buffer)) in inputs.iter().zip(&mut self.inputs) {
            value.view().downcast::<DynTensorValueType>()?.copy_into(buffer)?;
        }
        drop(session.run_binding_with_options(&self.binding, &self.options)?);
        self.binding.synchronize_outputs()?;
        let copies = self
            .outputs
            .iter()
            .map(|(name, buffer)| Ok((name.clone(), buffer.to(AllocationDevice::CPU, 0)?.into_dyn())));
        copies.collect()
    }
}

/// A run without recordings.
fn plain(session: &mut Session, inputs: &[(&str, SessionInputValue<'_>)], outputs: &[String]) -> ort::Result<Values> {
    let views: Vec<(&str, SessionInputValue<'_>)> =
        inputs.iter().map(|(name, value)| (*name, value.view().into())).collect();
    let options = numbered("-1")?;
    let mut given = session.run_with_options(views, &options)?;
    Ok(outputs.iter().filter_map(|name| Some((name.clone(), given.remove(name)?))).collect())
}

fn numbered(graph: &str) -> ort::Result<RunOptions> {
    let mut options = RunOptions::new()?;
    options.set(GRAPH_ID, graph)?;
    Ok(options)
}

fn shapes(inputs: &[(&str, SessionInputValue<'_>)]) -> Shapes {
    let shape = |value: &DynValue| value.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
    inputs.iter().map(|(name, value)| ((*name).to_owned(), shape(value))).collect()
}

/// What is wrong with what came out of a recording; `None` when it is what a run without it gives.
fn difference(expected: &Values, played: &Values) -> ort::Result<Option<String>> {
    for ((name, expected), (_, played)) in expected.iter().zip(played) {
        let (expected, played) = (floats(expected)?, floats(played)?);
        let (Some(expected), Some(played)) = (expected.as_slice(), played.as_slice()) else { continue };
        if let Some(off) = off(expected, played) {
            return Ok(Some(format!("`{name}` was off by {off:.1e} beside its largest value")));
        }
    }
    Ok(None)
}

/// The largest difference beside the largest value, where it is too large.
fn off(expected: &[f32], played: &[f32]) -> Option<f32> {
    // What is no number is told where it is read.
    let largest = expected.iter().filter(|v| v.is_finite()).fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
    let pairs = expected.iter().zip(played).filter(|(a, _)| a.is_finite());
    let worst = pairs
        .map(|(a, b)| (a - b).abs() / largest)
        .fold(0.0_f32, |most, v| if v > most || v.is_nan() { v } else { most });
    (worst.is_nan() || worst > TOLERANCE || expected.len() != played.len()).then_some(worst)
}

#[cfg(test)]
mod tests {
    use super::off;

    #[test]
    fn what_a_recording_gives_is_held_against_a_run_without_it() {
        let check = |expected: &[f32], played: &[f32], right: bool| {
            assert_eq!(off(expected, played).is_none(), right, "{expected:?} {played:?}");
        };
        check(&[1.0, -2.0], &[1.0, -2.0], true);
        check(&[1.0, -2.0], &[1.001, -2.0], true);
        check(&[1.0, -2.0], &[1.01, -2.0], false);
        check(&[0.0, 0.0], &[0.0, 0.0], true);
        check(&[0.0, 0.0], &[0.0, 0.1], false);
        check(&[1.0, -2.0], &[1.0], false);
        check(&[1.0, -2.0], &[1.0, f32::NAN], false);
        check(&[1.0, f32::NAN], &[1.0, f32::NAN], true);
        check(&[], &[], true);
    }
}
