//! A layer's pixels as video planes, premultiplied with alpha.
//!
//! Colour becomes BT.709 limited range here, once, in floating point. Chroma is sampled where MPEG-2 and H.264 have
//! it: on the even columns, between two rows.

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
    /// Where it rests, and where its samples are mixed with their neighbours.
    pub still: Runs,
    pub moving: Runs,
}

/// Samples of a plane from which on starting a thread is nothing beside the search.
const WORTH_A_THREAD: usize = 1 << 16;

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
        let mut planes = [luma, blue, red];
        find_runs(&mut planes);
        Self { left, top, width, height, planes }
    }

    /// From the planes that a sprite of that size has: Y and its alpha, then U, V and the alpha they share. Width and
    /// height are even.
    #[must_use]
    pub fn from_planes(left: i32, top: i32, width: usize, height: usize, planes: [Vec<u8>; 5]) -> Self {
        let [y, whole, u, v, quarter] = planes;
        let (cw, ch) = (width / 2, height / 2);
        let plane = |width, height, samples, alpha| {
            let (still, moving) = (Runs::default(), Runs::default());
            Plane { width, height, samples, alpha, still, moving }
        };
        let mut planes = [plane(width, height, y, whole), plane(cw, ch, u, quarter.clone()), plane(cw, ch, v, quarter)];
        find_runs(&mut planes);
        Self { left, top, width, height, planes }
    }

    /// Whether no pixel has any alpha.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.planes.iter().all(|p| p.still.is_empty())
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
        Self { width, height, samples, alpha, still: Runs::default(), moving: Runs::default() }
    }

    /// A whole row.
    #[must_use]
    pub fn row(&self, y: usize) -> Ink<'_> {
        let range = y * self.width..(y + 1) * self.width;
        Ink { samples: &self.samples[range.clone()], alpha: &self.alpha[range] }
    }
}

/// A part of it on a helper, where one can be had: whoever draws or reads a layer waits for it.
fn find_runs([luma, chroma @ ..]: &mut [Plane; 3]) {
    let large = luma.samples.len() >= WORTH_A_THREAD;
    let Plane { width, samples, alpha, still, moving, .. } = luma;
    let resting = || Runs::still(samples, alpha, *width);
    std::thread::scope(|scope| {
        let helper = large.then(|| std::thread::Builder::new().spawn_scoped(scope, resting).ok()).flatten();
        *moving = Runs::moving(samples, alpha, *width);
        for plane in chroma {
            plane.still = Runs::still(&plane.samples, &plane.alpha, plane.width);
            plane.moving = Runs::moving(&plane.samples, &plane.alpha, plane.width);
        }
        *still = match helper {
            Some(helper) => helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => resting(),
        };
    });
}

fn round(v: f32) -> u8 {
    v.round().clamp(0.0, 255.0) as u8
}
