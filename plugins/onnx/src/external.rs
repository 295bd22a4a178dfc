//! Which other files an ONNX file would have opened: the `external_data` of its tensors, wherever they stand.
//!
//! ONNX is a protocol buffer; only the few fields on the way to a tensor are followed here, everything else is skipped
//! by its length. Invariant: a location that ONNX Runtime would open is in the result, or the file is refused.

use std::collections::BTreeSet;

/// Nesting deeper than this is no honest model.
pub(crate) const DEPTH: usize = 64;

/// Message kinds on the way, and where their sub-messages are. Numbers are those of onnx.proto.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Training,
    Sparse,
    Tensor,
    Entry,
}

impl Kind {
    /// What the length-delimited field of this number holds, when it is followed.
    pub(crate) fn child(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => Some(Self::Graph),
            (Self::Model, 20) => Some(Self::Training),
            (Self::Model, 25) => Some(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Some(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::Sparse, 1 | 2) => Some(Self::Tensor),
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Some(Self::Sparse),
            (Self::Node, 5) | (Self::Function, 11) => Some(Self::Attribute),
            (Self::Tensor, 13) => Some(Self::Entry),
            _ => None,
        }
    }
}

/// The locations of external data in an ONNX file, as they are written.
///
/// # Errors
/// What is wrong, when the bytes are no protocol buffer or the graph holds a node that opens files by itself.
pub fn locations(bytes: &[u8]) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    walk(Kind::Model, bytes, &mut found, 0)?;
    Ok(found)
}

fn walk(kind: Kind, bytes: &[u8], found: &mut BTreeSet<String>, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err("its graphs are nested too deeply".into());
    }
    let mut reader = Reader { bytes };
    let (mut key, mut value) = (&[][..], &[][..]);
    let (mut external, mut located) = (false, false);
    while let Some((field, content)) = reader.field()? {
        match content {
            Content::Bytes(inner) => {
                match (kind, field) {
                    (Kind::Entry, 1) => key = inner,
                    (Kind::Entry, 2) => value = inner,
                    (Kind::Node, 4) if inner == b"EPContext" => {
                        return Err("it holds a compiled graph (EPContext), which opens files by itself".into());
                    }
                    _ => {}
                }
                if let Some(child) = kind.child(field) {
                    located |= child == Kind::Entry;
                    walk(child, inner, found, depth + 1)?;
                }
            }
            Content::Number(number) => external |= kind == Kind::Tensor && field == 14 && number == 1,
        }
    }
    if external && !located {
        return Err("a tensor has its data elsewhere and does not say where".into());
    }
    if kind == Kind::Entry && key == b"location" {
        let location = std::str::from_utf8(value).map_err(|_| "the name of a data file is not UTF-8".to_owned())?;
        found.insert(location.to_owned());
    }
    Ok(())
}

/// What a field holds.
pub(crate) enum Content<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

/// Reads fields one after the other.
pub(crate) struct Reader<'a> {
    pub(crate) bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn field(&mut self) -> Result<Option<(u64, Content<'a>)>, String> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Number(self.varint()?),
            1 => Content::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Content::Bytes(self.take(usize::try_from(length).map_err(|_| short())?)?)
            }
            5 => Content::Bytes(self.take(4)?),
            other => return Err(format!("it is no protocol buffer (wire type {other})")),
        };
        Ok(Some((tag >> 3, content)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.bytes.split_first().ok_or_else(short)?;
            self.bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("it is no protocol buffer (a number without an end)".into())
    }
}

fn short() -> String {
    "it is cut short, or no protocol buffer".into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A length-delimited field.
    pub(crate) fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).expect("short")];
        bytes.extend_from_slice(content);
        bytes
    }

    fn tensor(location: &str) -> Vec<u8> {
        let entry = [field(1, b"location"), field(2, location.as_bytes())].concat();
        [field(8, b"w"), field(13, &entry), vec![14 << 3, 1]].concat()
    }

    #[test]
    fn locations_are_found_at_every_depth() {
        let initializer = field(7, &field(5, &tensor("a.data")));
        let constant = field(7, &field(1, &field(5, &field(5, &tensor("../b.data")))));
        let branch = field(7, &field(1, &field(5, &field(6, &field(5, &tensor("/c"))))));
        let all = [initializer, constant, branch].concat();
        assert_eq!(locations(&all).expect("a model"), BTreeSet::from(["a.data", "../b.data", "/c"].map(String::from)));
    }

    #[test]
    fn what_can_not_be_followed_is_refused() {
        let check = |bytes: &[u8], part: &str| {
            let reason = locations(bytes).expect_err("refused");
            assert!(reason.contains(part), "{reason}");
        };
        let whole = field(7, &field(5, &tensor("a.data")));
        for cut in 1..whole.len() {
            assert!(locations(&whole[..cut]).is_err(), "cut after {cut} of {}", whole.len());
        }
        check(&field(7, &field(5, &[14 << 3, 1])), "does not say where");
        check(&field(7, &field(1, &field(4, b"EPContext"))), "EPContext");
        check(&[7], "wire type 7");
        check(&[0x80; 11], "without an end");
    }
}
