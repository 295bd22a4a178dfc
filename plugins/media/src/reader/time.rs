//! When frames come: which of them belong to the part that is wanted, and whether all are there that the file promised.

use ffmpeg_next::{Error as AvError, Rational};

use super::Reader;
use crate::error::{Error, Result};

/// Where a frame lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    Within,
    After,
}

/// Seconds of one unit of a time base.
pub(crate) fn tick(time_base: Rational) -> f64 {
    f64::from(time_base.numerator()) / f64::from(time_base.denominator().max(1))
}

impl Reader {
    /// How long a frame lasts, in seconds: what it says itself, else what the rate says.
    pub(super) fn lasts(&self, duration: i64) -> f64 {
        let (n, d) = self.video.fps;
        match duration {
            1.. => duration as f64 * tick(self.time_base),
            _ if n == 0 => 0.0,
            _ => f64::from(d) / f64::from(n),
        }
    }

    /// Whether a frame belongs to the part that is wanted.
    pub(super) fn place(&mut self, pts: Option<i64>, duration: i64) -> Place {
        let Some(at) = pts.map(|pts| pts as f64 * tick(self.time_base)) else { return Place::Within };
        let at = at - *self.start.get_or_insert(at);
        let (from, seconds) = (self.options.from, self.options.seconds);
        if from > 0.0 && at + self.lasts(duration) <= from + 1e-3 {
            self.end = self.end.max(at + self.lasts(duration));
            Place::Before
        } else if seconds.is_some_and(|s| at >= from + s - 1e-3) {
            Place::After
        } else {
            Place::Within
        }
    }

    pub(super) fn note_time(&mut self, pts: Option<i64>, duration: i64) {
        let Some(pts) = pts else { return };
        let (tick, one) = (tick(self.time_base), self.lasts(duration));
        let at = pts as f64 * tick;
        let start = *self.start.get_or_insert(at);
        self.end = self.end.max(at - start + one);
        let ticks = if tick > 0.0 { (one / tick).round() as i64 } else { 0 };
        self.end_ticks = self.end_ticks.max(pts.saturating_add(ticks));
    }

    /// Holds what was decoded against what the header promised.
    pub(super) fn check_whole(&self) -> Result<()> {
        if self.decoded == 0 && self.options.from > 0.0 && self.end > 0.0 {
            return Err(Error::TooShort { path: self.path.clone(), from: self.options.from, found: self.end });
        }
        if self.stopped {
            return Ok(());
        }
        if self.decoded == 0 {
            return Err(Error::Damaged { path: self.path.clone(), doing: "finding a frame", source: AvError::Eof });
        }
        let promised = self.video.seconds.or(if self.info.audio.is_none() { self.info.seconds } else { None });
        let (n, d) = self.video.fps;
        let frame = if n == 0 { 0.1 } else { f64::from(d) / f64::from(n) };
        match promised {
            // Variable rates and rounded time bases may miss the promise by a frame or two.
            Some(expected) if self.end + 2.5 * frame < expected => {
                Err(Error::CutOff { path: self.path.clone(), expected, found: self.end })
            }
            _ => Ok(()),
        }
    }
}
