//! Reads the 32-bit floats of a `.safetensors` file: a JSON header, then the values.

use std::path::Path;

use ndarray::ArrayD;
use serde_json::Value;

pub struct SafeTensors {
    header: Value,
    data: Vec<u8>,
}

impl SafeTensors {
    pub fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the file");
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
        let header = serde_json::from_slice(&bytes[8..8 + length]).expect("a header in JSON");
        Self { header, data: bytes[8 + length..].to_vec() }
    }

    pub fn f32(&self, name: &str) -> ArrayD<f32> {
        let entry = &self.header[name];
        assert_eq!(entry["dtype"], "F32", "{name}");
        let numbers = |key: &str| -> Vec<usize> {
            entry[key].as_array().expect("a list").iter().map(|n| n.as_u64().expect("a number") as usize).collect()
        };
        let at = numbers("data_offsets");
        let bytes = self.data[at[0]..at[1]].chunks_exact(4);
        let values = bytes.map(|b| f32::from_le_bytes(b.try_into().expect("four"))).collect();
        ArrayD::from_shape_vec(numbers("shape"), values).expect("values fill the shape")
    }
}
