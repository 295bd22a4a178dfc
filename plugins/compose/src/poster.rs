//! The poster: one frame as PNG.

use std::path::Path;

use spotloom_media::Frame;
use spotloom_plugin_sdk::api::Failure;
use spotloom_plugin_sdk::io_failure;

use crate::colour::rgb709;

/// Writes a 4:2:0 frame of 8 bit as PNG.
///
/// # Errors
/// The file can't be written.
pub fn write(frame: &Frame, path: &Path, threads: usize) -> Result<(), Failure> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut pixels = vec![0; width * height * 3];
    let rows = height.div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        for (i, band) in pixels.chunks_mut(rows * width * 3).enumerate() {
            scope.spawn(move || convert(frame, i * rows, band));
        }
    });
    let png = encode(frame.width(), frame.height(), &pixels).map_err(|e| {
        Failure::new("poster-failed", format!("a poster of {width} x {height} could not be coded as PNG: {e}"))
    })?;
    std::fs::write(path, png).map_err(|e| io_failure("write", path, &e))
}

fn encode(width: u32, height: u32, rgb: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // A fraction of the time: every aspect waits for its poster.
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(rgb)?;
    Ok(bytes)
}

/// Rows from `top` on.
fn convert(frame: &Frame, top: usize, rgb: &mut [u8]) {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    for (i, pixel) in rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (i % width, top + i / width);
        *pixel = rgb709([
            frame.plane(0)[y * width + x],
            chroma(frame.plane(1), x, y, width, height),
            chroma(frame.plane(2), x, y, width, height),
        ]);
    }
}

/// Chroma between its samples, which lie on the even columns and between two rows.
fn chroma(plane: &[u8], x: usize, y: usize, width: usize, height: usize) -> u8 {
    let (w, h) = (width / 2, height / 2);
    let (cx, cy) = (x / 2, y / 2);
    let right = if x.is_multiple_of(2) { cx } else { (cx + 1).min(w - 1) };
    let other = if y.is_multiple_of(2) { cy.saturating_sub(1) } else { (cy + 1).min(h - 1) };
    let row = |r: usize| (u32::from(plane[r * w + cx]) + u32::from(plane[r * w + right])) / 2;
    let sum = 3 * row(cy) + row(other);
    ((sum + 2) / 4) as u8
}
