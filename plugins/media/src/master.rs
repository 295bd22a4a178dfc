//! Masters: the files that platforms and broadcasters take.
//!
//! Invariant: progressive, closed groups of pictures, tagged BT.709 (WebP: BT.601, the only one it knows); sound stereo at 48 kHz, in one stream or as left and right in two; picture and sound both
//! starting at zero; in MP4 and MOV the index in front and no edit lists; the same input gives the same bytes.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use ffmpeg_next::{Rational, encoder, frame};

use crate::audio::RATE;
use crate::av;
use crate::codecs::{self, Codec, Container, EncoderChoice, RateControl, Wanted};
use crate::error::{Error, Result};
use crate::filters;
use crate::frame::{Frame, FrameFormat};
use crate::graph::{Pulled, Source, VideoGraph};
use crate::mux::Muxer;
use crate::soundtrack::{AudioCodec, Sound, Soundtrack};
use crate::writer::{self, Written};

/// How a master is encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterOptions {
    pub container: Container,
    pub codec: Codec,
    pub encoder: EncoderChoice,
    pub width: u32,
    pub height: u32,
    /// Frames per second as numerator and denominator.
    pub fps: (u32, u32),
    pub rate: RateControl,
    /// The longest distance between key frames, in frames.
    pub gop: u32,
    /// The codec's profile by FFmpeg's name (`high`, `main10`); the codec's usual one when `None`.
    pub profile: Option<String>,
    /// The codec's level (`4.1`); the encoder's choice when `None`.
    pub level: Option<String>,
    /// `None` leaves the sound out.
    pub audio: Option<AudioCodec>,
    /// Time code of the first frame, `00:59:53:00`; MOV and MXF keep it.
    pub timecode: Option<String>,
}

impl Default for MasterOptions {
    /// H.264 and AAC in MP4, 1080p25.
    fn default() -> Self {
        Self {
            container: Container::Mp4,
            codec: Codec::H264,
            encoder: EncoderChoice::Software,
            width: 1920,
            height: 1080,
            fps: (25, 1),
            rate: RateControl::Quality { crf: 18.0, max_kbps: 12_000, buffer_kbps: 18_000 },
            gop: 12,
            profile: None,
            level: None,
            audio: Some(AudioCodec::Aac { kbps: 192 }),
            timecode: None,
        }
    }
}

/// Writes frames and a clip of sound to a file. Without [`MasterWriter::finish`] the file is not complete.
pub struct MasterWriter {
    muxer: Muxer,
    video: encoder::Video,
    stream: usize,
    encoder: &'static str,
    format: FrameFormat,
    fps: (u32, u32),
    frames: i64,
    /// Whether the picture's encoder has given anything back, and so sound is written.
    begun: bool,
    /// Pictures whose sound is written.
    heard: i64,
    sound: Option<Soundtrack>,
    /// To what the encoder takes, where that is not `format`: the one matrix that WebP knows, the layout of hardware.
    converter: Option<VideoGraph>,
}

/// Opens the encoder of a master and lets it go again: whether there is one, before there is a picture for it. `path` is what errors name;
/// nothing is written.
///
/// # Errors
/// Those of [`MasterWriter::create`] about the picture.
pub fn try_encoder(path: &Path, options: &MasterOptions) -> Result<()> {
    open(path, options).map(drop)
}

fn open(path: &Path, options: &MasterOptions) -> Result<(encoder::Video, &'static str)> {
    av::init();
    let format = format(options);
    format.check()?;
    if !format.width.is_multiple_of(2) || !format.height.is_multiple_of(2) {
        return Err(Error::Unsupported {
            what: "the size of a master",
            found: format!("{}x{}", format.width, format.height),
            expected: "even sides",
        });
    }
    let wanted = Wanted {
        codec: options.codec,
        choice: options.encoder,
        container: options.container,
        format,
        rate: writer::frame_rate(options.fps)?,
        control: &options.rate,
        gop: options.gop,
        profile: options.profile.as_deref(),
        level: options.level.as_deref(),
    };
    codecs::open(path, &wanted)
}

impl MasterWriter {
    /// Creates the file. `sound` is cut, or continued with silence, to the length of the picture; one that is still coming is
    /// waited for when the first picture has been encoded.
    ///
    /// # Errors
    /// When the file can't be created or an encoder does not take the options; [`Error::NoEncoder`] when a hardware
    /// encoder was asked for that is not there.
    pub fn create(path: impl AsRef<Path>, options: &MasterOptions, sound: impl Into<Sound>) -> Result<Self> {
        let path = path.as_ref();
        let (format, rate) = (format(options), writer::frame_rate(options.fps)?);
        let (video, encoder) = open(path, options)?;
        let mut muxer = Muxer::create(path, options.container.muxer())?;
        let stream = muxer.add(&video, Some(rate))?;
        let sound = options.audio.map(|codec| Soundtrack::create(path, &mut muxer, codec, sound.into())).transpose()?;
        if let Some(timecode) = &options.timecode {
            muxer.tag(&[("timecode", timecode)]);
        }
        muxer.start(match options.container {
            Container::Mp4 => &[("movflags", "+faststart+negative_cts_offsets"), ("use_editlist", "0")],
            Container::Mov => &[("movflags", "+faststart+negative_cts_offsets+write_colr"), ("use_editlist", "0")],
            // Opus begins with its own delay, which is in the file; moving everything for it would move the picture.
            Container::WebM => &[("avoid_negative_ts", "disabled"), ("cues_to_front", "1")],
            Container::WebP => &[("loop", "0")],
            Container::Mxf => &[],
        })?;
        let converter = match codecs::packed(encoder, format.pixel) {
            Some(layout) => Some(convert(format, options.fps, "bt709", layout)?),
            // WebP has no colour tags: every decoder takes it for BT.601 in limited range, so that is what it gets.
            None if options.codec == Codec::WebP => Some(convert(format, options.fps, "bt601", format.pixel.name())?),
            None => None,
        };
        Ok(Self {
            muxer,
            video,
            stream,
            encoder,
            format,
            fps: options.fps,
            frames: 0,
            begun: false,
            heard: 0,
            sound,
            converter,
        })
    }

    /// What every frame must be.
    #[must_use]
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// FFmpeg's name of the encoder at work: `libx264`, `h264_nvenc`, ….
    #[must_use]
    pub fn encoder(&self) -> &'static str {
        self.encoder
    }

    /// Writes the next frame, and the sound up to it once the encoder has given a first picture back.
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
        let mut av = av::to_av(frame, self.frames);
        self.frames += 1;
        if let Some(graph) = &mut self.converter {
            graph.push(&av)?;
            let mut converted = frame::Video::empty();
            if graph.pull(&mut converted)? == Pulled::Frame {
                av = converted;
            }
        }
        self.video.send_frame(&av).map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.begun |= self.muxer.drain(&mut self.video, self.stream, 1)? > 0;
        if self.begun { self.keep_up() } else { Ok(()) }
    }

    /// Writes the sound up to the last picture, picture by picture: what has no packets of its own gets one for each.
    fn keep_up(&mut self) -> Result<()> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        let (n, d) = (u64::from(self.fps.0), u64::from(self.fps.1));
        while self.heard < self.frames {
            self.heard += 1;
            let until = (self.heard.unsigned_abs() * u64::from(RATE) * d / n) as usize;
            sound.write(until, &mut self.muxer)?;
        }
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When the last frames or the end of the file can't be written.
    pub fn finish(mut self) -> Result<Written> {
        self.video.send_eof().map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.muxer.drain(&mut self.video, self.stream, 1)?;
        self.keep_up()?;
        if let Some(sound) = &mut self.sound {
            sound.finish(&mut self.muxer)?;
        }
        let frames = self.frames.unsigned_abs();
        let path = self.muxer.path().to_path_buf();
        let in_mp4 = matches!(self.muxer.container(), "mp4" | "mov");
        let picture_bytes = self.muxer.bytes(self.stream);
        let bytes = self.muxer.finish()?;
        if in_mp4 && matches!(self.encoder, "libx265" | "hevc_nvenc" | "hevc_qsv" | "hevc_videotoolbox") {
            name_hvc1(&path).map_err(|source| Error::Io { doing: "write", path, source })?;
        }
        let seconds = frames as f64 * f64::from(self.fps.1) / f64::from(self.fps.0);
        Ok(Written { frames, seconds, bytes, picture_bytes })
    }
}

/// Frames of `format` in another matrix, or in another of FFmpeg's layouts of the same pixels.
fn convert(format: FrameFormat, fps: (u32, u32), matrix: &str, layout: &str) -> Result<VideoGraph> {
    let source = Source {
        width: format.width,
        height: format.height,
        pixel: format.pixel.name(),
        time_base: writer::frame_rate(fps)?.invert(),
        frame_rate: fps,
        sample_aspect: Rational(1, 1),
    };
    let flags = filters::SWS_FLAGS;
    let matrices = format!("in_color_matrix=bt709:out_color_matrix={matrix}:in_range=tv:out_range=tv");
    VideoGraph::new(&source, &format!("scale=flags={flags}:{matrices},format={layout}"))
}

/// The frames a master is made of.
#[must_use]
pub fn format(options: &MasterOptions) -> FrameFormat {
    FrameFormat::new(options.width, options.height, codecs::pixel(options.codec, options.profile.as_deref()))
}

/// FFmpeg calls HEVC in MP4 `hev1`, which Apple's players refuse; the parameter sets are in front, so it is `hvc1`
/// as well (ISO/IEC 14496-15, 8.4). The name stands in the sample description, near the start of the file.
fn name_hvc1(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    let mut head = vec![0; 1 << 20];
    let mut read = 0;
    while read < head.len() {
        match file.read(&mut head[read..])? {
            0 => break,
            n => read += n,
        }
    }
    // Size, `stsd`, version and flags, count, size of the entry, then its name.
    let Some(at) = head[..read].windows(20).position(|w| &w[..4] == b"stsd" && &w[16..20] == b"hev1") else {
        return Ok(());
    };
    file.seek(SeekFrom::Start(at as u64 + 16))?;
    file.write_all(b"hvc1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Pixel;

    /// What hardware gets is what it would have got: the same samples in another order, at the same time.
    #[test]
    fn frames_for_hardware_are_the_same_pictures() {
        av::init();
        let check = |pixel: Pixel, layout: &str, sample: u16, chroma: [u16; 2], expected: &[[u16; 2]; 2]| {
            let mut frame = Frame::black(FrameFormat::new(64, 36, pixel));
            let wide = pixel.is_ten_bit();
            for (plane, value) in [(0, sample), (1, chroma[0]), (2, chroma[1])] {
                let bytes = value.to_le_bytes();
                frame
                    .plane_mut(plane)
                    .chunks_exact_mut(1 + usize::from(wide))
                    .for_each(|s| s.copy_from_slice(&bytes[..s.len()]));
            }
            let mut graph = convert(frame.format(), (25, 1), "bt709", layout).unwrap();
            graph.push(&av::to_av(&frame, 7)).unwrap();
            let mut out = frame::Video::empty();
            assert_eq!(graph.pull(&mut out).unwrap(), Pulled::Frame);
            assert_eq!((out.pts(), out.planes(), out.format()), (Some(7), 2, layout.parse().unwrap()), "{layout}");
            for (plane, expected) in expected.iter().enumerate() {
                let row = &out.data(plane)[..if wide { 4 } else { 2 }];
                let found: Vec<u16> = match wide {
                    true => row.chunks_exact(2).map(|s| u16::from_le_bytes([s[0], s[1]])).collect(),
                    false => row.iter().map(|s| u16::from(*s)).collect(),
                };
                assert_eq!(found, expected, "{layout}, plane {plane}");
            }
        };
        check(Pixel::Yuv420p, "nv12", 147, [63, 178], &[[147, 147], [63, 178]]);
        check(Pixel::Yuv420p10, "p010le", 588, [252, 712], &[[588 << 6, 588 << 6], [252 << 6, 712 << 6]]);
    }
}
