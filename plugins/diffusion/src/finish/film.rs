//! A finished frame of the pipeline from a moment of the model's film.

use spotloom_media::{Frame, FrameFormat, Pixel};

use super::grain::Grain;
use super::scale::Scale;
use crate::picture::Picture;

/// Brings Y'CbCr pictures of the model's size to frames of the pipeline.
pub struct Film {
    format: FrameFormat,
    luma: Scale,
    chroma: Scale,
    grain: Grain,
}

impl Film {
    /// From pictures of `from` (width, height) to frames of `width` x `height`, both even; `grain` is the standard
    /// deviation of the luma grain in 8-bit steps.
    #[must_use]
    pub fn new(from: (usize, usize), width: u32, height: u32, seed: u64, grain: f32) -> Self {
        let picture = (width as usize, height as usize);
        Self {
            format: FrameFormat::new(width, height, Pixel::Yuv420p10),
            luma: Scale::cover(from, picture, 1, (0.5, 0.5)),
            chroma: Scale::cover(from, picture, 2, (0.25, 0.5)),
            grain: Grain::new(seed, grain),
        }
    }

    /// What every frame is.
    #[must_use]
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// The frame of that number.
    ///
    /// # Errors
    /// Never for a picture of the size this was made for.
    pub fn frame(&self, index: u64, picture: &Picture) -> spotloom_media::Result<Frame> {
        let grain = self.grain.frame(index);
        let mut planes: [Vec<u8>; 3] = std::array::from_fn(|p| Vec::with_capacity(self.format.plane_bytes(p)));
        let [luma, cb, cr] = &mut planes;
        self.luma.run(picture.plane(0), |y, row| grain.luma(y, row, luma));
        self.chroma.run(picture.plane(1), |y, row| grain.chroma(1, y, row, cb));
        self.chroma.run(picture.plane(2), |y, row| grain.chroma(2, y, row, cr));
        Frame::from_planes(self.format, planes.into())
    }
}
