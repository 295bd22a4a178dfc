//! Frames at any moment between a model's own frames.
//!
//! A moment is a [`Blend`] of its neighbours, each moved along the motion to that moment.
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

    /// The planes again.
    fn apart(&self) -> Picture {
        let data = (0..3).flat_map(|plane| self.pixels.iter().map(move |pixel| pixel[plane])).collect();
        Picture { width: self.width, height: self.height, data }
    }

    /// What is at a place between pixels, by Catmull and Rom's cubic: hardly softer than the pixels themselves.
    fn sharp(&self, x: f32, y: f32) -> [f32; 4] {
        let taps = |at: f32, count: usize| {
            let at = at.clamp(0.0, (count - 1) as f32);
            let first = at.floor();
            let places = std::array::from_fn::<_, 4, _>(|k| (first as usize + k).saturating_sub(1).min(count - 1));
            (places, catmull_rom(at - first))
        };
        let ((columns, across), (rows, down)) = (taps(x, self.width), taps(y, self.height));
        let mut sum = [0.0; 4];
        for (row, down) in rows.into_iter().zip(down) {
            for (column, across) in columns.into_iter().zip(across) {
                let (pixel, weight) = (&self.pixels[row * self.width + column], down * across);
                sum = std::array::from_fn(|i| sum[i] + weight * pixel[i]);
            }
        }
        sum
    }
}

/// What a moment is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blend {
    /// The cubic B-spline of four neighbours: smooth to its second derivative and about as soft in every frame, so there is neither
    /// the ghosting of a cross-fade nor a pulse at the model's own rate, and what flickers from frame to frame is averaged
    /// away. For a small model whose frames are soft and restless.
    Spline,
    /// The model's frames as they are; a moment between two of them is those two, moved along the motion from one to the other. For
    /// models whose every frame is worth showing.
    Between,
}

impl Blend {
    /// How many frames it needs before the moment.
    #[must_use]
    pub const fn before(self) -> usize {
        match self {
            Self::Spline => 1,
            Self::Between => 0,
        }
    }

    /// How many frames it needs after the moment, one that lies on it included.
    #[must_use]
    pub const fn after(self) -> usize {
        match self {
            Self::Spline => 2,
            Self::Between => 1,
        }
    }

    /// How many of the model's frames there must be to show the moment at `position`.
    #[must_use]
    pub fn needed(self, position: f64) -> usize {
        match self {
            Self::Spline => position.floor() as usize + 2,
            Self::Between => (position - CLOSE).ceil() as usize + 1,
        }
    }

    const fn held(self) -> usize {
        2 * self.after()
    }
}

/// A moment as near to a frame as this is the frame; sums of rates are as far off as that.
const CLOSE: f64 = 1e-6;

/// The moving window over a model's frames.
pub struct Timeline {
    blend: Blend,
    /// Up to four frames, or two; the moment asked for lies between the middle two.
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
    pub fn new(blend: Blend) -> Self {
        Self { blend, frames: VecDeque::new(), last: None, motion: VecDeque::new(), dropped: 0 }
    }

    /// The picture at `position`, in frames of the model from its first; positions never go back, and begin at
    /// [`Blend::before`], so that what is needed before them is there. `next` gives the next frame of the model (Y'CbCr), or `None` at the end.
    ///
    /// # Errors
    /// What `next` returned.
    pub fn at(
        &mut self,
        position: f64,
        next: &mut dyn FnMut() -> Result<Option<Picture>, Error>,
    ) -> Result<Picture, Error> {
        let near = position.round();
        let position = if (position - near).abs() < CLOSE { near } else { position };
        let first = (position.floor() as usize).saturating_sub(self.blend.before());
        while self.dropped < first || self.frames.len() < self.blend.held() {
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
        let t = (position - position.floor()) as f32;
        Ok(match self.blend {
            Blend::Spline => self.spline(t),
            Blend::Between if t == 0.0 => self.frames[0].apart(),
            Blend::Between => self.between(t),
        })
    }

    fn push(&mut self, frame: Woven, small: Picture) {
        if let Some(last) = self.last.replace(small)
            && let Some(small) = &self.last
        {
            self.motion.push_back(Field::between(last.plane(0), small.plane(0), small.width, small.height));
        }
        self.frames.push_back(frame);
        if self.frames.len() > self.blend.held() {
            self.frames.pop_front();
            self.motion.pop_front();
            self.dropped += 1;
        }
    }

    /// `t` goes from 0 at the second frame to 1 at the third.
    fn spline(&self, t: f32) -> Picture {
        // The velocity at a frame is the mean of the motion to it and from it: continuous through every frame.
        let at = |frame: usize| self.motion[frame - 1].blend(&self.motion[frame], 0.5);
        let velocity = at(1).blend(&at(2), t);
        let weights = b_spline(t);
        self.along(&velocity, |x, y, dx, dy| {
            let mut sum = [0.0; 4];
            for (j, (frame, weight)) in self.frames.iter().zip(weights).enumerate() {
                let along = j as f32 - 1.0 - t;
                let cell = Cell::at(frame.width, frame.height, x + along * dx, y + along * dy);
                let pixel = cell.read(&frame.pixels);
                sum = std::array::from_fn(|i| sum[i] + weight * pixel[i]);
            }
            sum
        })
    }

    /// `t` goes from 0 at the first frame to 1 at the second.
    fn between(&self, t: f32) -> Picture {
        self.along(&self.motion[0], |x, y, dx, dy| {
            let from = self.frames[0].sharp(x - t * dx, y - t * dy);
            let to = self.frames[1].sharp(x + (1.0 - t) * dx, y + (1.0 - t) * dy);
            std::array::from_fn(|i| (1.0 - t) * from[i] + t * to[i])
        })
    }

    /// A picture whose every pixel is made of its place and the motion there.
    fn along(&self, velocity: &Field, pixel: impl Fn(f32, f32, f32, f32) -> [f32; 4]) -> Picture {
        let (width, height) = (self.frames[0].width, self.frames[0].height);
        let (grid, size) = (velocity.width, width * height);
        let velocity: Vec<[f32; 2]> = velocity.dx.iter().zip(&velocity.dy).map(|(x, y)| [*x, *y]).collect();
        let factor = coarser(width.min(height)) as f32;
        let between = |at: usize, count: usize| Between::new((at as f32 + 0.5) / factor - 0.5, count);
        let columns: Vec<Between> = (0..width).map(|x| between(x, grid)).collect();
        let mut out = Picture::filled(width, height, 0.0);
        let (luma, chroma) = out.data.split_at_mut(size);
        let (cb, cr) = chroma.split_at_mut(size);
        for y in 0..height {
            let row = between(y, velocity.len() / grid);
            for (x, column) in columns.iter().enumerate() {
                let [dx, dy] = Cell::new(grid, column, &row).read(&velocity).map(|d| factor * d);
                let i = y * width + x;
                [luma[i], cb[i], cr[i], _] = pixel(x as f32, y as f32, dx, dy);
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

/// The weights of four neighbours at `t` between the middle two, of which one is all at 0.
fn catmull_rom(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [(-t + 2.0 * t2 - t3) / 2.0, (2.0 - 5.0 * t2 + 3.0 * t3) / 2.0, (t + 4.0 * t2 - 3.0 * t3) / 2.0, (t3 - t2) / 2.0]
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
        // A plain cross-fade of two spots 6 pixels apart would have a peak nearer to 0.9, and two humps.
        let check = |blend: Blend, positions: &[f64], least: f32| {
            let mut frames = (0..8).map(|k| spot(24.0 + 6.0 * k as f32));
            let mut timeline = Timeline::new(blend);
            for position in positions {
                let picture = timeline.at(*position, &mut || Ok(frames.next())).expect("a picture");
                let expected = 24.0 + 6.0 * *position as f32;
                assert!((centre(&picture) - expected).abs() < 0.5, "{blend:?} at {position}: {}", centre(&picture));
                let peak = picture.plane(0).iter().copied().fold(0.0, f32::max);
                assert!(peak > least, "{blend:?} at {position}: {peak}");
            }
        };
        check(Blend::Spline, &[1.0, 1.25, 1.5, 2.0, 2.75, 4.5], 0.93);
        check(Blend::Between, &[0.0, 0.25, 1.5, 2.0, 3.75], 0.97);
    }

    #[test]
    fn between_frames_that_are_worth_showing_they_stay_as_they_are() {
        let frame = |k: usize| {
            let mut picture = spot(24.0 + 6.0 * k as f32);
            // Texture of the finest kind, which any blend over time or space would take out.
            let texture = |i: usize| if (i + i / 96).is_multiple_of(2) { 0.1 } else { 0.0 };
            picture.plane_mut(0).iter_mut().enumerate().for_each(|(i, v)| *v += texture(i));
            picture
        };
        let mut frames = (0..6).map(frame);
        let mut timeline = Timeline::new(Blend::Between);
        // At two thirds of a frame, as 16 frames a second become 24.
        for moment in 0..8 {
            let position = f64::from(moment) * (16.0 / 24.0);
            let picture = timeline.at(position, &mut || Ok(frames.next())).expect("a picture");
            if moment % 3 == 0 {
                assert_eq!(picture.data, frame(moment as usize / 3 * 2).data, "at {position}");
            }
        }
    }

    #[test]
    fn as_many_frames_are_needed_as_a_blend_asks_for() {
        for (blend, position, expected) in [
            (Blend::Spline, 1.0, 3),
            (Blend::Spline, 1.5, 3),
            (Blend::Between, 0.0, 1),
            (Blend::Between, 79.333, 81),
            (Blend::Between, 80.0 + 1e-9, 81),
        ] {
            assert_eq!(blend.needed(position), expected, "{blend:?} at {position}");
        }
    }

    #[test]
    fn after_the_last_frame_the_picture_stays() {
        let mut frames = (0..4).map(|_| spot(40.0));
        let mut timeline = Timeline::new(Blend::Spline);
        let first = timeline.at(1.0, &mut || Ok(frames.next())).expect("a picture");
        let last = timeline.at(9.0, &mut || Ok(frames.next())).expect("a picture");
        assert!(first.data.iter().zip(&last.data).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}
