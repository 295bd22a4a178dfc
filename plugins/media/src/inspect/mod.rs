//! One pass over a finished file: every packet of picture and sound decoded, through filters that measure.
//!
//! Purpose: what is checked before a file is delivered needs the same decoded frames over and over. Here they are
//! decoded once; the picture goes through one filter graph, the sound through another, and what the filters write into
//! the frames' metadata (`blackdetect`, `ebur128`, …) comes out beside the frames.
//!
//! Invariant: damage does not end a pass. What can't be decoded is told as [`Seen::Damage`] and the pass goes on, so
//! that one run finds everything that is wrong with a file.

mod header;
mod sound;
mod stills;

use std::collections::BTreeMap;
use std::path::Path;

use ffmpeg_next::{Error as AvError, Packet, Rational, decoder, error::EAGAIN, format::context::Input, frame, media};

use crate::audio::{source_of, source_of_decoder};
use crate::av;
use crate::demux;
use crate::error::{Error, Result};
use crate::filters;
use crate::frame::{Frame, Pixel};
use crate::graph::{Pulled, Source, VideoGraph};
use crate::probe;

pub use header::{Header, header};
pub use stills::stills;

use sound::SoundGraph;
use stills::Still;

/// What filters wrote into a frame: `lavfi.black_start`, `lavfi.r128.I`, ….
pub type Marks = BTreeMap<String, String>;

/// What to measure.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// A libavfilter graph with one input and one output over the decoded picture.
    pub video: String,
    /// The same over the sound, which is stereo at 48 kHz.
    pub audio: String,
    /// What frames that leave the graph are converted to.
    pub pixel: Pixel,
    /// Seconds at which the whole picture is wanted as well, in full size; ascending.
    pub stills: Vec<f64>,
    /// Decoder threads.
    pub threads: usize,
}

/// Something a pass came by. Times are seconds from the file's first picture or sample.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A picture that left the graph.
    Picture { at: f64, frame: Frame, marks: Marks },
    /// Sound that left the graph, left and right.
    Sound { at: f64, samples: &'a [(f32, f32)], marks: Marks },
    /// A whole picture that was asked for, in RGB.
    Still { at: f64, frame: Frame },
    /// Something could not be decoded.
    Damage { at: f64, what: String },
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passed {
    /// Pictures decoded.
    pub frames: u64,
    /// When the last picture ends.
    pub video_seconds: f64,
    /// When the sound ends.
    pub audio_seconds: f64,
    /// Pictures that came later or earlier than the frame rate says, by more than half a frame.
    pub irregular: u64,
    /// Pictures that are two fields.
    pub interlaced: u64,
    /// Bytes of the picture's packets.
    pub video_bytes: u64,
    /// Of the sound's; where left and right are streams of their own, of the first.
    pub audio_bytes: u64,
}

impl Passed {
    /// The rate of the picture in kb/s, counted: a container may say none (WebM), or the one that was aimed at. 0 where no picture was decoded.
    #[must_use]
    pub fn video_kbps(&self) -> f64 {
        kbps(self.video_bytes, self.video_seconds)
    }

    /// The same of the sound.
    #[must_use]
    pub fn audio_kbps(&self) -> f64 {
        kbps(self.audio_bytes, self.audio_seconds)
    }
}

fn kbps(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 * 8.0 / 1000.0 / seconds } else { 0.0 }
}

/// Decodes all of a file. `see` may end the pass with an error of its own.
///
/// # Errors
/// When the file can't be opened or has no video, a filter fails, or `see` says so.
pub fn inspect<E: From<Error>>(
    path: &Path,
    options: &InspectOptions,
    see: &mut dyn FnMut(Seen<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<Passed, E> {
    let mut pass = Pass::open(path, options)?;
    loop {
        let mut packet = Packet::empty();
        match packet.read(&mut pass.input) {
            Ok(()) => pass.packet(&packet, see)?,
            Err(AvError::Eof) => break,
            Err(e) => {
                // Behind the end of a cut file there is nothing more to read.
                let what = format!("reading failed: {e}");
                see(Seen::Damage { at: pass.passed.video_seconds, what })?;
                break;
            }
        }
    }
    pass.finish(see)?;
    Ok(pass.passed)
}

struct Pass<'o> {
    options: &'o InspectOptions,
    input: Input,
    video: VideoTrack,
    audio: Option<AudioTrack>,
    still: Still,
    passed: Passed,
}

struct VideoTrack {
    index: usize,
    time_base: Rational,
    fps: (u32, u32),
    decoder: decoder::Video,
    graph: Option<VideoGraph>,
    start: Option<f64>,
    end_ticks: i64,
    last: Option<f64>,
    given: u64,
}

struct AudioTrack {
    /// The stream, or left and right, with their decoders.
    streams: Vec<(usize, decoder::Audio)>,
    graph: Option<SoundGraph>,
    /// Samples that left the graph.
    given: u64,
    /// Seconds decoded of each stream.
    seconds: Vec<f64>,
}

/// How many seconds left and right may differ in length where each is a stream.
const UNEVEN: f64 = 0.05;

type See<'a, E> = &'a mut dyn FnMut(Seen<'_>) -> std::result::Result<(), E>;

impl<'o> Pass<'o> {
    fn open(path: &Path, options: &'o InspectOptions) -> Result<Self> {
        let input = demux::open(path)?;
        let stream = input.streams().best(media::Type::Video).ok_or_else(|| Error::NoVideo { path: path.into() })?;
        let fps = probe::frame_rate(&stream).unwrap_or((25, 1));
        let video = VideoTrack {
            index: stream.index(),
            time_base: stream.time_base(),
            fps,
            decoder: demux::decoder(path, stream.parameters(), options.threads, stream.time_base())?
                .video()
                .map_err(Error::damaged(path, "opening its decoder"))?,
            graph: None,
            start: None,
            end_ticks: 0,
            last: None,
            given: 0,
        };
        let streams = demux::sound(path, &input)?;
        let seconds = vec![0.0; streams.len()];
        let audio = (!streams.is_empty()).then_some(AudioTrack { streams, graph: None, given: 0, seconds });
        let still = Still::new(&options.stills);
        Ok(Self { options, input, video, audio, still, passed: Passed::default() })
    }

    fn packet<E: From<Error>>(&mut self, packet: &Packet, see: See<'_, E>) -> std::result::Result<(), E> {
        let video = packet.stream() == self.video.index;
        let sound = |track: &AudioTrack| track.streams.iter().position(|(index, _)| *index == packet.stream());
        let audio = self.audio.as_ref().and_then(sound);
        if !video && audio.is_none() {
            return Ok(());
        }
        let bytes = if video { &mut self.passed.video_bytes } else { &mut self.passed.audio_bytes };
        if video || audio == Some(0) {
            *bytes += packet.size() as u64;
        }
        if packet.is_corrupt() {
            see(Seen::Damage { at: self.passed.video_seconds, what: "a packet is marked as damaged".into() })?;
        }
        let sent = if video {
            self.video.decoder.send_packet(packet)
        } else if let (Some(track), Some(stream)) = (&mut self.audio, audio) {
            track.streams[stream].1.send_packet(packet)
        } else {
            Ok(())
        };
        if let Err(e) = sent {
            let (at, what) = self.damage(video, e);
            see(Seen::Damage { at, what })?;
        }
        match audio {
            Some(stream) if !video => self.sounds(stream, see),
            _ => self.pictures(see),
        }
    }

    fn damage(&self, video: bool, error: AvError) -> (f64, String) {
        let (track, at) =
            if video { ("picture", self.passed.video_seconds) } else { ("sound", self.passed.audio_seconds) };
        (at, format!("the {track} can't be decoded: {error}"))
    }

    /// Takes all pictures the decoder has.
    fn pictures<E: From<Error>>(&mut self, see: See<'_, E>) -> std::result::Result<(), E> {
        loop {
            let mut av = frame::Video::empty();
            match self.video.decoder.receive_frame(&mut av) {
                Ok(()) => self.picture(&mut av, see)?,
                Err(AvError::Other { errno: EAGAIN } | AvError::Eof) => return Ok(()),
                Err(e) => {
                    let (at, what) = self.damage(true, e);
                    see(Seen::Damage { at, what })?;
                }
            }
        }
    }

    fn picture<E: From<Error>>(&mut self, av: &mut frame::Video, see: See<'_, E>) -> std::result::Result<(), E> {
        let track = &mut self.video;
        let tick = f64::from(track.time_base.numerator()) / f64::from(track.time_base.denominator().max(1));
        let one = f64::from(track.fps.1) / f64::from(track.fps.0);
        let pts = av.timestamp().or(av.pts()).unwrap_or(track.end_ticks);
        av.set_pts(Some(pts));
        let absolute = pts as f64 * tick;
        let at = absolute - *track.start.get_or_insert(absolute);
        if track.last.is_some_and(|last| (at - last - one).abs() > 0.5 * one) {
            self.passed.irregular += 1;
        }
        track.last = Some(at);
        track.end_ticks = pts + (one / tick).round() as i64;
        self.passed.frames += 1;
        self.passed.interlaced += u64::from(av.is_interlaced());
        self.passed.video_seconds = self.passed.video_seconds.max(at + one);
        if av.has_decode_errors() || av.is_corrupt() {
            see(Seen::Damage { at, what: "a picture was decoded with errors".into() })?;
        }
        // A decoded frame says which type it was and how it was coded; the graph holds all to what the first one was.
        if self.still.wants(at + one / 2.0) {
            let frame = self.still.take(av)?;
            see(Seen::Still { at, frame })?;
        }
        let graph = match &mut track.graph {
            Some(graph) => graph,
            None => {
                let ending = filters::ending(self.options.pixel, true);
                let spec = filters::chain([self.options.video.as_str(), ending.as_str()]);
                track.graph.insert(VideoGraph::new(&source(av, track.time_base, track.fps), &spec)?)
            }
        };
        graph.push(av)?;
        self.filtered(see)
    }

    /// Takes all pictures the graph has.
    fn filtered<E: From<Error>>(&mut self, see: See<'_, E>) -> std::result::Result<(), E> {
        let track = &mut self.video;
        let Some(graph) = &mut track.graph else { return Ok(()) };
        let mut av = frame::Video::empty();
        while graph.pull(&mut av)? == Pulled::Frame {
            let tick = f64::from(track.time_base.numerator()) / f64::from(track.time_base.denominator().max(1));
            let at = av.pts().unwrap_or_default() as f64 * tick - track.start.unwrap_or_default();
            let marks = marks(&av.metadata());
            let frame = av::from_av(&av, self.options.pixel, track.given).ok_or_else(|| Error::Filter {
                spec: self.options.video.clone(),
                doing: "taking a frame of the wrong layout",
                source: AvError::Bug,
            })?;
            track.given += 1;
            see(Seen::Picture { at, frame, marks })?;
        }
        Ok(())
    }

    /// Takes all sound the decoder of a stream has.
    fn sounds<E: From<Error>>(&mut self, stream: usize, see: See<'_, E>) -> std::result::Result<(), E> {
        loop {
            let Some(track) = &mut self.audio else { return Ok(()) };
            let mut av = frame::Audio::empty();
            match track.streams[stream].1.receive_frame(&mut av) {
                Ok(()) => {
                    track.seconds[stream] += av.samples() as f64 / f64::from(av.rate().max(1));
                    self.passed.audio_seconds = track.seconds.iter().copied().fold(f64::INFINITY, f64::min);
                    let graph = match &mut track.graph {
                        Some(graph) => graph,
                        None => {
                            // Two streams are uncompressed, whose headers say all; of others only the first frame does.
                            let sources = match &track.streams[..] {
                                [_] => vec![source_of(&av)],
                                both => both.iter().map(|(_, decoder)| source_of_decoder(decoder)).collect(),
                            };
                            track.graph.insert(SoundGraph::new(&sources, &self.options.audio)?)
                        }
                    };
                    graph.push(stream, &mut av)?;
                    graph.drain(&mut track.given, see)?;
                }
                Err(AvError::Other { errno: EAGAIN } | AvError::Eof) => return Ok(()),
                Err(e) => {
                    let (at, what) = self.damage(false, e);
                    see(Seen::Damage { at, what })?;
                }
            }
        }
    }

    /// Takes what decoders and graphs still hold.
    fn finish<E: From<Error>>(&mut self, see: See<'_, E>) -> std::result::Result<(), E> {
        if let Err(e) = self.video.decoder.send_eof() {
            let (at, what) = self.damage(true, e);
            see(Seen::Damage { at, what })?;
        }
        self.pictures(see)?;
        let end = self.video.end_ticks;
        if let Some(graph) = &mut self.video.graph {
            graph.finish(end)?;
        }
        self.filtered(see)?;
        for stream in 0..self.audio.as_ref().map_or(0, |track| track.streams.len()) {
            if let Some(Err(e)) = self.audio.as_mut().map(|track| track.streams[stream].1.send_eof()) {
                let (at, what) = self.damage(false, e);
                see(Seen::Damage { at, what })?;
            }
            self.sounds(stream, see)?;
        }
        if let Some(AudioTrack { graph: Some(graph), given, seconds, .. }) = &mut self.audio {
            graph.finish()?;
            graph.drain(given, see)?;
            // Nothing is heard where one of them is missing.
            if let [left, right] = seconds[..]
                && (left - right).abs() > UNEVEN
            {
                let what = format!("of the sound, left is {left:.2} s long and right {right:.2} s");
                see(Seen::Damage { at: left.min(right), what })?;
            }
        }
        Ok(())
    }
}

/// What a graph has to be told of a decoded picture.
fn source(av: &frame::Video, time_base: Rational, fps: (u32, u32)) -> Source {
    let aspect = av.aspect_ratio();
    Source {
        width: av.width(),
        height: av.height(),
        pixel: av.format().descriptor().map_or("unknown", |d| d.name()),
        time_base,
        frame_rate: fps,
        sample_aspect: if aspect.numerator() > 0 && aspect.denominator() > 0 { aspect } else { Rational(1, 1) },
    }
}

fn marks(metadata: &ffmpeg_next::DictionaryRef<'_>) -> Marks {
    metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
