//! Makes one shot without a daemon, to look at: `cargo run --release -p spotloom-diffusion --example shot -- OUT.mkv
//! "waves at sunset" '{"seconds": 4, "seed": 7}' [PICTURE]`.

use std::path::Path;

use spotloom_diffusion::Diffusion;
use spotloom_plugin_sdk::harness::Harness;

#[expect(clippy::print_stdout, reason = "a command-line tool")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, prompt, rest @ ..] = arguments.as_slice() else {
        return Err("usage: shot OUT.mkv PROMPT [PARAMETERS-AS-JSON] [PICTURE]".into());
    };
    let params = rest.first().map_or(Ok(serde_json::json!({})), |text| serde_json::from_str(text))?;
    let shot = Path::new(out).with_extension("json");
    std::fs::write(&shot, serde_json::json!({"prompt": prompt}).to_string())?;
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ambient-v0");
    let mut harness = Harness::<Diffusion>::new().params(params).input("model", model, "inode/directory").input(
        "shot",
        &shot,
        "application/json",
    );
    if let Some(picture) = rest.get(1) {
        harness = harness.input("image", picture, "image/png");
    }
    let start = std::time::Instant::now();
    let done = harness.run();
    std::fs::copy(done.path("clip"), out)?;
    println!("{:.2} s\n{}", start.elapsed().as_secs_f64(), serde_json::to_string_pretty(done.facts())?);
    Ok(())
}
