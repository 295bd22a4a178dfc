//! The stage `voice`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use spotloom_media::AudioClip;
use spotloom_plugin_sdk::api::{Level, Output};
use spotloom_plugin_sdk::prelude::*;

use crate::espeak::Speaker;
use crate::text::{self, Sentence};
use crate::track;

/// Longer than any ad; what is read of a recording.
const LONGEST: f64 = 900.0;

/// What is said, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// The language of the words, a BCP 47 tag.
    pub locale: String,
    /// The words, when the scenes have none of their own.
    #[serde(default)]
    pub text: Option<String>,
    /// The storyboard: what is said over each scene begins with it.
    #[serde(default)]
    pub scenes: Vec<Scene>,
    /// When the text begins, in seconds.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 600.0))]
    pub start_seconds: f64,
    /// The pause between sentences, in seconds.
    #[serde(default = "gap")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub gap_seconds: f64,
    /// How fast the guide voice speaks.
    #[serde(default = "pace")]
    #[schemars(range(min = 80, max = 320))]
    pub words_per_minute: u32,
    /// How high the guide voice speaks, from 0 to 99.
    #[serde(default = "pitch")]
    #[schemars(range(max = 99))]
    pub pitch: u32,
}

/// One scene. Other fields of a scene are passed over.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Scene {
    /// Its length.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub seconds: f64,
    /// What is said over it.
    #[serde(default)]
    pub say: Option<String>,
}

fn half() -> f64 {
    0.5
}

fn gap() -> f64 {
    0.25
}

fn pace() -> u32 {
    160
}

fn pitch() -> u32 {
    45
}

/// Speaks, or passes a recording on.
#[derive(Default)]
pub struct Voice;

impl Stage for Voice {
    type Params = Params;

    fn about() -> About {
        About::new("voice", env!("CARGO_PKG_VERSION"), "Speaks words as a guide track, or times a recording of them")
            .input(
                input("recording", "The words as somebody has read them; nothing is synthesised then")
                    .media("audio/*")
                    .resource(Resource::Asset),
            )
            .output("speech", "The spoken track", "audio/wav")
            .output("timings", "The sentences with their times, for captions", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let sentences = text::sentences(&params);
        let recording = run.input("recording");
        if recording.is_none() && sentences.is_empty() {
            return Err(Failure::new("nothing-to-say", "there are no words and no recording")
                .hint("give `audio.voiceover` or `audio.recording` in the brief, or leave this stage out"));
        }
        let (clip, timed, voice) = match recording {
            Some(artifact) => {
                let clip = AudioClip::read(&artifact.path, LONGEST).map_err(|e| media(&e))?;
                let timed = track::estimate(&sentences, &clip);
                (clip, timed, None)
            }
            None => {
                let speaker = Speaker::find(&params.locale, params.words_per_minute, params.pitch)?;
                let spoken = speak(&speaker, sentences, run)?;
                let (clip, timed) = track::assemble(spoken, params.gap_seconds);
                (clip, timed, Some(format!("espeak-ng {}", speaker.voice)))
            }
        };
        if voice.is_some() {
            run.log(
                Level::Warn,
                "the voice-over is a guide track spoken by a machine: record it before it goes on air",
            );
        }
        let guide = voice.is_some();
        let facts = json!({
            "locale": params.locale, "seconds": clip.seconds(), "guide": guide, "voice": voice,
        });
        let timings = json!({
            "locale": params.locale,
            "guide": guide,
            // Of a recording only the length is known; the times follow from the words.
            "estimated": !guide,
            "seconds": clip.seconds(),
            "sentences": timed,
        });
        let (speech, times) = (run.scratch().join("speech.wav"), run.scratch().join("timings.json"));
        track::write_wav(&speech, &clip)?;
        std::fs::write(&times, timings.to_string()).map_err(|e| io_failure("write", &times, &e))?;
        let facts = facts.as_object().cloned().unwrap_or_default();
        let name = format!("voice_{}", params.locale);
        let file = |path, media: &str, end: &str| Output {
            path,
            media: media.into(),
            name: format!("{name}.{end}"),
            facts: facts.clone(),
        };
        Ok(Outputs::new()
            .output("speech", file(speech, "audio/wav", "wav"))
            .output("timings", file(times, "application/json", "json"))
            .fact("guide", guide))
    }
}

fn speak(speaker: &Speaker, sentences: Vec<Sentence>, run: &Run) -> Result<Vec<(Sentence, AudioClip)>, Failure> {
    let folder =
        tempfile::tempdir_in(run.scratch()).map_err(|e| io_failure("create a folder in", run.scratch(), &e))?;
    let total = sentences.len() as u64;
    let mut spoken = Vec::with_capacity(sentences.len());
    for (i, sentence) in sentences.into_iter().enumerate() {
        run.progress(i as u64, total, "speaking");
        let clip = speaker.say(&sentence.text, folder.path(), run)?;
        spoken.push((sentence, clip));
    }
    Ok(spoken)
}

fn media(error: &spotloom_media::Error) -> Failure {
    Failure::new(error.code(), error.to_string()).hint("open the recording in a player; export it again as WAV or MP3")
}
