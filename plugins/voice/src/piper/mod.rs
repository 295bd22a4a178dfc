//! A voice that is a network: VITS with the interface of Piper's exports.
//!
//! `input` int64 `[1, n]` phoneme ids, `input_lengths` int64 `[1]`, `scales` float `[3]` (noise, length, noise of
//! lengths) and, with several speakers, `sid` int64 `[1]`, to `output`, one row of samples of any number of dimensions
//! (github.com/OHF-Voice/piper1-gpl: `export_onnx.py`, `voice.py`).
//!
//! Invariant: the same words, voice, seed and figures sound the same, and a sentence sounds the same wherever it stands:
//! every sentence begins with a graph whose chance is tied to the seed anew.

mod config;
mod contract;
mod phonemes;

use std::path::Path;

use ndarray::{Array1, arr1};
use spotloom_media::AudioClip;
use spotloom_onnx::{Engine, Error, Graph, GraphFile, Model, Port, Tensor};
use spotloom_plugin_sdk::api::Level;
use spotloom_plugin_sdk::api::locale::same_language;
use spotloom_plugin_sdk::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use self::config::{Config, PhonemeType};
use self::contract::{CONFIG, VOICE};
use crate::{espeak, wav};

pub use self::contract::Contract;

/// Phonemes of one sentence; a network's memory grows with the square of them.
const MOST_IDS: usize = 4096;
/// The longest sound of one sentence, in seconds.
const LONGEST: f64 = 120.0;
/// What is quieter than this part of a sentence's peak, before and after the words, is silence; and what stays of it.
const FLOOR: f32 = 0.02;
const MARGIN: f64 = 0.02;

/// How the voice speaks, as far as it is not the voice's own affair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    pub speaker: Option<String>,
    /// 1 is the voice's own.
    pub pace: f64,
    pub noise: Option<f32>,
    pub noise_of_lengths: Option<f32>,
    pub seed: u32,
}

/// A voice that is loaded.
pub(crate) struct Voice {
    pub model: Model<Contract>,
    pub runtime: String,
    config: Config,
    engine: Engine,
    source: GraphFile,
    graph: Graph,
    /// Whether the graph draws random numbers, so that each sentence needs a fresh one.
    draws: bool,
    fresh: bool,
    speaker: i64,
    scales: [f32; 3],
    /// Phonemes that were left out, each told once.
    unknown: Vec<String>,
}

impl Voice {
    /// Loads a model folder, for use in these places.
    ///
    /// # Errors
    /// Those of the folder and of the graph, `licence-territory`, `no-speaker`, `missing-program`, `no-voice`.
    pub(crate) fn open(folder: &Path, manner: &Manner, places: &[String], threads: usize) -> Result<Self, Failure> {
        let model = Model::<Contract>::open(folder).map_err(onnx)?;
        model.contract.licence.check(&model.contract.name, places).map_err(onnx)?;
        let config = config(&model).map_err(onnx)?;
        let wanted = manner.speaker.as_deref().or(model.contract.speaker.as_deref());
        let speaker = config.speaker(wanted).map_err(|known| {
            let name = &model.contract.name;
            Failure::new("no-speaker", format!("{name} has no speaker `{}`; {known}", wanted.unwrap_or_default()))
                .hint("name one of these under `audio.speaker` in the brief, or leave it out")
        })?;
        if config.phoneme_type == PhonemeType::Espeak {
            espeak::has_voice(&config.espeak.voice)?;
        }
        let mut source = model.read_graph(VOICE).map_err(onnx)?;
        let drawing = source.seed(manner.seed).map_err(|reason| onnx(unreadable(&model, reason)))?;
        let engine = Engine::cpu(threads).map_err(onnx)?;
        let graph = load(&engine, &model, &source, config.num_speakers > 1).map_err(onnx)?;
        let own = &config.inference;
        let length = (f64::from(own.length_scale) / manner.pace) as f32;
        let scales = [manner.noise.unwrap_or(own.noise_scale), length, manner.noise_of_lengths.unwrap_or(own.noise_w)];
        let runtime = engine.runtime.version.clone();
        let draws = drawing > 0;
        Ok(Self {
            model,
            runtime,
            config,
            engine,
            source,
            graph,
            draws,
            fresh: true,
            speaker,
            scales,
            unknown: Vec::new(),
        })
    }

    /// The rate of [`Self::samples`].
    pub(crate) fn rate(&self) -> u32 {
        self.config.audio.sample_rate
    }

    /// Whether the graph draws random numbers.
    pub(crate) fn draws(&self) -> bool {
        self.draws
    }

    /// Says one sound, to see that the graph runs.
    pub(crate) fn try_out(&mut self) -> Result<(), Failure> {
        let ids = phonemes::ids(&[], &self.config).0;
        self.samples(&ids).map(drop).map_err(onnx)
    }

    /// Speaks one sentence. `scratch` is a folder for its files.
    pub(crate) fn say(&mut self, text: &str, scratch: &Path, run: &Run) -> Result<AudioClip, Failure> {
        let phonemes = match self.config.phoneme_type {
            PhonemeType::Espeak => phonemes::phonemes(&phonemes::clauses(text), |clause| {
                espeak::phonemes(&self.config.espeak.voice, clause, scratch, run)
            })?,
            _ => self.letters(text),
        };
        let (ids, unknown) = phonemes::ids(&phonemes, &self.config);
        for phoneme in unknown.into_iter().filter(|p| p.trim() != "") {
            if !self.unknown.contains(&phoneme) {
                let name = &self.model.contract.name;
                run.log(Level::Warn, format!("{name} does not know the sound `{phoneme}` in {text:?}; it is left out"));
                self.unknown.push(phoneme);
            }
        }
        if ids.len() > MOST_IDS {
            let message =
                format!("the sentence {text:?} has {} sounds; at most {MOST_IDS} are spoken at once", ids.len());
            return Err(Failure::new("sentence-too-long", message).hint("make two sentences of it"));
        }
        run.check_cancelled()?;
        let samples = self.samples(&ids).map_err(onnx)?;
        let file = scratch.join("sentence.wav");
        wav::write_float(&file, &samples, self.rate())?;
        let clip = AudioClip::read(&file, LONGEST).map_err(|e| Failure::new(e.code(), e.to_string()))?;
        let peak = clip.samples().iter().fold(0.0_f32, |peak, s| peak.max(s.0.abs()));
        Ok(espeak::trimmed(&clip, peak * FLOOR, MARGIN))
    }

    /// The samples of a sentence, 1 at full scale.
    pub(crate) fn samples(&mut self, ids: &[i64]) -> Result<Vec<f32>, Error> {
        if self.draws && !self.fresh {
            self.graph = load(&self.engine, &self.model, &self.source, self.config.num_speakers > 1)?;
        }
        self.fresh = false;
        let count = ids.len();
        let ids = Array1::from(ids.to_vec()).into_shape_with_order((1, count)).unwrap_or_default().into_dyn();
        let (lengths, scales) = (arr1(&[count as i64]).into_dyn(), arr1(&self.scales).into_dyn());
        let speaker = arr1(&[self.speaker]).into_dyn();
        let output = self
            .graph
            .run(&[
                ("input", Tensor::I64(ids.view())),
                ("input_lengths", Tensor::I64(lengths.view())),
                ("scales", Tensor::F32(scales.view())),
                ("sid", Tensor::I64(speaker.view())),
            ])?
            .array("output")?;
        let name = &self.model.contract.name;
        let failed = |reason: String| Error::Inference { model: name.clone(), component: VOICE.into(), reason };
        let rows = output.shape().iter().filter(|d| **d != 1).count();
        if output.is_empty() || rows > 1 {
            return Err(failed(format!("it gave {:?}; expected one row of samples", output.shape())));
        }
        if output.len() as f64 > LONGEST * f64::from(self.rate()) {
            return Err(failed(format!("it speaks for more than {LONGEST} s over one sentence")));
        }
        if output.iter().any(|v| !v.is_finite()) {
            return Err(Error::NonFinite { model: name.clone(), place: "what it speaks".into() });
        }
        Ok(output.iter().map(|v| v.clamp(-1.0, 1.0)).collect())
    }

    /// A sentence's letters, small ones for those that the voice knows only so.
    fn letters(&self, text: &str) -> Vec<String> {
        let known = |c: &str| self.config.phoneme_id_map.contains_key(c);
        text.nfd().map(String::from).map(|c| if known(&c) { c } else { c.to_lowercase() }).collect()
    }
}

/// Whether a voice of these languages speaks `locale`: the language is the same, the country may be another.
pub(crate) fn speaks(locales: &[String], locale: &str) -> bool {
    locales.iter().any(|l| same_language(l, locale))
}

fn load(engine: &Engine, model: &Model<Contract>, source: &GraphFile, several: bool) -> Result<Graph, Error> {
    let sid = Port::i64("sid", &[Some(1)]);
    let inputs = [
        Port::i64("input", &[Some(1), None]),
        Port::i64("input_lengths", &[Some(1)]),
        Port::float("scales", &[Some(3)]),
        if several { sid } else { sid.optional() },
    ];
    Graph::load(engine, model, VOICE, source, &inputs, &[Port::float("output", &[]).of_any_rank()])
}

fn config(model: &Model<Contract>) -> Result<Config, Error> {
    let file = &model.component(CONFIG)?.file;
    let text = model.read(CONFIG)?;
    let unreadable =
        |reason: String| Error::Unreadable { model: model.contract.name.clone(), file: file.clone(), reason };
    let config: Config = serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))?;
    match config.mistakes() {
        mistakes if mistakes.is_empty() => Ok(config),
        mistakes => Err(unreadable(mistakes.join("; "))),
    }
}

fn unreadable(model: &Model<Contract>, reason: String) -> Error {
    let file = model.component(VOICE).map_or_else(|_| VOICE.to_owned(), |c| c.file.clone());
    Error::Unreadable { model: model.contract.name.clone(), file, reason }
}

fn onnx(error: Error) -> Failure {
    let hint = match &error {
        Error::ContractSyntax { .. } | Error::ContractInvalid { .. } => {
            "correct it; plugins/voice/README.md lists every field"
        }
        Error::Unreadable { .. } => "copy the voice again, both files; plugins/voice/README.md says what they must be",
        other => other.hint(),
    };
    let failure = Failure::new(error.code(), error.to_string()).hint(hint);
    if error.is_retryable() { failure.retryable() } else { failure }
}

#[cfg(test)]
mod tests;
