//! The clip that is written, and what its end needs.
//!
//! Invariant: no frame is written before the clip is known to be long enough for it, so that one that was given too many is left out.

use std::collections::VecDeque;

use spotloom_media::{Frame, Result, Writer};

pub(crate) struct Sink {
    pub(crate) writer: Writer,
    held: VecDeque<Frame>,
    /// The last frame that was written.
    last: Frame,
    /// What stands at the end instead of it.
    stays: Option<Frame>,
}

impl Sink {
    /// `first` is what stands where nothing else does.
    pub(crate) fn new(writer: Writer, first: Frame) -> Self {
        Self { writer, held: VecDeque::new(), last: first, stays: None }
    }

    /// Takes the next frame, and writes up to so many in all: what the frames that were read make at the new rate.
    pub(crate) fn give(&mut self, frame: Frame, most: u64) -> Result<()> {
        self.held.push_back(frame);
        self.write(most)
    }

    fn write(&mut self, most: u64) -> Result<()> {
        while self.writer.frames() < most
            && let Some(frame) = self.held.pop_front()
        {
            self.writer.write(&frame)?;
            self.last = frame;
        }
        Ok(())
    }

    /// What is repeated to the end of the clip.
    pub(crate) fn stand(&mut self, frame: Frame) {
        self.stays = Some(frame);
    }

    /// Ends the clip at exactly so many frames: there is nothing behind the last one to move towards, and it stays. Says how often.
    pub(crate) fn fill(&mut self, wanted: u64) -> Result<u64> {
        self.write(wanted)?;
        let before = self.writer.frames();
        while self.writer.frames() < wanted {
            self.writer.write(self.stays.as_ref().unwrap_or(&self.last))?;
        }
        Ok(self.writer.frames() - before)
    }
}
