//! How a model that makes clips of one length makes shots of any: windows over the whole shot at every step, what they
//! say of the same frame averaged (Bar-Tal et al., "MultiDiffusion", ICML 2023, along time).
//!
//! Invariant: every frame is in a window at every step, and how many windows there are does not depend on the step.

use ndarray::{ArrayD, Axis, Slice, Zip};

use crate::error::Error;
use crate::noise;

/// Share of the variance that the noise of later latent frames takes from the first ones'. Chosen by eye and by the
/// largest change between two frames, on the embedded models: none lets suns and reflections pop up, all of it makes the motion repeat.
const KINSHIP: f32 = 0.5;

/// How far it is from one window to the next, in latent frames: they share a quarter, one of four or five of 21.
fn stride(window: usize) -> usize {
    window.saturating_sub((window / 4).max(1)).max(1)
}

/// How many windows of `window` latent frames cover `frames`; on a ring the last ones reach over into the first frames.
pub fn count(frames: usize, window: usize, ring: bool) -> usize {
    if ring { frames.div_ceil(stride(window)) } else { frames.saturating_sub(window).div_ceil(stride(window)) + 1 }
}

/// Where the windows of a step begin. They move from step to step, so that no frame is always at an edge: what is
/// shared travels further, and no seam stays at one place.
fn starts(frames: usize, window: usize, ring: bool, step: usize) -> Vec<usize> {
    let count = count(frames, window, ring);
    if ring {
        return (0..count).map(|j| ((j * frames) / count + step) % frames).collect();
    }
    let last = frames.saturating_sub(window);
    let start = |j: usize| match j {
        0 => 0,
        j if j + 1 == count => last,
        j if window == 1 => j,
        j => (j * last / (count - 1) + step % 3).saturating_sub(1).min(last),
    };
    (0..count).map(start).collect()
}

/// The latent frames of a window.
pub fn slots(start: usize, window: usize, frames: usize) -> Vec<usize> {
    (start..start + window).map(|slot| slot % frames).collect()
}

/// How much a window says of its own frame of that number: least at its edges, where it knows only one side.
fn weight(slot: usize, window: usize) -> f32 {
    (slot + 1).min(window - slot) as f32
}

/// Where the windows begin that are decoded one after the other, the last one ending with the shot. On a ring they go
/// on from the last latent frame of the turn before until the turn is complete.
pub fn decoded(frames: usize, window: usize, ring: bool) -> Vec<usize> {
    if ring {
        return (frames - 1..2 * frames - 1).step_by(stride(window)).collect();
    }
    let last = frames.saturating_sub(window);
    (0..count(frames, window, false)).map(|j| (j * stride(window)).min(last)).collect()
}

/// How windows lie over a sample.
#[derive(Clone, Copy)]
pub struct Windows {
    /// Of the sample's latent frames.
    pub axis: Axis,
    /// Latent frames of a window.
    pub window: usize,
    /// Whether the last frame leads into the first.
    pub ring: bool,
}

/// One window of a step.
pub struct Window<'a> {
    pub sample: &'a ArrayD<f32>,
    /// The latent frames of the shot that it lies over.
    pub slots: &'a [usize],
    pub number: usize,
}

impl Windows {
    /// What windows say of a `sample`, averaged. `of` is asked for each of them in turn.
    ///
    /// # Errors
    /// Those of `of`.
    pub fn average(
        self,
        sample: &ArrayD<f32>,
        step: usize,
        of: &mut dyn FnMut(Window<'_>) -> Result<ArrayD<f32>, Error>,
    ) -> Result<ArrayD<f32>, Error> {
        let Self { axis, window, ring } = self;
        let frames = sample.len_of(axis);
        if frames <= window && !ring {
            let slots: Vec<_> = (0..frames).collect();
            return of(Window { sample, slots: &slots, number: 0 });
        }
        let (mut sum, mut weights) = (ArrayD::zeros(sample.raw_dim()), vec![0.0; frames]);
        for (number, start) in starts(frames, window, ring, step).into_iter().enumerate() {
            let slots = slots(start, window, frames);
            let said = of(Window { sample: &sample.select(axis, &slots), slots: &slots, number })?;
            for (k, slot) in slots.into_iter().enumerate() {
                weights[slot] += weight(k, window);
                sum.index_axis_mut(axis, slot).scaled_add(weight(k, window), &said.index_axis(axis, k));
            }
        }
        for (mut frame, weight) in sum.axis_iter_mut(axis).zip(&weights) {
            frame.mapv_inplace(|v| v / weight);
        }
        Ok(sum)
    }
}

/// Noise for a shot of `shape`. What comes after the first window along `axis` is akin to it, which keeps what noise decides (where a
/// sun stands, where colours gather) in its place: new noise lets things pop up.
#[must_use]
pub fn noise(seed: u64, shape: &[usize], axis: Axis, window: usize) -> ArrayD<f32> {
    let window = window.min(shape[axis.0]);
    let mut one = shape.to_vec();
    one[axis.0] = window;
    let of = |clip: usize| noise::normal(seed, u32::try_from(clip).unwrap_or(u32::MAX), &one);
    let (first, own, shared) = (of(0), (1.0 - KINSHIP).sqrt(), KINSHIP.sqrt());
    let mut all = ArrayD::zeros(shape);
    for (clip, mut target) in all.axis_chunks_iter_mut(axis, window).enumerate() {
        let count = Slice::from(0..target.len_of(axis));
        target.assign(&first.slice_axis(axis, count));
        if clip > 0 {
            let noise = of(clip);
            let noise = noise.slice_axis(axis, count);
            Zip::from(&mut target).and(&noise).for_each(|n, new| *n = own * *new + shared * *n);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_in_a_window_at_every_step() {
        for frames in 4..80 {
            for ring in [false, true] {
                for step in 0..9 {
                    let starts = starts(frames, 4, ring, step);
                    assert_eq!(starts.len(), count(frames, 4, ring));
                    let mut covered = vec![0; frames];
                    starts.iter().flat_map(|s| slots(*s, 4, frames)).for_each(|slot| covered[slot] += 1);
                    assert!(covered.iter().all(|n| *n > 0), "{frames} {ring} {step}: {starts:?}");
                    assert!(ring || starts.iter().all(|s| s + 4 <= frames), "{frames} {step}: {starts:?}");
                }
            }
        }
    }

    #[test]
    fn windows_move_from_step_to_step_but_not_off_the_ends() {
        let check = |ring, step, expected: &[usize]| assert_eq!(starts(13, 4, ring, step), expected);
        check(false, 0, &[0, 2, 5, 9]);
        check(false, 1, &[0, 3, 6, 9]);
        check(false, 2, &[0, 4, 7, 9]);
        check(true, 0, &[0, 2, 5, 7, 10]);
        check(true, 12, &[12, 1, 4, 6, 9]);
    }

    #[test]
    fn windows_of_a_large_model_share_a_quarter() {
        assert_eq!(starts(37, 21, false, 1), [0, 16]);
        assert_eq!(count(21, 21, false), 1);
        assert_eq!(count(38, 21, false), 3);
        assert_eq!(starts(4, 1, false, 2), [0, 1, 2, 3]);
    }

    #[test]
    fn what_windows_agree_on_is_the_average() {
        let check = |frames: usize, ring: bool, expected: usize| {
            let sample = ArrayD::from_shape_fn(vec![1, 2, frames, 1, 1], |at| (at[1] * 100 + at[2]) as f32);
            let mut seen = 0;
            let of = &mut |window: Window<'_>| {
                assert_eq!(window.number, seen);
                seen += 1;
                // It is shown what lies there.
                let first = window.sample.index_axis(Axis(1), 0);
                assert!(first.iter().zip(window.slots).all(|(value, slot)| *value == *slot as f32));
                Ok(window.sample.mapv(|v| 2.0 * v))
            };
            let found = Windows { axis: Axis(2), window: 4, ring }.average(&sample, 1, of).expect("an average");
            assert!(found.iter().zip(&sample).all(|(a, b)| (a - 2.0 * b).abs() < 1e-4));
            assert_eq!(seen, expected, "{frames} {ring}");
        };
        check(3, false, 1);
        check(4, false, 1);
        check(11, false, 4);
        check(11, true, 4);
    }

    #[test]
    fn later_noise_is_akin_to_the_first_and_as_strong() {
        let all = noise(7, &[1, 4, 8, 16, 16], Axis(2), 4);
        let part = |from: usize| all.slice_axis(Axis(2), Slice::from(from..from + 4)).to_owned();
        assert_eq!(part(0), noise::normal(7, 0, &[1, 4, 4, 16, 16]));
        let mean = |a: &ArrayD<f32>, b: &ArrayD<f32>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / a.len() as f32;
        assert!((mean(&part(4), &part(4)) - 1.0).abs() < 0.1);
        assert!((mean(&part(0), &part(4)) - KINSHIP.sqrt()).abs() < 0.1);
    }

    #[test]
    fn decoding_walks_through_the_shot_once() {
        assert_eq!(decoded(4, 4, false), [0]);
        assert_eq!(decoded(6, 4, false), [0, 2]);
        assert_eq!(decoded(13, 4, false), [0, 3, 6, 9]);
        assert_eq!(decoded(5, 4, true), [4, 7]);
        assert_eq!(decoded(6, 4, true), [5, 8]);
    }
}
