//! Animated GIF: a palette of its own for every preview.

use std::path::Path;

use ffmpeg_next::util::color;
use ffmpeg_next::{Dictionary, Rational, codec, encoder, frame};

use crate::av;
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameFormat, Pixel};
use crate::graph::{Pulled, Source, VideoGraph};
use crate::mux::Muxer;
use crate::writer::{self, Written};

/// One palette over all frames, and an ordered pattern where a colour is missing: it stands still, so that what does
/// not move costs nothing.
const PALETTE: &str = "split[a][b];[a]palettegen=max_colors=160:stats_mode=diff[p];\
                       [b][p]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle";

/// Collects frames of [`Pixel::Rgba`] and writes a GIF that repeats for ever. Frames are kept until the end, because
/// the palette needs them all: for previews, not for films.
pub struct GifWriter {
    muxer: Muxer,
    graph: VideoGraph,
    format: FrameFormat,
    fps: (u32, u32),
    frames: i64,
}

impl GifWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// When it can't be created, or the size or rate can't be.
    pub fn create(path: impl AsRef<Path>, (width, height): (u32, u32), fps: (u32, u32)) -> Result<Self> {
        let path = path.as_ref();
        av::init();
        let format = FrameFormat::new(width, height, Pixel::Rgba);
        format.check()?;
        let rate = writer::frame_rate(fps)?;
        let source = Source {
            width,
            height,
            pixel: format.pixel.name(),
            time_base: rate.invert(),
            frame_rate: fps,
            sample_aspect: Rational(1, 1),
        };
        let graph = VideoGraph::new(&source, PALETTE)?;
        Ok(Self { muxer: Muxer::create(path, "gif")?, graph, format, fps, frames: 0 })
    }

    /// What every frame must be.
    #[must_use]
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// [`Error::WrongFrame`] when its format is not the file's.
    pub fn write(&mut self, frame: &Frame) -> Result<()> {
        if frame.format() != self.format {
            return Err(Error::WrongFrame {
                to: self.muxer.path().display().to_string(),
                expected: self.format,
                found: frame.format(),
            });
        }
        self.graph.push(&av::to_av(frame, self.frames))?;
        self.frames += 1;
        Ok(())
    }

    /// Finds the palette and writes the file.
    ///
    /// # Errors
    /// When encoding or writing fails.
    pub fn finish(mut self) -> Result<Written> {
        let rate = writer::frame_rate(self.fps)?;
        self.graph.finish(self.frames)?;
        let mut encoder = open(self.muxer.path(), self.format, rate)?;
        let stream = self.muxer.add(&encoder, Some(rate))?;
        self.muxer.start(&[("loop", "0")])?;
        let mut av = frame::Video::empty();
        while self.graph.pull(&mut av)? == Pulled::Frame {
            av.set_kind(ffmpeg_next::picture::Type::None);
            encoder.send_frame(&av).map_err(Error::write(self.muxer.path(), "encoding"))?;
            self.muxer.drain(&mut encoder, stream, 1)?;
        }
        encoder.send_eof().map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.muxer.drain(&mut encoder, stream, 1)?;
        let frames = self.frames.unsigned_abs();
        let picture_bytes = self.muxer.bytes(0);
        let bytes = self.muxer.finish()?;
        let seconds = frames as f64 * f64::from(self.fps.1) / f64::from(self.fps.0);
        Ok(Written { frames, seconds, bytes, picture_bytes })
    }
}

fn open(path: &Path, format: FrameFormat, rate: Rational) -> Result<encoder::Video> {
    let codec = encoder::find_by_name("gif").ok_or(Error::Missing { what: "gif" })?;
    let mut context = codec::Context::new_with_codec(codec);
    context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
    context.set_time_base(rate.invert());
    context.set_frame_rate(Some(rate));
    let mut video = context.encoder().video().map_err(Error::write(path, "preparing the encoder"))?;
    video.set_width(format.width);
    video.set_height(format.height);
    video.set_format(ffmpeg_next::format::Pixel::PAL8);
    video.set_color_range(color::Range::JPEG);
    video.open_as_with(codec, Dictionary::new()).map_err(Error::write(path, "opening the encoder"))
}
