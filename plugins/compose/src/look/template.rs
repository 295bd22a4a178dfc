//! Fills in the expressions of a look: sizes, colours, texts, times in; SVG out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;

use crate::brand::Brand;
use crate::colour::Rgb;
use crate::error::Error;
use crate::text::script::in_capitals;
use crate::text::{TextSpec, Typesetter};

/// The short side of every picture in units of the look.
pub const SHORT_SIDE: f64 = 1080.0;

/// What a look sees. README.md of templates/overlays describes it to designers.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub width: f64,
    pub height: f64,
    /// `wide`, `square`, `portrait` (4:5) or `tall` (9:16).
    pub shape: &'static str,
    pub locale: String,
    pub rtl: bool,
    pub safe: Area,
    pub brand: BrandView,
    pub copy: BTreeMap<String, String>,
    pub scenes: Vec<SceneView>,
    pub end_card: Option<CardView>,
    /// Length of the ad.
    pub seconds: f64,
    pub product: Option<PictureView>,
    pub images: Vec<PictureView>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub width: f64,
    pub height: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct BrandView {
    pub name: String,
    /// What stays free around a logo, as a fraction of its height.
    pub clear_space: f64,
    pub colours: BTreeMap<&'static str, String>,
    pub logo: BTreeMap<&'static str, PictureView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SceneView {
    /// From 1.
    pub number: usize,
    pub seconds: f64,
    pub headline: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CardView {
    pub seconds: f64,
    /// `brand` or `blur`.
    pub background: &'static str,
}

/// A picture to put into `<image href="…">`.
#[derive(Clone, Debug, Serialize)]
pub struct PictureView {
    pub href: String,
    /// Width divided by height.
    pub ratio: f64,
    /// Whether it is cut out of its background.
    pub cut_out: bool,
}

impl View {
    /// As a look is given it, which is drawn as if words were read from left to right: `mx` mirrors where they are not, so the room is
    /// mirrored as well.
    fn before_mirroring(&self) -> Self {
        let mut view = self.clone();
        if self.rtl {
            (view.safe.left, view.safe.right) = (self.width - self.safe.right, self.width - self.safe.left);
        }
        view
    }
}

/// The typesetter, shared between the template's `measure` and the setting of the texts.
pub type SharedTypesetter = Arc<Mutex<Typesetter>>;

/// Fills in a look.
///
/// # Errors
/// A mistake in the look, or a text that can't be set.
pub fn fill(
    look: &str,
    source: &str,
    view: &View,
    brand: &Brand,
    typesetter: &SharedTypesetter,
) -> Result<String, Error> {
    let view = &view.before_mirroring();
    // A function can only report a template error; what really went wrong with a text is kept here.
    let cause: Arc<Mutex<Option<Error>>> = Arc::default();
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_fuel(Some(500_000));
    env.set_recursion_limit(64);
    env.add_function("mix", |a: String, b: String, t: f64| -> Result<String, minijinja::Error> {
        Ok(colour(&a)?.mix(colour(&b)?, t).to_string())
    });
    let (ink, paper) = (brand.colours.ink, brand.colours.paper);
    env.add_function("on", move |ground: String| -> Result<String, minijinja::Error> {
        let ground = colour(&ground)?;
        let best = if ground.contrast(ink) >= ground.contrast(paper) { ink } else { paper };
        Ok(best.to_string())
    });
    let locale = view.locale.clone();
    env.add_filter("upper", move |text: String| in_capitals(&text, &locale));
    let (width, rtl) = (view.width, view.rtl);
    env.add_function("mx", move |x: f64, w: Option<f64>| if rtl { width - x - w.unwrap_or(0.0) } else { x });
    let (setter, fonts, kept) = (Arc::clone(typesetter), brand.fonts.clone(), Arc::clone(&cause));
    env.add_function("measure", move |text: String, args: Kwargs| -> Result<Value, minijinja::Error> {
        let size: f32 = args.get("size")?;
        let get = |name: &str, usual: f32| args.get::<Option<f32>>(name).map(|v| v.unwrap_or(usual));
        let spec = TextSpec {
            name: args.get::<Option<String>>("name")?.unwrap_or_else(|| "text".into()),
            text,
            family: family(&args.get::<Option<String>>("font")?.unwrap_or_else(|| "text".into()), &fonts).into(),
            weight: args.get::<Option<u16>>("weight")?.unwrap_or(400),
            size,
            min_size: get("min_size", size * 0.6)?,
            width: get("width", 10_000.0)?,
            height: get("height", 10_000.0)?,
            max_lines: args.get::<Option<usize>>("lines")?.unwrap_or(99),
            leading: get("leading", 1.15)?,
            tracking: get("tracking", 0.0)?,
            rtl,
        };
        args.assert_all_used()?;
        match lock(&setter).set(&spec) {
            Ok(block) => Ok(Value::from(Serde(Measured {
                size: block.size,
                width: block.width,
                height: block.height,
                ascent: block.ascent,
                lines: block.lines.len(),
            }))),
            Err(e) => {
                let message = e.to_string();
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
            }
        }
    });
    let source = &mended(source);
    env.render_named_str(&format!("{look}.svg"), source, Value::from(Serde(view))).map_err(|e| {
        let kept = cause.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| {
            let place = e.line().map(|l| format!("line {l}: ")).unwrap_or_default();
            if let Some(name) =
                e.line().filter(|_| e.kind() == ErrorKind::UndefinedError).and_then(|l| empty(&env, source, l, view))
            {
                let known = view.copy.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                return Error::Placeholder { look: look.into(), place, name, known };
            }
            let detail = e.detail().map_or_else(|| e.kind().to_string(), str::to_owned);
            Error::Look { look: look.into(), message: format!("{place}{detail}") }
        })
    })
}

/// The expression on a line that nothing was given for.
fn empty(env: &Environment<'_>, source: &str, line: usize, view: &View) -> Option<String> {
    let line = source.lines().nth(line.checked_sub(1)?)?;
    let inside = line.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim_matches('-').trim()));
    let given = Value::from(Serde(view));
    // Names that the look has set itself are not known here.
    let roots = ["brand.", "copy.", "product.", "end_card.", "images", "scenes"];
    let mut given_ones = inside.into_iter().filter(|e| roots.iter().any(|root| e.starts_with(root)));
    given_ones.find_map(|expression| {
        let value = env.compile_expression(expression).and_then(|e| e.eval(given.clone()));
        // Half of a path that is not there is an error of its own.
        value.map_or(true, |v| v.is_undefined()).then(|| expression.to_owned())
    })
}

/// Inkscape breaks a line in the middle of an expression when it is longer than its frame. The tags that are in the way
/// (`<tspan …>` and its end) go behind the expression.
fn mended(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        out.push_str(&rest[..start]);
        let (mut inside, mut tags) = (&rest[start..start + length + 2], String::new());
        while let Some(tag) = inside.find("<tspan").into_iter().chain(inside.find("</tspan")).min() {
            let Some(end) = inside[tag..].find('>') else { break };
            out.push_str(&inside[..tag]);
            tags.push_str(&inside[tag..=tag + end]);
            inside = &inside[tag + end + 1..];
        }
        out.push_str(inside);
        out.push_str(&tags);
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

#[derive(Serialize)]
struct Measured {
    size: f32,
    width: f32,
    height: f32,
    ascent: f32,
    lines: usize,
}

/// The family behind the names `display` and `text`.
#[must_use]
pub fn family<'a>(name: &'a str, fonts: &'a crate::brand::Fonts) -> &'a str {
    match name {
        "display" => &fonts.display,
        "text" => &fonts.text,
        other => other,
    }
}

/// The lock of the shared typesetter. It holds caches only, so a panic elsewhere leaves it usable.
pub fn lock(typesetter: &SharedTypesetter) -> std::sync::MutexGuard<'_, Typesetter> {
    typesetter.lock().unwrap_or_else(PoisonError::into_inner)
}

fn colour(text: &str) -> Result<Rgb, minijinja::Error> {
    text.parse().map_err(|e: String| minijinja::Error::new(ErrorKind::InvalidOperation, e))
}

#[cfg(test)]
mod tests {
    use super::mended;

    #[test]
    fn an_expression_that_was_broken_over_lines_is_whole_again() {
        let check = |source: &str, expected: &str| assert_eq!(mended(source), expected);
        check(
            "<tspan x='1'>{{ copy.headline </tspan><tspan><tspan dx='0'>}}</tspan></tspan>",
            "<tspan x='1'>{{ copy.headline }}</tspan><tspan><tspan dx='0'></tspan></tspan>",
        );
        check("{% if a < b %}{{ a }}{% endif %} {{ b", "{% if a < b %}{{ a }}{% endif %} {{ b");
    }
}
