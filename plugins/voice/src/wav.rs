//! WAV files.

use std::path::Path;

use spotloom_media::{AudioClip, audio::RATE};
use spotloom_plugin_sdk::prelude::*;

/// Writes a clip as 16-bit stereo.
pub(crate) fn write(path: &Path, clip: &AudioClip) -> Result<(), Failure> {
    let samples = clip.samples().iter().flat_map(|(left, right)| [*left, *right]);
    let pcm = |v: f32| ((v * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16).to_le_bytes();
    put(path, &samples.flat_map(pcm).collect::<Vec<u8>>(), Format { kind: 1, channels: 2, rate: RATE, bytes: 2 })
}

/// Writes samples of one channel as 32-bit floats.
pub(crate) fn write_float(path: &Path, samples: &[f32], rate: u32) -> Result<(), Failure> {
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    put(path, &data, Format { kind: 3, channels: 1, rate, bytes: 4 })
}

struct Format {
    /// 1 is PCM, 3 are floats.
    kind: u16,
    channels: u16,
    rate: u32,
    /// Of one sample of one channel.
    bytes: u16,
}

fn put(path: &Path, data: &[u8], format: Format) -> Result<(), Failure> {
    let Format { kind, channels, rate, bytes } = format;
    let block = channels * bytes;
    let length = u32::try_from(data.len())
        .ok()
        .filter(|n| *n < u32::MAX - 36)
        .ok_or_else(|| Failure::new("too-long", "the track is too long for a WAV file"))?;
    let mut wav = Vec::with_capacity(data.len() + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(length + 36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    wav.extend_from_slice(&kind.to_le_bytes());
    wav.extend_from_slice(&channels.to_le_bytes());
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&(rate * u32::from(block)).to_le_bytes());
    wav.extend_from_slice(&block.to_le_bytes());
    wav.extend_from_slice(&(bytes * 8).to_le_bytes());
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&length.to_le_bytes());
    wav.extend_from_slice(data);
    std::fs::write(path, wav).map_err(|e| io_failure("write", path, &e))
}
