//! Writes the mezzanine: what the model made, what clips had, and where one runs over into the other, both.
//!
//! Invariant: frames are written in order, and at most half a second of them is held back, before a clip that the shot ends with.

use std::path::Path;
use std::sync::mpsc::Receiver;

use spotloom_media::{Frame, Result, WriteOptions, Writer, Written};

use crate::cut::Cut;
use crate::error::Error;
use crate::finish::film::Film;
use crate::finish::handover::Handover;
use crate::footage::media;
use crate::picture::Picture;

/// One frame to be written.
pub(crate) struct Sheet {
    /// From the model, Y'CbCr in its own size.
    pub made: Option<Picture>,
    /// From a clip, finished.
    pub kept: Option<Frame>,
    /// The share of what was made, from 0 to 1, where there are both.
    pub share: f32,
}

/// Enlarges and writes frames until there are no more.
pub(crate) fn print(
    path: &Path,
    options: WriteOptions,
    film: &Film,
    cut: &Cut,
    sheets: &Receiver<Sheet>,
) -> std::result::Result<Written, Error> {
    let second = (options.fps.0 / options.fps.1.max(1)).max(1) as usize;
    // Between two clips the middle third is all the model's, however short it is.
    let third = |frames: u64| (frames / 3) as usize;
    let most = match (cut.before, cut.after) {
        (Some(before), Some(after)) => third(after.until.saturating_sub(before.until)).min(second),
        _ => second,
    };
    // What is let go before a clip has to be held back until the clip is there.
    let lead = most.min(second / 2);
    let mut printer = Printer {
        writer: Writer::create(path, options).map_err(media)?,
        cut,
        opening: Handover::new(most),
        closing: Handover::new(lead),
        held: Vec::new(),
        lead,
    };
    for (index, sheet) in sheets.iter().enumerate() {
        let index = index as u64;
        let made = sheet.made.map(|picture| film.frame(index, &picture)).transpose().map_err(media)?;
        printer.next(index, made, sheet.kept, sheet.share).map_err(media)?;
    }
    printer.finish().map_err(media)
}

struct Printer<'a> {
    writer: Writer,
    cut: &'a Cut,
    /// From the clip that the shot begins with, and back from the one that it ends with.
    opening: Handover,
    closing: Handover,
    /// Made frames that come right before the latter, and how many there are once it begins.
    held: Vec<Frame>,
    lead: usize,
}

impl Printer<'_> {
    fn next(&mut self, index: u64, made: Option<Frame>, kept: Option<Frame>, share: f32) -> Result<()> {
        match (made, kept) {
            (Some(mut made), Some(mut kept)) => {
                if self.cut.after.is_some_and(|after| index >= after.until) {
                    self.closing.learn(&kept, &mut made);
                    self.lead_up()?;
                } else {
                    self.opening.learn(&kept, &mut made);
                }
                mix(&mut kept, &made, share);
                self.writer.write(&kept)
            }
            (Some(mut made), None) => {
                self.opening.carry(&mut made);
                let near = self.cut.after.is_some_and(|after| index + self.lead as u64 >= after.until);
                if near {
                    self.held.push(made);
                    return Ok(());
                }
                self.writer.write(&made)
            }
            (None, Some(kept)) => self.writer.write(&kept),
            (None, None) => Ok(()),
        }
    }

    /// Writes the frames that were held back, the nearer to the clip the closer to it.
    fn lead_up(&mut self) -> Result<()> {
        for frame in self.held.iter_mut().rev() {
            self.closing.carry(frame);
        }
        self.held.drain(..).try_for_each(|frame| self.writer.write(&frame))
    }

    fn finish(mut self) -> Result<Written> {
        self.held.drain(..).try_for_each(|frame| self.writer.write(&frame))?;
        self.writer.finish()
    }
}

/// Moves 10-bit samples towards those of another frame.
fn mix(frame: &mut Frame, other: &Frame, share: f32) {
    for (p, plane) in frame.planes_mut().enumerate() {
        for (a, b) in plane.chunks_exact_mut(2).zip(other.plane(p).chunks_exact(2)) {
            let (from, to) = (f32::from(u16::from_le_bytes([a[0], a[1]])), f32::from(u16::from_le_bytes([b[0], b[1]])));
            a.copy_from_slice(&((from + share * (to - from)).round() as u16).to_le_bytes());
        }
    }
}
