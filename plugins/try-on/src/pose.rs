//! The joints of a person: whole-body pose with SimCC outputs (Li et al., 2022), as DWPose (Yang et al., 2023) runs it.
//!
//! Shapes: in `[1, 3, height, width]`, BGR, the person's surroundings, normalised; out `simcc_x` `[1, 133, 2 width]` and
//! `simcc_y` `[1, 133, 2 height]`: for each joint how likely it is to lie in each half column and half row. The 133 are those
//! of COCO-WholeBody: 17 of the body, 6 of the feet, 68 of the face, 21 of each hand.

use ndarray::{Array4, ArrayView2, Axis};

use crate::detect::{Person, bilinear};
use crate::photo::Photo;

/// Joints the network tells.
pub const JOINTS: usize = 133;
/// Parts of a pixel that a position is told in.
pub const PARTS: usize = 2;
/// Joints above this are seen.
const SEEN: f64 = 0.3;
/// How much of a person's surroundings the network sees.
const PADDING: f64 = 1.25;
/// Of each channel in the order in which they are given.
const MEAN: [f64; 3] = [123.675, 116.28, 103.53];
const DEVIATION: [f64; 3] = [58.395, 57.12, 57.375];

/// A joint in pixels of the photo.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Joint {
    pub x: f64,
    pub y: f64,
    /// How sure the network is; scores are not probabilities, and may be above 1.
    pub score: f64,
}

impl Joint {
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.score > SEEN
    }
}

/// A person's joints in the order of OpenPose's 18 with those of feet, face and hands after them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pose {
    /// Nose, neck, right arm, left arm, right leg, left leg, eyes, ears.
    pub body: Vec<Joint>,
    pub face: Vec<Joint>,
    /// 21 each: the wrist, then four for each finger.
    pub hands: [Vec<Joint>; 2],
}

/// A part of the photo, in the shape the network takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    centre: [f64; 2],
    size: [f64; 2],
}

impl Window {
    /// A person with some surroundings; the whole photo where none was found.
    #[must_use]
    pub fn around(person: Option<&Person>, photo: &Photo, shape: f64) -> Self {
        let whole = Person { left: 0.0, top: 0.0, right: photo.width as f64, bottom: photo.height as f64, score: 0.0 };
        let Person { left, top, right, bottom, .. } = *person.unwrap_or(&whole);
        let (width, height) = ((right - left) * PADDING, (bottom - top) * PADDING);
        let size = if width > height * shape { [width, width / shape] } else { [height * shape, height] };
        Self { centre: [(left + right) / 2.0, (top + bottom) / 2.0], size }
    }

    /// What the network is given: `[1, 3, height, width]`.
    #[must_use]
    pub fn input(&self, photo: &Photo, (width, height): (usize, usize)) -> Array4<f32> {
        let step = self.size[0] / width as f64;
        let mut tensor = Array4::zeros((1, 3, height, width));
        for y in 0..height {
            for x in 0..width {
                let at = |i: usize, side: usize, centre: f64| (i as f64 - side as f64 / 2.0) * step + centre;
                let colour = bilinear(photo, at(x, width, self.centre[0]), at(y, height, self.centre[1]));
                for (channel, value) in colour.into_iter().rev().enumerate() {
                    tensor[(0, channel, y, x)] = ((value.round() - MEAN[channel]) / DEVIATION[channel]) as f32;
                }
            }
        }
        tensor
    }

    /// The joints from what the network gave, in its own order.
    #[must_use]
    pub fn joints(
        &self,
        across: ArrayView2<'_, f32>,
        down: ArrayView2<'_, f32>,
        (width, height): (usize, usize),
    ) -> Vec<Joint> {
        let place = |at: usize, side: usize, axis: usize| {
            (at as f64 / PARTS as f64) / side as f64 * self.size[axis] + self.centre[axis] - self.size[axis] / 2.0
        };
        across
            .axis_iter(Axis(0))
            .zip(down.axis_iter(Axis(0)))
            .map(|(across, down)| {
                let ((x, likely), (y, as_likely)) = (highest(across.iter()), highest(down.iter()));
                Joint { x: place(x, width, 0), y: place(y, height, 1), score: f64::from(likely.min(as_likely)) }
            })
            .collect()
    }
}

/// The first highest value, and where it is.
fn highest<'a>(values: impl Iterator<Item = &'a f32>) -> (usize, f32) {
    values.enumerate().fold((0, f32::NEG_INFINITY), |best, (i, &v)| if v > best.1 { (i, v) } else { best })
}

impl Pose {
    /// Puts the network's joints into OpenPose's order, with a neck between the shoulders.
    #[must_use]
    pub fn new(joints: &[Joint]) -> Self {
        let [left, right] = [joints[5], joints[6]];
        let score = f64::from(u8::from(left.is_seen() && right.is_seen()));
        let neck = Joint { x: (left.x + right.x) / 2.0, y: (left.y + right.y) / 2.0, score };
        // Where OpenPose's joints stand in COCO's order; the neck is put in below.
        let order = [0, usize::MAX, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3];
        let body = order.map(|i| joints.get(i).copied().unwrap_or(neck));
        let hands = [joints[91..112].to_vec(), joints[112..133].to_vec()];
        Self { body: body.to_vec(), face: joints[23..91].to_vec(), hands }
    }

    /// Whether enough of a body is seen to dress it.
    #[must_use]
    pub fn is_somebody(&self) -> bool {
        self.body.iter().filter(|j| j.is_seen()).count() >= 4
    }

    /// The one of several people that the picture is about: seen best and largest, heads left out.
    #[must_use]
    pub fn main(people: Vec<Self>) -> Option<Self> {
        let weight = |pose: &Self| {
            let seen: Vec<&Joint> = pose.body[1..14].iter().filter(|j| j.is_seen()).collect();
            let span = |of: fn(&Joint) -> f64| {
                let inside = || seen.iter().map(|j| of(j)).filter(|v| *v > 0.0);
                (inside().fold(0.0, f64::max) - inside().fold(f64::INFINITY, f64::min)).max(0.0)
            };
            let scores: f64 = seen.iter().map(|j| j.score).sum();
            // Of people without extent, the one seen best.
            (scores * span(|j| j.x) * span(|j| j.y), scores)
        };
        people.into_iter().max_by(|a, b| {
            let (a, b) = (weight(a), weight(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn a_window_has_the_networks_shape_and_joints_come_back_to_the_photo() {
        let photo = Photo { width: 400, height: 400, rgb: vec![0; 400 * 400 * 3] };
        let person = Person { left: 100.0, top: 40.0, right: 200.0, bottom: 360.0, score: 1.0 };
        let window = Window::around(Some(&person), &photo, 0.75);
        assert_eq!((window.centre, window.size), ([150.0, 200.0], [300.0, 400.0]));
        let (mut across, mut down) = (Array2::zeros((JOINTS, 576)), Array2::zeros((JOINTS, 768)));
        across[(0, 288)] = 0.8;
        down[(0, 192)] = 0.9;
        let joints = window.joints(across.view(), down.view(), (288, 384));
        assert!((joints[0].x - 150.0).abs() < 1e-9 && (joints[0].y - 100.0).abs() < 1e-9, "{:?}", joints[0]);
        assert!(joints[0].is_seen() && !joints[1].is_seen());
        assert_eq!(Window::around(None, &photo, 0.75).centre, [200.0, 200.0]);
    }

    #[test]
    fn the_largest_of_several_people_is_meant() {
        let of = |size: f64, score: f64| {
            let joint = |i: usize| Joint { x: 10.0 + size * i as f64, y: 10.0 + size * i as f64, score };
            Pose::new(&(0..JOINTS).map(joint).collect::<Vec<_>>())
        };
        let check = |people: Vec<Pose>, expected: &Pose| assert_eq!(Pose::main(people).as_ref(), Some(expected));
        check(vec![of(1.0, 0.9), of(3.0, 0.8), of(2.0, 0.9)], &of(3.0, 0.8));
        check(vec![of(9.0, 0.2), of(1.0, 0.9)], &of(1.0, 0.9));
        check(vec![of(0.0, 0.5), of(0.0, 0.9)], &of(0.0, 0.9));
        assert_eq!(Pose::main(Vec::new()), None);
    }

    #[test]
    fn the_neck_is_between_the_shoulders_and_seen_when_both_are() {
        let mut joints = vec![Joint::default(); JOINTS];
        joints[5] = Joint { x: 10.0, y: 20.0, score: 0.9 };
        joints[6] = Joint { x: 30.0, y: 40.0, score: 0.9 };
        let neck = |joints: &[Joint]| Pose::new(joints).body[1];
        assert_eq!(neck(&joints), Joint { x: 20.0, y: 30.0, score: 1.0 });
        joints[6].score = 0.1;
        assert!(!neck(&joints).is_seen());
    }
}
