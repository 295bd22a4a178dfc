//! Evens the pace of a film whose motion is steady by nature.
//!
//! Change comes in pulses where one of the model's latent frames takes over from the one before. So every moment `t` is
//! moved a little, to the `p` where `C(p) = S(t)`: `C` is how much has changed from the first frame on, `S` its running mean
//! over more than a second of a model's frames. In every frame of the result then changes as much as in those around it.
//!
//! Invariants: moments stay in order and move by less than [`REACH`] frames; at the pins and outside of them nothing is
//! moved; so many frames and no more are held, however long the shot is.

use std::collections::VecDeque;

use super::timeline::{Blend, Timeline, coarser};
use crate::error::Error;
use crate::picture::Picture;

/// How far the running mean reaches, in frames of the model: two latent frames to either side.
const REACH: f64 = 8.0;
/// How much of the way to an even pace is gone: what is uneven on purpose is not lost altogether.
const SHARE: f64 = 0.85;
/// The change in a frame of a picture that stands still, so that its pace is even too.
const LEAST: f64 = 1e-5;

/// A [`Timeline`] with an even pace.
pub struct Paced {
    timeline: Timeline,
    /// The positions that stay where they are, first and last; `None` leaves the pace as it is.
    pins: Option<(f64, f64)>,
    /// Frames that were looked at and that the timeline has not asked for yet.
    waiting: VecDeque<Picture>,
    /// The last of them, small.
    last: Option<Picture>,
    /// For each frame, how much has changed from the first one to it.
    changed: Vec<f64>,
    ended: bool,
}

impl Paced {
    #[must_use]
    pub fn new(blend: Blend, pins: Option<(f64, f64)>) -> Self {
        let timeline = Timeline::new(blend);
        Self { timeline, pins, waiting: VecDeque::new(), last: None, changed: Vec::new(), ended: false }
    }

    /// [`Timeline::at`] at an even pace.
    ///
    /// # Errors
    /// What `next` returned.
    pub fn at(
        &mut self,
        position: f64,
        next: &mut dyn FnMut() -> Result<Option<Picture>, Error>,
    ) -> Result<Picture, Error> {
        let mut place = position;
        if let Some((from, to)) = self.pins {
            self.look_ahead((position + REACH) as usize + 3, next)?;
            if (from..to).contains(&position) {
                place = self.place(position, (from, to));
            }
        }
        let (waiting, ended) = (&mut self.waiting, self.ended);
        self.timeline.at(place, &mut || match waiting.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None if ended => Ok(None),
            None => next(),
        })
    }

    fn look_ahead(
        &mut self,
        until: usize,
        next: &mut dyn FnMut() -> Result<Option<Picture>, Error>,
    ) -> Result<(), Error> {
        while self.changed.len() <= until && !self.ended {
            let Some(frame) = next()? else {
                self.ended = true;
                break;
            };
            let small = frame.shrunk(coarser(frame.width.min(frame.height)));
            let change = self.last.as_ref().map_or(0.0, |last| {
                let differences = last.data.iter().zip(&small.data).map(|(a, b)| f64::from((a - b).abs()));
                differences.sum::<f64>() / small.data.len().max(1) as f64 + LEAST
            });
            self.changed.push(self.changed.last().copied().unwrap_or(0.0) + change);
            self.last = Some(small);
            self.waiting.push_back(frame);
        }
        Ok(())
    }

    /// Where the moment `t` is moved to.
    fn place(&self, t: f64, (from, to): (f64, f64)) -> f64 {
        let reach = REACH.min((to - from) * 0.5).floor();
        if reach < 1.0 {
            return t;
        }
        // Beyond a pin everything is mirrored at it, so that the running mean meets the curve there.
        let curve = |x: f64| {
            if x < from {
                2.0 * self.until(from) - self.until(2.0 * from - x)
            } else if x > to {
                2.0 * self.until(to) - self.until(2.0 * to - x)
            } else {
                self.until(x)
            }
        };
        let (mut sum, mut weights) = (0.0, 0.0);
        let mut by = -reach;
        while by <= reach {
            let weight = 1.0 + (std::f64::consts::PI * by / (reach + 1.0)).cos();
            sum += weight * curve(t + by);
            weights += weight;
            by += 1.0;
        }
        let wanted = sum / weights;
        let (mut low, mut high) = ((t - reach).max(from), (t + reach).min(to));
        for _ in 0..32 {
            let middle = f64::midpoint(low, high);
            if curve(middle) < wanted { low = middle } else { high = middle }
        }
        t + SHARE * (f64::midpoint(low, high) - t)
    }

    /// How much has changed from the first frame to the position `x`, as soft as the blend over time makes it.
    fn until(&self, x: f64) -> f64 {
        let Some(last) = self.changed.len().checked_sub(1) else { return 0.0 };
        let at = |i: usize| self.changed[i.min(last)];
        let soft = |i: usize| (at(i.saturating_sub(1)) + 6.0 * at(i) + at(i + 1)) / 8.0;
        let first = x.max(0.0).floor();
        let (one, two) = (soft(first as usize), soft(first as usize + 1));
        one + (two - one) * (x - first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soft spot at `x`.
    fn spot(x: f32) -> Picture {
        let (width, height) = (160, 48);
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

    /// Where a spot is that moves by these steps, over and over, at moments that lie evenly.
    fn places(steps: &[f32; 4], pins: Option<(f64, f64)>) -> Vec<f32> {
        let mut x = 20.0;
        let mut frames = (0..32).map(|k| {
            x += steps[k % 4];
            spot(x)
        });
        let mut paced = Paced::new(Blend::Spline, pins);
        let moments = (0..56).map(|i| 1.0 + f64::from(i) * 0.5);
        moments.map(|t| centre(&paced.at(t, &mut || Ok(frames.next())).expect("a picture"))).collect()
    }

    /// The largest step from place to place, over the mean.
    fn unevenness(places: &[f32]) -> f32 {
        let steps: Vec<f32> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| *step > -0.05), "it goes back: {steps:?}");
        steps.iter().copied().fold(0.0, f32::max) / (steps.iter().sum::<f32>() / steps.len() as f32)
    }

    #[test]
    fn pulses_are_evened_out_and_the_pins_stay() {
        let steps = [1.0, 1.0, 1.0, 7.0];
        let pins = (1.0, 28.5);
        let (before, after) = (places(&steps, None), places(&steps, Some(pins)));
        let (rough, even) = (unevenness(&before), unevenness(&after));
        assert!(rough > 1.5 && even < 1.0 + (rough - 1.0) * 0.5, "{rough} became {even}");
        for end in [0, 55] {
            assert!((before[end] - after[end]).abs() < 0.5, "at {end}: {} became {}", before[end], after[end]);
        }
    }

    #[test]
    fn an_even_pace_stays_as_it_is() {
        let steps = [2.0; 4];
        let (before, after) = (places(&steps, None), places(&steps, Some((1.0, 28.5))));
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() < 0.3, "{a} became {b}");
        }
    }
}
