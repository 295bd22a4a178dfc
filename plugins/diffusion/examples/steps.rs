//! What a shot costs in the model, as JSON: `steps MODEL-FOLDER STEPS THREADS [OPTIONS-AS-JSON]`. For `make bench`.
//!
//! It prints the seconds of each denoising step, and of each shot what came before the first step, all of it in CPU
//! time, and the largest memory of the process. `frames` names a file for the last shot's frames, f32.

#![allow(clippy::print_stdout, reason = "a program for developers")]

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use spotloom_diffusion::contract::{Model, SchedulerName};
use spotloom_diffusion::family::{self, Calls, Decode, Levers, Shot, Weights};
use spotloom_onnx::{Engine, SessionOptions};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Options {
    prompt: Option<String>,
    negative: Option<String>,
    scheduler: Option<SchedulerName>,
    guidance: Option<f32>,
    step_cache: f64,
    guidance_calls: Option<Calls>,
    weights: Weights,
    embedding_cache: bool,
    session: SessionOptions,
    shots: Option<usize>,
    /// Whether only the first frame is decoded.
    first_frame: bool,
    frames: Option<PathBuf>,
}

/// User and system time of this process in seconds, and its largest memory in megabytes.
fn used() -> Result<(f64, f64), Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("no stat")?.1.split(' ').collect();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    // Linux counts in hundredths of a second towards programs.
    Ok(((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0, kib * 1024.0 / 1e6))
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, folder, steps, threads, rest @ ..] = args.as_slice() else {
        return Err("usage: steps MODEL STEPS THREADS [OPTIONS-AS-JSON]".into());
    };
    let options: Options = rest.first().map_or_else(|| Ok(Options::default()), |text| serde_json::from_str(text))?;
    let model = Model::open(Path::new(folder))?;
    let engine =
        Engine { session: family::session(options.session, model.contract.family), ..Engine::cpu(threads.parse()?)? };
    let mut family = family::load(&model, &engine)?;
    let usual = Shot::usual(&model.contract, options.prompt.unwrap_or_else(|| "a golden perfume bottle".into()));
    let shot = Shot {
        negative_prompt: options.negative.unwrap_or_else(|| "blurry".into()),
        scheduler: options.scheduler.unwrap_or(usual.scheduler),
        steps: steps.parse()?,
        guidance: options.guidance.unwrap_or(usual.guidance.max(2.0)),
        levers: Levers {
            step_cache: options.step_cache,
            calls: options.guidance_calls,
            weights: options.weights,
            embedding_cache: options.embedding_cache,
            decode: Decode::default(),
        },
        ..usual
    };
    let (mut seconds, mut begin, mut denoise, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), None);
    for _ in 0..options.shots.unwrap_or(1) {
        let start = used()?.0;
        let mut frames = family.begin(&shot)?;
        begin.push(used()?.0 - start);
        let (start, mut ends) = (used()?.0, Vec::new());
        let mut file = options.frames.as_ref().map(fs::File::create).transpose()?;
        for _ in 0..if options.first_frame { 1 } else { model.contract.video.frames } {
            let Some(frame) = frames.next(&mut |_| {
                ends.push((Instant::now(), used().map_or(0.0, |u| u.0)));
                Ok(())
            })?
            else {
                break;
            };
            if let Some(file) = &mut file {
                file.write_all(&frame.data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
            }
        }
        // The first step loads the transformer, so it is left out of the steps.
        seconds.extend(ends.windows(2).map(|w| (w[1].0 - w[0].0).as_secs_f64()));
        denoise.push(ends.last().map_or(0.0, |last| last.1) - start);
        skipped = frames.skipped();
    }
    let peak = used()?.1;
    let report = serde_json::json!({
        "seconds": seconds, "begin-cpu": begin, "denoise-cpu": denoise, "peak-mb": peak, "skipped": skipped,
    });
    println!("{report}");
    Ok(())
}
