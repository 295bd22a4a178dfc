//! What can go wrong with media, named by file.

use std::path::{Path, PathBuf};

use spotloom_plugin_api::Failure;

use crate::frame::FrameFormat;

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Every error names the file (or the filter) it is about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error("could not {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// Not one of the formats that are read, a playlist for example.
    #[error("{} is not a media file that is read here ({found}); expected one of: {ALLOWED_NAMES}", path.display())]
    NotAllowed { path: PathBuf, found: String },
    /// It says it is media and is not, or is damaged.
    #[error("{} can't be read: {doing} failed: {source}", path.display())]
    Damaged { path: PathBuf, doing: &'static str, source: ffmpeg_next::Error },
    /// It ends before it says it does.
    #[error("{} is cut off: it says it lasts {expected:.2} s and ends after {found:.2} s", path.display())]
    CutOff { path: PathBuf, expected: f64, found: f64 },
    /// It ends before the part that was asked for.
    #[error("{} ends after {found:.2} s, and was to be entered at {from:.2} s", path.display())]
    TooShort { path: PathBuf, from: f64, found: f64 },
    /// A picture that would not fit into memory.
    #[error("{} is {width}x{height} pixels; at most {} million in all are read", path.display(), crate::demux::MAX_PIXELS / 1_000_000)]
    TooLarge { path: PathBuf, width: u64, height: u64 },
    /// There is no picture in it.
    #[error("{} has no video stream", path.display())]
    NoVideo { path: PathBuf },
    /// There is no sound in it.
    #[error("{} has no audio stream", path.display())]
    NoAudio { path: PathBuf },
    /// Its frames change size or pixel format on the way.
    #[error("{} changes from {from} to {to} at frame {index}; one size throughout is expected", path.display())]
    Changes { path: PathBuf, from: String, to: String, index: u64 },
    /// A frame does not fit where it was given.
    #[error("a frame of {found} was given to {to}, which takes {expected}")]
    WrongFrame { to: String, expected: FrameFormat, found: FrameFormat },
    /// A size, rate or pixel format that can't be.
    #[error("{what} can't be {found}; expected {expected}")]
    Unsupported { what: &'static str, found: String, expected: &'static str },
    /// A filter graph that does not parse, or failed on the way.
    #[error("the filter `{spec}` failed: {doing}: {source}")]
    Filter { spec: String, doing: &'static str, source: ffmpeg_next::Error },
    /// An encoder or muxer failed.
    #[error("{} can't be written: {doing} failed: {source}", path.display())]
    Write { path: PathBuf, doing: &'static str, source: ffmpeg_next::Error },
    /// Whoever was making the sound has given up.
    #[error("{} can't be written: its sound was not made", path.display())]
    NoSound { path: PathBuf },
    /// A hardware encoder that was asked for by name is not to be had.
    #[error("{what} can't encode here: {why}")]
    NoEncoder { what: String, why: &'static str },
    /// This build of FFmpeg lacks something.
    #[error("this FFmpeg has no {what}; install one with {what} (Debian's `ffmpeg` packages have it)")]
    Missing { what: &'static str },
}

/// For a filter that should have given a frame and gave none.
pub const NO_FRAME: ffmpeg_next::Error = ffmpeg_next::Error::Bug;

/// What people are told is read.
pub(crate) const ALLOWED_NAMES: &str = "mp4, mov, matroska, webm, avi, mpeg, mpegts, mxf, wmv, flv, dv, gif, h264, hevc, wav, m4a, flac, mp3, ogg, aac, png, jpeg, webp, tiff, bmp";

impl Error {
    pub(crate) fn damaged(path: &Path, doing: &'static str) -> impl FnOnce(ffmpeg_next::Error) -> Self {
        move |source| Self::Damaged { path: path.into(), doing, source }
    }

    pub(crate) fn write(path: &Path, doing: &'static str) -> impl FnOnce(ffmpeg_next::Error) -> Self {
        move |source| Self::Write { path: path.into(), doing, source }
    }

    pub(crate) fn filter(spec: &str, doing: &'static str) -> impl FnOnce(ffmpeg_next::Error) -> Self {
        move |source| Self::Filter { spec: spec.into(), doing, source }
    }

    /// A stable kebab-case code for a stage's failure: `bad-media`, `io`, `disk-full`, `defect`, ….
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => "disk-full",
            Self::Write { source: ffmpeg_next::Error::Other { errno: ffmpeg_next::error::ENOSPC }, .. } => "disk-full",
            Self::Io { .. } | Self::Write { .. } => "io",
            Self::NotAllowed { .. } => "media-not-allowed",
            Self::TooShort { .. } => "footage-too-short",
            Self::NoVideo { .. } => "no-video",
            Self::NoAudio { .. } => "no-audio",
            Self::Damaged { .. } | Self::CutOff { .. } | Self::TooLarge { .. } | Self::Changes { .. } => "bad-media",
            Self::Unsupported { .. } => "unsupported-format",
            Self::Missing { .. } => "missing-codec",
            Self::NoEncoder { .. } => "no-encoder",
            Self::WrongFrame { .. } | Self::Filter { .. } | Self::NoSound { .. } => "media-defect",
        }
    }

    /// Whether trying again unchanged can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                !matches!(source.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied)
            }
            Self::Write { .. } => true,
            _ => false,
        }
    }
}

/// What a stage that reads or writes media fails with, unless it knows more.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(error.code(), error.to_string());
        if error.is_retryable() { failure.retryable() } else { failure }
    }
}
