//! From arrays to the values of a graph's ports and back: half precision is converted here.

use half::{bf16, f16};
use ndarray::{ArrayD, ArrayViewD};
use ort::session::SessionInputValue;
use ort::value::{DynValue, TensorElementType, TensorRef, Value};

use crate::binding;
use crate::graph::Tensor;

/// A value of any float as 32 bits.
pub(crate) fn floats(value: &DynValue) -> ort::Result<ArrayD<f32>> {
    if let Some(here) = binding::fetched(value)? {
        return floats(&here);
    }
    match value.dtype().tensor_type() {
        Some(TensorElementType::Float16) => value.try_extract_array::<f16>().map(|v| v.mapv(f16::to_f32)),
        Some(TensorElementType::Bfloat16) => value.try_extract_array::<bf16>().map(|v| v.mapv(bf16::to_f32)),
        _ => value.try_extract_array::<f32>().map(|v| v.to_owned()),
    }
}

/// A value in the element type of its port; a copy where it has to be `own`: ort 2.0.0-rc.15 waits for itself for ever when
/// what is borrowed is bound (`IoBinding::bind_input` clones it, and the clone binds it again).
pub(crate) fn feed<'a>(
    tensor: &'a Tensor<'_>,
    element: TensorElementType,
    own: bool,
) -> ort::Result<SessionInputValue<'a>> {
    Ok(match (tensor, element) {
        (Tensor::Kept(kept), _) if kept.0.dtype().tensor_type() == Some(element) => (&kept.0).into(),
        // From a graph of another precision.
        (Tensor::Kept(kept), _) => owned(floats(&kept.0)?.view(), element)?.into(),
        (Tensor::F32(view), _) if own => owned(view.view(), element)?.into(),
        (Tensor::F32(view), _) => feed_floats(view.view(), element)?,
        (Tensor::I64(view), TensorElementType::Int64) if !own && view.is_standard_layout() => {
            TensorRef::from_array_view(view.view())?.into()
        }
        (Tensor::I64(view), TensorElementType::Int64) => {
            Value::from_array(view.as_standard_layout().into_owned())?.into()
        }
        (Tensor::I64(view), _) => owned(view.mapv(|v| v as f32).view(), element)?.into(),
    })
}

/// Floats in the element type of a port; without a copy where they lie as they are needed.
fn feed_floats(view: ArrayViewD<'_, f32>, element: TensorElementType) -> ort::Result<SessionInputValue<'_>> {
    if element == TensorElementType::Float32 && view.is_standard_layout() {
        return Ok(TensorRef::from_array_view(view)?.into());
    }
    Ok(owned(view, element)?.into())
}

/// A copy of floats in the element type of a port.
pub(crate) fn owned(view: ArrayViewD<'_, f32>, element: TensorElementType) -> ort::Result<DynValue> {
    Ok(match element {
        TensorElementType::Float16 => Value::from_array(view.mapv(f16::from_f32))?.into_dyn(),
        TensorElementType::Bfloat16 => Value::from_array(view.mapv(bf16::from_f32))?.into_dyn(),
        TensorElementType::Int64 => Value::from_array(view.mapv(|v| v as i64))?.into_dyn(),
        _ => Value::from_array(view.as_standard_layout().into_owned())?.into_dyn(),
    })
}
