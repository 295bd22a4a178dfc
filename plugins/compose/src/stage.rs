//! The stage itself: inputs in, checks, a composition out.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use spotloom_composition::picture::footage::Clip;
use spotloom_composition::{ClipMark, Composer, Composition};
use spotloom_media::{Frame, FrameFormat, Mezzanine, Pixel, Subject, WriteOptions};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

use crate::legible;
use crate::look::layout;
use crate::mezzanine;
use crate::params::{Params, Reframe};
use crate::poster;
use crate::prepare::{Design, preflight, prepare};
use crate::sheet;
use crate::timeline::{PartKind, Timeline, in_range, lay_out};
use spotloom_composition::picture::samples::Samples;

/// The media type of what [`Composition::write`] writes.
const COMPOSITION: &str = "application/vnd.spotloom.composition";

/// The stage `compose`.
#[derive(Debug, Default)]
pub struct Compose {
    /// The next aspect or language mostly looks at the same frames of the same clips.
    samples: Arc<Mutex<Samples>>,
}

impl Stage for Compose {
    type Params = Params;

    fn about() -> About {
        About::new(
            "compose",
            env!("CARGO_PKG_VERSION"),
            "Clips, brand kit and look to one finished ad, ready to be encoded",
        )
        .cpu(0)
        .input(input("clips", "The scenes' clips, in order").required().many().media("video/*"))
        .input(input("brand", "The brand kit").required().resource(Resource::Brand))
        .input(input("look", "The graphics: an SVG template").required().resource(Resource::Look))
        .input(input("product", "A picture of the product, with alpha").resource(Resource::Asset).media("image/*"))
        .input(input("images", "More pictures for the look").many().resource(Resource::Asset).media("image/*"))
        .input(input("captions", "Cues to burn in, as `captions` writes them").media("application/json"))
        .output("composition", "The finished ad before it is encoded; `transcode` paints it", COMPOSITION)
        .output("mezzanine", "The finished picture track, where `mezzanine` asks for it", "video/x-matroska")
        .output("poster", "The most telling frame", "image/png")
        .output("layout", "Where its texts stand, and when which scene is seen", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        if params.brand_sheet {
            return brand_sheet(run);
        }
        if params.preflight {
            check(&params)?;
            preflight(&params, run)?;
            return Ok(Outputs::new());
        }
        let clips: Vec<PathBuf> = run.inputs("clips").iter().map(|a| a.path.clone()).collect();
        if clips.is_empty() {
            run.require("clips")?;
        }
        check(&params)?;
        run.progress(0, 0, "laying out");
        let mut opened = clips.iter().map(|c| Clip::open(c)).collect::<Result<Vec<_>, _>>()?;
        let lengths: Vec<f64> = opened.iter().map(Clip::seconds).collect();
        let timeline = lay_out(&params, &lengths)?;
        let poster_frame = poster_frame(&timeline, params.poster_at)?;
        let Design { mut layers, ink, paper, rtl } = prepare(&params, &timeline, run)?;
        run.check_cancelled()?;

        let (width, height) = (params.width as usize, params.height as usize);
        let format = FrameFormat::new(params.width, params.height, Pixel::Yuv420p);
        let (fps, frames) = (timeline.fps, timeline.frames);
        let own = |clip: usize| params.scenes.get(clip).and_then(|s| s.source.as_deref());
        let push = |clip| if matches!(own(clip), Some("footage" | "picture")) { 0.0 } else { params.push };
        let push: Vec<f64> = (0..clips.len()).map(push).collect();
        run.progress(0, 0, "looking for the subjects");
        let mut composition = Composition {
            width,
            height,
            timeline: timeline.clone(),
            clips: run.inputs("clips").iter().map(|a| ClipMark { sha256: a.sha256.clone() }).collect(),
            layers: Vec::new(),
            push,
            subjects: subjects(&params, &clips, run)?,
            grain: params.grain,
            dip: ink.to_yuv(),
            rtl,
            background: params.end_card.background,
        };
        let look_through = |composition: Arc<Composition>| {
            Composer::new(composition, clips.clone(), run.threads()).with_samples(Arc::clone(&self.samples))
        };
        let mut footage = look_through(Arc::new(composition.clone()));
        let mut key = |part: usize, t: f64| {
            let PartKind::Scene(clip) = timeline.parts.get(part)?.kind else { return None };
            let (start, end) = timeline.footage(part);
            Some(start + opened.get_mut(clip)?.key_near(t - start, end - start)?)
        };
        legible::ensure(&mut layers, &timeline, (width, height), [ink, paper], &mut key, |number| {
            run.check_cancelled()?;
            run.progress(number, frames, "looking at what is under the texts");
            let mut frame = Frame::new(format);
            footage.paint_alone(number, &mut frame)?;
            Ok(frame)
        })?;
        drop((footage, opened));
        let layout = run.scratch().join("layout.json");
        let size = (params.width, params.height);
        let document = layout::document(&timeline, size, &params.locale, &layers, own).to_string();
        std::fs::write(&layout, document).map_err(|e| io_failure("write", &layout, &e))?;
        composition.layers = layers.into_iter().map(|l| l.drawn).collect();
        let file = run.scratch().join("composition");
        let composition = Arc::new(composition);
        let poster = run.scratch().join("poster.png");
        std::thread::scope(|scope| {
            let written = scope.spawn(|| composition.write(&file).map_err(|e| io_failure("write", &file, &e)));
            let mut frame = Frame::new(format);
            look_through(Arc::clone(&composition)).paint_alone(poster_frame, &mut frame)?;
            poster::write(&frame, &poster, run.threads())?;
            written.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        let rate = f64::from(fps.0) / f64::from(fps.1);
        let size = json!({"width": params.width, "height": params.height, "locale": params.locale});
        let track = json!({
            "width": params.width, "height": params.height, "fps": rate,
            "seconds": timeline.seconds, "frames": frames, "locale": params.locale,
        });
        let output = |path: PathBuf, media: &str, facts: Value| Output {
            path,
            media: media.into(),
            name: String::new(),
            facts: facts.as_object().cloned().unwrap_or_else(Map::new),
        };
        let poster_name = format!("{}.png", params.poster_name.as_deref().unwrap_or("poster"));
        let mut outputs = Outputs::new();
        if params.mezzanine {
            let path = run.scratch().join("mezzanine.mkv");
            let options = WriteOptions { codec: Mezzanine::Visual, format, fps, threads: run.threads() };
            mezzanine::write(&path, options, Composer::new(composition, clips, run.threads()), run)?;
            outputs = outputs.output("mezzanine", output(path, "video/x-matroska", track.clone()));
        }
        Ok(outputs
            .output("composition", output(file, COMPOSITION, track))
            .output("poster", Output { name: poster_name, ..output(poster, "image/png", size) })
            .output("layout", output(layout, "application/json", json!({"locale": params.locale})))
            .fact("frames", frames)
            .fact("seconds", timeline.seconds))
    }
}

fn brand_sheet(run: &Run) -> Result<Outputs, Failure> {
    let path = run.scratch().join("brand-sheet.png");
    let mistakes = sheet::draw(&run.require("brand")?.path, &path)?;
    Ok(Outputs::new().file("poster", path, "image/png").fact("mistakes", mistakes))
}

/// Where to look in the clips that are cut to another shape.
fn subjects(params: &Params, clips: &[PathBuf], run: &Run) -> Result<Vec<Option<Subject>>, Failure> {
    let shape = f64::from(params.width) / f64::from(params.height);
    let one = |clip: &PathBuf| -> Result<Option<Subject>, Failure> {
        run.check_cancelled()?;
        let info = spotloom_media::probe(clip)?;
        let Some(video) = info.video else { return Ok(None) };
        let own = f64::from(video.width) / f64::from(video.height.max(1));
        // Little is cut off then, and nothing of what is in it.
        if params.reframe == Reframe::Centre || (own / shape).max(shape / own) < 1.15 {
            return Ok(None);
        }
        Subject::find(clip, None, shape, run.threads()).map(Some).map_err(Failure::from)
    };
    clips.iter().map(one).collect()
}

fn check(params: &Params) -> Result<(), Failure> {
    for (name, side) in [("width", params.width), ("height", params.height)] {
        in_range(name, f64::from(side), 64.0, 4096.0)?;
        if side % 2 != 0 {
            let (value, expected) = (side.to_string(), "an even number".into());
            return Err(crate::error::Error::Param { name: name.into(), value, expected }.into());
        }
    }
    in_range("grain", params.grain, 0.0, 1.0)?;
    in_range("push", params.push, 0.0, 0.5)?;
    let zone = params.safe_zone;
    for (name, side) in [("top", zone.top), ("right", zone.right), ("bottom", zone.bottom), ("left", zone.left)] {
        in_range(&format!("safe-zone.{name}"), side, 0.0, 0.45)?;
    }
    Ok(())
}

/// The end card when all of it is there, or the middle of the last scene.
fn poster_frame(timeline: &Timeline, wanted: Option<f64>) -> Result<u64, Failure> {
    if let Some(t) = wanted {
        in_range("poster-at", t, 0.0, timeline.seconds)?;
    }
    let usual = timeline.parts.last().map_or(0.0, |last| {
        let share = if timeline.end_card().is_some() { 0.75 } else { 0.5 };
        last.start + (last.end - last.start) * share
    });
    let rate = f64::from(timeline.fps.0) / f64::from(timeline.fps.1);
    Ok(((wanted.unwrap_or(usual) * rate) as u64).min(timeline.frames - 1))
}
