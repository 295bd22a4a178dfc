//! Seconds of each denoising step of a model, as JSON: `steps MODEL-FOLDER STEPS THREADS`. For `make bench`.

#![allow(clippy::print_stdout, reason = "a program for developers")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use spotloom_diffusion::contract::{Mode, Model};
use spotloom_diffusion::family::{self, Shot};
use spotloom_onnx::Engine;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, folder, steps, threads] = args.as_slice() else { return Err("usage: steps MODEL STEPS THREADS".into()) };
    let model = Model::open(Path::new(folder))?;
    let mut family = family::load(&model, &Engine::cpu(threads.parse()?)?)?;
    let (video, sampling) = (&model.contract.video, &model.contract.sampling);
    let shot = Shot {
        prompt: "a golden perfume bottle".into(),
        negative_prompt: "blurry".into(),
        seed: 0,
        mode: Mode::TextToVideo,
        width: video.width,
        height: video.height,
        frames: video.frames,
        conditions: Vec::new(),
        edit: None,
        noise: None,
        scheduler: sampling.scheduler,
        steps: steps.parse()?,
        shift: sampling.shift,
        guidance: sampling.guidance.max(2.0),
        guidance_low: sampling.guidance_low,
    };
    let mut ends = Vec::new();
    let mut frames = family.begin(&shot)?;
    frames.next(&mut |_| {
        ends.push(Instant::now());
        Ok(())
    })?;
    // The first step loads the transformer, so it is left out.
    let seconds: Vec<f64> = ends.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
    println!("{}", serde_json::json!({ "seconds": seconds }));
    Ok(())
}
