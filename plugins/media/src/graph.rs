//! One video filter graph with one input and one output.

use ffmpeg_next::{Error as AvError, Rational, error::EAGAIN, filter, frame};

use crate::error::{Error, Result};

/// What goes into a graph.
pub(crate) struct Source {
    pub width: u32,
    pub height: u32,
    /// FFmpeg's name of the pixel format.
    pub pixel: &'static str,
    pub time_base: Rational,
    pub frame_rate: (u32, u32),
    pub sample_aspect: Rational,
}

/// What a graph had to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulled {
    Frame,
    NotYet,
    Ended,
}

pub(crate) struct VideoGraph {
    graph: filter::Graph,
    spec: String,
}

impl VideoGraph {
    pub(crate) fn new(source: &Source, spec: &str) -> Result<Self> {
        if spec.contains('\0') {
            return Err(Error::Filter { spec: spec.into(), doing: "reading it", source: AvError::InvalidData });
        }
        let buffer = filter::find("buffer").ok_or(Error::Missing { what: "the buffer filter" })?;
        let sink = filter::find("buffersink").ok_or(Error::Missing { what: "the buffersink filter" })?;
        let arguments = format!(
            "video_size={}x{}:pix_fmt={}:time_base={}/{}:frame_rate={}/{}:pixel_aspect={}/{}",
            source.width,
            source.height,
            source.pixel,
            source.time_base.numerator(),
            source.time_base.denominator(),
            source.frame_rate.0,
            source.frame_rate.1,
            source.sample_aspect.numerator(),
            source.sample_aspect.denominator(),
        );
        let mut graph = filter::Graph::new();
        let setup = Error::filter;
        graph.add(&buffer, "in", &arguments).map_err(setup(spec, "setting up its input"))?;
        graph.add(&sink, "out", "").map_err(setup(spec, "setting up its output"))?;
        graph
            .output("in", 0)
            .and_then(|p| p.input("out", 0))
            .and_then(|p| p.parse(spec))
            .map_err(setup(spec, "reading it"))?;
        graph.validate().map_err(setup(spec, "connecting it"))?;
        Ok(Self { graph, spec: spec.into() })
    }

    pub(crate) fn push(&mut self, av: &frame::Video) -> Result<()> {
        let spec = &self.spec;
        self.graph
            .get("in")
            .ok_or(AvError::Bug)
            .and_then(|mut c| c.source().add(av))
            .map_err(Error::filter(spec, "giving it a frame"))
    }

    /// No more frames will come; the last one lasts until `end`, in the source's time base.
    pub(crate) fn finish(&mut self, end: i64) -> Result<()> {
        let spec = &self.spec;
        self.graph
            .get("in")
            .ok_or(AvError::Bug)
            .and_then(|mut c| c.source().close(end))
            .map_err(Error::filter(spec, "ending its input"))
    }

    pub(crate) fn pull(&mut self, av: &mut frame::Video) -> Result<Pulled> {
        let result = self.graph.get("out").ok_or(AvError::Bug).and_then(|mut c| c.sink().frame(av));
        match result {
            Ok(()) => Ok(Pulled::Frame),
            Err(AvError::Other { errno: EAGAIN }) => Ok(Pulled::NotYet),
            Err(AvError::Eof) => Ok(Pulled::Ended),
            Err(source) => Err(Error::Filter { spec: self.spec.clone(), doing: "taking a frame", source }),
        }
    }

    pub(crate) fn spec(&self) -> &str {
        &self.spec
    }
}
