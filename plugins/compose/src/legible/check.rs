//! What is going to be looked at, and when.

use std::ops::Range;

use spotloom_composition::motion::Animation;

use super::{CONTRAST, LOGO_CONTRAST};
use crate::colour::Rgb;
use crate::look::layer::Layer;
use crate::look::svg::TextMark;
use crate::look::tone::Tone;
use crate::timeline::Timeline;

/// The texts of one group of a look, or its logo, with where and when to look.
pub(super) struct Check {
    /// The group's layers.
    pub layers: Range<usize>,
    pub texts: Vec<TextMark>,
    /// The contrast they need.
    pub need: f64,
    /// A logo may be strengthened by a shade, and is otherwise left as the brand has it.
    pub is_logo: bool,
    /// Part of the timeline and frame: when all of it is there, half-way, and just before it goes, in each part.
    pub frames: Vec<(usize, u64)>,
    /// Rows it takes, even.
    pub rows: (usize, usize),
    /// The shades under it.
    pub shades: Vec<usize>,
    /// Set where it is there light and dark.
    pub tone: Option<Tone>,
}

/// About when, nearest to an instant, footage in a part of the timeline shows a picture that decoding can begin with.
pub type Key<'a> = dyn FnMut(usize, f64) -> Option<f64> + 'a;

/// Everything that is read, by the group it is in. `ink` and `paper` are what dark and light logos count as.
pub(super) fn checks(
    layers: &[Layer],
    timeline: &Timeline,
    height: usize,
    [ink, paper]: [Rgb; 2],
    key: &mut Key<'_>,
) -> Vec<Check> {
    let mut all = Vec::new();
    let mut from = 0;
    while from < layers.len() {
        let group = &layers[from].group;
        let range = from..from + layers[from..].iter().take_while(|l| l.group == *group).count();
        from = range.end;
        let with_text = layers[range.clone()].iter().rfind(|l| !l.texts.is_empty());
        if let Some(last) = with_text {
            let mut texts: Vec<TextMark> = Vec::new();
            for mark in layers[range.clone()].iter().flat_map(|l| &l.texts) {
                match texts.iter_mut().find(|t| t.name == mark.name && t.colour == mark.colour) {
                    Some(text) => text.boxes.extend(&mark.boxes),
                    None => texts.push(mark.clone()),
                }
            }
            let frames = frames(timeline, last, key);
            all.extend(check(layers, frames, height, range.clone(), last, texts, false));
        }
        let logos = layers[range.clone()].iter().find(|l| l.pictures.iter().any(|p| p.key.starts_with("brand:logo-")));
        if let Some(layer) = logos {
            let marks = layer.pictures.iter().filter_map(|p| {
                let colour = match p.key.as_str() {
                    "brand:logo-light" => paper,
                    "brand:logo-dark" => ink,
                    _ => return None,
                };
                let size = (p.area[3] - p.area[1]) * 0.5;
                let (name, text) = (p.key.clone(), String::new());
                Some(TextMark { name, text, weight: 400, colour, opacity: 1.0, boxes: vec![p.area], size })
            });
            let frames = frames(timeline, layer, key);
            all.extend(check(layers, frames, height, range, layer, marks.collect(), true));
        }
    }
    all
}

fn check(
    layers: &[Layer],
    frames: Vec<(usize, u64)>,
    height: usize,
    range: Range<usize>,
    last: &Layer,
    texts: Vec<TextMark>,
    is_logo: bool,
) -> Option<Check> {
    let boxes = || texts.iter().flat_map(|t| &t.boxes);
    let top = boxes().fold(f32::INFINITY, |v, b| v.min(b[1])).max(0.0) as usize & !1;
    let bottom = (boxes().fold(0.0_f32, |v, b| v.max(b[3])).ceil() as usize).next_multiple_of(2).min(height);
    if top >= bottom {
        return None;
    }
    let touches =
        |area: [f32; 4]| boxes().any(|b| b[0] < area[2] && b[2] > area[0] && b[1] < area[3] && b[3] > area[1]);
    let tone = layers[range.start].tone.clone();
    let shades = (0..range.end).filter(|i| {
        let (layer, own) = (&layers[*i], &layers[range.start].drawn.motion);
        let together = layer.drawn.motion.start < last.drawn.motion.end && own.start < layer.drawn.motion.end;
        layer.drawn.shade.is_some() && beneath(layer, &tone) && together && touches(layer.drawn.resting)
    });
    let need = if is_logo { LOGO_CONTRAST } else { CONTRAST };
    let shades = shades.collect();
    Some(Check { layers: range, need, is_logo, frames, rows: (top, bottom), shades, texts, tone })
}

/// Whether a layer counts as what something lies on: not what may be there in another tone, or not at all.
pub(super) fn beneath(layer: &Layer, tone: &Option<Tone>) -> bool {
    layer.tone.is_none() || layer.tone == *tone
}

fn frames(timeline: &Timeline, last: &Layer, key: &mut Key<'_>) -> Vec<(usize, u64)> {
    let length = |a: &Option<Animation>| a.map_or(0.0, |a| a.seconds);
    let motion = &last.drawn.motion;
    let start = motion.start + length(&motion.enter);
    let end = motion.end - length(&motion.leave);
    // What is never all there, for want of time, is looked at half-way.
    let half = f64::midpoint(motion.start, motion.end);
    let (start, end) = if start < end { (start, end) } else { (half, half) };
    let mut three = |part: usize, start: f64, end: f64| {
        three(timeline, (start, end), |t| key(part, t)).into_iter().map(move |frame| (part, frame))
    };
    let mut frames = Vec::new();
    for (i, part) in timeline.parts.iter().enumerate() {
        let after = timeline.parts.get(i + 1).map_or(0.0, |next| next.transition_seconds / 2.0);
        let (from, to) = (start.max(part.start + part.transition_seconds / 2.0), end.min(part.end - after));
        if from < to {
            frames.extend(three(i, from, to));
        }
    }
    if frames.is_empty() {
        let part = timeline.parts.iter().rposition(|p| start >= p.start - 1e-9).unwrap_or(0);
        frames.extend(three(part, start, end));
    }
    frames
}

/// The frames when all of something is there, about half-way, and just before it goes.
fn three(timeline: &Timeline, (start, end): (f64, f64), key: impl FnOnce(f64) -> Option<f64>) -> Vec<u64> {
    let number = |t: f64| timeline.number(t).min(timeline.frames - 1);
    // Not a frame earlier: until then it is not complete.
    let first = (number(start) + 1).min(number(end - 0.001));
    let last = number(end - 0.05).max(first);
    // One near the middle says as much as the one there, and where decoding begins with it, nothing is decoded on the way to it.
    let middle = f64::midpoint(start, end);
    let near = key(middle).filter(|t| (f64::midpoint(start, middle)..=f64::midpoint(middle, end)).contains(t));
    // A picture is first seen in the frame that its time rounds to, or in the next.
    let half = near.map_or(middle, |t| t + 0.75 * timeline.time(1));
    let mut frames = vec![first, number(half).clamp(first, last), last];
    frames.dedup();
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_way_is_where_decoding_begins_when_that_is_near() {
        let timeline = Timeline { fps: (30, 1), frames: 360, seconds: 12.0, parts: Vec::new() };
        let check = |span: (f64, f64), key: Option<f64>, expected: &[u64]| {
            assert_eq!(three(&timeline, span, |_| key), expected, "{span:?} {key:?}");
        };
        check((0.5, 11.7), None, &[16, 183, 349]);
        check((0.5, 11.7), Some(146.0 / 30.0), &[16, 146, 349]);
        // Footage of 25 frames a second.
        check((0.5, 11.7), Some(121.0 / 25.0), &[16, 145, 349]);
        // A few later, for pictures in another order.
        check((0.5, 11.7), Some(185.0 / 30.0), &[16, 185, 349]);
        check((0.5, 11.7), Some(250.0 / 30.0), &[16, 250, 349]);
        // Too far from the middle to stand for it.
        check((0.5, 11.7), Some(9.2), &[16, 183, 349]);
        check((0.5, 11.7), Some(3.2), &[16, 183, 349]);
        check((0.5, 11.7), Some(0.0), &[16, 183, 349]);
        // Next to no time.
        check((1.0, 1.1), Some(1.2), &[31]);
        check((1.0, 1.2), Some(1.1), &[31, 33, 34]);
    }
}
