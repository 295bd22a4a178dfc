//! The fonts that come with Spotloom, and which one to try for which script.
//!
//! They are part of the plugin file, so its content hash covers them and a cached result can't hide a changed font.

use std::path::Path;
use std::sync::Arc;

use cosmic_text::fontdb::{Database, Source};

use crate::error::Error;

macro_rules! shipped {
    ($($file:literal),* $(,)?) => {
        [$(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/fonts/", $file)).as_slice()),*]
    };
}

static SHIPPED: [&[u8]; 17] = shipped![
    "Sora-Regular.otf",
    "Sora-SemiBold.otf",
    "Sora-Bold.otf",
    "Sora-ExtraBold.otf",
    "LeagueSpartan-SemiBold.otf",
    "LeagueSpartan-Bold.otf",
    "LeagueSpartan-Black.otf",
    "Manrope-Regular.ttf",
    "Manrope-Medium.ttf",
    "Manrope-Bold.ttf",
    "Manrope-ExtraBold.ttf",
    "NotoKufiArabic-Regular.ttf",
    "NotoKufiArabic-Bold.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansHebrew-Bold.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansDevanagari-Bold.ttf",
];

/// Tried in this order for a character that the wanted font lacks, before the brand's other fonts.
pub const FALLBACK_FAMILIES: [&str; 5] =
    ["Manrope", "Sora", "Noto Kufi Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari"];

/// Shipped fonts plus those in `folder` (a brand kit's `fonts/`, which may be missing). Fonts of the machine are not
/// looked at: the same brief gives the same picture everywhere.
///
/// # Errors
/// A font file of the brand that can't be read or is not a font.
pub fn load(folder: &Path) -> Result<Database, Error> {
    let mut db = Database::new();
    for data in SHIPPED {
        db.load_font_source(Source::Binary(Arc::new(data)));
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(db) };
    let mut files: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.sort();
    for file in files {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if !matches!(extension.as_str(), "ttf" | "otf" | "ttc" | "otc") {
            continue;
        }
        let data = std::fs::read(&file).map_err(|e| Error::Brand(format!("can't read {}: {e}", file.display())))?;
        if db.load_font_source(Source::Binary(Arc::new(data))).is_empty() {
            return Err(Error::Brand(format!("{} is not a font file", file.display())));
        }
    }
    Ok(db)
}
