//! Composes an ad without a daemon, to look at while a look or a brand is being made:
//! `cargo run --release -p spotloom-compose --example preview -- LOOK.svg BRAND_FOLDER PARAMS.json OUT_FOLDER PRODUCT|- CLIP…`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use spotloom_compose::Compose;
use spotloom_plugin_sdk::api::End;
use spotloom_plugin_sdk::harness::Harness;

#[expect(clippy::print_stdout, reason = "a tool that reports to the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [look, brand, params, out, product, clips @ ..] = &args[..] else {
        return Err("expected LOOK.svg BRAND_FOLDER PARAMS.json OUT_FOLDER PRODUCT|- CLIP…".into());
    };
    let mut params: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(params)?)?;
    params["mezzanine"] = true.into();
    let mut harness = Harness::<Compose>::new().params(params).input("look", look, "image/svg+xml").input(
        "brand",
        brand,
        "inode/directory",
    );
    if product != "-" {
        harness = harness.input("product", product, "image/png");
    }
    for clip in clips {
        harness = harness.input("clips", clip, "video/x-matroska");
    }
    let started = Instant::now();
    let done = harness.run();
    if let End::Failed(failure) = &done.end {
        return Err(format!("{}: {} ({})", failure.code, failure.message, failure.hint.as_deref().unwrap_or("")).into());
    }
    let seconds = started.elapsed().as_secs_f64();
    let frames = done.facts().get("frames").and_then(serde_json::Value::as_f64).unwrap_or_default();
    println!("{frames} frames in {seconds:.2} s: {:.1} frames a second", frames / seconds);
    // With the parameter `brand-sheet` there is nothing but the sheet.
    let ports = if frames > 0.0 { ["mezzanine", "poster"].as_slice() } else { &["poster"] };
    for port in ports {
        let from = done.path(port);
        let name = from.file_name().ok_or("an output without a name")?;
        std::fs::copy(&from, Path::new(out).join(name))?;
    }
    Ok(())
}
