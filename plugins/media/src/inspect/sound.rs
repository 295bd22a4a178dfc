//! The graph the sound goes through, with its metadata kept frame by frame.

use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::{Error as AvError, error::EAGAIN, filter, frame};

use super::{See, Seen, marks};
use crate::audio::RATE;
use crate::error::{Error, Result};

const STEREO: &str = "aresample=48000,aformat=sample_fmts=flt:sample_rates=48000:channel_layouts=stereo";
const PACKED: Sample = Sample::F32(Type::Packed);

pub(super) struct SoundGraph {
    graph: filter::Graph,
    spec: String,
    /// Samples pushed into each input: the graph counts time in them, whatever the file says.
    pushed: Vec<i64>,
}

impl SoundGraph {
    /// A graph for sound out of one stream, or out of two that are left and right; `sources` say what it is like.
    pub(super) fn new(sources: &[String], spec: &str) -> Result<Self> {
        let streams = sources.len();
        if spec.contains('\0') {
            return Err(Error::Filter { spec: spec.into(), doing: "reading it", source: AvError::InvalidData });
        }
        let buffer = filter::find("abuffer").ok_or(Error::Missing { what: "the abuffer filter" })?;
        let sink = filter::find("abuffersink").ok_or(Error::Missing { what: "the abuffersink filter" })?;
        let setup = Error::filter;
        let mut graph = filter::Graph::new();
        for (i, source) in sources.iter().enumerate() {
            graph.add(&buffer, &name(i), source).map_err(setup(spec, "setting up its input"))?;
        }
        graph.add(&sink, "out", "").map_err(setup(spec, "setting up its output"))?;
        let front =
            if streams == 1 { "[in0]" } else { "[in0][in1]join=inputs=2:channel_layout=stereo:map=0.0-FL|1.0-FR," };
        let middle = if spec.is_empty() { String::new() } else { format!(",{spec}") };
        let mut parser = filter::graph::Parser::new(&mut graph);
        for i in 0..streams {
            parser = parser.output(&name(i), 0).map_err(setup(spec, "connecting it"))?;
        }
        parser
            .input("out", 0)
            .and_then(|p| p.parse(&format!("{front}{STEREO}{middle},{STEREO}")))
            .map_err(setup(spec, "reading it"))?;
        graph.validate().map_err(setup(spec, "connecting it"))?;
        Ok(Self { graph, spec: spec.into(), pushed: vec![0; streams] })
    }

    /// Gives sound to the input of a stream.
    pub(super) fn push(&mut self, stream: usize, av: &mut frame::Audio) -> Result<()> {
        av.set_pts(self.pushed.get(stream).copied());
        self.pushed[stream] += i64::try_from(av.samples()).unwrap_or_default();
        let spec = &self.spec;
        let source = self.graph.get(&name(stream)).ok_or(AvError::Bug);
        source.and_then(|mut c| c.source().add(av)).map_err(Error::filter(spec, "giving it sound"))
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        for stream in 0..self.pushed.len() {
            let source = self.graph.get(&name(stream)).ok_or(AvError::Bug);
            source.and_then(|mut c| c.source().flush()).map_err(Error::filter(&self.spec, "ending its input"))?;
        }
        Ok(())
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

/// The input of a stream.
fn name(stream: usize) -> String {
    format!("in{stream}")
}
