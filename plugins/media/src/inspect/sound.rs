//! The graph the sound goes through, with its metadata kept frame by frame.

use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::{ChannelLayout, Error as AvError, error::EAGAIN, filter, frame};

use super::{See, Seen, marks};
use crate::audio::RATE;
use crate::error::{Error, Result};

const STEREO: &str = "aresample=48000,aformat=sample_fmts=flt:sample_rates=48000:channel_layouts=stereo";
const PACKED: Sample = Sample::F32(Type::Packed);

pub(super) struct SoundGraph {
    graph: filter::Graph,
    spec: String,
    /// Samples pushed: the graph counts time in them, whatever the file says.
    pushed: i64,
}

impl SoundGraph {
    /// A graph for sound like the first decoded frame.
    pub(super) fn new(av: &frame::Audio, spec: &str) -> Result<Self> {
        if spec.contains('\0') {
            return Err(Error::Filter { spec: spec.into(), doing: "reading it", source: AvError::InvalidData });
        }
        let buffer = filter::find("abuffer").ok_or(Error::Missing { what: "the abuffer filter" })?;
        let sink = filter::find("abuffersink").ok_or(Error::Missing { what: "the abuffersink filter" })?;
        let layout = match av.channel_layout().bits() {
            0 => ChannelLayout::default(i32::from(av.channels())).bits(),
            bits => bits,
        };
        let arguments = format!(
            "time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout=0x{layout:x}",
            av.format().name(),
            rate = av.rate(),
        );
        let setup = Error::filter;
        let mut graph = filter::Graph::new();
        graph.add(&buffer, "in", &arguments).map_err(setup(spec, "setting up its input"))?;
        graph.add(&sink, "out", "").map_err(setup(spec, "setting up its output"))?;
        let front = if spec.is_empty() { String::new() } else { format!(",{spec}") };
        graph
            .output("in", 0)
            .and_then(|p| p.input("out", 0))
            .and_then(|p| p.parse(&format!("{STEREO}{front},{STEREO}")))
            .map_err(setup(spec, "reading it"))?;
        graph.validate().map_err(setup(spec, "connecting it"))?;
        Ok(Self { graph, spec: spec.into(), pushed: 0 })
    }

    pub(super) fn push(&mut self, av: &mut frame::Audio) -> Result<()> {
        av.set_pts(Some(self.pushed));
        self.pushed += i64::try_from(av.samples()).unwrap_or_default();
        let spec = &self.spec;
        let source = self.graph.get("in").ok_or(AvError::Bug);
        source.and_then(|mut c| c.source().add(av)).map_err(Error::filter(spec, "giving it sound"))
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        let source = self.graph.get("in").ok_or(AvError::Bug);
        source.and_then(|mut c| c.source().flush()).map_err(Error::filter(&self.spec, "ending its input"))
    }

    /// Hands on all that is ready.
    pub(super) fn drain<E: From<Error>>(&mut self, given: &mut u64, see: See<'_, E>) -> std::result::Result<(), E> {
        loop {
            let mut av = frame::Audio::empty();
            let taking = |source| Error::Filter { spec: self.spec.clone(), doing: "taking sound", source };
            match self.graph.get("out").ok_or(AvError::Bug).and_then(|mut c| c.sink().frame(&mut av)) {
                Ok(()) => {}
                Err(AvError::Other { errno: EAGAIN } | AvError::Eof) => return Ok(()),
                Err(source) => return Err(taking(source).into()),
            }
            if av.format() != PACKED || av.channels() != 2 {
                return Err(taking(AvError::Bug).into());
            }
            let samples = av.plane::<(f32, f32)>(0);
            let at = *given as f64 / f64::from(RATE);
            *given += samples.len() as u64;
            see(Seen::Sound { at, samples, marks: marks(&av.metadata()) })?;
        }
    }
}
