//! Rows of a frame on which layers are tried, and the colours that are then under a text.

use spotloom_composition::picture::blend::{Band, Drawing};
use spotloom_media::Frame;

use super::check::{Check, beneath};
use crate::colour::{Rgb, rgb709};
use crate::look::layer::Layer;
use crate::look::svg::TextMark;

/// Rows of a frame, to try things on.
pub(super) struct Patch {
    width: usize,
    top: usize,
    rows: usize,
    planes: [Vec<u8>; 3],
}

impl Patch {
    pub fn new(width: usize, (top, bottom): (usize, usize), yuv: [u8; 3]) -> Self {
        let rows = bottom - top;
        let sizes = [width * rows, width * rows / 4, width * rows / 4];
        Self { width, top, rows, planes: std::array::from_fn(|i| vec![yuv[i]; sizes[i]]) }
    }

    pub fn copy(&mut self, frame: &Frame) {
        for (i, plane) in self.planes.iter_mut().enumerate() {
            let (step, length) = (if i == 0 { 1 } else { 2 }, plane.len());
            let start = self.top / step * (self.width / step);
            plane.copy_from_slice(&frame.plane(i)[start..start + length]);
        }
    }

    /// What lies under the texts of a group at an instant; `shade` is how strong shades are, from their least to all.
    pub fn draw(&mut self, layers: &[Layer], check: &Check, t: f64, shade: f32) {
        let [y, u, v] = &mut self.planes;
        let mut band = Band { width: self.width, top: self.top, rows: self.rows, planes: [y, u, v] };
        let end = if check.is_logo { check.layers.start } else { check.layers.end };
        for layer in layers[..end].iter().filter(|l| beneath(l, &check.tone)) {
            let strength = layer.drawn.shade.as_ref().map_or(1.0, |s| s.between(shade));
            let Some(placement) = layer.drawn.placed(t, strength) else { continue };
            // Letters are no ground: neither their own, nor what hangs down from the line above.
            let sprite = match (layer.texts.is_empty(), &layer.ground) {
                (true, _) => &layer.drawn.sprite,
                (false, Some(ground)) => ground,
                (false, None) => continue,
            };
            Drawing::new(sprite, placement, (self.width, self.top + self.rows)).draw(&mut band);
        }
    }

    /// Colours of the cells under a text.
    pub fn cells(&self, text: &TextMark) -> Vec<Rgb> {
        let side = ((text.size * 0.25) as usize).clamp(4, 48) & !1;
        let mut cells = Vec::new();
        for [left, top, right, bottom] in &text.boxes {
            let columns = (left.max(0.0) as usize, (right.max(0.0) as usize).min(self.width));
            let rows = (
                (top.max(0.0) as usize).saturating_sub(self.top).min(self.rows),
                (bottom.max(0.0) as usize).saturating_sub(self.top).min(self.rows),
            );
            for y in (rows.0..rows.1).step_by(side) {
                for x in (columns.0..columns.1).step_by(side) {
                    cells.push(self.mean((x, (x + side).min(columns.1)), (y, (y + side).min(rows.1))));
                }
            }
        }
        cells
    }

    fn mean(&self, x: (usize, usize), y: (usize, usize)) -> Rgb {
        let plane = |i: usize| {
            let step = if i == 0 { 1 } else { 2 };
            let (w, columns) = (self.width / step, x.0 / step..(x.1 / step).max(x.0 / step + 1).min(self.width / step));
            let rows = y.0 / step..(y.1 / step).max(y.0 / step + 1).min(self.rows / step);
            let count = (rows.len() * columns.len()).max(1);
            let sum: usize = rows
                .flat_map(|r| &self.planes[i][r * w + columns.start..r * w + columns.end])
                .map(|v| usize::from(*v))
                .sum();
            (sum / count) as u8
        };
        Rgb(rgb709([plane(0), plane(1), plane(2)]))
    }
}
