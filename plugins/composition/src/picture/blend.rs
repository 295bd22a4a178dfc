//! Draws sprites over rows of a frame.

use fearless_simd::{Level, Simd, dispatch};

use crate::picture::axis::{Axis, BLOCK, Extent};
use crate::picture::kernel::{self, Ink};
use crate::picture::runs::Run;
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
        self.offset.0.abs() < 0.02 && self.offset.1.abs() < 0.02 && !self.scaled()
    }

    fn scaled(&self) -> bool {
        (self.scale - 1.0).abs() >= 1e-5
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

/// A sprite that is about to be drawn into the bands of a frame.
pub struct Drawing<'a> {
    sprite: &'a Sprite,
    placement: Placement,
    /// Across and down, for luma and for chroma; where it is enlarged or reduced.
    axes: Option<[(Axis, Axis); 2]>,
}

impl<'a> Drawing<'a> {
    /// In a frame of `width` x `height`.
    #[must_use]
    pub fn new(sprite: &'a Sprite, placement: Placement, (width, height): (usize, usize)) -> Self {
        let axes = placement.scaled().then(|| {
            [0, 1].map(|i| {
                let (plane, step) = (&sprite.planes[i], if i == 0 { 1 } else { 2 });
                let window = window(&placement, (width, 0, height), step);
                let (scale, step) = (placement.scale, step as f32);
                let (left, top) = (sprite.left, sprite.top);
                let extent =
                    |origin, size, count, offset, phase| Extent { origin, size, count, step, phase, offset, scale };
                let x = extent(left, sprite.width, plane.width, placement.offset.0, 0.5);
                let down = if i == 0 { 0.5 } else { 1.0 };
                let y = extent(top, sprite.height, plane.height, placement.offset.1, down);
                (Axis::new(&x, window.x), Axis::new(&y, window.y))
            })
        });
        Self { sprite, placement, axes }
    }

    /// The planes that were never drawn so before. What is to be drawn of them is found by the first that needs it, for whom
    /// others who draw them at the same time wait; looking at them before, one here and one there, nobody waits.
    pub fn new_planes(&self) -> impl Iterator<Item = NewPlane<'a>> {
        let rests = self.placement.at_rest();
        let planes = self.sprite.planes.iter().filter(move |plane| plane.is_new(rests));
        planes.map(move |plane| NewPlane { plane, rests })
    }

    /// Draws what of it lies in a band.
    pub fn draw(&self, band: &mut Band<'_>) {
        dispatch!(Level::new(), simd => self.draw_with(simd, band));
    }

    #[inline(always)]
    fn draw_with<S: Simd>(&self, _: S, band: &mut Band<'_>) {
        let placement = &self.placement;
        for (i, plane) in self.sprite.planes.iter().enumerate() {
            let step = if i == 0 { 1 } else { 2 };
            let window = window(placement, (band.width, band.top, band.rows), step);
            let mut target =
                Target { samples: &mut *band.planes[i], width: band.width / step, top: (band.top / step) as i32 };
            let corner = (self.sprite.left / step as i32, self.sprite.top / step as i32);
            if let Some(axes) = &self.axes {
                scaled(&mut target, plane, &axes[i.min(1)], window, placement.opacity);
            } else if placement.at_rest() {
                still(&mut target, plane, corner, window, placement.opacity);
            } else {
                let offset = (placement.offset.0 / step as f32, placement.offset.1 / step as f32);
                shifted(&mut target, plane, corner, offset, window, placement.opacity);
            }
        }
    }
}

/// A plane that was never drawn before, where it rests or where its samples are mixed.
pub struct NewPlane<'a> {
    plane: &'a Plane,
    rests: bool,
}

impl NewPlane<'_> {
    /// Finds what is to be drawn of it.
    pub fn look_at(&self) {
        if self.rests {
            self.plane.still();
        } else {
            self.plane.moving();
        }
    }
}

/// What may be drawn of a plane: the columns of a frame and `rows` of its rows from `top` on, less what is clipped.
fn window(placement: &Placement, (width, top, rows): (usize, usize, usize), step: usize) -> Window {
    let mut window = Window { x: (0, (width / step) as i32), y: ((top / step) as i32, ((top + rows) / step) as i32) };
    if let Some([left, top, right, bottom]) = placement.clip {
        // On even pixels, so that luma and chroma end together.
        let even = |v: f32| (v / 2.0).round() as i32 * 2 / step as i32;
        window.x = (window.x.0.max(even(left)), window.x.1.min(even(right)));
        window.y = (window.y.0.max(even(top)), window.y.1.min(even(bottom)));
    }
    window
}

/// The rows of one plane of a band.
struct Target<'a> {
    samples: &'a mut [u8],
    width: usize,
    /// Row of the frame's plane at which `samples` start.
    top: i32,
}

impl Target<'_> {
    #[inline(always)]
    fn row(&mut self, y: i32, from: i32, to: i32) -> &mut [u8] {
        let start = (y - self.top) as usize * self.width;
        &mut self.samples[start + from as usize..start + to as usize]
    }
}

/// The columns of a run that can be seen when the plane's left edge is at `left`: in the plane, and in the picture.
#[inline(always)]
fn seen(run: &Run, left: i32, window: Window) -> Option<(std::ops::Range<usize>, (i32, i32))> {
    let (x0, x1) = ((left + run.from as i32).max(window.x.0), (left + run.to as i32).min(window.x.1));
    (x0 < x1).then(|| ((x0 - left) as usize..(x1 - left) as usize, (x0, x1)))
}

#[inline(always)]
fn still(target: &mut Target<'_>, plane: &Plane, (left, top): (i32, i32), window: Window, opacity: u16) {
    let from = window.y.0.max(top);
    let to = window.y.1.min(top + plane.height as i32);
    let runs = plane.still();
    for y in from..to {
        let row = (y - top) as usize;
        let ink = plane.row(row);
        for run in runs.row(row) {
            let Some((columns, (x0, x1))) = seen(run, left, window) else { continue };
            let out = target.row(y, x0, x1);
            if run.flat {
                kernel::fill(out, ink.at(columns.start), opacity);
            } else if run.opaque && opacity == 256 {
                out.copy_from_slice(&ink.samples[columns]);
            } else {
                kernel::draw(out, ink.part(columns), opacity);
            }
        }
    }
}

/// A shift as whole samples and a fraction in 256ths.
fn whole(shift: f32) -> (i32, u16) {
    let fraction = ((shift - shift.floor()) * 256.0).round() as u16;
    if fraction < 256 { (shift.floor() as i32, fraction) } else { (shift.floor() as i32 + 1, 0) }
}

/// Draws a plane that is moved but not enlarged: all its samples are mixed in the same way.
#[inline(always)]
fn shifted(
    target: &mut Target<'_>,
    plane: &Plane,
    (left, top): (i32, i32),
    (dx, dy): (f32, f32),
    window: Window,
    opacity: u16,
) {
    let ((ix, fx), (iy, fy)) = (whole(dx), whole(dy));
    let (left, top) = (left + ix, top + iy);
    let from = window.y.0.max(top);
    let to = window.y.1.min(top + plane.height as i32);
    let mut lines = [vec![0_u8; plane.width], vec![0_u8; plane.width]];
    let runs = plane.moving();
    for y in from..to {
        let row = (y - top) as usize;
        let (here, above) = (plane.row(row), plane.row(row.saturating_sub(1)));
        for run in runs.row(row) {
            let Some((columns, (x0, x1))) = seen(run, left, window) else { continue };
            let out = target.row(y, x0, x1);
            let opaque = run.opaque && opacity == 256;
            if run.flat {
                kernel::fill(out, here.mixed_at(columns.start, above, fy), opacity);
                continue;
            }
            if fx == 0 {
                match (opaque, fy) {
                    (true, 0) => out.copy_from_slice(&here.samples[columns]),
                    (true, _) => kernel::mix(out, &here.samples[columns.clone()], &above.samples[columns], fy),
                    (false, 0) => kernel::draw(out, here.part(columns), opacity),
                    (false, _) => {
                        kernel::draw_between(out, here.part(columns.clone()), above.part(columns), fy, opacity);
                    }
                }
                continue;
            }
            // The sample before the first is needed as well; at the edge the first stands for it.
            let before = columns.start.saturating_sub(1);
            let line = |line: &'_ mut Vec<u8>, here: &[u8], above: &[u8]| {
                kernel::mix(
                    &mut line[before..columns.end],
                    &here[before..columns.end],
                    &above[before..columns.end],
                    fy,
                );
            };
            let [samples, alpha] = &mut lines;
            line(samples, here.samples, above.samples);
            if !opaque {
                line(alpha, here.alpha, above.alpha);
            }
            let ink = Ink { samples, alpha };
            let skip = usize::from(before == columns.start);
            if skip > 0 {
                kernel::draw(&mut out[..1], ink.part(before..before + 1), opacity);
            }
            let (out, own, earlier) = (&mut out[skip..], columns.start + skip..columns.end, before..columns.end - 1);
            if opaque {
                kernel::mix(out, &ink.samples[own], &ink.samples[earlier], fx);
            } else {
                kernel::draw_between(out, ink.part(own), ink.part(earlier), fx, opacity);
            }
        }
    }
}

/// Draws a plane that is enlarged or reduced.
#[inline(always)]
fn scaled(target: &mut Target<'_>, plane: &Plane, (x, y): &(Axis, Axis), window: Window, opacity: u16) {
    // Rows of the sprite mixed, and then mixed across; room for whole blocks.
    let line = |samples: usize| [vec![0_u8; samples + BLOCK + 1], vec![0_u8; samples + BLOCK + 1]];
    let (mut lines, mut across) = (line(plane.width), line(x.firsts.len()));
    let rows = y.firsts.iter().zip(&y.fractions).zip(y.start..);
    let runs = plane.moving();
    for ((&row, &fraction), at) in rows.filter(|(_, at)| (window.y.0..window.y.1).contains(at)) {
        let below = (row + 1).min(plane.height - 1);
        let (upper, lower) = (plane.row(row), plane.row(below));
        for run in runs.row(below) {
            // A run's columns are the second ones of their pairs. A plane of one column has but that.
            let to = if run.to == plane.width { run.to } else { run.to - 1 };
            let (from, to) = x.results(run.from.saturating_sub(1), to);
            if from >= to {
                continue;
            }
            let out = target.row(at, x.start + from as i32, x.start + to as i32);
            let (first, end) = (x.firsts[from], (x.firsts[to - 1] + 2).min(plane.width));
            if run.flat {
                kernel::fill(out, upper.mixed_at(first, lower, fraction), opacity);
                continue;
            }
            let opaque = run.opaque && opacity == 256;
            let sources = [(upper.samples, lower.samples), (upper.alpha, lower.alpha)];
            let planes = lines.iter_mut().zip(&mut across).zip(sources).take(if opaque { 1 } else { 2 });
            for ((line, across), (upper, lower)) in planes {
                kernel::mix(&mut line[first..end], &upper[first..end], &lower[first..end], fraction);
                for part in x.segments(from, to) {
                    let column = part.from.wrapping_add_signed(part.shift);
                    let (out, count) = (&mut across[part.from - from..], part.to - part.from);
                    kernel::mix_neighbours(out, &line[column..], &x.fractions[part.from..], count);
                }
            }
            let [samples, alpha] = &across;
            if opaque {
                out.copy_from_slice(&samples[..to - from]);
            } else {
                kernel::draw(out, Ink { samples, alpha }.part(0..to - from), opacity);
            }
        }
    }
}
