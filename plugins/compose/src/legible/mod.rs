//! Whether texts can be read, measured before the first frame on what will be under them.
//!
//! A shade of the look is made as strong as what is read over it needs, scene by scene, and no stronger. A text that can't
//! be read over the strongest shade, or has none, gets a plate. Where the look's own ground takes the contrast away,
//! nothing helps: that is an error. What a look has twice, light and dark, is shown in the tone that needs less shade. A text
//! that is readable over any footage has no footage read for it.
//!
//! Contrast is WCAG 2's ratio of relative luminances, taken over cells about as large as a letter's stem and counter
//! together, so that grain does not count and a bright cloud behind one word does.

mod check;
mod patch;
mod plate;
mod strength;

use spotloom_media::Frame;
use spotloom_plugin_sdk::api::Failure;

pub use self::check::Key;
use self::check::{Check, checks};
use self::patch::Patch;
use self::plate::plate;
use self::strength::Choice;
use crate::colour::Rgb;
use crate::error::Error;
use crate::look::layer::{Layer, Shade};
use crate::look::svg::TextMark;
use crate::timeline::Timeline;

/// What every text must have.
pub const CONTRAST: f64 = 4.5;
/// What shades give a logo (WCAG 2, 1.4.11: graphics).
const LOGO_CONTRAST: f64 = 3.0;
/// What a shade gives on top: grain and the encoding of the masters take some of it.
const MARGIN: f64 = 0.4;
/// How many times the range of a shade's strength is halved to find the right one.
const HALVINGS: u32 = 6;

/// What was found under a text.
enum Ground {
    Readable,
    /// Too little contrast, and no footage to be seen through: the figure.
    Fixed(f64),
    Footage,
}

/// What was found under the texts of a check in one part of the ad.
struct Found {
    part: usize,
    /// How far the shades under it have to go from their least to all they have, 0 to 1.
    shade: f32,
    /// For each text: whether its shades are enough, and the cells under it without more shade than the least.
    texts: Vec<(bool, Vec<Rgb>)>,
}

/// Looks at every text and logo, sets the shades, and puts plates under texts that need more. `base` gives the footage
/// of a frame, asked for in rising order, and `key` what of it is decoded soonest; `grounds` are the brand's ink and paper, the
/// colours a plate may have.
///
/// # Errors
/// A text that its own ground makes unreadable, or footage that can't be read.
pub fn ensure(
    layers: &mut Vec<Layer>,
    timeline: &Timeline,
    (width, height): (usize, usize),
    grounds: [Rgb; 2],
    key: &mut Key<'_>,
    mut base: impl FnMut(u64) -> Result<Frame, Failure>,
) -> Result<(), Failure> {
    let mut open: Vec<(Check, Vec<Found>)> = Vec::new();
    for check in checks(layers, timeline, height, grounds, key) {
        let judged = check.texts.iter().map(|text| (text, over_anything(layers, timeline, &check, text, width)));
        let mut footage = false;
        for (text, ground) in judged {
            match ground {
                Ground::Fixed(contrast) if !check.is_logo => {
                    let TextMark { name, colour, .. } = text;
                    return Err(Error::Contrast { name: name.clone(), colour: *colour, contrast }.into());
                }
                Ground::Footage => footage = true,
                Ground::Fixed(_) | Ground::Readable => {}
            }
        }
        if footage && !(check.is_logo && check.shades.is_empty() && check.tone.is_none()) {
            open.push((check, Vec::new()));
        }
    }
    let mut frames: Vec<u64> = open.iter().flat_map(|(c, _)| c.frames.iter().map(|f| f.1)).collect();
    frames.sort_unstable();
    frames.dedup();
    for number in frames {
        let frame = base(number)?;
        for (check, found) in &mut open {
            if let Some((part, _)) = check.frames.iter().find(|f| f.1 == number) {
                found.push(look(layers, check, *part, timeline.time(number), &frame, width));
            }
        }
    }
    let choice = Choice::new(layers, timeline, &open);
    strength::set(layers, timeline, &open, &choice);
    // From the top down, so that places of layers below stay what they are.
    open.sort_by_key(|(c, _)| std::cmp::Reverse(c.layers.start));
    for (check, found) in open.iter().filter(|(c, _)| !c.is_logo) {
        for (i, text) in check.texts.iter().enumerate() {
            let shown = || found.iter().filter(|f| choice.shows(&check.tone, f.part));
            if shown().any(|f| !f.texts[i].0) {
                let cells: Vec<Rgb> = shown().flat_map(|f| f.texts[i].1.iter().copied()).collect();
                let mut plate = plate(text, &cells, &grounds, &layers[check.layers.clone()], (width, height));
                if let Some(plate) = plate.as_mut().filter(|_| check.tone.is_some()) {
                    let shows = |part| f32::from(u8::from(choice.shows(&check.tone, part)));
                    plate.drawn.shade = Some(Shade { least: 1.0, keys: strength::keys(timeline, shows) });
                }
                layers.splice(check.layers.start..check.layers.start, plate);
            }
        }
    }
    Ok(())
}

/// What a check finds in a frame.
fn look(layers: &[Layer], check: &Check, part: usize, t: f64, frame: &Frame, width: usize) -> Found {
    let cells = |shade: f32| -> Vec<Vec<Rgb>> {
        let mut patch = Patch::new(width, check.rows, [16, 128, 128]);
        patch.copy(frame);
        patch.draw(layers, check, t, shade);
        check.texts.iter().map(|text| patch.cells(text)).collect()
    };
    let enough = |all: &[Vec<Rgb>], margin: f64| -> Vec<bool> {
        let texts = check.texts.iter().zip(all);
        texts.map(|(text, cells)| worst(text, cells.iter().copied()) >= check.need + margin).collect()
    };
    let least = cells(0.0);
    let reached = enough(&least, 0.0);
    if check.shades.is_empty() || reached.iter().all(|r| *r) {
        return Found { part, shade: 0.0, texts: reached.into_iter().zip(least).collect() };
    }
    let most = cells(1.0);
    // A logo takes what there is.
    let reach = if check.is_logo { vec![true; most.len()] } else { enough(&most, 0.0) };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f32::midpoint(low, high);
        let found = enough(&cells(middle), MARGIN);
        if found.iter().zip(&reach).all(|(found, reach)| *found || !reach) { high = middle } else { low = middle }
    }
    let shade = if reach.iter().any(|r| *r) { high } else { 0.0 };
    Found { part, shade, texts: reach.into_iter().zip(least).collect() }
}

/// Judges a text over black and over white footage, with as little shade as there can be: what lies between is between.
fn over_anything(layers: &[Layer], timeline: &Timeline, check: &Check, mark: &TextMark, width: usize) -> Ground {
    let mut worst_fixed = f64::INFINITY;
    let mut readable = true;
    let mut footage = false;
    for (_, number) in &check.frames {
        let cells = [16, 235].map(|luma| {
            let mut patch = Patch::new(width, check.rows, [luma, 128, 128]);
            patch.draw(layers, check, timeline.time(*number), 0.0);
            patch.cells(mark)
        });
        for (black, white) in cells[0].iter().zip(&cells[1]) {
            let seen_through = black.0.iter().zip(white.0).any(|(b, w)| b.abs_diff(w) > 6);
            let (low, high) = (contrast(mark, *black), contrast(mark, *white));
            let letter = mark.colour.luminance();
            let between = letter > black.luminance() && letter < white.luminance();
            if seen_through {
                footage |= between || low.min(high) < check.need;
            } else if low.min(high) < check.need {
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
