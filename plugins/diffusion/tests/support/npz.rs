//! Reads the arrays of a NumPy `.npz`: a zip of `.npy` files, stored or deflated.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;
use ndarray::ArrayD;

pub struct Npz(BTreeMap<String, Vec<u8>>);

impl Npz {
    /// Unpacks the whole archive, by its central directory.
    pub fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the archive");
        let u16_at = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
        let end = bytes.len() - 22;
        assert_eq!(&bytes[end..end + 4], b"PK\x05\x06", "an archive without a comment");
        let mut at = u32_at(end + 16);
        let mut arrays = BTreeMap::new();
        for _ in 0..u16_at(end + 10) {
            let (method, packed, local) = (u16_at(at + 10), u32_at(at + 20), u32_at(at + 42));
            let (name, extra, comment) = (u16_at(at + 28), u16_at(at + 30), u16_at(at + 32));
            let title = String::from_utf8_lossy(&bytes[at + 46..at + 46 + name]).into_owned();
            let start = local + 30 + u16_at(local + 26) + u16_at(local + 28);
            let data = &bytes[start..start + packed];
            let mut content = Vec::new();
            match method {
                0 => content.extend_from_slice(data),
                8 => drop(DeflateDecoder::new(data).read_to_end(&mut content).expect("deflated data")),
                other => panic!("method {other} is not read here"),
            }
            arrays.insert(title.trim_end_matches(".npy").to_owned(), content);
            at += 46 + name + extra + comment;
        }
        Self(arrays)
    }

    /// An array of floats or bytes, as floats.
    pub fn f32(&self, name: &str) -> ArrayD<f32> {
        let (kind, shape, data) = self.array(name);
        let values = match kind.as_str() {
            "<f4" => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four"))).collect(),
            "<f2" => data.chunks_exact(2).map(|b| half(u16::from_le_bytes(b.try_into().expect("two")))).collect(),
            "|u1" => data.iter().map(|b| f32::from(*b)).collect(),
            other => panic!("{name} is {other}"),
        };
        ArrayD::from_shape_vec(shape, values).expect("values fill the shape")
    }

    /// An array of 64-bit integers.
    pub fn i64(&self, name: &str) -> ArrayD<i64> {
        let (kind, shape, data) = self.array(name);
        assert_eq!(kind, "<i8", "{name}");
        let values = data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("eight"))).collect();
        ArrayD::from_shape_vec(shape, values).expect("values fill the shape")
    }

    /// Type, shape and bytes of an array.
    fn array(&self, name: &str) -> (String, Vec<usize>, &[u8]) {
        let bytes = self.0.get(name).unwrap_or_else(|| panic!("no array {name}"));
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{name}");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..10 + length]).expect("a header in ASCII");
        assert!(header.contains("'fortran_order': False"), "{name}");
        let kind = header.split("'descr': '").nth(1).and_then(|h| h.split('\'').next()).expect("a type");
        let shape = header.split("'shape': (").nth(1).and_then(|h| h.split(')').next()).expect("a shape");
        let shape = shape.split(',').filter_map(|d| d.trim().parse().ok()).collect();
        (kind.into(), shape, &bytes[10 + length..])
    }
}

/// IEEE half to single precision.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}
