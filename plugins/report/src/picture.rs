//! Pictures as part of the page: small, as `data:` addresses.

use std::io::BufReader;
use std::path::Path;

use base64::Engine as _;
use spotloom_plugin_sdk::prelude::*;

/// Long side of a poster.
const SIDE: usize = 960;

/// A poster, made small enough for a page.
///
/// # Errors
/// When it can't be read or is not a PNG of 8 bit.
pub(crate) fn poster(path: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::new("bad-picture", format!("{}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|e| io_failure("open", path, &e))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| wrong(e.to_string()))?;
    let size = reader.output_buffer_size().filter(|s| *s < 1 << 28).ok_or_else(|| wrong("it is too large".into()))?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(|e| wrong(e.to_string()))?;
    let channels = info.color_type.samples();
    let (width, height) = (info.width as usize, info.height as usize);
    let (small, w, h) = shrink(&pixels, width, height, channels);
    let (Ok(w), Ok(h)) = (u16::try_from(w), u16::try_from(h)) else { return Err(wrong("it is too large".into())) };
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 84);
    encoder.encode(&small, w, h, jpeg_encoder::ColorType::Rgb).map_err(|e| wrong(e.to_string()))?;
    Ok(address("image/jpeg", &jpeg))
}

/// A file as it is.
///
/// # Errors
/// When it can't be read.
pub(crate) fn whole(path: &Path, media: &str) -> Result<String, Failure> {
    std::fs::read(path).map(|bytes| address(media, &bytes)).map_err(|e| io_failure("read", path, &e))
}

fn address(media: &str, bytes: &[u8]) -> String {
    let media = if media == "image/png" || media == "image/jpeg" { media } else { "application/octet-stream" };
    format!("data:{media};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// RGB with a long side of at most [`SIDE`], each pixel the mean of what it covers.
fn shrink(pixels: &[u8], width: usize, height: usize, channels: usize) -> (Vec<u8>, usize, usize) {
    let long = width.max(height).max(1);
    let scaled = |v: usize| if long <= SIDE { v } else { (v * SIDE / long).max(1) };
    let (w, h) = (scaled(width), scaled(height));
    let mut out = Vec::with_capacity(3 * w * h);
    for y in 0..h {
        let rows = y * height / h..((y + 1) * height / h).max(y * height / h + 1);
        for x in 0..w {
            let columns = x * width / w..((x + 1) * width / w).max(x * width / w + 1);
            let mut sum = [0_usize; 3];
            for row in rows.clone() {
                for column in columns.clone() {
                    let pixel = &pixels[(row * width + column) * channels..];
                    // Grey has one colour for all three.
                    (0..3).for_each(|c| sum[c] += usize::from(pixel[if channels < 3 { 0 } else { c }]));
                }
            }
            out.extend(sum.map(|s| (s / (rows.len() * columns.len())) as u8));
        }
    }
    (out, w, h)
}
