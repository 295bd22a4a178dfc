//! How a model that makes clips of one length makes shots of any: windows over the whole shot at every step, what they
//! say of the same frame averaged (Bar-Tal et al., "MultiDiffusion", ICML 2023, along time).
//!
//! Invariant: every frame is in a window at every step, and how many windows there are does not depend on the step.

/// How much of a window is new to the one after it, in latent frames: they share one.
fn stride(window: usize) -> usize {
    window.saturating_sub(1).max(1)
}

/// How many windows of `window` latent frames cover `frames`; on a ring the last ones reach over into the first frames.
pub(super) fn count(frames: usize, window: usize, ring: bool) -> usize {
    if ring { frames.div_ceil(stride(window)) } else { frames.saturating_sub(window).div_ceil(stride(window)) + 1 }
}

/// Where the windows of a step begin. They move from step to step, so that no frame is always at an edge: what is
/// shared travels further, and no seam stays at one place.
pub(super) fn starts(frames: usize, window: usize, ring: bool, step: usize) -> Vec<usize> {
    let count = count(frames, window, ring);
    if ring {
        return (0..count).map(|j| ((j * frames) / count + step) % frames).collect();
    }
    let last = frames.saturating_sub(window);
    let start = |j: usize| match j {
        0 => 0,
        j if j + 1 == count => last,
        j => (j * last / (count - 1) + step % 3).saturating_sub(1).min(last),
    };
    (0..count).map(start).collect()
}

/// The latent frames of a window.
pub(super) fn slots(start: usize, window: usize, frames: usize) -> Vec<usize> {
    (start..start + window).map(|slot| slot % frames).collect()
}

/// How much a window says of its own frame of that number: least at its edges, where it knows only one side.
pub(super) fn weight(slot: usize, window: usize) -> f32 {
    (slot + 1).min(window - slot) as f32
}

/// Where the windows begin that are decoded one after the other, the last one ending with the shot. On a ring they go
/// on from the last latent frame of the turn before until the turn is complete.
pub(super) fn decoded(frames: usize, window: usize, ring: bool) -> Vec<usize> {
    if ring {
        return (frames - 1..2 * frames - 1).step_by(stride(window)).collect();
    }
    let last = frames.saturating_sub(window);
    (0..count(frames, window, false)).map(|j| (j * stride(window)).min(last)).collect()
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
    fn decoding_walks_through_the_shot_once() {
        assert_eq!(decoded(4, 4, false), [0]);
        assert_eq!(decoded(6, 4, false), [0, 2]);
        assert_eq!(decoded(13, 4, false), [0, 3, 6, 9]);
        assert_eq!(decoded(5, 4, true), [4, 7]);
        assert_eq!(decoded(6, 4, true), [5, 8]);
    }
}
