//! Decoded frames on disk, for the next aspect or language of the same ad: after encoding, decoding the same footage again is
//! the most that a master costs.
//!
//! Invariant: what is kept is what decoding gives, so nothing depends on whether it was. The files have no name: whatever
//! becomes of the process, nothing is left behind. They are read, never mapped, so that they take no memory that the
//! system could not have back.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FsWord, fstatfs, fstatvfs};
use spotloom_media::{Frame, FrameFormat};

/// The most that all reels together take on disk: a minute and a half of 1080p at 30 frames a second.
const MOST: u64 = 8 << 30;
/// Of what is free on the disk, one part in so many.
const PART_OF_FREE: u64 = 4;
/// File systems that lie in memory (`statfs(2)`): nothing would be gained there, and memory is what is short.
const IN_MEMORY: [FsWord; 2] = [0x0102_1994, 0x8584_58f6];

/// Reels by the hash of their clip.
#[derive(Debug, Default)]
pub struct Reels {
    reels: HashMap<String, Arc<Reel>>,
}

impl Reels {
    /// Forgets all clips but these.
    pub fn only<'a>(&mut self, clips: impl IntoIterator<Item = &'a str>) {
        let wanted: Vec<&str> = clips.into_iter().collect();
        self.reels.retain(|sha256, _| wanted.contains(&sha256.as_str()));
    }

    /// Begins an empty reel in `folder` for every clip that has none. A folder that can't take any is no failure: those
    /// clips are decoded each time.
    pub fn begin<'a>(&mut self, clips: impl IntoIterator<Item = &'a str>, folder: &Path) {
        for sha256 in clips {
            if self.reels.contains_key(sha256) {
                continue;
            }
            match Reel::create(folder) {
                Ok(Some(reel)) => drop(self.reels.insert(sha256.to_owned(), Arc::new(reel))),
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "decoded frames are not kept");
                    return;
                }
            }
        }
    }

    /// The reel of a clip that is going to have `frames` frames of `bytes` bytes, unless that is more than there is room for.
    pub(crate) fn of(&self, sha256: &str, frames: f64, bytes: usize) -> Option<Arc<Reel>> {
        let reel = self.reels.get(sha256)?;
        let taken: u64 = self.reels.values().map(|reel| reel.bytes()).sum();
        let room = reel.room.min(MOST).saturating_sub(taken) as f64;
        (!reel.is_empty() || frames * bytes as f64 <= room).then(|| Arc::clone(reel))
    }
}

/// Frames of one clip, by their number in it.
#[derive(Debug)]
pub struct Reel {
    file: File,
    /// What could be taken of the disk when it was begun.
    room: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Of the first frame; a reader gives no others.
    format: Option<FrameFormat>,
    /// Where in the file each frame is, in frames.
    places: HashMap<u64, u64>,
    /// Frames that were written, those included that can't be read any more.
    written: u64,
    /// Frames of the clip, once its end was seen.
    length: Option<u64>,
    /// No more is kept; what is there is good.
    stopped: bool,
}

impl Reel {
    /// `None` where a reel is of no use.
    fn create(folder: &Path) -> io::Result<Option<Self>> {
        let file = tempfile::tempfile_in(folder)?;
        if IN_MEMORY.contains(&fstatfs(&file)?.f_type) {
            return Ok(None);
        }
        let stat = fstatvfs(&file)?;
        let room = stat.f_bavail.saturating_mul(stat.f_frsize) / PART_OF_FREE;
        Ok(Some(Self { file, room, kept: Mutex::default() }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.kept().places.is_empty()
    }

    fn bytes(&self) -> u64 {
        let kept = self.kept();
        kept.format.map_or(0, |format| format.bytes() as u64 * kept.written)
    }

    pub(crate) fn has(&self, number: u64) -> bool {
        self.kept().places.contains_key(&number)
    }

    /// Whether the clip is known to have ended before this frame.
    pub(crate) fn ends_before(&self, number: u64) -> bool {
        self.kept().length.is_some_and(|length| length <= number)
    }

    pub(crate) fn end(&self, length: u64) {
        self.kept().length = Some(length);
    }

    /// A kept frame. `None` when it is not there, or can't be read any more: it is decoded then.
    pub(crate) fn get(&self, number: u64) -> Option<Frame> {
        let (format, place) = {
            let kept = self.kept();
            (kept.format?, *kept.places.get(&number)?)
        };
        let mut frame = Frame::new(format);
        let mut at = place * format.bytes() as u64;
        for plane in frame.planes_mut() {
            if let Err(error) = self.file.read_exact_at(plane, at) {
                tracing::debug!(%error, number, "a decoded frame can't be read again");
                self.kept().places.remove(&number);
                return None;
            }
            at += plane.len() as u64;
        }
        frame.index = number;
        Some(frame)
    }

    /// Keeps no more frames.
    pub(crate) fn stop(&self, why: &str) {
        if !std::mem::replace(&mut self.kept().stopped, true) {
            tracing::debug!(why, "decoded frames are not kept from here on");
        }
    }

    /// Keeps a frame. When the disk is full the clip is decoded from there on.
    pub(crate) fn put(&self, number: u64, frame: &Frame) {
        let mut kept = self.kept();
        if kept.stopped || kept.format.is_some_and(|format| format != frame.format()) {
            return;
        }
        let place = kept.written;
        let mut at = place * frame.format().bytes() as u64;
        for plane in 0..frame.format().pixel.planes() {
            let bytes = frame.plane(plane);
            if let Err(error) = self.file.write_all_at(bytes, at) {
                tracing::debug!(%error, number, "decoded frames are not kept from here on");
                kept.stopped = true;
                return;
            }
            at += bytes.len() as u64;
        }
        kept.format = Some(frame.format());
        kept.places.insert(number, place);
        kept.written += 1;
    }
}
