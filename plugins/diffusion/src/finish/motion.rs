//! Dense motion between two frames, and sampling along it.
//!
//! Pyramidal Lucas-Kanade: every pixel's window is matched by Gauss-Newton steps from coarse to fine, with a damping
//! that lets flat areas follow their surroundings. Soft pictures are what it is good at; where it is wrong, the blend
//! along it is an ordinary cross-fade.

use super::smooth::boxed;

/// Motion in pixels of the full-size plane, per pixel of the field.
#[derive(Clone, Debug)]
pub struct Field {
    pub width: usize,
    pub height: usize,
    pub dx: Vec<f32>,
    pub dy: Vec<f32>,
}

/// One plane of values.
#[derive(Clone, Debug)]
struct Plane {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

/// Coarsest side of the pyramid, in pixels.
const COARSEST: usize = 16;
const ITERATIONS: usize = 3;
const WINDOW: usize = 4;
/// Against the summed squared gradient of a window: below it an area counts as flat.
const DAMPING: f32 = 2e-5;

impl Field {
    /// No motion.
    #[must_use]
    pub fn still(width: usize, height: usize) -> Self {
        Self { width, height, dx: vec![0.0; width * height], dy: vec![0.0; width * height] }
    }

    /// The motion that takes `from` to `to`: `from(x) = to(x + d(x))`.
    #[must_use]
    pub fn between(from: &[f32], to: &[f32], width: usize, height: usize) -> Self {
        let mut pyramid = vec![[from, to].map(|data| Plane { width, height, data: data.to_vec() })];
        while let Some([a, b]) = pyramid.last() {
            if a.width.min(a.height) < 2 * COARSEST {
                break;
            }
            let half = [a.half(), b.half()];
            pyramid.push(half);
        }
        let mut field: Option<Self> = None;
        for [a, b] in pyramid.iter().rev() {
            let mut level = match &field {
                Some(coarse) => coarse.resized(a.width, a.height),
                None => Self::still(a.width, a.height),
            };
            for _ in 0..ITERATIONS {
                level.refine(a, b);
            }
            field = Some(level);
        }
        field.unwrap_or_else(|| Self::still(width, height))
    }

    /// The mean of two fields of a size, weighted.
    #[must_use]
    pub fn blend(&self, other: &Self, share: f32) -> Self {
        let mix = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + share * (b - a)).collect();
        Self { width: self.width, height: self.height, dx: mix(&self.dx, &other.dx), dy: mix(&self.dy, &other.dy) }
    }

    /// One Gauss-Newton step at one level.
    fn refine(&mut self, a: &Plane, b: &Plane) {
        let (width, height) = (a.width, a.height);
        let mut sums: [Vec<f32>; 5] = std::array::from_fn(|_| vec![0.0; a.data.len()]);
        for y in 0..height {
            for x in 0..width {
                let i = y * width + x;
                let (px, py) = (x as f32 + self.dx[i], y as f32 + self.dy[i]);
                let [left, column, right] = [px - 1.0, px, px + 1.0].map(|at| Between::new(at, width));
                let [above, row, below] = [py - 1.0, py, py + 1.0].map(|at| Between::new(at, height));
                let at = |x: &Between, y: &Between| b.read(&Cell::new(width, x, y));
                let gx = (at(&right, &row) - at(&left, &row)) * 0.5;
                let gy = (at(&column, &below) - at(&column, &above)) * 0.5;
                let gt = at(&column, &row) - a.data[i];
                for (sum, value) in sums.iter_mut().zip([gx * gx, gx * gy, gy * gy, gx * gt, gy * gt]) {
                    sum[i] = value;
                }
            }
        }
        let [xx, xy, yy, xt, yt] = sums.map(|s| boxed(&s, width, height, WINDOW));
        for i in 0..a.data.len() {
            let (xx, yy) = (xx[i] + DAMPING, yy[i] + DAMPING);
            let determinant = xx * yy - xy[i] * xy[i];
            // Half a window a step: anything more is a mismatch.
            let limit = WINDOW as f32 * 0.5;
            self.dx[i] -= ((yy * xt[i] - xy[i] * yt[i]) / determinant).clamp(-limit, limit);
            self.dy[i] -= ((xx * yt[i] - xy[i] * xt[i]) / determinant).clamp(-limit, limit);
        }
        self.dx = boxed(&self.dx, width, height, WINDOW / 2);
        self.dy = boxed(&self.dy, width, height, WINDOW / 2);
    }

    /// The same motion on a grid of another size.
    fn resized(&self, width: usize, height: usize) -> Self {
        let (sx, sy) = (self.width as f32 / width as f32, self.height as f32 / height as f32);
        let sample = |data: &[f32], scale: f32| {
            let plane = Plane { width: self.width, height: self.height, data: data.to_vec() };
            let mut out = Vec::with_capacity(width * height);
            for y in 0..height {
                for x in 0..width {
                    let (x, y) = ((x as f32 + 0.5) * sx - 0.5, (y as f32 + 0.5) * sy - 0.5);
                    out.push(plane.read(&Cell::at(self.width, self.height, x, y)) / scale);
                }
            }
            out
        };
        Self { width, height, dx: sample(&self.dx, sx), dy: sample(&self.dy, sy) }
    }
}

impl Plane {
    fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut data = Vec::with_capacity(width * height);
        for rows in self.data.chunks_exact(2 * self.width).take(height) {
            let (upper, lower) = rows.split_at(self.width);
            data.extend(
                upper.chunks_exact(2).zip(lower.chunks_exact(2)).map(|(a, b)| (a[0] + a[1] + b[0] + b[1]) * 0.25),
            );
        }
        Self { width, height, data }
    }

    #[inline(always)]
    fn read(&self, cell: &Cell) -> f32 {
        let [value] = cell.read(self.data.as_chunks().0);
        value
    }
}

/// A place between two of a row of samples.
#[derive(Clone, Copy)]
pub struct Between {
    first: usize,
    second: usize,
    part: f32,
}

impl Between {
    /// The place `at` of `count` samples; beyond the border, the border.
    #[must_use]
    #[inline(always)]
    pub fn new(at: f32, count: usize) -> Self {
        let at = at.clamp(0.0, (count - 1) as f32);
        // Nothing is as wide as 32 bit, and the way there is shorter.
        let first = at as u32 as usize;
        Self { first, second: (first + 1).min(count - 1), part: at - first as f32 }
    }
}

/// A place between four pixels, ready to be read from any plane of a size.
#[derive(Clone, Copy)]
pub struct Cell {
    /// Top left, top right, bottom left, bottom right.
    corners: [usize; 4],
    weights: [f32; 4],
}

impl Cell {
    /// The place (x, y); beyond the border, the border.
    #[must_use]
    #[inline(always)]
    pub fn at(width: usize, height: usize, x: f32, y: f32) -> Self {
        Self::new(width, &Between::new(x, width), &Between::new(y, height))
    }

    /// A place between columns and between rows.
    #[must_use]
    #[inline(always)]
    pub fn new(width: usize, x: &Between, y: &Between) -> Self {
        let (top, bottom) = (y.first * width, y.second * width);
        Self {
            corners: [top + x.first, top + x.second, bottom + x.first, bottom + x.second],
            weights: [
                (1.0 - x.part) * (1.0 - y.part),
                x.part * (1.0 - y.part),
                (1.0 - x.part) * y.part,
                x.part * y.part,
            ],
        }
    }

    /// The values there, of planes whose samples lie side by side.
    #[must_use]
    #[inline(always)]
    pub fn read<const N: usize>(&self, pixels: &[[f32; N]]) -> [f32; N] {
        let ([a, b, c, d], w) = (self.corners.map(|i| &pixels[i]), self.weights);
        std::array::from_fn(|i| a[i] * w[0] + b[i] * w[1] + c[i] * w[2] + d[i] * w[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_how_far_a_soft_picture_moved() {
        let check = |dx: f32, dy: f32| {
            let (width, height) = (96, 64);
            let draw = |ox: f32, oy: f32| -> Vec<f32> {
                (0..width * height)
                    .map(|i| {
                        let (x, y) = ((i % width) as f32 - ox, (i / width) as f32 - oy);
                        0.5 + 0.2 * (x * 0.21).sin() * (y * 0.17).cos() + 0.1 * (x * 0.05 + y * 0.09).sin()
                    })
                    .collect()
            };
            let field = Field::between(&draw(0.0, 0.0), &draw(dx, dy), width, height);
            let middle = 32 * width + 48;
            assert!((field.dx[middle] - dx).abs() < 0.2, "{} is not {dx}", field.dx[middle]);
            assert!((field.dy[middle] - dy).abs() < 0.2, "{} is not {dy}", field.dy[middle]);
        };
        check(0.0, 0.0);
        check(1.5, -0.5);
        check(-4.0, 2.0);
    }
}
