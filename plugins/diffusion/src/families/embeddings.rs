//! Encoded prompts of earlier shots and jobs, so that a prompt is encoded once: a text encoder is the largest part of
//! most models (11 GB for Wan), and the shots of a film share at least what they lead away from.
//!
//! They belong to the process, not to a loaded model: they stay when a warm host loads another model or drops this one,
//! and go when the host ends. An entry is found by the hash of the prompt and of everything that makes its rows: the
//! encoder's and the tokenizer's files, how prompts are padded, the provider, the threads, ONNX Runtime's version.
//!
//! Invariant: no more than [`MOST`] bytes are kept; what was used longest ago goes first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use spotloom_onnx::Engine;

use super::text::Rows;
use crate::contract::Model;
use crate::family::Weights;

/// Bytes that are kept: 15 prompts of Wan, 512 rows of 4096 values each.
const MOST: usize = 128 << 20;

static KEPT: Mutex<Kept> = Mutex::new(Kept { entries: VecDeque::new() });

/// What an entry is found by.
pub type Key = [u8; 32];

/// Entries, the one that was used last at the end.
struct Kept {
    entries: VecDeque<(Key, Rows)>,
}

/// What a prompt's rows are found by, when this engine encodes it for this model.
#[must_use]
pub fn key(model: &Model, engine: &Engine, weights: Weights, prompt: &str) -> Key {
    let contract = &model.contract;
    let mut hasher = Sha256::new();
    let mut add = |part: &str| {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    };
    for role in ["text-encoder", "text-encoder-f32", "text-encoder-int8", "tokenizer"] {
        let Some(component) = contract.components.get(role) else { continue };
        add(role);
        add(&component.sha256);
        component.data.iter().for_each(|data| add(&data.sha256));
    }
    add(&format!("{:?} {weights:?} {} {}", contract.prompt, engine.provider, engine.threads));
    add(&engine.runtime.version);
    add(prompt);
    hasher.finalize().into()
}

/// The rows of a prompt that was encoded before.
#[must_use]
pub fn find(key: &Key) -> Option<Rows> {
    kept().find(key)
}

/// Whether a prompt was encoded before.
#[must_use]
pub fn has(key: &Key) -> bool {
    kept().entries.iter().any(|(k, _)| k == key)
}

/// Keeps the rows of a prompt.
pub fn keep(key: Key, rows: &Rows) {
    kept().keep(key, rows, MOST);
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn find(&mut self, key: &Key) -> Option<Rows> {
        let at = self.entries.iter().position(|(k, _)| k == key)?;
        let entry = self.entries.remove(at)?;
        let rows = entry.1.clone();
        self.entries.push_back(entry);
        Some(rows)
    }

    fn keep(&mut self, key: Key, rows: &Rows, most: usize) {
        self.entries.retain(|(k, _)| *k != key);
        self.entries.push_back((key, rows.clone()));
        while self.entries.iter().map(|(_, rows)| size(rows)).sum::<usize>() > most {
            self.entries.pop_front();
        }
    }
}

fn size(rows: &Rows) -> usize {
    rows.values.len() * size_of::<f32>() + rows.mask.len() * size_of::<i64>()
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let rows = |value: f32| Rows { values: ArrayD::from_elem(vec![4], value), mask: ArrayD::zeros(vec![1]) };
        let mut kept = Kept { entries: VecDeque::new() };
        let most = 3 * size(&rows(0.0));
        for n in 0..3 {
            kept.keep([n; 32], &rows(f32::from(n)), most);
        }
        assert_eq!(kept.find(&[0; 32]).expect("the first").values[[0]], 0.0);
        kept.keep([3; 32], &rows(3.0), most);
        let mut there = |n: u8| kept.find(&[n; 32]).is_some();
        assert_eq!([0, 1, 2, 3].map(&mut there), [true, false, true, true]);
        // One that is larger than all there is room for is not kept.
        kept.keep([9; 32], &Rows { values: ArrayD::zeros(vec![1000]), mask: ArrayD::zeros(vec![1]) }, most);
        assert!(kept.entries.is_empty());
    }
}
