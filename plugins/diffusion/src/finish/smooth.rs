//! Removes a decoder's faint texture and colour fringes without softening what matters.
//!
//! The guided filter (He, Sun, Tang, "Guided image filtering", ECCV 2010) keeps edges that are strong against `eps` and
//! averages what is weak. Luma guides itself; chroma is guided by luma, so that colour ends where the object ends.
//! Before it a small binomial blur takes out what repeats every two to four pixels, which is the decoder's own.

use fearless_simd::{Level, Simd, dispatch};

use crate::picture::Picture;

/// Luma: reach in pixels and the variance below which it is texture.
const LUMA: (usize, f32) = (3, 0.000_4);
/// Chroma: a wider reach, because the eye does not miss it.
const CHROMA: (usize, f32) = (5, 0.000_6);

/// Cleans a Y'CbCr picture.
#[must_use]
pub fn clean(picture: &Picture) -> Picture {
    let (width, height) = (picture.width, picture.height);
    let mut out = picture.clone();
    let soft = binomial(picture.plane(0), width, height);
    let luma = guided(&soft, &soft, width, height, LUMA);
    for c in 1..3 {
        let chroma = guided(&luma, picture.plane(c), width, height, CHROMA);
        out.plane_mut(c).copy_from_slice(&chroma);
    }
    out.plane_mut(0).copy_from_slice(&luma);
    out
}

/// The guided filter of `input` under `guide`.
fn guided(guide: &[f32], input: &[f32], width: usize, height: usize, (radius, eps): (usize, f32)) -> Vec<f32> {
    let mean = |values: Vec<f32>| boxed(&values, width, height, radius);
    let product = |a: &[f32], b: &[f32]| mean(a.iter().zip(b).map(|(a, b)| a * b).collect());
    let (mean_g, mean_i) = (boxed(guide, width, height, radius), boxed(input, width, height, radius));
    let (mean_gg, mean_gi) = (product(guide, guide), product(guide, input));
    let gain: Vec<f32> = (0..input.len())
        .map(|i| (mean_gi[i] - mean_g[i] * mean_i[i]) / ((mean_gg[i] - mean_g[i] * mean_g[i]).max(0.0) + eps))
        .collect();
    let offset = (0..input.len()).map(|i| mean_i[i] - gain[i] * mean_g[i]).collect();
    let (gain, offset) = (mean(gain), mean(offset));
    (0..input.len()).map(|i| gain[i] * guide[i] + offset[i]).collect()
}

/// Blurs by 1-4-6-4-1 along rows and columns: nothing is left of a period of two pixels, a quarter of one of four.
fn binomial(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut rows = vec![0.0; values.len()];
    let mut wide = vec![0.0; width + 4];
    for (row, target) in values.chunks_exact(width).zip(rows.chunks_exact_mut(width)) {
        // Beyond the border, the border.
        wide[..2].fill(row[0]);
        wide[2..width + 2].copy_from_slice(row);
        wide[width + 2..].fill(row[width - 1]);
        blur(std::array::from_fn(|k| &wide[k..k + width]), target);
    }
    let mut out = vec![0.0; values.len()];
    for (y, target) in out.chunks_exact_mut(width).enumerate() {
        let near = |by: usize| (y + by).saturating_sub(2).min(height - 1) * width;
        blur(std::array::from_fn(|k| &rows[near(k)..near(k) + width]), target);
    }
    out
}

fn blur(near: [&[f32]; 5], target: &mut [f32]) {
    dispatch!(Level::new(), simd => blur_with(simd, near, target));
}

#[inline(always)]
fn blur_with<S: Simd>(_: S, [a, b, c, d, e]: [&[f32]; 5], target: &mut [f32]) {
    let near = a.iter().zip(b).zip(c.iter().zip(d)).zip(e);
    for (t, (((a, b), (c, d)), e)) in target.iter_mut().zip(near) {
        *t = (a + e + 4.0 * (b + d) + 6.0 * c) / 16.0;
    }
}

/// The mean over a square of `2 * radius + 1`, cut at the borders.
#[must_use]
pub fn boxed(values: &[f32], width: usize, height: usize, radius: usize) -> Vec<f32> {
    // Compiled for several kinds of processor; none of them changes what comes out.
    dispatch!(Level::new(), simd => boxed_with(simd, values, width, height, radius))
}

#[inline(always)]
fn boxed_with<S: Simd>(_: S, values: &[f32], width: usize, height: usize, radius: usize) -> Vec<f32> {
    let mut rows = vec![0.0; values.len()];
    for (row, target) in values.chunks_exact(width).zip(rows.chunks_exact_mut(width)) {
        // All windows at once, one neighbour after the other: that is what vector units are good at.
        for by in 0..=2 * radius {
            let (skipped, from) = (radius.saturating_sub(by), by.saturating_sub(radius));
            let count = width.saturating_sub(skipped.max(from));
            let near = row.iter().skip(from).take(count);
            target.iter_mut().skip(skipped).zip(near).for_each(|(t, s)| *t += s);
        }
        for (x, value) in target.iter_mut().enumerate() {
            *value /= (x + radius + 1).min(width) as f32 - x.saturating_sub(radius) as f32;
        }
    }
    let mut out = vec![0.0; values.len()];
    for (y, target) in out.chunks_exact_mut(width).enumerate() {
        let (from, to) = (y.saturating_sub(radius), (y + radius + 1).min(height));
        for source in rows[from * width..to * width].chunks_exact(width) {
            target.iter_mut().zip(source).for_each(|(t, s)| *t += s);
        }
        let share = 1.0 / (to - from) as f32;
        target.iter_mut().for_each(|t| *t *= share);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texture_goes_and_an_edge_stays() {
        let (width, height) = (48, 32);
        let mut picture = Picture::filled(width, height, 0.0);
        for (i, value) in picture.plane_mut(0).iter_mut().enumerate() {
            let (x, y) = (i % width, i / width);
            let texture = if (x + y) % 2 == 0 { 0.01 } else { -0.01 };
            *value = if x < width / 2 { 0.2 } else { 0.8 } + texture;
        }
        let clean = clean(&picture);
        let at = |x: usize, y: usize| clean.plane(0)[y * width + x];
        assert!((at(10, 16) - at(11, 16)).abs() < 0.001, "texture: {} {}", at(10, 16), at(11, 16));
        assert!(at(width / 2 + 1, 16) - at(width / 2 - 2, 16) > 0.45, "edge: {}", at(width / 2 + 1, 16));
    }
}
