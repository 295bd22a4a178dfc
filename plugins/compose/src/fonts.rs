//! The fonts that come with Spotloom, which one to try for which script, and the two of the machine that may be used.
//!
//! Those that come along are part of the plugin file, so its content hash covers them and a cached result can't hide a
//! changed font. Chinese, Japanese and Korean, and colour emoji, are too large for that: they are taken from the machine,
//! by name, from the folders of [`FOLDERS`], and only when a text has a character that nothing else has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cosmic_text::fontdb::{Database, FaceInfo, ID, Source, Weight};

use crate::error::Error;
use crate::text::script::{is_emoji, is_ideographic};

macro_rules! shipped {
    ($($file:literal),* $(,)?) => {
        [$(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/fonts/", $file)).as_slice()),*]
    };
}

static SHIPPED: [&[u8]; 25] = shipped![
    "Sora-Regular.otf",
    "Sora-SemiBold.otf",
    "Sora-Bold.otf",
    "Sora-ExtraBold.otf",
    "LeagueSpartan-SemiBold.otf",
    "LeagueSpartan-Bold.otf",
    "LeagueSpartan-Black.otf",
    "Inter-ExtraBold.otf",
    "Inter-Black.otf",
    "Manrope-Regular.ttf",
    "Manrope-Medium.ttf",
    "Manrope-Bold.ttf",
    "Manrope-ExtraBold.ttf",
    "NotoKufiArabic-Regular.ttf",
    "NotoKufiArabic-Bold.ttf",
    "NotoKufiArabic-Black.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansHebrew-Bold.ttf",
    "NotoSansHebrew-Black.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansDevanagari-Bold.ttf",
    "NotoSansDevanagari-Black.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansThai-Bold.ttf",
    "NotoSansThai-Black.ttf",
];

/// Tried for a character that the wanted font lacks, before the brand's other fonts: the one whose stems are as heavy as
/// those of the wanted font, in this order where they are alike.
pub const FALLBACK_FAMILIES: [&str; 7] =
    ["Manrope", "Inter", "Sora", "Noto Kufi Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai"];

/// The family of colour emoji.
pub const EMOJI: &str = "Noto Color Emoji";

/// A font of the machine that may be used.
#[derive(Debug)]
pub struct MachineFont {
    /// The Debian package that has it.
    pub package: &'static str,
    files: &'static [&'static str],
    /// Language or script, and the family for it; the first one otherwise.
    families: &'static [(&'static str, &'static str)],
}

/// In the order in which they are tried.
pub static MACHINE_FONTS: [MachineFont; 2] = [
    MachineFont {
        package: "fonts-noto-cjk",
        files: &["NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"],
        families: &[
            ("", "Noto Sans CJK SC"),
            ("ja", "Noto Sans CJK JP"),
            ("ko", "Noto Sans CJK KR"),
            ("zh-Hant-HK", "Noto Sans CJK HK"),
            ("zh-HK", "Noto Sans CJK HK"),
            ("zh-Hant", "Noto Sans CJK TC"),
            ("zh-TW", "Noto Sans CJK TC"),
        ],
    },
    MachineFont { package: "fonts-noto-color-emoji", files: &["NotoColorEmoji.ttf"], families: &[("", EMOJI)] },
];

/// Where Debian, Fedora, Arch and a hand-made installation have them.
pub const FOLDERS: [&str; 7] = [
    "/usr/local/share/fonts",
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/truetype/noto",
    "/usr/share/fonts/noto-cjk",
    "/usr/share/fonts/noto",
    "/usr/share/fonts/google-noto-sans-cjk-fonts",
    "/usr/share/fonts/google-noto-color-emoji-fonts",
];

/// The font of the machine that would have a character.
#[must_use]
pub fn machine_font(c: char) -> Option<&'static MachineFont> {
    let [cjk, emoji] = &MACHINE_FONTS;
    if is_ideographic(c) { Some(cjk) } else { is_emoji(c).then_some(emoji) }
}

/// Whether a family is one of the machine's: those come last, whatever else there is.
#[must_use]
pub fn is_machine(family: &str) -> bool {
    family == EMOJI || family.starts_with("Noto Sans CJK") || family.starts_with("Noto Sans Mono CJK")
}

impl MachineFont {
    /// The family for a locale.
    #[must_use]
    pub fn family(&self, locale: &str) -> &'static str {
        let starts = |tag: &str| !tag.is_empty() && (locale == tag || locale.starts_with(&format!("{tag}-")));
        let found = self.families.iter().find(|(tag, _)| starts(tag)).or(self.families.first());
        found.map_or(EMOJI, |(_, family)| family)
    }

    /// Reads it into `db`; false when it is not installed.
    pub fn load(&self, db: &mut Database) -> bool {
        let find = |name: &str| FOLDERS.iter().map(|f| PathBuf::from(f).join(name)).find(|p| p.is_file());
        let read = |name: &&str| find(name).and_then(|path| std::fs::read(path).ok());
        let loaded: Vec<bool> = self.files.iter().filter_map(read).map(|data| load(db, data)).collect();
        loaded.contains(&true)
    }
}

fn load(db: &mut Database, data: Vec<u8>) -> bool {
    let loaded = db.load_font_source(Source::Binary(Arc::new(data)));
    for id in &loaded {
        mend_weight(db, *id);
    }
    !loaded.is_empty()
}

/// Sora's files say 96, 126, 160 and 190 for Regular to ExtraBold, so that a wish for SemiBold found ExtraBold. Where the
/// figure is not of the usual scale, the name counts.
fn mend_weight(db: &mut Database, id: ID) {
    let Some(face) = db.face(id).filter(|f| f.weight.0 < 100 || f.weight.0 % 50 != 0).cloned() else { return };
    let style = face.post_script_name.rsplit('-').next().unwrap_or_default().to_lowercase();
    let named = [
        ("thin", 100),
        ("extralight", 200),
        ("light", 300),
        ("regular", 400),
        ("medium", 500),
        ("semibold", 600),
        ("bold", 700),
        ("extrabold", 800),
        ("black", 900),
    ];
    if let Some((_, weight)) = named.iter().find(|(name, _)| *name == style) {
        db.remove_face(id);
        db.push_face_info(FaceInfo { weight: Weight(*weight), ..face });
    }
}

/// Shipped fonts plus those in `folder` (a brand kit's `fonts/`, which may be missing).
///
/// # Errors
/// A font file of the brand that can't be read or is not a font.
pub fn collect(folder: &Path) -> Result<Database, Error> {
    let (db, wrong) = collect_all(folder);
    wrong.into_iter().next().map_or(Ok(db), Err)
}

/// Like [`collect`], with every font file that is wrong.
#[must_use]
pub fn collect_all(folder: &Path) -> (Database, Vec<Error>) {
    let mut db = Database::new();
    for data in SHIPPED {
        for id in db.load_font_source(Source::Binary(Arc::new(data))) {
            mend_weight(&mut db, id);
        }
    }
    let mut wrong = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return (db, wrong) };
    let mut files: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.sort();
    for file in files {
        let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if !matches!(extension.as_str(), "ttf" | "otf" | "ttc" | "otc") {
            continue;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match std::fs::read(&file) {
            Ok(data) => {
                if !load(&mut db, data) {
                    wrong.push(Error::Brand(format!("fonts/{name} is not a font file")));
                }
            }
            Err(e) => wrong.push(Error::Brand(format!("can't read fonts/{name}: {e}"))),
        }
    }
    (db, wrong)
}
