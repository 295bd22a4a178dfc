//! RGB frames as networks take them: planes of red, green and blue, row by row, in 0-1.
//!
//! Invariant: what is put back is rounded to 16 bits, so a frame that goes there and back is the same frame.

use crate::frame::{Frame, Pixel};

const MOST: f32 = 65535.0;

impl Frame {
    /// The samples of a frame of [`Pixel::Rgb48`], 3 x height x width of them; empty for one of another layout.
    #[must_use]
    pub fn to_unit(&self) -> Vec<f32> {
        if self.format().pixel != Pixel::Rgb48 {
            return Vec::new();
        }
        let samples = self.plane(0).as_chunks::<2>().0;
        let of = |channel| samples.iter().skip(channel).step_by(3).map(|s| f32::from(u16::from_le_bytes(*s)) / MOST);
        (0..3).flat_map(of).collect()
    }

    /// Puts a part of a picture into a frame of [`Pixel::Rgb48`]: three planes of `width` columns and `height` rows, at so
    /// many pixels from the left and the top. What lies outside of the frame, or of 0-1, is cut off.
    pub fn put_unit(
        &mut self,
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        values: impl Iterator<Item = f32>,
    ) {
        if self.format().pixel != Pixel::Rgb48 {
            return;
        }
        let (across, down) = self.format().plane_size(0);
        let samples = self.plane_mut(0).as_chunks_mut::<2>().0;
        for (at, value) in values.take(3 * width * height).enumerate() {
            let (channel, y, x) = (at / (width * height), top + at / width % height, left + at % width);
            if x < across && y < down {
                samples[(y * across + x) * 3 + channel] = ((value.clamp(0.0, 1.0) * MOST).round() as u16).to_le_bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::frame::{Frame, FrameFormat, Pixel};

    #[test]
    fn a_frame_goes_there_and_back() {
        let format = FrameFormat::new(5, 3, Pixel::Rgb48);
        let mut frame = Frame::new(format);
        frame.plane_mut(0).iter_mut().enumerate().for_each(|(i, b)| *b = (i * 37) as u8);
        let planes = frame.to_unit();
        assert_eq!(planes.len(), 3 * 15);
        let green = u16::from_le_bytes([frame.plane(0)[2], frame.plane(0)[3]]);
        assert_eq!(planes[15], f32::from(green) / 65535.0, "the second plane is green");
        let mut back = Frame::new(format);
        back.put_unit((0, 0), (5, 3), planes.into_iter());
        assert!(back == frame);
    }

    #[test]
    fn a_part_lies_where_it_is_put_and_never_outside() {
        let mut frame = Frame::new(FrameFormat::new(4, 4, Pixel::Rgb48));
        frame.put_unit((3, 1), (2, 1), [1.0, 1.0, 2.0, 1.0, -1.0, 1.0].into_iter());
        let lit: Vec<usize> = (0..48).filter(|i| frame.plane(0)[2 * i] != 0).collect();
        assert_eq!(lit, [(4 + 3) * 3, (4 + 3) * 3 + 1], "red and green of the last column of the second row");
        let mut yuv = Frame::black(FrameFormat::new(4, 4, Pixel::Yuv420p10));
        yuv.put_unit((0, 0), (4, 4), std::iter::repeat_n(1.0, 48));
        assert!(yuv == Frame::black(FrameFormat::new(4, 4, Pixel::Yuv420p10)) && yuv.to_unit().is_empty());
    }
}
