//! Draws sprites over rows of a frame. Sums wrap on purpose: their ranges are known, and checks would cost the speed.

use crate::picture::sprite::{Plane, Sprite};

/// Where a sprite goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// 0 to 256.
    pub opacity: u16,
    /// Pixels from its resting place.
    pub offset: (f32, f32),
    /// Around its middle.
    pub scale: f32,
    /// Left, top, right, bottom in pixels of the picture, outside of which nothing is drawn.
    pub clip: Option<[f32; 4]>,
}

impl Placement {
    /// Whether it is where it was drawn, sample on sample.
    #[must_use]
    pub fn at_rest(&self) -> bool {
        self.offset.0.abs() < 0.02 && self.offset.1.abs() < 0.02 && (self.scale - 1.0).abs() < 1e-5
    }
}

/// Some rows of a frame: all its columns, from an even row on, an even number of them.
pub struct Band<'a> {
    /// Columns of the frame.
    pub width: usize,
    /// Its first row in the frame.
    pub top: usize,
    pub rows: usize,
    /// Y, U, V rows of this band.
    pub planes: [&'a mut [u8]; 3],
}

/// A rectangle of a plane: columns and rows from..to.
#[derive(Clone, Copy)]
struct Window {
    x: (i32, i32),
    y: (i32, i32),
}

/// Draws a sprite into a band.
pub fn draw(band: &mut Band<'_>, sprite: &Sprite, placement: &Placement) {
    for (i, plane) in sprite.planes.iter().enumerate() {
        let step = if i == 0 { 1 } else { 2 };
        let mut window = Window {
            x: (0, (band.width / step) as i32),
            y: ((band.top / step) as i32, ((band.top + band.rows) / step) as i32),
        };
        if let Some([left, top, right, bottom]) = placement.clip {
            // On even pixels, so that luma and chroma end together.
            let even = |v: f32| (v / 2.0).round() as i32 * 2 / step as i32;
            window.x = (window.x.0.max(even(left)), window.x.1.min(even(right)));
            window.y = (window.y.0.max(even(top)), window.y.1.min(even(bottom)));
        }
        let target = Target { samples: &mut *band.planes[i], width: band.width / step, top: (band.top / step) as i32 };
        let offset = (placement.offset.0 / step as f32, placement.offset.1 / step as f32);
        if !placement.at_rest() && (placement.scale - 1.0).abs() < 1e-5 {
            let corner = (sprite.left / step as i32, sprite.top / step as i32);
            shifted(target, plane, corner, offset, window, placement.opacity);
        } else if placement.at_rest() {
            still(target, plane, (sprite.left / step as i32, sprite.top / step as i32), window, placement.opacity);
        } else {
            let phase_y = if i == 0 { 0.5 } else { 1.0 };
            let axis = |origin: i32, size: usize, count: usize, offset: f32, phase: f32, range: (i32, i32)| {
                Axis::new(origin, size, count, offset, placement.scale, step as f32, phase, range)
            };
            let x = axis(sprite.left, sprite.width, plane.width, placement.offset.0, 0.5, window.x);
            let y = axis(sprite.top, sprite.height, plane.height, placement.offset.1, phase_y, window.y);
            moved(target, plane, &x, &y, placement.opacity);
        }
    }
}

/// The rows of one plane of a band.
struct Target<'a> {
    samples: &'a mut [u8],
    width: usize,
    /// Row of the frame's plane at which `samples` start.
    top: i32,
}

impl Target<'_> {
    fn row(&mut self, y: i32, from: i32, to: i32) -> &mut [u8] {
        let start = (y - self.top) as usize * self.width;
        &mut self.samples[start + from as usize..start + to as usize]
    }
}

fn still(mut target: Target<'_>, plane: &Plane, (left, top): (i32, i32), window: Window, opacity: u16) {
    let from = window.y.0.max(top);
    let to = window.y.1.min(top + plane.height as i32);
    for y in from..to {
        let row = (y - top) as usize;
        let (first, last) = plane.spans[row];
        let (x0, x1) = ((left + first as i32).max(window.x.0), (left + last as i32).min(window.x.1));
        if x0 >= x1 {
            continue;
        }
        let start = row * plane.width;
        let range = start + (x0 - left) as usize..start + (x1 - left) as usize;
        let (samples, alpha) = (&plane.samples[range.clone()], &plane.alpha[range]);
        let out = target.row(y, x0, x1);
        if opacity == 256 {
            for ((d, &s), &a) in out.iter_mut().zip(samples).zip(alpha) {
                *d = over(*d, s, a);
            }
        } else {
            for ((d, &s), &a) in out.iter_mut().zip(samples).zip(alpha) {
                *d = over(*d, part(s, opacity), part(a, opacity));
            }
        }
    }
}

/// A shift as whole samples and a fraction in 256ths.
fn whole(shift: f32) -> (i32, u16) {
    let fraction = ((shift - shift.floor()) * 256.0).round() as u16;
    if fraction < 256 { (shift.floor() as i32, fraction) } else { (shift.floor() as i32 + 1, 0) }
}

/// Draws a plane that is moved but not enlarged: all its samples are mixed in the same way, a row at a time.
fn shifted(
    mut target: Target<'_>,
    plane: &Plane,
    (left, top): (i32, i32),
    (dx, dy): (f32, f32),
    window: Window,
    opacity: u16,
) {
    let ((ix, fx), (iy, fy)) = (whole(dx), whole(dy));
    let (left, top) = (left + ix, top + iy);
    let (width, height) = (plane.width, plane.height as i32);
    // One sample more on the left, so that each has one before it.
    let mut lines = [vec![0_u8; width + 1], vec![0_u8; width + 1]];
    let from = window.y.0.max(top);
    let to = window.y.1.min(top + height);
    for y in from..to {
        let row = |r: i32| r.clamp(0, height - 1) as usize;
        let (above, here) = (row(y - top - 1), row(y - top));
        let (a, b) = (plane.spans[above], plane.spans[here]);
        let (first, last) = match (fy > 0 && a.0 < a.1, b.0 < b.1) {
            (true, true) => (a.0.min(b.0), a.1.max(b.1)),
            (true, false) => a,
            (false, true) => b,
            (false, false) => continue,
        };
        let (first, last) = (first as usize, (last as usize + usize::from(fx > 0)).min(width));
        let (x0, x1) = ((left + first as i32).max(window.x.0), (left + last as i32).min(window.x.1));
        if x0 >= x1 {
            continue;
        }
        let (start, end) = ((x0 - left) as usize, (x1 - left) as usize);
        let before = start.saturating_sub(1);
        for (line, samples) in lines.iter_mut().zip([&plane.samples, &plane.alpha]) {
            let (above, here) = (above * width, here * width);
            let line = &mut line[before + 1..=end];
            rows_between(samples, here + before..here + end, above + before..above + end, fy, line);
        }
        if start == 0 {
            lines.iter_mut().for_each(|line| line[0] = line[1]);
        }
        let out = target.row(y, x0, x1);
        let [samples, alpha] = &lines;
        if fx == 0 && opacity == 256 {
            for ((d, &s), &a) in out.iter_mut().zip(&samples[start + 1..=end]).zip(&alpha[start + 1..=end]) {
                *d = over(*d, s, a);
            }
            continue;
        }
        let pairs = samples[start + 1..=end].iter().zip(&samples[start..end]);
        let pairs = pairs.zip(alpha[start + 1..=end].iter().zip(&alpha[start..end]));
        for (d, ((&s, &s0), (&a, &a0))) in out.iter_mut().zip(pairs) {
            *d = over(*d, part(between(s, s0, fx), opacity), part(between(a, a0, fx), opacity));
        }
    }
}

/// Which two samples of a sprite make one of the picture, along one direction.
struct Axis {
    /// First sample of the picture.
    start: i32,
    /// First of the two, and how much of the second (0 to 256).
    pairs: Vec<(u32, u16)>,
}

impl Axis {
    #[expect(clippy::too_many_arguments, reason = "two coordinate systems meet here; a struct would name them twice")]
    fn new(
        origin: i32,
        size: usize,
        count: usize,
        offset: f32,
        scale: f32,
        step: f32,
        phase: f32,
        range: (i32, i32),
    ) -> Self {
        let half = size as f32 / 2.0;
        let middle = origin as f32 + half + offset;
        // Sample k of a plane lies at step * k + phase, in pixels.
        let source = |k: i32| ((step * k as f32 + phase - middle) / scale + half - phase) / step;
        let reach = half * scale;
        let low = range.0.max(((middle - reach - phase) / step).floor() as i32);
        let high = range.1.min(((middle + reach - phase) / step).ceil() as i32 + 1);
        let inside = |k: &i32| (-0.5..=count as f32 - 0.5).contains(&source(*k));
        let Some(start) = (low..high).find(|k| inside(k)) else { return Self { start: 0, pairs: Vec::new() } };
        let last = count as f32 - 1.0;
        let pairs = (start..high).take_while(inside).map(|k| {
            let at = source(k).clamp(0.0, last);
            let first = at.floor().min((last - 1.0).max(0.0));
            (first as u32, ((at - first) * 256.0).round() as u16)
        });
        Self { start, pairs: pairs.collect() }
    }
}

fn moved(mut target: Target<'_>, plane: &Plane, x: &Axis, y: &Axis, opacity: u16) {
    let (Some(first), Some(last)) = (x.pairs.first(), x.pairs.last()) else { return };
    let from = first.0 as usize;
    let to = (last.0 as usize + 2).min(plane.width);
    let mut samples = vec![0_u8; to - from + 1];
    let mut alpha = vec![0_u8; to - from + 1];
    for (i, &(row, fraction)) in y.pairs.iter().enumerate() {
        let above = row as usize * plane.width;
        let below = (row as usize + 1).min(plane.height - 1) * plane.width;
        rows_between(&plane.samples, above + from..above + to, below + from..below + to, fraction, &mut samples);
        rows_between(&plane.alpha, above + from..above + to, below + from..below + to, fraction, &mut alpha);
        let out = target.row(y.start + i as i32, x.start, x.start + x.pairs.len() as i32);
        for (d, &(column, fraction)) in out.iter_mut().zip(&x.pairs) {
            let c = column as usize - from;
            let a = between(alpha[c], alpha[c + 1], fraction);
            if a != 0 {
                let s = between(samples[c], samples[c + 1], fraction);
                *d = over(*d, part(s, opacity), part(a, opacity));
            }
        }
    }
}

fn rows_between(
    plane: &[u8],
    above: std::ops::Range<usize>,
    below: std::ops::Range<usize>,
    fraction: u16,
    out: &mut [u8],
) {
    for ((o, &a), &b) in out.iter_mut().zip(&plane[above]).zip(&plane[below]) {
        *o = between(a, b, fraction);
    }
}

fn between(a: u8, b: u8, fraction: u16) -> u8 {
    let keep = 256_u16.wrapping_sub(fraction);
    let sum = u16::from(a).wrapping_mul(keep).wrapping_add(u16::from(b).wrapping_mul(fraction));
    // 255 * 256 + 128 still fits 16 bits.
    (sum.wrapping_add(128) >> 8) as u8
}

fn part(v: u8, opacity: u16) -> u8 {
    (u16::from(v).wrapping_mul(opacity).wrapping_add(128) >> 8) as u8
}

/// Source-over with a premultiplied source.
fn over(under: u8, sample: u8, alpha: u8) -> u8 {
    let x = u16::from(under).wrapping_mul(u16::from(255 - alpha)).wrapping_add(128);
    let kept = (x.wrapping_add(x >> 8) >> 8) as u8;
    kept.saturating_add(sample)
}
