//! The stage: parameters in, a mezzanine out.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use serde_json::{Map, Value, json};
use spotloom_media::{Frame, Mezzanine, Pixel, WriteOptions, Written};
use spotloom_onnx::{Engine, Provider, SessionOptions, runtime};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;
use spotloom_plugin_sdk::recipe as recipes;

use crate::ask::{self, ShotFile};
use crate::contract::{FamilyName, Mode, Model};
use crate::error::Error;
use crate::family::{self, Decode, Family, Frames, Levers, Shot};
use crate::finish::film::Film;
use crate::finish::pace::Paced;
use crate::footage::Clip;
use crate::layout::{self, Layout, Plan};
use crate::params::{Params, Settings};
use crate::printer::{Sheet, print};
use crate::recipe::{Made, recipe};
use crate::reel::{Reel, Work};

/// Holds the model between the runs of a warm host.
#[derive(Default)]
pub struct Diffusion {
    loaded: Option<Loaded>,
}

/// A model in memory, and what it was loaded for.
struct Loaded {
    sha256: String,
    /// Threads, provider, options.
    set_up: (usize, Provider, SessionOptions),
    family: Box<dyn Family>,
}

impl Stage for Diffusion {
    type Params = Params;

    fn about() -> About {
        About::new(
            "diffusion",
            env!("CARGO_PKG_VERSION"),
            "Makes a moving picture from a caption, and from pictures or clips",
        )
        .cpu(0)
        .input(input("model", "The diffusion model").required().resource(Resource::Model))
        .input(input("shot", "What to show: prompt, seconds, seed").required().media("application/json"))
        .input(input("image", "The first frame").media("image/*"))
        .input(input("last-image", "The last frame").media("image/*"))
        .input(input("clip", "A clip to go on from, to make again, or to close to a loop").media("video/*"))
        .input(input("clip-after", "A clip to lead into").media("video/*"))
        .output("clip", "The shot: lossless, 4:2:0, 10 bit, BT.709", "video/x-matroska")
        .output("recipe", "Everything the clip was made of, to make it again", "application/json")
        .outputs("variations", "The other clips, when several are asked for", "video/x-matroska")
        .outputs("variation-recipes", "Their recipes, in the same order", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        if params.check_model {
            return Ok(self.check_model(&params, run)?);
        }
        Ok(self.make(&params, run)?)
    }
}

/// Everything of a run that its variations share.
struct Take<'a> {
    params: &'a Params,
    settings: &'a Settings,
    mode: Mode,
    layout: &'a Layout,
    model: &'a Model,
    engine: &'a Engine,
    motion_fps: f64,
}

impl Diffusion {
    fn make(&mut self, params: &Params, run: &Run) -> Result<Outputs, Error> {
        let settings = params.check()?;
        let file = ShotFile::read(&run.require("shot")?.path)?;
        let seconds = ask::seconds(params.seconds.or(file.seconds))?;
        let mode = ask::mode(params, layout::files(run))?;
        let model = Model::open(&run.require("model")?.path)?;
        let contract = &model.contract;
        contract.licence.check(&contract.name, &settings.territory)?;
        ask::offered(contract, mode)?;
        let size = contract.video.nearest(settings.width, settings.height);
        let mut warnings = Vec::new();
        let plan = Plan { params, settings: &settings, contract, mode, seconds, size };
        let layout = layout::lay_out(&plan, run, &mut warnings)?;
        let mut shot = Shot {
            prompt: file.prompt,
            asked: file.asked,
            negative_prompt: file.negative_prompt,
            seed: params.seed.or(file.seed).unwrap_or(0).wrapping_add(u64::from(params.seed_offset)),
            mode: layout.mode,
            width: size.0,
            height: size.1,
            frames: layout.cut.wanted,
            subject: params.subject,
            conditions: layout.conditions.clone(),
            edit: layout.edit.clone(),
            noise: None,
            scheduler: params.scheduler.unwrap_or(contract.sampling.scheduler),
            steps: Settings::steps(params.preview, params.steps.unwrap_or(contract.sampling.steps)),
            shift: params.shift.unwrap_or(contract.sampling.shift),
            guidance: params.guidance.unwrap_or(contract.sampling.guidance),
            // Without guidance there is none in either expert.
            guidance_low: contract
                .sampling
                .guidance_low
                .map(|low| if params.guidance == Some(1.0) { 1.0 } else { low }),
            levers: Levers::default(),
        };

        let wrong = |expected| Error::Param { name: "scheduler", value: shot.scheduler.to_string(), expected };
        contract.family.fits(shot.scheduler).map_err(wrong)?;
        if params.shift.is_some() && !contract.takes_shift(shot.scheduler) {
            let why = match shot.scheduler.takes_velocity() {
                true => "its shift grows with the size and length of the clip",
                false => "its schedule has none",
            };
            warnings.push(format!("`shift` has no effect on {}: {why}", contract.name));
        }

        let (threads, provider) = (run.threads(), settings.provider);
        let session = family::session(params.session, contract.family);
        let engine = Engine { runtime: runtime()?, threads, provider, session };
        run.check_cancelled()?;
        let family = self.family(&model, &engine)?;
        shot.levers = params.levers(family.calls());
        if shot.levers.decode == Decode::Tiles && !family.decodes_in_tiles() {
            let reason =
                "to decode in tiles; models of the families `wan`, `ltx` and `cogvideox` can. Leave `decode` out"
                    .into();
            return Err(Error::Unable { model: contract.name.clone(), reason });
        }
        let dropped = shot.edit.take_if(|edit| !family.takes_draft(&edit.draft)).is_some();
        if dropped && shot.conditions.is_empty() {
            let reason = format!("to {mode}: it has no way to begin with a clip in place of noise");
            return Err(Error::Unable { model: contract.name.clone(), reason });
        }
        if dropped && params.strength.is_some() {
            warnings.push(format!(
                "`strength` has no effect on {}: what is given is told to it by pictures alone",
                contract.name
            ));
        }
        let (clips, steps) = (family.windows(&shot), shot.steps - shot.first_step());
        let total = (clips * steps) as u64 + layout.cut.frames;
        let total = total * u64::from(params.variations);
        let mut work = Work { run, clips, steps: shot.steps, total, done: 0, frames: 0, thinking: 0.0 };
        let motion_fps = params.motion_fps.unwrap_or(contract.video.fps);
        let take =
            Take { params, settings: &settings, mode, layout: &layout, model: &model, engine: &engine, motion_fps };

        let mut outputs = Outputs::new();
        let mut understood = Map::new();
        let mut skipped = None;
        for k in 0..params.variations {
            let shot = Shot { seed: shot.seed.wrapping_add(u64::from(k)), ..shot.clone() };
            let mut source = family.begin(&shot)?;
            let (clip, recipe) = take.shoot(&shot, k == 0, source.as_mut(), &mut work)?;
            skipped = source.skipped().or(skipped);
            let ports = if k == 0 { ["clip", "recipe"] } else { ["variations", "variation-recipes"] };
            outputs = outputs.output(ports[0], clip).output(ports[1], recipe);
            // What went otherwise than asked is told of every variation, and once where it is the same.
            for warning in source.warnings() {
                if !warnings.contains(warning) {
                    warnings.push(warning.clone());
                }
            }
            if k == 0 {
                let words = source.understood().iter();
                understood = words.map(|(slot, word)| (slot.clone(), Value::from(word.as_str()))).collect();
            }
        }
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Ok(outputs
            .fact("mode", mode.name())
            .fact("clips", clips)
            .fact("steps", work.done)
            .fact("seconds-per-step", (work.thinking / work.done.max(1) as f64 * 1e4).round() / 1e4)
            .fact("scheduler", shot.scheduler.to_string())
            .fact("guidance", f64::from(shot.guidance))
            .fact("skipped", json!(skipped))
            .fact("provider", engine.provider.to_string())
            .fact("onnxruntime", engine.runtime.version.as_str())
            .fact("model-sha256", model.sha256.as_str())
            .fact("licence", contract.licence.spdx.as_str())
            .fact("understood", understood)
            .fact("warnings", warnings))
    }

    /// Loads every part of the model once, and tells the contract where no `model.yaml` does.
    fn check_model(&mut self, params: &Params, run: &Run) -> Result<Outputs, Error> {
        let settings = params.check()?;
        let model = Model::open(&run.require("model")?.path)?;
        let engine = Engine {
            runtime: runtime()?,
            threads: run.threads(),
            provider: settings.provider,
            session: family::session(params.session, model.contract.family),
        };
        self.family(&model, &engine)?.try_out()?;
        // What was put together is written as JSON.
        let contract = model.derived.then(|| serde_json::from_str(&model.text).unwrap_or(Value::Null));
        Ok(Outputs::new().fact("contract", contract.unwrap_or_default()))
    }

    /// The model, loaded now unless it is the one of the last run.
    fn family(&mut self, model: &Model, engine: &Engine) -> Result<&mut dyn Family, Error> {
        let Engine { threads, provider, session, .. } = *engine;
        let set_up = (threads, provider, session);
        let same = |l: &Loaded| l.sha256 == model.sha256 && l.set_up == set_up;
        let loaded = match self.loaded.take().filter(same) {
            Some(loaded) => loaded,
            None => {
                tracing::info!(model = model.contract.name, threads, %provider, "loading the model");
                let family = family::load(model, engine)?;
                Loaded { sha256: model.sha256.clone(), set_up, family }
            }
        };
        Ok(self.loaded.insert(loaded).family.as_mut())
    }
}

impl Take<'_> {
    /// Makes one clip and its recipe.
    fn shoot(
        &self,
        shot: &Shot,
        first: bool,
        source: &mut (dyn Frames + '_),
        work: &mut Work<'_>,
    ) -> Result<(Output, Output), Error> {
        let (settings, run) = (self.settings, work.run);
        let name = &self.params.name;
        let stem = if first { name.clone() } else { format!("{name}_seed-{}", shot.seed) };
        let path = run.scratch().join(format!("{stem}.mkv"));
        let (width, height) = (shot.width, shot.height);
        let film = Film::new((width, height), settings.width, settings.height, shot.seed, settings.grain);
        let options = WriteOptions {
            codec: Mezzanine::Lossless,
            format: film.format(),
            fps: settings.fps,
            threads: run.threads(),
        };
        let written = std::thread::scope(|scope| {
            // Two frames ahead: the model works on while they are enlarged and written, in bounded memory.
            let (sender, receiver) = sync_channel::<Sheet>(2);
            let (file, film) = (&path, &film);
            let printer = scope.spawn(move || print(file, options, film, &receiver));
            let shot = self.roll(shot, source, &sender, work);
            drop(sender);
            let written = printer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            shot.and(written)
        })?;
        let made = Made {
            params: self.params,
            settings,
            shot,
            mode: self.mode,
            strength: (self.mode != Mode::TextToVideo).then_some(self.layout.strength),
            seconds: self.layout.seconds,
            motion_fps: self.motion_fps,
            model: self.model,
            engine: self.engine,
            clip: &path,
            written: &written,
            skipped: source.skipped(),
            decode: source.decode(),
        };
        let recipe = recipes::write(&recipe(&made, run)?, run, &stem)?;
        Ok((self.output(path, shot, &written), recipe))
    }

    /// Hands every frame of the result to the printer, in order.
    fn roll(
        &self,
        shot: &Shot,
        source: &mut (dyn Frames + '_),
        sender: &SyncSender<Sheet>,
        work: &mut Work<'_>,
    ) -> Result<(), Error> {
        let cut = &self.layout.cut;
        let turn = if shot.mode == Mode::Loop { 1 + cut.blend.after() } else { 0 };
        let ambient = self.model.contract.family == FamilyName::Ambient;
        let mut reel = Reel { source, left: cut.wanted + turn, clean: ambient };
        // What the embedded model shows moves steadily, and an edited clip keeps the pace of the clip.
        let steady = ambient && self.mode != Mode::Edit;
        let mut timeline = Paced::new(cut.blend, steady.then(|| cut.pins()));
        let mut before = cut.before.map(|_| self.kept(self.layout.before.as_ref(), 0)).transpose()?.flatten();
        let mut after: Option<Kept> = None;
        for index in 0..cut.frames {
            let made = if (cut.made.0..cut.made.1).contains(&index) {
                Some(timeline.at(cut.position(index), &mut || reel.next(work))?)
            } else {
                None
            };
            if let Some(kept) = cut.after.filter(|kept| index == kept.until) {
                let first = i64::try_from(index).unwrap_or(0) - kept.offset;
                after = self.kept(self.layout.after.as_ref(), u64::try_from(first).unwrap_or(0))?;
            }
            let kept = match (&mut before, &mut after) {
                (_, Some(after)) => after.next()?,
                (Some(before), None) if cut.before.is_some_and(|kept| index < kept.until) => before.next()?,
                _ => None,
            };
            if sender.send(Sheet { made, kept, share: cut.share(index) }).is_err() {
                // The printer has stopped, and says why when it is joined.
                return Ok(());
            }
            work.frame_done(index, cut.frames)?;
        }
        Ok(())
    }

    fn kept(&self, clip: Option<&Clip>, from: u64) -> Result<Option<Kept>, Error> {
        let Some(clip) = clip else { return Ok(None) };
        let frames = clip.read((self.settings.width, self.settings.height), Pixel::Yuv420p10, from)?;
        Ok(Some(Kept { frames: Box::new(frames), last: None }))
    }

    fn output(&self, path: PathBuf, shot: &Shot, written: &Written) -> Output {
        let facts = json!({
            "width": self.settings.width,
            "height": self.settings.height,
            "fps": self.settings.rate(),
            "seconds": written.seconds,
            "frames": written.frames,
            "prompt": shot.prompt,
            "model": self.model.contract.name,
            "seed": shot.seed,
        });
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Output { path, media: "video/x-matroska".into(), name, facts: facts.as_object().cloned().unwrap_or_default() }
    }
}

/// A clip's frames one after the other; past its end the last one stays.
struct Kept {
    frames: Box<dyn Iterator<Item = Result<Frame, Error>>>,
    last: Option<Frame>,
}

impl Kept {
    fn next(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(frame) = self.frames.next() {
            self.last = Some(frame?);
        }
        Ok(self.last.clone())
    }
}
