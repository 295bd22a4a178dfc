//! A contact sheet: twelve frames of the programme at a glance.

use spotloom_media::{Error, Frame, FrameFormat, Pixel};

use crate::encode::converted;

/// Across and down.
const GRID: (u32, u32) = (4, 3);
/// Pixels between the pictures.
const GAP: u32 = 8;
/// The longer side of one picture.
const SIDE: u32 = 480;

/// Takes the frames it needs as they pass.
pub(crate) struct Sheet {
    /// Frames of the programme.
    total: u64,
    cell: (u32, u32),
    seen: u64,
    cells: Vec<Frame>,
    png: Option<Vec<u8>>,
}

impl Sheet {
    /// For a programme of so many frames of this size.
    pub(crate) fn new(total: u64, width: u32, height: u32) -> Self {
        let scale = f64::from(SIDE) / f64::from(width.max(height));
        let even = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32).max(8) * 2;
        Self { total, cell: (even(width), even(height)), seen: 0, cells: Vec::new(), png: None }
    }

    /// The frame that stands for each twelfth is the one in its middle.
    fn wanted(&self) -> u64 {
        let count = u64::from(GRID.0 * GRID.1);
        (2 * self.cells.len() as u64 + 1) * self.total / (2 * count)
    }

    pub(crate) fn see(&mut self, frame: &Frame) -> Result<(), Error> {
        while self.cells.len() < (GRID.0 * GRID.1) as usize && self.seen == self.wanted() {
            let small = converted(frame, FrameFormat::new(self.cell.0, self.cell.1, Pixel::Rgb24))?;
            self.cells.push(small);
        }
        self.seen += 1;
        Ok(())
    }

    /// Makes the picture, when the last frame has passed: while encoders still have work.
    pub(crate) fn pack(&mut self) {
        self.png = self.packed();
    }

    /// The sheet as a PNG; `None` when it saw nothing.
    pub(crate) fn png(self) -> Option<Vec<u8>> {
        self.png
    }

    fn packed(&self) -> Option<Vec<u8>> {
        if self.cells.is_empty() {
            return None;
        }
        let (width, height) = (GRID.0 * (self.cell.0 + GAP) + GAP, GRID.1 * (self.cell.1 + GAP) + GAP);
        let stride = width as usize * 3;
        let mut pixels = vec![18_u8; stride * height as usize];
        for (index, cell) in self.cells.iter().enumerate() {
            let (column, row) = (index as u32 % GRID.0, index as u32 / GRID.0);
            let (left, top) = (GAP + column * (self.cell.0 + GAP), GAP + row * (self.cell.1 + GAP));
            for (y, line) in cell.plane(0).chunks_exact(cell.stride(0)).enumerate() {
                let start = (top as usize + y) * stride + left as usize * 3;
                pixels[start..start + line.len()].copy_from_slice(line);
            }
        }
        encode_png(width, height, &pixels)
    }
}

fn encode_png(width: u32, height: u32, rgb: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // A quarter of the time for an eighth more bytes: every aspect waits for it.
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().ok()?.write_image_data(rgb).ok()?;
    Some(bytes)
}
