//! Frames of a clip: a window of a larger frame, scaled exactly to fractions of a pixel.

use std::path::Path;

use spotloom_media::scale::{self, Axis, Crop};
use spotloom_media::{Error, Frame, FrameFormat, Mezzanine, Pixel, WriteOptions, Writer, Written};

use crate::camera::Window;

/// What every clip is made of.
pub const PIXEL: Pixel = Pixel::Yuv420p10;

/// A clip while it is written.
pub struct Film {
    writer: Writer,
    format: FrameFormat,
    threads: usize,
}

impl Film {
    pub fn create(path: &Path, (width, height): (u32, u32), fps: (u32, u32), threads: usize) -> Result<Self, Error> {
        let format = FrameFormat::new(width, height, PIXEL);
        let writer = Writer::create(path, WriteOptions { codec: Mezzanine::Lossless, format, fps, threads })?;
        Ok(Self { writer, format, threads })
    }

    pub fn frames(&self) -> u64 {
        self.writer.frames()
    }

    /// Adds what the window shows of a picture.
    pub fn add(&mut self, picture: &Picture, window: Window) -> Result<(), Error> {
        let to = (self.format.width as usize, self.format.height as usize);
        let origin = [0, 1].map(|i| window.middle[i] - [to.0, to.1][i] as f64 * window.step / 2.0);
        let crop = Crop { origin: (origin[0], origin[1]), step: window.step };
        let mut frame = Frame::new(self.format);
        for (plane, out) in frame.planes_mut().enumerate() {
            let axes = crop.axes(plane, (picture.width, picture.height), to);
            let columns = if plane == 0 { to.0 } else { to.0 / 2 };
            picture.scale(plane, &axes, columns, out, self.threads);
        }
        self.writer.write(&frame)
    }

    pub fn finish(self) -> Result<Written, Error> {
        self.writer.finish()
    }
}

/// A frame to look at: 10-bit samples, chroma halved both ways.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    planes: [Vec<u16>; 3],
}

impl Picture {
    /// Of a frame in [`PIXEL`].
    pub fn new(frame: &Frame) -> Self {
        let plane =
            |i: usize| frame.plane(i).chunks_exact(2).map(|s| u16::from_le_bytes([s[0], s[1]])).collect::<Vec<_>>();
        Self { width: frame.width() as usize, height: frame.height() as usize, planes: [plane(0), plane(1), plane(2)] }
    }

    fn scale(&self, plane: usize, (x, y): &(Axis, Axis), columns: usize, out: &mut [u8], threads: usize) {
        let width = if plane == 0 { self.width } else { self.width.div_ceil(2) };
        let high = if plane == 0 { 940.0 } else { 960.0 };
        let rows = out.len() / (columns * 2);
        let band = rows.div_ceil(threads.max(1)).max(1);
        std::thread::scope(|scope| {
            for (i, out) in out.chunks_mut(band * columns * 2).enumerate() {
                let source = &self.planes[plane];
                scope.spawn(move || {
                    let first = i * band;
                    let last = first + out.len() / (columns * 2);
                    scale::rows(source, width, x, y, first..last, |row: usize, values: &[f32]| {
                        let at = (row - first) * columns * 2;
                        for (to, value) in out[at..at + columns * 2].chunks_exact_mut(2).zip(values) {
                            to.copy_from_slice(&((value + 0.5).clamp(64.0, high) as u16).to_le_bytes());
                        }
                    });
                });
            }
        });
    }
}
