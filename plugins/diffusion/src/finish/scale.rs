//! Enlarges a plane to cover another size, cut evenly from the middle.
//!
//! The kernel is Mitchell and Netravali's cubic (1/3, 1/3): no visible ringing beside edges and no visible grid of the
//! source's pixels, which at four times the size is what gives a small picture away.

use fearless_simd::{Level, Simd, dispatch};

/// Four taps for every output sample of one axis.
#[derive(Clone, Debug)]
struct Axis {
    taps: Vec<([usize; 4], [f32; 4])>,
}

/// A prepared enlargement of one plane.
#[derive(Clone, Debug)]
pub struct Scale {
    columns: Axis,
    rows: Axis,
    from: (usize, usize),
}

impl Scale {
    /// From a plane of `from` (width, height) to one of `to`, where a sample of the target lies at
    /// `(index + offset) * pitch` in pixels of the full-size target picture. For luma pitch is 1 and both offsets 0.5;
    /// chroma of 4:2:0 has pitch 2, and lies on the left edge of its pair: offsets (0.25, 0.5).
    #[must_use]
    pub fn cover(from: (usize, usize), picture: (usize, usize), pitch: usize, offset: (f64, f64)) -> Self {
        let ratio = (from.0 as f64 / picture.0 as f64).min(from.1 as f64 / picture.1 as f64);
        let axis = |from: usize, picture: usize, offset: f64| {
            let start = (from as f64 - picture as f64 * ratio) * 0.5;
            let taps = (0..picture.div_ceil(pitch))
                .map(|i| {
                    let at = start + (i as f64 + offset) * pitch as f64 * ratio - 0.5;
                    let base = at.floor();
                    let indices =
                        std::array::from_fn(|k| (base + k as f64 - 1.0).clamp(0.0, (from - 1) as f64) as usize);
                    (indices, mitchell((at - base) as f32))
                })
                .collect();
            Axis { taps }
        };
        Self { columns: axis(from.0, picture.0, offset.0), rows: axis(from.1, picture.1, offset.1), from }
    }

    /// Enlarges `source` and hands each finished row to `row`, from the top.
    pub fn run(&self, source: &[f32], row: impl FnMut(usize, &[f32])) {
        // Compiled for several kinds of processor; none of them changes what comes out.
        dispatch!(Level::new(), simd => self.run_with(simd, source, row));
    }

    #[inline(always)]
    fn run_with<S: Simd>(&self, _: S, source: &[f32], mut row: impl FnMut(usize, &[f32])) {
        let width = self.columns.taps.len();
        let mut wide = vec![0.0; width * self.from.1];
        for (source, target) in source.chunks_exact(self.from.0).zip(wide.chunks_exact_mut(width)) {
            for (value, (at, weight)) in target.iter_mut().zip(&self.columns.taps) {
                *value = source[at[0]] * weight[0]
                    + source[at[1]] * weight[1]
                    + source[at[2]] * weight[2]
                    + source[at[3]] * weight[3];
            }
        }
        let mut line = vec![0.0; width];
        for (y, (at, weight)) in self.rows.taps.iter().enumerate() {
            let [a, b, c, d] = at.map(|r| &wide[r * width..(r + 1) * width]);
            for (x, value) in line.iter_mut().enumerate() {
                *value = a[x] * weight[0] + b[x] * weight[1] + c[x] * weight[2] + d[x] * weight[3];
            }
            row(y, &line);
        }
    }
}

/// Weights of the samples at -1, 0, 1, 2 for a point at `t` between 0 and 1.
fn mitchell(t: f32) -> [f32; 4] {
    let near = |x: f32| (7.0 * x * x * x - 12.0 * x * x + 16.0 / 3.0) / 6.0;
    let far = |x: f32| (-7.0 / 3.0 * x * x * x + 12.0 * x * x - 20.0 * x + 32.0 / 3.0) / 6.0;
    [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enlarged(scale: &Scale, source: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        scale.run(source, |_, row| out.extend_from_slice(row));
        out
    }

    #[test]
    fn a_ramp_stays_a_ramp_and_a_flat_stays_flat() {
        let (width, height) = (18, 10);
        let ramp: Vec<f32> = (0..width * height).map(|i| (i % width) as f32).collect();
        let out = enlarged(&Scale::cover((width, height), (72, 40), 1, (0.5, 0.5)), &ramp);
        assert_eq!(out.len(), 72 * 40);
        for x in 12..60 {
            let expected = (x as f32 + 0.5) / 4.0 - 0.5;
            assert!((out[20 * 72 + x] - expected).abs() < 1e-3, "{x}: {}", out[20 * 72 + x]);
        }
        let flat = enlarged(&Scale::cover((width, height), (36, 64), 2, (0.25, 0.5)), &vec![0.7; width * height]);
        assert_eq!(flat.len(), 18 * 32);
        assert!(flat.iter().all(|v| (v - 0.7).abs() < 1e-5));
    }

    #[test]
    fn another_shape_is_cut_from_the_middle() {
        let (width, height) = (32, 18);
        let ramp: Vec<f32> = (0..width * height).map(|i| (i % width) as f32).collect();
        let out = enlarged(&Scale::cover((width, height), (180, 180), 1, (0.5, 0.5)), &ramp);
        // 18 of 32 columns are left: 7 to 25.
        let middle = &out[90 * 180..91 * 180];
        assert!((middle[0] - 6.55).abs() < 0.1, "{}", middle[0]);
        assert!((middle[179] - 24.45).abs() < 0.1, "{}", middle[179]);
    }
}
