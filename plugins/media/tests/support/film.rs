//! Clips whose pictures a test knows.

use std::path::{Path, PathBuf};

use spotloom_media::{Frame, FrameFormat, Mezzanine, Pixel, WriteOptions, Writer};

/// Writes a grey clip without loss; `luma` is the brightness, of 10 bits, by frame, column and row.
pub fn grey(
    path: &Path,
    (width, height): (u32, u32),
    fps: (u32, u32),
    frames: usize,
    luma: impl Fn(usize, usize, usize) -> u16,
) -> PathBuf {
    let format = FrameFormat::new(width, height, Pixel::Yuv420p10);
    let options = WriteOptions { codec: Mezzanine::Lossless, format, fps, threads: 1 };
    let mut writer = Writer::create(path, options).unwrap();
    for index in 0..frames {
        let mut frame = Frame::black(format);
        let stride = frame.stride(0);
        for (y, row) in frame.plane_mut(0).chunks_exact_mut(stride).enumerate() {
            for (x, sample) in row.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                *sample = luma(index, x, y).to_le_bytes();
            }
        }
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    path.to_path_buf()
}
