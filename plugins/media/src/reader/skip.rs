//! Passing over frames that nobody wants.

use ffmpeg_next::{Error as AvError, Packet};

use super::{Reader, State, tick};
use crate::error::{Error, Result};

/// Codecs whose packets are whole pictures, one each.
const INTRA: [&str; 4] = ["ffvhuff", "huffyuv", "ffv1", "prores"];

impl Reader {
    /// Passes over as many of the next frames, never over the last one, and says over how many. They are not decoded where
    /// every packet is a whole picture of its own, as in our own clips; of other files none is passed over.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn pass_over(&mut self, frames: u64) -> Result<u64> {
        let plain = self.options.filter.is_none() && self.options.from == 0.0 && self.options.seconds.is_none();
        if !plain || self.state != State::Reading || !INTRA.contains(&self.video.codec.as_str()) {
            return Ok(0);
        }
        // What is still to be passed over comes first.
        if self.unwanted > 0 || !self.held.is_empty() {
            return Ok(0);
        }
        // Those first that the decoder has already begun.
        let mut begun = (self.sent - self.received).min(frames);
        let mut left = frames - begun;
        // Those passed over since the last that can be decoded alone: FFV1 may build on what was before.
        let mut group: Vec<Packet> = Vec::new();
        // One more than that is read: only then it is known that the last one passed over is not the file's last.
        loop {
            match self.next_packet()? {
                Some(packet) if left == 0 => {
                    if packet.is_key() {
                        group.clear();
                    }
                    self.unwanted += group.len() as u64;
                    group.push(packet);
                    break;
                }
                Some(packet) => {
                    // Lengths count from the first frame, wanted or not.
                    let start = packet.pts().map(|pts| pts as f64 * tick(self.time_base));
                    self.start = self.start.or(start);
                    left -= 1;
                    if packet.is_key() {
                        group.clear();
                    }
                    group.push(packet);
                }
                None => {
                    match group.len() as u64 {
                        0 if begun == 0 => return Ok(0),
                        0 => begun -= 1,
                        passed => self.unwanted += passed - 1,
                    }
                    left += 1;
                    break;
                }
            }
        }
        self.held = group.into();
        self.unwanted += begun;
        self.given += frames - left;
        Ok(frames - left)
    }

    /// The next packet of the video; `None` at the end of the file.
    fn next_packet(&mut self) -> Result<Option<Packet>> {
        if let Some(packet) = self.held.pop_front() {
            return Ok(Some(packet));
        }
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => return Ok(Some(packet)),
                Ok(()) => {}
                Err(AvError::Eof) => return Ok(None),
                Err(source) => return Err(Error::Damaged { path: self.path.clone(), doing: "reading", source }),
            }
        }
    }
}
