//! The frames of a clip in order: out of its reel where it has them, decoded and put there where not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spotloom_media::{Error, Frame, Reader};

use super::reel::Reel;

/// A disk that takes longer than so many times the decoding is not worth its while, from this loss on.
const SLOW: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(2);

/// A clip, from its first frame to its last.
pub(super) struct Roll {
    reader: Reader,
    /// The number of the reader's next frame. It may be behind: it is asked only for what the reel has not.
    decoded: u64,
    /// The number of the next frame.
    next: u64,
    reel: Option<Arc<Reel>>,
    /// What decoding took, and keeping what was decoded.
    decoding: Duration,
    keeping: Duration,
}

impl Roll {
    /// `reader` has given no frame yet.
    pub(super) fn new(reader: Reader, reel: Option<Arc<Reel>>) -> Self {
        Self { reader, decoded: 0, next: 0, reel, decoding: Duration::ZERO, keeping: Duration::ZERO }
    }

    /// The next frame; `None` after the last.
    pub(super) fn next(&mut self) -> Option<Result<Frame, Error>> {
        if let Some(reel) = &self.reel {
            if reel.ends_before(self.next) {
                return None;
            }
            if let Some(frame) = reel.get(self.next) {
                self.next += 1;
                return Some(Ok(frame));
            }
        }
        let begun = Instant::now();
        let frame = match self.decode() {
            Ok(frame) => frame,
            Err(error) => return Some(Err(error)),
        };
        self.decoding += begun.elapsed();
        match (&frame, &self.reel) {
            (Some(frame), Some(reel)) => {
                let begun = Instant::now();
                reel.put(self.next, frame);
                self.keeping += begun.elapsed();
                if self.keeping > self.decoding * SLOW + PATIENCE {
                    reel.stop("the disk is slower than decoding");
                }
            }
            (None, Some(reel)) => reel.end(self.next),
            (_, None) => {}
        }
        self.next += u64::from(frame.is_some());
        frame.map(Ok)
    }

    /// Passes over some of the next frames, as [`Reader::pass_over`] does.
    pub(super) fn pass_over(&mut self, frames: u64) -> Result<u64, Error> {
        // With the frame after them there, none of them is the clip's last.
        if self.reel.as_ref().is_some_and(|reel| reel.has(self.next + frames)) {
            self.next += frames;
            return Ok(frames);
        }
        self.catch_up()?;
        let passed = self.reader.pass_over(frames)?;
        (self.decoded, self.next) = (self.decoded + passed, self.next + passed);
        Ok(passed)
    }

    fn decode(&mut self) -> Result<Option<Frame>, Error> {
        self.catch_up()?;
        let frame = self.reader.next().transpose()?;
        self.decoded += u64::from(frame.is_some());
        Ok(frame)
    }

    /// Brings the reader to the next frame.
    fn catch_up(&mut self) -> Result<(), Error> {
        while self.decoded < self.next {
            // Only behind its first frame a reader knows what it may pass over.
            let passed = if self.decoded == 0 { 0 } else { self.reader.pass_over(self.next - self.decoded)? };
            self.decoded += passed;
            if passed == 0 {
                match self.reader.next().transpose()? {
                    Some(_) => self.decoded += 1,
                    None => return Ok(()),
                }
            }
        }
        Ok(())
    }
}
