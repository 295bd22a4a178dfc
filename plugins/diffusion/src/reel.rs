//! The model's frames on their way to the timeline, counted and reported.

use std::time::Instant;

use spotloom_plugin_sdk::prelude::*;

use crate::error::Error;
use crate::family::{Frames, Step};
use crate::finish::{colour, smooth};
use crate::picture::Picture;

/// What a run has done and has to do, over all of its variations.
pub(crate) struct Work<'a> {
    pub run: &'a Run,
    /// Clips of a variation.
    pub clips: usize,
    /// Denoising steps of a clip, those included that one made from a clip does not take.
    pub steps: usize,
    /// Steps and frames in all.
    pub total: u64,
    /// Denoising steps done.
    pub done: u64,
    /// Frames written.
    pub frames: u64,
    /// Seconds spent in the model.
    pub thinking: f64,
}

impl Work<'_> {
    fn step(&mut self, Step { clip, step, decoding }: Step) -> Result<(), Error> {
        self.done += u64::from(!decoding);
        let what = match decoding {
            true => format!("clip {clip} of {}, decoding", self.clips),
            false => format!("clip {clip} of {}, step {step} of {}", self.clips, self.steps),
        };
        self.run.progress(self.done + self.frames, self.total, what);
        Ok(self.run.check_cancelled()?)
    }

    /// Counts a finished frame.
    pub(crate) fn frame_done(&mut self, index: u64, all: u64) -> Result<(), Error> {
        self.frames += 1;
        self.run.progress(self.done + self.frames, self.total, format!("frame {} of {all}", index + 1));
        Ok(self.run.check_cancelled()?)
    }
}

/// The frames of one shot.
pub(crate) struct Reel<'a, 'f> {
    pub source: &'a mut (dyn Frames + 'f),
    /// How many are still to be taken.
    pub left: usize,
    /// Whether what the decoder of a small model leaves in them is taken out.
    pub clean: bool,
}

impl Reel<'_, '_> {
    /// The next frame of the model as Y'CbCr; `None` once there are enough.
    pub(crate) fn next(&mut self, work: &mut Work<'_>) -> Result<Option<Picture>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let start = Instant::now();
        let picture = self.source.next(&mut |step| work.step(step))?;
        work.thinking += start.elapsed().as_secs_f64();
        let picture = picture.map(|picture| colour::to_ycbcr(&picture));
        Ok(if self.clean { picture.map(|picture| smooth::clean(&picture)) } else { picture })
    }
}
