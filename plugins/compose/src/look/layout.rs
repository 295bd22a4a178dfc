//! Where the texts of a look stand in the picture, and when: what a check of the finished file has to know.
//!
//! Invariant: boxes are fractions of the picture, times seconds from its start; a text is listed for the time in which
//! all of it is there and at rest, with its words and in the weight that they are drawn in.

use serde_json::{Value, json};

use crate::look::layer::Layer;
use crate::timeline::{PartKind, Timeline};

/// A text, put together from the layers it was divided into.
struct Text<'a> {
    group: &'a str,
    name: &'a str,
    text: &'a str,
    weight: u16,
    from: f64,
    until: f64,
    lines: Vec<[f64; 4]>,
    colour: String,
    opacity: f32,
    size: f64,
}

/// The document of the output `layout`. `source` says where a scene's clip comes from, if that is known.
#[must_use]
pub fn document<'a>(
    timeline: &Timeline,
    size: (u32, u32),
    locale: &str,
    layers: &[Layer],
    source: impl Fn(usize) -> Option<&'a str>,
) -> Value {
    let parts = timeline.parts.iter().map(|p| {
        let (kind, source) = match p.kind {
            PartKind::Scene(number) => ("scene", source(number)),
            PartKind::EndCard => ("end-card", None),
        };
        let (from, until, transition) = (p.start, p.end, p.transition_seconds);
        json!({"kind": kind, "from": from, "until": until, "transition-seconds": transition, "source": source})
    });
    let texts = texts(size, layers).into_iter().map(|t| {
        json!({
            "layer": t.group, "name": t.name, "text": t.text, "from": t.from, "until": t.until.max(t.from), "lines": t.lines,
            "size": t.size, "weight": t.weight, "colour": t.colour, "opacity": t.opacity,
        })
    });
    json!({
        "spotloom-layout": 1,
        "width": size.0, "height": size.1, "seconds": timeline.seconds, "frames": timeline.frames, "locale": locale,
        "parts": parts.collect::<Vec<_>>(), "texts": texts.collect::<Vec<_>>(),
    })
}

fn texts((width, height): (u32, u32), layers: &[Layer]) -> Vec<Text<'_>> {
    let (w, h) = (f64::from(width), f64::from(height));
    let mut texts: Vec<Text<'_>> = Vec::new();
    for layer in layers {
        let motion = &layer.drawn.motion;
        let from = motion.start + motion.enter.as_ref().map_or(0.0, |a| a.seconds);
        let until = motion.end - motion.leave.as_ref().map_or(0.0, |a| a.seconds);
        let shown = shown(layer, from, until);
        for (mark, (from, until)) in layer.texts.iter().flat_map(|m| shown.iter().map(move |s| (m, *s))) {
            let boxes = mark.boxes.iter().map(|b| b.map(f64::from));
            let lines: Vec<[f64; 4]> = boxes.map(|[l, t, r, b]| [l / w, t / h, r / w, b / h]).collect();
            let same = |t: &Text<'_>| {
                let together = layer.tone.is_none() || (t.from < until && from < t.until);
                t.group == layer.group && t.name == mark.name && together
            };
            match texts.iter_mut().find(|t| same(t)) {
                // A text that was divided is all there once its last piece is.
                Some(text) => {
                    // One that counts has come to its number in the newest.
                    if from > text.from {
                        text.text = &mark.text;
                    }
                    (text.from, text.until) = (text.from.max(from), text.until.min(until));
                    let new = lines.into_iter().filter(|l| !text.lines.contains(l)).collect::<Vec<_>>();
                    text.lines.extend(new);
                }
                None => texts.push(Text {
                    group: &layer.group,
                    name: &mark.name,
                    text: &mark.text,
                    weight: mark.weight,
                    from,
                    until,
                    lines,
                    colour: mark.colour.to_string(),
                    opacity: mark.opacity,
                    size: f64::from(mark.size) / w.min(h),
                }),
            }
        }
    }
    texts
}

/// When a layer is shown between two times: a tone that is not is in no part of them.
fn shown(layer: &Layer, from: f64, until: f64) -> Vec<(f64, f64)> {
    let keys = layer.drawn.shade.as_ref().filter(|_| layer.tone.is_some()).map(|s| s.keys.as_slice());
    let Some(keys) = keys else { return vec![(from, until)] };
    // Two keys for each part.
    let parts = keys.chunks_exact(2).filter(|k| k[0].1 > 0.99).map(|k| (k[0].0.max(from), k[1].0.min(until)));
    parts.filter(|(from, until)| from < until).collect()
}
