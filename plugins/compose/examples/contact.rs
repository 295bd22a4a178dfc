//! A contact sheet of a look: its last scene and its end card in four aspects, one row for each case, to be looked at:
//! `cargo run --release -p spotloom-compose --example contact -- LOOK.svg BRAND_FOLDER CASES.json OUT.png PRODUCT|- CLIP…`
//!
//! A case is an object with `locale` and `copy` (and maybe `headlines`, one for each clip). The eight scripts are in
//! `contact.json` beside this file.

use std::error::Error;
use std::path::Path;

use resvg::tiny_skia::{IntSize, Pixmap, PixmapPaint, Transform};
use serde::Deserialize;
use serde_json::{Value, json};
use spotloom_compose::Compose;
use spotloom_media::{Frame, Pixel, ReadOptions, Reader};
use spotloom_plugin_sdk::api::End;
use spotloom_plugin_sdk::harness::Harness;

#[derive(Deserialize)]
struct Case {
    locale: String,
    copy: Value,
    #[serde(default)]
    headlines: Vec<String>,
    /// Whether the product is to be seen.
    #[serde(default = "yes")]
    product: bool,
}

fn yes() -> bool {
    true
}

const ASPECTS: [(u32, u32); 4] = [(960, 540), (540, 540), (540, 674), (540, 960)];
const ROW: u32 = 300;
const GAP: u32 = 8;
const FPS: u32 = 10;
const SCENE: f64 = 1.8;
const CARD: f64 = 2.2;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [look, brand, cases, out, product, clips @ ..] = &args[..] else {
        return Err("expected LOOK.svg BRAND_FOLDER CASES.json OUT.png PRODUCT|- CLIP…".into());
    };
    let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(cases)?)?;
    let width = |(w, h): (u32, u32)| ROW * w / h;
    let full = ASPECTS.iter().map(|a| 2 * (width(*a) + GAP)).sum::<u32>();
    let mut sheet = Pixmap::new(full, (ROW + GAP) * cases.len() as u32).ok_or("an empty sheet")?;
    for (row, case) in cases.iter().enumerate() {
        let mut x = 0;
        for aspect in ASPECTS {
            for frame in frames(case, aspect, look, brand, product, clips)? {
                let picture = pixmap(&frame).ok_or("an empty frame")?;
                let (left, top) = (x, row as u32 * (ROW + GAP));
                sheet.draw_pixmap(
                    i32::try_from(left)?,
                    i32::try_from(top)?,
                    picture.as_ref(),
                    &PixmapPaint::default(),
                    Transform::identity(),
                    None,
                );
                x += width(aspect) + GAP;
            }
        }
    }
    sheet.save_png(out)?;
    Ok(())
}

/// The end of the last scene, and the card when it is complete.
fn frames(
    case: &Case,
    (width, height): (u32, u32),
    look: &str,
    brand: &str,
    product: &str,
    clips: &[String],
) -> Result<Vec<Frame>, Box<dyn Error>> {
    let scenes: Vec<Value> = (0..clips.len())
        .map(|i| json!({"seconds": SCENE, "transition": "cut", "headline": case.headlines.get(i)}))
        .collect();
    // What feeds and stories cover of upright pictures.
    let zone = if height > width { json!({"top": 0.14, "bottom": 0.20}) } else { json!({}) };
    let params = json!({
        "width": width, "height": height, "fps": f64::from(FPS), "locale": case.locale, "copy": case.copy, "grain": 0, "mezzanine": true,
        "scenes": scenes, "end-card": {"seconds": CARD}, "safe-zone": zone,
    });
    let mut harness = Harness::<Compose>::new().params(params).input("look", look, "image/svg+xml").input(
        "brand",
        brand,
        "inode/directory",
    );
    if product != "-" && case.product {
        harness = harness.input("product", product, "image/png");
    }
    for clip in clips {
        harness = harness.input("clips", clip, "video/x-matroska");
    }
    let done = harness.run();
    if let End::Failed(failure) = &done.end {
        return Err(
            format!("{look}, {}, {width} x {height}: {}: {}", case.locale, failure.code, failure.message).into()
        );
    }
    let filter = format!("scale={}:{ROW}:flags=area", ROW * width / height);
    let reader = Reader::open(Path::new(&done.path("mezzanine")), ReadOptions::new(Pixel::Rgb24).filter(filter))?;
    let all = reader.collect::<Result<Vec<_>, _>>()?;
    let scene_end = (SCENE * clips.len() as f64 * f64::from(FPS)) as usize;
    Ok(vec![all[scene_end.saturating_sub(3)].clone(), all[all.len() - 1].clone()])
}

fn pixmap(frame: &Frame) -> Option<Pixmap> {
    let (width, stride) = (frame.width() as usize, frame.stride(0));
    let rows = frame.plane(0).chunks_exact(stride).flat_map(|row| row[..width * 3].chunks_exact(3));
    let rgba: Vec<u8> = rows.flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    Pixmap::from_vec(rgba, IntSize::from_wh(frame.width(), frame.height())?)
}
