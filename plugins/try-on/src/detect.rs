//! People in a photo: YOLOX (Ge et al., 2021), as DWPose runs it.
//!
//! Shapes: in `[1, 3, 640, 640]`, BGR from 0 to 255, the photo at the top left and grey beside it; out `[1, 8400, 85]`, for
//! each cell of three grids where a box is, how large, whether anything is there, and which of 80 things.

use ndarray::{Array4, ArrayView2};

use crate::photo::Photo;

/// Side of the picture the network looks at, in pixels.
pub const SIDE: usize = 640;
/// Pixels of a cell's side in each grid.
const STRIDES: [usize; 3] = [8, 16, 32];
/// Cells of all grids.
pub const CELLS: usize = 8400;
/// Box, presence, and 80 classes, the first of which is `person`.
pub const VALUES: usize = 85;
const GREY: f32 = 114.0;
/// Boxes that share more than this much of their area are one.
const SAME: f64 = 0.45;
const CERTAIN: f64 = 0.3;

/// A box around a person in pixels of the photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Person {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    /// 0 to 1.
    pub score: f64,
}

/// What the network is given.
#[must_use]
pub fn input(photo: &Photo) -> Array4<f32> {
    let ratio = ratio(photo);
    let side = |of: usize| ((of as f64 * ratio) as usize).clamp(1, SIDE);
    let (width, height) = (side(photo.width), side(photo.height));
    let (across, down) = (photo.width as f64 / width as f64, photo.height as f64 / height as f64);
    let mut tensor = Array4::from_elem((1, 3, SIDE, SIDE), GREY);
    for y in 0..height {
        for x in 0..width {
            // Pixels have an area: the middle of one here is the middle of several there.
            let at = |i: usize, step: f64, count: usize| ((i as f64 + 0.5) * step - 0.5).clamp(0.0, count as f64 - 1.0);
            let colour = bilinear(photo, at(x, across, photo.width), at(y, down, photo.height));
            for (channel, value) in colour.into_iter().rev().enumerate() {
                tensor[(0, channel, y, x)] = value.round() as f32;
            }
        }
    }
    tensor
}

fn ratio(photo: &Photo) -> f64 {
    (SIDE as f64 / photo.height as f64).min(SIDE as f64 / photo.width as f64)
}

/// R, G and B between four pixels; beyond the edges is black.
#[must_use]
pub fn bilinear(photo: &Photo, x: f64, y: f64) -> [f64; 3] {
    let (x0, y0) = (x.floor(), y.floor());
    let (u, v) = (x - x0, y - y0);
    let pixel = |x: f64, y: f64| {
        let inside = x >= 0.0 && y >= 0.0 && x < photo.width as f64 && y < photo.height as f64;
        if inside { photo.at(x as usize, y as usize).map(f64::from) } else { [0.0; 3] }
    };
    let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
    corners.into_iter().fold([0.0; 3], |sum, (dx, dy)| {
        let weight = (if dx > 0.0 { u } else { 1.0 - u }) * (if dy > 0.0 { v } else { 1.0 - v });
        let colour = if weight > 0.0 { pixel(x0 + dx, y0 + dy) } else { [0.0; 3] };
        [0, 1, 2].map(|c| sum[c] + weight * colour[c])
    })
}

/// The people among `[8400, 85]` values, the most certain first.
#[must_use]
pub fn people(values: ArrayView2<'_, f32>, photo: &Photo) -> Vec<Person> {
    let ratio = ratio(photo);
    let cells = STRIDES.iter().flat_map(|&stride| {
        let side = SIDE / stride;
        (0..side * side).map(move |i| ((i % side) as f64, (i / side) as f64, stride as f64))
    });
    let mut found: Vec<Person> = cells
        .zip(values.outer_iter())
        .map(|((column, row, stride), v)| {
            let of = |i: usize| f64::from(v[i]);
            let (x, y) = ((of(0) + column) * stride / ratio, (of(1) + row) * stride / ratio);
            let (w, h) = (of(2).exp() * stride / ratio, of(3).exp() * stride / ratio);
            let [left, top, right, bottom] = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
            Person { left, top, right, bottom, score: of(4) * of(5) }
        })
        .filter(|p| p.score > CERTAIN && [p.left, p.top, p.right, p.bottom].iter().all(|v| v.is_finite()))
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Person> = Vec::new();
    for person in found {
        if kept.iter().all(|k| overlap(k, &person) <= SAME) {
            kept.push(person);
        }
    }
    kept
}

/// Area that two boxes share by the area of both, in whole pixels.
fn overlap(a: &Person, b: &Person) -> f64 {
    let area = |p: &Person| (p.right - p.left + 1.0) * (p.bottom - p.top + 1.0);
    let across = (a.right.min(b.right) - a.left.max(b.left) + 1.0).max(0.0);
    let down = (a.bottom.min(b.bottom) - a.top.max(b.top) + 1.0).max(0.0);
    let both = across * down;
    both / (area(a) + area(b) - both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn photo(width: usize, height: usize) -> Photo {
        Photo { width, height, rgb: vec![200; width * height * 3] }
    }

    #[test]
    fn a_photo_lies_at_the_top_left_with_grey_beside_it() {
        let tensor = input(&photo(320, 160));
        assert_eq!(tensor[(0, 0, 319, 639)], 200.0);
        assert_eq!(tensor[(0, 0, 320, 0)], 114.0);
    }

    #[test]
    fn boxes_are_decoded_and_each_person_is_told_once() {
        let mut values = Array2::zeros((CELLS, VALUES));
        let mut set = |cell: usize, box_: [f32; 4], there: f32, person: f32| {
            for (i, value) in box_.into_iter().chain([there, person]).enumerate() {
                values[(cell, i)] = value;
            }
        };
        // The grid of stride 32 begins at 8000; its cell 21 is column 1, row 1.
        set(8021, [0.5, 0.5, 1.0, 2.0], 0.9, 0.9);
        set(8022, [-0.45, 0.5, 1.0, 2.0], 0.8, 0.9);
        set(8100, [0.0, 0.0, 0.0, 0.0], 0.5, 0.5);
        set(0, [40.0, 40.0, 2.0, 2.0], 1.0, 0.6);
        let people = people(values.view(), &photo(1280, 1280));
        let middles: Vec<(f64, f64)> =
            people.iter().map(|p| ((p.left + p.right) / 2.0, (p.top + p.bottom) / 2.0)).collect();
        assert_eq!(middles, [(96.0, 96.0), (640.0, 640.0)]);
        assert!((people[0].bottom - people[0].top - 32.0 * 2.0 * 2f64.exp()).abs() < 1e-3);
    }
}
