//! The poster: one frame as PNG.

use std::path::Path;

use resvg::tiny_skia::{IntSize, Pixmap};
use spotloom_media::Frame;
use spotloom_plugin_sdk::api::Failure;
use spotloom_plugin_sdk::io_failure;

use crate::colour::rgb709;

/// Writes a 4:2:0 frame of 8 bit as an opaque PNG.
///
/// # Errors
/// The file can't be written.
pub fn write(frame: &Frame, path: &Path) -> Result<(), Failure> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut rgba = Vec::with_capacity(width * height * 4);
    for y in 0..height {
        for x in 0..width {
            let [r, g, b] = rgb709([
                frame.plane(0)[y * width + x],
                chroma(frame.plane(1), x, y, width, height),
                chroma(frame.plane(2), x, y, width, height),
            ]);
            rgba.extend([r, g, b, 255]);
        }
    }
    let size = IntSize::from_wh(frame.width(), frame.height());
    let png = size.and_then(|size| Pixmap::from_vec(rgba, size)).and_then(|p| p.encode_png().ok());
    let Some(png) = png else {
        return Err(Failure::new("poster-failed", format!("a poster of {width} x {height} could not be coded as PNG")));
    };
    std::fs::write(path, png).map_err(|e| io_failure("write", path, &e))
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
