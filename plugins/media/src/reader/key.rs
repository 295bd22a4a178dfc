//! Pictures that decoding can begin with, found by a file's index.

use std::path::Path;

use ffmpeg_next::format::context::Input;

use super::time::tick;
use super::{LEAD, Reader, SEEK_FROM, SEEKABLE, State};
use crate::demux;
use crate::error::Result;

/// Goes to a little before `from` seconds after the beginning of a stream, where the file has an index and that saves something.
/// Whether it did; else it is read from its beginning.
pub(crate) fn enter(path: &Path, mut input: Input, stream: usize, from: f64) -> Result<(Input, bool)> {
    let indexed = SEEKABLE.iter().any(|name| input.format().name().contains(name));
    if from <= SEEK_FROM || !indexed {
        return Ok((input, false));
    }
    let to = ((first(&input, stream) + from - LEAD) * 1e6) as i64;
    if input.seek(to, ..to).is_ok() {
        return Ok((input, true));
    }
    // A damaged index: from the beginning then, which is only slower.
    Ok((demux::open(path)?, false))
}

/// From where a stream counts, in seconds.
pub(crate) fn first(input: &Input, stream: usize) -> f64 {
    input.streams().nth(stream).map_or(0.0, |s| s.start_time().max(0) as f64 * tick(s.time_base()))
}

impl Reader {
    /// When the picture nearest to `seconds` is shown that decoding can begin with, in seconds from the first frame; where pictures
    /// come in another order than they are shown in, it may be a few later. `None` where the file has no index, or a damaged one. A
    /// reader that was asked this gives no more frames.
    pub fn key_near(&mut self, seconds: f64) -> Option<f64> {
        self.state = State::Done;
        if !SEEKABLE.iter().any(|name| self.info.container.contains(name)) {
            return None;
        }
        let first = first(&self.input, self.stream);
        let to = ((first + seconds) * 1e6) as i64;
        let before = self.input.seek(to, ..to).is_ok().then(|| self.key_here()).flatten();
        // After the last one there is none, which is no fault.
        let after = self.input.seek(to, to..).is_ok().then(|| self.key_here()).flatten();
        let times = [before, after].into_iter().flatten().map(|pts| pts as f64 * tick(self.time_base) - first);
        times.min_by(|a, b| (a - seconds).abs().total_cmp(&(b - seconds).abs()))
    }

    /// The time of the next picture, where decoding can begin with it.
    fn key_here(&mut self) -> Option<i64> {
        self.held.clear();
        let packet = self.next_packet().ok()??;
        packet.pts().filter(|_| packet.is_key())
    }
}
