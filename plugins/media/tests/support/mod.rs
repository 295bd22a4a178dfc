//! Masters to look at, and what FFmpeg's own tools say of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use spotloom_media::{
    AudioClip, AudioCodec, Frame, MasterOptions, MasterWriter, Pixel, RateControl, Sound, audio::RATE, master_format,
};
use tempfile::TempDir;

pub fn options() -> MasterOptions {
    MasterOptions {
        width: 320,
        height: 180,
        fps: (30, 1),
        rate: RateControl::Quality { crf: 20.0, max_kbps: 2000, buffer_kbps: 2000 },
        gop: 15,
        audio: Some(AudioCodec::Aac { kbps: 128 }),
        ..MasterOptions::default()
    }
}

/// A tone of 440 Hz at a level given in dB of full scale.
pub fn tone(seconds: f64, db: f64) -> AudioClip {
    let level = 10_f64.powf(db / 20.0);
    let samples = (seconds * f64::from(RATE)) as usize;
    let at = |i: usize| ((i as f64 * 440.0 * std::f64::consts::TAU / f64::from(RATE)).sin() * level) as f32;
    AudioClip::new((0..samples).map(|i| (at(i), at(i))).collect())
}

/// White from frame 15 on, with a click of sound at the same moment.
pub fn master(path: &Path, options: &MasterOptions, frames: u64, sound: impl Into<Sound>) {
    let format = master_format(options);
    let mut writer = MasterWriter::create(path, options, sound).unwrap();
    for index in 0..frames {
        let mut frame = Frame::black(format);
        if index >= 15 {
            match format.pixel {
                Pixel::Yuv422p10 | Pixel::Yuv420p10 => {
                    frame.plane_mut(0).chunks_exact_mut(2).for_each(|s| s.copy_from_slice(&940_u16.to_le_bytes()));
                }
                _ => frame.plane_mut(0).fill(235),
            }
        }
        writer.write(&frame).unwrap();
    }
    assert_eq!(writer.finish().unwrap().frames, frames);
}

pub fn ffprobe(path: &Path, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "compact=nk=0:p=0", "-show_entries", entries])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn in_folder(name: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}
