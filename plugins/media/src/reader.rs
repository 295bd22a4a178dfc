//! A video file (or a picture) as a sequence of frames in one format.

pub(crate) mod key;
mod nal;
mod skip;
pub(crate) mod time;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use ffmpeg_next::{Error as AvError, Packet, Rational, decoder, error::EAGAIN, format::context::Input, frame, media};

use self::time::Place;
use crate::av;
use crate::demux;
use crate::error::{Error, Result};
use crate::filters;
use crate::frame::{Frame, Pixel};
use crate::graph::{Pulled, Source, VideoGraph};
use crate::normal::{has_no_matrix, normalise};
use crate::probe::{self, MediaInfo, VideoInfo};

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// What every frame is converted to.
    pub pixel: Pixel,
    /// A libavfilter graph with one input and one output, over frames that are already upright, square-pixelled and
    /// BT.709 limited (when YUV). See [`crate::filters`].
    pub filter: Option<String>,
    /// Decoder threads.
    pub threads: usize,
    /// Seconds from the first frame to begin at; what is before never reaches the filters.
    pub from: f64,
    /// How many seconds of it; `None` for everything.
    pub seconds: Option<f64>,
}

impl ReadOptions {
    /// Plain frames of a pixel format, decoded on one thread.
    #[must_use]
    pub fn new(pixel: Pixel) -> Self {
        Self { pixel, filter: None, threads: 1, from: 0.0, seconds: None }
    }

    #[must_use]
    pub fn filter(mut self, spec: impl Into<String>) -> Self {
        self.filter = Some(spec.into());
        self
    }

    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Only the part of it that begins at `from` and is `seconds` long. Where the file ends is not looked at then.
    #[must_use]
    pub fn part(mut self, from: f64, seconds: f64) -> Self {
        (self.from, self.seconds) = (from, Some(seconds));
        self
    }
}

/// Iterates over the frames of a file.
///
/// A file that ends before it says it does, or that can't be decoded throughout, gives an error and then ends: half a
/// clip is never taken for a whole one.
pub struct Reader {
    path: PathBuf,
    info: MediaInfo,
    video: VideoInfo,
    input: Input,
    stream: usize,
    time_base: Rational,
    decoder: decoder::Video,
    options: ReadOptions,
    /// Set when the first frame is there and something has to be done to it.
    graph: Option<VideoGraph>,
    /// Whether that looks at a frame's neighbours: then none may be missing.
    weaves: bool,
    /// Size and pixel format of the first decoded frame, by which all are held.
    first: Option<(u32, u32, ffmpeg_next::format::Pixel)>,
    state: State,
    decoded: u64,
    given: u64,
    /// Packets that the decoder was given, and frames that came back.
    sent: u64,
    received: u64,
    /// How many of the frames that come next nobody wants.
    unwanted: u64,
    /// The times of the frames that the decoder has begun, and of the first one that is wanted.
    begun: Vec<i64>,
    wanted_from: Option<i64>,
    /// Packets that were read and have not been decoded yet.
    held: VecDeque<Packet>,
    /// When the last decoded frame ends, in seconds from the first.
    end: f64,
    start: Option<f64>,
    /// The same in the stream's time base, from where the file counts.
    end_ticks: i64,
    /// The part that was asked for is read; what comes after it was not looked at.
    stopped: bool,
}

/// Parts that begin later than this are jumped to, in seconds.
const SEEK_FROM: f64 = 10.0;
/// Containers with an index to jump by; the others are read from their beginning.
const SEEKABLE: [&str; 3] = ["matroska", "mp4", "avi"];
/// How much earlier than wanted the jump goes, so that the first picture is whole.
const LEAD: f64 = 1.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The file is at its end and the decoder gives what it still holds.
    Draining,
    /// The decoder is at its end and the filters give what they still hold.
    Flushing,
    Done,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it can't be read, is not one of the allowed formats, is damaged, or has no video.
    pub fn open(path: impl AsRef<Path>, options: ReadOptions) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let input = demux::open(&path)?;
        let info = probe::describe(&path, &input)?;
        let no_video = || Error::NoVideo { path: path.clone() };
        let video = info.video.clone().ok_or_else(no_video)?;
        let stream = input.streams().best(media::Type::Video).ok_or_else(no_video)?;
        let (index, time_base) = (stream.index(), stream.time_base());
        let decoder = demux::decoder(&path, stream.parameters(), options.threads, time_base)?
            .video()
            .map_err(Error::damaged(&path, "opening its decoder"))?;
        let (input, entered) = key::enter(&path, input, index, options.from)?;
        let start = entered.then(|| key::first(&input, index));
        Ok(Self {
            path,
            info,
            video,
            input,
            stream: index,
            time_base,
            decoder,
            options,
            graph: None,
            weaves: false,
            first: None,
            state: State::Reading,
            decoded: 0,
            given: 0,
            sent: 0,
            received: 0,
            unwanted: 0,
            begun: Vec::new(),
            wanted_from: None,
            held: VecDeque::new(),
            end: 0.0,
            start,
            end_ticks: 0,
            stopped: false,
        })
    }

    /// What the file says of itself.
    #[must_use]
    pub fn info(&self) -> &MediaInfo {
        &self.info
    }

    /// What the file says of its video.
    #[must_use]
    pub fn video(&self) -> &VideoInfo {
        &self.video
    }

    fn advance(&mut self) -> Result<Option<Frame>> {
        let mut av = frame::Video::empty();
        loop {
            if let Some(graph) = &mut self.graph {
                match graph.pull(&mut av)? {
                    Pulled::Frame => return self.give(&av).map(Some),
                    Pulled::Ended => self.state = State::Done,
                    Pulled::NotYet => {}
                }
            }
            match self.state {
                State::Done => {
                    self.check_whole()?;
                    return Ok(None);
                }
                State::Flushing if self.graph.is_none() => self.state = State::Done,
                State::Flushing => {
                    // The graph had its end announced and still gives neither a frame nor its end.
                    return Err(Error::Filter {
                        spec: self.options.filter.clone().unwrap_or_default(),
                        doing: "taking its last frames",
                        source: AvError::Bug,
                    });
                }
                State::Reading | State::Draining => {
                    if let Some(frame) = self.decode(&mut av)? {
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }

    /// One step of the decoder: a frame to give (when there are no filters), or something fed forward.
    fn decode(&mut self, av: &mut frame::Video) -> Result<Option<Frame>> {
        match self.decoder.receive_frame(av) {
            Ok(()) => {
                let pts = av.timestamp().or(av.pts());
                if self.come_out(pts) {
                    self.note_time(pts, av.packet().duration);
                    return Ok(None);
                }
                return self.decoded(av);
            }
            Err(AvError::Other { errno: EAGAIN }) if self.state == State::Reading => {}
            Err(AvError::Eof) => {
                let end = self.end_ticks;
                if let Some(graph) = &mut self.graph {
                    graph.finish(end)?;
                }
                self.state = State::Flushing;
                return Ok(None);
            }
            Err(source) => return Err(Error::Damaged { path: self.path.clone(), doing: "decoding", source }),
        }
        let (packet, read) = match self.held.pop_front() {
            Some(packet) => (packet, Ok(())),
            None => {
                let mut packet = Packet::empty();
                let read = packet.read(&mut self.input);
                (packet, read)
            }
        };
        match read {
            Ok(()) if packet.stream() != self.stream => Ok(None),
            Ok(()) if packet.is_corrupt() => {
                Err(Error::Damaged { path: self.path.clone(), doing: "reading", source: AvError::InvalidData })
            }
            Ok(()) => {
                self.begin(&packet);
                self.decoder.send_packet(&packet).map(|()| None).map_err(Error::damaged(&self.path, "decoding"))
            }
            Err(AvError::Eof) => {
                self.state = State::Draining;
                self.decoder.send_eof().map(|()| None).map_err(Error::damaged(&self.path, "decoding"))
            }
            Err(source) => Err(Error::Damaged { path: self.path.clone(), doing: "reading", source }),
        }
    }

    fn decoded(&mut self, av: &mut frame::Video) -> Result<Option<Frame>> {
        let pts = av.timestamp().or(av.pts());
        let place = self.place(pts, av.packet().duration);
        if place == Place::Before {
            return Ok(None);
        }
        if place == Place::After {
            self.state = State::Flushing;
            self.stopped = true;
            let end = self.end_ticks;
            return self.graph.as_mut().map_or(Ok(()), |graph| graph.finish(end)).map(|()| None);
        }
        if av.has_decode_errors() || av.is_corrupt() {
            return Err(Error::Damaged { path: self.path.clone(), doing: "decoding", source: AvError::InvalidData });
        }
        let found = (av.width(), av.height(), av.format());
        if let Some(first) = self.first {
            if first != found {
                let text = |(w, h, p): (u32, u32, ffmpeg_next::format::Pixel)| format!("{w}x{h} {p:?}");
                return Err(Error::Changes {
                    path: self.path.clone(),
                    from: text(first),
                    to: text(found),
                    index: self.decoded,
                });
            }
        } else {
            self.first = Some(found);
            self.graph = self.graph_for(av)?;
        }
        self.decoded += 1;
        self.note_time(pts, av.packet().duration);
        if av.pts().is_none() {
            av.set_pts(pts);
        }
        match &mut self.graph {
            Some(graph) => {
                av::tag(av, if has_no_matrix(found.2) { Pixel::Rgba } else { Pixel::Yuv420p });
                graph.push(av).map(|()| None)
            }
            None => self.give(av).map(Some),
        }
    }

    fn give(&mut self, av: &frame::Video) -> Result<Frame> {
        let frame = av::from_av(av, self.options.pixel, self.given).ok_or_else(|| Error::Filter {
            spec: self.options.filter.clone().unwrap_or_default(),
            doing: "taking a frame of the wrong layout",
            source: AvError::Bug,
        })?;
        self.given += 1;
        Ok(frame)
    }

    /// The filters this file needs to become what was asked for, or none.
    fn graph_for(&mut self, av: &frame::Video) -> Result<Option<VideoGraph>> {
        let from_rgb = has_no_matrix(av.format());
        let to = self.options.pixel;
        let front = normalise(av, &self.video, to)?;
        self.weaves = front.contains("bwdif");
        let filter = self.options.filter.as_deref().unwrap_or_default();
        let work = filters::chain([front.as_str(), filter]);
        if work.is_empty() && av.format() == to.av() {
            return Ok(None);
        }
        let ending = filters::ending(to, !(from_rgb && to.is_rgb()));
        let fps = if self.video.fps.0 == 0 { (25, 1) } else { self.video.fps };
        let source = Source {
            width: av.width(),
            height: av.height(),
            pixel: av.format().descriptor().map_or("unknown", |d| d.name()),
            time_base: self.time_base,
            frame_rate: fps,
            sample_aspect: Rational(
                i32::try_from(self.video.sample_aspect.0).unwrap_or(1),
                i32::try_from(self.video.sample_aspect.1).unwrap_or(1),
            ),
        };
        VideoGraph::new(&source, &filters::chain([work.as_str(), ending.as_str()])).map(Some)
    }
}

impl Iterator for Reader {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let result = self.advance();
        if result.is_err() {
            self.state = State::Done;
        }
        result.transpose()
    }
}
