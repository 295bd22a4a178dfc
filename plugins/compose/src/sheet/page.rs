//! The page itself, as SVG with all texts as outlines.

use std::fmt::Write as _;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use super::{better, spec};
use spotloom_plugin_sdk::api::locale::reads_right_to_left;

use crate::brand::Brand;
use crate::colour::Rgb;
use crate::legible::CONTRAST;
use crate::look::pictures::Pictures;
use crate::text::{TextSpec, Typesetter};

const WIDTH: f32 = 1600.0;
const MARGIN: f32 = 72.0;

/// A page that grows downwards.
struct Page<'a> {
    body: String,
    setter: &'a mut Typesetter,
    display: &'a str,
    text: &'a str,
    ink: Rgb,
    quiet: Rgb,
}

pub(super) fn svg(
    brand: &Brand,
    pictures: &Pictures,
    setter: &mut Typesetter,
    (display, text): &(String, String),
) -> String {
    // The sheet's own greys: a kit whose ink can't be read on its paper must still be shown.
    let (ink, quiet) = (Rgb([0x1C, 0x1F, 0x24]), Rgb([0x66, 0x6C, 0x75]));
    let mut page = Page { body: String::new(), setter, display, text, ink, quiet };
    let mut y = page.head(brand);
    y = page.colours(brand, y + 48.0);
    y = page.logos(brand, pictures, y + 56.0);
    y = page.fonts(brand, y + 56.0);
    y = page.words(brand, y + 56.0);
    let height = y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" viewBox=\"0 0 {WIDTH} \
         {height:.0}\"><rect width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"#FFFFFF\"/>{}</svg>",
        page.body
    )
}

pub(super) fn png(svg: &str, pictures: &Pictures) -> Option<Vec<u8>> {
    let tree = Tree::from_str(svg, &pictures.options()).ok()?;
    let size = tree.size().to_int_size();
    let mut pixmap = Pixmap::new(size.width(), size.height())?;
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    pixmap.encode_png().ok()
}

impl Page<'_> {
    /// Sets a text with its top at `y`; gives how high it is. What no font has is left out: it is reported elsewhere.
    fn set(&mut self, x: f32, y: f32, spec: &TextSpec, fill: Rgb) -> f32 {
        let Ok(block) = self.setter.set(spec) else { return spec.size };
        for (i, line) in block.lines.iter().enumerate() {
            let left = if spec.rtl { x + spec.width - line.width } else { x };
            let baseline = y + block.ascent + block.line_height * i as f32;
            for word in &line.words {
                let _ = write!(
                    self.body,
                    "<path transform=\"translate({left:.1} {baseline:.1})\" fill=\"{fill}\" d=\"{}\"/>",
                    word.d
                );
                for picture in &word.pictures {
                    let [px, py, w, h] = picture.area;
                    let (px, py) = (left + px, baseline + py);
                    let key = &picture.key;
                    let _ = write!(
                        self.body,
                        "<image href=\"{key}\" x=\"{px:.1}\" y=\"{py:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>"
                    );
                }
            }
        }
        block.height
    }

    fn plain(&mut self, x: f32, y: f32, text: &str, size: f32, width: f32, fill: Rgb) -> f32 {
        let spec = spec("sheet", text, self.text, size, width, false);
        self.set(x, y, &spec, fill)
    }

    fn bold(&mut self, x: f32, y: f32, text: &str, size: f32, width: f32, fill: Rgb) -> f32 {
        let spec = TextSpec { weight: 700, ..spec("sheet", text, self.text, size, width, false) };
        self.set(x, y, &spec, fill)
    }

    fn title(&mut self, y: f32, text: &str) -> f32 {
        let _ = write!(
            self.body,
            "<rect x=\"{MARGIN}\" y=\"{y:.1}\" width=\"{}\" height=\"1.5\" fill=\"#D9DCE1\"/>",
            WIDTH - 2.0 * MARGIN
        );
        let (ink, y) = (self.ink, y + 28.0);
        y + self.bold(MARGIN, y, text, 26.0, 800.0, ink) + 22.0
    }

    fn rect(&mut self, [x, y, w, h]: [f32; 4], fill: Rgb, line: bool) {
        let stroke = if line { " stroke=\"#D9DCE1\" stroke-width=\"1.5\"" } else { "" };
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"10\" fill=\"{fill}\"{stroke}/>"
        );
    }

    fn head(&mut self, brand: &Brand) -> f32 {
        let spec =
            TextSpec { weight: 800, tracking: -0.02, ..spec("name", &brand.name, self.display, 84.0, 1000.0, false) };
        let (ink, quiet) = (self.ink, self.quiet);
        let mut y = MARGIN + self.set(MARGIN, MARGIN, &spec, ink) + 10.0;
        if let Some(voice) = &brand.voice {
            y += self.plain(MARGIN, y, voice, 26.0, 1100.0, quiet);
        }
        y
    }

    fn colours(&mut self, brand: &Brand, y: f32) -> f32 {
        let c = &brand.colours;
        let top = self.title(y, "Colours, with the contrast of ink and paper on each");
        let all = [
            ("primary", c.primary),
            ("secondary", c.secondary),
            ("accent", c.accent),
            ("ink", c.ink),
            ("paper", c.paper),
        ];
        let (gap, height) = (20.0, 250.0);
        let width = (WIDTH - 2.0 * MARGIN - 4.0 * gap) / 5.0;
        for (i, (name, colour)) in all.into_iter().enumerate() {
            let x = MARGIN + (width + gap) * i as f32;
            self.rect([x, top, width, height], colour, true);
            let on = better(brand, colour);
            self.bold(x + 22.0, top + 24.0, name, 26.0, width, on);
            self.plain(x + 22.0, top + 58.0, &colour.to_string(), 22.0, width, on);
            for (row, (what, letters)) in [("ink", c.ink), ("paper", c.paper)].into_iter().enumerate() {
                let ratio = letters.contrast(colour);
                let y = top + 140.0 + 46.0 * row as f32;
                let verdict = if ratio >= CONTRAST {
                    "reads"
                } else if ratio >= 3.0 {
                    "large only"
                } else {
                    "no"
                };
                self.plain(x + 22.0, y, &format!("{what} {ratio:.1}:1  {verdict}"), 24.0, width - 30.0, letters);
            }
        }
        top + height
    }

    fn logos(&mut self, brand: &Brand, pictures: &Pictures, y: f32) -> f32 {
        let title = format!("Logo, with its clear space of {:.0} % of its height", brand.logo.clear_space * 100.0);
        let top = self.title(y, &title);
        let c = &brand.colours;
        let shown = [
            ("logo-light", "light on ink", c.ink),
            ("logo-light", "light on secondary", c.secondary),
            ("logo-dark", "dark on paper", c.paper),
            ("logo-dark", "dark on accent", c.accent),
            ("mark", "mark on paper", c.paper),
        ];
        let (gap, height) = (20.0, 200.0);
        let width = (WIDTH - 2.0 * MARGIN - 4.0 * gap) / 5.0;
        let quiet = self.quiet;
        for (i, (key, label, ground)) in shown.into_iter().enumerate() {
            let x = MARGIN + (width + gap) * i as f32;
            let key = format!("brand:{key}");
            let Some(picture) = pictures.get(&key) else { continue };
            self.rect([x, top, width, height], ground, true);
            let ratio = picture.ratio as f32;
            let h = (height * 0.46).min(width * 0.66 / ratio);
            let (w, clear) = (h * ratio, h * brand.logo.clear_space as f32);
            let (lx, ly) = (x + (width - w) / 2.0, top + (height - h) / 2.0);
            let line = better(brand, ground);
            let _ = write!(
                self.body,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"{line}\" \
                 stroke-opacity=\".45\" stroke-width=\"1.5\" stroke-dasharray=\"6 5\"/><image href=\"{key}\" \
                 x=\"{lx:.1}\" y=\"{ly:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>",
                lx - clear,
                ly - clear,
                w + 2.0 * clear,
                h + 2.0 * clear
            );
            self.plain(x, top + height + 12.0, label, 20.0, width, quiet);
        }
        top + height + 40.0
    }

    fn fonts(&mut self, brand: &Brand, y: f32) -> f32 {
        let mut at = self.title(y, "Fonts");
        let (ink, quiet) = (self.ink, self.quiet);
        let (display, text) = (self.display.to_owned(), self.text.to_owned());
        let sample = "Aa Ää Ññ Жж Ωω 0123456789 &!?%€";
        for (use_, wanted, family, weight) in
            [("display", &brand.fonts.display, display, 700), ("text", &brand.fonts.text, text, 500)]
        {
            let missing = if *wanted == family { String::new() } else { format!(" (not there; {family} is shown)") };
            self.plain(MARGIN, at + 8.0, &format!("{use_}: {wanted}{missing}"), 22.0, 420.0, quiet);
            let spec = TextSpec { weight, ..spec("sheet", sample, &family, 44.0, 1000.0, false) };
            at += self.set(MARGIN + 440.0, at, &spec, ink).max(40.0) + 20.0;
        }
        if !brand.fonts.fallback.is_empty() {
            let chain = format!("then, for what these lack: {}", brand.fonts.fallback.join(", "));
            at += self.plain(MARGIN, at, &chain, 22.0, 1300.0, quiet);
        }
        at
    }

    fn words(&mut self, brand: &Brand, y: f32) -> f32 {
        let mut at = self.title(y, "Words");
        let (ink, quiet) = (self.ink, self.quiet);
        for (locale, text) in &brand.legal {
            self.plain(MARGIN, at, &format!("legal, {locale}"), 22.0, 300.0, quiet);
            let spec = spec("legal", text, self.text, 24.0, 1100.0, reads_right_to_left(locale));
            at += self.set(MARGIN + 300.0, at, &spec, ink).max(24.0) + 16.0;
        }
        let never = match brand.forbidden_words.as_slice() {
            [] => "none".to_owned(),
            words => words.join(" · "),
        };
        self.plain(MARGIN, at, "never said", 22.0, 300.0, quiet);
        at + self.plain(MARGIN + 300.0, at, &never, 24.0, 1100.0, ink)
    }
}
