//! Tiny clips of one colour and the harness around the stage.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_compose::Compose;
use spotloom_media::{Frame, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer};
use spotloom_plugin_sdk::harness::{Done, Harness};

/// A file of the repository's templates.
pub fn template(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates").join(path)
}

/// A clip of 10-bit video values.
pub fn clip(
    folder: &Path,
    name: &str,
    (width, height): (u32, u32),
    frames: u32,
    yuv: impl Fn(u32) -> [u16; 3],
) -> PathBuf {
    let path = folder.join(name);
    let format = FrameFormat::new(width, height, Pixel::Yuv420p10);
    let options = WriteOptions { codec: Mezzanine::Lossless, format, fps: (30, 1), threads: 1 };
    let mut writer = Writer::create(&path, options).unwrap();
    for i in 0..frames {
        let mut frame = Frame::new(format);
        for (plane, value) in frame.planes_mut().zip(yuv(i)) {
            plane.chunks_exact_mut(2).for_each(|s| s.copy_from_slice(&value.to_le_bytes()));
        }
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    path
}

pub const WHITE: [u16; 3] = [940, 512, 512];
pub const GREY: [u16; 3] = [500, 512, 512];

/// Parameters with some of them replaced.
pub fn params(changes: Value) -> Value {
    let mut all = json!({
        "width": 320, "height": 180, "fps": 10, "grain": 0, "push": 0, "mezzanine": true,
        "copy": {"headline": "Taste the sun", "subline": "Real oranges. Nothing else.", "cta": "Order now", "price": "$1.49"},
        "end-card": {"seconds": 2},
    });
    for (key, value) in changes.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

/// The stage with the example brand and a look of the repository.
pub fn compose(look: &str, params: Value, clips: &[PathBuf]) -> Harness<Compose> {
    with_look(&template(&format!("overlays/{look}.svg")), params, clips)
}

/// The stage with the example brand and a look of the test's own.
pub fn with_look(look: &Path, params: Value, clips: &[PathBuf]) -> Harness<Compose> {
    let brand = template("studio/brands/zest");
    let harness = Harness::<Compose>::new().params(params).input("look", look, "image/svg+xml").input(
        "brand",
        brand,
        "inode/directory",
    );
    clips.iter().fold(harness, |h, clip| h.input("clips", clip, "video/x-matroska"))
}

/// All frames of the result as RGB.
pub fn frames(done: &Done) -> Vec<Frame> {
    let path = done.path("mezzanine");
    Reader::open(path, ReadOptions::new(Pixel::Rgb24)).unwrap().map(Result::unwrap).collect()
}

/// The colour of a pixel of an RGB frame.
pub fn pixel(frame: &Frame, x: usize, y: usize) -> [u8; 3] {
    let at = y * frame.stride(0) + x * 3;
    std::array::from_fn(|i| frame.plane(0)[at + i])
}
