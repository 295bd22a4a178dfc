//! The stage `transcode`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};

use spotloom_composition::picture::reel::Reels;
use spotloom_media::{AudioClip, Pass, RateControl, Sound, Written, takes_two_passes};
use spotloom_plugin_sdk::api::{Artifact, Level};
use spotloom_plugin_sdk::prelude::*;

use crate::encode::{self, Job, Made, Passage};
use crate::facts;
use crate::own;
use crate::params::Params;
use crate::plan::{self, Mezzanine, Planned};
use crate::preset::{self, Preset};
use crate::sheet::Sheet;
use crate::slate;
use crate::source::Source;
use crate::tracks::{self, Tracks};

/// Makes masters.
#[derive(Default)]
pub struct Transcode {
    tracks: Tracks,
    /// Decoded footage, for the next aspect or language of the ad.
    reels: Arc<Mutex<Reels>>,
}

impl Stage for Transcode {
    type Params = Params;

    fn about() -> About {
        About::new("transcode", env!("CARGO_PKG_VERSION"), "Makes a master file for every preset from a composed video")
            .cpu(0)
            .input(input("composition", "The finished ad, as `compose` writes it"))
            .input(
                input("clips", "The clips of the composition, in the order they were given to `compose`")
                    .many()
                    .media("video/*"),
            )
            .input(input("mezzanine", "A finished video, in place of a composition").media("video/*"))
            .input(input("presets", "What the masters are for").required().many().resource(Resource::Preset))
            .input(
                input("music", "Music, repeated or cut to the length of the video")
                    .media("audio/*")
                    .resource(Resource::Asset),
            )
            .input(
                input("voiceover", "A spoken track; the music goes down under it")
                    .media("audio/*")
                    .resource(Resource::Asset),
            )
            .input(
                input("own-sound", "Footage whose own sound is heard in its scene; the music goes down under it")
                    .many()
                    .media("video/*")
                    .media("application/mxf")
                    .media("image/gif")
                    .resource(Resource::Asset),
            )
            .input(
                input("effects", "Sounds that are heard on the cues").many().media("audio/*").resource(Resource::Asset),
            )
            .outputs("masters", "One file per preset: MP4, or what the preset says", "video/mp4")
            .output("contact-sheet", "Twelve frames at a glance", "image/png")
            .output("loudness", "Loudness of the masters over time, for a plot", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        if params.preflight {
            return preflight(&params, run);
        }
        let made = self.masters(&params, run);
        // The disk is given back as soon as nobody needs what is on it, not when this process ends.
        let mut reels = self.reels.lock().unwrap_or_else(PoisonError::into_inner);
        match &made {
            Err(failure) if failure.code == "disk-full" => reels.give_up(),
            Ok(_) if run.to_come("clips") > 0 => {}
            _ => reels.only([]),
        }
        drop(reels);
        made
    }
}

impl Transcode {
    fn masters(&mut self, params: &Params, run: &Run) -> Result<Outputs, Failure> {
        params.check()?;
        run.require("presets")?;
        let presets = run.inputs("presets").iter().map(read_preset).collect::<Result<Vec<_>, _>>()?;
        let (source, mezzanine) = Source::open(run, &self.reels)?;
        let planned = plan::plan(mezzanine, presets, params)?;
        for p in planned.iter().filter(|p| p.options.width > mezzanine.width) {
            let (w, h) = (mezzanine.width, mezzanine.height);
            run.log(
                Level::Warn,
                format!("{}: {w}x{h} is enlarged to {}x{}", p.name, p.options.width, p.options.height),
            );
        }

        let frames = (mezzanine.seconds * plan::value(mezzanine.fps)).round() as u64;
        run.progress(0, frames, "reading the sound");
        let tracks = &mut self.tracks;
        let unmixed = tracks::read(tracks, mezzanine.seconds, params, run)?;
        let again = planned.iter().any(|p| p.may_need_another_pass(mezzanine.seconds));
        let mut work = Work { source, mezzanine, frames, params, sheet: None, again, run };
        // An encoder looks at some dozens of pictures before it needs any sound, so that is mixed meanwhile.
        let (receivers, coming): (Vec<_>, Vec<_>) = planned.iter().map(|_| channel()).unzip();
        let given_up = AtomicBool::new(false);
        let (made, sounds) = std::thread::scope(|scope| {
            let masters = (&*planned, receivers);
            let mixed =
                scope.spawn(|| tracks::sounds(tracks, unmixed, masters, mezzanine.seconds, (params, run), &given_up));
            let made = work.make(&planned, coming.into_iter().map(Sound::Coming));
            given_up.store(made.is_err(), Ordering::Relaxed);
            (made, mixed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        // Without its sound no master is finished, so where both failed the sound's failure is why.
        let (sounds, mut made) = (sounds?, made?);
        work.again(&planned, &sounds, &mut made, "below the platform's least rate: padded up to it", below_floor)?;
        work.shrink(&planned, &sounds, &mut made)?;
        let sheet = work.sheet.take().and_then(|s| s.png());
        facts::hand_on(&planned, &made, &sounds, mezzanine.seconds, sheet, run)
    }
}

/// The programme and what goes with it.
struct Work<'a> {
    source: Source,
    mezzanine: Mezzanine,
    frames: u64,
    params: &'a Params,
    /// Filled by the first pass.
    sheet: Option<Sheet>,
    /// Whether a master may have to be made again.
    again: bool,
    run: &'a Run,
}

impl Work<'_> {
    /// Passes over the programme for all of these, as few as the memory of their encoders allows.
    fn make(&mut self, planned: &[Planned], sounds: impl IntoIterator<Item = Sound>) -> Result<Vec<Made>, Failure> {
        let mut jobs = Vec::with_capacity(planned.len());
        for (planned, sound) in planned.iter().zip(sounds) {
            let mut slate = None;
            if planned.around.slate > 0 {
                let (frame, warnings) = slate::draw(planned, self.params, self.mezzanine.seconds)?;
                warnings.into_iter().for_each(|warning| self.run.log(Level::Warn, warning));
                slate = Some(frame);
            }
            let path = self.run.scratch().join(&planned.file);
            jobs.push(Job { planned, sound, path, slate });
        }
        let passes = plan::passes(planned, self.mezzanine.seconds, self.run.threads());
        let first = self.sheet.is_none();
        if first {
            // What can't be had is told before the passes that come before it, not after.
            jobs.iter().skip(passes.first().copied().unwrap_or(0)).try_for_each(encode::try_out)?;
        }
        if passes.len() > 1 || !first {
            self.source.keep(self.run);
        }
        let of = self.frames * passes.len() as u64;
        let (mut jobs, mut made) = (jobs.into_iter(), Vec::with_capacity(planned.len()));
        for (pass, length) in passes.iter().enumerate() {
            let last = pass + 1 == passes.len() && !self.again;
            let passage = Passage { done: self.frames * pass as u64, of, last };
            let sheet =
                (first && pass == 0).then(|| Sheet::new(self.frames, self.mezzanine.width, self.mezzanine.height));
            let sheet = sheet.map(|sheet| self.sheet.insert(sheet));
            let jobs = jobs.by_ref().take(*length).collect();
            made.extend(encode::encode(&self.source, &self.mezzanine, passage, jobs, sheet, self.run)?);
        }
        Ok(made)
    }

    /// Makes those anew that `mended` has something for.
    fn again(
        &mut self,
        planned: &[Planned],
        sounds: &[AudioClip],
        made: &mut [Made],
        why: &str,
        mended: impl Fn(usize, &Planned, &Written) -> Option<Planned>,
    ) -> Result<(), Failure> {
        let (places, redo): (Vec<usize>, Vec<Planned>) = planned
            .iter()
            .zip(made.iter())
            .enumerate()
            .filter_map(|(i, (p, m))| mended(i, p, &m.written).map(|p| (i, p)))
            .unzip();
        if redo.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = redo.iter().map(|p| p.name.as_str()).collect();
        self.run.log(Level::Info, format!("{}: {why}", names.join(", ")));
        let redone = self.make(&redo, places.iter().map(|i| sounds[*i].clone().into()))?;
        places.into_iter().zip(redone).for_each(|(i, m)| made[i] = m);
        Ok(())
    }

    /// What came out larger than its preset takes, or over its ceiling, is made again at the rate that fits: in two passes where the
    /// encoder has them, so that the bits go where they are needed. Without them a rate is met less well, so it is corrected.
    fn shrink(&mut self, planned: &[Planned], sounds: &[AudioClip], made: &mut [Made]) -> Result<(), Failure> {
        let scratch = self.run.scratch().to_path_buf();
        let mut scale = vec![1.0; planned.len()];
        for _ in 0..4 {
            let over: Vec<bool> =
                planned.iter().zip(made.iter()).map(|(p, m)| plan::excess(p, &m.written) > 1.0).collect();
            if !over.contains(&true) {
                break;
            }
            let smaller = |i: usize, p: &Planned, w: &Written, pass: fn(PathBuf) -> Pass| {
                let two = takes_two_passes(p.options.codec, p.options.encoder);
                let pass = if two { pass(scratch.join(format!("pass-{i}.stats"))) } else { Pass::Only };
                over[i].then(|| plan::smaller(p, w.seconds, scale[i], pass))?
            };
            self.again(planned, sounds, made, "too large; made again to fit", |i, p, w| smaller(i, p, w, Pass::First))?;
            self.again(planned, sounds, made, "second pass", |i, p, w| {
                takes_two_passes(p.options.codec, p.options.encoder).then(|| smaller(i, p, w, Pass::Second))?
            })?;
            for ((scale, p), m) in scale.iter_mut().zip(planned).zip(made.iter()) {
                *scale *= (0.95 / plan::excess(p, &m.written)).min(1.0);
            }
        }
        Ok(())
    }
}

/// Sees whether the presets take a spot of this length with these codes, before there is one. The names that are codes come
/// back as the fact `codes`: what else is going to be called so is not known here.
fn preflight(params: &Params, run: &Run) -> Result<Outputs, Failure> {
    params.check()?;
    own::check(run)?;
    let presets = run.inputs("presets").iter().map(read_preset).collect::<Result<Vec<_>, _>>()?;
    // Shape and rate are those of the presets: the ad is composed for them, at the highest rate.
    let fastest = presets.iter().map(|(_, preset)| preset).max_by(|a, b| a.fps.total_cmp(&b.fps));
    let (Some(seconds), Some(fastest)) = (params.seconds, fastest) else { return Ok(Outputs::new()) };
    let fps = preset::rational(fastest.fps).unwrap_or((25, 1));
    let seconds = (seconds * plan::value(fps)).round() / plan::value(fps);
    let spot = Mezzanine { width: fastest.width, height: fastest.height, fps, seconds };
    let planned = plan::plan(spot, presets, params)?;
    for with_slate in planned.iter().filter(|p| p.around.slate > 0) {
        slate::check(with_slate, params, seconds)?;
    }
    let codes: Vec<String> = planned.into_iter().filter(|p| p.coded).map(|p| p.file).collect();
    Ok(Outputs::new().fact("codes", codes))
}

/// Whether a master is larger than its preset takes.
pub(crate) fn over_size(planned: &Planned, written: &Written) -> bool {
    planned.preset.limits.max_megabytes.is_some_and(|mb| written.bytes as f64 > mb * 1e6)
}

/// A master that is simpler than its platform's least rate, with the constant rate that mends it.
fn below_floor(_: usize, planned: &Planned, written: &Written) -> Option<Planned> {
    let floor = planned.preset.limits.min_kbps.filter(|floor| facts::kbps(written) < f64::from(*floor))?;
    if !planned.preset.video.codec.has_rate() {
        return None;
    }
    let mut again = planned.clone();
    // The sound adds its own; the picture alone then carries the floor with a little to spare.
    again.options.rate = RateControl::Constant { kbps: floor + floor / 10 };
    Some(again)
}

fn read_preset(artifact: &Artifact) -> Result<(String, Preset), Failure> {
    let text = std::fs::read_to_string(&artifact.path).map_err(|e| io_failure("read", &artifact.path, &e))?;
    let file = artifact.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if artifact.name.is_empty() { &file } else { &artifact.name };
    let name = name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned();
    Preset::parse(&format!("{name}.yaml"), &text).map(|preset| (name, preset))
}
