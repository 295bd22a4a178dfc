//! Sound in memory: read whole, filtered, mixed, measured.
//!
//! Invariant: every [`AudioClip`] is stereo at 48 kHz, the one format all masters are delivered in; it does not change once it
//! is made, so copies share its samples and what was measured of them.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ffmpeg_next::format::sample::{Sample, Type as Layout};
use ffmpeg_next::media::Type;
use ffmpeg_next::{ChannelLayout, Error as AvError, Packet, decoder, error::EAGAIN, filter, frame};

use crate::av;
use crate::demux;
use crate::error::{Error, Result};
use crate::loudness::Measured;
use crate::reader::{key, time::tick};

/// Samples per second and channel of every clip.
pub const RATE: u32 = 48_000;

const PACKED: Sample = Sample::F32(Layout::Packed);
const ENDING: &str = "aresample=48000,aformat=sample_fmts=flt:sample_rates=48000:channel_layouts=stereo";
const CHUNK: usize = 4096;

/// Stereo sound at 48 kHz.
#[derive(Clone, Debug, Default)]
pub struct AudioClip {
    /// Left and right, -1 to 1 at full scale.
    samples: Arc<Vec<(f32, f32)>>,
    pub(crate) measured: Arc<OnceLock<Measured>>,
}

impl PartialEq for AudioClip {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.samples, &other.samples) || self.samples == other.samples
    }
}

impl AudioClip {
    /// A clip from samples that are already there.
    #[must_use]
    pub fn new(samples: Vec<(f32, f32)>) -> Self {
        Self { samples: Arc::new(samples), measured: Arc::default() }
    }

    /// So many samples of silence.
    #[must_use]
    pub fn silence(samples: usize) -> Self {
        Self::new(vec![(0.0, 0.0); samples])
    }

    /// Reads the sound of a file, at most `max_seconds` of it: its best audio stream, or left and right out of two streams of
    /// one channel, one of which may be silent and then stands for nothing.
    ///
    /// # Errors
    /// When it can't be read, is not one of the allowed formats, has no audio, or nothing of it can be decoded.
    pub fn read(path: impl AsRef<Path>, max_seconds: f64) -> Result<Self> {
        let path = path.as_ref();
        let (clip, source) = Self::taken(path, None, max_seconds)?;
        if clip.samples.is_empty() {
            return Err(Error::Damaged { path: path.into(), doing: "decoding its sound", source });
        }
        Ok(clip)
    }

    /// Reads what is heard of a film from `from` seconds after its first picture on, at most `seconds` of it, in step with the
    /// picture: with silence before it where the sound begins later, and none of it where it has ended by then.
    ///
    /// # Errors
    /// When it can't be read, is not one of the allowed formats, or has no audio.
    pub fn part(path: impl AsRef<Path>, from: f64, seconds: f64) -> Result<Self> {
        Ok(Self::taken(path.as_ref(), Some(from.max(0.0)), seconds)?.0)
    }

    /// The sound of a file, from its beginning or from a moment of the picture on, and what ended it.
    fn taken(path: &Path, from: Option<f64>, seconds: f64) -> Result<(Self, AvError)> {
        let mut input = demux::open(path)?;
        let mut begin = None;
        if let Some(from) = from {
            let picture = input.streams().best(Type::Video).map_or(0, |stream| stream.index());
            begin = Some(key::first(&input, picture) + from);
            input = key::enter(path, input, picture, from)?.0;
        }
        let mut tracks: Vec<Track> = demux::sound(path, &input)?
            .into_iter()
            .map(|(index, decoder)| {
                let tick = input.stream(index).map_or(0.0, |stream| tick(stream.time_base()));
                Track { index, decoder, tick, begin, at: None, gone: 0, mixer: None, samples: Vec::new() }
            })
            .collect();
        let spec = if tracks.len() == 2 { "pan=stereo|c0=c0|c1=c0" } else { "anull" };
        if tracks.is_empty() {
            return Err(Error::NoAudio { path: path.into() });
        }
        let enough = (seconds.max(0.0) * f64::from(RATE)) as usize;
        let mut last_error = AvError::Eof;
        let mut ended = false;
        while !ended && tracks.iter().any(|track| !track.has(enough)) {
            let mut packet = Packet::empty();
            match packet.read(&mut input) {
                Ok(()) => {
                    // Of one that is full, nothing more is wanted while the other comes.
                    let wanted = |track: &&mut Track| track.index == packet.stream() && !track.has(enough);
                    let Some(track) = tracks.iter_mut().find(wanted) else { continue };
                    // Music files often carry junk between frames; what can be decoded is what counts.
                    if let Err(error) = track.decoder.send_packet(&packet) {
                        last_error = error;
                    }
                    track.take(spec)?;
                }
                Err(error) => {
                    last_error = error;
                    ended = true;
                }
            }
        }
        for track in &mut tracks {
            if ended {
                track.decoder.send_eof().map_err(Error::damaged(path, "decoding"))?;
                track.take(spec)?;
            }
            if let Some(mixer) = &mut track.mixer {
                mixer.finish()?;
                mixer.drain(&mut track.samples, &mut |_, _| {})?;
            }
        }
        let mut tracks = tracks.into_iter().map(|track| track.in_step(enough));
        let mut samples = tracks.next().unwrap_or_default();
        if let Some(right) = tracks.next() {
            samples = in_stereo(samples, right);
        }
        samples.truncate(enough);
        Ok((Self::new(samples), last_error))
    }

    /// Mixes named clips through a libavfilter graph: `[music][voice]amix=inputs=2`.
    ///
    /// # Errors
    /// [`Error::Filter`] when the text is not a graph over these names, or a filter fails.
    pub fn mix(spec: &str, inputs: &[(&str, &Self)]) -> Result<Self> {
        Self::run(spec, inputs, &mut |_, _| {})
    }

    /// Runs it through a libavfilter graph with one input and one output.
    ///
    /// # Errors
    /// [`Error::Filter`] when the text is not a graph, or a filter fails.
    pub fn filter(&self, spec: &str) -> Result<Self> {
        Self::mix(spec, &[("in", self)])
    }

    /// The samples, left and right.
    #[must_use]
    pub fn samples(&self) -> &[(f32, f32)] {
        &self.samples
    }

    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE)
    }

    /// Filters clips. `told` gets every metadata key and value that the filters write, frame by frame.
    pub(crate) fn run(spec: &str, inputs: &[(&str, &Self)], told: &mut dyn FnMut(&str, &str)) -> Result<Self> {
        av::init();
        let source = format!("time_base=1/{RATE}:sample_rate={RATE}:sample_fmt=flt:channel_layout=stereo");
        let sources: Vec<(&str, String)> = inputs.iter().map(|(name, _)| (*name, source.clone())).collect();
        let mut mixer = Mixer::new(&sources, spec)?;
        let mut samples = Vec::new();
        let longest = inputs.iter().map(|(_, c)| c.samples.len()).max().unwrap_or_default();
        for start in (0..longest).step_by(CHUNK) {
            for (name, input) in inputs {
                let end = input.samples.len().min(start + CHUNK);
                if start < end {
                    mixer.push(name, &to_av(&input.samples[start..end], start))?;
                    // At once, or a filter waits for more of this one and drops what the longer ones still have.
                    if end == input.samples.len() {
                        mixer.end(name)?;
                    }
                }
            }
            mixer.drain(&mut samples, told)?;
        }
        mixer.finish()?;
        mixer.drain(&mut samples, told)?;
        Ok(Self::new(samples))
    }
}

/// Left and right out of two tracks, in each of which both sides are the same. A single microphone lies in one of them
/// and the other is silent: it is heard on both sides.
fn in_stereo(mut left: Vec<(f32, f32)>, right: Vec<(f32, f32)>) -> Vec<(f32, f32)> {
    let silent = |track: &[(f32, f32)]| track.iter().all(|(sample, _)| *sample == 0.0);
    if silent(&right) || silent(&left) {
        return if silent(&right) { left } else { right };
    }
    left.resize(left.len().max(right.len()), (0.0, 0.0));
    let right = right.into_iter().chain(std::iter::repeat((0.0, 0.0)));
    left.iter_mut().zip(right).for_each(|(both, (right, _))| both.1 = right);
    left
}

/// A stream of sound being read.
struct Track {
    index: usize,
    decoder: decoder::Audio,
    /// Seconds of one step of its clock.
    tick: f64,
    /// Where it is wanted from, in seconds of the file's clock; none: from where it begins.
    begin: Option<f64>,
    /// Where it begins to be decoded, in seconds of the file's clock.
    at: Option<f64>,
    /// Samples that were let go.
    gone: i64,
    /// Set when the first decoded frame is there.
    mixer: Option<Mixer>,
    samples: Vec<(f32, f32)>,
}

impl Track {
    /// Samples from where it begins to where it is wanted from; below 0, what is missing before the first.
    fn early(&self) -> i64 {
        let seconds = self.begin.map_or(0.0, |begin| begin - self.at.unwrap_or(begin));
        (seconds * f64::from(RATE)).round() as i64
    }

    fn has(&self, enough: usize) -> bool {
        self.samples.len() as i64 >= (enough as i64).saturating_add(self.early().saturating_sub(self.gone))
    }

    /// Lets go what comes before it is wanted. As it is decoded: of a file without an index that may be hours.
    fn let_go(&mut self) {
        let early = self.early().saturating_sub(self.gone).max(0);
        let count = usize::try_from(early).unwrap_or(usize::MAX).min(self.samples.len());
        self.samples.drain(..count);
        self.gone += count as i64;
    }

    /// What is wanted of it: so many samples at most, with silence where it begins later.
    fn in_step(mut self, enough: usize) -> Vec<(f32, f32)> {
        self.let_go();
        // A file may say that it begins in a thousand years.
        let missing = usize::try_from(self.early().min(0).unsigned_abs()).unwrap_or(usize::MAX).min(enough);
        self.samples.splice(0..0, std::iter::repeat_n((0.0, 0.0), missing));
        self.samples
    }

    /// Takes all that the decoder has, until something can't be decoded.
    fn take(&mut self, spec: &str) -> Result<()> {
        let mut decoded = frame::Audio::empty();
        while self.decoder.receive_frame(&mut decoded).is_ok() {
            let mixer = match &mut self.mixer {
                Some(mixer) => mixer,
                None => self.mixer.insert(Mixer::new(&[("in", source_of(&decoded))], spec)?),
            };
            self.at = self.at.or_else(|| decoded.pts().map(|pts| pts as f64 * self.tick));
            decoded.set_pts(None);
            mixer.push("in", &decoded)?;
            mixer.drain(&mut self.samples, &mut |_, _| {})?;
            self.let_go();
            decoded = frame::Audio::empty();
        }
        Ok(())
    }
}

fn to_av(samples: &[(f32, f32)], start: usize) -> frame::Audio {
    let mut av = frame::Audio::new(PACKED, samples.len(), ChannelLayout::STEREO);
    av.set_rate(RATE);
    av.set_pts(i64::try_from(start).ok());
    av.plane_mut::<(f32, f32)>(0).copy_from_slice(samples);
    av
}

/// What a filter graph has to be told of decoded sound.
pub(crate) fn source_of(av: &frame::Audio) -> String {
    source(av.format(), av.rate(), av.channel_layout(), av.channels())
}

/// The same of what a decoder is going to give, where its header says all of it.
pub(crate) fn source_of_decoder(decoder: &decoder::Audio) -> String {
    source(decoder.format(), decoder.rate(), decoder.channel_layout(), decoder.channels())
}

fn source(format: Sample, rate: u32, layout: ChannelLayout, channels: u16) -> String {
    let layout = match layout.bits() {
        0 => ChannelLayout::default(i32::from(channels)).bits(),
        bits => bits,
    };
    format!("time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout=0x{layout:x}", format.name())
}

/// An audio filter graph with named inputs and one output.
struct Mixer {
    graph: filter::Graph,
    spec: String,
    /// Inputs that have not ended.
    open: Vec<String>,
}

impl Mixer {
    fn new(inputs: &[(&str, String)], spec: &str) -> Result<Self> {
        if spec.contains('\0') {
            return Err(Error::Filter { spec: spec.into(), doing: "reading it", source: AvError::InvalidData });
        }
        let buffer = filter::find("abuffer").ok_or(Error::Missing { what: "the abuffer filter" })?;
        let sink = filter::find("abuffersink").ok_or(Error::Missing { what: "the abuffersink filter" })?;
        let setup = Error::filter;
        let mut graph = filter::Graph::new();
        for (name, arguments) in inputs {
            graph.add(&buffer, name, arguments).map_err(setup(spec, "setting up its input"))?;
        }
        graph.add(&sink, "out", "").map_err(setup(spec, "setting up its output"))?;
        let mut parser = filter::graph::Parser::new(&mut graph);
        for (name, _) in inputs {
            parser = parser.output(name, 0).map_err(setup(spec, "connecting it"))?;
        }
        let full = format!("{spec},{ENDING}");
        parser.input("out", 0).and_then(|p| p.parse(&full)).map_err(setup(spec, "reading it"))?;
        graph.validate().map_err(setup(spec, "connecting it"))?;
        Ok(Self { graph, spec: spec.into(), open: inputs.iter().map(|(n, _)| (*n).to_owned()).collect() })
    }

    fn push(&mut self, name: &str, av: &frame::Audio) -> Result<()> {
        let spec = &self.spec;
        self.graph
            .get(name)
            .ok_or(AvError::Bug)
            .and_then(|mut c| c.source().add(av))
            .map_err(Error::filter(spec, "giving it sound"))
    }

    /// Nothing more comes on this input. Ending it again does nothing.
    fn end(&mut self, name: &str) -> Result<()> {
        if let Some(at) = self.open.iter().position(|n| n == name) {
            self.open.swap_remove(at);
            let ended = self.graph.get(name).ok_or(AvError::Bug).and_then(|mut c| c.source().flush());
            ended.map_err(Error::filter(&self.spec, "ending its input"))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        for name in self.open.clone() {
            self.end(&name)?;
        }
        Ok(())
    }

    /// Takes all that is ready.
    fn drain(&mut self, into: &mut Vec<(f32, f32)>, told: &mut dyn FnMut(&str, &str)) -> Result<()> {
        loop {
            let mut av = frame::Audio::empty();
            match self.graph.get("out").ok_or(AvError::Bug).and_then(|mut c| c.sink().frame(&mut av)) {
                Ok(()) => {}
                Err(AvError::Other { errno: EAGAIN } | AvError::Eof) => return Ok(()),
                Err(source) => return Err(Error::Filter { spec: self.spec.clone(), doing: "taking sound", source }),
            }
            if av.format() != PACKED || av.channels() != 2 {
                return Err(Error::Filter { spec: self.spec.clone(), doing: "taking sound", source: AvError::Bug });
            }
            into.extend_from_slice(av.plane::<(f32, f32)>(0));
            for (key, value) in av.metadata().iter() {
                told(key, value);
            }
        }
    }
}
