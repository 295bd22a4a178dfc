//! A picture as CLIP's vision models take it: the shorter side brought to the model's size with an antialiased cubic,
//! the middle cut out, colours normalised.
//!
//! As the reference's image processor does it (`CLIPImageProcessor` of transformers, with Pillow's `resize`): first across
//! and then down, in fixed point, rounded to eight bits after each. The filter is the Catmull-Rom cubic, widened when the
//! picture shrinks. Rounding as Pillow does matters: the network is sensitive to a step of eight bits.

use ndarray::ArrayD;

use crate::picture::Picture;

/// Mean and standard deviation of red, green and blue that CLIP was trained with.
const MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];
/// Reach of the cubic.
const SUPPORT: f64 = 2.0;
/// Bits behind the point of a tap.
const PRECISION: u32 = 22;

/// RGB from -1 to 1 as [1, 3, side, side].
#[must_use]
pub fn pixels(picture: &Picture, side: usize) -> ArrayD<f32> {
    let (width, height) = (picture.width, picture.height);
    let short = width.min(height).max(1);
    let (wide, high) = (side * width / short, side * height / short);
    let (left, top) = ((wide - side) / 2, (high - side) / 2);
    // Only what is cut out is computed.
    let across = weights(width, wide, left, side);
    let down = weights(height, high, top, side);
    let mut data = Vec::with_capacity(3 * side * side);
    for (channel, plane) in picture.planes().enumerate() {
        let bytes: Vec<i64> =
            plane.iter().map(|v| ((f64::from(*v) + 1.0) * 127.5).round().clamp(0.0, 255.0) as i64).collect();
        let rows: Vec<i64> = bytes
            .chunks_exact(width)
            .flat_map(|row| across.iter().map(move |(start, taps)| weighted(taps, row[*start..].iter())))
            .collect();
        for (start, taps) in &down {
            data.extend((0..side).map(|column| {
                let value = weighted(taps, rows[start * side + column..].iter().step_by(side)) as f64;
                ((value / 255.0 - MEAN[channel]) / DEVIATION[channel]) as f32
            }));
        }
    }
    // The number of values is the product of the shape by construction, so the fallback is never taken.
    ArrayD::from_shape_vec(vec![1, 3, side, side], data).unwrap_or_else(|_| ArrayD::zeros(vec![1, 3, side, side]))
}

/// A weighted sum of bytes, rounded to a byte.
fn weighted<'a>(taps: &[i64], values: impl Iterator<Item = &'a i64>) -> i64 {
    let sum: i64 = taps.iter().zip(values).map(|(tap, value)| tap * value).sum();
    ((sum + (1 << (PRECISION - 1))) >> PRECISION).clamp(0, 255)
}

/// For each of `count` places from `first` on, of `out` that `length` are brought to: where the filter starts, and its
/// taps.
fn weights(length: usize, out: usize, first: usize, count: usize) -> Vec<(usize, Vec<i64>)> {
    let scale = length as f64 / out as f64;
    let stretch = scale.max(1.0);
    let reach = SUPPORT * stretch;
    let place = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let start = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(length);
        let taps: Vec<f64> = (start..end).map(|x| cubic((x as f64 - centre + 0.5) / stretch)).collect();
        let sum: f64 = taps.iter().sum();
        (start, taps.into_iter().map(|tap| (tap / sum * f64::from(1u32 << PRECISION)).round() as i64).collect())
    };
    (first..first + count).map(place).collect()
}

/// Catmull-Rom (Keys with a = -0.5).
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    match x {
        _ if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        _ if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        _ => 0.0,
    }
}
