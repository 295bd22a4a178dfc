//! Chance in a graph made repeatable: nodes that draw random numbers get ONNX's own attribute `seed`.
//!
//! Without it ONNX Runtime seeds them by the clock, so that no two processes give the same. Only the messages on the way
//! to such a node are written anew, everything else is copied as it is.
//! Invariant: the result differs from the file in nothing but that attribute, and two nodes never get the same seed.

use crate::external::{Content, Kind, Reader};

/// Operators that draw numbers (ONNX operators, domain `ai.onnx`).
const OPERATORS: [&[u8]; 6] =
    [b"RandomNormal", b"RandomNormalLike", b"RandomUniform", b"RandomUniformLike", b"Multinomial", b"Bernoulli"];
/// `seed` is a 32-bit float: whole numbers up to here are told from each other.
const SEEDS: u32 = 1 << 24;

/// The graph with its chance tied to `seed`, and how many nodes draw numbers. A `seed` that the file has is kept.
///
/// # Errors
/// What is wrong, when the bytes are no protocol buffer.
pub fn seeded(bytes: &[u8], seed: u32) -> Result<(Vec<u8>, usize), String> {
    let mut count = 0;
    let bytes = walk(Kind::Model, bytes, seed, &mut count, 0)?;
    Ok((bytes, count))
}

fn walk(kind: Kind, bytes: &[u8], seed: u32, count: &mut usize, depth: usize) -> Result<Vec<u8>, String> {
    if depth > crate::external::DEPTH {
        return Err("its graphs are nested too deeply".into());
    }
    let mut out = Vec::with_capacity(bytes.len() + 32);
    let mut reader = Reader { bytes };
    let (mut draws, mut has_seed) = (false, false);
    loop {
        let before = reader.bytes;
        let Some((field, content)) = reader.field()? else { break };
        let child =
            kind.child(field).filter(|c| matches!(c, Kind::Graph | Kind::Node | Kind::Attribute | Kind::Function));
        match (content, child) {
            (Content::Bytes(inner), Some(child)) => {
                has_seed |= child == Kind::Attribute && names_seed(inner)?;
                put(&mut out, field, &walk(child, inner, seed, count, depth + 1)?);
            }
            (content, _) => {
                if let Content::Bytes(inner) = content {
                    draws |= kind == Kind::Node && field == 4 && OPERATORS.contains(&inner);
                }
                out.extend_from_slice(&before[..before.len() - reader.bytes.len()]);
            }
        }
    }
    if draws {
        if !has_seed {
            let own = seed.wrapping_add(u32::try_from(*count).unwrap_or_default()) % SEEDS;
            put(&mut out, 5, &attribute(own as f32));
        }
        *count += 1;
    }
    Ok(out)
}

/// Whether an attribute is called `seed`.
fn names_seed(attribute: &[u8]) -> Result<bool, String> {
    let mut reader = Reader { bytes: attribute };
    while let Some((field, content)) = reader.field()? {
        if let (1, Content::Bytes(name)) = (field, content) {
            return Ok(name == b"seed");
        }
    }
    Ok(false)
}

/// `AttributeProto {name: "seed", f, type: FLOAT}`.
fn attribute(seed: f32) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, 1, b"seed");
    bytes.push(2 << 3 | 5);
    bytes.extend_from_slice(&seed.to_le_bytes());
    varint(&mut bytes, 20 << 3);
    varint(&mut bytes, 1);
    bytes
}

fn put(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u64, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, number, content);
        bytes
    }

    fn model(nodes: &[Vec<u8>]) -> Vec<u8> {
        let graph: Vec<u8> = nodes.iter().flat_map(|n| field(1, n)).collect();
        [vec![1 << 3, 8], field(7, &graph), field(8, &field(1, b""))].concat()
    }

    #[test]
    fn only_nodes_that_draw_get_a_seed_and_each_its_own() {
        let draw = |extra: &[u8]| [field(1, b"x"), field(4, b"RandomNormalLike"), extra.to_vec()].concat();
        let add = [field(1, b"x"), field(4, b"Add")].concat();
        let inside = [field(4, b"If"), field(5, &field(6, &field(1, &draw(&[]))))].concat();
        let (found, count) =
            seeded(&model(&[draw(&[]), add.clone(), draw(&field(5, &attribute(9.0))), inside]), 7).expect("a model");
        let inside = [field(4, b"If"), field(5, &field(6, &field(1, &draw(&field(5, &attribute(9.0))))))].concat();
        let expected = [draw(&field(5, &attribute(7.0))), add, draw(&field(5, &attribute(9.0))), inside];
        assert_eq!((found, count), (model(&expected), 3));
    }

    #[test]
    fn a_graph_without_chance_stays_as_it_is() {
        let plain = model(&[[field(1, b"x"), field(4, b"Add")].concat()]);
        assert_eq!(seeded(&plain, 7), Ok((plain.clone(), 0)));
        assert!(seeded(&plain[..plain.len() - 1], 7).is_err(), "cut short");
    }
}
