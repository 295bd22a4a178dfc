//! The stage: parameters in, a mezzanine out.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spotloom_media::{FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer, Written, filters};
use spotloom_onnx::{Engine, Provider, runtime};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

use crate::contract::{Mode, Model};
use crate::error::Error;
use crate::family::{self, Condition, Family, Frames, Shot};
use crate::finish::film::Film;
use crate::finish::timeline::Timeline;
use crate::finish::{colour, smooth};
use crate::params::Params;
use crate::picture::Picture;
use crate::recipe::{Made, recipe};

/// Holds the model between the runs of a warm host.
#[derive(Default)]
pub struct Diffusion {
    loaded: Option<Loaded>,
}

/// A model in memory, and what it was loaded for.
struct Loaded {
    sha256: String,
    threads: usize,
    provider: Provider,
    family: Box<dyn Family>,
}

/// The `shot` input, as the `prompt` stage writes it; what else a stage may put there is not for us.
#[derive(Debug, Deserialize)]
struct ShotFile {
    prompt: String,
    #[serde(default)]
    negative_prompt: String,
    seconds: Option<f64>,
    seed: Option<u64>,
}

/// The largest shot file that is read, in bytes.
const MAX_SHOT: u64 = 256 * 1024;
/// Shorter or longer shots are refused, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 0.5..=120.0;
/// What the spline needs before the first moment and after the last, in frames of the model.
const MARGIN: usize = 2;

impl Stage for Diffusion {
    type Params = Params;

    fn about() -> About {
        About::new(
            "diffusion",
            env!("CARGO_PKG_VERSION"),
            "Makes a moving picture from a caption, and perhaps a picture",
        )
        .cpu(0)
        .input(input("model", "The diffusion model").required().resource(Resource::Model))
        .input(input("shot", "What to show: prompt, seconds, seed").required().media("application/json"))
        .input(input("image", "The first frame").media("image/*"))
        .output("clip", "The shot: FFV1, 4:2:0, 10 bit, BT.709", "video/x-matroska")
        .output("recipe", "Everything the clip was made of, to make it again", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        Ok(self.make(&params, run)?)
    }
}

impl Diffusion {
    fn make(&mut self, params: &Params, run: &Run) -> Result<Outputs, Error> {
        let settings = params.check()?;
        let file = read_shot(&run.require("shot")?.path)?;
        let seconds = params.seconds.or(file.seconds).unwrap_or(5.0);
        if !SECONDS.contains(&seconds) {
            let (least, most) = (SECONDS.start(), SECONDS.end());
            return Err(Error::Param {
                name: "seconds",
                value: seconds.to_string(),
                expected: format!("expected {least} to {most} seconds in one shot"),
            });
        }
        let seed = params.seed.or(file.seed).unwrap_or(0);

        let model = Model::open(&run.require("model")?.path)?;
        let contract = &model.contract;
        settings.check_territory(&contract.name, &contract.licence)?;
        let size = (contract.video.width, contract.video.height);
        let mut warnings = Vec::new();
        let conditions = match run.input("image") {
            Some(artifact) => {
                vec![Condition { start: 0, pictures: vec![read_picture(artifact, size, &mut warnings)?] }]
            }
            None => Vec::new(),
        };
        let rate = params.motion_fps.unwrap_or(contract.video.fps) / settings.rate();
        let frames = (seconds * settings.rate()).round().max(1.0) as u64;
        let wanted = (1.0 + (frames - 1) as f64 * rate).floor() as usize + MARGIN;
        let shot = Shot {
            prompt: file.prompt,
            negative_prompt: file.negative_prompt,
            seed,
            mode: if conditions.is_empty() { Mode::TextToVideo } else { Mode::ImageToVideo },
            width: size.0,
            height: size.1,
            frames: wanted,
            conditions,
            edit: None,
            noise: None,
            scheduler: params.scheduler.unwrap_or(contract.sampling.scheduler),
            steps: params.steps.unwrap_or(contract.sampling.steps),
            shift: params.shift.unwrap_or(contract.sampling.shift),
            guidance: params.guidance.unwrap_or(contract.sampling.guidance),
            guidance_low: contract.sampling.guidance_low,
        };

        let engine = Engine { runtime: runtime()?, threads: run.threads(), provider: settings.provider };
        run.check_cancelled()?;
        let family = self.family(&model, &engine)?;
        let clips = family.clips(wanted);
        let total = (clips * shot.steps) as u64 + frames;

        let path = run.scratch().join("clip.mkv");
        let film = Film::new(size, settings.width, settings.height, seed, settings.grain);
        let options =
            WriteOptions { codec: Mezzanine::Ffv1, format: film.format(), fps: settings.fps, threads: run.threads() };
        let mut source = family.begin(&shot)?;
        let mut reel = Reel {
            source: source.as_mut(),
            run,
            wanted,
            clips,
            steps: shot.steps,
            total,
            taken: 0,
            done: 0,
            thinking: 0.0,
            frames: 0,
        };
        let written = std::thread::scope(|scope| {
            // Two pictures ahead: the model works on while frames are enlarged and written, in bounded memory.
            let (sender, receiver) = sync_channel::<Picture>(2);
            let (file, film) = (&path, &film);
            let printer = scope.spawn(move || print(file, options, film, &receiver));
            let mut timeline = Timeline::new();
            let mut shoot = || -> Result<(), Error> {
                for index in 0..frames {
                    let moment = timeline.at(1.0 + index as f64 * rate, &mut || reel.next())?;
                    if sender.send(moment).is_err() {
                        // The printer has stopped, and says why when it is joined.
                        return Ok(());
                    }
                    reel.frame_done(frames)?;
                }
                Ok(())
            };
            let shot = shoot();
            drop(sender);
            let written = printer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            shot.and(written)
        })?;
        let (steps, thinking) = (reel.done, reel.thinking);
        warnings.extend_from_slice(source.warnings());
        for warning in &warnings {
            tracing::warn!("{warning}");
        }

        let made = Made {
            params,
            settings: &settings,
            shot: &shot,
            seconds,
            motion_fps: params.motion_fps.unwrap_or(contract.video.fps),
            model: &model,
            engine: &engine,
            clip: &path,
            written: &written,
        };
        let recipe = write_recipe(&made, run)?;
        let facts = json!({
            "width": settings.width,
            "height": settings.height,
            "fps": settings.rate(),
            "seconds": written.seconds,
            "frames": written.frames,
            "prompt": shot.prompt,
            "model": contract.name,
            "seed": seed,
        });
        let understood: Map<_, _> =
            source.understood().iter().map(|(slot, word)| (slot.clone(), Value::from(word.as_str()))).collect();
        let output = Output {
            path,
            media: "video/x-matroska".into(),
            name: "clip.mkv".into(),
            facts: facts.as_object().cloned().unwrap_or_default(),
        };
        Ok(Outputs::new()
            .output("clip", output)
            .output("recipe", recipe)
            .fact("clips", clips)
            .fact("steps", steps)
            .fact("seconds-per-step", (thinking / steps.max(1) as f64 * 1e4).round() / 1e4)
            .fact("scheduler", shot.scheduler.to_string())
            .fact("guidance", f64::from(shot.guidance))
            .fact("provider", engine.provider.to_string())
            .fact("onnxruntime", engine.runtime.version.as_str())
            .fact("model-sha256", model.sha256.as_str())
            .fact("licence", contract.licence.spdx.as_str())
            .fact("understood", understood)
            .fact("warnings", warnings))
    }

    /// The model, loaded now unless it is the one of the last run.
    fn family(&mut self, model: &Model, engine: &Engine) -> Result<&mut dyn Family, Error> {
        let Engine { threads, provider, .. } = *engine;
        let same = |l: &Loaded| l.sha256 == model.sha256 && l.threads == threads && l.provider == provider;
        let loaded = match self.loaded.take().filter(same) {
            Some(loaded) => loaded,
            None => {
                tracing::info!(model = model.contract.name, threads, %provider, "loading the model");
                let family = family::load(model, engine)?;
                Loaded { sha256: model.sha256.clone(), threads, provider, family }
            }
        };
        Ok(self.loaded.insert(loaded).family.as_mut())
    }
}

/// The model's frames on their way to the timeline, counted and reported.
struct Reel<'a, 'f> {
    source: &'a mut (dyn Frames + 'f),
    run: &'a Run,
    /// Frames of the model this shot needs.
    wanted: usize,
    clips: usize,
    /// Denoising steps of a clip.
    steps: usize,
    /// Steps and frames in all.
    total: u64,
    taken: usize,
    /// Denoising steps done.
    done: u64,
    /// Seconds spent in the model.
    thinking: f64,
    /// Frames handed on.
    frames: u64,
}

impl Reel<'_, '_> {
    /// The next frame of the model, cleaned, as Y'CbCr; `None` once there are enough.
    fn next(&mut self) -> Result<Option<Picture>, Error> {
        if self.taken == self.wanted {
            return Ok(None);
        }
        self.taken += 1;
        let start = Instant::now();
        let Self { source, run, clips, steps, total, done, frames, .. } = self;
        let picture = source.next(&mut |step| {
            *done += 1;
            run.progress(
                *done + *frames,
                *total,
                format!("clip {} of {clips}, step {} of {steps}", step.clip, step.step),
            );
            Ok(run.check_cancelled()?)
        })?;
        self.thinking += start.elapsed().as_secs_f64();
        Ok(picture.map(|picture| smooth::clean(&colour::to_ycbcr(&picture))))
    }

    /// Counts a finished frame.
    fn frame_done(&mut self, all: u64) -> Result<(), Error> {
        self.frames += 1;
        self.run.progress(self.done + self.frames, self.total, format!("frame {} of {all}", self.frames));
        Ok(self.run.check_cancelled()?)
    }
}

/// Enlarges and writes pictures until there are no more.
fn print(path: &Path, options: WriteOptions, film: &Film, pictures: &Receiver<Picture>) -> Result<Written, Error> {
    let mut writer = Writer::create(path, options).map_err(media)?;
    for (index, picture) in pictures.iter().enumerate() {
        writer.write(&film.frame(index as u64, &picture).map_err(media)?).map_err(media)?;
    }
    writer.finish().map_err(media)
}

/// Writes the recipe beside the clip.
fn write_recipe(made: &Made<'_>, run: &Run) -> Result<Output, Error> {
    let path = run.scratch().join("clip.recipe.json");
    let text = format!("{:#}\n", recipe(made, run)?);
    fs::write(&path, text).map_err(|e| io_failure("write", &path, &e))?;
    Ok(Output { path, media: "application/json".into(), name: "clip.recipe.json".into(), facts: Map::new() })
}

fn read_shot(path: &Path) -> Result<ShotFile, Error> {
    let bad = |reason: String| Error::Shot { file: path.into(), reason };
    let mut text = String::new();
    let opened = fs::File::open(path).map_err(|e| bad(e.to_string()))?;
    opened.take(MAX_SHOT).read_to_string(&mut text).map_err(|e| bad(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
}

/// The first frame: cut to the model's shape, and without transparency.
fn read_picture(artifact: &Artifact, size: (usize, usize), warnings: &mut Vec<String>) -> Result<Picture, Error> {
    let bad = |e: spotloom_media::Error| Error::Picture { name: artifact.name.clone(), reason: e.to_string() };
    let (width, height) = (size.0 as u32, size.1 as u32);
    let options = ReadOptions::new(Pixel::Rgba).filter(filters::cover(width, height));
    let frame = Reader::open(&artifact.path, options)
        .map_err(bad)?
        .next()
        .ok_or_else(|| Error::Picture { name: artifact.name.clone(), reason: "it has no frame".into() })?
        .map_err(bad)?;
    debug_assert_eq!(frame.format(), FrameFormat::new(width, height, Pixel::Rgba));
    let mut picture = Picture::filled(size.0, size.1, 0.0);
    let mut transparent = false;
    for (i, pixel) in frame.plane(0).chunks_exact(4).enumerate() {
        let alpha = f32::from(pixel[3]) / 255.0;
        transparent |= pixel[3] < 250;
        for (plane, value) in pixel[..3].iter().enumerate() {
            let over = f32::from(*value) * alpha + BACKDROP * (1.0 - alpha);
            picture.plane_mut(plane)[i] = over / 127.5 - 1.0;
        }
    }
    if transparent {
        warnings.push(format!("{} is transparent in places; a light backdrop was put behind it", artifact.name));
    }
    Ok(picture)
}

/// What shows through a transparent picture, in 8-bit steps.
const BACKDROP: f32 = 232.0;

fn media(error: spotloom_media::Error) -> Error {
    let failure = Failure::new(error.code(), error.to_string());
    if error.is_retryable() { failure.retryable().into() } else { failure.into() }
}
