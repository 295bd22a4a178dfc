//! Whether texts can be read, measured before the first frame on what will be under them.
//!
//! A text whose own plate or shade keeps it readable over any footage needs nothing. Where the footage takes the contrast
//! away, a plate goes under the text. Where the look's own ground does, nothing helps: that is an error.
//!
//! Contrast is WCAG 2's ratio of relative luminances, taken over cells about as large as a letter's stem and counter
//! together, so that grain does not count and a bright cloud behind one word does.

use spotloom_media::Frame;
use spotloom_plugin_sdk::api::Failure;

use crate::colour::{Rgb, rgb709};
use crate::error::Error;
use crate::look::layer::Layer;
use crate::look::motion::{Animation, Ease, Effect, Motion};
use crate::look::raster;
use crate::look::svg::TextMark;
use crate::picture::blend::{Band, Drawing};
use crate::timeline::Timeline;

/// What every text must have.
pub const CONTRAST: f64 = 4.5;

/// The layers of one group of a look that hold its texts.
struct Check {
    first: usize,
    last: usize,
    texts: Vec<TextMark>,
    /// Frames at which to look: when it is complete, half-way, and just before it goes.
    frames: Vec<u64>,
    /// Rows it takes, even.
    rows: (usize, usize),
}

/// What was found under a text.
enum Ground {
    Readable,
    /// Too little contrast, and no footage to be seen through: the figure.
    Fixed(f64),
    Footage,
}

/// Rows of a frame, to try things on.
struct Patch {
    width: usize,
    top: usize,
    rows: usize,
    planes: [Vec<u8>; 3],
}

/// Looks at every text, and puts plates under those that the footage makes unreadable. `base` gives the footage of a
/// frame, asked for in rising order; `grounds` are the colours a plate may have.
///
/// # Errors
/// A text that its own ground makes unreadable, or footage that can't be read.
pub fn ensure(
    layers: &mut Vec<Layer>,
    timeline: &Timeline,
    (width, height): (usize, usize),
    grounds: &[Rgb],
    mut base: impl FnMut(u64) -> Result<Frame, Failure>,
) -> Result<(), Failure> {
    let mut open: Vec<(Check, Vec<Vec<Rgb>>)> = Vec::new();
    for check in checks(layers, timeline, (width, height)) {
        for text in 0..check.texts.len() {
            match over_anything(layers, timeline, &check, text, width) {
                Ground::Readable => {}
                Ground::Fixed(contrast) => {
                    let TextMark { name, colour, .. } = &check.texts[text];
                    return Err(Error::Contrast { name: name.clone(), colour: *colour, contrast }.into());
                }
                Ground::Footage => {
                    open.push((check, Vec::new()));
                    break;
                }
            }
        }
    }
    let mut frames: Vec<u64> = open.iter().flat_map(|(c, _)| c.frames.iter().copied()).collect();
    frames.sort_unstable();
    frames.dedup();
    for number in frames {
        let frame = base(number)?;
        for (check, cells) in open.iter_mut().filter(|(c, _)| c.frames.contains(&number)) {
            let mut patch = Patch::new(width, check.rows, [16, 128, 128]);
            patch.copy(&frame);
            patch.draw(layers, check, timeline.time(number));
            cells.resize(check.texts.len(), Vec::new());
            for (text, found) in check.texts.iter().zip(cells) {
                found.extend(patch.cells(text));
            }
        }
    }
    // From the top down, so that places of layers below stay what they are.
    open.sort_by_key(|(c, _)| std::cmp::Reverse(c.first));
    for (check, cells) in open {
        for (text, cells) in check.texts.iter().zip(&cells) {
            if worst(text, cells.iter().copied()) < CONTRAST {
                let plate = plate(text, cells, grounds, &layers[check.first..=check.last], (width, height));
                layers.splice(check.first..check.first, plate);
            }
        }
    }
    Ok(())
}

/// Texts by the group they are in, with when and where to look.
fn checks(layers: &[Layer], timeline: &Timeline, (width, height): (usize, usize)) -> Vec<Check> {
    let mut all: Vec<Check> = Vec::new();
    let mut from = 0;
    while from < layers.len() {
        let group = &layers[from].group;
        let count = layers[from..].iter().take_while(|l| l.group == *group).count();
        let of_group = &layers[from..from + count];
        let with_text: Vec<&Layer> = of_group.iter().filter(|l| !l.texts.is_empty()).collect();
        if let Some(last) = with_text.last() {
            let mut texts: Vec<TextMark> = Vec::new();
            for mark in with_text.iter().flat_map(|l| &l.texts) {
                match texts.iter_mut().find(|t| t.name == mark.name && t.colour == mark.colour) {
                    Some(text) => text.boxes.extend(&mark.boxes),
                    None => texts.push(mark.clone()),
                }
            }
            let length = |a: &Option<Animation>| a.map_or(0.0, |a| a.seconds);
            let start = last.motion.start + length(&last.motion.enter);
            let end = (last.motion.end - length(&last.motion.leave)).max(start);
            let number = |t: f64| (timeline.number(t)).min(timeline.frames - 1);
            // Not a frame earlier: until then it is not complete.
            let first = (number(start) + 1).min(number(end - 0.001));
            let mut frames = vec![first, number(f64::midpoint(start, end)).max(first), number(end - 0.05).max(first)];
            frames.dedup();
            let boxes = || texts.iter().flat_map(|t| &t.boxes);
            let top = boxes().fold(f32::INFINITY, |v, b| v.min(b[1])).max(0.0) as usize & !1;
            let bottom = (boxes().fold(0.0_f32, |v, b| v.max(b[3])).ceil() as usize).next_multiple_of(2).min(height);
            if top < bottom && width > 0 {
                let rows = (top, bottom);
                all.push(Check { first: from, last: from + count - 1, texts, frames, rows });
            }
        }
        from += count;
    }
    all
}

/// Judges a text over black and over white footage: what lies between is between.
fn over_anything(layers: &[Layer], timeline: &Timeline, check: &Check, text: usize, width: usize) -> Ground {
    let mark = &check.texts[text];
    let mut worst_fixed = f64::INFINITY;
    let mut readable = true;
    let mut footage = false;
    for number in &check.frames {
        let cells = [16, 235].map(|luma| {
            let mut patch = Patch::new(width, check.rows, [luma, 128, 128]);
            patch.draw(layers, check, timeline.time(*number));
            patch.cells(mark)
        });
        for (black, white) in cells[0].iter().zip(&cells[1]) {
            let seen_through = black.0.iter().zip(white.0).any(|(b, w)| b.abs_diff(w) > 6);
            let (low, high) = (contrast(mark, *black), contrast(mark, *white));
            let letter = mark.colour.luminance();
            let between = letter > black.luminance() && letter < white.luminance();
            if seen_through {
                footage |= between || low.min(high) < CONTRAST;
            } else if low.min(high) < CONTRAST {
                readable = false;
                worst_fixed = worst_fixed.min(low.min(high));
            }
        }
    }
    match (readable, footage) {
        (false, false) => Ground::Fixed(worst_fixed),
        (true, false) => Ground::Readable,
        _ => Ground::Footage,
    }
}

/// The contrast of a text on a colour; see-through letters are mixed with it.
fn contrast(text: &TextMark, ground: Rgb) -> f64 {
    ground.mix(text.colour, text.opacity.into()).contrast(ground)
}

fn worst(text: &TextMark, cells: impl Iterator<Item = Rgb>) -> f64 {
    cells.map(|c| contrast(text, c)).fold(f64::INFINITY, f64::min)
}

/// A plate under a text, no more opaque than it has to be.
fn plate(text: &TextMark, cells: &[Rgb], grounds: &[Rgb], group: &[Layer], size: (usize, usize)) -> Option<Layer> {
    let reach = |c: &Rgb| contrast(text, *c);
    let enough =
        grounds.iter().copied().filter(|c| reach(c) >= CONTRAST * 1.2).max_by(|a, b| reach(a).total_cmp(&reach(b)));
    let colour = enough.unwrap_or(if text.colour.luminance() > 0.18 { Rgb([0; 3]) } else { Rgb([255; 3]) });
    // Less than half looks like a fault of the picture.
    let opaque = |step: u32| f64::from(step) / 20.0;
    let mixed = |alpha: f64| worst(text, cells.iter().map(|c| c.mix(colour, alpha)));
    let alpha = (11..20).map(opaque).find(|a| mixed(*a) >= CONTRAST + 0.1).unwrap_or(1.0);
    let all =
        text.boxes.iter().copied().reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])?;
    let (x, y) = (text.size * 0.36, text.size * 0.30);
    let [left, top, right, bottom] = [all[0] - x, all[1] - y, all[2] + x, all[3] + y * 0.6];
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\"><rect x=\"{left:.1}\" y=\"{top:.1}\" \
         width=\"{:.1}\" height=\"{:.1}\" rx=\"{:.1}\" fill=\"{colour}\" fill-opacity=\"{alpha:.2}\"/></svg>",
        size.0,
        size.1,
        right - left,
        bottom - top,
        text.size * 0.16
    );
    let start = group.iter().map(|l| l.motion.start).fold(f64::INFINITY, f64::min);
    let end = group.iter().map(|l| l.motion.end).fold(0.0, f64::max);
    let fade = |seconds: f64| Some(Animation { effect: Effect::Fade, seconds, ease: Ease::InOut });
    let motion = Motion { start, end, enter: fade(0.3), leave: fade(0.2), idle: None, distance: 0.0 };
    tracing::debug!(text = text.name, %colour, alpha, "a plate under a text");
    raster::plain(&format!("{}-plate", group.first()?.group), &svg, motion, size)
}

impl Patch {
    fn new(width: usize, (top, bottom): (usize, usize), yuv: [u8; 3]) -> Self {
        let rows = bottom - top;
        let sizes = [width * rows, width * rows / 4, width * rows / 4];
        Self { width, top, rows, planes: std::array::from_fn(|i| vec![yuv[i]; sizes[i]]) }
    }

    fn copy(&mut self, frame: &Frame) {
        for (i, plane) in self.planes.iter_mut().enumerate() {
            let (step, length) = (if i == 0 { 1 } else { 2 }, plane.len());
            let start = self.top / step * (self.width / step);
            plane.copy_from_slice(&frame.plane(i)[start..start + length]);
        }
    }

    /// What lies under the texts of a group at an instant.
    fn draw(&mut self, layers: &[Layer], check: &Check, t: f64) {
        let [y, u, v] = &mut self.planes;
        let mut band = Band { width: self.width, top: self.top, rows: self.rows, planes: [y, u, v] };
        for (i, layer) in layers[..=check.last].iter().enumerate() {
            let Some(placement) = layer.placement(t) else { continue };
            let inside = i >= check.first && !layer.texts.is_empty();
            let sprite = match (inside, &layer.ground) {
                (false, _) => &layer.sprite,
                (true, Some(ground)) => ground,
                (true, None) => continue,
            };
            Drawing::new(sprite, placement, (self.width, self.top + self.rows)).draw(&mut band);
        }
    }

    /// Colours of the cells under a text.
    fn cells(&self, text: &TextMark) -> Vec<Rgb> {
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
