//! How strong shades are, and which tone is shown, part by part of the ad.
//!
//! What is there light and dark is shown in the tone that needs less shade. Light is what looks are drawn for: dark has to
//! be better by [`BETTER`]. Parts that dissolve into each other have one tone; one in which nothing was looked at goes like
//! the one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::repeat_n;
use std::ops::Range;

use super::Found;
use super::check::Check;
use crate::look::layer::{Layer, Shade};
use crate::look::tone::Tone;
use crate::timeline::Timeline;

/// By how much of a shade dark has to be better than light.
const BETTER: f32 = 0.2;
/// What a tone costs that can't be read even with all of its shade.
const UNREADABLE: f32 = 2.0;

/// Of each pair, whether it is dark in each part.
pub(super) struct Choice(BTreeMap<String, Vec<bool>>);

impl Choice {
    pub fn new(layers: &[Layer], timeline: &Timeline, open: &[(Check, Vec<Found>)]) -> Self {
        let there: BTreeSet<(&str, bool)> =
            layers.iter().filter_map(|l| l.tone.as_ref()).map(|t| (t.pair.as_str(), t.dark)).collect();
        let pairs = there.iter().map(|(pair, _)| *pair).collect::<BTreeSet<_>>();
        let choose = |pair: &str| -> Vec<bool> {
            let cost = |dark: bool, parts: &Range<usize>| -> Option<f32> {
                let own =
                    open.iter().filter(|(c, _)| c.tone.as_ref().is_some_and(|t| t.pair == pair && t.dark == dark));
                let found = own.flat_map(|(_, found)| found).filter(|f| parts.contains(&f.part));
                found.map(|f| if f.texts.iter().all(|t| t.0) { f.shade } else { UNREADABLE }).reduce(f32::max)
            };
            let dark = |parts: &Range<usize>| match (cost(false, parts), cost(true, parts)) {
                _ if !there.contains(&(pair, true)) => Some(false),
                _ if !there.contains(&(pair, false)) => Some(true),
                (None, None) => None,
                (light, dark) => Some(dark.unwrap_or(0.0) + BETTER < light.unwrap_or(0.0)),
            };
            let judged: Vec<Option<bool>> =
                together(timeline).into_iter().flat_map(|parts| repeat_n(dark(&parts), parts.len())).collect();
            let mut last = judged.iter().flatten().next().copied().unwrap_or(false);
            let follow = |dark: Option<bool>| {
                last = dark.unwrap_or(last);
                last
            };
            judged.into_iter().map(follow).collect()
        };
        Self(pairs.into_iter().map(|pair| (pair.to_owned(), choose(pair))).collect())
    }

    /// Whether a thing of this tone is shown in a part.
    pub fn shows(&self, tone: &Option<Tone>, part: usize) -> bool {
        tone.as_ref().is_none_or(|t| self.0.get(&t.pair).is_none_or(|parts| parts[part] == t.dark))
    }
}

/// Parts that run into each other without a cut: within them the tone stays, since words that change from light to dark while
/// the pictures dissolve can't be read half-way.
fn together(timeline: &Timeline) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for (p, part) in timeline.parts.iter().enumerate() {
        match all.last_mut() {
            Some(parts) if part.transition_seconds > 0.0 => parts.end = p + 1,
            _ => all.push(p..p + 1),
        }
    }
    all
}

/// Gives each shade, in each part, the strength that the most demanding check over it asks for, and hides the tone that is
/// not shown; between parts both change with the pictures.
pub(super) fn set(layers: &mut [Layer], timeline: &Timeline, open: &[(Check, Vec<Found>)], choice: &Choice) {
    for (i, layer) in layers.iter_mut().enumerate() {
        if layer.drawn.shade.is_none() && layer.tone.is_none() {
            continue;
        }
        let over = || open.iter().filter(|(c, _)| c.shades.contains(&i)).flat_map(|(_, found)| found);
        let tone = layer.tone.clone();
        let shade = layer.drawn.shade.get_or_insert(Shade { least: 1.0, keys: Vec::new() });
        shade.keys = keys(timeline, |part| {
            let wanted = over().filter(|f| f.part == part).map(|f| f.shade).fold(0.0, f32::max);
            if choice.shows(&tone, part) { shade.between(wanted) } else { 0.0 }
        });
        tracing::debug!(layer = layer.id, keys = ?shade.keys, "a shade");
    }
}

/// Strengths part by part.
pub(super) fn keys(timeline: &Timeline, strength: impl Fn(usize) -> f32) -> Vec<(f64, f32)> {
    let mut keys = Vec::new();
    for (p, part) in timeline.parts.iter().enumerate() {
        let strength = strength(p);
        let after = timeline.parts.get(p + 1).map_or(0.0, |next| next.transition_seconds / 2.0);
        let (from, to) = (part.start + part.transition_seconds / 2.0, part.end - after);
        // A cut changes it from one frame to the next.
        keys.extend([(from, strength), (to.max(from + 1e-4) - 1e-4, strength)]);
    }
    keys
}
