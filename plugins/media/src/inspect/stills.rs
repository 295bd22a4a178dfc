//! Whole pictures of chosen instants, as RGB.

use std::path::Path;

use ffmpeg_next::{Error as AvError, Packet, Rational, error::EAGAIN, frame, media};

use super::source;
use crate::av;
use crate::demux;
use crate::error::{Error, Result};
use crate::filters;
use crate::frame::{Frame, Pixel};
use crate::graph::{Pulled, VideoGraph};

/// Takes the pictures of ascending instants out of frames that pass by.
pub(super) struct Still {
    times: std::vec::IntoIter<f64>,
    next: Option<f64>,
    graph: Option<VideoGraph>,
}

impl Still {
    pub(super) fn new(times: &[f64]) -> Self {
        let mut times = Vec::from(times).into_iter();
        Self { next: times.next(), times, graph: None }
    }

    /// Whether the picture that is shown until `until` is one of those.
    pub(super) fn wants(&mut self, until: f64) -> bool {
        let wanted = self.next.is_some_and(|t| t < until);
        while self.next.is_some_and(|t| t < until) {
            self.next = self.times.next();
        }
        wanted
    }

    /// The picture in RGB.
    pub(super) fn take(&mut self, av: &frame::Video) -> Result<Frame> {
        let graph = match &mut self.graph {
            Some(graph) => graph,
            None => {
                let spec = filters::ending(Pixel::Rgb24, true);
                self.graph.insert(VideoGraph::new(&source(av, Rational(1, 1000), (25, 1)), &spec)?)
            }
        };
        // A graph keeps what it is given; the frame still has a way to go.
        graph.push(&av.clone())?;
        let mut out = frame::Video::empty();
        let defect = || Error::Filter { spec: String::new(), doing: "converting a picture", source: AvError::Bug };
        if graph.pull(&mut out)? != Pulled::Frame {
            return Err(defect());
        }
        av::from_av(&out, Pixel::Rgb24, 0).ok_or_else(defect)
    }
}

/// The pictures shown at these instants (seconds from the first picture), in RGB. Damage is passed over: a place that
/// can't be decoded shows the next picture that can, and one behind the end the last.
///
/// # Errors
/// When the file can't be opened or has no video.
pub fn stills(path: &Path, times: &[f64], threads: usize) -> Result<Vec<Frame>> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
    let sorted: Vec<f64> = order.iter().map(|i| times[*i]).collect();
    let mut input = demux::open(path)?;
    let stream = input.streams().best(media::Type::Video).ok_or_else(|| Error::NoVideo { path: path.into() })?;
    let (index, base, rate) = (stream.index(), stream.time_base(), stream.avg_frame_rate());
    let half = 0.5 * f64::from(rate.denominator()) / f64::from(rate.numerator().max(1));
    let mut decoder = demux::decoder(path, stream.parameters(), threads, base)?
        .video()
        .map_err(Error::damaged(path, "opening its decoder"))?;
    let mut still = Still::new(&sorted);
    let mut found: Vec<Frame> = Vec::new();
    let (mut start, mut last, mut ended) = (None, frame::Video::empty(), false);
    while found.len() < sorted.len() {
        let mut av = frame::Video::empty();
        match decoder.receive_frame(&mut av) {
            Ok(()) => {
                let ticks = av.timestamp().or(av.pts()).unwrap_or_default();
                let absolute = ticks as f64 * f64::from(base.numerator()) / f64::from(base.denominator().max(1));
                let at = absolute - *start.get_or_insert(absolute);
                if still.wants(at + half) {
                    let frame = still.take(&av)?;
                    while sorted.get(found.len()).is_some_and(|t| *t < at + half) {
                        found.push(frame.clone());
                    }
                }
                last = av;
                continue;
            }
            Err(AvError::Eof) => break,
            Err(AvError::Other { errno: EAGAIN }) if ended => break,
            Err(_) => {}
        }
        let mut packet = Packet::empty();
        match packet.read(&mut input) {
            // Damage is what this is called for, often.
            Ok(()) if packet.stream() == index => drop(decoder.send_packet(&packet)),
            Ok(()) => {}
            Err(_) if ended => break,
            Err(_) => {
                ended = true;
                // What it still holds may be damaged as well.
                let _ = decoder.send_eof();
            }
        }
    }
    if found.len() < sorted.len() && last.width() > 0 {
        let frame = still.take(&last)?;
        found.resize(sorted.len(), frame);
    }
    let mut placed: Vec<Option<Frame>> = vec![None; times.len()];
    order.into_iter().zip(found).for_each(|(i, frame)| placed[i] = Some(frame));
    Ok(placed.into_iter().flatten().collect())
}
