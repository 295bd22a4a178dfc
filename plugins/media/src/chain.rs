//! A filter graph over frames in memory: upscaling, motion interpolation, pixel conversion.

use ffmpeg_next::{Rational, frame};

use crate::av;
use crate::error::{Error, Result};
use crate::filters;
use crate::frame::{Frame, FrameFormat, Pixel};
use crate::graph::{Pulled, Source, VideoGraph};

/// Frames in, filtered frames out.
///
/// RGB frames are converted to BT.709 before the filters when the output is YUV, and YUV frames after them when it is
/// RGB, so the filters work on the cheaper side.
pub struct FilterChain {
    input: FrameFormat,
    output: Pixel,
    graph: VideoGraph,
    pushed: i64,
    pulled: u64,
}

impl FilterChain {
    /// `spec` is a libavfilter graph with one input and one output (`minterpolate=fps=24`); empty for a pixel
    /// conversion alone. `fps` is the rate of the frames that go in, as numerator and denominator.
    ///
    /// # Errors
    /// [`Error::Filter`] when the text is not a graph FFmpeg understands.
    pub fn new(spec: &str, input: FrameFormat, fps: (u32, u32), output: Pixel) -> Result<Self> {
        av::init();
        input.check()?;
        let rate = crate::writer::frame_rate(fps)?;
        let front = if input.pixel.is_rgb() && !output.is_rgb() { filters::rgb_to_yuv(output) } else { String::new() };
        let ending = filters::ending(output, !(input.pixel.is_rgb() && output.is_rgb()));
        let graph = VideoGraph::new(
            &Source {
                width: input.width,
                height: input.height,
                pixel: input.pixel.name(),
                time_base: rate.invert(),
                frame_rate: fps,
                sample_aspect: Rational(1, 1),
            },
            &filters::chain([front.as_str(), spec, ending.as_str()]),
        )?;
        Ok(Self { input, output, graph, pushed: 0, pulled: 0 })
    }

    /// Gives it the next frame.
    ///
    /// # Errors
    /// [`Error::WrongFrame`] when the frame is not of the input format.
    pub fn push(&mut self, frame: &Frame) -> Result<()> {
        if frame.format() != self.input {
            return Err(Error::WrongFrame {
                to: format!("the filter `{}`", self.graph.spec()),
                expected: self.input,
                found: frame.format(),
            });
        }
        self.graph.push(&av::to_av(frame, self.pushed))?;
        self.pushed += 1;
        Ok(())
    }

    /// No more frames will come; [`FilterChain::pull`] gives what is left.
    ///
    /// # Errors
    /// When a filter fails.
    pub fn finish(&mut self) -> Result<()> {
        self.graph.finish(self.pushed)
    }

    /// The next frame that is ready. `None` means: push more, or, after `finish`, that it was the last.
    ///
    /// # Errors
    /// When a filter fails.
    pub fn pull(&mut self) -> Result<Option<Frame>> {
        let mut av = frame::Video::empty();
        if self.graph.pull(&mut av)? != Pulled::Frame {
            return Ok(None);
        }
        let frame = av::from_av(&av, self.output, self.pulled).ok_or_else(|| Error::Filter {
            spec: self.graph.spec().into(),
            doing: "taking a frame of the wrong layout",
            source: ffmpeg_next::Error::Bug,
        })?;
        self.pulled += 1;
        Ok(Some(frame))
    }
}
