//! Which face sets which characters: the wanted family, then the brand's fall-backs, those that come with Spotloom, the
//! brand's other fonts, and last of all the two named families of the machine.

use cosmic_text::fontdb::{ID, Query, Stretch, Style};
use cosmic_text::{Family, Weight};

use super::script::{is_ignorable, is_joining, is_square, with_breaks};
use super::{TextSpec, Typesetter};
use crate::error::Error;
use crate::fonts::{self, EMOJI, FALLBACK_FAMILIES};

/// A run of characters in one face.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub text: String,
    pub family: String,
    pub weight: Weight,
    /// Letters that touch or carry marks.
    pub joining: bool,
    /// Ideographs and emoji.
    pub square: bool,
}

impl Typesetter {
    /// Splits the text into runs for which a face is known to have every glyph.
    pub(super) fn spans(&mut self, spec: &TextSpec) -> Result<Vec<Span>, Error> {
        self.cap_height(&spec.family, spec.weight)?;
        let mut families = self.chain(spec);
        let mut spans: Vec<Span> = Vec::new();
        // A paragraph's direction is that of its first letter; a mark makes a Latin name at the start read right.
        let text = with_breaks(&spec.text);
        let text = if spec.rtl { format!("\u{200F}{text}") } else { text };
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let neutral = !c.is_alphanumeric();
            // The selector asks for the picture where there is a letter-like sign of the same number too.
            let picture = characters.peek() == Some(&'\u{FE0F}') && self.machine(c) && self.has(EMOJI, spec.weight, c);
            let last = spans.last().map(|s| (s.family.clone(), s.joining));
            let stays = last.filter(|(family, joining)| {
                // Punctuation of a right-to-left word stays in its run, where the engine orders it, and borrows a glyph.
                is_ignorable(c)
                    || (neutral && !picture && ((*joining && !is_square(c)) || self.has(family, spec.weight, c)))
            });
            if !is_ignorable(c) && !c.is_whitespace() && !families.iter().any(|f| self.has(f, spec.weight, c)) {
                if !self.machine(c) {
                    return Err(missing(spec, c));
                }
                families = self.chain(spec);
                if !families.iter().any(|f| self.has(f, spec.weight, c)) {
                    return Err(missing(spec, c));
                }
            }
            let family = match stays {
                _ if picture => EMOJI.to_owned(),
                Some((family, _)) => family,
                None if is_ignorable(c) || c.is_whitespace() => spec.family.clone(),
                None => {
                    let found = families.iter().find(|f| self.has(f, spec.weight, c));
                    found.cloned().ok_or_else(|| missing(spec, c))?
                }
            };
            let (joining, square) = (is_joining(c), is_square(c));
            match spans.last_mut() {
                Some(span) if span.family == family => {
                    span.text.push(c);
                    span.joining |= joining;
                    span.square |= square;
                }
                _ => {
                    let weight = self.face_weight(&family, spec.weight);
                    spans.push(Span { text: c.into(), family, weight, joining, square });
                }
            }
        }
        Ok(spans)
    }

    /// Families in the order in which they are tried.
    fn chain(&self, spec: &TextSpec) -> Vec<String> {
        let mut families = vec![spec.family.clone()];
        families.extend(self.fallback.iter().cloned());
        families.extend(FALLBACK_FAMILIES.iter().map(|f| (*f).to_owned()));
        let machine: Vec<&str> = self.machine_fonts.iter().map(|f| f.family(self.fonts.locale())).collect();
        let others = self.fonts.db().faces().filter_map(|f| f.families.first().map(|(name, _)| name.clone()));
        families.extend(others.filter(|name| !fonts::is_machine(name)));
        families.extend(machine.into_iter().map(str::to_owned));
        families
    }

    /// Makes the machine's font for a character known; false when there is none for it, or it is not installed.
    fn machine(&mut self, c: char) -> bool {
        let Some(font) = fonts::machine_font(c) else { return false };
        if self.machine_fonts.iter().any(|f| f.package == font.package) {
            return true;
        }
        let found = font.load(self.fonts.db_mut());
        if found {
            self.machine_fonts.push(font);
        }
        found
    }

    fn query(&self, family: &str, weight: u16) -> Option<ID> {
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
    pub(super) fn cap_height(&mut self, family: &str, weight: u16) -> Result<f32, Error> {
        let id = self.query(family, weight).ok_or_else(|| self.missing_font(family))?;
        let font = self.fonts.get_font(id, Weight(weight)).ok_or_else(|| self.missing_font(family))?;
        let metrics = font.as_swash().metrics(&[]);
        let cap = metrics.cap_height / f32::from(metrics.units_per_em.max(1));
        Ok(if (0.3..1.2).contains(&cap) { cap } else { 0.7 })
    }

    /// Families that are there, without those of the machine.
    #[must_use]
    pub fn families(&self) -> Vec<String> {
        let names = self.fonts.db().faces().filter_map(|f| f.families.first().map(|(name, _)| name.clone()));
        let mut known: Vec<String> = names.filter(|n| !fonts::is_machine(n)).collect();
        known.sort();
        known.dedup();
        known
    }

    pub(super) fn missing_font(&self, family: &str) -> Error {
        Error::MissingFont { family: family.into(), known: self.families().join(", ") }
    }
}

pub(super) fn missing(spec: &TextSpec, character: char) -> Error {
    Error::MissingGlyph {
        name: spec.name.clone(),
        character,
        font: spec.family.clone(),
        package: fonts::machine_font(character).map(|f| f.package),
    }
}
