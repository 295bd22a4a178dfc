//! Masters: the MP4 files that platforms take.
//!
//! Invariant: H.264 High 4:2:0 progressive with closed GOPs, tagged BT.709; AAC-LC stereo at 48 kHz; the index in front
//! and no edit lists, picture and sound both starting at zero; the same input gives the same bytes.

use std::path::Path;

use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::{ChannelLayout, Dictionary, Rational, codec, encoder, frame};

use crate::audio::{AudioClip, RATE};
use crate::av;
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameFormat, Pixel};
use crate::mux::Muxer;
use crate::writer::{self, Written, X264_THREADS};

/// How a master is encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MasterOptions {
    pub width: u32,
    pub height: u32,
    /// Frames per second as numerator and denominator.
    pub fps: (u32, u32),
    pub rate: RateControl,
    /// The longest distance between key frames, in frames.
    pub gop: u32,
    /// Bit rate of the sound, in kb/s.
    pub audio_kbps: u32,
}

/// How many bits the picture may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateControl {
    /// Constant quality under a ceiling.
    Quality {
        /// x264's rate factor: lower is better, 17 is visually lossless.
        crf: f64,
        max_kbps: u32,
        /// Size of the decoder buffer the ceiling is measured over, in kb.
        buffer_kbps: u32,
    },
    /// A constant rate, padded where the picture is simpler.
    Constant { kbps: u32 },
}

/// Samples in one AAC packet.
const AAC_FRAME: usize = 1024;

/// Writes frames and a clip of sound to an MP4 file. Without [`MasterWriter::finish`] the file is not complete.
pub struct MasterWriter {
    muxer: Muxer,
    video: encoder::Video,
    audio: encoder::Audio,
    video_stream: usize,
    audio_stream: usize,
    format: FrameFormat,
    fps: (u32, u32),
    frames: i64,
    sound: AudioClip,
    /// Samples of the sound given to the encoder so far.
    sounded: usize,
}

impl MasterWriter {
    /// Creates the file. `sound` is cut, or continued with silence, to the length of the picture.
    ///
    /// # Errors
    /// When the file can't be created or an encoder does not take the options.
    pub fn create(path: impl AsRef<Path>, options: &MasterOptions, sound: AudioClip) -> Result<Self> {
        let path = path.as_ref();
        av::init();
        let format = FrameFormat::new(options.width, options.height, Pixel::Yuv420p);
        format.check()?;
        if !format.width.is_multiple_of(2) || !format.height.is_multiple_of(2) {
            return Err(Error::Unsupported {
                what: "the size of a master",
                found: format!("{}x{}", format.width, format.height),
                expected: "even sides",
            });
        }
        let rate = writer::frame_rate(options.fps)?;
        let video = open_video(path, format, rate, options)?;
        let audio = open_audio(path, options.audio_kbps)?;
        let mut muxer = Muxer::create(path, "mp4")?;
        let video_stream = muxer.add(&video, Some(rate))?;
        let audio_stream = muxer.add(&audio, None)?;
        muxer.start(&[("movflags", "+faststart+negative_cts_offsets"), ("use_editlist", "0")])?;
        Ok(Self {
            muxer,
            video,
            audio,
            video_stream,
            audio_stream,
            format,
            fps: options.fps,
            frames: 0,
            sound,
            sounded: AAC_FRAME,
        })
    }

    /// What every frame must be.
    #[must_use]
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// Writes the next frame, and the sound up to it.
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
        self.video.send_frame(&av).map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.muxer.drain(&mut self.video, self.video_stream, 1)?;
        self.write_sound()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When the last frames or the end of the file can't be written.
    pub fn finish(mut self) -> Result<Written> {
        self.video.send_eof().map_err(Error::write(self.muxer.path(), "encoding"))?;
        self.muxer.drain(&mut self.video, self.video_stream, 1)?;
        self.audio.send_eof().map_err(Error::write(self.muxer.path(), "encoding its sound"))?;
        self.muxer.drain(&mut self.audio, self.audio_stream, AAC_FRAME as i64)?;
        let frames = self.frames.unsigned_abs();
        let bytes = self.muxer.finish()?;
        Ok(Written { frames, seconds: frames as f64 * f64::from(self.fps.1) / f64::from(self.fps.0), bytes })
    }

    /// Gives the encoder whole packets of sound, none of which lasts longer than the picture so far.
    ///
    /// An AAC encoder is one packet late. Instead of an edit list that hides the first packet, the first 1024 samples
    /// are left out, so that the late packet stands where they would have been.
    fn write_sound(&mut self) -> Result<()> {
        let until =
            (self.frames.unsigned_abs() * u64::from(RATE) * u64::from(self.fps.1) / u64::from(self.fps.0)) as usize;
        while self.sounded + AAC_FRAME <= until {
            let mut av = frame::Audio::new(Sample::F32(Type::Planar), AAC_FRAME, ChannelLayout::STEREO);
            av.set_rate(RATE);
            av.set_pts(i64::try_from(self.sounded).ok());
            let samples = self.sound.samples().get(self.sounded..).unwrap_or_default();
            let at = |i: usize| samples.get(i).copied().unwrap_or_default();
            av.plane_mut::<f32>(0).iter_mut().enumerate().for_each(|(i, s)| *s = at(i).0);
            av.plane_mut::<f32>(1).iter_mut().enumerate().for_each(|(i, s)| *s = at(i).1);
            self.sounded += AAC_FRAME;
            self.audio.send_frame(&av).map_err(Error::write(self.muxer.path(), "encoding its sound"))?;
            self.muxer.drain(&mut self.audio, self.audio_stream, AAC_FRAME as i64)?;
        }
        Ok(())
    }
}

fn open_video(path: &Path, format: FrameFormat, rate: Rational, options: &MasterOptions) -> Result<encoder::Video> {
    let gop = options.gop.max(1).to_string();
    let mut settings: Vec<(&str, String)> = vec![
        ("preset", "medium".into()),
        ("profile", "high".into()),
        ("g", gop),
        ("bf", "2".into()),
        ("x264-params", "cpu-independent=1:open-gop=0".into()),
    ];
    match options.rate {
        RateControl::Quality { crf, max_kbps, buffer_kbps } => settings.extend([
            ("crf", crf.to_string()),
            ("maxrate", format!("{max_kbps}k")),
            ("bufsize", format!("{buffer_kbps}k")),
        ]),
        RateControl::Constant { kbps } => settings.extend([
            ("b", format!("{kbps}k")),
            ("maxrate", format!("{kbps}k")),
            ("bufsize", format!("{kbps}k")),
            ("nal-hrd", "cbr".into()),
        ]),
    }
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    writer::open_encoder(path, "libx264", format, rate, codec::threading::Config::count(X264_THREADS), &settings)
}

fn open_audio(path: &Path, kbps: u32) -> Result<encoder::Audio> {
    let codec = encoder::find_by_name("aac").ok_or(Error::Missing { what: "aac" })?;
    let mut context = codec::Context::new_with_codec(codec);
    context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
    context.set_time_base(Rational(1, RATE as i32));
    let mut audio = context.encoder().audio().map_err(Error::write(path, "preparing the sound encoder"))?;
    audio.set_rate(RATE as i32);
    audio.set_format(Sample::F32(Type::Planar));
    audio.set_channel_layout(ChannelLayout::STEREO);
    audio.set_bit_rate(kbps as usize * 1000);
    let options: Dictionary = [("profile", "aac_low")].iter().collect();
    audio.open_as_with(codec, options).map_err(Error::write(path, "opening the sound encoder"))
}
