//! Makes one shot without a daemon, to look at: `cargo run --release -p spotloom-diffusion --example shot -- OUT.mkv
//! "waves at sunset" '{"seconds": 4, "seed": 7}' [PORT=FILE]…`, where a port is `model` (a folder), `image`, `last-image`,
//! `clip` or `clip-after`.

use std::path::Path;

use spotloom_diffusion::Diffusion;
use spotloom_plugin_sdk::harness::Harness;

#[expect(clippy::print_stdout, reason = "a command-line tool")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, prompt, rest @ ..] = arguments.as_slice() else {
        return Err("usage: shot OUT.mkv PROMPT [PARAMETERS-AS-JSON] [PORT=FILE]…".into());
    };
    let params = rest.first().map_or(Ok(serde_json::json!({})), |text| serde_json::from_str(text))?;
    let shot = Path::new(out).with_extension("json");
    std::fs::write(&shot, serde_json::json!({"prompt": prompt}).to_string())?;
    let mut harness = Harness::<Diffusion>::new().params(params).input("shot", &shot, "application/json");
    let mut model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ambient-v7");
    for file in rest.iter().skip(1) {
        let (port, path) = file.split_once('=').ok_or("a file is given as PORT=FILE")?;
        match port {
            "model" => model = path.into(),
            "image" | "last-image" => harness = harness.input(port, path, "image/png"),
            _ => harness = harness.input(port, path, "video/x-matroska"),
        }
    }
    let start = std::time::Instant::now();
    let done = harness.input("model", model, "inode/directory").run();
    if done.outputs("clip").is_empty() {
        return Err(done.failure().message.clone().into());
    }
    std::fs::copy(done.path("clip"), out)?;
    for other in done.outputs("variations") {
        std::fs::copy(&other.path, Path::new(out).with_file_name(&other.name))?;
    }
    println!("{:.2} s\n{}", start.elapsed().as_secs_f64(), serde_json::to_string_pretty(done.facts())?);
    Ok(())
}
