//! The only files a look can show: the brand's logos, the product, the pictures given to the stage.
//!
//! Invariant: no path or address in an SVG file is ever followed. A look names pictures by the keys in here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use resvg::usvg::{self, ImageHrefResolver, ImageKind, Options};

use crate::error::Error;

const MAX_BYTES: u64 = 64 << 20;
const MAX_SIDE: usize = 8192;

/// A picture by its key, such as `brand:logo-light` or `product`.
#[derive(Clone, Debug)]
pub struct Picture {
    kind: ImageKind,
    /// Width divided by height.
    pub ratio: f64,
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
        let picture = read(file).map_err(|message| Error::Image {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            message,
        })?;
        self.0.insert(key.into(), picture);
        Ok(())
    }

    /// Makes a PNG of our own known, such as a glyph in colour.
    pub fn add_png(&mut self, key: &str, data: Vec<u8>) {
        self.0.insert(key.into(), Picture { kind: ImageKind::PNG(Arc::new(data)), ratio: 1.0 });
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

fn read(file: &Path) -> Result<Picture, String> {
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
            imagesize::ImageType::Png => Ok(Picture { kind: ImageKind::PNG(data), ratio }),
            imagesize::ImageType::Jpeg => Ok(Picture { kind: ImageKind::JPEG(data), ratio }),
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
    Ok(Picture { kind: ImageKind::SVG(tree), ratio })
}
