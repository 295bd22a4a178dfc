//! How heavy a face is: the width of an upright stroke, so that letters borrowed from another font look as bold as those
//! beside them. The figure in a font's file does not say that: one family's 800 is another's 700.

use cosmic_text::fontdb::ID;
use cosmic_text::{CacheKey, CacheKeyFlags, Command, Weight};

use super::Typesetter;

/// Letters with one upright stroke, or two of the same width, at the middle of their height; a script is judged by its own.
const SAMPLES: [(std::ops::RangeInclusive<char>, char); 8] = [
    ('\u{0000}'..='\u{024F}', 'l'),
    ('\u{0370}'..='\u{03FF}', 'ι'),
    ('\u{0400}'..='\u{052F}', 'п'),
    ('\u{0590}'..='\u{05FF}', 'ו'),
    ('\u{0600}'..='\u{06FF}', 'ا'),
    ('\u{0900}'..='\u{097F}', 'ा'),
    ('\u{0E00}'..='\u{0E7F}', 'เ'),
    ('\u{4E00}'..='\u{9FFF}', '丨'),
];
/// The size at which outlines are measured.
const SIZE: f32 = 1000.0;
/// Pieces a curve is measured in.
const PIECES: usize = 8;

impl Typesetter {
    /// The width of a stem of a face, in sizes, judged by the script of `like`; `None` where there is no letter for it.
    pub(super) fn stem(&mut self, id: ID, weight: Weight, like: char) -> Option<f32> {
        let sample = SAMPLES.iter().find(|(range, _)| range.contains(&like)).map(|(_, sample)| *sample)?;
        if let Some(known) = self.stems.get(&(id, sample)) {
            return *known;
        }
        let glyph = self.fonts.get_font(id, weight).map(|f| f.as_swash().charmap().map(sample)).filter(|g| *g != 0);
        let stem = glyph.and_then(|glyph| {
            let (key, ..) = CacheKey::new(id, glyph, SIZE, (0.0, 0.0), weight, CacheKeyFlags::DISABLE_HINTING);
            let outline = self.outlines.get_outline_commands_uncached(&mut self.fonts, key)?;
            widest_at_the_middle(&lines(&outline)).map(|width| width / SIZE)
        });
        self.stems.insert((id, sample), stem);
        stem
    }
}

type Point = (f32, f32);

/// An outline as straight lines.
fn lines(outline: &[Command]) -> Vec<(Point, Point)> {
    let mut all = Vec::new();
    let (mut start, mut at) = ((0.0, 0.0), (0.0, 0.0));
    let mut curve = |at: Point, point: &dyn Fn(f32) -> Point| {
        let mut from = at;
        for i in 1..=PIECES {
            let to = point(i as f32 / PIECES as f32);
            all.push((from, to));
            from = to;
        }
    };
    let mix = |a: Point, b: Point, t: f32| (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t);
    for command in outline {
        let from = at;
        match command {
            Command::MoveTo(p) => (start, at) = ((p.x, p.y), (p.x, p.y)),
            Command::LineTo(p) => {
                at = (p.x, p.y);
                curve(from, &|t| mix(from, (p.x, p.y), t));
            }
            Command::QuadTo(c, p) => {
                let (c, p) = ((c.x, c.y), (p.x, p.y));
                at = p;
                curve(from, &|t| mix(mix(from, c, t), mix(c, p, t), t));
            }
            Command::CurveTo(c, d, p) => {
                let (c, d, p) = ((c.x, c.y), (d.x, d.y), (p.x, p.y));
                at = p;
                curve(from, &|t| {
                    let (ab, bc, cd) = (mix(from, c, t), mix(c, d, t), mix(d, p, t));
                    mix(mix(ab, bc, t), mix(bc, cd, t), t)
                });
            }
            Command::Close => {
                curve(from, &|t| mix(from, start, t));
                at = start;
            }
        }
    }
    all
}

/// The widest stretch of ink on the line through the middle of a letter's height.
fn widest_at_the_middle(lines: &[(Point, Point)]) -> Option<f32> {
    let heights = || lines.iter().map(|l| l.0.1);
    let (low, high) = (heights().fold(f32::INFINITY, f32::min), heights().fold(f32::NEG_INFINITY, f32::max));
    let y = f32::midpoint(low, high);
    let mut crossings: Vec<(f32, i32)> = lines
        .iter()
        .filter_map(|(a, b)| {
            let direction = if a.1 <= y && b.1 > y {
                1
            } else if b.1 <= y && a.1 > y {
                -1
            } else {
                return None;
            };
            Some((a.0 + (b.0 - a.0) * (y - a.1) / (b.1 - a.1), direction))
        })
        .collect();
    crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut winding, mut from, mut widest) = (0, 0.0, 0.0_f32);
    for (x, direction) in crossings {
        if winding == 0 {
            from = x;
        }
        winding += direction;
        if winding == 0 {
            widest = widest.max(x - from);
        }
    }
    (widest > 0.0).then_some(widest)
}
