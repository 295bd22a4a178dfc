//! Tiny mezzanines, built-in presets made smaller, and ffprobe.

#![allow(dead_code, clippy::unwrap_used, reason = "every test file uses its own part, and reports by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spotloom_media::{Frame, FrameFormat, Mezzanine, Pixel, WriteOptions, Writer};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_transcode::Transcode;
use tempfile::TempDir;

/// A folder of things to transcode.
pub struct Bench(pub TempDir);

impl Bench {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A mezzanine with a bright square that moves.
    pub fn mezzanine(&self, (width, height): (u32, u32), fps: u32, seconds: f64) -> PathBuf {
        let path = self.0.path().join(format!("{width}x{height}-{fps}-{seconds}.mkv"));
        let format = FrameFormat::new(width, height, Pixel::Yuv420p10);
        let mut writer =
            Writer::create(&path, WriteOptions { codec: Mezzanine::Lossless, format, fps: (fps, 1), threads: 2 })
                .unwrap();
        for index in 0..(seconds * f64::from(fps)).round() as usize {
            let mut frame = Frame::black(format);
            let stride = frame.stride(0);
            let left = (index * 4) % (width as usize - 16) * 2;
            for row in frame.plane_mut(0).chunks_exact_mut(stride).skip(8).take(16) {
                row[left..left + 32].chunks_exact_mut(2).for_each(|s| s.copy_from_slice(&800_u16.to_le_bytes()));
            }
            writer.write(&frame).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    /// A mezzanine that is hard to encode.
    pub fn noise(&self, (width, height): (u32, u32), fps: u32, seconds: f64) -> PathBuf {
        let path = self.0.path().join("noise.mkv");
        let format = FrameFormat::new(width, height, Pixel::Yuv420p);
        let mut writer =
            Writer::create(&path, WriteOptions { codec: Mezzanine::Lossless, format, fps: (fps, 1), threads: 2 })
                .unwrap();
        let mut state = 1_u32;
        for _ in 0..(seconds * f64::from(fps)).round() as usize {
            let mut frame = Frame::black(format);
            for sample in frame.plane_mut(0) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample = 60 + (state >> 25) as u8;
            }
            writer.write(&frame).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    /// One of the built-in presets, fifteen times smaller (previews five times).
    pub fn preset(&self, name: &str) -> PathBuf {
        let text = std::fs::read_to_string(built_in(name)).unwrap();
        let smaller = match name {
            _ if name.starts_with("preview") => 5,
            // MPEG-2 at a constant 50 Mb/s has to stuff, for which a tiny picture has no room.
            _ if name.contains("xdcam") => 6,
            _ => 15,
        };
        let small: String = text
            .lines()
            .map(|line| match line.split_once(": ") {
                Some((key @ ("width" | "height"), value)) => {
                    format!("{key}: {}\n", value.parse::<u32>().unwrap() / smaller / 2 * 2)
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let path = self.0.path().join(format!("{name}.yaml"));
        std::fs::write(&path, small).unwrap();
        path
    }

    /// A track with two notes, as an m4a.
    pub fn music(&self, seconds: u32) -> PathBuf {
        let path = self.0.path().join(format!("music-{seconds}.m4a"));
        if path.exists() {
            return path;
        }
        let source = format!("sine=frequency=330:duration={seconds}:sample_rate=44100");
        let done = Command::new("ffmpeg").args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]).arg(&path).status();
        assert!(done.unwrap().success());
        path
    }
}

pub fn built_in(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../pipelines/presets/{name}.yaml"))
}

pub fn harness(mezzanine: &Path, presets: &[PathBuf], params: Value) -> Harness<Transcode> {
    let start = Harness::new().params(params).input("mezzanine", mezzanine, "video/x-matroska");
    presets.iter().fold(start, |harness, preset| harness.input("presets", preset, "application/yaml"))
}

pub fn params() -> Value {
    json!({"name": "Zest_SummerSplash_CitrusHero", "locale": "en"})
}

pub fn masters(done: &Done) -> Vec<(&str, &Output)> {
    done.outputs("masters").iter().map(|o| (o.name.as_str(), o)).collect()
}

pub fn ffprobe(path: &Path, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "compact=p=0", "-show_entries", entries])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
