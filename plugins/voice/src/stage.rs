//! The stage `voice`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use spotloom_media::AudioClip;
use spotloom_plugin_sdk::api::{Level, Output};
use spotloom_plugin_sdk::prelude::*;

use crate::espeak::Guide;
use crate::piper::{self, Manner};
use crate::text::{self, Sentence};
use crate::{track, wav};

/// Longer than any ad; what is read of a recording.
const LONGEST: f64 = 900.0;

/// What is said, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["locale"]))] // A model can be checked without.
pub struct Params {
    /// The language of the words, a BCP 47 tag. A voice that is given must speak it.
    #[serde(default)]
    #[schemars(extend("x-offered-by" = {"input": "model", "field": "locales", "match": "language"}))]
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
    /// Who speaks, in a model with several speakers: a name or a number of its configuration.
    #[serde(default)]
    pub speaker: Option<String>,
    /// How fast it is spoken: 1 is the voice's own pace, 2 twice as fast.
    #[serde(default = "own_pace")]
    #[schemars(range(min = 0.5, max = 2.0))]
    pub pace: f64,
    /// How much the sound of a model's voice varies, 0 to 2. Left out: as its configuration says.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub noise: Option<f32>,
    /// How much the lengths of its sounds vary, 0 to 2. Left out: as its configuration says.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub length_noise: Option<f32>,
    /// What a model's voice draws its variation from: the same seed, the same sound.
    #[serde(default)]
    pub seed: u32,
    /// How long the spot is, in seconds: words that go on after its end are refused.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 7200.0))]
    pub seconds: Option<f64>,
    /// Where the spot will be heard, by ISO 3166 codes, `EU` or `WORLD`: a model whose licence forbids one of them is refused.
    #[serde(default)]
    pub territory: Vec<String>,
    /// Loads the model, holds it against its contract and speaks nothing.
    #[serde(default)]
    #[schemars(extend("x-models" = {"families": ["piper"], "described-by": ".onnx.json"}))]
    pub check_model: bool,
    /// How fast the guide voice speaks at a pace of 1.
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

fn own_pace() -> f64 {
    1.0
}

impl Params {
    fn check(&self) -> Result<(), Failure> {
        let bad = |name: &str, value: String, expected: &str| {
            Err(Failure::new("bad-params", format!("the parameter `{name}` is {value}; expected {expected}"))
                .hint("correct it under this stage's `with:` in the pipeline"))
        };
        if !(0.5..=2.0).contains(&self.pace) {
            return bad("pace", self.pace.to_string(), "0.5 to 2");
        }
        for (name, value) in [("noise", self.noise), ("length-noise", self.length_noise)] {
            if let Some(value) = value.filter(|v| !(0.0..=2.0).contains(v)) {
                return bad(name, value.to_string(), "0 to 2");
            }
        }
        if self.locale.trim().is_empty() && !self.check_model {
            return bad("locale", "missing".into(), "the language of the words, like `en`");
        }
        Ok(())
    }

    /// Whether the words end with the spot: said here, in the first minute, and not when everything else is made.
    fn fits(&self, clip: &AudioClip, recorded: bool) -> Result<(), Failure> {
        let Some(seconds) = self.seconds.filter(|most| clip.seconds() > most + 0.05) else { return Ok(()) };
        let (end, over) = (clip.seconds(), clip.seconds() - seconds);
        let message = format!(
            "the voice-over in {} ends at {end:.1} s and the spot at {seconds:.1} s: {over:.1} s too late",
            self.locale
        );
        Err(Failure::new("voiceover-too-long", message).hint(if recorded {
            "cut the recording, or lengthen the scenes in the brief"
        } else {
            "shorten the words of this language, have them spoken faster (`audio.pace`), or lengthen the scenes in the brief"
        }))
    }

    fn manner(&self) -> Manner {
        Manner {
            speaker: self.speaker.clone(),
            pace: self.pace,
            noise: self.noise,
            noise_of_lengths: self.length_noise,
            seed: self.seed,
        }
    }
}

/// Who speaks.
enum Speaker {
    /// espeak-ng.
    Guide(Guide),
    /// A network.
    Model(Box<piper::Voice>),
}

/// Speaks, or passes a recording on.
#[derive(Default)]
pub struct Voice;

impl Stage for Voice {
    type Params = Params;

    fn about() -> About {
        About::new(
            "voice",
            env!("CARGO_PKG_VERSION"),
            "Speaks words with a model or as a guide track, or times a recording of them",
        )
        .cpu(0)
        .input(
            input("recording", "The words as somebody has read them; nothing is synthesised then")
                .media("audio/*")
                .resource(Resource::Asset),
        )
        .input(
            input("model", "A voice: a model folder of the family `piper`; a plain guide speaks without one")
                .resource(Resource::Model),
        )
        .output("speech", "The spoken track", "audio/wav")
        .output("timings", "The sentences with their times, for captions", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        params.check()?;
        if params.check_model {
            return check_model(&params, run);
        }
        let sentences = text::sentences(&params);
        let recording = run.input("recording");
        if recording.is_none() && sentences.is_empty() {
            return Err(Failure::new("nothing-to-say", "there are no words and no recording")
                .hint("give `audio.voiceover` or `audio.recording` in the brief, or leave this stage out"));
        }
        let (clip, timed, speaker) = match recording {
            Some(artifact) => {
                let clip = AudioClip::read(&artifact.path, LONGEST).map_err(|e| media(&e))?;
                let timed = track::estimate(&sentences, &clip);
                (clip, timed, None)
            }
            None => {
                let mut speaker = Speaker::find(&params, run)?;
                let spoken = speak(&mut speaker, sentences, run)?;
                let (clip, timed, overruns) = track::assemble(spoken, params.gap_seconds);
                for track::Overrun { scene, next, late } in overruns {
                    let message = format!(
                        "the words of scene {scene} in {} outlast it: those of scene {next} begin {late:.1} s late; \
                         shorten them, or lengthen the scene",
                        params.locale
                    );
                    run.log(Level::Warn, message);
                }
                (clip, timed, Some(speaker))
            }
        };
        params.fits(&clip, recording.is_some())?;
        let guide = matches!(speaker, Some(Speaker::Guide(_)));
        if guide {
            run.log(
                Level::Warn,
                "the voice-over is a guide track spoken by a machine: record it before it goes on air",
            );
        }
        let mut facts = json!({
            "locale": params.locale, "seconds": clip.seconds(), "guide": guide,
            "synthetic": speaker.is_some(), "voice": speaker.as_ref().map(Speaker::name),
        });
        // The report tells the voice by what goes along with its track.
        if let Some(Speaker::Model(voice)) = &speaker {
            let licence = &voice.model.contract.licence;
            facts["model"] = json!({
                "name": voice.model.contract.name, "sha256": voice.model.sha256, "seed": params.seed,
                "speaker": params.speaker, "licence": licence.spdx, "notice": licence.notice,
            });
        }
        let timings = json!({
            "locale": params.locale,
            "guide": guide,
            // Of a recording only the length is known; the times follow from the words.
            "estimated": speaker.is_none(),
            "seconds": clip.seconds(),
            "sentences": timed,
        });
        let (speech, times) = (run.scratch().join("speech.wav"), run.scratch().join("timings.json"));
        wav::write(&speech, &clip)?;
        std::fs::write(&times, timings.to_string()).map_err(|e| io_failure("write", &times, &e))?;
        let facts = facts.as_object().cloned().unwrap_or_default();
        let name = format!("voice_{}", params.locale);
        let file = |path, media: &str, end: &str| Output {
            path,
            media: media.into(),
            name: format!("{name}.{end}"),
            facts: facts.clone(),
        };
        let outputs = Outputs::new()
            .output("speech", file(speech, "audio/wav", "wav"))
            .output("timings", file(times, "application/json", "json"))
            .fact("guide", guide);
        Ok(match speaker {
            Some(Speaker::Model(voice)) => outputs
                .fact("model", voice.model.contract.name.clone())
                .fact("model-sha256", voice.model.sha256.clone())
                .fact("licence", voice.model.contract.licence.spdx.clone())
                .fact("onnxruntime", voice.runtime.clone())
                .fact("seeded", voice.draws()),
            _ => outputs,
        })
    }
}

impl Speaker {
    fn find(params: &Params, run: &Run) -> Result<Self, Failure> {
        let Some(model) = run.input("model") else {
            let words_per_minute = (f64::from(params.words_per_minute) * params.pace).round() as u32;
            return Guide::find(&params.locale, words_per_minute.clamp(80, 450), params.pitch).map(Self::Guide);
        };
        let voice = piper::Voice::open(&model.path, &params.manner(), &params.territory, run.threads())?;
        let contract = &voice.model.contract;
        if !piper::speaks(&contract.locales, &params.locale) {
            let known = contract.locales.join(", ");
            return Err(Failure::new(
                "voice-unable",
                format!("the voice {} does not speak {}; it speaks {known}", contract.name, params.locale),
            )
            .hint(
                "name a voice for this language under `audio.voice` in the brief; `spotloom models list` shows all",
            ));
        }
        Ok(Self::Model(Box::new(voice)))
    }

    fn name(&self) -> String {
        match self {
            Self::Guide(guide) => format!("espeak-ng {}", guide.voice),
            Self::Model(voice) => voice.model.contract.name.clone(),
        }
    }

    fn say(&mut self, text: &str, scratch: &Path, run: &Run) -> Result<AudioClip, Failure> {
        match self {
            Self::Guide(guide) => guide.say(text, scratch, run),
            Self::Model(voice) => voice.say(text, scratch, run),
        }
    }
}

/// Loads a voice, has it say one sound, and tells the contract where no `model.yaml` does.
fn check_model(params: &Params, run: &Run) -> Result<Outputs, Failure> {
    let mut voice =
        piper::Voice::open(&run.require("model")?.path, &params.manner(), &params.territory, run.threads())?;
    voice.try_out()?;
    // What was put together is written as JSON.
    let contract = voice.model.derived.then(|| serde_json::from_str(&voice.model.text).unwrap_or(Value::Null));
    Ok(Outputs::new().fact("contract", contract.unwrap_or_default()))
}

fn speak(speaker: &mut Speaker, sentences: Vec<Sentence>, run: &Run) -> Result<Vec<(Sentence, AudioClip)>, Failure> {
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
