//! The only files a look can show: the brand's logos, the product, the pictures given to the stage.
//!
//! Invariant: no path or address in an SVG file is ever followed. A look names pictures by the keys in here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use resvg::tiny_skia::{IntRect, Pixmap};
use resvg::usvg::{self, ImageHrefResolver, ImageKind, Options};

use crate::error::Error;

const MAX_BYTES: u64 = 64 << 20;
const MAX_SIDE: usize = 8192;
/// Alpha from which a pixel counts as seen, and below which it counts as seen through.
const SEEN: u8 = 8;
const OPAQUE: u8 = 250;

/// A picture by its key, such as `brand:logo-light` or `product`.
#[derive(Clone, Debug)]
pub struct Picture {
    kind: ImageKind,
    /// Width divided by height.
    pub ratio: f64,
    /// Whether it is cut out of its background: it can stand somewhere, where a photograph can only be shown.
    pub cut_out: bool,
}

/// All pictures a look can name.
#[derive(Clone, Debug, Default)]
pub struct Pictures(BTreeMap<String, Picture>);

impl Pictures {
    /// Reads a PNG, JPEG or SVG file and makes it known under `key`.
    ///
    /// # Errors
    /// The file can't be read, is of another kind, or is too big.
    pub fn add(&mut self, key: &str, file: &Path) -> Result<(), Error> {
        // A logo's margin is the brand's own business; a product is as large as what is seen of it.
        let picture = read(file, !key.starts_with("brand:")).map_err(|message| Error::Image {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            message,
        })?;
        self.0.insert(key.into(), picture);
        Ok(())
    }

    /// Makes a PNG of our own known, such as a glyph in colour.
    pub fn add_png(&mut self, key: &str, data: Vec<u8>) {
        self.0.insert(key.into(), Picture { kind: ImageKind::PNG(Arc::new(data)), ratio: 1.0, cut_out: true });
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Picture> {
        self.0.get(key)
    }

    /// The keys, for messages.
    #[must_use]
    pub fn keys(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Parser options under which `href` reaches these pictures and nothing else.
    #[must_use]
    pub fn options(&self) -> Options<'_> {
        Options {
            image_href_resolver: ImageHrefResolver {
                resolve_data: Box::new(|_, _, _| None),
                resolve_string: Box::new(|href, _| self.0.get(href).map(|p| p.kind.clone())),
            },
            ..Options::default()
        }
    }
}

fn read(file: &Path, trim: bool) -> Result<Picture, String> {
    let size = file.metadata().map_err(|e| format!("can't be read: {e}"))?.len();
    if size > MAX_BYTES {
        return Err(format!("has {} MB; at most {} MB", size >> 20, MAX_BYTES >> 20));
    }
    let data = std::fs::read(file).map_err(|e| format!("can't be read: {e}"))?;
    if let Ok(kind) = imagesize::image_type(&data) {
        let size = imagesize::blob_size(&data).map_err(|e| format!("is damaged: {e}"))?;
        if size.width > MAX_SIDE || size.height > MAX_SIDE || size.width == 0 || size.height == 0 {
            return Err(format!("has {} x {} pixels; at most {MAX_SIDE} a side", size.width, size.height));
        }
        let ratio = size.width as f64 / size.height as f64;
        let data = Arc::new(data);
        return match kind {
            imagesize::ImageType::Png if trim => Ok(trimmed(data, ratio)),
            imagesize::ImageType::Png => Ok(Picture { kind: ImageKind::PNG(data), ratio, cut_out: true }),
            imagesize::ImageType::Jpeg => Ok(Picture { kind: ImageKind::JPEG(data), ratio, cut_out: false }),
            other => Err(format!("is of the kind {other:?}; expected PNG, JPEG or SVG")),
        };
    }
    let text = std::str::from_utf8(&data).map_err(|_| "is neither PNG nor JPEG nor SVG".to_owned())?;
    let sealed = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let document = usvg::roxmltree::Document::parse(text).map_err(|e| format!("is not valid SVG: {e}"))?;
    if document.descendants().any(|n| n.tag_name().name() == "text") {
        return Err("has <text>; fonts differ from machine to machine, so turn it into outlines".into());
    }
    let tree = usvg::Tree::from_xmltree(&document, &sealed).map_err(|e| format!("is not valid SVG: {e}"))?;
    let ratio = f64::from(tree.size().width()) / f64::from(tree.size().height());
    Ok(Picture { kind: ImageKind::SVG(tree), ratio, cut_out: true })
}

/// A PNG that is read again at once: packed as little as the format takes, for packing it well is most of setting an ad.
fn in_a_hurry(pixmap: Pixmap) -> Option<Vec<u8>> {
    let (width, height) = (pixmap.width(), pixmap.height());
    let mut data = Vec::new();
    let mut encoder = png::Encoder::new(&mut data, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fastest);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixmap.take_demultiplied())).ok()?;
    Some(data)
}

/// A PNG without its empty margins, so that what a look puts it on is where it ends.
fn trimmed(data: Arc<Vec<u8>>, ratio: f64) -> Picture {
    let whole = |cut_out| Picture { kind: ImageKind::PNG(Arc::clone(&data)), ratio, cut_out };
    // What can't be decoded here is told when it is drawn.
    let Ok(pixmap) = Pixmap::decode_png(&data) else { return whole(false) };
    let (width, height) = (pixmap.width() as usize, pixmap.height() as usize);
    let alpha = |x: usize, y: usize| pixmap.pixels()[y * width + x].alpha();
    let cut_out = pixmap.pixels().iter().any(|p| p.alpha() < OPAQUE);
    let row = |y: &usize| (0..width).any(|x| alpha(x, *y) > SEEN);
    let column = |x: &usize| (0..height).any(|y| alpha(*x, y) > SEEN);
    let ends = ((0..width).find(column), (0..width).rfind(column), (0..height).find(row), (0..height).rfind(row));
    let (Some(left), Some(right), Some(top), Some(bottom)) = ends else { return whole(cut_out) };
    if (left, top, right + 1, bottom + 1) == (0, 0, width, height) {
        return whole(cut_out);
    }
    let rect = IntRect::from_ltrb(left as i32, top as i32, right as i32 + 1, bottom as i32 + 1);
    let cropped = rect.and_then(|rect| pixmap.clone_rect(rect));
    let ratio = (right + 1 - left) as f64 / (bottom + 1 - top) as f64;
    match cropped.and_then(in_a_hurry) {
        Some(png) => Picture { kind: ImageKind::PNG(Arc::new(png)), ratio, cut_out },
        None => whole(cut_out),
    }
}
