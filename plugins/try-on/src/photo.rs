//! Pictures of people and garments: read, brought to a size, and turned into numbers.
//!
//! Invariant: a photo has three bytes for each pixel and is opaque.

use std::path::Path;

use ndarray::Array4;
use spotloom_media::{Error, FilterChain, Frame, FrameFormat, Pixel, ReadOptions, Reader};

/// What shows through a transparent picture: garments are cut out, and stand on white in what the model has seen.
const GROUND: f32 = 255.0;

/// Rows of R, G and B from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

/// Where a photo lies on the model's canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// The largest size of a shape inside another, as the reference rounds it.
fn within((width, height): (usize, usize), (most_wide, most_high): (usize, usize)) -> (usize, usize) {
    let factor = (most_wide as f64 / width as f64).min(most_high as f64 / height as f64);
    let side = |of: usize, most: usize| ((of as f64 * factor) as usize).clamp(1, most);
    (side(width, most_wide), side(height, most_high))
}

impl Photo {
    /// Reads the first picture of a file, and says whether anything showed through.
    ///
    /// # Errors
    /// The file is none that FFmpeg reads as a picture.
    pub fn read(path: &Path) -> Result<(Self, bool), Error> {
        let mut reader = Reader::open(path, ReadOptions::new(Pixel::Rgba))?;
        let frame = reader.next().ok_or_else(|| Error::NoVideo { path: path.into() })??;
        let mut transparent = false;
        let mut rgb = Vec::with_capacity(frame.plane(0).len() / 4 * 3);
        for pixel in frame.plane(0).chunks_exact(4) {
            transparent |= pixel[3] < 250;
            let alpha = f32::from(pixel[3]) / 255.0;
            rgb.extend(pixel[..3].iter().map(|v| (f32::from(*v) * alpha + GROUND * (1.0 - alpha)).round() as u8));
        }
        Ok((Self { width: frame.width() as usize, height: frame.height() as usize, rgb }, transparent))
    }

    /// R, G and B of a pixel.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let i = (y * self.width + x) * 3;
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]]
    }

    /// No side longer than `side`; smaller ones stay as they are. People are looked for at this size.
    ///
    /// # Errors
    /// The picture can't be scaled.
    pub fn at_most(self, side: usize) -> Result<Self, Error> {
        if self.width <= side && self.height <= side {
            return Ok(self);
        }
        let (width, height) = within((self.width, self.height), (side, side));
        self.scaled(width, height, "lanczos")
    }

    /// As large as `width` x `height` allows, and where it lies on such a canvas.
    ///
    /// # Errors
    /// The picture can't be scaled.
    pub fn fit(&self, width: usize, height: usize) -> Result<(Self, Place), Error> {
        let place = Place::of(self, width, height);
        let filter = if place.width < self.width { "area" } else { "lanczos" };
        Ok((self.scaled(place.width, place.height, filter)?, place))
    }

    fn scaled(&self, width: usize, height: usize, filter: &str) -> Result<Self, Error> {
        if (self.width, self.height) == (width, height) {
            return Ok(self.clone());
        }
        let format = FrameFormat::new(self.width as u32, self.height as u32, Pixel::Rgb24);
        let frame = Frame::from_planes(format, vec![self.rgb.clone()])?;
        let spec = format!(
            "scale=w={width}:h={height}:flags={filter}+accurate_rnd+full_chroma_inp+full_chroma_int+bitexact,setsar=1"
        );
        let mut chain = FilterChain::new(&spec, format, (25, 1), Pixel::Rgb24)?;
        chain.push(&frame)?;
        chain.finish()?;
        let doing = "taking the one frame of a picture";
        let frame = chain.pull()?.ok_or(Error::Filter { spec, doing, source: spotloom_media::NO_FRAME })?;
        Ok(Self { width, height, rgb: frame.into_planes().swap_remove(0) })
    }

    /// `[1, 3, height, width]` from -1 to 1, black where the photo is not.
    #[must_use]
    pub fn tensor(&self, place: Place, width: usize, height: usize) -> Array4<f32> {
        let mut tensor = Array4::from_elem((1, 3, height, width), -1.0);
        for y in 0..self.height {
            for x in 0..self.width {
                for (channel, value) in self.at(x, y).into_iter().enumerate() {
                    tensor[(0, channel, place.top + y, place.left + x)] = f32::from(value) / 127.5 - 1.0;
                }
            }
        }
        tensor
    }

    /// What lies at a place of the model's canvas, from `[1, 3, height, width]`; values beyond -1 and 1 are cut.
    #[must_use]
    pub fn from_tensor(tensor: &Array4<f32>, place: Place) -> Self {
        let Place { left, top, width, height } = place;
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in top..top + height {
            for x in left..left + width {
                rgb.extend((0..3).map(|c| ((tensor[(0, c, y, x)].clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8));
            }
        }
        Self { width, height, rgb }
    }

    /// Writes it as PNG.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        Ok(writer.finish()?)
    }
}

impl Place {
    /// The middle of a canvas, filled in one direction.
    #[must_use]
    pub fn of(photo: &Photo, width: usize, height: usize) -> Self {
        let (wide, high) = within((photo.width, photo.height), (width, height));
        Self { left: (width - wide) / 2, top: (height - high) / 2, width: wide, height: high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(width: usize, height: usize) -> Photo {
        Photo { width, height, rgb: (0..width * height * 3).map(|i| (i % 251) as u8).collect() }
    }

    #[test]
    fn a_photo_is_placed_in_the_middle_of_the_canvas() {
        let check = |size: (usize, usize), expected: (usize, usize, usize, usize)| {
            let Place { left, top, width, height } = Place::of(&photo(size.0, size.1), 576, 864);
            assert_eq!((left, top, width, height), expected, "{size:?}");
        };
        check((576, 864), (0, 0, 576, 864));
        check((1000, 1000), (0, 144, 576, 576));
        check((100, 864), (238, 0, 100, 864));
        check((3, 2), (0, 240, 576, 384));
        check((4000, 1), (0, 431, 576, 1));
    }

    #[test]
    fn what_is_made_a_tensor_comes_back() {
        let before = photo(30, 17);
        let place = Place { left: 1, top: 4, width: 30, height: 17 };
        let tensor = before.tensor(place, 32, 24);
        assert_eq!(tensor[(0, 0, 0, 0)], -1.0);
        assert_eq!(Photo::from_tensor(&tensor, place), before);
    }

    #[test]
    fn a_flat_colour_keeps_it_at_every_size() {
        let flat = Photo { width: 90, height: 60, rgb: [0xF2, 0x8C, 0x0F].repeat(90 * 60) };
        let near = |photo: &Photo| {
            let colour = photo
                .rgb
                .chunks_exact(3)
                .all(|p| p.iter().zip([0xF2u8, 0x8C, 0x0F]).all(|(found, expected)| found.abs_diff(expected) <= 1));
            assert!(colour, "{:?}", &photo.rgb[..3]);
        };
        let small = flat.clone().at_most(45).unwrap();
        assert_eq!((small.width, small.height), (45, 30));
        near(&small);
        let (large, _) = flat.fit(200, 200).unwrap();
        assert_eq!((large.width, large.height), (200, 133));
        near(&large);
    }
}
