//! From noise to a picture along a straight line: rectified flow (Liu et al., 2022) with Euler's steps.
//!
//! Time is 0 at noise and 1 at the picture. Velocity is picture minus noise.

use ndarray::{Array4, Zip};

/// `steps + 1` times from 0 to 1, even ones moved towards noise by `shift`: `e^-s / (e^-s + 1/t - 1)`.
#[must_use]
pub fn times(steps: usize, shift: f64) -> Vec<f64> {
    let factor = (-shift).exp();
    let even = |i: usize| i as f64 / steps as f64;
    (0..=steps).map(even).map(|t| if t == 0.0 { 0.0 } else { factor / (factor + (1.0 / t - 1.0)) }).collect()
}

/// What a picture is moved by: with person and garment, or without both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Both,
    Nothing,
}

/// Walks `sample` along `times`. The last `unguided` steps, and all of them with a guidance of 1, do without the second
/// velocity. `velocity` is asked at a time; it may end the walk.
///
/// # Errors
/// Those of `velocity`.
pub fn walk<E>(
    mut sample: Array4<f32>,
    times: &[f64],
    guidance: f64,
    unguided: usize,
    mut velocity: impl FnMut(usize, &Array4<f32>, f32, Given) -> Result<Array4<f32>, E>,
) -> Result<Array4<f32>, E> {
    let steps = times.len().saturating_sub(1);
    for (step, pair) in times.windows(2).enumerate() {
        let (time, length) = (pair[0] as f32, (pair[1] - pair[0]) as f32);
        let mut towards = velocity(step, &sample, time, Given::Both)?;
        if guidance != 1.0 && step + unguided < steps {
            let without = velocity(step, &sample, time, Given::Nothing)?;
            Zip::from(&mut towards).and(&without).for_each(|v, w| *v = w + guidance as f32 * (*v - w));
        }
        Zip::from(&mut sample).and(&towards).for_each(|x, v| *x += length * v);
    }
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_linger_at_noise() {
        let found = times(4, 1.5);
        // e^-1.5 / (e^-1.5 + 1/t - 1), worked out by hand.
        let expected = [0.0, 0.069_23, 0.182_43, 0.400_98, 1.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
        assert_eq!(times(2, 0.0), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn guidance_stops_before_the_end() {
        let check = |guidance: f64, unguided: usize, expected: (f32, usize)| {
            let mut asked = 0;
            let end =
                walk(Array4::zeros((1, 1, 1, 1)), &[0.0, 0.25, 0.5, 1.0], guidance, unguided, |_, _, _, given| {
                    asked += 1;
                    Ok::<_, ()>(Array4::from_elem((1, 1, 1, 1), if given == Given::Both { 2.0 } else { 1.0 }))
                });
            assert_eq!((end.unwrap()[(0, 0, 0, 0)], asked), expected);
        };
        check(1.0, 0, (2.0, 3));
        check(3.0, 0, (4.0, 6));
        check(3.0, 1, (3.0, 5));
        check(3.0, 9, (2.0, 3));
    }
}
