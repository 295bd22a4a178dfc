//! Pictures for people: a place that failed, and a contact sheet.

use std::path::Path;

use spotloom_media::{Frame, FrameFormat, Pixel};
use spotloom_plugin_sdk::prelude::*;

/// Pictures of a contact sheet.
pub(crate) const SHEET: usize = 12;
const COLUMNS: usize = 4;
/// Long side of a picture of a place, of one of a sheet, and the gap between those.
const PLACE: u32 = 640;
const THUMB: u32 = 320;
const GAP: usize = 6;

/// The instants of a contact sheet: the middles of twelve equal parts.
pub(crate) fn sheet_times(seconds: f64) -> Vec<f64> {
    (0..SHEET).map(|i| seconds * (i as f64 + 0.5) / SHEET as f64).collect()
}

/// One of the sheet's pictures, small.
pub(crate) fn thumb(frame: &Frame) -> Frame {
    shrink(frame, THUMB)
}

/// Writes a picture of a place as PNG.
///
/// # Errors
/// When it can't be written.
pub(crate) fn write_place(frame: &Frame, path: &Path) -> Result<(), Failure> {
    let small = shrink(frame, PLACE);
    let file = std::fs::File::create(path).map_err(|e| io_failure("write", path, &e))?;
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), small.width(), small.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut w| w.write_image_data(small.plane(0)))
        .map_err(|e| Failure::new("io", format!("could not write {}: {e}", path.display())))
}

/// Writes the pictures side by side as JPEG.
///
/// # Errors
/// When it can't be written.
pub(crate) fn write_sheet(thumbs: &[Frame], path: &Path) -> Result<(), Failure> {
    let Some(first) = thumbs.first() else { return Ok(()) };
    let (w, h) = (first.width() as usize, first.height() as usize);
    let columns = COLUMNS.min(thumbs.len());
    let rows = thumbs.len().div_ceil(columns);
    let (width, height) = (columns * w + (columns - 1) * GAP, rows * h + (rows - 1) * GAP);
    let mut sheet = vec![24_u8; 3 * width * height];
    for (i, thumb) in
        thumbs.iter().enumerate().filter(|(_, t)| (t.width(), t.height()) == (first.width(), first.height()))
    {
        let (left, top) = (i % columns * (w + GAP), i / columns * (h + GAP));
        for (y, row) in thumb.plane(0).chunks_exact(3 * w).enumerate() {
            let at = 3 * ((top + y) * width + left);
            sheet[at..at + 3 * w].copy_from_slice(row);
        }
    }
    let failed = |why: String| Failure::new("io", format!("could not write {}: {why}", path.display()));
    let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(failed(format!("{width}x{height} is too large for JPEG")));
    };
    let encoder = jpeg_encoder::Encoder::new_file(path, 82).map_err(|e| failed(e.to_string()))?;
    encoder.encode(&sheet, width, height, jpeg_encoder::ColorType::Rgb).map_err(|e| failed(e.to_string()))
}

/// An RGB picture with a long side of at most `side` pixels, each the mean of what it covers.
fn shrink(frame: &Frame, side: u32) -> Frame {
    let (width, height) = (frame.width(), frame.height());
    let long = width.max(height);
    if long <= side {
        return frame.clone();
    }
    let scaled = |v: u32| (u64::from(v) * u64::from(side) / u64::from(long)).max(1) as u32;
    let format = FrameFormat::new(scaled(width), scaled(height), Pixel::Rgb24);
    let mut out = Frame::new(format);
    let (from, row) = (frame.plane(0), frame.stride(0));
    let (w, h) = (format.width as usize, format.height as usize);
    let span = |i: usize, of: usize, whole: u32| {
        (i * whole as usize / of, ((i + 1) * whole as usize / of).max(i * whole as usize / of + 1))
    };
    let pixels = out.plane_mut(0);
    for y in 0..h {
        let (top, bottom) = span(y, h, height);
        for x in 0..w {
            let (left, right) = span(x, w, width);
            let mut sum = [0_u32; 3];
            for sy in top..bottom {
                for p in from[sy * row + 3 * left..sy * row + 3 * right].chunks_exact(3) {
                    (0..3).for_each(|c| sum[c] += u32::from(p[c]));
                }
            }
            let n = ((bottom - top) * (right - left)) as u32;
            (0..3).for_each(|c| pixels[3 * (y * w + x) + c] = (sum[c] / n) as u8);
        }
    }
    out
}
