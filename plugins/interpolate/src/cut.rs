//! Where a scene ends: no frame is made between two pictures that have nothing to do with each other.
//!
//! The rule is that of FFmpeg's `minterpolate` and `scdet` (libavfilter/vf_scdet.c, `get_scene_score`): the mean absolute difference
//! of luma, in hundredths of its range, and how far it is from that of the pair before; the lesser of the two.

use spotloom_media::Frame;

/// From where on it is a cut. The default of FFmpeg's filters.
pub(crate) const CUT: f64 = 10.0;

/// What lies between two frames that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// A scene ends.
    Cut,
    /// They are the same picture.
    Still,
    Motion,
}

/// What it knows of the pair before.
#[derive(Default)]
pub(crate) struct Cuts {
    before: f64,
}

impl Cuts {
    /// Of two frames of [`Yuv420p10`](spotloom_media::Pixel::Yuv420p10).
    pub(crate) fn between(&mut self, first: &Frame, second: &Frame) -> Gap {
        let difference = difference(first, second);
        let sudden = (difference - self.before).abs();
        self.before = difference;
        if difference.min(sudden) >= CUT {
            Gap::Cut
        } else if (0..3).all(|plane| first.plane(plane) == second.plane(plane)) {
            Gap::Still
        } else {
            Gap::Motion
        }
    }
}

fn difference(first: &Frame, second: &Frame) -> f64 {
    fn samples(frame: &Frame) -> &[[u8; 2]] {
        frame.plane(0).as_chunks::<2>().0
    }
    let (first, second) = (samples(first), samples(second));
    let each =
        first.iter().zip(second).map(|(a, b)| u64::from(u16::from_le_bytes(*a).abs_diff(u16::from_le_bytes(*b))));
    each.sum::<u64>() as f64 * 100.0 / (first.len().max(1) as f64 * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spotloom_media::{FrameFormat, Pixel};

    #[test]
    fn a_cut_is_sudden_and_large() {
        fn check(luma: &[u16], expected: &[Gap]) {
            let frames: Vec<Frame> = luma.iter().map(|value| flat(*value)).collect();
            let mut cuts = Cuts::default();
            let found: Vec<_> = frames.windows(2).map(|pair| cuts.between(&pair[0], &pair[1])).collect();
            assert_eq!(found, expected, "{luma:?}");
        }
        use Gap::{Cut, Motion, Still};
        check(&[200, 200, 700, 700], &[Still, Cut, Still]);
        check(&[200, 250, 300, 350], &[Motion, Motion, Motion]);
        // A flash: there and back are both sudden.
        check(&[100, 900, 900, 100], &[Cut, Still, Cut]);
        // As fast as before: the first is a cut, what goes on like it is motion.
        check(&[100, 300, 500, 700], &[Cut, Motion, Motion]);
    }

    fn flat(value: u16) -> Frame {
        let mut frame = Frame::black(FrameFormat::new(8, 8, Pixel::Yuv420p10));
        frame.plane_mut(0).as_chunks_mut::<2>().0.fill(value.to_le_bytes());
        frame
    }
}
