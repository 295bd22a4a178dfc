//! Frames at any moment between a model's own frames.
//!
//! A moment is the cubic B-spline blend of its four neighbours, each moved along the motion to that moment. The blend is
//! smooth to its second derivative and its softness hardly changes between frames, so there is neither the ghosting of
//! a cross-fade nor a pulse at the model's own rate; what flickers from frame to frame is averaged away.
//!
//! Invariant: at most four frames are held, however long the shot is.

use std::collections::VecDeque;

use super::motion::{Between, Cell, Field};
use crate::error::Error;
use crate::picture::Picture;

/// A frame with its planes woven together, so that a place is read from all of them at once; the fourth value fills up a
/// vector.
#[derive(Clone)]
struct Woven {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 4]>,
}

impl Woven {
    fn new(picture: &Picture) -> Self {
        let [a, b, c] = [0, 1, 2].map(|plane| picture.plane(plane));
        let pixels = a.iter().zip(b).zip(c).map(|((a, b), c)| [*a, *b, *c, 0.0]).collect();
        Self { width: picture.width, height: picture.height, pixels }
    }
}

/// The moving window over a model's frames.
#[derive(Default)]
pub struct Timeline {
    /// Up to four frames; the moment asked for lies between the second and the third.
    frames: VecDeque<Woven>,
    /// The last one, as small as motion is looked for in.
    last: Option<Picture>,
    /// Motion from each frame to the next.
    motion: VecDeque<Field>,
    /// How many frames came before those held.
    dropped: usize,
}

impl Timeline {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The picture at `position`, in frames of the model from its first; positions never go back and begin at 1, so
    /// that there is always a frame before. `next` gives the next frame of the model (Y'CbCr), or `None` at the end.
    ///
    /// # Errors
    /// What `next` returned.
    pub fn at(
        &mut self,
        position: f64,
        next: &mut dyn FnMut() -> Result<Option<Picture>, Error>,
    ) -> Result<Picture, Error> {
        let first = (position.floor() as usize).saturating_sub(1);
        while self.dropped < first || self.frames.len() < 4 {
            match next()? {
                Some(frame) => {
                    let small = frame.shrunk(coarser(frame.width.min(frame.height)));
                    self.push(Woven::new(&frame), small);
                }
                None => {
                    // Past the end the last frame stays.
                    let (Some(frame), Some(small)) = (self.frames.back(), &self.last) else {
                        return Err(Error::Other(Box::new(spotloom_plugin_sdk::api::Failure::new(
                            "no-frames",
                            "the model gave no frame at all",
                        ))));
                    };
                    let (frame, small) = (frame.clone(), small.clone());
                    self.push(frame, small);
                }
            }
        }
        Ok(self.blend((position - position.floor()) as f32))
    }

    fn push(&mut self, frame: Woven, small: Picture) {
        if let Some(last) = self.last.replace(small)
            && let Some(small) = &self.last
        {
            self.motion.push_back(Field::between(last.plane(0), small.plane(0), small.width, small.height));
        }
        self.frames.push_back(frame);
        if self.frames.len() > 4 {
            self.frames.pop_front();
            self.motion.pop_front();
            self.dropped += 1;
        }
    }

    /// `t` goes from 0 at the second frame to 1 at the third.
    fn blend(&self, t: f32) -> Picture {
        let (width, height) = (self.frames[0].width, self.frames[0].height);
        // The velocity at a frame is the mean of the motion to it and from it: continuous through every frame.
        let at = |frame: usize| self.motion[frame - 1].blend(&self.motion[frame], 0.5);
        let velocity = at(1).blend(&at(2), t);
        let (grid, size) = (velocity.width, width * height);
        let velocity: Vec<[f32; 2]> = velocity.dx.iter().zip(&velocity.dy).map(|(x, y)| [*x, *y]).collect();
        let (weights, factor) = (b_spline(t), coarser(width.min(height)) as f32);
        let between = |at: usize, count: usize| Between::new((at as f32 + 0.5) / factor - 0.5, count);
        let columns: Vec<Between> = (0..width).map(|x| between(x, grid)).collect();
        let mut out = Picture::filled(width, height, 0.0);
        let (luma, chroma) = out.data.split_at_mut(size);
        let (cb, cr) = chroma.split_at_mut(size);
        for y in 0..height {
            let row = between(y, velocity.len() / grid);
            for (x, column) in columns.iter().enumerate() {
                let [dx, dy] = Cell::new(grid, column, &row).read(&velocity).map(|d| factor * d);
                let mut sum = [0.0; 4];
                for (j, (frame, weight)) in self.frames.iter().zip(weights).enumerate() {
                    let along = j as f32 - 1.0 - t;
                    let cell = Cell::at(width, height, x as f32 + along * dx, y as f32 + along * dy);
                    let pixel = cell.read(&frame.pixels);
                    sum = std::array::from_fn(|i| sum[i] + weight * pixel[i]);
                }
                let i = y * width + x;
                [luma[i], cb[i], cr[i], _] = sum;
            }
        }
        out
    }
}

/// How many times smaller motion is looked for in a picture of that shorter side: about 80 rows are enough for soft motion,
/// and half the size is needed for what is finer.
pub(super) fn coarser(side: usize) -> usize {
    (side / 80).clamp(2, 4)
}

/// The weights of four neighbours at `t` between the middle two.
#[must_use]
pub fn b_spline(t: f32) -> [f32; 4] {
    let u = 1.0 - t;
    [
        u * u * u / 6.0,
        (4.0 - 6.0 * t * t + 3.0 * t * t * t) / 6.0,
        (4.0 - 6.0 * u * u + 3.0 * u * u * u) / 6.0,
        t * t * t / 6.0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soft spot at `x`.
    fn spot(x: f32) -> Picture {
        let (width, height) = (96, 48);
        let mut picture = Picture::filled(width, height, 0.0);
        for (i, value) in picture.plane_mut(0).iter_mut().enumerate() {
            let (dx, dy) = ((i % width) as f32 - x, (i / width) as f32 - 24.0);
            *value = (-(dx * dx + dy * dy) / 128.0).exp();
        }
        picture
    }

    fn centre(picture: &Picture) -> f32 {
        let plane = picture.plane(0);
        let sum: f32 = plane.iter().sum();
        plane.iter().enumerate().map(|(i, v)| (i % picture.width) as f32 * v).sum::<f32>() / sum
    }

    #[test]
    fn a_moving_spot_is_where_it_should_be_between_frames_and_does_not_tear_in_two() {
        let mut frames = (0..8).map(|k| spot(24.0 + 6.0 * k as f32));
        let mut timeline = Timeline::new();
        for position in [1.0, 1.25, 1.5, 2.0, 2.75, 4.5] {
            let picture = timeline.at(position, &mut || Ok(frames.next())).expect("a picture");
            let expected = 24.0 + 6.0 * position as f32;
            assert!((centre(&picture) - expected).abs() < 0.5, "at {position}: {}", centre(&picture));
            let peak = picture.plane(0).iter().copied().fold(0.0, f32::max);
            // A plain cross-fade of two spots 6 pixels apart would be nearer to 0.9 and two-humped.
            assert!(peak > 0.93, "at {position}: {peak}");
        }
    }

    #[test]
    fn after_the_last_frame_the_picture_stays() {
        let mut frames = (0..4).map(|_| spot(40.0));
        let mut timeline = Timeline::new();
        let first = timeline.at(1.0, &mut || Ok(frames.next())).expect("a picture");
        let last = timeline.at(9.0, &mut || Ok(frames.next())).expect("a picture");
        assert!(first.data.iter().zip(&last.data).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}
