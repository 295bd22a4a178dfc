//! A layer's pixels as video planes, premultiplied with alpha.
//!
//! Colour becomes BT.709 limited range here, once, in floating point. Chroma is sampled where MPEG-2 and H.264 have
//! it: on the even columns, between two rows.

use std::sync::OnceLock;

use crate::colour::yuv709;
use crate::picture::kernel::Ink;
use crate::picture::runs::Runs;

/// One plane with its alpha, and the stretches of each row that are not empty.
#[derive(Clone, Debug)]
pub struct Plane {
    pub width: usize,
    pub height: usize,
    /// Samples premultiplied with alpha, the offset (16 or 128) included.
    pub samples: Vec<u8>,
    pub alpha: Vec<u8>,
    /// Where it rests, and where its samples are mixed with their neighbours: found when it is first drawn so.
    still: OnceLock<Runs>,
    moving: OnceLock<Runs>,
}

/// Pre-drawn graphics at a place in the picture.
#[derive(Clone, Debug)]
pub struct Sprite {
    /// Column of the left edge in the picture; even.
    pub left: i32,
    /// Row of the top edge in the picture; even.
    pub top: i32,
    pub width: usize,
    pub height: usize,
    /// Y, U, V.
    pub planes: [Plane; 3],
}

impl Sprite {
    /// From premultiplied sRGB, four bytes a pixel. Width and height are even.
    #[must_use]
    pub fn from_premultiplied(left: i32, top: i32, width: usize, height: usize, rgba: &[u8]) -> Self {
        let mut luma = Plane::empty(width, height);
        for ((pixel, sample), alpha) in rgba.chunks_exact(4).zip(&mut luma.samples).zip(&mut luma.alpha) {
            let [y, ..] = yuv709([f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])]);
            *sample = round(y + 16.0 * f32::from(pixel[3]) / 255.0);
            *alpha = pixel[3];
        }
        let (cw, ch) = (width / 2, height / 2);
        let (mut blue, mut red) = (Plane::empty(cw, ch), Plane::empty(cw, ch));
        let at = |x: usize, y: usize| -> [f32; 4] {
            let i = (y * width + x) * 4;
            std::array::from_fn(|c| f32::from(rgba[i + c]))
        };
        for cy in 0..ch {
            for cx in 0..cw {
                let (x, y) = (cx * 2, cy * 2);
                let mut sum = [0.0_f32; 4];
                for row in [y, y + 1] {
                    let before = at(x.saturating_sub(1), row);
                    let (here, after) = (at(x, row), at((x + 1).min(width - 1), row));
                    for c in 0..4 {
                        sum[c] += (before[c] + 2.0 * here[c] + after[c]) / 8.0;
                    }
                }
                let [_, u, v] = yuv709([sum[0], sum[1], sum[2]]);
                let offset = 128.0 * sum[3] / 255.0;
                let i = cy * cw + cx;
                (blue.samples[i], red.samples[i]) = (round(u + offset), round(v + offset));
                (blue.alpha[i], red.alpha[i]) = (round(sum[3]), round(sum[3]));
            }
        }
        Self { left, top, width, height, planes: [luma, blue, red] }
    }

    /// From the planes that a sprite of that size has: Y and its alpha, then U, V and the alpha they share. Width and
    /// height are even.
    #[must_use]
    pub fn from_planes(left: i32, top: i32, width: usize, height: usize, planes: [Vec<u8>; 5]) -> Self {
        let [y, whole, u, v, quarter] = planes;
        let (cw, ch) = (width / 2, height / 2);
        let plane = |width, height, samples, alpha| {
            let (still, moving) = (OnceLock::new(), OnceLock::new());
            Plane { width, height, samples, alpha, still, moving }
        };
        let planes = [plane(width, height, y, whole), plane(cw, ch, u, quarter.clone()), plane(cw, ch, v, quarter)];
        Self { left, top, width, height, planes }
    }

    /// Whether no pixel has any alpha.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.planes.iter().all(|plane| plane.alpha.iter().fold(0, |any, alpha| any | alpha) == 0)
    }

    /// Whether it hides a picture of that size altogether.
    #[must_use]
    pub fn covers(&self, width: usize, height: usize) -> bool {
        let (left, top) = (self.left.min(0).unsigned_abs() as usize, self.top.min(0).unsigned_abs() as usize);
        if self.left > 0 || self.top > 0 || left + width > self.width || top + height > self.height {
            return false;
        }
        self.planes.iter().enumerate().all(|(i, plane)| {
            let step = if i == 0 { 1 } else { 2 };
            let columns = left / step..(left + width) / step;
            let mut rows = plane.alpha.chunks_exact(plane.width).skip(top / step).take(height / step);
            rows.all(|row| row[columns.clone()].iter().all(|&a| a == 255))
        })
    }
}

impl Plane {
    fn empty(width: usize, height: usize) -> Self {
        let (samples, alpha) = (vec![0; width * height], vec![0; width * height]);
        Self { width, height, samples, alpha, still: OnceLock::new(), moving: OnceLock::new() }
    }

    /// What is to be drawn of each row where it rests.
    pub(super) fn still(&self) -> &Runs {
        self.still.get_or_init(|| Runs::still(&self.samples, &self.alpha, self.width))
    }

    /// What is to be drawn of each row where its samples are mixed with their neighbours.
    pub(super) fn moving(&self) -> &Runs {
        self.moving.get_or_init(|| Runs::moving(&self.samples, &self.alpha, self.width))
    }

    /// Whether it was never drawn so before.
    pub(super) fn is_new(&self, rests: bool) -> bool {
        if rests { &self.still } else { &self.moving }.get().is_none()
    }

    /// A whole row.
    #[must_use]
    pub fn row(&self, y: usize) -> Ink<'_> {
        let range = y * self.width..(y + 1) * self.width;
        Ink { samples: &self.samples[range.clone()], alpha: &self.alpha[range] }
    }
}

/// To the next whole number; halves, which negative ones never are, go up. `f32::round` is a call on a plain x86-64.
fn round(v: f32) -> u8 {
    (v + 0.5) as u8
}
