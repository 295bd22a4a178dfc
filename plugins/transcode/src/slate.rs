//! The slate before a broadcast master: what it is, in words, for the people who handle it.

use std::path::Path;

use resvg::usvg::{Group, Node, Options, Tree};
use spotloom_media::{Frame, FrameFormat, Pixel};
use spotloom_plugin_sdk::api::Failure;

use crate::params::Params;
use crate::plan::{self, Planned};

const LAYOUT: &str = include_str!("slate.svg");
static FONTS: [&[u8]; 6] = [
    include_bytes!("../../../templates/fonts/Manrope-Medium.ttf"),
    include_bytes!("../../../templates/fonts/Manrope-Bold.ttf"),
    include_bytes!("../../../templates/fonts/NotoKufiArabic-Bold.ttf"),
    include_bytes!("../../../templates/fonts/NotoSansHebrew-Bold.ttf"),
    include_bytes!("../../../templates/fonts/NotoSansDevanagari-Bold.ttf"),
    include_bytes!("../../../templates/fonts/NotoSansThai-Bold.ttf"),
];
/// Chinese, Japanese and Korean are too large to come along: where Debian and Fedora have them.
const MACHINE_FONTS: [&str; 3] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
];
/// What is written in one line at most; longer values are cut with an ellipsis.
const LONGEST: usize = 46;
/// Lines there is room for.
const MOST_LINES: usize = 11;

/// Draws the slate of a master whose programme lasts `seconds`, with a gap for each letter that no font has, and without the
/// fields that there is no room for; what is missing is told.
pub(crate) fn draw(planned: &Planned, params: &Params, seconds: f64) -> Result<(Frame, Vec<String>), Failure> {
    let defect = |why: String| defect(planned, &why);
    let (entries, left_out) = entries(planned, params, seconds);
    let (tree, gap) = set(planned, &entries)?;
    let mut warnings: Vec<String> = gap.map(|gap| gap.message).into_iter().collect();
    if !left_out.is_empty() {
        let name = &planned.name;
        warnings
            .push(format!("the slate of {name} has {MOST_LINES} lines; there is no room for {}", left_out.join(", ")));
    }
    let (width, height) = (planned.options.width, planned.options.height);
    let mut canvas = resvg::tiny_skia::Pixmap::new(width, height).ok_or_else(|| defect("its size".into()))?;
    // The slate is laid out for 16:9; other shapes get it as wide as they are.
    let scale = (width as f32 / 1920.0).min(height as f32 / 1080.0);
    let (x, y) = ((width as f32 - 1920.0 * scale) / 2.0, (height as f32 - 1080.0 * scale) / 2.0);
    canvas.fill(resvg::tiny_skia::Color::from_rgba8(16, 20, 24, 255));
    resvg::render(&tree, resvg::tiny_skia::Transform::from_row(scale, 0.0, 0.0, scale, x, y), &mut canvas.as_mut());
    let format = FrameFormat::new(width, height, Pixel::Rgba);
    let frame = Frame::from_planes(format, vec![canvas.take()]).map_err(|e| defect(e.to_string()))?;
    Ok((frame, warnings))
}

fn defect(planned: &Planned, why: &str) -> Failure {
    Failure::new("slate-defect", format!("the slate of {} can't be drawn: {why}", planned.name))
}

/// Sees whether every letter of a slate has a font.
///
/// # Errors
/// `missing-glyph`.
pub(crate) fn check(planned: &Planned, params: &Params, seconds: f64) -> Result<(), Failure> {
    set(planned, &entries(planned, params, seconds).0)?.1.map_or(Ok(()), Err)
}

/// Sets the texts, with fonts of the machine where those that come along are not enough, and tells of a letter that none has.
fn set(planned: &Planned, entries: &[(String, String)]) -> Result<(Tree, Option<Failure>), Failure> {
    let svg = LAYOUT.replace("{lines}", &lines(entries));
    let mut options = Options { font_family: "Manrope".into(), ..Options::default() };
    FONTS.iter().for_each(|font| options.fontdb_mut().load_font_data(font.to_vec()));
    let mut tree = Tree::from_str(&svg, &options).map_err(|e| defect(planned, &e.to_string()))?;
    if missing(tree.root()).is_some() {
        for path in MACHINE_FONTS.iter().map(Path::new).filter(|path| path.is_file()) {
            // One that can't be read is one that isn't there.
            let _ = options.fontdb_mut().load_font_file(path);
        }
        tree = Tree::from_str(&svg, &options).map_err(|e| defect(planned, &e.to_string()))?;
    }
    let gap = missing(tree.root()).map(|letters| {
        let first = letters.chars().next().map_or(0, u32::from);
        let message = format!("no font has the letter \"{letters}\" (U+{first:04X}) of the slate of {}", planned.name);
        Failure::new("missing-glyph", message).hint(
            "Chinese, Japanese and Korean need the package fonts-noto-cjk; write others in a script that there is a font for",
        )
    });
    Ok((tree, gap))
}

/// A letter that no font has, with what hangs on it.
fn missing(group: &Group) -> Option<String> {
    group.children().iter().find_map(|node| match node {
        Node::Group(group) => missing(group),
        Node::Text(text) => {
            let glyphs = text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
            glyphs.into_iter().find(|glyph| glyph.id.0 == 0).map(|glyph| glyph.text.clone())
        }
        _ => None,
    })
}

/// Names and values, in the order they are read, and the names of the fields that there is no room for: never what a broadcaster
/// looks for, codes, length, picture and sound.
fn entries(planned: &Planned, params: &Params, seconds: f64) -> (Vec<(String, String)>, Vec<String>) {
    let mut entries = Vec::new();
    let codes = [("Ad-ID", &params.ad_id), ("Clock number", &params.clock_number)];
    entries.extend(codes.into_iter().filter_map(|(name, code)| Some((name.to_owned(), code.clone()?))));
    entries.extend(params.locale.iter().map(|l| ("Language".to_owned(), l.clone())));
    entries.push(("Length".into(), format!(":{seconds:02.0}")));
    let options = &planned.options;
    let rate = format!("{:.2}", plan::value(options.fps));
    let rate = rate.trim_end_matches('0').trim_end_matches('.');
    entries.push(("Picture".into(), format!("{}x{} {rate}p", options.width, options.height)));
    if let Some(audio) = &planned.preset.audio {
        entries.push(("Sound".into(), format!("Stereo, {} LUFS", audio.loudness_lufs)));
    }
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut own: Vec<(String, String)> =
        params.slate.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), text(v))).collect();
    let room = own.len().min(MOST_LINES.saturating_sub(entries.len()));
    let left_out = own.split_off(room).into_iter().map(|(name, _)| name).collect();
    own.extend(entries);
    (own, left_out)
}

fn lines(entries: &[(String, String)]) -> String {
    let step = (740.0 / entries.len().max(1) as f32).min(92.0);
    let size = (step * 0.5).min(44.0);
    let row = |(i, (name, value)): (usize, &(String, String))| {
        let y = 160.0 + step * (i as f32 + 0.68);
        let (name, value) = (escaped(name), escaped(value));
        format!(
            "<text x='160' y='{y}' font-size='{size}' font-weight='500' fill='#9aa4ad'>{name}</text>\
             <text x='560' y='{y}' font-size='{size}' font-weight='700' fill='#ffffff'>{value}</text>"
        )
    };
    entries.iter().enumerate().map(row).collect()
}

fn escaped(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Mezzanine;
    use crate::preset::Preset;

    #[test]
    fn own_fields_make_room_for_what_broadcasters_look_for() {
        let text = "{summary: s, platform: TV, aspect: '16:9', width: 1280, height: 720, fps: 25, container: mov,
            video: {codec: prores-422-hq}, audio: {codec: pcm_s24le, loudness-lufs: -23, true-peak-db: -3},
            leader: {slate-seconds: 5}, dated: 2026-11-22, sources: [here]}";
        let preset = Preset::parse("tv.yaml", text).unwrap();
        let spot = Mezzanine { width: 1280, height: 720, fps: (25, 1), seconds: 10.0 };
        let check = |own: usize, more: serde_json::Value, expected: &[&str], out: &[&str]| {
            let slate: serde_json::Map<_, _> = (1..=own).map(|i| (format!("Field {i:02}"), json!("x"))).collect();
            let mut params = json!({"name": "zest", "slate": slate});
            params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            let params: Params = serde_json::from_value(params).unwrap();
            let planned = plan::plan(spot, vec![("tv".into(), preset.clone())], &params).unwrap();
            let (entries, left_out) = entries(&planned[0], &params, 10.0);
            let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
            assert!(names.len() <= MOST_LINES && names.ends_with(expected), "{names:?}");
            assert_eq!(left_out, out);
            let (_, warnings) = draw(&planned[0], &params, 10.0).unwrap();
            assert_eq!(warnings.len(), usize::from(!out.is_empty()), "{warnings:?}");
        };
        check(2, json!({}), &["Field 02", "Length", "Picture", "Sound"], &[]);
        check(8, json!({}), &["Field 08", "Length", "Picture", "Sound"], &[]);
        let coded = json!({"ad-id": "ZEST1234567H", "locale": "en"});
        let out = ["Field 07", "Field 08"];
        check(8, coded, &["Field 06", "Ad-ID", "Language", "Length", "Picture", "Sound"], &out);
        check(9, json!({}), &["Field 08", "Length", "Picture", "Sound"], &["Field 09"]);
    }
}
