//! Cuts a moving window out of footage and scales it to the picture, exactly to fractions of a pixel, so that a slow
//! camera push does not tremble. Catmull-Rom, wider when it scales down.

use std::ops::Range;

use fearless_simd::{Level, Simd, dispatch};

/// A sample of the source.
pub trait Sample: Copy {
    /// In 14 bit: as 10-bit video times 16.
    fn level(self) -> u16;
}

impl Sample for u8 {
    #[inline(always)]
    fn level(self) -> u16 {
        u16::from(self) << 6
    }
}

impl Sample for u16 {
    #[inline(always)]
    fn level(self) -> u16 {
        self
    }
}

/// Which samples make one of the result, and how much of each, along one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    taps: usize,
    starts: Vec<u32>,
    /// `taps` weights for each result.
    weights: Vec<f32>,
    /// Where the results are a part of the source as it is: where that part begins.
    shift: Option<usize>,
}

impl Axis {
    /// `first` is the position of the first result among `count` source samples (0 is the first one), `step` the
    /// distance from one result to the next.
    #[must_use]
    pub fn new(count: usize, results: usize, first: f64, step: f64) -> Self {
        let stretch = step.max(1.0);
        let taps = ((4.0 * stretch).ceil() as usize).min(count.max(1));
        let mut starts = Vec::with_capacity(results);
        let mut weights = vec![0.0_f32; results * taps];
        let last = count.saturating_sub(1) as i64;
        for (i, row) in weights.chunks_exact_mut(taps).enumerate() {
            let at = first + step * i as f64;
            let low = (at - 2.0 * stretch).floor() as i64 + 1;
            let start = low.clamp(0, count.saturating_sub(taps) as i64);
            let mut sum = 0.0;
            let mut exact = vec![0.0_f64; taps];
            for k in low..=(at + 2.0 * stretch).floor() as i64 {
                let weight = catmull_rom((at - k as f64) / stretch);
                // Beyond the edge the edge is repeated.
                let slot = (k.clamp(0, last) - start).clamp(0, taps as i64 - 1) as usize;
                exact[slot] += weight;
                sum += weight;
            }
            for (w, e) in row.iter_mut().zip(&exact) {
                *w = (e / sum) as f32;
            }
            starts.push(start as u32);
        }
        let whole = step == 1.0 && first >= 0.0 && first.fract() == 0.0;
        let shift = (whole && first as usize + results <= count).then_some(first as usize);
        Self { taps, starts, weights, shift }
    }

    /// Where in the source the results begin, when they are a part of it as it is.
    #[must_use]
    pub fn shift(&self) -> Option<usize> {
        self.shift
    }
}

fn catmull_rom(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0
    } else if x < 2.0 {
        -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0
    } else {
        0.0
    }
}

/// What becomes of scaled rows. Where it matters how fast that is, [`Finish::row`] is `#[inline(always)]`: then it is compiled for
/// the processor at hand like the scaling around it, which the body of a closure is not.
pub trait Finish {
    /// A row with its number, still in floating point, in 14 bit.
    fn row(&mut self, number: usize, values: &[f32]);
}

impl<F: FnMut(usize, &[f32])> Finish for F {
    #[inline(always)]
    fn row(&mut self, number: usize, values: &[f32]) {
        self(number, values);
    }
}

/// Scales the rows `rows` of the result. Each goes to `finish`.
pub fn rows<T: Sample>(source: &[T], width: usize, x: &Axis, y: &Axis, rows: Range<usize>, mut finish: impl Finish) {
    let source = Source { samples: source, width };
    // Compiled for several kinds of processor; none of them changes what comes out.
    dispatch!(Level::new(), simd => rows_with(simd, &source, x, y, rows, &mut finish));
}

/// A plane of the source.
struct Source<'a, T> {
    samples: &'a [T],
    width: usize,
}

impl<T: Sample> Source<'_, T> {
    /// A row scaled across; `wide` has room for one. No closure: see [`Finish`].
    #[inline(always)]
    fn scale_across(&self, row: usize, x: &Axis, wide: &mut [f32], out: &mut [f32]) {
        let row = &self.samples[row * self.width..(row + 1) * self.width];
        if let Some(shift) = x.shift {
            widen(&row[shift..shift + x.starts.len()], out);
            return;
        }
        let first = x.starts.first().map_or(0, |s| *s as usize);
        let end = x.starts.last().map_or(0, |s| *s as usize + x.taps);
        widen(&row[first..end], &mut wide[first..end]);
        scale_row(wide, x, out);
    }
}

#[inline(always)]
fn rows_with<S: Simd, T: Sample>(
    _: S,
    source: &Source<'_, T>,
    x: &Axis,
    y: &Axis,
    rows: Range<usize>,
    finish: &mut impl Finish,
) {
    let results = x.starts.len();
    let mut wide = vec![0.0_f32; source.width];
    if let Some(shift) = y.shift {
        let mut line = vec![0.0_f32; results];
        for row in rows {
            source.scale_across(row + shift, x, &mut wide, &mut line);
            finish.row(row, &line);
        }
        return;
    }
    // Source rows scaled across, each used for several rows of the result.
    let mut ring: Vec<(usize, Vec<f32>)> = vec![(usize::MAX, vec![0.0; results]); y.taps];
    let mut sum = vec![0.0_f32; results];
    for row in rows {
        let start = y.starts[row] as usize;
        for r in start..start + y.taps {
            let (held, across) = &mut ring[r % y.taps];
            if *held != r {
                *held = r;
                source.scale_across(r, x, &mut wide, across);
            }
        }
        let weights = &y.weights[row * y.taps..(row + 1) * y.taps];
        let line = |k: usize| ring[(start + k) % y.taps].1.as_slice();
        if let &[wa, wb, wc, wd] = weights {
            let lines = line(0).iter().zip(line(1)).zip(line(2).iter().zip(line(3)));
            for (s, ((a, b), (c, d))) in sum.iter_mut().zip(lines) {
                *s = a * wa + b * wb + c * wc + d * wd;
            }
        } else {
            sum.fill(0.0);
            for (k, &w) in weights.iter().enumerate() {
                for (s, a) in sum.iter_mut().zip(line(k)) {
                    *s += a * w;
                }
            }
        }
        finish.row(row, &sum);
    }
}

#[inline(always)]
fn widen<T: Sample>(row: &[T], out: &mut [f32]) {
    for (w, s) in out.iter_mut().zip(row) {
        *w = f32::from(s.level());
    }
}

#[inline(always)]
fn scale_row(wide: &[f32], x: &Axis, out: &mut [f32]) {
    if x.taps == 4 {
        for ((o, &start), w) in out.iter_mut().zip(&x.starts).zip(x.weights.chunks_exact(4)) {
            let start = start as usize;
            let s = &wide[start..start + 4];
            *o = (s[0] * w[0] + s[1] * w[1]) + (s[2] * w[2] + s[3] * w[3]);
        }
        return;
    }
    for ((o, &start), w) in out.iter_mut().zip(&x.starts).zip(x.weights.chunks_exact(x.taps)) {
        let start = start as usize;
        *o = wide[start..start + x.taps].iter().zip(w).map(|(s, w)| s * w).sum();
    }
}

/// The part of the footage that fills the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Left and top, in pixels of the footage.
    pub origin: (f64, f64),
    /// Pixels of the footage per pixel of the picture.
    pub step: f64,
}

impl Crop {
    /// Covers a picture of `to` with footage of `from`, enlarged by `zoom`; `lean` moves the window within what is
    /// left over, -1 to 1 each way.
    #[must_use]
    pub fn cover(from: (usize, usize), to: (usize, usize), zoom: f64, lean: (f64, f64)) -> Self {
        let (fw, fh) = (from.0 as f64, from.1 as f64);
        let (tw, th) = (to.0 as f64, to.1 as f64);
        let step = (fw / tw).min(fh / th) / zoom.max(1.0);
        let spare = ((fw - tw * step) / 2.0, (fh - th * step) / 2.0);
        Self { origin: (spare.0 * (1.0 + lean.0), spare.1 * (1.0 + lean.1)), step }
    }

    /// Across and down, for plane 0 (luma) or 1 and 2 (chroma, on even columns and between rows).
    #[must_use]
    pub fn axes(&self, plane: usize, from: (usize, usize), to: (usize, usize)) -> (Axis, Axis) {
        if plane == 0 {
            let first = |origin: f64| origin + 0.5 * self.step - 0.5;
            return (
                Axis::new(from.0, to.0, first(self.origin.0), self.step),
                Axis::new(from.1, to.1, first(self.origin.1), self.step),
            );
        }
        let across = (self.origin.0 + 0.5 * self.step - 0.5) / 2.0;
        let down = (self.origin.1 + self.step - 1.0) / 2.0;
        (
            Axis::new(from.0.div_ceil(2), to.0 / 2, across, self.step),
            Axis::new(from.1.div_ceil(2), to.1 / 2, down, self.step),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(source: &[u16], first: f64, step: f64, results: usize) -> Vec<f32> {
        let (x, y) = (Axis::new(source.len(), results, first, step), Axis::new(1, 1, 0.0, 1.0));
        let mut out = Vec::new();
        rows(source, source.len(), &x, &y, 0..1, |_: usize, values: &[f32]| out.extend_from_slice(values));
        out
    }

    #[test]
    fn one_to_one_is_a_copy_and_edges_repeat() {
        let source = [10, 500, 20, 900, 40, 16_000];
        assert_eq!(scaled(&source, 0.0, 1.0, 6), source.map(f32::from));
        assert_eq!(scaled(&source, 2.0, 1.0, 3), [20.0, 900.0, 40.0]);
        assert_eq!(scaled(&source, -3.0, 1.0, 2), [10.0, 10.0]);
    }

    #[test]
    fn a_slope_stays_a_slope_between_samples_and_when_it_shrinks() {
        let ramp: Vec<u16> = (0..64).map(|i| i * 100).collect();
        for (first, step, results) in [(10.25, 1.0, 8), (10.0, 0.37, 20), (9.5, 3.0, 12)] {
            for (i, v) in scaled(&ramp, first, step, results).into_iter().enumerate() {
                let expected = ((first + step * i as f64) * 100.0) as f32;
                assert!((v - expected).abs() < 1.0, "{first} {step}: {v}, expected {expected}");
            }
        }
    }

    #[test]
    fn a_crop_covers_and_stays_inside() {
        for (from, to) in [((1280, 720), (1080, 1920)), ((1280, 720), (1920, 1080)), ((100, 700), (640, 640))] {
            for lean in [(0.0, 0.0), (1.0, -1.0), (-1.0, 1.0)] {
                let crop = Crop::cover(from, to, 1.1, lean);
                let right = crop.origin.0 + to.0 as f64 * crop.step;
                let bottom = crop.origin.1 + to.1 as f64 * crop.step;
                assert!(crop.origin.0 >= -1e-9 && crop.origin.1 >= -1e-9, "{crop:?}");
                assert!(right <= from.0 as f64 + 1e-9 && bottom <= from.1 as f64 + 1e-9, "{crop:?}");
            }
        }
    }
}
