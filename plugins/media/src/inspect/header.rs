//! What a header says beyond [`fn@crate::probe`]: profiles, and how many streams there are.

use std::path::Path;

use ffmpeg_next::{codec, media};

use crate::demux;
use crate::error::Result;
use crate::probe::{self, AudioInfo, MediaInfo};

/// A file's header, for holding it against a specification.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub info: MediaInfo,
    /// `High`, `Main`, `Low` (AAC), …; empty when the codec has none or it is not known.
    pub video_profile: String,
    pub audio_profile: String,
    /// How many streams there are, by kind.
    pub video_streams: usize,
    pub audio_streams: usize,
    /// Of each audio stream, in the file's order.
    pub sounds: Vec<AudioInfo>,
    pub other_streams: usize,
}

/// Reads the header of a file.
///
/// # Errors
/// When it can't be read, is not one of the allowed formats, or is damaged.
pub fn header(path: &Path) -> Result<Header> {
    let input = demux::open(path)?;
    let info = probe::describe(path, &input)?;
    let count = |kind| input.streams().filter(|s| s.parameters().medium() == kind).count();
    let (video_streams, audio_streams) = (count(media::Type::Video), count(media::Type::Audio));
    let of = |kind| -> Result<String> {
        let Some(stream) = input.streams().best(kind) else { return Ok(String::new()) };
        Ok(profile(demux::decoder(path, stream.parameters(), 1, stream.time_base())?.profile()))
    };
    let (video_profile, audio_profile) = (of(media::Type::Video)?, of(media::Type::Audio)?);
    let sounds = input.streams().filter(|s| s.parameters().medium() == media::Type::Audio);
    let sounds = sounds.map(|s| probe::audio_info(path, &s)).collect::<Result<_>>()?;
    let other_streams = input.streams().count() - video_streams - audio_streams;
    Ok(Header { info, video_profile, audio_profile, video_streams, audio_streams, sounds, other_streams })
}

/// `H264(High)` as `High`.
fn profile(profile: codec::Profile) -> String {
    let text = format!("{profile:?}");
    match text.split_once('(') {
        Some((_, name)) => name.trim_end_matches(')').trim_start_matches('_').to_owned(),
        None => String::new(),
    }
}
