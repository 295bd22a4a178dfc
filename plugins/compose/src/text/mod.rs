//! Text to outlines: chooses fonts, shapes, wraps, shrinks to fit, and says so when it can't.
//!
//! Invariant: what is returned fits its box and has a glyph for every character. Units are those of the look, in which
//! the short side of the picture is 1080.

mod line;
pub(crate) mod script;
mod spans;
mod stem;

use std::collections::{BTreeMap, HashMap};

use cosmic_text::fontdb::{Database, ID};
use cosmic_text::{Attrs, Buffer, CacheKeyFlags, Family, FontSystem, Metrics, Shaping, SwashCache, Wrap};

use self::line::{Ink, extent};
use self::spans::Span;
use crate::error::Error;
use crate::fonts::MachineFont;

pub use self::line::{Emoji, Line, Word};

/// How small, of its size, a text gets so that no phrase of it is broken.
const WHOLE_PHRASES: f32 = 0.66;

/// What to set, and how much room there is.
#[derive(Clone, Debug, PartialEq)]
pub struct TextSpec {
    /// What the text is called in messages, such as `headline`.
    pub name: String,
    pub text: String,
    pub family: String,
    /// 100 to 900; the nearest weight the family has is used.
    pub weight: u16,
    /// The size to start from.
    pub size: f32,
    /// The smallest size to shrink to.
    pub min_size: f32,
    pub width: f32,
    pub height: f32,
    pub max_lines: usize,
    /// From baseline to baseline, in sizes.
    pub leading: f32,
    /// Added between letters, in sizes. Scripts whose letters join are left alone.
    pub tracking: f32,
    /// Whether paragraphs read from right to left.
    pub rtl: bool,
}

/// Text that fits its box.
#[derive(Clone, Debug, PartialEq)]
pub struct TextBlock {
    /// The size it was set in.
    pub size: f32,
    /// The weight of the faces that were found: of several, as in words of two scripts, the lightest.
    pub weight: u16,
    /// Width of the widest line.
    pub width: f32,
    /// From the top of the first line's capitals to the bottom of the last line's descenders.
    pub height: f32,
    /// From the top of the block to the first baseline.
    pub ascent: f32,
    /// Below the last baseline.
    pub descent: f32,
    /// How far the eye's middle of a line lies above its baseline.
    pub middle: f32,
    /// From baseline to baseline.
    pub line_height: f32,
    pub lines: Vec<Line>,
}

/// Fonts and the shaping engine.
pub struct Typesetter {
    fonts: FontSystem,
    outlines: SwashCache,
    /// Families to try before those that come with Spotloom.
    fallback: Vec<String>,
    /// Fonts of the machine that a text has asked for.
    machine_fonts: Vec<&'static MachineFont>,
    /// Colour pictures of glyphs met so far, as PNG, by the keys that lines name them with.
    emoji: BTreeMap<String, Vec<u8>>,
    /// Stems measured so far, by face and letter.
    stems: HashMap<(ID, char), Option<f32>>,
}

impl Typesetter {
    #[must_use]
    pub fn new(db: Database, locale: &str) -> Self {
        Self {
            fonts: FontSystem::new_with_locale_and_db(locale.into(), db),
            outlines: SwashCache::new(),
            fallback: Vec::new(),
            machine_fonts: Vec::new(),
            emoji: BTreeMap::new(),
            stems: HashMap::new(),
        }
    }

    /// Adds the brand's own fall-back chain.
    ///
    /// # Errors
    /// A family that is not there.
    pub fn with_fallback(mut self, families: &[String]) -> Result<Self, Error> {
        for family in families {
            self.cap_height(family, 400)?;
        }
        self.fallback = families.to_vec();
        Ok(self)
    }

    /// The colour pictures that texts set so far name.
    #[must_use]
    pub fn emoji(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.emoji
    }

    /// Sets a text at the largest size, of those from `size` down to `min_size`, at which it fits.
    ///
    /// # Errors
    /// A font family or a glyph that is not there, or a text that does not fit at its smallest size.
    pub fn set(&mut self, spec: &TextSpec) -> Result<TextBlock, Error> {
        // Whole phrases are worth smaller letters, but not much smaller ones.
        if let Some(text) = script::in_phrases(&spec.text) {
            let min_size = spec.min_size.max(spec.size * WHOLE_PHRASES);
            match self.fit(&TextSpec { text, min_size, ..spec.clone() }) {
                Err(Error::TextDoesNotFit { .. }) => {}
                other => return other,
            }
        }
        self.fit(spec)
    }

    fn fit(&mut self, spec: &TextSpec) -> Result<TextBlock, Error> {
        let spans = self.spans(spec)?;
        let mut size = spec.size.max(spec.min_size);
        loop {
            if let Some(block) = self.try_size(spec, &spans, size)? {
                return Ok(block);
            }
            if size <= spec.min_size {
                return Err(Error::TextDoesNotFit {
                    name: spec.name.clone(),
                    text: spec.text.clone(),
                    width: spec.width.into(),
                    height: spec.height.into(),
                    min_size: spec.min_size.into(),
                });
            }
            size = (size * 0.96).max(spec.min_size);
        }
    }

    fn try_size(&mut self, spec: &TextSpec, spans: &[Span], size: f32) -> Result<Option<TextBlock>, Error> {
        let joining = spans.iter().any(|s| s.joining);
        let tall = joining || spans.iter().any(|s| s.square);
        let cap = self.cap_height(&spec.family, spec.weight)? * size;
        // Marks above and below letters need more room than Latin's.
        let line_height = size * spec.leading * if tall { 1.18 } else { 1.0 };
        let buffer = self.shape(spec, spans, size, spec.width);
        let (count, widest) = extent(&buffer);
        let descent = size * if joining { 0.38 } else { 0.22 };
        let tallest = if tall { size } else { cap };
        let height = tallest + line_height * (count.max(1) - 1) as f32 + descent;
        if count > spec.max_lines || widest > spec.width || height > spec.height {
            return Ok(None);
        }
        let buffer = if count > 1 { self.balance(spec, spans, size, count, buffer) } else { buffer };
        let mut ink = Ink::default();
        let lines: Vec<Line> =
            buffer.layout_runs().map(|run| self.line(spec, &run, &mut ink)).collect::<Result<_, _>>()?;
        let width = lines.iter().fold(0.0_f32, |w, l| w.max(l.width));
        let ascent = if tall { ink.top.clamp(0.6 * size, size) } else { cap };
        let middle = if tall { (ink.top - ink.bottom) / 2.0 } else { cap / 2.0 };
        let height = height - tallest + ascent;
        let weight = spans::lightest(spans).unwrap_or(spec.weight);
        Ok(Some(TextBlock { size, weight, width, height, ascent, descent, middle, line_height, lines }))
    }

    /// The narrowest setting with as many lines: no last line of one short word.
    fn balance(&mut self, spec: &TextSpec, spans: &[Span], size: f32, count: usize, full: Buffer) -> Buffer {
        let (mut low, mut high, mut best) = (spec.width / count as f32 * 0.8, spec.width, full);
        for _ in 0..7 {
            let width = f32::midpoint(low, high);
            let buffer = self.shape(spec, spans, size, width);
            let (lines, widest) = extent(&buffer);
            if lines == count && widest <= width {
                (high, best) = (width, buffer);
            } else {
                low = width;
            }
        }
        best
    }

    fn shape(&mut self, spec: &TextSpec, spans: &[Span], size: f32, width: f32) -> Buffer {
        let mut buffer = Buffer::new_empty(Metrics::new(size, size * spec.leading));
        buffer.set_size(Some(width), None);
        buffer.set_wrap(Wrap::Word);
        let pieces = spans.iter().map(|span| {
            let attrs = Attrs::new()
                .family(Family::Name(&span.family))
                .weight(span.weight)
                .letter_spacing(if span.joining { 0.0 } else { spec.tracking })
                .metrics(Metrics::new(size * span.scale, size * spec.leading))
                .cache_key_flags(CacheKeyFlags::DISABLE_HINTING);
            (span.text.as_str(), attrs)
        });
        buffer.set_rich_text(pieces, &Attrs::new(), Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        buffer
    }
}

#[cfg(test)]
mod tests;
