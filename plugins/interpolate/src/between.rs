//! Which pictures lie between two frames of a clip, and how a network comes to them.
//!
//! Invariant: a picture that a network for middles made is kept while its two frames are the ones that are looked at, so none
//! is made twice.

use std::collections::BTreeMap;

use ndarray::Array4;
use spotloom_onnx::Error;

use crate::contract::Times;
use crate::network::Network;

/// Parts of the way that a network for middles knows: four times in the middle.
const PARTS: u64 = 16;

/// Where a frame of the new rate lies: so many frames of the clip from its start, and a part of the way to the next, below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub frame: u64,
    /// 0 where it is that frame.
    pub part: f64,
}

impl Place {
    /// The place of the frame `index` at the rate `to` in a clip of the rate `from`.
    pub(crate) fn of(index: u64, from: (u32, u32), to: (u32, u32)) -> Self {
        let above = u128::from(index) * u128::from(from.0) * u128::from(to.1);
        let below = (u128::from(from.1) * u128::from(to.0)).max(1);
        Self { frame: u64::try_from(above / below).unwrap_or(u64::MAX), part: (above % below) as f64 / below as f64 }
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
        let times = network.model.contract.times;
        let mut make = |first: &Array4<f32>, second: &Array4<f32>, part: f64| -> Result<Array4<f32>, E> {
            pause()?;
            Ok(network.between(first, second, part as f32)?)
        };
        if times == Times::Any {
            return make(&self.pictures[&0], &self.pictures[&PARTS], part);
        }
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
        fn check(index: u64, from: (u32, u32), to: (u32, u32), frame: u64, part: f64) {
            assert_eq!(Place::of(index, from, to), Place { frame, part }, "{index} at {from:?} to {to:?}");
        }
        check(0, (24, 1), (60, 1), 0, 0.0);
        check(1, (24, 1), (60, 1), 0, 0.4);
        check(4, (24, 1), (60, 1), 1, 0.6);
        check(5, (24, 1), (60, 1), 2, 0.0);
        check(7, (60, 1), (24, 1), 17, 0.5);
        check(1001, (24, 1), (24000, 1001), 1002, 0.001);
        check(u64::MAX, (240, 1), (1, 1000), u64::MAX, 0.0);
    }
}
