//! The track of every master. Presets that ask for the same share the work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use spotloom_media::{AudioClip, AudioCodec, audio::RATE};
use spotloom_plugin_sdk::prelude::*;

use crate::encode::failure;
use crate::own;
use crate::params::Params;
use crate::plan::{self, Planned};
use crate::sound::{self, Sources, Target};

/// Longer than any ad; what sound is read of a file.
const LONGEST_SOUND: f64 = 900.0;

/// A track that comes out of its codec with higher peaks than it may have is made again so often. What AAC adds jumps about: 1.2,
/// 1.4, 1.9 and 0.1 dB were seen in a row on one that was made half a decibel lower each time.
const AGAIN: usize = 6;

/// What a preset asks for: loudness, samples of silence at both ends, samples before and after the ad, and how it is coded.
type Wanted = (Target, (usize, usize), (usize, usize), Option<AudioCodec>);

/// What was made last, for the run after it: the aspects of an ad come one after another and sound the same.
#[derive(Default)]
pub(crate) struct Tracks {
    /// What the programme was made of.
    of: String,
    program: AudioClip,
    known: Vec<(Wanted, AudioClip)>,
}

/// Sounds that were read and not mixed yet.
pub(crate) struct Unmixed {
    of: String,
    sources: Sources,
}

/// Reads and checks what the programme's sound is made of, before anything is encoded; `None` when it was mixed for the run before.
pub(crate) fn read(tracks: &Tracks, seconds: f64, params: &Params, run: &Run) -> Result<Option<Unmixed>, Failure> {
    let of = described(seconds, params, run);
    if tracks.of == of {
        return Ok(None);
    }
    Ok(Some(Unmixed { of, sources: sources(seconds, params, run)? }))
}

/// One track per master, as long as the master, its leader included. Each goes to its receiver as soon as it is there, and is
/// measured while the pictures are encoded: what is told of the masters needs that. Stops half-way when they are `given_up`.
pub(crate) fn sounds(
    tracks: &mut Tracks,
    unmixed: Option<Unmixed>,
    (planned, receivers): (&[Planned], Vec<Sender<AudioClip>>),
    seconds: f64,
    (params, run): (&Params, &Run),
    given_up: &AtomicBool,
) -> Result<Vec<AudioClip>, Failure> {
    if let Some(Unmixed { of, sources }) = unmixed {
        run.check_cancelled()?;
        let samples = (seconds * f64::from(RATE)).round() as usize;
        let program = sound::program(&sources, samples, params).map_err(failure)?;
        *tracks = Tracks { of, program, known: Vec::new() };
    }
    let Tracks { program, known, .. } = tracks;
    let mut sounds = Vec::with_capacity(planned.len());
    let mut hand_out = |clip: AudioClip, receiver: Sender<AudioClip>| {
        // An encoder that has failed takes none; its error is read where it is joined.
        let _ = receiver.send(clip.clone());
        sounds.push(clip);
    };
    for (p, receiver) in planned.iter().zip(receivers) {
        run.check_cancelled()?;
        if given_up.load(Ordering::Relaxed) {
            break;
        }
        let Some(audio) = &p.preset.audio else {
            hand_out(AudioClip::default(), receiver);
            continue;
        };
        let target = Target {
            lufs: audio.loudness_lufs,
            true_peak_db: audio.true_peak_db,
            max_short_term_lufs: audio.max_short_term_lufs,
        };
        let frame = |count: u64| (count as f64 * f64::from(RATE) / plan::value(p.options.fps)).round() as usize;
        let silence = p.preset.silence;
        let ends = (frame(silence.head_frames.into()), frame(silence.tail_frames.into()));
        let around = (frame(p.around.leader()), frame(p.around.tail));
        let wanted = (target, ends, around, p.options.audio);
        let clip = match known.iter().find(|(known, _)| *known == wanted) {
            Some((_, clip)) => clip.clone(),
            None => {
                let clip = track(program, wanted, run)?;
                known.push((wanted, clip.clone()));
                clip
            }
        };
        hand_out(clip, receiver);
    }
    for (_, sound) in planned.iter().zip(&sounds).filter(|(p, _)| p.preset.audio.is_some()) {
        if !given_up.load(Ordering::Relaxed) {
            sound.loudness().map_err(failure)?;
        }
    }
    Ok(sounds)
}

/// The programme at its loudness, with silence where it has to be. What codecs make of peaks is seen only once it is coded, so that
/// is done beforehand, and where one is too high all are made lower by what is missing.
fn track(program: &AudioClip, (target, ends, around, codec): Wanted, run: &Run) -> Result<AudioClip, Failure> {
    let silent = |clip: &AudioClip| sound::with_silent_ends(clip, ends.0, ends.1);
    let quiet = silent(program);
    let made = |lower: f64| {
        let target = Target { true_peak_db: target.true_peak_db - lower, ..target };
        // Once more behind the limiter: changing the rate leaves traces of what stands beside the silence.
        let clip = silent(&sound::normalised(&quiet, target).map_err(failure)?);
        Ok::<_, Failure>(sound::surrounded(&clip, around.0, around.1))
    };
    let (mut lower, mut clip) = (0.0, made(0.0)?);
    let Some(codec @ (AudioCodec::Aac { .. } | AudioCodec::Opus { .. })) = codec else { return Ok(clip) };
    let file = run.scratch().join("sound-as-coded.mka");
    for _ in 0..AGAIN {
        run.check_cancelled()?;
        let heard = spotloom_media::coded(&clip, codec, &file).map_err(failure)?;
        let over = heard.loudness().map_err(failure)?.true_peak_db - target.true_peak_db;
        if over <= 0.0 {
            break;
        }
        lower += over + 0.1;
        clip = made(lower)?;
    }
    // All there is to see of it is in the track.
    let _ = std::fs::remove_file(&file);
    Ok(clip)
}

/// Everything that the programme's sound depends on: all parameters but those that only name masters, and the files.
fn described(seconds: f64, params: &Params, run: &Run) -> String {
    let nameless = Params {
        name: String::new(),
        locale: None,
        ad_id: None,
        clock_number: None,
        slate: serde_json::Map::new(),
        ..params.clone()
    };
    let files = |port: &str| run.inputs(port).iter().map(|f| f.sha256.clone()).collect::<Vec<_>>();
    format!("{seconds} {nameless:?} {:?}", ["music", "voiceover", "own-sound", "effects"].map(files))
}

fn sources(seconds: f64, params: &Params, run: &Run) -> Result<Sources, Failure> {
    let read = |artifact: &Artifact| AudioClip::read(&artifact.path, LONGEST_SOUND).map_err(failure);
    let music = run.input("music").map(read).transpose()?;
    let voice = run.input("voiceover").map(read).transpose()?;
    if let Some(voice) = &voice {
        let end = params.voiceover_start_seconds + voice.seconds();
        if end > seconds + 0.05 {
            return Err(Failure::new(
                "voiceover-too-long",
                format!("the voice-over ends at {end:.1} s and the video at {seconds:.1} s"),
            )
            .hint("shorten the text, or lengthen the scenes in the brief"));
        }
    }
    let effects = run.inputs("effects");
    if effects.len() != params.cues.len() {
        let message = format!("there are {} effects and {} cues", effects.len(), params.cues.len());
        return Err(Failure::new("bad-params", message).hint("give each effect the moment it is heard"));
    }
    if let Some((effect, at)) = effects.iter().zip(&params.cues).find(|(_, at)| **at >= seconds) {
        let message = format!("{} is to be heard at {at} s and the video lasts {seconds:.2} s", effect.name);
        return Err(Failure::new("cue-too-late", message).hint("move its cue, or lengthen the scenes in the brief"));
    }
    let effects =
        effects.iter().zip(&params.cues).map(|(e, at)| Ok((read(e)?, *at))).collect::<Result<_, Failure>>()?;
    let own = own::track(seconds, params, run)?;
    Ok(Sources { music, voice, own, effects })
}
