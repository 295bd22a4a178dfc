//! A shaped line to what is drawn: outlines and colour pictures, word by word.

use std::fmt::Write as _;

use cosmic_text::{Buffer, CacheKey, Command, LayoutGlyph, LayoutRun, SwashContent};
use resvg::tiny_skia::{IntSize, Pixmap};

use super::script::is_ignorable;
use super::spans::missing;
use super::{TextSpec, Typesetter};
use crate::error::Error;

/// One line; what is drawn starts at its left end, on its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub width: f32,
    /// In reading order.
    pub words: Vec<Word>,
    /// How far the line reaches after each letter, from the end where reading starts.
    pub steps: Vec<f32>,
}

/// A word as drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    /// SVG path data.
    pub d: String,
    /// Colour pictures among the letters.
    pub pictures: Vec<Emoji>,
}

/// A colour picture: its key among the pictures, left, top, width, height.
#[derive(Clone, Debug, PartialEq)]
pub struct Emoji {
    pub key: String,
    pub area: [f32; 4],
}

/// How far outlines reach above and below the baseline.
#[derive(Default)]
pub(super) struct Ink {
    pub top: f32,
    pub bottom: f32,
}

/// The size at which Noto Color Emoji's bitmaps are drawn as they are.
const STRIKE: f32 = 109.0;

impl Typesetter {
    pub(super) fn line(&mut self, spec: &TextSpec, run: &LayoutRun<'_>, ink: &mut Ink) -> Result<Line, Error> {
        let is_space =
            |g: &&LayoutGlyph| run.text[g.start..g.end].chars().all(|c| c.is_whitespace() || c == '\u{200B}');
        let visible = || run.glyphs.iter().filter(|g| !is_space(g));
        let left = visible().map(|g| g.x).fold(f32::INFINITY, f32::min);
        let right = visible().map(|g| g.x + g.w).fold(f32::NEG_INFINITY, f32::max);
        if left > right {
            return Ok(Line { width: 0.0, words: Vec::new(), steps: Vec::new() });
        }
        let starts = word_starts(run.text);
        let mut words: Vec<(usize, Word)> = Vec::new();
        let mut steps = Vec::new();
        for glyph in visible() {
            let first = run.text[glyph.start..glyph.end].chars().find(|c| !is_ignorable(*c));
            if let (0, Some(c)) = (glyph.glyph_id, first) {
                return Err(missing(spec, c));
            }
            steps.push(if spec.rtl { right - glyph.x } else { glyph.x + glyph.w - left });
            let number = starts.partition_point(|&s| s <= glyph.start);
            let at = match words.iter().position(|(w, _)| *w == number) {
                Some(at) => at,
                None => {
                    words.push((number, Word::default()));
                    words.len() - 1
                }
            };
            let key = glyph.physical((0.0, 0.0), 1.0).cache_key;
            let x = glyph.x + glyph.font_size * glyph.x_offset - left;
            let y = glyph.y - glyph.font_size * glyph.y_offset;
            match self.outlines.get_outline_commands(&mut self.fonts, key) {
                Some(commands) if !commands.is_empty() => outline(commands, x, y, &mut words[at].1.d, ink),
                _ => {
                    if let Some(picture) = self.picture(glyph, (x, y)) {
                        ink.top = ink.top.max(y - picture.area[1]);
                        ink.bottom = ink.bottom.max(picture.area[1] + picture.area[3] - y);
                        words[at].1.pictures.push(picture);
                    } else if first.is_some_and(super::script::is_emoji) {
                        return Err(missing(spec, first.unwrap_or_default()));
                    }
                }
            }
        }
        words.sort_by_key(|(word, _)| *word);
        let words = words.into_iter().map(|(_, w)| w).filter(|w| !w.d.is_empty() || !w.pictures.is_empty()).collect();
        steps.sort_by(f32::total_cmp);
        steps.dedup_by(|a, b| (*a - *b).abs() < 0.5);
        Ok(Line { width: right - left, words, steps })
    }

    /// A glyph that is a coloured bitmap.
    fn picture(&mut self, glyph: &LayoutGlyph, (x, y): (f32, f32)) -> Option<Emoji> {
        let (font, weight, flags) = (glyph.font_id, glyph.font_weight, glyph.cache_key_flags);
        let (cache_key, ..) = CacheKey::new(font, glyph.glyph_id, STRIKE, (0.0, 0.0), weight, flags);
        let image = self.outlines.get_image_uncached(&mut self.fonts, cache_key)?;
        if image.content != SwashContent::Color {
            return None;
        }
        let (width, height) = (image.placement.width, image.placement.height);
        let scale = glyph.font_size / STRIKE;
        let area = [
            x + image.placement.left as f32 * scale,
            y - image.placement.top as f32 * scale,
            width as f32 * scale,
            height as f32 * scale,
        ];
        let key = format!("emoji:{}", glyph.glyph_id);
        if !self.emoji.contains_key(&key) {
            let mut rgba = image.data;
            for pixel in rgba.chunks_exact_mut(4) {
                let alpha = u16::from(pixel[3]);
                for channel in &mut pixel[..3] {
                    *channel = ((u16::from(*channel) * alpha + 127) / 255) as u8;
                }
            }
            let png = Pixmap::from_vec(rgba, IntSize::from_wh(width, height)?)?.encode_png().ok()?;
            self.emoji.insert(key.clone(), png);
        }
        Some(Emoji { key, area })
    }
}

/// How many lines a setting has, and how wide the widest is.
pub(super) fn extent(buffer: &Buffer) -> (usize, f32) {
    buffer.layout_runs().fold((0, 0.0_f32), |(count, widest), run| {
        let is_space = |g: &&LayoutGlyph| run.text[g.start..g.end].chars().all(char::is_whitespace);
        let left = run.glyphs.iter().filter(|g| !is_space(g)).map(|g| g.x).fold(f32::INFINITY, f32::min);
        let right = run.glyphs.iter().filter(|g| !is_space(g)).map(|g| g.x + g.w).fold(f32::NEG_INFINITY, f32::max);
        (count + 1, widest.max(right - left))
    })
}

/// Byte positions at which words start.
fn word_starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || c == '\u{200B}' {
            in_word = false;
        } else if !in_word {
            in_word = true;
            starts.push(at);
        }
    }
    starts
}

/// Appends a glyph as SVG path data; fonts count upwards, SVG downwards.
fn outline(commands: &[Command], x: f32, y: f32, d: &mut String, ink: &mut Ink) {
    let mut put = |d: &mut String, letter: &str, points: &[(f32, f32)]| {
        d.push_str(letter);
        for (px, py) in points {
            ink.top = ink.top.max(py - y);
            ink.bottom = ink.bottom.max(y - py);
            // Writing to a String can't fail.
            let _ = write!(d, "{:.2} {:.2} ", x + px, y - py);
        }
    };
    for command in commands {
        match command {
            Command::MoveTo(p) => put(d, "M", &[(p.x, p.y)]),
            Command::LineTo(p) => put(d, "L", &[(p.x, p.y)]),
            Command::QuadTo(c, p) => put(d, "Q", &[(c.x, c.y), (p.x, p.y)]),
            Command::CurveTo(a, b, p) => put(d, "C", &[(a.x, a.y), (b.x, b.y), (p.x, p.y)]),
            Command::Close => d.push('Z'),
        }
    }
}
