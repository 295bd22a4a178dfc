//! Video in and out for the stages that touch frames, through FFmpeg's libraries.
//!
//! Purpose: [`probe`](fn@probe) what a file is, [`Reader`] its frames through a filter graph, [`FilterChain`] over frames in memory,
//! [`Writer`] mezzanines, [`AudioClip`] sound, [`inspect`](fn@inspect::inspect) a finished file in one pass, [`MasterWriter`] the files that are delivered, [`GifWriter`] GIF previews, so that no stage has to know libav, its colour traps or its defaults.
//!
//! Invariants: no frame leaves here that is not what [`frame`] says (BT.709 limited for YUV); the same frames written
//! twice are the same bytes; only the file that was named is ever opened; bad input is an [`Error`] that names the file.
//!
//! ```no_run
//! use spotloom_media::{FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer, filters};
//!
//! # fn main() -> spotloom_media::Result<()> {
//! // A clip, cut to 1080x1920 at 30 frames a second, to a lossless mezzanine.
//! let filter = filters::chain([&*filters::cover(1080, 1920), &*filters::fps((30, 1))]);
//! let reader = Reader::open("in.mp4", ReadOptions::new(Pixel::Yuv420p10).filter(filter).threads(2))?;
//! let format = FrameFormat::new(1080, 1920, Pixel::Yuv420p10);
//! let mut writer =
//!     Writer::create("out.mkv", WriteOptions { codec: Mezzanine::Lossless, format, fps: (30, 1), threads: 2 })?;
//! for frame in reader {
//!     let mut frame = frame?;
//!     frame.plane_mut(0).fill(64); // rows are tightly packed; 10-bit samples are 16-bit little endian
//!     writer.write(&frame)?;
//! }
//! let written = writer.finish()?;
//! println!("{} frames, {} bytes", written.frames, written.bytes);
//! # Ok(())
//! # }
//! ```

pub mod audio;
mod av;
mod chain;
mod codecs;
mod demux;
mod error;
pub mod filters;
pub mod frame;
mod gif;
mod graph;
pub mod inspect;
mod loudness;
mod master;
mod mux;
mod normal;
pub mod probe;
pub mod rate;
mod reader;
pub mod scale;
mod soundtrack;
pub mod subject;
mod unit;
mod version;
mod writer;

pub use audio::AudioClip;
pub use chain::FilterChain;
pub use codecs::{Codec, Container, EncoderChoice, Pass, RateControl, takes_two_passes};
pub use error::{Error, NO_FRAME, Result};
pub use frame::{Frame, FrameFormat, Pixel};
pub use gif::GifWriter;
pub use loudness::{Loudness, LoudnessCurve};
pub use master::{MasterOptions, MasterWriter, format as master_format, try_encoder};
pub use probe::{AudioInfo, ColorTags, MediaInfo, VideoInfo, probe};
pub use reader::{ReadOptions, Reader};
pub use soundtrack::{AudioCodec, Sound, coded};
pub use subject::Subject;
pub use version::filter_version;
pub use writer::{Mezzanine, WriteOptions, Writer, Written};
