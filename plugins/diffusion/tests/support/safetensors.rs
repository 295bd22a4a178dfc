//! Reads the 32-bit floats and the pictures of a `.safetensors` file: a JSON header, then the values.

use std::path::Path;

use ndarray::ArrayD;
use serde_json::Value;
use spotloom_diffusion::picture::Picture;

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

    /// A tensor of floats.
    pub fn f32(&self, name: &str) -> ArrayD<f32> {
        let (shape, bytes) = self.tensor(name, "F32");
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four"))).collect();
        ArrayD::from_shape_vec(shape, values).expect("values fill the shape")
    }

    /// A picture, bytes of [height, width, 3], as planes from -1 to 1.
    pub fn picture(&self, name: &str) -> Picture {
        let (shape, bytes) = self.tensor(name, "U8");
        picture([shape[0], shape[1]], bytes)
    }

    /// Pictures of a clip, bytes of [frames, height, width, 3].
    pub fn pictures(&self, name: &str) -> Vec<Picture> {
        let (shape, bytes) = self.tensor(name, "U8");
        let (height, width) = (shape[1], shape[2]);
        bytes.chunks_exact(3 * height * width).map(|bytes| picture([height, width], bytes)).collect()
    }

    fn tensor(&self, name: &str, kind: &str) -> (Vec<usize>, &[u8]) {
        let entry = &self.header[name];
        assert_eq!(entry["dtype"], kind, "{name}");
        let numbers = |key: &str| -> Vec<usize> {
            entry[key].as_array().expect("a list").iter().map(|n| n.as_u64().expect("a number") as usize).collect()
        };
        let at = numbers("data_offsets");
        (numbers("shape"), &self.data[at[0]..at[1]])
    }
}

fn picture([height, width]: [usize; 2], bytes: &[u8]) -> Picture {
    let data = (0..3).flat_map(|c| bytes.iter().skip(c).step_by(3).map(|b| f32::from(*b) / 127.5 - 1.0)).collect();
    Picture { width, height, data }
}
