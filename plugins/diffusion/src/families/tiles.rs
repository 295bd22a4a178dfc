//! Tiles of a frame that are decoded one after the other: where they lie, and how they run into each other.
//!
//! Along a side they are spread evenly and of one length, so that none is a sliver that sees nothing but a seam. Where they
//! overlap, one fades into the next in a line, as in the reference (`blend_v` and `blend_h` of diffusers).
//!
//! Invariant: at every place the weights of all tiles are positive where a tile is, and sum to 1.

use std::ops::Range;

use ndarray::{Array2, ArrayD, Axis, Slice, Zip};

/// Pixels of a tile's side, at most, as in Wan's reference.
pub const SIDE: usize = 256;
/// Pixels that a tile shares with the next, at least, as in the reference.
const OVERLAP: usize = 64;

/// One tile of a frame.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Rows and columns of latent cells.
    pub cells: [Range<usize>; 2],
    /// First row and column of pixels.
    at: [usize; 2],
    /// Weight of each pixel, [rows, columns].
    weights: Array2<f32>,
}

/// The tiles of a frame of so many rows and columns of latent cells, each of so many pixels; no `side` is longer.
#[must_use]
pub fn tiles(cells: [usize; 2], pixels: [usize; 2], side: usize) -> Vec<Tile> {
    lay_out(cells, pixels, side)
}

/// The whole frame as one tile.
#[must_use]
pub fn whole(cells: [usize; 2], pixels: [usize; 2]) -> Vec<Tile> {
    lay_out(cells, pixels, usize::MAX)
}

fn lay_out(cells: [usize; 2], pixels: [usize; 2], side: usize) -> Vec<Tile> {
    let [rows, columns] = [0, 1].map(|k| spans(cells[k], (side / pixels[k]).max(1), OVERLAP / pixels[k]));
    let [down, across] = [ramps(&rows, cells[0], pixels[0]), ramps(&columns, cells[1], pixels[1])];
    let mut tiles = Vec::with_capacity(rows.len() * columns.len());
    for (row, down) in rows.iter().zip(&down) {
        for (column, across) in columns.iter().zip(&across) {
            tiles.push(Tile {
                cells: [row.clone(), column.clone()],
                at: [row.start * pixels[0], column.start * pixels[1]],
                weights: Array2::from_shape_fn((down.len(), across.len()), |(y, x)| down[y] * across[x]),
            });
        }
    }
    tiles
}

impl Tile {
    /// The part of latents, [1, channels, frames, rows, columns], that this tile is decoded from.
    #[must_use]
    pub fn cut(&self, latents: &ArrayD<f32>) -> ArrayD<f32> {
        let part = latents.slice_axis(Axis(3), Slice::from(self.cells[0].clone()));
        part.slice_axis(Axis(4), Slice::from(self.cells[1].clone())).as_standard_layout().into_owned()
    }

    /// Pixels of the tile.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.weights.len()
    }

    /// Width and height of the tile, in pixels.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        let (rows, columns) = self.weights.dim();
        [columns, rows]
    }

    /// Adds the decoded tile, [1, 3, frames, rows, columns], to the frames that it is a part of. `false`, and nothing is added,
    /// when the decoder gave it another size than the contract says.
    #[must_use]
    pub fn lay(&self, tile: &ArrayD<f32>, frames: &mut ArrayD<f32>) -> bool {
        let (rows, columns) = self.weights.dim();
        let [top, left] = self.at;
        let mut place = frames.slice_each_axis_mut(|axis| match axis.axis.index() {
            3 => Slice::from(top..top + rows),
            4 => Slice::from(left..left + columns),
            _ => Slice::from(..),
        });
        if place.shape() != tile.shape() {
            return false;
        }
        // The weights of rows and columns are those of every channel and frame.
        Zip::from(&mut place).and(tile).and_broadcast(&self.weights).for_each(|f, t, w| *f += w * t);
        true
    }
}

/// Where tiles of `tile` cells lie along a side of `length`, sharing `overlap` at least.
fn spans(length: usize, tile: usize, overlap: usize) -> Vec<Range<usize>> {
    let tile = tile.min(length);
    let stride = tile.saturating_sub(overlap).max(1);
    let count = 1 + (length - tile).div_ceil(stride);
    (0..count).map(|k| (length - tile) * k / (count - 1).max(1)).map(|start| start..start + tile).collect()
}

/// The weights of each span along a side, a value a pixel.
fn ramps(spans: &[Range<usize>], length: usize, pixels: usize) -> Vec<Vec<f32>> {
    let raw = |span: &Range<usize>| -> Vec<f32> {
        let n = span.len() * pixels;
        let from_edge = |i: usize, edge: bool| if edge { 1.0 } else { (i as f32 + 0.5) / OVERLAP as f32 };
        (0..n).map(|i| from_edge(i, span.start == 0).min(from_edge(n - 1 - i, span.end == length)).min(1.0)).collect()
    };
    let mut sums = vec![0.0; length * pixels];
    let mut all: Vec<Vec<f32>> = spans.iter().map(raw).collect();
    for (span, weights) in spans.iter().zip(&all) {
        sums[span.start * pixels..].iter_mut().zip(weights).for_each(|(sum, w)| *sum += w);
    }
    for (span, weights) in spans.iter().zip(&mut all) {
        weights.iter_mut().zip(&sums[span.start * pixels..]).for_each(|(w, sum)| *w /= sum);
    }
    all
}

#[cfg(test)]
mod tests {
    use ndarray::IxDyn;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_the_same_everywhere_stays_so(rows in 1_usize..40, columns in 1_usize..40, stride in prop::sample::select(vec![8_usize, 16])) {
            let mut frames = ArrayD::zeros(IxDyn(&[1, 3, 1, rows * stride, columns * stride]));
            let latents = ArrayD::zeros(IxDyn(&[1, 2, 1, rows, columns]));
            let tiles = tiles([rows, columns], [stride, stride], SIDE);
            for tile in &tiles {
                let cut = tile.cut(&latents);
                prop_assert!(tile.cells.iter().all(|c| c.len() * stride <= SIDE.max(stride)));
                let shape = [1, 3, 1, cut.shape()[3] * stride, cut.shape()[4] * stride];
                prop_assert_eq!(tile.pixels(), shape[3] * shape[4]);
                prop_assert!(tile.lay(&ArrayD::ones(IxDyn(&shape)), &mut frames));
            }
            prop_assert!(frames.iter().all(|v| (v - 1.0).abs() < 1e-5));
        }
    }

    #[test]
    fn tiles_are_spread_evenly_and_share_at_least_what_they_must() {
        let check = |length, expected: &[(usize, usize)]| {
            let found: Vec<_> = spans(length, 32, 8).iter().map(|span| (span.start, span.end)).collect();
            assert_eq!(found, expected, "{length}");
        };
        check(20, &[(0, 20)]);
        check(32, &[(0, 32)]);
        check(33, &[(0, 32), (1, 33)]);
        check(60, &[(0, 32), (14, 46), (28, 60)]);
        check(104, &[(0, 32), (24, 56), (48, 80), (72, 104)]);
    }
}
