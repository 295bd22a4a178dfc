//! A plate under a text that no shade makes readable.

use spotloom_composition::motion::{Animation, Ease, Effect, Motion};

use super::{CONTRAST, contrast, worst};
use crate::colour::Rgb;
use crate::look::layer::Layer;
use crate::look::raster;
use crate::look::svg::TextMark;

/// A plate under a text, no more opaque than it has to be.
pub(super) fn plate(
    text: &TextMark,
    cells: &[Rgb],
    grounds: &[Rgb],
    group: &[Layer],
    size: (usize, usize),
) -> Option<Layer> {
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
    let start = group.iter().map(|l| l.drawn.motion.start).fold(f64::INFINITY, f64::min);
    let end = group.iter().map(|l| l.drawn.motion.end).fold(0.0, f64::max);
    let fade = |seconds: f64| Some(Animation { effect: Effect::Fade, seconds, ease: Ease::InOut });
    let motion = Motion { start, end, enter: fade(0.3), leave: fade(0.2), idle: None, distance: 0.0 };
    tracing::debug!(text = text.name, %colour, alpha, "a plate under a text");
    raster::plain(&format!("{}-plate", group.first()?.group), &svg, motion, size)
}
