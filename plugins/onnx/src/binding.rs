//! IO binding: outputs that the next run takes, such as a decoder's caches, stay in the memory of the device that computes.
//!
//! What is read here comes back to the processor, as it does without binding.
//! Invariant: each run has a binding of its own, since ONNX Runtime writes over the outputs of one that has run before.

use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{DynTensorValueType, DynValue};

/// Runs a session and gives its `outputs`: those that `stay` lie on `device`, the others here. With the run's
/// own `options`, if it has some.
pub(crate) fn run(
    session: &mut Session,
    inputs: &[(&str, SessionInputValue<'_>)],
    outputs: &[String],
    stay: &[String],
    device: &AllocationDevice<'static>,
    options: Option<&RunOptions>,
) -> ort::Result<Vec<(String, DynValue)>> {
    let memory = |device| MemoryInfo::new(device, 0, AllocatorType::Device, MemoryType::Default);
    let (there, here) = (memory(device.clone())?, memory(AllocationDevice::CPU)?);
    let mut binding = session.create_binding()?;
    for (name, value) in inputs {
        binding.bind_input(*name, value)?;
    }
    for name in outputs {
        binding.bind_output_to_device(name, if stay.contains(name) { &there } else { &here })?;
    }
    // Copies to and from a device may still be under way.
    binding.synchronize_inputs()?;
    let mut given = match options {
        Some(options) => session.run_binding_with_options(&binding, options)?,
        None => session.run_binding(&binding)?,
    };
    let values = outputs.iter().filter_map(|name| Some((name.clone(), given.remove(name)?))).collect();
    drop(given);
    binding.synchronize_outputs()?;
    Ok(values)
}

/// A copy that can be read here, of a value that lies on a device; `None` of one that can be read as it is.
pub(crate) fn fetched(value: &DynValue) -> ort::Result<Option<DynValue>> {
    let tensor = value.view().downcast::<DynTensorValueType>()?;
    if tensor.memory_info().is_cpu_accessible() {
        return Ok(None);
    }
    Ok(Some(tensor.to(AllocationDevice::CPU, 0)?.into_dyn()))
}
