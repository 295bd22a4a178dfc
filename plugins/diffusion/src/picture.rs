//! A picture between the stages of this crate: planes of 32-bit floats, so that nothing is rounded before the end.

use ndarray::{ArrayD, Axis};

/// Three planes of equal size, one after the other, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// `3 * height * width` values. What they mean (RGB from -1 to 1, or Y'CbCr) is said where one is passed.
    pub data: Vec<f32>,
}

impl Picture {
    /// A picture of one value.
    #[must_use]
    pub fn filled(width: usize, height: usize, value: f32) -> Self {
        Self { width, height, data: vec![value; 3 * width * height] }
    }

    /// One frame of a video [1, 3, frames, height, width].
    #[must_use]
    pub fn of_video(video: &ArrayD<f32>, frame: usize) -> Self {
        let clip = video.index_axis(Axis(0), 0);
        let frame = clip.index_axis(Axis(1), frame);
        let mut data = Vec::with_capacity(frame.len());
        // Whole planes at once: one value after the other takes longer than what is done with the picture afterwards.
        for plane in frame.outer_iter() {
            match plane.as_slice() {
                Some(values) => data.extend_from_slice(values),
                None => data.extend(&plane),
            }
        }
        Self { width: frame.len_of(Axis(2)), height: frame.len_of(Axis(1)), data }
    }

    /// The three planes.
    pub fn planes(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.width * self.height)
    }

    /// One plane, 0 to 2.
    #[must_use]
    pub fn plane(&self, index: usize) -> &[f32] {
        let size = self.width * self.height;
        &self.data[index * size..(index + 1) * size]
    }

    /// One plane, 0 to 2.
    pub fn plane_mut(&mut self, index: usize) -> &mut [f32] {
        let size = self.width * self.height;
        &mut self.data[index * size..(index + 1) * size]
    }

    /// So many columns of it, from one on.
    #[must_use]
    pub fn columns(&self, first: usize, width: usize) -> Self {
        let rows = self.data.chunks_exact(self.width.max(1));
        let data = rows.flat_map(|row| &row[first..first + width]).copied().collect();
        Self { width, height: self.height, data }
    }

    /// `factor` times smaller: each value the mean of a square. Rows and columns that fill none are left out.
    #[must_use]
    pub fn shrunk(&self, factor: usize) -> Self {
        let (width, height) = (self.width / factor, self.height / factor);
        let share = 1.0 / (factor * factor) as f32;
        let mut data = vec![0.0; 3 * width * height];
        for (source, target) in self.planes().zip(data.chunks_exact_mut((width * height).max(1))) {
            for (rows, line) in source.chunks_exact(factor * self.width).zip(target.chunks_exact_mut(width.max(1))) {
                for row in rows.chunks_exact(self.width) {
                    for (value, square) in line.iter_mut().zip(row.chunks_exact(factor)) {
                        *value += square.iter().sum::<f32>() * share;
                    }
                }
            }
        }
        Self { width, height, data }
    }
}
