//! Burnt-in captions: a layer that every look gets, above everything else of it.
//!
//! Each cue is a plate with up to three lines on it, in the middle at the bottom of the safe zone; the look itself keeps
//! clear of that band. Invariant: letters on a plate have a contrast of at least 7:1 whatever is under it, white footage
//! included.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::brand::Brand;
use crate::colour::Rgb;
use crate::error::Error;
use crate::look::template::{Area, SharedTypesetter, View, family, lock};
use crate::text::TextSpec;

/// The largest file of cues, in bytes.
const LARGEST: u64 = 4 << 20;
const LINES: usize = 3;
/// From baseline to baseline, in sizes.
const LEADING: f32 = 1.22;
/// Around the letters, in sizes.
const PAD: (f64, f64) = (0.5, 0.34);
/// Between the band and what the look shows, in units.
const GAP: f64 = 28.0;
const CONTRAST: f64 = 7.0;

/// The cues of one language, as the stage `captions` writes them.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Cues {
    pub cues: Vec<Cue>,
}

/// What is read from `start` to `end`, in seconds of the ad.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Cue {
    pub start: f64,
    pub end: f64,
    pub text: String,
}

impl Cues {
    /// # Errors
    /// The file can't be read or is not one of cues.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |message: String| Error::Look { look: "captions".into(), message };
        let size = path.metadata().map_err(|e| wrong(format!("the cues can't be read: {e}")))?.len();
        if size > LARGEST {
            return Err(wrong(format!("the cues have {size} bytes; at most {LARGEST}")));
        }
        let bytes = std::fs::read(path).map_err(|e| wrong(format!("the cues can't be read: {e}")))?;
        serde_json::from_slice(&bytes).map_err(|e| wrong(format!("the cues are not what `captions` writes: {e}")))
    }

    /// Takes the band of the captions out of the room the look has. Gives the band.
    pub fn reserve(&self, view: &mut View) -> Option<Area> {
        if self.cues.is_empty() {
            return None;
        }
        let safe = view.safe;
        let height = f64::from(LEADING) * LINES as f64 * size(view) + 2.0 * PAD.1 * size(view);
        let band = Area { top: safe.bottom - height, height, ..safe };
        view.safe.bottom = band.top - GAP;
        view.safe.height = view.safe.bottom - safe.top;
        Some(band)
    }

    /// The cues as a look of their own, filled in.
    ///
    /// # Errors
    /// A glyph that no font has, or a cue too long to be read at once.
    pub fn svg(&self, view: &View, band: Area, brand: &Brand, setter: &SharedTypesetter) -> Result<String, Error> {
        let size = size(view);
        let (plate, letters, opacity) = plate(brand);
        let (width, height) = (view.width, view.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">"
        );
        for (i, cue) in self.cues.iter().enumerate() {
            let number = i + 1;
            let name = format!("caption {number}");
            let spec = TextSpec {
                name: name.clone(),
                text: cue.text.split_whitespace().collect::<Vec<_>>().join(" "),
                family: family("text", &brand.fonts).into(),
                weight: 600,
                size: size as f32,
                min_size: size as f32 * 0.7,
                width: (band.width - 2.0 * PAD.0 * size) as f32,
                height: (band.height - 2.0 * PAD.1 * size) as f32 + 1.0,
                max_lines: LINES,
                leading: LEADING,
                tracking: 0.0,
                rtl: view.rtl,
            };
            let block = lock(setter).set(&spec)?;
            let (w, h) = (f64::from(block.width) + 2.0 * PAD.0 * size, f64::from(block.height) + 2.0 * PAD.1 * size);
            let (x, y) = (band.left + (band.width - w) / 2.0, band.bottom - h);
            let text = spec.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            // Writing to a String can't fail.
            let _ = write!(
                svg,
                "<g id=\"caption-{number}\" data-scene=\"all\" data-start=\"{:.3}\" data-end=\"{:.3}\" data-in=\"fade 0.12\" data-out=\"fade 0.1\">\
                 <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{:.1}\" fill=\"{plate}\" fill-opacity=\"{opacity:.2}\"/>\
                 <text data-name=\"{name}\" data-box=\"{:.1} {:.1} {:.1} {:.1}\" data-align=\"middle\" data-lines=\"{LINES}\" \
                 data-leading=\"{LEADING}\" font-weight=\"600\" font-size=\"{:.2}\" data-min-size=\"{:.2}\" fill=\"{letters}\">{text}</text></g>",
                cue.start,
                cue.end.min(view.seconds),
                size * 0.28,
                band.left + PAD.0 * size,
                y + PAD.1 * size,
                f64::from(spec.width),
                f64::from(spec.height),
                block.size,
                block.size * 0.98,
            );
        }
        svg.push_str("</svg>");
        Ok(svg)
    }
}

/// The size of the letters, in units: larger where the picture is looked at on a phone.
fn size(view: &View) -> f64 {
    match view.shape {
        "wide" => 46.0,
        "square" => 44.0,
        _ => 50.0,
    }
}

/// Colour of the plate, of the letters, and how opaque the plate has to be.
fn plate(brand: &Brand) -> (Rgb, Rgb, f64) {
    let (ink, paper) = (brand.colours.ink, brand.colours.paper);
    let (dark, light) = if ink.luminance() <= paper.luminance() { (ink, paper) } else { (paper, ink) };
    // Brands of two middling colours would not do.
    let (dark, light) =
        if dark.contrast(light) >= CONTRAST + 2.0 { (dark, light) } else { (Rgb([16, 16, 16]), Rgb([255, 255, 255])) };
    let white = Rgb([255, 255, 255]);
    let enough = (70..=100).find(|o| white.mix(dark, f64::from(*o) / 100.0).contrast(light) >= CONTRAST);
    (dark, light, f64::from(enough.unwrap_or(100)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_readable_over_white_footage() {
        let text = "{name: B, colours: {primary: '#F28C0F', secondary: '#F28C0F', accent: '#F28C0F', ink: '#777777', paper: '#999999'}, logo: {light: a.svg, dark: a.svg}}";
        for colours in [("#777777", "#999999"), ("#1B1036", "#FFF8EC"), ("#FFFFFF", "#000000")] {
            let text = text.replace("#777777", colours.0).replace("#999999", colours.1);
            let brand: Brand = serde_saphyr::from_str(&text).unwrap();
            let (plate, letters, opacity) = plate(&brand);
            let over_white = Rgb([255, 255, 255]).mix(plate, opacity);
            assert!(over_white.contrast(letters) >= CONTRAST, "{colours:?}");
        }
    }
}
