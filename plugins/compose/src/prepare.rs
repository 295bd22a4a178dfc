//! From parameters and files to layers: everything that can be checked before the first frame is checked here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use spotloom_plugin_sdk::api::locale::reads_right_to_left;
use spotloom_plugin_sdk::prelude::*;

use crate::brand::{Brand, confined};
use crate::colour::Rgb;
use crate::error::Error;
use crate::fonts;
use crate::look::captions::Cues;
use crate::look::clear;
use crate::look::layer::Layer;
use crate::look::pictures::Pictures;
use crate::look::raster;
use crate::look::svg::{self, LayerSource, Scope};
use crate::look::template::{self, Area, BrandView, CardView, PictureView, SHORT_SIDE, SceneView, View};
use crate::params::{EndCardBackground, Params};
use crate::text::Typesetter;
use crate::timeline::{PartKind, Timeline, lay_out};

/// The room a look leaves at every edge, in its units, where the platform asks for no more.
const MARGIN: f64 = 64.0;
const MAX_LOOK: u64 = 1 << 20;

/// The graphics, ready to be drawn over footage.
pub struct Design {
    pub layers: Vec<Layer>,
    pub ink: Rgb,
    pub paper: Rgb,
    pub rtl: bool,
}

/// Sees whether an ad with these words can be laid out, before there are clips.
///
/// # Errors
/// What [`Error`] lists.
pub fn preflight(params: &Params, run: &Run) -> Result<(), Failure> {
    // What another stage has yet to make can't be judged.
    if run.input("brand").is_none() || run.input("look").is_none() {
        return Ok(());
    }
    let lengths: Vec<f64> = params.scenes.iter().map(|scene| scene.seconds).collect();
    set(params, &lay_out(params, &lengths)?, run).map(drop)
}

/// Reads brand, look and pictures, sets the texts and draws the layers.
///
/// # Errors
/// What [`Error`] lists.
pub fn prepare(params: &Params, timeline: &Timeline, run: &Run) -> Result<Design, Failure> {
    let Layout { look, sources, pictures, brand, rtl } = set(params, timeline, run)?;
    let size = (params.width as usize, params.height as usize);
    let layers = draw_all(&look, sources, &pictures, size, run)?;
    Ok(Design { layers, ink: brand.colours.ink, paper: brand.colours.paper, rtl })
}

/// Everything in its place, nothing drawn yet.
struct Layout {
    look: String,
    sources: Vec<LayerSource>,
    pictures: Pictures,
    brand: Brand,
    rtl: bool,
}

/// Reads brand, look and pictures, and sets the texts.
fn set(params: &Params, timeline: &Timeline, run: &Run) -> Result<Layout, Failure> {
    let folder = &run.require("brand")?.path;
    let mut brand = Brand::read(folder)?;
    if let Some(accent) = &params.accent {
        brand.colours.accent = accent.parse().map_err(|_| Error::Param {
            name: "accent".into(),
            value: accent.clone(),
            expected: "a colour like #F28C0F".into(),
        })?;
    }
    let copy = texts(params, &brand);
    let headlines = params.scenes.iter().filter_map(|s| s.headline.as_deref());
    brand.check_words(copy.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain(headlines.map(|h| ("headline", h))))?;

    let mut pictures = Pictures::default();
    for (key, file) in brand.logo.files() {
        pictures.add(&format!("brand:{key}"), &confined(folder, file)?)?;
    }
    if let Some(product) = run.input("product") {
        pictures.add("product", &product.path)?;
    }
    for (i, image) in run.inputs("images").iter().enumerate() {
        pictures.add(&format!("image:{}", i + 1), &image.path)?;
    }

    let rtl = reads_right_to_left(&params.locale);
    let db = fonts::collect(&folder.join("fonts"))?;
    let typesetter = Typesetter::new(db, &params.locale).with_fallback(&brand.fonts.fallback)?;
    let typesetter = Arc::new(Mutex::new(typesetter));
    let look = run.require("look")?;
    let name = look.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let source = read_look(&name, &look.path)?;
    let mut view = view(params, timeline, &brand, copy, &pictures, rtl);
    let cues = run.input("captions").map(|file| Cues::read(&file.path)).transpose()?.unwrap_or_default();
    let band = cues.reserve(&mut view);
    let filled = template::fill(&name, &source, &view, &brand, &typesetter)?;
    let page = (view.width as f32, view.height as f32);
    let scope =
        Scope { look: &name, timeline, pictures: &pictures, fonts: &brand.fonts, typesetter: &typesetter, rtl, page };
    let mut sources = svg::layers(&filled, &scope)?;
    if let Some(band) = band {
        let captions = Scope { look: "captions", ..scope };
        sources.extend(svg::layers(&cues.svg(&view, band, &brand, &typesetter)?, &captions)?);
    }
    clear::check(&name, &brand.name, brand.logo.clear_space, &sources)?;
    for (key, png) in template::lock(&typesetter).emoji() {
        pictures.add_png(key, png.clone());
    }
    Ok(Layout { look: name, sources, pictures, brand, rtl })
}

/// Draws the layers on all threads, keeping their order.
fn draw_all(
    look: &str,
    sources: Vec<LayerSource>,
    pictures: &Pictures,
    (width, height): (usize, usize),
    run: &Run,
) -> Result<Vec<Layer>, Failure> {
    let total = sources.len() as u64;
    let mut sources: Vec<_> = sources.into_iter().enumerate().collect();
    // A blur takes as long as all the rest: begun last, it is what everybody waits for.
    sources.sort_by_key(|(_, source)| !source.svg.contains(" filter=\""));
    let queue = Mutex::new(sources.into_iter());
    let next = || queue.lock().ok().and_then(|mut q| q.next());
    let done = AtomicU64::new(0);
    let work = || -> Result<Vec<(usize, Option<Layer>)>, Failure> {
        let mut drawn = Vec::new();
        while let Some((i, source)) = next() {
            run.check_cancelled()?;
            drawn.push((i, raster::draw(look, source, pictures, width, height)?));
            run.progress(done.fetch_add(1, Ordering::Relaxed) + 1, total, "drawing layers");
        }
        Ok(drawn)
    };
    let mut drawn = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..run.threads()).map(|_| scope.spawn(work)).collect();
        let mut all = work()?;
        for helper in helpers {
            all.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, Failure>(all)
    })?;
    drawn.sort_by_key(|(i, _)| *i);
    Ok(drawn.into_iter().filter_map(|(_, layer)| layer).collect())
}

fn read_look(name: &str, path: &std::path::Path) -> Result<String, Error> {
    let wrong = |message: String| Error::Look { look: name.into(), message };
    let size = path.metadata().map_err(|e| wrong(format!("can't be read: {e}")))?.len();
    if size > MAX_LOOK {
        return Err(wrong(format!("has {size} bytes; at most {MAX_LOOK}")));
    }
    std::fs::read_to_string(path).map_err(|e| wrong(format!("can't be read: {e}")))
}

/// The texts that are there, the brand's small print included.
fn texts(params: &Params, brand: &Brand) -> BTreeMap<String, String> {
    let given = params.copy.iter().filter_map(|(k, v)| v.as_ref().map(|v| (k.clone(), v.trim().to_owned())));
    let mut copy: BTreeMap<String, String> = given.filter(|(_, v)| !v.is_empty()).collect();
    if let Some(legal) = brand.legal_for(&params.locale) {
        copy.entry("legal".into()).or_insert_with(|| legal.to_owned());
    }
    copy
}

fn view(
    params: &Params,
    timeline: &Timeline,
    brand: &Brand,
    copy: BTreeMap<String, String>,
    pictures: &Pictures,
    rtl: bool,
) -> View {
    let (w, h) = (f64::from(params.width), f64::from(params.height));
    let unit = SHORT_SIDE / w.min(h);
    let (width, height) = (w * unit, h * unit);
    let shape = match w / h {
        r if r > 1.2 => "wide",
        r if r > 0.9 => "square",
        r if r > 0.7 => "portrait",
        _ => "tall",
    };
    let zone = params.safe_zone;
    let (left, right) = (MARGIN.max(zone.left * width), width - MARGIN.max(zone.right * width));
    let (top, bottom) = (MARGIN.max(zone.top * height), height - MARGIN.max(zone.bottom * height));
    let picture =
        |key: &str| pictures.get(key).map(|p| PictureView { href: key.into(), ratio: p.ratio, cut_out: p.cut_out });
    let colours = &brand.colours;
    let scenes = timeline.parts.iter().filter_map(|part| match part.kind {
        PartKind::Scene(i) => Some(SceneView {
            number: i + 1,
            seconds: part.end - part.start,
            headline: params.scenes.get(i).and_then(|s| s.headline.clone()).filter(|h| !h.trim().is_empty()),
        }),
        PartKind::EndCard => None,
    });
    View {
        width,
        height,
        shape,
        locale: params.locale.clone(),
        rtl,
        safe: Area { left, top, right, bottom, width: right - left, height: bottom - top },
        brand: BrandView {
            name: brand.name.clone(),
            clear_space: brand.logo.clear_space,
            colours: BTreeMap::from([
                ("primary", colours.primary.to_string()),
                ("secondary", colours.secondary.to_string()),
                ("accent", colours.accent.to_string()),
                ("ink", colours.ink.to_string()),
                ("paper", colours.paper.to_string()),
            ]),
            logo: [("light", "brand:logo-light"), ("dark", "brand:logo-dark"), ("mark", "brand:mark")]
                .into_iter()
                .filter_map(|(name, key)| Some((name, picture(key)?)))
                .collect(),
        },
        copy,
        scenes: scenes.collect(),
        end_card: timeline.end_card().map(|card| CardView {
            seconds: card.end - card.start,
            background: match params.end_card.background {
                EndCardBackground::Brand => "brand",
                EndCardBackground::Blur => "blur",
            },
        }),
        seconds: timeline.seconds,
        product: picture("product"),
        images: (1..).map_while(|i| picture(&format!("image:{i}"))).collect(),
    }
}
