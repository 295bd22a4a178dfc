//! Mezzanines: the lossless or nearly lossless files that stages hand on to each other.

use std::path::Path;

use ffmpeg_next::util::color;
use ffmpeg_next::{Dictionary, Rational, codec, encoder};

use crate::av;
use crate::codecs;
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameFormat, Pixel};
use crate::mux::Muxer;

/// How a mezzanine is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mezzanine {
    /// FFmpeg's variant of Huffyuv, every frame a key frame: the same frames give the same bytes. Takes any YUV format
    /// here. Half as large again as FFV1, and written and read in a seventh of its time: these files live in the store
    /// and are read once for each aspect. FFV1 where a side is odd, for that Huffyuv loses the last column of chroma.
    Lossless,
    /// H.264 High, 8 bit 4:2:0, visually lossless and fast. Takes [`Pixel::Yuv420p`]. The same frames give the same
    /// bytes with the same libx264, on any number of processors.
    Visual,
}

/// What to write.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    pub codec: Mezzanine,
    /// Of every frame.
    pub format: FrameFormat,
    /// Frames per second as numerator and denominator.
    pub fps: (u32, u32),
    /// Encoder threads of [`Mezzanine::Lossless`]; they don't change the result. [`Mezzanine::Visual`] always uses its own
    /// number.
    pub threads: usize,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written {
    pub frames: u64,
    pub seconds: f64,
    /// Of the file.
    pub bytes: u64,
    /// Of the coded picture in it.
    pub picture_bytes: u64,
}

/// libx264's result depends on its number of threads, so that is fixed as well. Each takes some 25 MB at 1080p; a machine with
/// many cores makes several masters at once.
pub(crate) const X264_THREADS: usize = 4;

/// Writes frames to a Matroska file. Without [`Writer::finish`] the file is not complete.
pub struct Writer {
    muxer: Muxer,
    encoder: encoder::Video,
    stream: usize,
    format: FrameFormat,
    fps: (u32, u32),
    frames: i64,
}

impl Writer {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    /// When the file can't be created, or the codec does not take the format.
    pub fn create(path: impl AsRef<Path>, options: WriteOptions) -> Result<Self> {
        let path = path.as_ref();
        av::init();
        let WriteOptions { codec, format, fps, threads } = options;
        format.check()?;
        let rate = frame_rate(fps)?;
        let takes = match codec {
            Mezzanine::Lossless => !format.pixel.is_rgb(),
            Mezzanine::Visual => {
                format.pixel == Pixel::Yuv420p && format.width.is_multiple_of(2) && format.height.is_multiple_of(2)
            }
        };
        if !takes {
            return Err(Error::Unsupported {
                what: "the format of a mezzanine",
                found: format.to_string(),
                expected: match codec {
                    Mezzanine::Lossless => "a YUV or grey format",
                    Mezzanine::Visual => "yuv420p with even sides",
                },
            });
        }
        let encoder = match codec {
            Mezzanine::Lossless => open_lossless(path, format, rate, threads)?,
            Mezzanine::Visual => open_encoder(
                path,
                "libx264",
                format,
                rate,
                codec::threading::Config::count(X264_THREADS),
                &[
                    ("preset", "ultrafast"),
                    ("profile", "high"),
                    ("crf", "10"),
                    ("g", "12"),
                    ("bf", "0"),
                    ("x264-params", "cpu-independent=1"),
                ],
            )?,
        };
        let mut muxer = Muxer::create(path, "matroska")?;
        let stream = muxer.add(&encoder, Some(rate))?;
        muxer.start(&[])?;
        Ok(Self { muxer, encoder, stream, format, fps, frames: 0 })
    }

    /// Writes the next frame.
    ///
    /// # Errors
    /// [`Error::WrongFrame`] when its format is not the file's; otherwise when encoding or writing fails.
    pub fn write(&mut self, frame: &Frame) -> Result<()> {
        if frame.format() != self.format {
            return Err(Error::WrongFrame {
                to: self.muxer.path().display().to_string(),
                expected: self.format,
                found: frame.format(),
            });
        }
        let av = av::to_av(frame, self.frames);
        self.frames += 1;
        self.encoder.send_frame(&av).map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.muxer.drain(&mut self.encoder, self.stream, 1)?;
        Ok(())
    }

    /// Frames written so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.unsigned_abs()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When the last frames or the end of the file can't be written.
    pub fn finish(mut self) -> Result<Written> {
        self.encoder.send_eof().map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.muxer.drain(&mut self.encoder, self.stream, 1)?;
        let frames = self.frames.unsigned_abs();
        let picture_bytes = self.muxer.bytes(self.stream);
        let bytes = self.muxer.finish()?;
        let seconds = frames as f64 * f64::from(self.fps.1) / f64::from(self.fps.0);
        Ok(Written { frames, seconds, bytes, picture_bytes })
    }
}

fn open_lossless(path: &Path, format: FrameFormat, rate: Rational, threads: usize) -> Result<encoder::Video> {
    let threading = |kind| codec::threading::Config { kind, count: threads.max(1), ..Default::default() };
    if format.width.is_multiple_of(2) && format.height.is_multiple_of(2) {
        // One table of codes for the whole file, so that every frame stands alone.
        let options = [("pred", "left"), ("context", "0")];
        return open_encoder(path, "ffvhuff", format, rate, threading(codec::threading::Type::Frame), &options);
    }
    // One slice: the bytes must not depend on the machine, and not every number of slices divides into an odd size.
    let options = [("level", "3"), ("coder", "1"), ("context", "0"), ("g", "1"), ("slices", "1")];
    open_encoder(path, "ffv1", format, rate, threading(codec::threading::Type::Slice), &options)
}

/// Opens a video encoder, tagged BT.709 limited and told to leave out everything that varies.
pub(crate) fn open_encoder(
    path: &Path,
    name: &'static str,
    format: FrameFormat,
    rate: Rational,
    threading: codec::threading::Config,
    options: &[(&str, &str)],
) -> Result<encoder::Video> {
    let flags = codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT | codec::Flags::CLOSED_GOP;
    open_encoder_with(path, name, format, rate, threading, flags, options)
}

/// The same with flags of one's own.
pub(crate) fn open_encoder_with(
    path: &Path,
    name: &'static str,
    format: FrameFormat,
    rate: Rational,
    threading: codec::threading::Config,
    flags: codec::Flags,
    options: &[(&str, &str)],
) -> Result<encoder::Video> {
    let codec = encoder::find_by_name(name).ok_or(Error::Missing { what: name })?;
    let mut context = codec::Context::new_with_codec(codec);
    context.set_flags(flags);
    context.set_threading(threading);
    context.set_time_base(rate.invert());
    context.set_frame_rate(Some(rate));
    let mut video = context.encoder().video().map_err(Error::write(path, "preparing the encoder"))?;
    video.set_width(format.width);
    video.set_height(format.height);
    let packed = codecs::packed(name, format.pixel).and_then(|packed| packed.parse().ok());
    video.set_format(packed.unwrap_or_else(|| format.pixel.av()));
    video.set_aspect_ratio(Rational(1, 1));
    video.set_colorspace(color::Space::BT709);
    video.set_color_range(color::Range::MPEG);
    video.set_color_primaries(color::Primaries::BT709);
    video.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    let dictionary: Dictionary = options.iter().collect();
    video.open_as_with(codec, dictionary).map_err(Error::write(path, "opening the encoder"))
}

/// A rate as FFmpeg wants it.
pub(crate) fn frame_rate((numerator, denominator): (u32, u32)) -> Result<Rational> {
    match (i32::try_from(numerator), i32::try_from(denominator)) {
        (Ok(n), Ok(d)) if n > 0 && d > 0 && n / d <= 1000 => Ok(Rational(n, d)),
        _ => Err(Error::Unsupported {
            what: "a frame rate",
            found: format!("{numerator}/{denominator}"),
            expected: "more than 0 and at most 1000 frames a second",
        }),
    }
}
