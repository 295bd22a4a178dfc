//! Film grain and dither: what keeps soft gradients from banding, and what makes them look photographed.
//!
//! One plate of noise is made per shot; every frame looks at another part of it. Invariant: a frame's grain depends on
//! the shot's seed and the frame's number only.

use crate::noise;

/// Side of a plate, a power of two.
const SIDE: usize = 1024;
/// Noise streams of this module; clips count up from 0.
const GRAIN_STREAM: u32 = u32::MAX;
const DITHER_STREAM: u32 = u32::MAX - 1;

/// The noise of one shot.
pub struct Grain {
    seed: u64,
    /// Standard deviation in 10-bit steps.
    strength: f32,
    /// Normal values with a deviation of 1, slightly soft, as grain is.
    grain: Vec<f32>,
    /// Even values from -0.5 to 0.5.
    dither: Vec<f32>,
}

/// The noise of one frame: where it looks at the plates.
#[derive(Clone, Copy)]
pub struct FrameGrain<'a> {
    plates: &'a Grain,
    offsets: [u32; 4],
}

impl Grain {
    /// `strength` is the standard deviation in 8-bit steps; 0 leaves the dither only.
    #[must_use]
    pub fn new(seed: u64, strength: f32) -> Self {
        let raw = noise::normal(seed, GRAIN_STREAM, &[SIDE * SIDE]);
        let raw: Vec<f32> = raw.into_iter().collect();
        let soft = |at: usize, step: usize, wrap: usize| {
            let base = at / wrap * wrap;
            let neighbour = |by: usize| raw_index(base, at, by, wrap);
            [neighbour(wrap - step), at, neighbour(step)]
        };
        // A binomial blur along rows, then along columns; 3/8 of the variance is left by each.
        let blur = |values: &[f32], step: usize, wrap: usize| -> Vec<f32> {
            (0..values.len())
                .map(|at| {
                    let [a, b, c] = soft(at, step, wrap);
                    (values[a] + 2.0 * values[b] + values[c]) * 0.25
                })
                .collect()
        };
        let blurred = blur(&blur(&raw, 1, SIDE), SIDE, SIDE * SIDE);
        let grain = blurred.into_iter().map(|v| v * 8.0 / 3.0).collect();
        let scale = 1.0 / u32::MAX as f32;
        let dither = (0..SIDE * SIDE / 4)
            .flat_map(|block| noise::philox([block as u32, 0, DITHER_STREAM, 0], [seed as u32, (seed >> 32) as u32]))
            .map(|word| word as f32 * scale - 0.5)
            .collect();
        Self { seed, strength: strength * 4.0, grain, dither }
    }

    /// The noise of a frame.
    #[must_use]
    pub fn frame(&self, index: u64) -> FrameGrain<'_> {
        let counter = [index as u32, (index >> 32) as u32, GRAIN_STREAM, 1];
        FrameGrain { plates: self, offsets: noise::philox(counter, [self.seed as u32, (self.seed >> 32) as u32]) }
    }
}

/// The index `by` further on, staying in the same run of `wrap`.
fn raw_index(base: usize, at: usize, by: usize, wrap: usize) -> usize {
    base + (at - base + by) % wrap
}

impl FrameGrain<'_> {
    /// Writes a row of luma (0 to 1) as 10-bit limited samples. Grain is strongest in the mid-tones, as on film.
    pub fn luma(&self, y: usize, row: &[f32], out: &mut Vec<u8>) {
        let grain = self.line(&self.plates.grain, y, 0, row.len());
        let dither = self.line(&self.plates.dither, y, 2, row.len());
        let strength = self.plates.strength;
        let at = out.len();
        out.resize(at + 2 * row.len(), 0);
        let samples = out[at..].as_chunks_mut().0;
        for (sample, (value, (grain, dither))) in samples.iter_mut().zip(row.iter().zip(grain.iter().zip(&dither))) {
            let value = value.clamp(0.0, 1.0);
            let shade = 0.3 + 2.8 * value * (1.0 - value);
            let code = 64.0 + 876.0 * value + (strength * shade * grain + dither);
            *sample = ((code + 0.5).clamp(64.0, 940.0) as u16).to_le_bytes();
        }
    }

    /// Writes a row of chroma (-0.5 to 0.5) as 10-bit limited samples. It is dithered only: coloured grain looks cheap.
    pub fn chroma(&self, plane: usize, y: usize, row: &[f32], out: &mut Vec<u8>) {
        let dither = self.line(&self.plates.dither, y + plane * 389, 1, row.len());
        let at = out.len();
        out.resize(at + 2 * row.len(), 0);
        let samples = out[at..].as_chunks_mut().0;
        for (sample, (value, dither)) in samples.iter_mut().zip(row.iter().zip(&dither)) {
            let code = 512.0 + 896.0 * value + dither;
            *sample = ((code + 0.5).clamp(64.0, 960.0) as u16).to_le_bytes();
        }
    }

    /// `count` values of a plate for row `y`, from the place where this frame begins in it.
    fn line(&self, plate: &[f32], y: usize, offset: usize, count: usize) -> Vec<f32> {
        let row = (y + self.offsets[offset] as usize) % SIDE;
        let row = &plate[row * SIDE..(row + 1) * SIDE];
        let mut line = row[self.offsets[(offset + 1) % 4] as usize % SIDE..].to_vec();
        while line.len() < count {
            line.extend_from_slice(row);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luma(grain: &Grain, frame: u64, value: f32) -> Vec<f32> {
        let mut out = Vec::new();
        for y in 0..64 {
            grain.frame(frame).luma(y, &[value; 512], &mut out);
        }
        out.chunks_exact(2).map(|b| f32::from(u16::from_le_bytes([b[0], b[1]]))).collect()
    }

    fn mean_and_deviation(values: &[f32]) -> (f32, f32) {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32).sqrt())
    }

    #[test]
    fn a_flat_keeps_its_mean_under_the_noise_it_was_given() {
        let check = |strength: f32, expected: f32| {
            // 0.4567 is 464.07 in 10 bits: between two steps.
            let (mean, deviation) = mean_and_deviation(&luma(&Grain::new(5, strength), 3, 0.4567));
            assert!((mean - 464.07).abs() < 0.15, "{strength}: mean {mean}");
            assert!((deviation - expected).abs() < 0.15, "{strength}: deviation {deviation}");
        };
        check(0.0, 0.3);
        check(1.0, 4.0);
    }

    #[test]
    fn it_differs_by_frame_and_seed_and_by_nothing_else() {
        let grain = Grain::new(5, 1.0);
        assert_eq!(luma(&grain, 3, 0.5), luma(&Grain::new(5, 1.0), 3, 0.5));
        assert_ne!(luma(&grain, 3, 0.5), luma(&grain, 4, 0.5));
        assert_ne!(luma(&grain, 3, 0.5), luma(&Grain::new(6, 1.0), 3, 0.5));
    }
}
