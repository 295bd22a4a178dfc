//! The brand sheet: what a brand kit says, drawn on one page, with everything that is wrong with it.
//!
//! `spotloom validate` asks for it with the parameter `brand-sheet`. A kit with mistakes still gets its sheet: people see
//! on it what they wrote.

mod page;

use std::path::Path;

use serde_json::{Value, json};
use spotloom_plugin_sdk::api::Failure;
use spotloom_plugin_sdk::api::locale::reads_right_to_left;
use spotloom_plugin_sdk::io_failure;

use crate::brand::{Brand, confined};
use crate::colour::Rgb;
use crate::error::Error;
use crate::fonts;
use crate::legible::CONTRAST;
use crate::look::pictures::Pictures;
use crate::text::{TextSpec, Typesetter};

/// Draws the sheet of the kit in `folder` to `png`, and gives its mistakes as `{code, message, hint}`.
///
/// # Errors
/// `brand.yaml` can't be read, or the PNG can't be written.
pub fn draw(folder: &Path, png: &Path) -> Result<Vec<Value>, Failure> {
    let brand = Brand::read(folder)?;
    let mut mistakes: Vec<Error> = Vec::new();
    let mut pictures = Pictures::default();
    for (key, file) in brand.logo.files() {
        let added = confined(folder, file).and_then(|path| pictures.add(&format!("brand:{key}"), &path));
        mistakes.extend(added.err());
    }
    let (db, wrong) = fonts::collect_all(&folder.join("fonts"));
    mistakes.extend(wrong);
    let mut setter = Typesetter::new(db, "en");
    let known = setter.families();
    let families = [&brand.fonts.display, &brand.fonts.text].into_iter().chain(&brand.fonts.fallback);
    for family in families.clone().filter(|f| !known.contains(f)) {
        mistakes.push(Error::MissingFont { family: family.clone(), known: known.join(", ") });
    }
    let there = |family: &String, usual: &str| if known.contains(family) { family.clone() } else { usual.into() };
    let faces = (there(&brand.fonts.display, "Sora"), there(&brand.fonts.text, "Manrope"));
    let fallback: Vec<String> = brand.fonts.fallback.iter().filter(|f| known.contains(f)).cloned().collect();
    setter = setter.with_fallback(&fallback)?;
    mistakes.extend(contrasts(&brand));
    mistakes.extend(texts(&brand, &faces.1, &mut setter));
    let svg = page::svg(&brand, &pictures, &mut setter, &faces);
    for (key, data) in setter.emoji() {
        pictures.add_png(key, data.clone());
    }
    let data = page::png(&svg, &pictures)
        .ok_or_else(|| Failure::new("sheet-failed", "the brand sheet could not be drawn: a defect of ours"))?;
    std::fs::write(png, data).map_err(|e| io_failure("write", png, &e))?;
    Ok(mistakes.iter().map(told).collect())
}

fn told(error: &Error) -> Value {
    let failure = Failure::from(error);
    json!({"code": failure.code, "message": failure.message, "hint": failure.hint})
}

/// Grounds that neither the brand's ink nor its paper can be read on.
fn contrasts(brand: &Brand) -> Vec<Error> {
    let c = &brand.colours;
    let grounds = [
        ("text on paper", c.paper),
        ("text on primary", c.primary),
        ("text on secondary", c.secondary),
        ("text on accent", c.accent),
    ];
    let wrong = grounds.into_iter().filter_map(|(name, ground)| {
        let colour = better(brand, ground);
        let contrast = colour.contrast(ground);
        (contrast < CONTRAST).then(|| Error::Contrast { name: name.into(), colour, contrast })
    });
    wrong.collect()
}

/// Ink or paper, whichever reads better.
fn better(brand: &Brand, ground: Rgb) -> Rgb {
    let (ink, paper) = (brand.colours.ink, brand.colours.paper);
    if ground.contrast(ink) >= ground.contrast(paper) { ink } else { paper }
}

/// Texts of the kit that no font can set.
fn texts(brand: &Brand, family: &str, setter: &mut Typesetter) -> Vec<Error> {
    let legal = brand.legal.iter().map(|(locale, text)| (format!("legal.{locale}"), text, reads_right_to_left(locale)));
    let all = std::iter::once(("name".to_owned(), &brand.name, false)).chain(legal);
    all.filter_map(|(name, text, rtl)| setter.set(&spec(&name, text, family, 20.0, 10_000.0, rtl)).err()).collect()
}

pub(super) fn spec(name: &str, text: &str, family: &str, size: f32, width: f32, rtl: bool) -> TextSpec {
    TextSpec {
        name: name.into(),
        text: text.into(),
        family: family.into(),
        weight: 500,
        size,
        min_size: size * 0.4,
        width,
        height: 10_000.0,
        max_lines: 99,
        leading: 1.35,
        tracking: 0.0,
        rtl,
    }
}
