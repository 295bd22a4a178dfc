//! Frames in memory: tightly packed planes that this process owns.
//!
//! Invariant: a frame in a YUV format is BT.709, limited range; a frame in an RGB format is full range with BT.709
//! primaries. Readers and filters convert on the way in, so nothing else has to ask.

use std::fmt;

use crate::error::{Error, Result};

/// How samples are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pixel {
    /// One plane of luma, 8 bit.
    Gray8,
    /// Three planes, chroma halved both ways, 8 bit.
    Yuv420p,
    /// Three planes, chroma halved both ways, 10 bit in 16-bit little-endian samples.
    Yuv420p10,
    /// Three planes, chroma halved across, 8 bit.
    Yuv422p,
    /// Three planes, chroma halved across, 10 bit in 16-bit little-endian samples.
    Yuv422p10,
    /// Three full planes, 8 bit.
    Yuv444p,
    /// Three full planes, 10 bit in 16-bit little-endian samples.
    Yuv444p10,
    /// One plane, R G B, 8 bit.
    Rgb24,
    /// One plane, R G B, 16 bit little endian.
    Rgb48,
    /// One plane, R G B A, 8 bit, straight alpha.
    Rgba,
}

impl Pixel {
    /// FFmpeg's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gray8 => "gray",
            Self::Yuv420p => "yuv420p",
            Self::Yuv420p10 => "yuv420p10le",
            Self::Yuv422p => "yuv422p",
            Self::Yuv422p10 => "yuv422p10le",
            Self::Yuv444p => "yuv444p",
            Self::Yuv444p10 => "yuv444p10le",
            Self::Rgb24 => "rgb24",
            Self::Rgb48 => "rgb48le",
            Self::Rgba => "rgba",
        }
    }

    /// How many planes a frame has.
    #[must_use]
    pub const fn planes(self) -> usize {
        match self {
            Self::Gray8 | Self::Rgb24 | Self::Rgb48 | Self::Rgba => 1,
            Self::Yuv420p | Self::Yuv420p10 | Self::Yuv422p | Self::Yuv422p10 | Self::Yuv444p | Self::Yuv444p10 => 3,
        }
    }

    /// Bytes from one pixel of a plane to the next.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Gray8 | Self::Yuv420p | Self::Yuv422p | Self::Yuv444p => 1,
            Self::Yuv420p10 | Self::Yuv422p10 | Self::Yuv444p10 => 2,
            Self::Rgb24 => 3,
            Self::Rgba => 4,
            Self::Rgb48 => 6,
        }
    }

    /// Whether it is one of the RGB layouts.
    #[must_use]
    pub const fn is_rgb(self) -> bool {
        matches!(self, Self::Rgb24 | Self::Rgb48 | Self::Rgba)
    }

    /// Whether chroma is halved across, and whether it is halved down.
    #[must_use]
    pub const fn subsampling(self) -> (bool, bool) {
        match self {
            Self::Yuv420p | Self::Yuv420p10 => (true, true),
            Self::Yuv422p | Self::Yuv422p10 => (true, false),
            _ => (false, false),
        }
    }

    /// Whether a sample has ten bits.
    pub(crate) const fn is_ten_bit(self) -> bool {
        matches!(self, Self::Yuv420p10 | Self::Yuv422p10 | Self::Yuv444p10)
    }

    pub(crate) const fn av(self) -> ffmpeg_next::format::Pixel {
        use ffmpeg_next::format::Pixel as Av;
        match self {
            Self::Gray8 => Av::GRAY8,
            Self::Yuv420p => Av::YUV420P,
            Self::Yuv420p10 => Av::YUV420P10LE,
            Self::Yuv422p => Av::YUV422P,
            Self::Yuv422p10 => Av::YUV422P10LE,
            Self::Yuv444p => Av::YUV444P,
            Self::Yuv444p10 => Av::YUV444P10LE,
            Self::Rgb24 => Av::RGB24,
            Self::Rgb48 => Av::RGB48LE,
            Self::Rgba => Av::RGBA,
        }
    }
}

/// The size and layout of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameFormat {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    pub pixel: Pixel,
}

/// The longest side of a frame.
pub const MAX_SIDE: u32 = 16_384;

impl FrameFormat {
    #[must_use]
    pub const fn new(width: u32, height: u32, pixel: Pixel) -> Self {
        Self { width, height, pixel }
    }

    /// Width in pixels and height in rows of a plane.
    #[must_use]
    pub const fn plane_size(&self, plane: usize) -> (usize, usize) {
        let (across, down) = if plane > 0 { self.pixel.subsampling() } else { (false, false) };
        let width = if across { self.width.div_ceil(2) } else { self.width };
        let height = if down { self.height.div_ceil(2) } else { self.height };
        (width as usize, height as usize)
    }

    /// Bytes from one row of a plane to the next; rows are tightly packed.
    #[must_use]
    pub const fn stride(&self, plane: usize) -> usize {
        self.plane_size(plane).0 * self.pixel.bytes()
    }

    /// Bytes of a plane.
    #[must_use]
    pub const fn plane_bytes(&self, plane: usize) -> usize {
        self.stride(plane) * self.plane_size(plane).1
    }

    /// Bytes of all planes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (0..self.pixel.planes()).map(|plane| self.plane_bytes(plane)).sum()
    }

    /// Refuses sizes that no file here can have.
    pub(crate) fn check(&self) -> Result<()> {
        if self.width == 0 || self.height == 0 || self.width > MAX_SIDE || self.height > MAX_SIDE {
            return Err(Error::Unsupported {
                what: "a frame",
                found: format!("{}x{}", self.width, self.height),
                expected: "1 to 16384 pixels each way",
            });
        }
        Ok(())
    }
}

impl fmt::Display for FrameFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} {}", self.width, self.height, self.pixel.name())
    }
}

/// One picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    format: FrameFormat,
    planes: Vec<Vec<u8>>,
    /// Its place in the sequence it came from, counted from 0.
    pub index: u64,
}

impl Frame {
    /// A frame of zeroes (which is black in RGB and green in YUV; see [`Frame::black`]).
    #[must_use]
    pub fn new(format: FrameFormat) -> Self {
        let planes = (0..format.pixel.planes()).map(|p| vec![0; format.plane_bytes(p)]).collect();
        Self { format, planes, index: 0 }
    }

    /// A black frame; opaque where there is alpha.
    #[must_use]
    pub fn black(format: FrameFormat) -> Self {
        let mut frame = Self::new(format);
        let yuv: [u16; 3] = match format.pixel {
            Pixel::Gray8 | Pixel::Yuv420p | Pixel::Yuv422p | Pixel::Yuv444p => [16, 128, 128],
            Pixel::Yuv420p10 | Pixel::Yuv422p10 | Pixel::Yuv444p10 => [64, 512, 512],
            Pixel::Rgb24 | Pixel::Rgb48 => return frame,
            Pixel::Rgba => {
                frame.planes[0].chunks_exact_mut(4).for_each(|p| p[3] = 255);
                return frame;
            }
        };
        for (plane, value) in frame.planes.iter_mut().zip(yuv) {
            if format.pixel.bytes() == 1 {
                plane.fill(value.to_le_bytes()[0]);
            } else {
                plane.chunks_exact_mut(2).for_each(|s| s.copy_from_slice(&value.to_le_bytes()));
            }
        }
        frame
    }

    /// A frame from planes that are already there.
    ///
    /// # Errors
    /// When there are too many or too few planes, or one has not `format.plane_bytes(i)` bytes.
    pub fn from_planes(format: FrameFormat, planes: Vec<Vec<u8>>) -> Result<Self> {
        let fits = planes.len() == format.pixel.planes()
            && planes.iter().enumerate().all(|(i, p)| p.len() == format.plane_bytes(i));
        if !fits {
            return Err(Error::Unsupported {
                what: "the planes of a frame",
                found: format!("{:?} bytes for {format}", planes.iter().map(Vec::len).collect::<Vec<_>>()),
                expected: "tightly packed rows",
            });
        }
        Ok(Self { format, planes, index: 0 })
    }

    #[must_use]
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    #[must_use]
    pub fn width(&self) -> u32 {
        self.format.width
    }

    #[must_use]
    pub fn height(&self) -> u32 {
        self.format.height
    }

    /// Bytes from one row of a plane to the next.
    #[must_use]
    pub fn stride(&self, plane: usize) -> usize {
        self.format.stride(plane)
    }

    /// The samples of a plane, row by row without padding; empty for a plane that is not there.
    #[must_use]
    pub fn plane(&self, plane: usize) -> &[u8] {
        self.planes.get(plane).map_or(&[], Vec::as_slice)
    }

    /// The samples of a plane, to change them; empty for a plane that is not there.
    pub fn plane_mut(&mut self, plane: usize) -> &mut [u8] {
        self.planes.get_mut(plane).map_or(&mut [], Vec::as_mut_slice)
    }

    /// All planes at once, to change them.
    pub fn planes_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.planes.iter_mut().map(Vec::as_mut_slice)
    }

    /// The planes themselves.
    #[must_use]
    pub fn into_planes(self) -> Vec<Vec<u8>> {
        self.planes
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame {{ {}, index {} }}", self.format, self.index)
    }
}
