//! Where the subject of a picture or of footage is, so that a crop to another shape keeps it.
//!
//! A simple measure, without a network. On a picture of about 96 samples across every sample gets a weight: the gradient
//! of luma (what is sharp and structured), the change since the sample before (what moves), and whether it has the colour
//! of skin (Cb 77 to 127 and Cr 133 to 173, Chai and Ngan 1999), all under a mild prior for the middle. The window that
//! holds most of it is the crop. Over time the middle of the window is a running median of a second, then smoothed.
//!
//! Invariant: the crop never jumps: its middle moves by at most 12 % of the picture a second, and when it would wander
//! less than 5 % in all it does not move.

use std::path::Path;

use crate::error::Result;
use crate::filters;
use crate::frame::{Frame, Pixel};
use crate::reader::{ReadOptions, Reader};

/// Samples of footage a second.
const RATE: u32 = 5;
/// The longer side of what is looked at.
const SIDE: u32 = 96;
/// The fastest the middle may move, in pictures a second.
const FASTEST: f64 = 0.12;
/// Wandering less than this is a locked camera.
const STILL: f64 = 0.05;

/// The middle of what matters, over time, as fractions from the left and from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    middles: Vec<[f64; 2]>,
}

impl Subject {
    /// Always the same place.
    #[must_use]
    pub fn fixed(middle: [f64; 2]) -> Self {
        Self { middles: vec![middle] }
    }

    /// Looks through a part of a clip for the window of shape `width / height` that holds most of what matters.
    ///
    /// # Errors
    /// When the clip can't be read.
    pub fn find(path: &Path, part: Option<(f64, f64)>, shape: f64, threads: usize) -> Result<Self> {
        let small = format!(
            "{},scale=w={SIDE}:h={SIDE}:force_original_aspect_ratio=decrease:flags=area",
            filters::fps((RATE, 1))
        );
        let mut options = ReadOptions::new(Pixel::Yuv444p).filter(small).threads(threads);
        if let Some((from, seconds)) = part {
            options = options.part(from, seconds);
        }
        let mut before: Option<Frame> = None;
        let mut middles = Vec::new();
        for frame in Reader::open(path, options)? {
            let frame = frame?;
            middles.push(middle(&frame, before.as_ref(), shape));
            before = Some(frame);
        }
        Ok(Self { middles: steady(&middles) })
    }

    /// From the middles themselves, five a second.
    #[must_use]
    pub fn from_middles(middles: Vec<[f64; 2]>) -> Self {
        Self { middles }
    }

    /// The middles, five a second.
    #[must_use]
    pub fn middles(&self) -> &[[f64; 2]] {
        &self.middles
    }

    /// The middle at `t` seconds.
    #[must_use]
    pub fn at(&self, t: f64) -> [f64; 2] {
        let last = self.middles.len().saturating_sub(1);
        let at = (t * f64::from(RATE)).clamp(0.0, last as f64);
        let (a, part) = (at.floor() as usize, at.fract());
        let of = |i: usize| self.middles.get(i.min(last)).copied().unwrap_or([0.5, 0.5]);
        let (a, b) = (of(a), of(a + 1));
        [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part]
    }
}

/// The middle of the window of shape `width / height` of one picture. It should be small: each sample is looked at.
#[must_use]
pub fn middle(frame: &Frame, before: Option<&Frame>, shape: f64) -> [f64; 2] {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    if w < 3 || h < 3 || frame.format().pixel != Pixel::Yuv444p {
        return [0.5, 0.5];
    }
    let weights = weights(frame, before.filter(|b| b.format() == frame.format()));
    let (mut columns, mut rows) = (vec![0.0; w], vec![0.0; h]);
    for (i, weight) in weights.iter().enumerate() {
        columns[i % w] += weight;
        rows[i / w] += weight;
    }
    let picture = w as f64 / h as f64;
    let share = |of: f64, count: usize| ((of.min(1.0) * count as f64).round() as usize).clamp(1, count);
    let (across, down) = (share(shape / picture, w), share(picture / shape, h));
    [window(&columns, across), window(&rows, down)]
}

/// How much every sample matters.
fn weights(frame: &Frame, before: Option<&Frame>) -> Vec<f64> {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let (luma, cb, cr) = (frame.plane(0), frame.plane(1), frame.plane(2));
    let at = |x: usize, y: usize| f64::from(luma[y * w + x]);
    let mut weights = vec![0.0; w * h];
    for y in 1..h - 1 {
        for x in 1..w - 1 {
            let i = y * w + x;
            let gradient = (at(x + 1, y) - at(x - 1, y)).abs() + (at(x, y + 1) - at(x, y - 1)).abs();
            let moved = before.map_or(0.0, |b| f64::from(b.plane(0)[i].abs_diff(luma[i])));
            let skin = (77..=127).contains(&cb[i]) && (133..=173).contains(&cr[i]) && luma[i] > 50;
            let own = gradient.min(120.0) + 0.7 * moved.min(80.0) + if skin { 40.0 } else { 0.0 };
            let (dx, dy) = (x as f64 / w as f64 - 0.5, y as f64 / h as f64 - 0.45);
            weights[i] = own * (-(dx * dx + dy * dy) / 0.3).exp();
        }
    }
    weights
}

/// The middle of the best window of `size` samples, as a fraction. Windows nearly as good count by how good they are, so
/// that a little noise moves it a little.
fn window(sums: &[f64], size: usize) -> f64 {
    let count = sums.len();
    if size >= count {
        return 0.5;
    }
    let mut scores: Vec<f64> = sums.windows(size).map(|w| w.iter().sum()).collect();
    let best = scores.iter().copied().fold(0.0, f64::max);
    if best <= 0.0 {
        return 0.5;
    }
    scores.iter_mut().for_each(|s| *s = (*s / best).powi(24));
    let total: f64 = scores.iter().sum();
    let mean = scores.iter().enumerate().map(|(i, s)| (i as f64 + size as f64 / 2.0) * s).sum::<f64>() / total;
    mean / count as f64
}

/// Median of a second, Gaussian of half a second, no faster than allowed, or not moving at all.
fn steady(middles: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let one = |axis: usize| -> Vec<f64> {
        let values: Vec<f64> = middles.iter().map(|m| m[axis]).collect();
        let near = |i: usize, reach: usize| i.saturating_sub(reach)..(i + reach + 1).min(values.len());
        let medians: Vec<f64> = (0..values.len())
            .map(|i| {
                let mut around = values[near(i, RATE as usize / 2)].to_vec();
                around.sort_by(f64::total_cmp);
                around[around.len() / 2]
            })
            .collect();
        let (low, high) = medians.iter().fold((1.0_f64, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        if high - low < STILL {
            let mean = medians.iter().sum::<f64>() / medians.len().max(1) as f64;
            return vec![mean; medians.len()];
        }
        let sigma = f64::from(RATE) / 2.0;
        let mut smooth: Vec<f64> = (0..medians.len())
            .map(|i| {
                let range = near(i, RATE as usize * 2);
                let weight = |k: usize| (-((k as f64 - i as f64) / sigma).powi(2) / 2.0).exp();
                let total: f64 = range.clone().map(weight).sum();
                range.map(|k| medians[k] * weight(k)).sum::<f64>() / total
            })
            .collect();
        let most = FASTEST / f64::from(RATE);
        for i in 1..smooth.len() {
            smooth[i] = smooth[i].clamp(smooth[i - 1] - most, smooth[i - 1] + most);
        }
        smooth
    };
    one(0).into_iter().zip(one(1)).map(|(x, y)| [x, y]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameFormat;

    /// A plain picture with a checked square at a place.
    fn picture(x: f64, y: f64) -> Frame {
        let (w, h) = (96, 54);
        let mut frame = Frame::black(FrameFormat::new(w, h, Pixel::Yuv444p));
        for row in 0..12 {
            for column in 0..12 {
                let (cx, cy) = ((x * f64::from(w)) as i64 - 6 + column, (y * f64::from(h)) as i64 - 6 + row);
                let i = (cy.clamp(0, 53) * 96 + cx.clamp(0, 95)) as usize;
                frame.plane_mut(0)[i] = if (row / 2 + column / 2) % 2 == 0 { 235 } else { 30 };
            }
        }
        frame
    }

    #[test]
    fn the_window_holds_the_subject() {
        let portrait = 9.0 / 16.0;
        for x in [0.2, 0.5, 0.8] {
            let found = middle(&picture(x, 0.5), None, portrait);
            let half = portrait / (96.0 / 54.0) / 2.0;
            assert!((found[0] - x).abs() < half, "{x}: {found:?}");
            assert_eq!(found[1], 0.5, "nothing is cut off above or below");
        }
        assert_eq!(middle(&Frame::black(FrameFormat::new(96, 54, Pixel::Yuv444p)), None, 1.0), [0.5, 0.5]);
    }

    #[test]
    fn it_follows_without_jumping_and_stands_still_for_noise() {
        let jump: Vec<[f64; 2]> = (0..50).map(|i| [if i < 25 { 0.2 } else { 0.8 }, 0.5]).collect();
        let track = steady(&jump);
        assert!(track.windows(2).all(|p| (p[1][0] - p[0][0]).abs() <= FASTEST / f64::from(RATE) + 1e-9));
        assert!(track[49][0] > 0.7, "{track:?}");
        let noise: Vec<[f64; 2]> = (0..50).map(|i| [0.4 + 0.04 * f64::from(i % 2), 0.5]).collect();
        let track = steady(&noise);
        assert!(track.iter().all(|m| m == &track[0]));
    }
}
