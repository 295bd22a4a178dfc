//! The brand's clear space: while the logo is seen, no text and no other picture comes nearer to it than its kit allows.
//!
//! Invariant: it is held to what is laid out, in the places where things rest, before anything is drawn. What slides past
//! on its way in or out is left alone, as are shades, plates and grounds.

use std::collections::BTreeMap;

use spotloom_composition::motion::{Animation, Motion};

use crate::error::Error;
use crate::look::svg::{LayerSource, PictureMark};

/// Nearer by less than this, in units of the look, is rounding.
const SLACK: f32 = 0.5;

/// Finds everything that stands in a logo's clear space. `space` is a fraction of the logo's height.
///
/// # Errors
/// All that is too near, each with how far away it is.
pub fn check(look: &str, brand: &str, space: f64, layers: &[LayerSource]) -> Result<(), Error> {
    // What is too near, by what and which layers it is: how far away at the nearest, and how far it should be.
    let mut found: BTreeMap<(String, &str, &str), (f32, f32)> = BTreeMap::new();
    for (i, layer) in layers.iter().enumerate() {
        for logo in layer.pictures.iter().filter(|p| p.is_logo()) {
            let need = (logo.area[3] - logo.area[1]) * space as f32;
            for (j, other) in layers.iter().enumerate().filter(|(_, other)| together(&layer.motion, &other.motion)) {
                for (what, area) in things(other) {
                    // A picture that is the ground of the whole logo is what it stands on.
                    let ground = j < i && contains(area, grown(logo.area, need));
                    let away = apart(logo.area, area).max(0.0);
                    if !ground && away < need - SLACK {
                        let nearest = found.entry((what, name(other), name(layer))).or_insert((away, need));
                        nearest.0 = nearest.0.min(away);
                    }
                }
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let told = found.into_iter().map(|((what, a, b), (away, need))| {
        format!("{what} (layer {a}) is {away:.0} from the logo (layer {b}), {need:.0} stays clear")
    });
    let found = told.collect::<Vec<_>>().join("; ");
    Err(Error::ClearSpace { look: look.into(), brand: brand.into(), space, found })
}

/// What a layer is called: what is there light and dark is told once.
fn name(layer: &LayerSource) -> &str {
    layer.tone.as_ref().map(|t| t.pair.as_str()).filter(|pair| !pair.is_empty()).unwrap_or(&layer.group)
}

/// Texts and pictures of a layer, logos left out, as people call them.
fn things(layer: &LayerSource) -> impl Iterator<Item = (String, [f32; 4])> + '_ {
    let texts = layer.texts.iter().flat_map(|t| t.boxes.iter().map(|b| (format!("the text `{}`", t.name), *b)));
    let pictures = layer.pictures.iter().filter(|p| !p.is_logo());
    texts.chain(pictures.map(|PictureMark { key, area }| (format!("the picture `{key}`"), *area)))
}

/// Whether both rest at some instant.
fn together(a: &Motion, b: &Motion) -> bool {
    let rest = |m: &Motion| {
        let length = |a: &Option<Animation>| a.map_or(0.0, |a| a.seconds);
        let (from, to) = (m.start + length(&m.enter), m.end - length(&m.leave));
        // What never rests, for want of time, counts where it is half-way.
        let half = f64::midpoint(m.start, m.end);
        if from < to { (from, to) } else { (half - 0.01, half + 0.01) }
    };
    let ((a0, a1), (b0, b1)) = (rest(a), rest(b));
    a0.max(b0) < a1.min(b1)
}

/// How far apart two areas are, along the axis on which they are further; less than 0 where they overlap.
fn apart(a: [f32; 4], b: [f32; 4]) -> f32 {
    let x = (b[0] - a[2]).max(a[0] - b[2]);
    let y = (b[1] - a[3]).max(a[1] - b[3]);
    x.max(y)
}

fn grown([left, top, right, bottom]: [f32; 4], by: f32) -> [f32; 4] {
    [left - by, top - by, right + by, bottom + by]
}

fn contains(a: [f32; 4], b: [f32; 4]) -> bool {
    a[0] <= b[0] && a[1] <= b[1] && a[2] >= b[2] && a[3] >= b[3]
}
