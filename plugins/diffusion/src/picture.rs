//! A picture between the stages of this crate: planes of 32-bit floats, so that nothing is rounded before the end.

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
