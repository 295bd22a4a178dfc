//! Passing over frames that nobody wants.

use std::collections::VecDeque;

use ffmpeg_next::{Discard, Error as AvError, Packet, packet::side_data};

use super::time::tick;
use super::{Reader, State, nal};
use crate::error::{Error, Result};

/// Codecs whose packets are whole pictures, one each.
const INTRA: [&str; 4] = ["ffvhuff", "huffyuv", "ffv1", "prores"];
/// Codecs whose decoders leave out the pictures that no other is made from.
const SPARING: [&str; 2] = ["h264", "hevc"];
/// Of those so many packets are held in memory at most, and no more than so many bytes where some can be passed over by them:
/// far enough to see the picture that needs no other, which most cameras and encoders put every 0.5 to 10 s.
const AT_ONCE: usize = 600;
const BYTES_AT_ONCE: usize = 24 << 20;
/// How far frames come out of their packets' order at most (H.264 and HEVC: 16 pictures), and one more.
const REORDERED: usize = 17;

impl Reader {
    /// Passes over some of the next frames, at most as many, never over the last one, and says over how many. They are not
    /// decoded where every packet is a whole picture of its own, as in our own clips; of H.264 and HEVC those only that others
    /// are made from, since the last picture that needs no other; of other files none is passed over. Who wants to pass over
    /// more calls again, until it is 0.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn pass_over(&mut self, frames: u64) -> Result<u64> {
        let plain = self.options.filter.is_none() && self.options.from == 0.0 && self.options.seconds.is_none();
        if !plain || self.weaves || self.state != State::Reading {
            return Ok(0);
        }
        // What comes before the first frame may be no picture: an edit list begins where it likes.
        if SPARING.contains(&self.video.codec.as_str()) && self.graph.is_none() && self.received > 0 {
            return self.pass_over_sparingly(usize::try_from(frames).unwrap_or(AT_ONCE).min(AT_ONCE));
        }
        if !INTRA.contains(&self.video.codec.as_str()) {
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

    /// Finds the time of the frame after those that nobody wants; up to there only what others are made from is decoded, and
    /// nothing that lies before a picture that needs no other.
    fn pass_over_sparingly(&mut self, frames: usize) -> Result<u64> {
        let from = self.wanted_from.unwrap_or(i64::MIN);
        let ahead = |pts: Option<i64>| usize::from(pts.is_none_or(|pts| pts >= from));
        let mut wanted: usize = self.begun.iter().map(|pts| ahead(Some(*pts))).sum();
        let mut read = VecDeque::new();
        let (mut ended, mut bytes) = (false, 0);
        while !ended
            && read.len() < AT_ONCE
            && (bytes < BYTES_AT_ONCE || wanted < 2 * REORDERED)
            && wanted < frames + REORDERED
        {
            match self.next_packet()? {
                Some(packet) => {
                    wanted += ahead(packet.pts());
                    bytes += packet.size();
                    read.push_back(packet);
                }
                None => ended = true,
            }
        }
        read.append(&mut self.held);
        self.held = read;
        let mut times: Vec<i64> = self.begun.clone();
        for packet in &self.held {
            let Some(pts) = packet.pts() else { return Ok(0) };
            times.push(pts);
        }
        times.retain(|time| *time >= from);
        times.sort_unstable();
        // Frames of packets that weren't read yet may come before the last ones of those that were.
        let passed = frames.min(times.len().saturating_sub(if ended { 1 } else { REORDERED }));
        // Two frames at one time: which is which can't be told.
        if passed == 0 || times.windows(2).any(|pair| pair[0] == pair[1]) {
            return Ok(0);
        }
        self.wanted_from = Some(times[passed]);
        self.given += passed as u64;
        self.leap(times[passed]);
        Ok(passed as u64)
    }

    /// Leaves out what was read before the last picture that needs no other, where all of it comes before `wanted`.
    fn leap(&mut self, wanted: i64) {
        if self.begun.iter().any(|pts| *pts >= wanted) {
            return;
        }
        let (mut to, mut parameters) = (0, 0);
        for (i, packet) in self.held.iter().enumerate() {
            let Some(units) = nal::units(&self.video.codec, packet.data().unwrap_or_default()) else { break };
            let before = packet.pts().is_some_and(|pts| pts < wanted);
            let begins = units.begins_anew && packet.pts().is_some_and(|pts| pts <= wanted);
            // What was left out has set nothing that still holds.
            if begins && parameters & !units.parameters == 0 {
                to = i;
            }
            parameters |= units.parameters;
            if !before || packet.side_data().any(|data| data.kind() == side_data::Type::NewExtraData) {
                break;
            }
        }
        self.held.drain(..to);
    }

    /// Notes that a packet is on its way into the decoder, and how much of it is wanted.
    pub(super) fn begin(&mut self, packet: &Packet) {
        self.sent += 1;
        if let Some(pts) = packet.pts() {
            self.begun.push(pts);
            let unwanted = self.wanted_from.is_some_and(|from| pts < from);
            self.decoder.skip_frame(if unwanted { Discard::NonReference } else { Discard::Default });
        }
    }

    /// Notes that a frame has come out, and says whether nobody wants it.
    pub(super) fn come_out(&mut self, pts: Option<i64>) -> bool {
        self.received += 1;
        if let Some(pts) = pts {
            self.begun.retain(|other| *other > pts);
            match self.wanted_from {
                Some(from) if pts < from => return true,
                _ => self.wanted_from = None,
            }
        }
        if self.unwanted > 0 {
            self.unwanted -= 1;
            return true;
        }
        false
    }

    /// The next packet of the video; `None` at the end of the file.
    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>> {
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
