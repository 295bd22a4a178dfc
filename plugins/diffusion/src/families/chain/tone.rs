//! Colours over a chain of clips.
//!
//! Two things go wrong where a clip begins with pictures of the one before: encoding and decoding them changes brightness,
//! contrast and colour a little, which shows as a jump; and what changes a little in each clip adds up over many. Against the
//! first, a clip is set right by what its first frames have become of the pictures they were given as. Against the second, the
//! first clip is an anchor: the mean and the deviation of each colour come back towards its, slowly enough that no frame jumps.

use crate::families::seam;
use crate::picture::Picture;

/// Frames over which what differs from place to place at a seam is let in.
const LET_IN: f32 = 24.0;
/// How far a frame at the end of a clip has come back to the anchor: half of the way, so that what each clip adds can at most
/// double, and what is meant to change in a shot still does.
const BACK: f32 = 0.5;
/// A change of contrast beyond this is no codec's: a picture of one colour has none to compare.
const GAIN: std::ops::RangeInclusive<f32> = 0.8..=1.25;

/// Mean and deviation of each plane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tone {
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Tone {
    fn of(picture: &Picture) -> Self {
        let mut tone = Self::default();
        for (index, plane) in picture.planes().enumerate() {
            let count = plane.len().max(1) as f64;
            let (sum, squares) = plane.iter().fold((0.0, 0.0), |(sum, squares), value| {
                let value = f64::from(*value);
                (sum + value, squares + value * value)
            });
            let mean = sum / count;
            tone.mean[index] = mean as f32;
            tone.deviation[index] = (squares / count - mean * mean).max(0.0).sqrt() as f32;
        }
        tone
    }

    fn add(&mut self, other: &Self, share: f32) {
        for index in 0..3 {
            self.mean[index] += share * other.mean[index];
            self.deviation[index] += share * other.deviation[index];
        }
    }

    /// The gain and the offset of each plane that lead from this tone so far towards another.
    fn towards(&self, other: &Self, share: f32) -> [(f32, f32); 3] {
        std::array::from_fn(|index| {
            let gain = other.deviation[index] / self.deviation[index].max(1e-4);
            let gain = 1.0 + share * (gain.clamp(*GAIN.start(), *GAIN.end()) - 1.0);
            let mean = self.mean[index] + share * (other.mean[index] - self.mean[index]);
            (gain, mean - gain * self.mean[index])
        })
    }
}

/// What a clip's colours come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Back towards the first clip's.
    Back,
    /// Whatever they are, set right as at the beginning.
    Open,
    /// What the model made of what is given there.
    Given,
}

/// What is known of a shot's colours.
#[derive(Default)]
pub(super) struct Tones {
    /// The first clip's.
    anchor: Tone,
    /// Frames that it is the mean of.
    learnt: f32,
    /// What the clip under way began with: as it was, and as it has become.
    was: Vec<Picture>,
    is: Vec<Picture>,
    /// What sets the clip under way right, and what is left of the difference from place to place.
    right: [(f32, f32); 3],
    rest: Option<Picture>,
}

impl Tones {
    /// A frame of the first clip.
    pub fn learn(&mut self, picture: &Picture) {
        let share = 1.0 / (self.learnt + 1.0);
        let tone = Tone::of(picture);
        let before = self.anchor;
        self.anchor.add(&before, -share);
        self.anchor.add(&tone, share);
        self.learnt += 1.0;
    }

    /// A frame that a clip begins with, as it was and as it has become; `last` of them.
    pub fn meet(&mut self, was: &Picture, is: &Picture, last: bool) {
        self.was.push(was.clone());
        self.is.push(is.clone());
        if !last {
            return;
        }
        let (was, mut is) = (std::mem::take(&mut self.was), std::mem::take(&mut self.is));
        let share = 1.0 / was.len() as f32;
        let mut tones = [Tone::default(); 2];
        for (tone, pictures) in tones.iter_mut().zip([&was, &is]) {
            pictures.iter().for_each(|picture| tone.add(&Tone::of(picture), share));
        }
        self.right = tones[1].towards(&tones[0], 1.0);
        is.iter_mut().for_each(|picture| apply(picture, &self.right, 1.0));
        self.rest = seam::change(&was, &is);
    }

    /// A frame of a clip, set right by what it begins with: the one of that number of so many that it adds.
    pub fn even(&self, mut picture: Picture, index: usize, own: usize, end: End) -> Picture {
        let (index, own) = (index as f32, own.max(1) as f32);
        let way = ((index + 1.0) / own).min(1.0);
        apply(&mut picture, &self.right, if end == End::Given { 1.0 - way } else { 1.0 });
        let near = 1.0 - index / LET_IN.min(own);
        if let Some(rest) = self.rest.as_ref().filter(|_| near > 0.0) {
            picture.data.iter_mut().zip(&rest.data).for_each(|(v, rest)| *v += near * rest);
        }
        if end == End::Back {
            let share = BACK * way * way * (3.0 - 2.0 * way);
            let back = Tone::of(&picture).towards(&self.anchor, share);
            apply(&mut picture, &back, 1.0);
        }
        picture.data.iter_mut().for_each(|v| *v = v.clamp(-1.0, 1.0));
        picture
    }
}

/// Gain and offset of each plane, as much of them as `share` says.
fn apply(picture: &mut Picture, planes: &[(f32, f32); 3], share: f32) {
    for (index, (gain, offset)) in planes.iter().enumerate() {
        let (gain, offset) = (1.0 + share * (gain - 1.0), share * offset);
        picture.plane_mut(index).iter_mut().for_each(|v| *v = gain * *v + offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose brightness goes from left to right, in other steps in each plane.
    fn ramp(mean: f32, contrast: f32) -> Picture {
        let mut picture = Picture::filled(32, 16, 0.0);
        for plane in 0..3 {
            let values = picture.plane_mut(plane).iter_mut().enumerate();
            values.for_each(|(i, v)| *v = mean + contrast * ((i % 32) as f32 / 31.0 - 0.5) / (plane + 1) as f32);
        }
        picture
    }

    #[test]
    fn a_clip_is_set_right_by_what_its_first_frame_has_become() {
        let mut tones = Tones::default();
        tones.learn(&ramp(0.1, 0.8));
        // Darker and flatter than it was given.
        tones.meet(&ramp(0.1, 0.8), &ramp(0.04, 0.74), true);
        let found = tones.even(ramp(0.04, 0.74), 0, 8, End::Open);
        let differs = found.data.iter().zip(&ramp(0.1, 0.8).data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(differs < 1e-3, "{differs}");
    }

    #[test]
    fn what_each_clip_adds_is_held_by_the_anchor() {
        let mut tones = Tones::default();
        tones.learn(&ramp(0.0, 0.8));
        let mut shown = ramp(0.0, 0.8);
        let mut worst: f32 = 0.0;
        for _ in 0..20 {
            tones.meet(&shown, &shown, true);
            let start = Tone::of(&shown).mean[0];
            // In each clip the model lets the picture become brighter by 0.04.
            for frame in 0..8 {
                let brighter = 0.04 * (frame + 1) as f32 / 8.0;
                let next = tones.even(ramp(start + brighter, 0.8), frame, 8, End::Back);
                let step = (Tone::of(&next).mean[0] - Tone::of(&shown).mean[0]).abs();
                assert!(step < 0.02, "a step of {step}");
                shown = next;
            }
            worst = worst.max(Tone::of(&shown).mean[0]);
        }
        assert!(worst < 0.05, "{worst}; it would be 0.8");
    }

    #[test]
    fn a_clip_that_ends_with_a_picture_ends_as_the_model_made_it() {
        let mut tones = Tones::default();
        tones.learn(&ramp(0.5, 0.4));
        tones.meet(&ramp(0.5, 0.4), &ramp(0.4, 0.4), true);
        let last = ramp(-0.3, 0.6);
        assert_eq!(tones.even(last.clone(), 23, 24, End::Given).plane(0)[5], last.plane(0)[5]);
    }
}
