//! Where a shot's frames lie in time: which frames of the result are made, which are those of a clip, and which of the
//! model's frames each moment is.
//!
//! Invariant: pure arithmetic; positions in the model's frames never go below what the blend over time asks for before
//! them.

use std::ops::RangeInclusive;

use crate::finish::timeline::Blend;

/// A clip's frames in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Frames of the result that it fills: up to here (for the clip before) or from here on (for the one after).
    pub until: u64,
    /// The frame of the result that the clip's first frame is.
    pub offset: i64,
}

/// How a shot is laid out. Frames of the result are counted from 0 at the rate of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Frames of the result.
    pub frames: u64,
    /// The clip that the result begins with.
    pub before: Option<Kept>,
    /// The clip that it ends with.
    pub after: Option<Kept>,
    /// The first frame of the result that the model has a share in, and the first after those.
    pub made: (u64, u64),
    /// Frames of the model in all.
    pub wanted: usize,
    /// What a moment between the model's frames is made of.
    pub blend: Blend,
    /// The position in the model's frames of the frame 0 of the result, and how far one is from the next.
    pub origin: f64,
    pub rate: f64,
}

/// What is given at the ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The shot goes on from this frame of the result: what is before it is a clip's.
    pub before: Option<u64>,
    /// From this frame of the result on it is a clip's.
    pub after: Option<u64>,
    /// The last frame of the result is a given picture.
    pub last_picture: bool,
    /// What comes after is the shot's own beginning: the frame after its last is its first, and not a clip's.
    pub turn: bool,
}

impl Cut {
    /// Lays out a shot of `frames`. `rate` is how many of the model's frames pass in one of the result; it is kept where
    /// the shot is open, and stretched where both ends are given or an open shot is hardly longer than one clip. `context` is how many of the model's frames a clip is
    /// handed on by, `blend` what a moment of them is made of. Between two ends `lengths` are the shortest that the family makes, and the longest that it makes at once: a few frames more
    /// are left out, since they would take another clip.
    #[must_use]
    pub fn new(
        frames: u64,
        rate: f64,
        ends: Ends,
        context: usize,
        lengths: RangeInclusive<usize>,
        blend: Blend,
    ) -> Self {
        let (given, before) = (context as f64, blend.before() as f64);
        let (start, first) = ends.before.map_or((0, before), |b| (b, given));
        // Where the end is given: that frame of the result, and how many of the model's frames are from there to its end.
        let end = match (ends.after, ends.last_picture) {
            // The last of the model's frames is its first again.
            (Some(e), _) if ends.turn => Some((e, 1.0 - before)),
            (Some(e), _) => Some((e, given)),
            (None, true) => Some((frames - 1, blend.after() as f64)),
            (None, false) => None,
        };
        let (wanted, rate) = match end {
            None => {
                let (span, most) = ((frames - 1 - start) as f64, *lengths.end());
                match blend.needed(first + span * rate).checked_sub(most) {
                    Some(1..=MOST_LEFT_OUT) => (most, ((most - blend.after()) as f64 - first) / span.max(1.0)),
                    _ => (blend.needed(first + span * rate), rate),
                }
            }
            Some((end, rest)) => {
                let span = (end - start).max(1) as f64;
                let wanted = ((first + span * rate + rest) / given).ceil() as usize * context;
                let (least, most) = lengths.into_inner();
                let wanted = if wanted.saturating_sub(most) <= MOST_LEFT_OUT { wanted.min(most) } else { wanted };
                let wanted = wanted.max(least);
                (wanted, (wanted as f64 - rest - first) / span)
            }
        };
        let made_from = ends.before.map_or(0, |b| b - reach(first - 1.0, rate).min(b));
        let made_to = ends.after.map_or(frames, |e| (e + reach(given - blend.after() as f64, rate) + 1).min(frames));
        Self {
            frames,
            before: ends.before.map(|until| Kept { until, offset: 0 }),
            after: ends.after.map(|until| Kept { until, offset: 0 }),
            made: (made_from, made_to),
            wanted,
            blend,
            origin: first - start as f64 * rate,
            rate,
        }
    }

    /// Lays out a loop of a model that knows rings: one turn of the model's frames is one turn of the result.
    #[must_use]
    pub fn ring(frames: u64, rate: f64, context: usize, least: usize) -> Self {
        let turn = ((frames as f64 * rate / context as f64).round() as usize * context).max(least);
        Self {
            frames,
            before: None,
            after: None,
            made: (0, frames),
            wanted: turn,
            blend: Blend::Spline,
            origin: 1.0,
            rate: turn as f64 / frames as f64,
        }
    }

    /// Where a frame of the result lies among the model's.
    #[must_use]
    pub fn position(&self, frame: u64) -> f64 {
        (self.origin + frame as f64 * self.rate).max(self.blend.before() as f64)
    }

    /// The positions between which the pace may be evened: all that is made, also where a clip shows the same moments. The
    /// model's pulse lies right there, where its first own latent frame takes over from the given one, and what it is off by for
    /// a few frames is blended over.
    #[must_use]
    pub fn pins(&self) -> (f64, f64) {
        (self.position(self.made.0), self.position(self.made.1.saturating_sub(1)))
    }

    /// Which moment of the result a frame of the model is.
    #[must_use]
    pub fn moment(&self, frame: usize) -> f64 {
        (frame as f64 - self.origin) / self.rate
    }

    /// The model's share in a frame of the result: 0 where it is a clip's, 1 where it is made, in between where the two
    /// show the same moments.
    #[must_use]
    pub fn share(&self, frame: u64) -> f32 {
        let (from, to) = self.made;
        let rising = |from: u64, to: u64| (frame + 1).saturating_sub(from) as f32 / (to + 1 - from) as f32;
        let into = self.before.map_or(1.0, |before| rising(from, before.until));
        let out = self
            .after
            .map_or(1.0, |after| 1.0 - (frame + 1).saturating_sub(after.until) as f32 / (to + 1 - after.until) as f32);
        let share = into.clamp(0.0, 1.0).min(out.clamp(0.0, 1.0));
        share * share * (3.0 - 2.0 * share)
    }
}

/// How many frames are left out rather than made in a clip of their own.
const MOST_LEFT_OUT: usize = 2;

/// Frames of the result in so many of the model's.
fn reach(frames: f64, rate: f64) -> u64 {
    (frames / rate).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(frames: u64, ends: Ends) -> Cut {
        Cut::new(frames, 10.0 / 24.0, ends, 4, 16..=usize::MAX, Blend::Spline)
    }

    #[test]
    fn between_two_ends_a_clip_is_as_long_as_its_time_and_what_is_hardly_longer_than_one_is_one() {
        // A model of 16 frames a second that makes 81 at once, from a first and a last picture.
        let check = |frames: u64, fps: f64, wanted: usize| {
            let ends = Ends { last_picture: true, ..Ends::default() };
            let cut = Cut::new(frames, 16.0 / fps, ends, 1, 1..=81, Blend::Between);
            assert_eq!(cut.wanted, wanted, "{frames} at {fps}");
            assert_eq!(cut.position(0), 0.0, "the first picture is the first frame");
            assert!((cut.position(frames - 1) - (wanted - 1) as f64).abs() < 1e-9, "and the last the last");
        };
        check(24, 24.0, 17);
        check(120, 24.0, 81);
        check(150, 30.0, 81);
        check(123, 24.0, 81);
        check(240, 24.0, 161);
        // Open at its end: five seconds of such a model are one clip, at its own rate as at another.
        for (frames, fps) in [(81, 16.0), (83, 16.0), (120, 24.0), (150, 30.0)] {
            let cut = Cut::new(frames, 16.0 / fps, Ends::default(), 1, 1..=81, Blend::Between);
            assert_eq!((cut.wanted, cut.position(0)), (81, 0.0), "{frames} at {fps}");
            assert!(cut.position(frames - 1) <= 80.0 + 1e-9, "{frames} at {fps}: the last one stays");
        }
        // One that turns: after its last frame comes its first, a frame behind the picture.
        let ends = Ends { after: Some(48), turn: true, ..Ends::default() };
        let turn = Cut::new(48, 16.0 / 24.0, ends, 1, 1..=81, Blend::Between);
        assert_eq!((turn.wanted, turn.made), (33, (0, 48)));
        assert!((turn.position(48) - (turn.wanted - 1) as f64).abs() < 1e-9);
    }

    #[test]
    fn an_open_shot_keeps_the_rate() {
        let shot = cut(48, Ends::default());
        assert_eq!((shot.wanted, shot.made), (22, (0, 48)));
        assert_eq!((shot.position(0), shot.position(24)), (1.0, 11.0));
        assert_eq!((shot.share(0), shot.share(47)), (1.0, 1.0));
    }

    #[test]
    fn what_is_given_meets_the_result_where_it_should() {
        // A clip of 2 s, 2 s made, another clip of 2 s.
        let shot = cut(144, Ends { before: Some(48), after: Some(96), ..Ends::default() });
        assert_eq!(shot.wanted % 4, 0);
        assert!((shot.position(48) - 4.0).abs() < 1e-9);
        assert!((shot.position(96) - (shot.wanted - 4) as f64).abs() < 1e-9);
        assert!((shot.moment(4) - 48.0).abs() < 1e-9);
        assert!(shot.position(shot.made.0) >= 1.0 && shot.position(shot.made.1 - 1) <= (shot.wanted - 2) as f64);
        assert_eq!((shot.share(shot.made.0 - 1), shot.share(48), shot.share(72)), (0.0, 1.0, 1.0));
        assert_eq!(shot.share(shot.made.1), 0.0);
        assert!(shot.share(46) > shot.share(44) && shot.share(98) < shot.share(96));
    }

    #[test]
    fn a_last_picture_is_the_last_frame_and_a_loop_is_one_turn() {
        let shot = cut(48, Ends { last_picture: true, ..Ends::default() });
        assert!((shot.position(47) - (shot.wanted - 2) as f64).abs() < 1e-9);
        let ring = Cut::ring(48, 10.0 / 24.0, 4, 16);
        assert_eq!(ring.wanted, 20);
        assert!((ring.position(48) - 21.0).abs() < 1e-9);
    }
}
