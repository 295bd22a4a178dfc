//! A pose as a picture: what the model sees of how a person stands.
//!
//! Grey on black: each limb an ellipse in a grey of its own, dimmed, then joints, hands and face brighter over them. The greys,
//! widths and the order are those of the reference's drawing; only the outline of a shape may differ by a pixel.

use ndarray::Array4;

use crate::photo::{Photo, Place};
use crate::pose::{Joint, Pose};

/// Pairs of body joints, drawn in this order.
const LIMBS: [(usize, usize); 17] = [
    (1, 2),
    (1, 5),
    (2, 3),
    (3, 4),
    (5, 6),
    (6, 7),
    (1, 8),
    (8, 9),
    (9, 10),
    (1, 11),
    (11, 12),
    (12, 13),
    (1, 0),
    (0, 14),
    (14, 16),
    (0, 15),
    (15, 17),
];
/// Half the width of a limb, and the radius of a joint.
const THICK: f64 = 4.0;
const FACE: f64 = 3.0;
/// How far limbs and lines reach beyond their own edge, so that pixels on it belong to them as in the reference: measured on
/// 200 of each, where 2.9 and 9 % of the pixels differ. Dots are the same.
const LIMB_EDGE: f64 = 0.6;
const LINE_EDGE: f64 = 0.4;

/// Grey values, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    pub width: usize,
    pub height: usize,
    pub grey: Vec<u8>,
}

impl Map {
    /// Nobody.
    #[must_use]
    pub fn black(width: usize, height: usize) -> Self {
        Self { width, height, grey: vec![0; width * height] }
    }

    /// A pose in the size of its photo.
    #[must_use]
    pub fn of(pose: &Pose, photo: &Photo) -> Self {
        let mut map = Self::black(photo.width, photo.height);
        map.body(&pose.body);
        pose.hands.iter().for_each(|hand| map.hand(hand));
        for joint in pose.face.iter().filter(|j| j.score >= 0.3) {
            map.dot_inside(joint, FACE, 200);
        }
        map
    }

    fn body(&mut self, body: &[Joint]) {
        for (i, (a, b)) in LIMBS.into_iter().enumerate() {
            if body[a].is_seen() && body[b].is_seen() {
                // Drawn at its own grey and dimmed: limbs drawn later cover those before.
                self.limb(&body[a], &body[b], (f64::from(grey(i)) * 0.6) as u8);
            }
        }
        for (i, joint) in body.iter().enumerate().filter(|(_, j)| j.is_seen()) {
            let limb = LIMBS.iter().position(|(a, b)| *a == i || *b == i).unwrap_or_default();
            self.dot(joint, THICK, (f64::from(grey(limb)) * 1.3).min(255.0) as u8);
        }
    }

    /// An ellipse from one joint to the other.
    fn limb(&mut self, a: &Joint, b: &Joint, grey: u8) {
        let ([ax, ay], [bx, by]) = (whole(a), whole(b));
        let middle = [((ax + bx) / 2.0).floor(), ((ay + by) / 2.0).floor()];
        let long = ((ax - bx).hypot(ay - by).trunc() / 2.0).floor();
        let (sine, cosine) = (ay - by).atan2(ax - bx).to_degrees().trunc().to_radians().sin_cos();
        self.fill(middle, long.max(THICK), grey, |[x, y]| {
            let (along, off) = (x * cosine + y * sine, y * cosine - x * sine);
            (along / (long + LIMB_EDGE)).powi(2) + (off / (THICK + LIMB_EDGE)).powi(2) <= 1.0
        });
    }

    fn hand(&mut self, hand: &[Joint]) {
        // From the wrist along each finger.
        let edges = (0..5)
            .flat_map(|finger| (0..4).map(move |i| (if i == 0 { 0 } else { finger * 4 + i }, finger * 4 + i + 1)));
        let drawn = |j: &Joint| j.score >= 0.3 && inside(j);
        for (i, (a, b)) in edges.enumerate() {
            if drawn(&hand[a]) && drawn(&hand[b]) {
                self.line(&hand[a], &hand[b], (160.0 + 60.0 * i as f64 / 19.0) as u8);
            }
        }
        hand.iter().filter(|j| j.score >= 0.3).for_each(|joint| self.dot_inside(joint, THICK, 240));
    }

    /// Two pixels wide.
    fn line(&mut self, a: &Joint, b: &Joint, grey: u8) {
        let ([ax, ay], [bx, by]) = (whole(a), whole(b));
        let (dx, dy) = (bx - ax, by - ay);
        let length = dx.hypot(dy).max(f64::EPSILON);
        self.fill([(ax + bx) / 2.0, (ay + by) / 2.0], length / 2.0 + 1.0, grey, |[x, y]| {
            let along = ((x * dx + y * dy) / length).abs() - length / 2.0;
            let off = (y * dx - x * dy) / length;
            along.max(0.0).hypot(off) <= 1.0 + LINE_EDGE
        });
    }

    fn dot(&mut self, joint: &Joint, radius: f64, grey: u8) {
        self.fill(whole(joint), radius, grey, |[x, y]| x.hypot(y) <= radius);
    }

    /// The reference takes a joint on the first row or column for one that is not there.
    fn dot_inside(&mut self, joint: &Joint, radius: f64, grey: u8) {
        if inside(joint) {
            self.dot(joint, radius, grey);
        }
    }

    /// Sets the pixels around a middle that a shape holds, given from there.
    fn fill(&mut self, [mx, my]: [f64; 2], reach: f64, grey: u8, holds: impl Fn([f64; 2]) -> bool) {
        let span = |middle: f64, count: usize| {
            let edge = |v: f64| v.clamp(0.0, count as f64) as usize;
            edge((middle - reach - 1.0).floor())..edge((middle + reach + 2.0).ceil())
        };
        for y in span(my, self.height) {
            for x in span(mx, self.width) {
                if holds([x as f64 - mx, y as f64 - my]) {
                    self.grey[y * self.width + x] = grey;
                }
            }
        }
    }

    /// `[1, 1, height, width]` from -1 to 1, brought to a place on the model's canvas without new greys.
    #[must_use]
    pub fn tensor(&self, place: Place, width: usize, height: usize) -> Array4<f32> {
        let mut tensor = Array4::from_elem((1, 1, height, width), -1.0);
        let nearest = |i: usize, from: usize, to: usize| ((2 * i + 1) * from / (2 * to)).min(from - 1);
        for y in 0..place.height {
            let row = nearest(y, self.height, place.height) * self.width;
            for x in 0..place.width {
                let grey = self.grey[row + nearest(x, self.width, place.width)];
                tensor[(0, 0, place.top + y, place.left + x)] = f32::from(grey) / 127.5 - 1.0;
            }
        }
        tensor
    }
}

/// The pixel a joint lies in.
fn whole(joint: &Joint) -> [f64; 2] {
    [joint.x.trunc(), joint.y.trunc()]
}

fn inside(joint: &Joint) -> bool {
    joint.x.trunc() > 0.0 && joint.y.trunc() > 0.0
}

/// Of a limb, before it is dimmed: 18 greys from 20 to 240.
fn grey(limb: usize) -> u8 {
    (20.0 + 220.0 * limb as f64 / 17.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pose::JOINTS;

    #[test]
    fn what_is_not_seen_is_not_drawn() {
        let photo = Photo { width: 40, height: 40, rgb: vec![0; 4800] };
        let of = |score: f64| {
            let joints: Vec<Joint> = (0..JOINTS).map(|_| Joint { x: 20.0, y: 20.0, score }).collect();
            Map::of(&Pose::new(&joints), &photo)
        };
        assert_eq!(of(0.1), Map::black(40, 40));
        assert!(of(0.9).grey.iter().any(|g| *g > 0));
    }

    #[test]
    fn a_joint_far_outside_does_no_harm() {
        let photo = Photo { width: 40, height: 40, rgb: vec![0; 4800] };
        let joints: Vec<Joint> =
            (0..JOINTS).map(|i| Joint { x: 1e5 * (i as f64 - 60.0), y: -1e6, score: 0.9 }).collect();
        assert_eq!(Map::of(&Pose::new(&joints), &photo), Map::black(40, 40));
    }

    #[test]
    fn a_smaller_map_keeps_its_greys() {
        let map = Map { width: 4, height: 2, grey: vec![10, 20, 30, 40, 50, 60, 70, 80] };
        let tensor = map.tensor(Place { left: 1, top: 0, width: 2, height: 1 }, 4, 1);
        let greys: Vec<u8> = tensor.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect();
        assert_eq!(greys, [0, 60, 80, 0]);
    }
}
