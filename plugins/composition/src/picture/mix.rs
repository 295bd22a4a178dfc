//! Paints the footage under the graphics: one scene, or two in a transition, with grain.

use fearless_simd::{Level, Simd, dispatch};
use spotloom_media::scale::{self, Axis, Crop, Finish, Sample};

use crate::picture::blend::Band;
use crate::picture::footage::{Picture, Samples};

/// A picture with the window of it that is shown.
pub struct Shot<'a> {
    picture: &'a Picture,
    /// Across and down; for luma and for chroma.
    axes: [(Axis, Axis); 2],
}

impl<'a> Shot<'a> {
    /// Prepares a picture for a frame of `width` x `height`.
    #[must_use]
    pub fn new(picture: &'a Picture, (width, height): (usize, usize), zoom: f64, lean: (f64, f64)) -> Self {
        let from = (picture.width, picture.height);
        let crop = Crop::cover(from, (width, height), zoom, lean);
        Self { picture, axes: [crop.axes(0, from, (width, height)), crop.axes(1, from, (width, height))] }
    }
}

/// What is under the graphics.
pub enum Base<'a> {
    One(Shot<'a>),
    /// The second shot, so opaque over the first.
    Fade(Shot<'a>, Shot<'a>, f32),
    /// A colour in video values, so opaque over the shot.
    Dip(Shot<'a>, [u8; 3], f32),
    /// The second shot in the columns from..to, the first elsewhere.
    Wipe(Shot<'a>, Shot<'a>, (usize, usize)),
}

/// Film grain, which is also the dither from 14 to 8 bit.
pub struct Grain {
    strip: Vec<f32>,
    amount: f32,
}

const STRIP: usize = 1 << 16;

impl Grain {
    /// `amount` is 0 to 1, `width` that of the widest row.
    #[must_use]
    pub fn new(amount: f64, width: usize) -> Self {
        let mut state = 0x5EED_u64;
        // Two dice give the triangular noise that dithers without leaving a trace.
        let strip = (0..STRIP + width).map(|_| die(&mut state) + die(&mut state) - 1.0).collect();
        Self { strip, amount: amount as f32 }
    }

    /// Noise of -1 to 1 for a row of a frame: always the same for the same row.
    fn row(&self, frame: u64, plane: usize, row: usize, width: usize) -> &[f32] {
        let mut state = frame.wrapping_mul(0x9E37_79B9).wrapping_add(plane as u64).wrapping_shl(20) ^ row as u64;
        let start = (next(&mut state) as usize) % STRIP;
        &self.strip[start..start + width]
    }

    /// Its height in values of 8 bit.
    fn height(&self, plane: usize) -> f32 {
        if plane == 0 { 0.5 + 6.0 * self.amount } else { 0.5 }
    }
}

/// splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn die(state: &mut u64) -> f32 {
    (next(state) >> 40) as f32 / (1_u64 << 24) as f32
}

/// Paints a band of frame number `frame`.
pub fn paint(base: &Base<'_>, band: &mut Band<'_>, grain: &Grain, frame: u64) {
    match base {
        Base::One(shot) => paint_shot(shot, band, grain, frame),
        Base::Fade(below, above, opacity) => {
            paint_shot(below, band, grain, frame);
            blend_over(band, above, grain, frame, |_| (*opacity * 256.0).round() as u16);
        }
        Base::Dip(shot, colour, opacity) => {
            paint_shot(shot, band, grain, frame);
            let weight = (*opacity * 256.0).round() as u16;
            for (plane, &c) in band.planes.iter_mut().zip(colour) {
                plane.iter_mut().for_each(|d| *d = lerp(*d, c, weight));
            }
        }
        Base::Wipe(below, above, (from, to)) => {
            paint_shot(below, band, grain, frame);
            blend_over(band, above, grain, frame, |x| if (*from..*to).contains(&x) { 256 } else { 0 });
        }
    }
}

/// Paints another shot and mixes it in with a weight (0 to 256) per column of the frame.
fn blend_over(band: &mut Band<'_>, above: &Shot<'_>, grain: &Grain, frame: u64, weight: impl Fn(usize) -> u16) {
    let mut copies: [Vec<u8>; 3] = std::array::from_fn(|i| vec![0; band.planes[i].len()]);
    let [y, u, v] = &mut copies;
    let mut other = Band { width: band.width, top: band.top, rows: band.rows, planes: [y, u, v] };
    paint_shot(above, &mut other, grain, frame);
    for (i, (plane, copy)) in band.planes.iter_mut().zip(&copies).enumerate() {
        let step = if i == 0 { 1 } else { 2 };
        let weights: Vec<u16> = (0..band.width / step).map(|x| weight(x * step)).collect();
        for (row, other) in plane.chunks_exact_mut(weights.len()).zip(copy.chunks_exact(weights.len())) {
            for ((d, &s), &w) in row.iter_mut().zip(other).zip(&weights) {
                *d = lerp(*d, s, w);
            }
        }
    }
}

fn lerp(a: u8, b: u8, weight: u16) -> u8 {
    let keep = 256_u16.wrapping_sub(weight);
    let sum = u16::from(a).wrapping_mul(keep).wrapping_add(u16::from(b).wrapping_mul(weight));
    (sum.wrapping_add(128) >> 8) as u8
}

fn paint_shot(shot: &Shot<'_>, band: &mut Band<'_>, grain: &Grain, frame: u64) {
    for i in 0..3 {
        match &shot.picture.planes[i] {
            Samples::Eight(samples) if copy(shot, samples, band, grain, i) => {}
            Samples::Eight(samples) => paint_plane(shot, samples, band, grain, (frame, i)),
            Samples::Fourteen(samples) => paint_plane(shot, samples, band, grain, (frame, i)),
        }
    }
}

/// Lowest and highest value of a plane.
fn limits(plane: usize) -> (u8, u8) {
    if plane == 0 { (16, 235) } else { (16, 240) }
}

/// Copies a plane that is seen as it is: what has 8 bit needs no dither. False when it is not.
fn copy(shot: &Shot<'_>, samples: &[u8], band: &mut Band<'_>, grain: &Grain, i: usize) -> bool {
    let (x, y) = &shot.axes[i.min(1)];
    let (Some(left), Some(top), true) = (x.shift(), y.shift(), grain.amount == 0.0) else { return false };
    let step = if i == 0 { 1 } else { 2 };
    let (width, first) = (band.width / step, band.top / step + top);
    let rows = samples.chunks_exact(shot.picture.size(i).0).skip(first);
    for (out, row) in band.planes[i].chunks_exact_mut(width).zip(rows) {
        dispatch!(Level::new(), simd => copy_row(simd, &row[left..left + width], out, limits(i)));
    }
    true
}

#[inline(always)]
fn copy_row<S: Simd>(_: S, row: &[u8], out: &mut [u8], (low, high): (u8, u8)) {
    for (d, &s) in out.iter_mut().zip(row) {
        *d = s.clamp(low, high);
    }
}

fn paint_plane<T: Sample>(
    shot: &Shot<'_>,
    samples: &[T],
    band: &mut Band<'_>,
    grain: &Grain,
    (frame, i): (u64, usize),
) {
    let out = &mut *band.planes[i];
    let step = if i == 0 { 1 } else { 2 };
    let (width, first) = (band.width / step, band.top / step);
    let (x, y) = &shot.axes[i.min(1)];
    let rows = first..(band.top + band.rows) / step;
    scale::rows(samples, shot.picture.size(i).0, x, y, rows, Dither { out, width, first, grain, frame, plane: i });
}

/// The whole part of a value of 0 to 255, read out of its bits: so much is added that these end with it. `as` would look at each
/// value for what no integer holds, one after the other, which was more than half of the time that scaling took.
#[inline(always)]
fn whole(v: f32) -> u8 {
    // 2^23.
    const NO_FRACTION: f32 = 8_388_608.0;
    (v.trunc() + NO_FRACTION).to_bits() as u8
}

/// From 14 to 8 bit, with grain.
struct Dither<'a> {
    out: &'a mut [u8],
    width: usize,
    /// The number of the first row of `out`.
    first: usize,
    grain: &'a Grain,
    frame: u64,
    plane: usize,
}

impl Finish for Dither<'_> {
    #[inline(always)]
    fn row(&mut self, number: usize, values: &[f32]) {
        let start = (number - self.first) * self.width;
        let noise = self.grain.row(self.frame, self.plane, number, self.width);
        let height = self.grain.height(self.plane);
        let (low, high) = limits(self.plane);
        let (low, high) = (f32::from(low), f32::from(high));
        for ((d, &v), &n) in self.out[start..start + self.width].iter_mut().zip(values).zip(noise) {
            *d = whole((v * (1.0 / 64.0) + n * height + 0.5).max(low).min(high));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_part_is_what_a_cast_gives() {
        for v in (0..=255_u8).map(f32::from) {
            for v in [v, v + 0.25, v + 0.5, v + 0.75, v.next_down().max(0.0), v.next_up(), (v + 1.0).next_down()] {
                assert_eq!(whole(v), v as u8, "{v}");
            }
        }
    }
}
