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

    /// Half as wide and high: each value the mean of a square of four. An odd last row or column is left out.
    #[must_use]
    pub fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut data = Vec::with_capacity(3 * width * height);
        for plane in self.planes() {
            for rows in plane.chunks_exact(2 * self.width) {
                let (upper, lower) = rows.split_at(self.width);
                let columns = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                data.extend(columns.map(|(a, b)| (a[0] + a[1] + b[0] + b[1]) * 0.25));
            }
        }
        Self { width, height, data }
    }
}
