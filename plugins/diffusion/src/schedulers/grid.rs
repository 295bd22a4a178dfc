//! The time grid of rectified-flow models.

/// `steps + 1` times from 1 (noise) to 0 (data), moved towards noise by `shift`:
/// `u = 1 - k / steps`, `t = shift * u / (1 + (shift - 1) * u)`.
#[must_use]
pub fn shifted(steps: usize, shift: f64) -> Vec<f64> {
    (0..=steps)
        .map(|k| {
            let u = 1.0 - k as f64 / steps as f64;
            shift * u / (1.0 + (shift - 1.0) * u)
        })
        .collect()
}
