//! Decoded frames on disk, for the next aspect or language of the same ad: after encoding, decoding the same footage again is
//! the most that a master costs.
//!
//! Invariant: what is kept is what decoding gives, so nothing depends on whether it was. The files have no name: whatever
//! becomes of the process, nothing is left behind. They are read, never mapped, so that they take no memory that the
//! system could not have back. All of them together never take more of the disk than there was to spare when the first
//! was begun.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FsWord, fstatfs, fstatvfs};
use spotloom_media::{Frame, FrameFormat};

/// The most that all reels together take on disk: a minute and a half of 1080p at 30 frames a second.
const MOST: u64 = 8 << 30;
/// What stays free whatever happens: masters are written beside, and under two gigabytes the daemon begins no work.
const RESERVE: u64 = 4 << 30;
/// Of what is free beyond that, one part in so many.
const PART_OF_FREE: u64 = 4;
/// File systems that lie in memory (`statfs(2)`): nothing would be gained there, and memory is what is short.
const IN_MEMORY: [FsWord; 2] = [0x0102_1994, 0x8584_58f6];

/// Reels by the hash of their clip.
#[derive(Debug, Default)]
pub struct Reels {
    reels: HashMap<String, Arc<Reel>>,
    /// Bytes that may still be written.
    left: Arc<AtomicU64>,
    given_up: bool,
}

impl Reels {
    /// Forgets all clips and keeps nothing any more: the disk is needed for something else.
    pub fn give_up(&mut self) {
        self.reels.clear();
        self.given_up = true;
    }

    /// Forgets all clips but these.
    pub fn only<'a>(&mut self, clips: impl IntoIterator<Item = &'a str>) {
        let wanted: Vec<&str> = clips.into_iter().collect();
        self.reels.retain(|sha256, _| wanted.contains(&sha256.as_str()));
    }

    /// Begins an empty reel in `folder` for every clip that has none. A folder that can't take any is no failure: those
    /// clips are decoded each time.
    pub fn begin<'a>(&mut self, clips: impl IntoIterator<Item = &'a str>, folder: &Path) {
        for sha256 in clips {
            if self.given_up || self.reels.contains_key(sha256) {
                continue;
            }
            match tempfile::tempfile_in(folder).and_then(|file| Ok((spare(&file)?, file))) {
                Ok((spare, file)) => {
                    if self.reels.is_empty() {
                        self.left = Arc::new(AtomicU64::new(spare));
                    }
                    let reel = Reel { file, left: Arc::clone(&self.left), kept: Mutex::default() };
                    self.reels.insert(sha256.to_owned(), Arc::new(reel));
                }
                Err(error) => {
                    tracing::debug!(%error, "decoded frames are not kept");
                    return;
                }
            }
        }
    }

    /// As if there were so many bytes to spare, whatever the disk of whoever tests has.
    #[cfg(test)]
    pub(crate) fn set_spare(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// The reel of a clip that is going to have about `frames` frames of `bytes` bytes, unless they would not fit: half a clip
    /// is decoded from its beginning all the same.
    pub(crate) fn of(&self, sha256: &str, frames: f64, bytes: usize) -> Option<Arc<Reel>> {
        let reel = self.reels.get(sha256)?;
        let fits = frames * bytes as f64 <= self.left.load(Ordering::Relaxed) as f64;
        (fits || !reel.is_empty()).then(|| Arc::clone(reel))
    }
}

/// What may be taken of a file's disk.
fn spare(file: &File) -> io::Result<u64> {
    if IN_MEMORY.contains(&fstatfs(file)?.f_type) {
        return Ok(0);
    }
    let stat = fstatvfs(file)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    Ok((free.saturating_sub(RESERVE) / PART_OF_FREE).min(MOST))
}

/// Frames of one clip, by their number in it.
#[derive(Debug)]
pub struct Reel {
    file: File,
    /// Shared with the other reels.
    left: Arc<AtomicU64>,
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
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.kept().places.is_empty()
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

    /// Keeps a frame. When there is no more room the clip is decoded from there on; when the disk
    /// is full, all of its room is given back, for somebody else needs it.
    pub(crate) fn put(&self, number: u64, frame: &Frame) {
        let bytes = frame.format().bytes() as u64;
        let mut kept = self.kept();
        if kept.stopped || kept.format.is_some_and(|format| format != frame.format()) {
            return;
        }
        let take = |left: u64| left.checked_sub(bytes);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            kept.stopped = true;
            return;
        }
        let place = kept.written;
        let mut at = place * bytes;
        for plane in 0..frame.format().pixel.planes() {
            if let Err(error) = self.file.write_all_at(frame.plane(plane), at) {
                tracing::debug!(%error, number, "decoded frames are not kept");
                (kept.stopped, kept.places) = (true, HashMap::new());
                // What can't be given back now is when the process ends.
                let _ = self.file.set_len(0);
                return;
            }
            at += frame.plane(plane).len() as u64;
        }
        kept.format = Some(frame.format());
        kept.places.insert(number, place);
        kept.written += 1;
    }
}

#[cfg(test)]
mod tests {
    use spotloom_media::Pixel;

    use super::*;

    fn frame(level: u8) -> Frame {
        let mut frame = Frame::black(FrameFormat::new(16, 16, Pixel::Yuv420p));
        frame.plane_mut(0).fill(level);
        frame
    }

    #[test]
    fn reels_share_what_there_is_to_spare() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = frame(0).format().bytes();
        let mut reels = Reels::default();
        reels.begin(["a", "b"], folder.path());
        reels.set_spare(5 * bytes as u64);
        assert!(reels.of("a", 6.0, bytes).is_none() && reels.of("c", 1.0, bytes).is_none());
        // More comes than was expected.
        let [a, b] = ["a", "b"].map(|clip| reels.of(clip, 3.0, bytes).unwrap());
        (0..4).for_each(|number| a.put(number, &frame(number as u8)));
        (0..4).for_each(|number| b.put(number, &frame(number as u8)));
        let count = |reel: &Reel| (0..9).filter(|number| reel.has(*number)).count();
        assert_eq!((count(&a), count(&b)), (4, 1));
        assert_eq!(a.get(3).unwrap().plane(0), frame(3).plane(0));
        assert!(a.get(4).is_none() && !a.ends_before(4));
        a.end(4);
        assert!(a.ends_before(4) && !a.ends_before(3));
        reels.give_up();
        reels.begin(["a"], folder.path());
        assert!(reels.of("a", 0.0, 0).is_none());
    }
}
