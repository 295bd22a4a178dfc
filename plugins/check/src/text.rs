//! Texts: clear of what the platform covers, and legible against what is really behind them.
//!
//! Contrast is that of WCAG 2.2 (relative luminances of sRGB), between the text's colour and the pixels around its
//! letters in the finished picture. A line is cut into squares of its own height, and the worst square counts: what can
//! be read on the left and not on the right can't be read.

use spotloom_media::Frame;

use crate::check::{Check, Name};
use crate::layout::{Layout, Text};
use crate::params::Params;
use crate::preset::SafeZone;

/// How far over the edge of a safe zone a line may stand, as a fraction: rounding, and the swing of a round letter.
const OVER: f64 = 0.004;
/// Of the pixels of a square so many are letters or their soft edges; the next ones are background.
const LETTERS: f64 = 0.8;
/// From this size on, as a fraction of the short side, type is large (WCAG: 24 px of about 1080) or 19 px bold.
const LARGE: f64 = 32.0 / 1080.0;
const LARGE_BOLD: f64 = 25.0 / 1080.0;
/// Type below this can't be read on a telephone.
const SMALLEST: f64 = 0.015;

/// The instants at which a text is looked at.
pub(crate) fn instants(text: &Text) -> Vec<f64> {
    let length = (text.until - text.from).max(0.0);
    [0.08, 0.5, 0.92].iter().map(|share| text.from + length * share).collect()
}

/// Whether texts keep clear of the platform's own.
pub(crate) fn safe_zone(layout: &Layout, zone: SafeZone) -> Option<Check> {
    if layout.texts.is_empty() {
        return None;
    }
    let inside = [zone.left, zone.top, 1.0 - zone.right, 1.0 - zone.bottom];
    let percent = |v: f64| format!("{:.0} %", v * 100.0);
    let limit = format!(
        "top {}, right {}, bottom {}, left {} kept clear",
        percent(zone.top),
        percent(zone.right),
        percent(zone.bottom),
        percent(zone.left)
    );
    let mut worst: Option<(f64, &Text, &str)> = None;
    for text in &layout.texts {
        for line in &text.lines {
            for (side, over) in [
                ("left", inside[0] - line[0]),
                ("top", inside[1] - line[1]),
                ("right", line[2] - inside[2]),
                ("bottom", line[3] - inside[3]),
            ] {
                if over > worst.map_or(f64::MIN, |w| w.0) {
                    worst = Some((over, text, side));
                }
            }
        }
    }
    let (over, text, side) = worst?;
    let measured = if over > 0.0 { format!("{:.1} % outside", over * 100.0) } else { "all inside".into() };
    let check = if over > OVER {
        let sentence = format!(
            "{} reaches {:.1} % of the picture over the {side} edge of the safe zone.",
            called(text),
            over * 100.0
        );
        Check::fail(Name::SafeZone, sentence).at(text.from, text.until)
    } else {
        Check::pass(Name::SafeZone, "All texts are inside the platform's safe zone.")
    };
    Some(check.figures(measured, limit))
}

/// The least contrast that was seen.
pub(crate) struct Legibility {
    worst: Option<(f64, f64, usize, f64)>,
}

impl Legibility {
    pub(crate) fn new() -> Self {
        Self { worst: None }
    }

    /// Looks at the texts that are there at `at`.
    pub(crate) fn see(&mut self, at: f64, frame: &Frame, layout: &Layout, params: &Params) {
        for (i, text) in layout.texts.iter().enumerate() {
            let there = instants(text).iter().any(|t| (t - at).abs() < 0.08)
                && at >= text.from - 0.01
                && at <= text.until + 0.01;
            let Some(ink) = text.colour.as_deref().and_then(colour).filter(|_| there) else { continue };
            let needed = needed(text, params);
            for line in &text.lines {
                let Some(contrast) = line_contrast(frame, *line, ink, text.opacity) else { continue };
                if self.worst.is_none_or(|(share, ..)| contrast / needed < share) {
                    self.worst = Some((contrast / needed, contrast, i, at));
                }
            }
        }
    }

    pub(crate) fn finish(self, layout: &Layout, params: &Params) -> Option<Check> {
        let small = layout.texts.iter().filter(|t| t.size > 0.0).min_by(|a, b| a.size.total_cmp(&b.size));
        let (share, contrast, i, at) = self.worst?;
        let text = &layout.texts[i];
        let needed = needed(text, params);
        let check = if share < 1.0 {
            let sentence = format!(
                "{} has a contrast of {contrast:.1}:1 against what is behind it at {at:.1} s; {needed}:1 is needed to read it.",
                called(text)
            );
            Check::fail(Name::Legible, sentence).at(at, at)
        } else if let Some(small) = small.filter(|t| t.size < SMALLEST) {
            let sentence = format!(
                "{} is set in {:.1} % of the picture's short side: too small for a telephone.",
                called(small),
                small.size * 100.0
            );
            Check::warn(Name::Legible, sentence).at(small.from, small.until)
        } else {
            Check::pass(Name::Legible, "All texts stand out from what is behind them.")
        };
        Some(check.figures(format!("{contrast:.1}:1 at least"), format!("{needed}:1")))
    }
}

/// 3:1 for large type where 4.5:1 is asked for.
fn needed(text: &Text, params: &Params) -> f64 {
    let large = text.size >= LARGE || text.size >= LARGE_BOLD && text.weight >= 700;
    if large { params.min_contrast * 3.0 / 4.5 } else { params.min_contrast }
}

/// The contrast in the worst square of a line.
fn line_contrast(frame: &Frame, line: [f64; 4], ink: [f64; 3], opacity: f64) -> Option<f64> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let place = |share: f64, side: usize| ((share * side as f64).round().max(0.0) as usize).min(side);
    let (left, right) = (place(line[0], width), place(line[2], width));
    let (top, bottom) = (place(line[1], height), place(line[3], height));
    let side = bottom.checked_sub(top).filter(|s| *s >= 4)?;
    let pixels = frame.plane(0);
    let squares = ((right.saturating_sub(left)) / side).max(1);
    let mut worst: Option<f64> = None;
    for square in 0..squares {
        let from = left + (right - left) * square / squares;
        let until = left + (right - left) * (square + 1) / squares;
        let mut contrasts = Vec::new();
        for y in top..bottom {
            for x in from..until {
                let i = 3 * (y * width + x);
                let ground = [0, 1, 2].map(|c| f64::from(pixels[i + c]) / 255.0);
                // Letters that let light through are mixed with what is behind them.
                let ink: [f64; 3] = std::array::from_fn(|c| ink[c] * opacity + ground[c] * (1.0 - opacity));
                contrasts.push(contrast(ink, ground));
            }
        }
        if contrasts.is_empty() {
            continue;
        }
        contrasts.sort_by(f64::total_cmp);
        let at = contrasts[((contrasts.len() - 1) as f64 * LETTERS) as usize];
        worst = Some(worst.map_or(at, |w| w.min(at)));
    }
    worst
}

/// WCAG's contrast of two sRGB colours.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let linear = |v: f64| if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
    let luminance = |c: [f64; 3]| 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// `#RRGGBB` to 0 to 1.
fn colour(text: &str) -> Option<[f64; 3]> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii())?;
    let part = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).ok().map(|v| f64::from(v) / 255.0);
    Some([part(0)?, part(2)?, part(4)?])
}

/// `The headline “Taste the sun”`.
fn called(text: &Text) -> String {
    let (name, words) = (&text.name, text.text.split_whitespace().collect::<Vec<_>>().join(" "));
    if words.is_empty() {
        return format!("The {name}");
    }
    format!("The {name} \u{201c}{}\u{201d}", short(&words))
}

/// The first words of a text.
fn short(text: &str) -> String {
    let mut out: String = text.chars().take(40).collect();
    if out.len() < text.len() {
        out.push('\u{2026}');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG asks less of large type, and bold type is large from a smaller size on.
    #[test]
    fn large_type_needs_less_contrast() {
        let params: Params = serde_json::from_str("{}").unwrap();
        let check = |size: f64, weight: u16, expected: f64| {
            let text = Text { size: size / 1080.0, weight, ..Text::default() };
            assert!((needed(&text, &params) - expected).abs() < 1e-9, "{size} in {weight}");
        };
        check(24.0, 800, 4.5);
        check(26.0, 800, 3.0);
        check(26.0, 700, 3.0);
        check(26.0, 600, 4.5);
        check(31.0, 400, 4.5);
        check(33.0, 400, 3.0);
    }

    #[test]
    fn a_text_is_called_by_its_first_words() {
        let check = |words: &str, expected: &str| {
            let text = Text { name: "headline".into(), text: words.into(), ..Text::default() };
            assert_eq!(called(&text), expected);
        };
        check("Taste the sun", "The headline “Taste the sun”");
        check("Taste\nthe  sun", "The headline “Taste the sun”");
        check(" ", "The headline");
        check(&"orange ".repeat(9), "The headline “orange orange orange orange orange orang…”");
    }

    #[test]
    fn contrasts() {
        let check = |a: &str, b: &str, expected: f64| {
            let found = contrast(colour(a).unwrap(), colour(b).unwrap());
            assert!((found - expected).abs() < 0.01, "{a} on {b}: {found}");
        };
        check("#000000", "#FFFFFF", 21.0);
        check("#777777", "#FFFFFF", 4.48);
        check("#FF0000", "#FFFFFF", 4.0);
        check("#123456", "#123456", 1.0);
        assert_eq!(colour("red"), None);
        assert_eq!(colour("#12345"), None);
        assert_eq!(colour("#€€"), None);
    }
}
