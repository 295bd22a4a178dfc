//! Pictures that decoding can begin with, found by a file's index.

use ffmpeg_next::format::context::Input;

use super::time::tick;
use super::{Reader, SEEKABLE, State};

/// From where a stream counts, in seconds.
pub(super) fn first(input: &Input, stream: usize) -> f64 {
    input.streams().nth(stream).map_or(0.0, |s| s.start_time().max(0) as f64 * tick(s.time_base()))
}

impl Reader {
    /// When the last picture before `seconds`, or there, is shown that decoding can begin with, in seconds from the first frame;
    /// where pictures come in another order than they are shown in, it may be a few later. `None` where the file has no index, or
    /// a damaged one. A reader that was asked this gives no more frames.
    pub fn key_before(&mut self, seconds: f64) -> Option<f64> {
        self.state = State::Done;
        self.held.clear();
        if !SEEKABLE.iter().any(|name| self.info.container.contains(name)) {
            return None;
        }
        let first = first(&self.input, self.stream);
        let to = ((first + seconds) * 1e6) as i64;
        self.input.seek(to, ..to).ok()?;
        let packet = self.next_packet().ok()??;
        let pts = packet.pts().filter(|_| packet.is_key())?;
        Some(pts as f64 * tick(self.time_base) - first)
    }
}
