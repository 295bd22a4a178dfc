//! The sound of a master: encoded in step with the picture.
//!
//! Invariant: sound and picture both start at zero, and no packet lasts longer than the picture.

use std::path::Path;
use std::sync::mpsc::Receiver;

use ffmpeg_next::format::sample::{Sample, Type};
use ffmpeg_next::{ChannelLayout, Dictionary, Rational, codec, encoder, frame};

use crate::audio::{AudioClip, RATE};
use crate::error::{Error, Result};
use crate::mux::Muxer;

/// How sound is coded: always stereo at 48 kHz, in one stream but where it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC, low complexity, at this many kb/s.
    Aac { kbps: u32 },
    /// Opus at this many kb/s.
    Opus { kbps: u32 },
    /// Uncompressed, 24 bit.
    Pcm24,
    /// The same as so many streams of one channel, at least two: left, right, and silence in the others. What broadcasters
    /// take in MXF (SMPTE RDD 9 for XDCAM, EBU R 123).
    Pcm24Mono { tracks: u32 },
}

/// The sound of a file: there, or being made while the first pictures are encoded, whose encoder keeps some dozens of them
/// before it gives one back.
#[derive(Debug)]
pub enum Sound {
    Here(AudioClip),
    Coming(Receiver<AudioClip>),
}

impl From<AudioClip> for Sound {
    fn from(clip: AudioClip) -> Self {
        Self::Here(clip)
    }
}

impl Sound {
    /// Waits for it if need be.
    fn clip(&mut self, path: &Path) -> Result<&AudioClip> {
        if let Self::Coming(coming) = self {
            *self = Self::Here(coming.recv().map_err(|_| Error::NoSound { path: path.into() })?);
        }
        match self {
            Self::Here(clip) => Ok(clip),
            Self::Coming(_) => Err(Error::NoSound { path: path.into() }),
        }
    }
}

/// A clip as it comes out of a codec: written into a file of its own at `path`, and read back. Its beginning is not all there, as
/// it isn't in a master.
///
/// # Errors
/// When it can't be coded, written or read.
pub fn coded(clip: &AudioClip, codec: AudioCodec, path: &Path) -> Result<AudioClip> {
    let mut muxer = Muxer::create(path, "matroska")?;
    let mut track = Soundtrack::create(path, &mut muxer, codec, clip.clone().into())?;
    muxer.start(&[])?;
    track.write(clip.samples().len().next_multiple_of(AAC_FRAME), &mut muxer)?;
    track.finish(&mut muxer)?;
    muxer.finish()?;
    AudioClip::read(path, clip.seconds() + 1.0)
}

/// Samples in one AAC packet.
const AAC_FRAME: usize = 1024;
/// Samples in one Opus packet of 20 ms.
const OPUS_FRAME: usize = 960;
/// Samples libopus needs before the first one comes out; players take them off the time in a WebM file.
const OPUS_DELAY: usize = 312;

pub(crate) struct Soundtrack {
    codec: AudioCodec,
    /// Encoders, each with the stream it writes.
    streams: Vec<(encoder::Audio, usize)>,
    sound: Sound,
    /// Samples given to the encoder so far.
    at: usize,
}

impl Soundtrack {
    /// Opens the encoders and adds their streams.
    pub(crate) fn create(path: &Path, muxer: &mut Muxer, codec: AudioCodec, sound: Sound) -> Result<Self> {
        let tracks = if let AudioCodec::Pcm24Mono { tracks } = codec { tracks.max(2) } else { 1 };
        let mut streams = Vec::new();
        for _ in 0..tracks {
            let encoder = open(path, codec, muxer.container() != "mxf")?;
            let stream = muxer.add(&encoder, None)?;
            streams.push((encoder, stream));
        }
        // An AAC encoder is one packet late. Instead of an edit list that hides the first packet, the first 1024
        // samples are left out, so that the late packet stands where they would have been.
        let at = if matches!(codec, AudioCodec::Aac { .. }) { AAC_FRAME } else { 0 };
        Ok(Self { codec, streams, sound, at })
    }

    /// Gives the encoder all whole packets up to `until`, in samples.
    pub(crate) fn write(&mut self, until: usize, muxer: &mut Muxer) -> Result<()> {
        // A copy is a reference.
        let clip = self.sound.clip(muxer.path())?.clone();
        loop {
            let size = match self.codec {
                AudioCodec::Aac { .. } => AAC_FRAME,
                AudioCodec::Opus { .. } => OPUS_FRAME,
                AudioCodec::Pcm24 | AudioCodec::Pcm24Mono { .. } => until.saturating_sub(self.at),
            };
            if size == 0 || self.at + size > until {
                return Ok(());
            }
            for track in 0..self.streams.len() {
                let av = self.packet(&clip, size, track);
                let (encoder, stream) = &mut self.streams[track];
                encoder.send_frame(&av).map_err(Error::write(muxer.path(), "encoding its sound"))?;
                muxer.drain(encoder, *stream, size as i64)?;
            }
            self.at += size;
        }
    }

    pub(crate) fn finish(&mut self, muxer: &mut Muxer) -> Result<()> {
        for (encoder, stream) in &mut self.streams {
            encoder.send_eof().map_err(Error::write(muxer.path(), "encoding its sound"))?;
            muxer.drain(encoder, *stream, AAC_FRAME as i64)?;
        }
        Ok(())
    }

    /// The next samples as the encoder of a track takes them; silence after the end of the clip.
    fn packet(&self, clip: &AudioClip, size: usize, track: usize) -> frame::Audio {
        let samples = clip.samples().get(self.at..).unwrap_or_default();
        let at = |i: usize| samples.get(i).copied().unwrap_or_default();
        let mut av = frame::Audio::new(sample(self.codec), size, layout(self.codec));
        av.set_rate(RATE);
        let delay = if matches!(self.codec, AudioCodec::Opus { .. }) { OPUS_DELAY } else { 0 };
        av.set_pts(i64::try_from(self.at + delay).ok());
        match self.codec {
            AudioCodec::Aac { .. } => {
                av.plane_mut::<f32>(0).iter_mut().enumerate().for_each(|(i, s)| *s = at(i).0);
                av.plane_mut::<f32>(1).iter_mut().enumerate().for_each(|(i, s)| *s = at(i).1);
            }
            AudioCodec::Opus { .. } => {
                av.plane_mut::<(f32, f32)>(0).iter_mut().enumerate().for_each(|(i, s)| *s = at(i));
            }
            AudioCodec::Pcm24 => {
                let plane = av.plane_mut::<(i32, i32)>(0);
                plane.iter_mut().enumerate().for_each(|(i, s)| *s = (full(at(i).0), full(at(i).1)));
            }
            AudioCodec::Pcm24Mono { .. } => {
                let one = |i: usize| [at(i).0, at(i).1].get(track).copied().unwrap_or_default();
                av.plane_mut::<i32>(0).iter_mut().enumerate().for_each(|(i, s)| *s = full(one(i)));
            }
        }
        av
    }
}

/// 24 bits, which FFmpeg keeps in the upper part of 32.
fn full(v: f32) -> i32 {
    ((f64::from(v).clamp(-1.0, 1.0) * 8_388_607.0).round() as i32) << 8
}

fn layout(codec: AudioCodec) -> ChannelLayout {
    if matches!(codec, AudioCodec::Pcm24Mono { .. }) { ChannelLayout::MONO } else { ChannelLayout::STEREO }
}

fn sample(codec: AudioCodec) -> Sample {
    match codec {
        AudioCodec::Aac { .. } => Sample::F32(Type::Planar),
        AudioCodec::Opus { .. } => Sample::F32(Type::Packed),
        AudioCodec::Pcm24 | AudioCodec::Pcm24Mono { .. } => Sample::I32(Type::Packed),
    }
}

fn open(path: &Path, wanted: AudioCodec, global_header: bool) -> Result<encoder::Audio> {
    let (name, kbps, options): (_, _, &[(&str, &str)]) = match wanted {
        AudioCodec::Aac { kbps } => ("aac", kbps, &[("profile", "aac_low")]),
        AudioCodec::Opus { kbps } => ("libopus", kbps, &[("application", "audio"), ("frame_duration", "20")]),
        AudioCodec::Pcm24 | AudioCodec::Pcm24Mono { .. } => ("pcm_s24le", 0, &[]),
    };
    let codec = encoder::find_by_name(name).ok_or(Error::Missing { what: name })?;
    let mut context = codec::Context::new_with_codec(codec);
    let header = if global_header { codec::Flags::GLOBAL_HEADER } else { codec::Flags::empty() };
    context.set_flags(header | codec::Flags::BITEXACT);
    context.set_time_base(Rational(1, RATE as i32));
    let mut audio = context.encoder().audio().map_err(Error::write(path, "preparing the sound encoder"))?;
    audio.set_rate(RATE as i32);
    audio.set_format(sample(wanted));
    audio.set_channel_layout(layout(wanted));
    if kbps > 0 {
        audio.set_bit_rate(kbps as usize * 1000);
    }
    let options: Dictionary = options.iter().collect();
    audio.open_as_with(codec, options).map_err(Error::write(path, "opening the sound encoder"))
}
