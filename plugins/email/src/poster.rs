//! The still in the mail: small enough that it shows at once on a phone.

use std::io::{BufReader, Cursor};

use jpeg_encoder::{ColorType, Encoder};
use spotloom_plugin_sdk::api::Level;
use spotloom_plugin_sdk::prelude::*;

/// The box it is shown in, in CSS pixels: the width of the mail, and less than a phone's height for upright ones.
const BOX: (usize, usize) = (600, 440);
/// Twice as many pixels as shown, for dense screens.
const DENSITY: usize = 2;
const QUALITY: u8 = 84;
const MAX_BYTES: usize = 300_000;
/// Decoded pixels at most this many bytes: 8K with alpha.
const MAX_DECODED: usize = 160 << 20;

/// A JPEG and the size it is shown at.
pub(crate) struct Poster {
    pub(crate) jpeg: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The poster, scaled; `None` when there is none or it can't be used, which is worth a warning but not the mail.
pub(crate) fn prepare(run: &Run) -> Option<Poster> {
    let artifact = run.input("poster")?;
    let poster = std::fs::read(&artifact.path).map_err(|e| e.to_string()).and_then(|png| scaled(&png));
    match poster {
        Ok(poster) if poster.jpeg.len() <= MAX_BYTES => return Some(poster),
        Ok(poster) => {
            run.log(Level::Warn, format!("the poster is left out: it is {} bytes as JPEG", poster.jpeg.len()))
        }
        Err(why) => run.log(Level::Warn, format!("the poster {} is left out: {why}", artifact.name)),
    }
    None
}

/// A PNG, scaled down to what a mail can show of it.
fn scaled(png: &[u8]) -> Result<Poster, String> {
    let limits = png::Limits { bytes: MAX_DECODED };
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(Cursor::new(png)), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let size = reader.output_buffer_size().filter(|s| *s <= MAX_DECODED).ok_or("it is too large")?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(|e| e.to_string())?;
    let (width, height) = (info.width as usize, info.height as usize);
    let channels = info.color_type.samples();

    let shown = fit(width, height);
    let (to_width, to_height) = (width.min(shown.0 * DENSITY), height.min(shown.1 * DENSITY));
    // From a whole block of pixels each, at least one.
    let block = |i: usize, from: usize, to: usize| i * from / to..((i + 1) * from / to).max(i * from / to + 1);
    let mut rgb = Vec::with_capacity(to_width * to_height * 3);
    for y in 0..to_height {
        for x in 0..to_width {
            rgb.extend(mean(&pixels, width, channels, block(y, height, to_height), block(x, width, to_width)));
        }
    }
    let mut jpeg = Vec::new();
    let side = |n: usize| u16::try_from(n).map_err(|_| "it is too large".to_owned());
    Encoder::new(&mut jpeg, QUALITY)
        .encode(&rgb, side(to_width)?, side(to_height)?, ColorType::Rgb)
        .map_err(|e| e.to_string())?;
    Ok(Poster { jpeg, width: shown.0, height: shown.1 })
}

/// The largest size of that shape inside the box.
fn fit(width: usize, height: usize) -> (usize, usize) {
    if width * BOX.1 >= height * BOX.0 {
        (BOX.0, (height * BOX.0 / width).max(1))
    } else {
        ((width * BOX.1 / height).max(1), BOX.1)
    }
}

/// The mean colour of a block of pixels, over white where they are transparent.
fn mean(
    pixels: &[u8],
    width: usize,
    channels: usize,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> [u8; 3] {
    let count = (rows.len() * columns.len()) as u32;
    let mut sum = [0u32; 3];
    for row in rows {
        for column in columns.clone() {
            let at = (row * width + column) * channels;
            let pixel = &pixels[at..at + channels];
            let (rgb, alpha) = match *pixel {
                [grey] => ([grey; 3], 255),
                [grey, alpha] => ([grey; 3], alpha),
                [r, g, b] => ([r, g, b], 255),
                [r, g, b, alpha, ..] => ([r, g, b], alpha),
                [] => ([255; 3], 255),
            };
            for (sum, value) in sum.iter_mut().zip(rgb) {
                *sum += (u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255;
            }
        }
    }
    sum.map(|s| u8::try_from(s / count).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, color: png::ColorType, pixel: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixel.repeat((width * height) as usize)).unwrap();
        writer.finish().unwrap();
        bytes
    }

    /// Width and height from the frame header of a baseline JPEG.
    fn dimensions(jpeg: &[u8]) -> (u16, u16) {
        let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        let number = |i: usize| u16::from_be_bytes([jpeg[at + i], jpeg[at + i + 1]]);
        (number(7), number(5))
    }

    #[test]
    fn posters_become_small_jpegs() {
        let check = |width, height, color, pixel: &[u8], pixels, shown| {
            let poster = scaled(&png(width, height, color, pixel)).unwrap();
            assert_eq!((dimensions(&poster.jpeg), (poster.width, poster.height)), (pixels, shown));
            assert!(poster.jpeg.len() < 50_000, "{} bytes", poster.jpeg.len());
        };
        check(1920, 1080, png::ColorType::Rgb, &[250, 180, 20], (1200, 674), (600, 337));
        check(1080, 1920, png::ColorType::Rgba, &[0, 0, 0, 0], (494, 880), (247, 440));
        check(300, 300, png::ColorType::Grayscale, &[9], (300, 300), (440, 440));
        check(5000, 1, png::ColorType::Rgb, &[1, 2, 3], (1200, 1), (600, 1));
        assert!(scaled(b"not a picture").is_err());
    }

    #[test]
    fn blocks_are_averaged_over_white() {
        let check = |pixels: &[u8], channels, expected| assert_eq!(mean(pixels, 2, channels, 0..1, 0..2), expected);
        check(&[0, 0, 0, 200, 100, 50], 3, [100, 50, 25]);
        check(&[0, 0, 0, 0, 0, 0, 0, 255], 4, [127, 127, 127]);
        check(&[10, 30], 1, [20, 20, 20]);
    }
}
