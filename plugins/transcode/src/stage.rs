//! The stage `transcode`.

use std::path::Path;

use serde_json::{Map, Value, json};
use spotloom_media::{AudioClip, RateControl, Written, audio::RATE, probe};
use spotloom_plugin_sdk::api::{Artifact, Level, Output};
use spotloom_plugin_sdk::prelude::*;

use crate::encode::{self, Job, failure};
use crate::params::Params;
use crate::plan::{self, Mezzanine, Planned};
use crate::preset::Preset;
use crate::sound::{self, Sources};

/// Longer than any ad; what music is read of a file.
const LONGEST_SOUND: f64 = 900.0;

/// Makes masters.
#[derive(Default)]
pub struct Transcode;

impl Stage for Transcode {
    type Params = Params;

    fn about() -> About {
        About::new("transcode", env!("CARGO_PKG_VERSION"), "Makes a master file for every preset from a composed video")
            .cpu(0)
            .input(input("mezzanine", "The composed video").required().media("video/*"))
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
            .outputs("masters", "One MP4 file per preset", "video/mp4")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        params.check()?;
        let file = &run.require("mezzanine")?.path;
        run.require("presets")?;
        let presets = run.inputs("presets").iter().map(read_preset).collect::<Result<Vec<_>, _>>()?;
        let mezzanine = look_at(file)?;
        let planned = plan::plan(mezzanine, presets, &params)?;
        for p in planned.iter().filter(|p| p.options.width > mezzanine.width) {
            let (w, h) = (mezzanine.width, mezzanine.height);
            run.log(
                Level::Warn,
                format!("{}: {w}x{h} is enlarged to {}x{}", p.name, p.options.width, p.options.height),
            );
        }

        let frames = (mezzanine.seconds * plan::value(mezzanine.fps)).round() as u64;
        run.progress(0, frames, "preparing the sound");
        let sounds = sounds(&planned, mezzanine.seconds, &params, run)?;

        let mut written = make(file, mezzanine, frames, &planned, &sounds, run)?;
        let again = below_floor(&planned, &written);
        if !again.is_empty() {
            let names: Vec<&str> = again.iter().map(|(_, p)| p.name.as_str()).collect();
            run.log(
                Level::Info,
                format!("{} came out below the platform's least rate; padded up to it", names.join(", ")),
            );
            let (places, planned): (Vec<usize>, Vec<Planned>) = again.into_iter().unzip();
            let sounds: Vec<AudioClip> = places.iter().map(|i| sounds[*i].clone()).collect();
            let redone = make(file, mezzanine, frames, &planned, &sounds, run)?;
            places.into_iter().zip(redone).for_each(|(i, w)| written[i] = w);
        }
        hand_on(&planned, &written, &sounds, run)
    }
}

fn read_preset(artifact: &Artifact) -> Result<(String, Preset), Failure> {
    let text = std::fs::read_to_string(&artifact.path).map_err(|e| io_failure("read", &artifact.path, &e))?;
    let file = artifact.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if artifact.name.is_empty() { &file } else { &artifact.name };
    let name = name.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned();
    Preset::parse(&format!("{name}.yaml"), &text).map(|preset| (name, preset))
}

fn look_at(file: &Path) -> Result<Mezzanine, Failure> {
    let info = probe(file).map_err(failure)?;
    let name = file.display();
    let video = info.video.ok_or_else(|| {
        Failure::new("no-video", format!("{name} has no video stream")).hint("give the composed video to `mezzanine`")
    })?;
    let seconds = video.seconds.or(info.seconds).filter(|s| *s > 0.0);
    let (Some(seconds), true) = (seconds, video.fps.0 > 0) else {
        return Err(Failure::new("bad-media", format!("{name} does not say how long it lasts or how fast it runs"))
            .hint("give the composed video to `mezzanine`"));
    };
    let (width, height) =
        if video.rotation % 180 == 0 { (video.width, video.height) } else { (video.height, video.width) };
    Ok(Mezzanine { width, height, fps: video.fps, seconds })
}

/// The track of every master. Presets that ask for the same loudness share the work.
fn sounds(planned: &[Planned], seconds: f64, params: &Params, run: &Run) -> Result<Vec<AudioClip>, Failure> {
    let read =
        |port: &str| run.input(port).map(|a| AudioClip::read(&a.path, LONGEST_SOUND)).transpose().map_err(failure);
    let sources = Sources { music: read("music")?, voice: read("voiceover")? };
    if let Some(voice) = &sources.voice {
        let end = params.voiceover_start_seconds + voice.seconds();
        if end > seconds + 0.05 {
            return Err(Failure::new(
                "voiceover-too-long",
                format!("the voice-over ends at {end:.1} s and the video at {seconds:.1} s"),
            )
            .hint("shorten the text, or lengthen the scenes in the brief"));
        }
    }
    run.check_cancelled()?;
    let samples = (seconds * f64::from(RATE)).round() as usize;
    let program = sound::program(&sources, samples, params).map_err(failure)?;
    let mut known: Vec<((f64, f64), AudioClip)> = Vec::new();
    let mut sounds = Vec::with_capacity(planned.len());
    for p in planned {
        run.check_cancelled()?;
        let target = (p.preset.audio.loudness_lufs, p.preset.audio.true_peak_db);
        let clip = match known.iter().find(|(t, _)| *t == target) {
            Some((_, clip)) => clip.clone(),
            None => {
                let clip = sound::normalised(&program, target.0, target.1).map_err(failure)?;
                known.push((target, clip.clone()));
                clip
            }
        };
        sounds.push(clip);
    }
    Ok(sounds)
}

fn make(
    file: &Path,
    mezzanine: Mezzanine,
    frames: u64,
    planned: &[Planned],
    sounds: &[AudioClip],
    run: &Run,
) -> Result<Vec<Written>, Failure> {
    let jobs = planned
        .iter()
        .zip(sounds)
        .map(|(planned, sound)| Job { planned, sound: sound.clone(), path: run.scratch().join(&planned.file) })
        .collect();
    encode::encode(file, mezzanine.fps, frames, jobs, run)
}

/// Masters that are simpler than their platform's least rate, with the constant rate that mends it.
fn below_floor(planned: &[Planned], written: &[Written]) -> Vec<(usize, Planned)> {
    let mended = |(i, (p, w)): (usize, (&Planned, &Written))| {
        let floor = p.preset.limits.min_kbps.filter(|floor| kbps(w) < f64::from(*floor))?;
        let mut again = p.clone();
        // The sound adds its own; the picture alone then carries the floor with a little to spare.
        again.options.rate = RateControl::Constant { kbps: floor + floor / 10 };
        Some((i, again))
    };
    planned.iter().zip(written).enumerate().filter_map(mended).collect()
}

fn kbps(written: &Written) -> f64 {
    written.bytes as f64 * 8.0 / 1000.0 / written.seconds.max(0.001)
}

/// Reads every master's header back and hands it on with its facts.
fn hand_on(planned: &[Planned], written: &[Written], sounds: &[AudioClip], run: &Run) -> Result<Outputs, Failure> {
    let mut outputs = Outputs::new();
    for ((p, w), sound) in planned.iter().zip(written).zip(sounds) {
        let path = run.scratch().join(&p.file);
        let most = p.preset.limits.max_megabytes.map(|mb| mb * 1e6);
        if let Some(most) = most.filter(|most| w.bytes as f64 > *most) {
            let message = format!(
                "{} came out at {:.1} MB, over the {:.0} MB that {} takes",
                p.file,
                w.bytes as f64 / 1e6,
                most / 1e6,
                p.name
            );
            return Err(Failure::new("too-large", message).hint("lower the preset's `max-kbps`, or shorten the scenes"));
        }
        let facts = facts(p, w, sound, &path)?;
        outputs = outputs.output("masters", Output { path, media: "video/mp4".into(), name: p.file.clone(), facts });
    }
    Ok(outputs.fact("masters", planned.len()))
}

fn facts(p: &Planned, w: &Written, sound: &AudioClip, path: &Path) -> Result<Map<String, Value>, Failure> {
    let info = probe(path).map_err(failure)?;
    let (Some(video), Some(audio)) = (info.video, info.audio) else {
        return Err(Failure::new("media-defect", format!("{} was written without picture or sound", p.file)));
    };
    if (video.width, video.height) != (p.options.width, p.options.height) || video.frames != Some(w.frames) {
        let found = format!("{}x{} with {:?} frames", video.width, video.height, video.frames);
        return Err(Failure::new("media-defect", format!("{} reads back as {found}", p.file)));
    }
    let loudness = sound.loudness().map_err(failure)?;
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    let facts = json!({
        "preset": p.name,
        "platform": p.preset.platform,
        "aspect": p.preset.aspect,
        "width": video.width,
        "height": video.height,
        "seconds": round(w.seconds),
        "fps": round(plan::value(p.options.fps)),
        "frames": w.frames,
        "bytes": w.bytes,
        "kbps": kbps(w).round(),
        "video-codec": video.codec,
        "audio-codec": audio.codec,
        "loudness-lufs": loudness.integrated_lufs.map(round),
        "true-peak-db": loudness.integrated_lufs.map(|_| round(loudness.true_peak_db)),
    });
    Ok(facts.as_object().cloned().unwrap_or_default())
}
