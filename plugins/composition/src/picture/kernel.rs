//! The arithmetic of drawing, a stretch of a row at a time, written so that the compiler makes vector code of it. All of
//! it is inlined into functions that are compiled for several kinds of processor. Sums wrap on purpose: their ranges are
//! known, and checks would cost the speed.

use crate::picture::axis::BLOCK;

/// What is drawn: samples premultiplied with alpha, and the alpha.
#[derive(Clone, Copy)]
pub struct Ink<'a> {
    pub samples: &'a [u8],
    pub alpha: &'a [u8],
}

impl<'a> Ink<'a> {
    #[inline(always)]
    pub fn part(self, range: std::ops::Range<usize>) -> Self {
        Self { samples: &self.samples[range.clone()], alpha: &self.alpha[range] }
    }

    /// One sample, and its alpha.
    #[inline(always)]
    pub fn at(self, column: usize) -> (u8, u8) {
        (self.samples[column], self.alpha[column])
    }

    /// A mixture of it and another's.
    #[inline(always)]
    pub fn mixed_at(self, column: usize, other: Self, fraction: u16) -> (u8, u8) {
        let (own, others) = (self.at(column), other.at(column));
        (between(own.0, others.0, fraction), between(own.1, others.1, fraction))
    }
}

/// Draws sample on sample.
#[inline(always)]
pub fn draw(out: &mut [u8], ink: Ink<'_>, opacity: u16) {
    let pairs = ink.samples.iter().zip(ink.alpha);
    if opacity == 256 {
        out.iter_mut().zip(pairs).for_each(|(d, (&s, &a))| *d = over(*d, s, a));
    } else {
        out.iter_mut().zip(pairs).for_each(|(d, (&s, &a))| *d = over(*d, part(s, opacity), part(a, opacity)));
    }
}

/// Draws a mixture of two inks: `fraction` 256ths of the second.
#[inline(always)]
pub fn draw_between(out: &mut [u8], one: Ink<'_>, two: Ink<'_>, fraction: u16, opacity: u16) {
    let samples = one.samples.iter().zip(two.samples);
    let all = out.iter_mut().zip(samples).zip(one.alpha.iter().zip(two.alpha));
    if opacity == 256 {
        all.for_each(|((d, (&s, &s2)), (&a, &a2))| *d = over(*d, between(s, s2, fraction), between(a, a2, fraction)));
    } else {
        all.for_each(|((d, (&s, &s2)), (&a, &a2))| {
            *d = over(*d, part(between(s, s2, fraction), opacity), part(between(a, a2, fraction), opacity));
        });
    }
}

/// Draws the same all along: one sample, and its alpha.
#[inline(always)]
pub fn fill(out: &mut [u8], (sample, alpha): (u8, u8), opacity: u16) {
    let (sample, alpha) = if opacity == 256 { (sample, alpha) } else { (part(sample, opacity), part(alpha, opacity)) };
    if alpha == 255 {
        out.fill(sample);
    } else {
        out.iter_mut().for_each(|d| *d = over(*d, sample, alpha));
    }
}

/// A mixture of two rows.
#[inline(always)]
pub fn mix(out: &mut [u8], one: &[u8], two: &[u8], fraction: u16) {
    out.iter_mut().zip(one.iter().zip(two)).for_each(|(o, (&a, &b))| *o = between(a, b, fraction));
}

/// Mixes each sample with the next one, with a fraction of its own for each pair. It works in whole blocks: `out`, the
/// samples and the fractions have to go on that far, and what is written past `count` has no meaning.
#[inline(always)]
pub fn mix_neighbours(out: &mut [u8], samples: &[u8], fractions: &[u16], count: usize) {
    for at in (0..count).step_by(BLOCK) {
        let (Some(out), Some(one), Some(two), Some(fractions)) = (
            out[at..].first_chunk_mut::<BLOCK>(),
            samples[at..].first_chunk::<BLOCK>(),
            samples[at + 1..].first_chunk::<BLOCK>(),
            fractions[at..].first_chunk::<BLOCK>(),
        ) else {
            return;
        };
        *out = std::array::from_fn(|i| between(one[i], two[i], fractions[i]));
    }
}

#[inline(always)]
pub fn between(a: u8, b: u8, fraction: u16) -> u8 {
    let keep = 256_u16.wrapping_sub(fraction);
    let sum = u16::from(a).wrapping_mul(keep).wrapping_add(u16::from(b).wrapping_mul(fraction));
    // 255 * 256 + 128 still fits 16 bits.
    (sum.wrapping_add(128) >> 8) as u8
}

#[inline(always)]
fn part(v: u8, opacity: u16) -> u8 {
    (u16::from(v).wrapping_mul(opacity).wrapping_add(128) >> 8) as u8
}

/// Source-over with a premultiplied source.
#[inline(always)]
fn over(under: u8, sample: u8, alpha: u8) -> u8 {
    let x = u16::from(under).wrapping_mul(u16::from(255 - alpha)).wrapping_add(128);
    let kept = (x.wrapping_add(x >> 8) >> 8) as u8;
    kept.saturating_add(sample)
}
