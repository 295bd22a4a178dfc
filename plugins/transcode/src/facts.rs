//! What is handed on: every master read back and described, the contact sheet, loudness over time.

use std::path::Path;

use serde_json::{Map, Value, json};
use spotloom_media::{AudioClip, LoudnessCurve, Written, probe};
use spotloom_plugin_sdk::api::{Level, Output};
use spotloom_plugin_sdk::prelude::*;

use crate::encode::{Made, failure};
use crate::plan::{self, Planned};
use crate::preset::Container;

pub(crate) fn kbps(written: &Written) -> f64 {
    written.bytes as f64 * 8.0 / 1000.0 / written.seconds.max(0.001)
}

/// Reads every master's header back and hands it on with its facts.
pub(crate) fn hand_on(
    planned: &[Planned],
    made: &[Made],
    sounds: &[AudioClip],
    seconds: f64,
    sheet: Option<Vec<u8>>,
    run: &Run,
) -> Result<Outputs, Failure> {
    let mut outputs = Outputs::new();
    let spoken = |fact: &str| run.input("voiceover").and_then(|v| v.facts.get(fact));
    let guide = spoken("guide") == Some(&json!(true));
    let synthetic = spoken("synthetic") == Some(&json!(true));
    let locale = ["composition", "mezzanine"].iter().find_map(|port| run.input(port)?.facts.get("locale"));
    if guide {
        run.log(Level::Warn, "the voice-over is a guide track spoken by a machine: record it before this goes on air");
    }
    for ((p, m), sound) in planned.iter().zip(made).zip(sounds) {
        let path = run.scratch().join(&p.file);
        if crate::stage::over_size(p, &m.written) {
            let message = format!(
                "{} came out at {:.1} MB, over the {} MB that {} takes",
                p.file,
                m.written.bytes as f64 / 1e6,
                p.preset.limits.max_megabytes.unwrap_or_default(),
                p.name
            );
            return Err(Failure::new("too-large", message).hint(plan::remedy(&p.name, &p.preset)));
        }
        let mut facts = facts(p, m, sound, seconds, &path)?;
        if let Some(locale) = locale {
            facts.insert("locale".into(), locale.clone());
        }
        if guide && p.preset.audio.is_some() {
            facts.insert("guide-voice".into(), json!(true));
        }
        if synthetic && p.preset.audio.is_some() {
            facts.insert("synthetic-voice".into(), spoken("voice").cloned().unwrap_or(json!("a machine")));
            facts.extend(spoken("model").map(|model| ("voice-model".to_owned(), model.clone())));
        }
        let media = p.preset.file_kind().1.to_owned();
        outputs = outputs.output("masters", Output { path, media, name: p.file.clone(), facts });
    }
    let stem = planned.first().map(|p| p.file.rsplit_once('.').map_or(p.file.as_str(), |(stem, _)| stem));
    let stem = stem.unwrap_or("masters");
    if let Some(png) = sheet {
        let name = format!("{stem}_contact-sheet.png");
        let path = write(run, &name, &png)?;
        outputs = outputs.output("contact-sheet", Output { path, media: "image/png".into(), name, facts: Map::new() });
    }
    let name = format!("{stem}_loudness.json");
    let path = write(run, &name, loudness(planned, sounds)?.to_string().as_bytes())?;
    outputs = outputs.output("loudness", Output { path, media: "application/json".into(), name, facts: Map::new() });
    Ok(outputs.fact("masters", planned.len()))
}

fn write(run: &Run, name: &str, bytes: &[u8]) -> Result<std::path::PathBuf, Failure> {
    let path = run.scratch().join(name);
    std::fs::write(&path, bytes).map_err(|e| io_failure("write", &path, &e))?;
    Ok(path)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn facts(p: &Planned, m: &Made, sound: &AudioClip, programme: f64, path: &Path) -> Result<Map<String, Value>, Failure> {
    let w = &m.written;
    let mut facts = json!({
        "preset": p.name,
        "platform": p.preset.platform,
        "aspect": p.preset.aspect,
        "width": p.options.width,
        "height": p.options.height,
        "seconds": round(w.seconds),
        "fps": round(plan::value(p.options.fps)),
        "frames": w.frames,
        "bytes": w.bytes,
        "kbps": kbps(w).round(),
        "encoder": m.encoder,
    });
    if p.coded {
        // What hands it over keeps the name as it is.
        facts["fixed-name"] = json!(true);
    }
    let rate = plan::value(p.options.fps);
    if p.around.total() > 0 {
        facts["leader-seconds"] = json!(round(p.around.leader() as f64 / rate));
        facts["slate-seconds"] = json!(round(p.around.slate as f64 / rate));
        facts["tail-seconds"] = json!(round(p.around.tail as f64 / rate));
        facts["programme-seconds"] = json!(round(programme));
    }
    match p.preset.container {
        // Not every FFmpeg reads animated previews back.
        Container::Gif | Container::Webp => {
            facts["video-codec"] = json!(p.preset.file_kind().0);
        }
        _ => {
            let (video, audio) = read_back(p, w, path)?;
            facts["video-codec"] = json!(video);
            facts["audio-codec"] = json!(audio);
            let loudness = sound.loudness().map_err(failure)?;
            facts["loudness-lufs"] = json!(loudness.integrated_lufs.map(round));
            facts["true-peak-db"] = json!(loudness.integrated_lufs.map(|_| round(loudness.true_peak_db)));
        }
    }
    Ok(facts.as_object().cloned().unwrap_or_default())
}

fn read_back(p: &Planned, w: &Written, path: &Path) -> Result<(String, String), Failure> {
    let info = probe(path).map_err(failure)?;
    let (Some(video), Some(audio)) = (info.video, info.audio) else {
        return Err(Failure::new("media-defect", format!("{} was written without picture or sound", p.file)));
    };
    // WebM and MXF don't count their frames.
    let counted = video.frames.is_none_or(|f| f == w.frames);
    if (video.width, video.height) != (p.options.width, p.options.height) || !counted {
        let found = format!("{}x{} with {:?} frames", video.width, video.height, video.frames);
        return Err(Failure::new("media-defect", format!("{} reads back as {found}", p.file)));
    }
    Ok((video.codec, audio.codec))
}

/// Loudness over time of every different track, with the masters that have it.
fn loudness(planned: &[Planned], sounds: &[AudioClip]) -> Result<Value, Failure> {
    let mut tracks: Vec<(&AudioClip, Value)> = Vec::new();
    for (p, sound) in planned.iter().zip(sounds) {
        let Some(audio) = &p.preset.audio else { continue };
        if let Some((_, track)) = tracks.iter_mut().find(|(clip, _)| *clip == sound) {
            if let Some(masters) = track["masters"].as_array_mut() {
                masters.push(json!(p.file));
            }
            continue;
        }
        let (whole, curve) = (sound.loudness().map_err(failure)?, sound.loudness_curve().map_err(failure)?);
        let list = |values: &[f64]| values.iter().map(|v| (v * 10.0).round() / 10.0).collect::<Vec<_>>();
        let track = json!({
            "masters": [p.file],
            "target-lufs": audio.loudness_lufs,
            "most-true-peak-db": audio.true_peak_db,
            "integrated-lufs": whole.integrated_lufs.map(round),
            "true-peak-db": whole.integrated_lufs.map(|_| round(whole.true_peak_db)),
            "range-lu": round(curve.range_lu),
            "max-short-term-lufs": round(curve.max_short_term()),
            "max-momentary-lufs": round(curve.max_momentary()),
            "step-seconds": LoudnessCurve::STEP,
            "momentary-lufs": list(&curve.momentary),
            "short-term-lufs": list(&curve.short_term),
        });
        tracks.push((sound, track));
    }
    let tracks: Vec<Value> = tracks.into_iter().map(|(_, track)| track).collect();
    Ok(json!({ "tracks": tracks }))
}
