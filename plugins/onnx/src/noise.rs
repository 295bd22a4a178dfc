//! Reproducible normal noise: the same seed gives the same numbers on every machine.
//!
//! Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) counts blocks under the key
//! (seed); Box-Muller turns each block into two normal values in double precision, with the pure-Rust `libm`, because
//! the logarithm of a system's C library differs in the last bit from one system to the next.
//!
//! Invariant: the value at (seed, stream, index) depends on nothing else. Streams keep clips of one shot apart.

use ndarray::{ArrayD, IxDyn};

/// Normal noise of a shape, in the order of its elements.
#[must_use]
pub fn normal(seed: u64, stream: u32, shape: &[usize]) -> ArrayD<f32> {
    let count: usize = shape.iter().product();
    let mut values = Vec::with_capacity(count + 1);
    let mut block = 0u64;
    while values.len() < count {
        let [a, b] = normal_pair(seed, stream, block);
        values.extend([a as f32, b as f32]);
        block += 1;
    }
    values.truncate(count);
    // The number of values is the product of the shape by construction, so the fallback is never taken.
    ArrayD::from_shape_vec(IxDyn(shape), values).unwrap_or_else(|_| ArrayD::zeros(IxDyn(shape)))
}

/// Two independent standard normal values.
fn normal_pair(seed: u64, stream: u32, block: u64) -> [f64; 2] {
    let words = philox([block as u32, (block >> 32) as u32, stream, 0], [seed as u32, (seed >> 32) as u32]);
    let join = |low: u32, high: u32| (u64::from(high) << 32 | u64::from(low)) >> 11;
    let scale = 1.0 / (1u64 << 53) as f64;
    // (0, 1], so that the logarithm is finite.
    let radius = libm::sqrt(-2.0 * libm::log((join(words[0], words[1]) + 1) as f64 * scale));
    let angle = std::f64::consts::TAU * (join(words[2], words[3]) as f64 * scale);
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// Philox 4x32 with ten rounds.
#[must_use]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = u64::from(counter[0]) * 0xD251_1F53;
        let second = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        // From the reference implementation's known-answer tests (Random123, kat_vectors).
        let check = |counter, key, expected: [u32; 4]| assert_eq!(philox(counter, key), expected);
        check([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        check(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        );
    }

    #[test]
    fn it_is_standard_normal() {
        let noise = normal(7, 0, &[100_000]);
        let mean = noise.mean().expect("values");
        let deviation = noise.std(0.0);
        let beyond = noise.iter().filter(|v| v.abs() > 1.96).count() as f32 / noise.len() as f32;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((deviation - 1.0).abs() < 0.01, "{deviation}");
        assert!((beyond - 0.05).abs() < 0.005, "{beyond}");
    }

    #[test]
    fn seeds_and_streams_differ_and_the_values_are_pinned() {
        let first = normal(42, 0, &[4]);
        assert_eq!(first, normal(42, 0, &[2, 2]).into_shape_with_order(IxDyn(&[4])).expect("four values"));
        assert_ne!(first, normal(43, 0, &[4]));
        assert_ne!(first, normal(42, 1, &[4]));
        // Pinned: a change of these changes every shot of every campaign.
        insta::assert_snapshot!(first.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(" "));
    }
}
