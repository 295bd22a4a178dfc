//! Which face sets which characters: the wanted family, then the brand's fall-backs, those that come with Spotloom, the
//! brand's other fonts, and last of all the two named families of the machine.

use cosmic_text::fontdb::{FaceInfo, ID, Query, Stretch, Style};
use cosmic_text::{Family, Weight};

use super::script::{is_ignorable, is_joining, is_square, with_breaks, with_short_words_bound};
use super::{TextSpec, Typesetter};
use crate::error::Error;
use crate::fonts::{self, EMOJI, FALLBACK_FAMILIES};

/// A run of characters in one face.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub text: String,
    pub family: String,
    pub weight: Weight,
    /// Its size, of the text's: what makes its capitals as high as those of the wanted family.
    pub scale: f32,
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
        let text = with_short_words_bound(&with_breaks(&spec.text));
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
                    let found = families.iter().find(|f| self.has(f, spec.weight, c)).cloned();
                    self.as_heavy(spec, c, found.ok_or_else(|| missing(spec, c))?)
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
                    let weight = self.weight_beside(spec, &family, c).0;
                    let scale = self.scale_beside(spec, &family, c)?;
                    spans.push(Span { text: c.into(), family, weight, scale, joining, square });
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

    /// The weight in which a family looks as heavy as the wanted face, and by how much of a size its stems differ then.
    /// The engine takes weights that faces really have only.
    fn weight_beside(&mut self, spec: &TextSpec, family: &str, c: char) -> (Weight, f32) {
        let Some(wanted) = self.query(&spec.family, spec.weight) else { return (Weight(spec.weight), 1.0) };
        let own = self.query(family, spec.weight).and_then(|id| self.fonts.db().face(id)).map(|f| f.weight);
        let nearest = (own.unwrap_or(Weight(spec.weight)), 1.0);
        if family == spec.family {
            return nearest;
        }
        let wanted_weight = self.fonts.db().face(wanted).map_or(Weight(spec.weight), |f| f.weight);
        // A wanted face without Latin letters is judged by the script at hand.
        let Some(stem) = self.stem(wanted, wanted_weight, 'l').or_else(|| self.stem(wanted, wanted_weight, c)) else {
            return nearest;
        };
        let upright = |f: &&FaceInfo| f.style == Style::Normal && f.families.iter().any(|(name, _)| name == family);
        let faces: Vec<(ID, Weight)> = self.fonts.db().faces().filter(upright).map(|f| (f.id, f.weight)).collect();
        let mut judged: Vec<(Weight, f32)> = faces
            .into_iter()
            .filter_map(|(id, weight)| Some((weight, unlike(self.stem(id, weight, c)?, stem))))
            .collect();
        judged.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.0.cmp(&b.0.0)));
        judged.first().copied().unwrap_or(nearest)
    }

    /// Of the families that come along, the one that looks most like the wanted face in weight; one of the brand's own
    /// stays.
    fn as_heavy(&mut self, spec: &TextSpec, c: char, found: String) -> String {
        if found == spec.family || self.fallback.contains(&found) || !FALLBACK_FAMILIES.contains(&found.as_str()) {
            return found;
        }
        let have: Vec<&str> = FALLBACK_FAMILIES.into_iter().filter(|f| self.has(f, spec.weight, c)).collect();
        let judged = have.into_iter().map(|f| (f, self.weight_beside(spec, f, c).1));
        judged.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(found, |(f, _)| f.to_owned())
    }

    /// How much smaller or larger another family is set, so that capitals and letters are as high as those beside them.
    fn scale_beside(&mut self, spec: &TextSpec, family: &str, c: char) -> Result<f32, Error> {
        // Scripts without capitals have proportions of their own.
        if family == spec.family || !matches!(c, '\u{0041}'..='\u{052F}' | '\u{1E00}'..='\u{1FFF}') {
            return Ok(1.0);
        }
        let ratio = self.cap_height(&spec.family, spec.weight)? / self.cap_height(family, spec.weight)?;
        Ok(if (0.97..1.03).contains(&ratio) { 1.0 } else { ratio.clamp(0.8, 1.25) })
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

/// The weight of the lightest run that has letters; pictures have none.
pub(super) fn lightest(spans: &[Span]) -> Option<u16> {
    let letters = spans.iter().filter(|s| s.family != EMOJI && s.text.chars().any(char::is_alphanumeric));
    letters.map(|s| s.weight.0).min()
}

/// How much a stem differs from the one that is wanted; too light looks worse than too heavy.
fn unlike(stem: f32, wanted: f32) -> f32 {
    if stem < wanted { (wanted - stem) * 1.4 } else { stem - wanted }
}

pub(super) fn missing(spec: &TextSpec, character: char) -> Error {
    Error::MissingGlyph {
        name: spec.name.clone(),
        character,
        font: spec.family.clone(),
        package: fonts::machine_font(character).map(|f| f.package),
    }
}
