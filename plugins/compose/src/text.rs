//! Text to outlines: chooses fonts, shapes, wraps, shrinks to fit, and says so when it can't.
//!
//! Invariant: what is returned fits its box and has a glyph for every character. Units are those of the look, in which
//! the short side of the picture is 1080.

use std::fmt::Write as _;

use cosmic_text::fontdb::{Database, Query, Stretch, Style};
use cosmic_text::{
    Attrs, Buffer, CacheKeyFlags, Command, Family, FontSystem, LayoutRun, Metrics, Shaping, SwashCache, Weight, Wrap,
};

use crate::error::Error;
use crate::fonts::FALLBACK_FAMILIES;

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

/// One line; outlines start at its left end, on its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub width: f32,
    /// SVG path data of each word, in reading order.
    pub words: Vec<String>,
}

/// Fonts and the shaping engine.
pub struct Typesetter {
    fonts: FontSystem,
    outlines: SwashCache,
}

/// A run of characters in one face.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    text: String,
    family: String,
    weight: Weight,
    joining: bool,
}

impl Typesetter {
    #[must_use]
    pub fn new(db: Database, locale: &str) -> Self {
        Self { fonts: FontSystem::new_with_locale_and_db(locale.into(), db), outlines: SwashCache::new() }
    }

    /// Sets a text at the largest size, of those from `size` down to `min_size`, at which it fits.
    ///
    /// # Errors
    /// A font family or a glyph that is not there, or a text that does not fit at its smallest size.
    pub fn set(&mut self, spec: &TextSpec) -> Result<TextBlock, Error> {
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
        let cap = self.cap_height(&spec.family, spec.weight)? * size;
        // Marks above and below letters need more room than Latin's.
        let line_height = size * spec.leading * if joining { 1.18 } else { 1.0 };
        let buffer = self.shape(spec, spans, size, spec.width);
        let (count, widest) = extent(&buffer);
        let descent = size * if joining { 0.38 } else { 0.22 };
        let tallest = if joining { size } else { cap };
        let height = tallest + line_height * (count.max(1) - 1) as f32 + descent;
        if count > spec.max_lines || widest > spec.width || height > spec.height {
            return Ok(None);
        }
        let buffer = if count > 1 { self.balance(spec, spans, size, count, buffer) } else { buffer };
        let mut ink = Ink::default();
        let lines: Vec<Line> =
            buffer.layout_runs().map(|run| self.line(spec, &run, &mut ink)).collect::<Result<_, _>>()?;
        let width = lines.iter().fold(0.0_f32, |w, l| w.max(l.width));
        let ascent = if joining { ink.top.clamp(0.6 * size, size) } else { cap };
        let middle = if joining { (ink.top - ink.bottom) / 2.0 } else { cap / 2.0 };
        let height = height - tallest + ascent;
        Ok(Some(TextBlock { size, width, height, ascent, descent, middle, line_height, lines }))
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
        let attrs = |span: &Span| -> (String, Weight, f32) {
            (span.family.clone(), span.weight, if span.joining { 0.0 } else { spec.tracking })
        };
        let looks: Vec<_> = spans.iter().map(attrs).collect();
        let pieces = spans.iter().zip(&looks).map(|(span, (family, weight, tracking))| {
            let attrs = Attrs::new()
                .family(Family::Name(family))
                .weight(*weight)
                .letter_spacing(*tracking)
                .cache_key_flags(CacheKeyFlags::DISABLE_HINTING);
            (span.text.as_str(), attrs)
        });
        buffer.set_rich_text(pieces, &Attrs::new(), Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        buffer
    }

    /// Splits the text into runs for which a face is known to have every glyph.
    fn spans(&mut self, spec: &TextSpec) -> Result<Vec<Span>, Error> {
        self.cap_height(&spec.family, spec.weight)?;
        let mut families = vec![spec.family.clone()];
        families.extend(FALLBACK_FAMILIES.iter().map(|f| (*f).to_owned()));
        families.extend(self.fonts.db().faces().flat_map(|f| f.families.iter().map(|(name, _)| name.clone())));
        let mut spans: Vec<Span> = Vec::new();
        // A paragraph's direction is that of its first letter; a mark makes a Latin name at the start read right.
        let text = if spec.rtl { format!("\u{200F}{}", spec.text) } else { spec.text.clone() };
        for c in text.chars() {
            let neutral = !c.is_alphanumeric();
            let last = spans.last().map(|s| (s.family.clone(), s.joining));
            let stays = last.filter(|(family, joining)| {
                // Punctuation of a right-to-left word stays in its run, where the engine orders it, and borrows a glyph.
                is_ignorable(c) || (neutral && (*joining || self.has(family, spec.weight, c)))
            });
            if stays.is_some() && !is_ignorable(c) && !families.iter().any(|f| self.has(f, spec.weight, c)) {
                return Err(missing(spec, c));
            }
            let family = match stays {
                Some((family, _)) => family,
                None if is_ignorable(c) || c.is_whitespace() => spec.family.clone(),
                None => {
                    let found = families.iter().find(|f| self.has(f, spec.weight, c));
                    found.cloned().ok_or_else(|| missing(spec, c))?
                }
            };
            let joining = is_joining(c);
            match spans.last_mut() {
                Some(span) if span.family == family => {
                    span.text.push(c);
                    span.joining |= joining;
                }
                _ => {
                    let weight = self.face_weight(&family, spec.weight);
                    spans.push(Span { text: c.into(), family, weight, joining });
                }
            }
        }
        Ok(spans)
    }

    fn query(&self, family: &str, weight: u16) -> Option<cosmic_text::fontdb::ID> {
        let families = [Family::Name(family)];
        self.fonts.db().query(&Query {
            families: &families,
            weight: Weight(weight),
            stretch: Stretch::Normal,
            style: Style::Normal,
        })
    }

    /// The weight the nearest face really has: the engine takes exact weights only.
    fn face_weight(&self, family: &str, weight: u16) -> Weight {
        let face = self.query(family, weight).and_then(|id| self.fonts.db().face(id));
        face.map_or(Weight(weight), |f| f.weight)
    }

    fn has(&mut self, family: &str, weight: u16, c: char) -> bool {
        let Some(id) = self.query(family, weight) else { return false };
        let font = self.fonts.get_font(id, Weight(weight));
        font.is_some_and(|f| f.as_swash().charmap().map(c) != 0)
    }

    /// Height of the capitals, in sizes.
    fn cap_height(&mut self, family: &str, weight: u16) -> Result<f32, Error> {
        let id = self.query(family, weight).ok_or_else(|| self.missing_font(family))?;
        let font = self.fonts.get_font(id, Weight(weight)).ok_or_else(|| self.missing_font(family))?;
        let metrics = font.as_swash().metrics(&[]);
        let cap = metrics.cap_height / f32::from(metrics.units_per_em.max(1));
        Ok(if (0.3..1.2).contains(&cap) { cap } else { 0.7 })
    }

    fn missing_font(&self, family: &str) -> Error {
        let mut known: Vec<String> =
            self.fonts.db().faces().filter_map(|f| f.families.first().map(|(name, _)| name.clone())).collect();
        known.sort();
        known.dedup();
        Error::MissingFont { family: family.into(), known: known.join(", ") }
    }

    fn line(&mut self, spec: &TextSpec, run: &LayoutRun<'_>, ink: &mut Ink) -> Result<Line, Error> {
        let is_space = |g: &&cosmic_text::LayoutGlyph| run.text[g.start..g.end].chars().all(char::is_whitespace);
        let visible = || run.glyphs.iter().filter(|g| !is_space(g));
        let left = visible().map(|g| g.x).fold(f32::INFINITY, f32::min);
        let right = visible().map(|g| g.x + g.w).fold(f32::NEG_INFINITY, f32::max);
        if left > right {
            return Ok(Line { width: 0.0, words: Vec::new() });
        }
        let starts = word_starts(run.text);
        let mut words: Vec<(usize, String)> = Vec::new();
        for glyph in visible() {
            let first = run.text[glyph.start..glyph.end].chars().find(|c| !is_ignorable(*c));
            if let (0, Some(c)) = (glyph.glyph_id, first) {
                return Err(missing(spec, c));
            }
            let word = starts.partition_point(|&s| s <= glyph.start);
            let key = glyph.physical((0.0, 0.0), 1.0).cache_key;
            let Some(commands) = self.outlines.get_outline_commands(&mut self.fonts, key) else { continue };
            let x = glyph.x + glyph.font_size * glyph.x_offset - left;
            let y = glyph.y - glyph.font_size * glyph.y_offset;
            let at = match words.iter().position(|(w, _)| *w == word) {
                Some(at) => at,
                None => {
                    words.push((word, String::new()));
                    words.len() - 1
                }
            };
            outline(commands, x, y, &mut words[at].1, ink);
        }
        words.sort_by_key(|(word, _)| *word);
        let words = words.into_iter().map(|(_, d)| d).filter(|d| !d.is_empty()).collect();
        Ok(Line { width: right - left, words })
    }
}

fn missing(spec: &TextSpec, character: char) -> Error {
    Error::MissingGlyph { name: spec.name.clone(), character, font: spec.family.clone() }
}

/// How far outlines reach above and below the baseline.
#[derive(Default)]
struct Ink {
    top: f32,
    bottom: f32,
}

fn extent(buffer: &Buffer) -> (usize, f32) {
    buffer.layout_runs().fold((0, 0.0_f32), |(count, widest), run| {
        let is_space = |g: &&cosmic_text::LayoutGlyph| run.text[g.start..g.end].chars().all(char::is_whitespace);
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
        if c.is_whitespace() {
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

/// Characters that no font needs to have a glyph for.
fn is_ignorable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Scripts whose letters touch: space between letters would tear words apart.
fn is_joining(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{0DFF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fonts;

    fn spec(text: &str) -> TextSpec {
        TextSpec {
            name: "headline".into(),
            text: text.into(),
            family: "Sora".into(),
            weight: 800,
            size: 100.0,
            min_size: 40.0,
            width: 600.0,
            height: 400.0,
            max_lines: 3,
            leading: 1.1,
            tracking: 0.0,
            rtl: false,
        }
    }

    fn typesetter() -> Typesetter {
        Typesetter::new(fonts::load(Path::new("/nonexistent")).unwrap(), "en")
    }

    #[test]
    fn texts_wrap_shrink_and_then_fail() {
        let mut setter = typesetter();
        let mut check = |text: &str, lines: usize, full_size: bool| {
            let block = setter.set(&spec(text)).unwrap();
            assert_eq!(block.lines.len(), lines, "{text}");
            assert_eq!(block.size == 100.0, full_size, "{text}: {}", block.size);
            assert!(block.width <= 600.0 && block.height <= 400.0, "{text}");
        };
        check("Hello", 1, true);
        check("Taste the sun", 2, true);
        check("Sonnenblumen", 1, false);
        check("One two three four five six seven eight", 3, false);
        let failed = setter.set(&spec(&"Sonnenblumen".repeat(4))).unwrap_err();
        assert_eq!(failed.code(), "text-does-not-fit");
    }

    #[test]
    fn every_script_that_ships_has_its_glyphs() {
        let mut setter = typesetter();
        for text in [
            "Größe, ß & œuvre!",
            "Żółć – ığüşöç",
            "Вкус солнца",
            "Γεύση",
            "ذُق الشمس! (100%)",
            "טעם השמש.",
            "सूरज का स्वाद",
        ] {
            let block = setter.set(&TextSpec { width: 5000.0, ..spec(text) }).unwrap();
            assert_eq!(block.lines[0].words.len(), text.split(' ').count(), "{text}");
        }
        let failed = setter.set(&spec("太陽")).unwrap_err();
        assert!(failed.to_string().contains("'太' (U+592A)"), "{failed}");
    }

    /// Left edge of a word's outlines.
    fn left(d: &str) -> f32 {
        let numbers = d.split(|c: char| c.is_ascii_alphabetic()).filter_map(|p| p.split(' ').next()?.parse().ok());
        numbers.fold(f32::INFINITY, f32::min)
    }

    #[test]
    fn arabic_runs_from_right_to_left_with_its_punctuation() {
        let mut setter = typesetter();
        let block = setter.set(&TextSpec { rtl: true, width: 5000.0, ..spec("برتقال حقيقي. ولا شيء آخر.") }).unwrap();
        let words: Vec<f32> = block.lines[0].words.iter().map(|d| left(d)).collect();
        assert!(words.windows(2).all(|w| w[0] > w[1]), "{words:?}");
        // A full stop is at the left end of its word: the word reaches further left than without it.
        let mut width = |text: &str| {
            let block = setter.set(&TextSpec { rtl: true, width: 5000.0, ..spec(text) }).unwrap();
            (block.lines[0].width, left(&block.lines[0].words[0]))
        };
        let ((with, dot), (without, letter)) = (width("حقيقي."), width("حقيقي"));
        assert!(with > without && dot < letter + 12.0, "{with} {without} {dot} {letter}");
    }
}
