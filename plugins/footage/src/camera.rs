//! Where the camera looks from one moment to the next. Pure.
//!
//! Invariant: the window always lies within the picture.

use crate::params::{Move, Pan, Zoom};

/// A picture that has no move of its own is approached by this much.
const SLOWLY: f64 = 0.08;

/// What is seen: its middle, and how many pixels of the picture one of the clip's is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub middle: [f64; 2],
    pub step: f64,
}

/// A straight move from one window to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    from: Window,
    to: Window,
    picture: [f64; 2],
    clip: [f64; 2],
}

/// How much closer a move ever comes: what a picture has to be sharp for.
#[must_use]
pub fn closest(camera: Option<&Move>) -> f64 {
    match camera {
        None => 1.0 + SLOWLY,
        Some(Move { zoom: None, pan: None, .. }) => 1.0,
        Some(camera) => 1.0 + camera.amount,
    }
}

impl Path {
    /// The move over a picture of some size, in a clip of some size, towards a `focus` given as fractions.
    #[must_use]
    pub fn new(picture: [f64; 2], clip: [f64; 2], camera: Option<&Move>, focus: [f64; 2]) -> Self {
        let cover = (picture[0] / clip[0]).min(picture[1] / clip[1]);
        let camera = camera.copied().unwrap_or(Move { zoom: Some(Zoom::In), pan: None, amount: SLOWLY, focus: None });
        let near = cover / (1.0 + camera.amount);
        let at = [focus[0] * picture[0], focus[1] * picture[1]];
        let window = |step: f64, middle: [f64; 2]| within(Window { middle, step }, picture, clip);
        let (mut from, mut to) = match (camera.zoom, camera.pan) {
            (None, None) => (window(cover, at), window(cover, at)),
            (Some(Zoom::In), _) => (window(cover, at), window(near, at)),
            (Some(Zoom::Out), _) => (window(near, at), window(cover, at)),
            (None, Some(pan)) => {
                // Closer only when the picture has no room to move in that direction.
                let axis = usize::from(matches!(pan, Pan::Up | Pan::Down));
                let room = picture[axis] - clip[axis] * cover;
                let way = camera.amount * clip[axis] * cover;
                let step = if room >= way { cover } else { near };
                (window(step, at), window(step, at))
            }
        };
        if let Some(pan) = camera.pan {
            let (axis, sign) = match pan {
                Pan::Left => (0, -1.0),
                Pan::Right => (0, 1.0),
                Pan::Up => (1, -1.0),
                Pan::Down => (1, 1.0),
            };
            let half = sign * camera.amount * clip[axis] * from.step.min(to.step) / 2.0;
            // Both ends keep their distance when an edge is near.
            let reach = |w: Window| (clip[axis] * w.step / 2.0, picture[axis] - clip[axis] * w.step / 2.0);
            let (low, high) = (reach(from).0.max(reach(to).0), reach(from).1.min(reach(to).1));
            let middle = (low + half.abs()).max(at[axis]).min((high - half.abs()).max(low + half.abs()));
            from.middle[axis] = middle - half;
            to.middle[axis] = middle + half;
            (from, to) = (within(from, picture, clip), within(to, picture, clip));
        }
        Self { from, to, picture, clip }
    }

    /// The window at 0 (the beginning) to 1 (the end). The enlargement grows evenly to the eye, by the same factor in
    /// the same time, and the middle keeps to the same line.
    #[must_use]
    pub fn at(&self, progress: f64) -> Window {
        let p = progress.clamp(0.0, 1.0);
        let step = self.from.step * (self.to.step / self.from.step).powf(p);
        let along = if (self.to.step - self.from.step).abs() < 1e-9 {
            p
        } else {
            (step - self.from.step) / (self.to.step - self.from.step)
        };
        let middle = [0, 1].map(|i| self.from.middle[i] + (self.to.middle[i] - self.from.middle[i]) * along);
        within(Window { middle, step }, self.picture, self.clip)
    }
}

impl Path {
    /// Where in the picture a thing has to be, to be within `field` of the clip from the first moment to the last. Both are
    /// left, top, width and height as fractions, the result at least a tenth each way.
    #[must_use]
    pub fn always(&self, field: [f64; 4]) -> [f64; 4] {
        let range = |i: usize| {
            let seen = [self.from, self.to].map(|w| {
                let whole = self.clip[i] * w.step;
                let start = w.middle[i] - whole / 2.0;
                [start + field[i] * whole, start + (field[i] + field[i + 2]) * whole].map(|v| v / self.picture[i])
            });
            let (low, high) = (seen[0][0].max(seen[1][0]), seen[0][1].min(seen[1][1]));
            if high - low < 0.1 { (f64::midpoint(low, high) - 0.05, 0.1) } else { (low, high - low) }
        };
        let ((left, width), (top, height)) = (range(0), range(1));
        [left, top, width, height]
    }
}

/// The nearest window of the same size that lies within the picture.
#[must_use]
pub fn within(window: Window, picture: [f64; 2], clip: [f64; 2]) -> Window {
    let middle = [0, 1].map(|i| {
        let half = clip[i] * window.step / 2.0;
        if half * 2.0 >= picture[i] { picture[i] / 2.0 } else { window.middle[i].clamp(half, picture[i] - half) }
    });
    Window { middle, step: window.step }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(zoom: Option<Zoom>, pan: Option<Pan>) -> Move {
        Move { zoom, pan, amount: 0.2, focus: None }
    }

    #[test]
    fn what_is_always_in_a_field_is_in_it_at_both_ends() {
        let (clip, field) = ([1000.0, 500.0], [0.5, 0.1, 0.4, 0.8]);
        let check = |zoom, pan, expected: [f64; 4]| {
            let camera = camera(zoom, pan);
            let near = closest(Some(&camera));
            let path = Path::new(clip.map(|side| side * near), clip, Some(&camera), [0.5, 0.5]);
            let found = path.always(field);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{zoom:?} {pan:?}: {found:?}");
        };
        check(None, None, field);
        check(Some(Zoom::In), None, [0.5, 0.1667, 0.3333, 0.6667]);
        // It goes by a sixth of the picture, and is seen between.
        check(None, Some(Pan::Up), [0.5, 0.25, 0.3333, 0.5]);
    }

    #[test]
    fn moves_stay_inside_and_go_where_they_say() {
        let sizes = [[4000.0, 3000.0], [1000.0, 1000.0], [800.0, 3000.0], [1920.0, 1080.0]];
        let clips = [[1920.0, 1080.0], [1080.0, 1920.0], [1080.0, 1080.0]];
        let zooms = [None, Some(Zoom::In), Some(Zoom::Out)];
        let pans = [None, Some(Pan::Left), Some(Pan::Right), Some(Pan::Up), Some(Pan::Down)];
        for (picture, clip) in sizes.iter().flat_map(|p| clips.iter().map(move |c| (*p, *c))) {
            for (zoom, pan) in zooms.iter().flat_map(|z| pans.iter().map(move |p| (*z, *p))) {
                for focus in [[0.5, 0.5], [0.0, 1.0], [0.9, 0.2]] {
                    let path = Path::new(picture, clip, Some(&camera(zoom, pan)), focus);
                    for k in 0..=20 {
                        let w = path.at(f64::from(k) / 20.0);
                        for i in 0..2 {
                            let half = clip[i] * w.step / 2.0;
                            let inside = w.middle[i] - half >= -1e-6 && w.middle[i] + half <= picture[i] + 1e-6;
                            assert!(inside, "{picture:?} {clip:?} {zoom:?} {pan:?} {focus:?} {w:?}");
                        }
                    }
                    let (a, b) = (path.at(0.0), path.at(1.0));
                    match zoom {
                        Some(Zoom::In) => assert!((a.step / b.step - 1.2).abs() < 1e-6),
                        Some(Zoom::Out) => assert!((b.step / a.step - 1.2).abs() < 1e-6),
                        None => assert_eq!(a.step, b.step),
                    }
                    if let (None, Some(pan)) = (zoom, pan) {
                        let (axis, sign) = match pan {
                            Pan::Left => (0, -1.0),
                            Pan::Right => (0, 1.0),
                            Pan::Up => (1, -1.0),
                            Pan::Down => (1, 1.0),
                        };
                        let way = sign * (b.middle[axis] - a.middle[axis]) / (clip[axis] * a.step);
                        assert!((way - 0.2).abs() < 1e-6, "{picture:?} {clip:?} {pan:?} {focus:?}: {way}");
                    }
                }
            }
        }
    }
}
