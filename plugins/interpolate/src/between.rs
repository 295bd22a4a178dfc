//! Which pictures lie between two frames of a clip, and how a network comes to them.
//!
//! Invariant: a picture that a network for middles made (recursive bisection) is kept while its two frames are the ones that are looked
//! at, so none is made twice; that is at most fifteen pictures, and six from 24 to 60 frames a second.

use std::collections::BTreeMap;

use ndarray::Array4;
use spotloom_onnx::Error;

use crate::contract::Times;
use crate::network::Network;

/// Parts of the way that a network for middles knows: four bisections.
pub(crate) const PARTS: u64 = 16;
/// A place that is nearer to a frame than this is that frame.
const NEAR: f64 = 1e-3;

/// Where a frame of the new rate lies: so many frames of the clip from its start, and a part of the way to the next (its time
/// step), below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub frame: u64,
    /// 0 where it is that frame.
    pub part: f64,
}

impl Place {
    /// The place of the frame `index` at the rate `to` in a clip of the rate `from`, as exactly as pictures of such `times` are made.
    pub(crate) fn of(index: u64, from: (u32, u32), to: (u32, u32), times: Times) -> Self {
        let above = u128::from(index) * u128::from(from.0) * u128::from(to.1);
        let below = (u128::from(from.1) * u128::from(to.0)).max(1);
        let (frame, part) = (u64::try_from(above / below).unwrap_or(u64::MAX), (above % below) as f64 / below as f64);
        let part = match times {
            Times::Any if part < NEAR => 0.0,
            Times::Any if part > 1.0 - NEAR => 1.0,
            Times::Any => part,
            Times::Middle => (part * PARTS as f64).round() / PARTS as f64,
        };
        if part < 1.0 { Self { frame, part } } else { Self { frame: frame.saturating_add(1), part: 0.0 } }
    }
}

/// Two frames of the clip, as pictures, and what was made between them: by sixteenths of the way.
pub(crate) struct Pair {
    pictures: BTreeMap<u64, Array4<f32>>,
}

impl Pair {
    pub(crate) fn new(first: Array4<f32>, second: Array4<f32>) -> Self {
        Self { pictures: BTreeMap::from([(0, first), (PARTS, second)]) }
    }

    /// The picture at a part of the way. `pause` is asked before each run of the network and may end the work.
    pub(crate) fn at<E: From<Error>>(
        &mut self,
        network: &mut Network,
        part: f64,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<Array4<f32>, E> {
        let times = network.contract().times;
        let mut make = |first: &Array4<f32>, second: &Array4<f32>, part: f64| -> Result<Array4<f32>, E> {
            pause()?;
            Ok(network.between(first, second, part as f32)?)
        };
        if times == Times::Any {
            return make(&self.pictures[&0], &self.pictures[&PARTS], part);
        }
        // Places of such a network are whole parts.
        let wanted = (part * PARTS as f64).round() as u64;
        let (mut low, mut high) = (0, PARTS);
        while !self.pictures.contains_key(&wanted) {
            let middle = (low + high) / 2;
            if !self.pictures.contains_key(&middle) {
                let made = make(&self.pictures[&low], &self.pictures[&high], 0.5)?;
                self.pictures.insert(middle, made);
            }
            if wanted < middle { high = middle } else { low = middle }
        }
        Ok(self.pictures[&wanted].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_at_other_rates() {
        fn check(times: Times, index: u64, (from, to): ((u32, u32), (u32, u32)), frame: u64, part: f64) {
            let found = Place::of(index, from, to, times);
            assert_eq!(found, Place { frame, part }, "{index} at {from:?} to {to:?}, {times:?}");
        }
        let (up, down) = (((24, 1), (60, 1)), ((60, 1), (24, 1)));
        check(Times::Any, 0, up, 0, 0.0);
        check(Times::Any, 1, up, 0, 0.4);
        check(Times::Any, 4, up, 1, 0.6);
        check(Times::Any, 5, up, 2, 0.0);
        check(Times::Any, 7, down, 17, 0.5);
        check(Times::Any, u64::MAX, ((240, 1), (1, 1000)), u64::MAX, 0.0);
        // What a file's averaged rate is off by is no time.
        check(Times::Any, 3, ((59_999, 1000), (60, 1)), 3, 0.0);
        check(Times::Any, 3, ((60_001, 1000), (60, 1)), 3, 0.0);
        check(Times::Middle, 1, up, 0, 0.375);
        check(Times::Middle, 2, up, 0, 0.8125);
        // Nearer to the frame than to a sixteenth.
        check(Times::Middle, 20, ((24, 1), (24_000, 1001)), 20, 0.0);
        check(Times::Middle, 980, ((24, 1), (24_000, 1001)), 981, 0.0);
    }
}
