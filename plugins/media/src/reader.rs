//! A video file (or a picture) as a sequence of frames in one format.

use std::path::{Path, PathBuf};

use ffmpeg_next::util::color;
use ffmpeg_next::{Error as AvError, Packet, Rational, decoder, error::EAGAIN, format::context::Input, frame, media};

use crate::av;
use crate::demux;
use crate::error::{Error, Result};
use crate::filters::{self, SWS_FLAGS};
use crate::frame::{Frame, Pixel};
use crate::graph::{Pulled, Source, VideoGraph};
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
}

impl ReadOptions {
    /// Plain frames of a pixel format, decoded on one thread.
    #[must_use]
    pub fn new(pixel: Pixel) -> Self {
        Self { pixel, filter: None, threads: 1 }
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
    /// Size and pixel format of the first decoded frame, by which all are held.
    first: Option<(u32, u32, ffmpeg_next::format::Pixel)>,
    state: State,
    decoded: u64,
    given: u64,
    /// When the last decoded frame ends, in seconds from the first.
    end: f64,
    start: Option<f64>,
    /// The same in the stream's time base, from where the file counts.
    end_ticks: i64,
}

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
            first: None,
            state: State::Reading,
            decoded: 0,
            given: 0,
            end: 0.0,
            start: None,
            end_ticks: 0,
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
            Ok(()) => return self.decoded(av),
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
        let mut packet = Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) if packet.stream() != self.stream => Ok(None),
            Ok(()) if packet.is_corrupt() => {
                Err(Error::Damaged { path: self.path.clone(), doing: "reading", source: AvError::InvalidData })
            }
            Ok(()) => self.decoder.send_packet(&packet).map(|()| None).map_err(Error::damaged(&self.path, "decoding")),
            Err(AvError::Eof) => {
                self.state = State::Draining;
                self.decoder.send_eof().map(|()| None).map_err(Error::damaged(&self.path, "decoding"))
            }
            Err(source) => Err(Error::Damaged { path: self.path.clone(), doing: "reading", source }),
        }
    }

    fn decoded(&mut self, av: &mut frame::Video) -> Result<Option<Frame>> {
        if av.has_decode_errors() || av.is_corrupt() {
            return Err(Error::Damaged { path: self.path.clone(), doing: "decoding", source: AvError::InvalidData });
        }
        let found = (av.width(), av.height(), av.format());
        let pts = av.timestamp().or(av.pts());
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
        self.note_time(pts);
        if av.pts().is_none() {
            av.set_pts(pts);
        }
        match &mut self.graph {
            Some(graph) => {
                av::tag(av, if is_rgb(found.2) { Pixel::Rgba } else { Pixel::Yuv420p });
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
    fn graph_for(&self, av: &frame::Video) -> Result<Option<VideoGraph>> {
        let from_rgb = is_rgb(av.format());
        let to = self.options.pixel;
        let turn = match self.video.rotation {
            90 => "transpose=clock",
            180 => "transpose=clock,transpose=clock",
            270 => "transpose=cclock",
            _ => "",
        };
        let square = match self.video.sample_aspect {
            (n, d) if n == d => String::new(),
            _ => format!("scale=w=trunc(iw*sar/2)*2:h=ih:flags={SWS_FLAGS},setsar=1"),
        };
        let front = if from_rgb && !to.is_rgb() {
            filters::rgb_to_yuv(to)
        } else if from_rgb {
            String::new()
        } else {
            match source_colors(av) {
                ("bt709", "tv") => String::new(),
                (matrix, range) => format!(
                    "scale=flags={SWS_FLAGS}:in_color_matrix={matrix}:in_range={range}:out_color_matrix=bt709:out_range=tv"
                ),
            }
        };
        let filter = self.options.filter.as_deref().unwrap_or_default();
        let work = filters::chain([front.as_str(), turn, square.as_str(), filter]);
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

    fn note_time(&mut self, pts: Option<i64>) {
        let Some(pts) = pts else { return };
        let tick = f64::from(self.time_base.numerator()) / f64::from(self.time_base.denominator().max(1));
        let at = pts as f64 * tick;
        let start = *self.start.get_or_insert(at);
        let (n, d) = self.video.fps;
        let one = if n == 0 { 0.0 } else { f64::from(d) / f64::from(n) };
        self.end = self.end.max(at - start + one);
        let ticks = if tick > 0.0 { (one / tick).round() as i64 } else { 0 };
        self.end_ticks = self.end_ticks.max(pts.saturating_add(ticks));
    }

    /// Holds what was decoded against what the header promised.
    fn check_whole(&self) -> Result<()> {
        if self.decoded == 0 {
            return Err(Error::Damaged { path: self.path.clone(), doing: "finding a frame", source: AvError::Eof });
        }
        let promised = self.video.seconds.or(if self.info.audio.is_none() { self.info.seconds } else { None });
        let (n, d) = self.video.fps;
        let frame = if n == 0 { 0.1 } else { f64::from(d) / f64::from(n) };
        match promised {
            // Variable rates and rounded time bases may miss the promise by a frame or two.
            Some(expected) if self.end + 2.5 * frame < expected => {
                Err(Error::CutOff { path: self.path.clone(), expected, found: self.end })
            }
            _ => Ok(()),
        }
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

fn is_rgb(pixel: ffmpeg_next::format::Pixel) -> bool {
    let name = pixel.descriptor().map_or("", |d| d.name());
    ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "x2rgb", "x2bgr"].iter().any(|p| name.starts_with(p))
}

/// The matrix (by libswscale's names) and range a YUV frame is in. Untagged footage follows the custom of players:
/// standard definition is BT.601, anything larger BT.709, and JPEG is BT.601 full range.
fn source_colors(av: &frame::Video) -> (&'static str, &'static str) {
    let jpeg = av.format().descriptor().is_some_and(|d| d.name().starts_with("yuvj"));
    let range = if jpeg || av.color_range() == color::Range::JPEG { "pc" } else { "tv" };
    let matrix = match av.color_space() {
        color::Space::BT709 => "bt709",
        color::Space::BT470BG | color::Space::SMPTE170M => "smpte170m",
        color::Space::SMPTE240M => "smpte240m",
        color::Space::FCC => "fcc",
        color::Space::BT2020NCL | color::Space::BT2020CL => "bt2020",
        _ if jpeg || av.width().max(av.height()) < 1024 && av.width().min(av.height()) <= 576 => "smpte170m",
        _ => "bt709",
    };
    (matrix, range)
}
