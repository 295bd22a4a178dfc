//! The stage's parameters.

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_media::rate;
use spotloom_onnx::{Provider, SessionOptions};

use crate::contract::{Mode, SchedulerName};
use crate::error::Error;
use crate::family::{Calls, Decode, Levers, Subject, Weights};
use crate::limits;

/// Parameters of the stage `diffusion`. What is left out comes from the model's contract or the shot.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Width of the clip in pixels, even.
    #[serde(default = "width")]
    #[schemars(range(min = 64, max = 4096))]
    pub width: u32,
    /// Height of the clip in pixels, even.
    #[serde(default = "height")]
    #[schemars(range(min = 64, max = 4096))]
    pub height: u32,
    /// Frames per second; 23.976, 29.97 and 59.94 mean the broadcast rates.
    #[serde(default = "fps")]
    #[schemars(range(min = 1, max = 120))]
    pub fps: f64,
    /// What is to be done. Left out, it follows from the files: `image` begins the shot, `last-image` ends it; `clip` and
    /// `clip-after` are joined; with `from` and `to` that part of `clip` is made again.
    #[schemars(extend("x-offered-by" = {"input": "model", "field": "modes", "when-absent": [
        {"given": ["clip", "clip-after"], "value": "bridge"},
        {"given": ["clip", "from"], "value": "retake"},
        {"given": ["clip"]},
        {"given": ["clip-after"], "value": "extend"},
        {"given": ["last-image"], "value": "first-last"},
        {"given": ["image"], "value": "image-to-video"},
        {"given": [], "value": "text-to-video"},
    ]}))]
    #[schemars(extend("x-only-with" = limits::modes()))]
    pub mode: Option<Mode>,
    /// How far the result may leave what is given: near 0 it stays as it is, at 1 only the prompt counts. By default 0.8
    /// for `edit` and `retake`, 0.75 after a picture or clip, 0.55 between two.
    #[schemars(range(min = 0.05, max = 1))]
    pub strength: Option<f64>,
    /// Where the part of the clip begins that `retake` makes again, in seconds.
    #[schemars(range(min = 0, max = 600))]
    pub from: Option<f64>,
    /// Where it ends, in seconds.
    #[schemars(range(min = 0, max = 600))]
    pub to: Option<f64>,
    /// How many clips to make, from as many seeds, one after the other from the shot's own on. The first one is `clip`.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub variations: u32,
    /// What the clip's file is called, without its ending; the further ones have their seed behind it.
    #[serde(default = "stem")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), length(max = 100))]
    pub name: String,
    /// A quick look: half the steps, a third of the width and height. The same seed without it gives the same
    /// composition, finished.
    #[serde(default)]
    pub preview: bool,
    /// Length of the result in seconds, clips that are joined or gone on from included, instead of the shot's.
    #[schemars(range(min = 0.5, max = 120))]
    pub seconds: Option<f64>,
    /// Seed of the noise, instead of the shot's. The same seed gives the same clip.
    pub seed: Option<u64>,
    /// Added to the seed. This is what a pipeline's `retry-with-new-seed` sets when a check refused the clip.
    #[serde(default)]
    pub seed_offset: u32,
    /// Denoising steps per clip, instead of the model's. More is slower and finer.
    #[schemars(range(min = 1, max = 200))]
    pub steps: Option<usize>,
    /// Strength of the prompt, instead of the model's: 1 is none, more than 5 exaggerates.
    #[schemars(range(min = 1, max = 20))]
    pub guidance: Option<f32>,
    /// How much of the schedule is spent on composition and colour, instead of the model's; 1 is even.
    #[schemars(range(min = 0.1, max = 20))]
    pub shift: Option<f64>,
    /// How the noise is walked down, instead of the model's way.
    #[schemars(extend("x-only-with" = limits::schedulers()))]
    pub scheduler: Option<SchedulerName>,
    /// How many of the model's own frames pass in a second, instead of the model's rate: more is faster motion.
    #[schemars(range(min = 1, max = 60))]
    pub motion_fps: Option<f64>,
    /// Where the subject stands in a wide picture of the family `ambient`, whose things stand in the middle by themselves: to one
    /// side, so that words have the other. Other families are told such things in the prompt, and where pictures or clips
    /// are given, everything is where it is in them.
    #[serde(default)]
    pub subject: Subject,
    /// What does the arithmetic: `cpu`, an accelerator by name, or `auto`. Left out, the environment's
    /// SPOTLOOM_PROVIDER, else the processor. A provider that is named and can't be had is an error.
    pub provider: Option<Provider>,
    /// Where the clip will be shown, by ISO 3166 codes, `EU` or `WORLD`: a model whose licence forbids one of them is refused.
    #[serde(default)]
    pub territory: Vec<String>,
    /// Reads and loads the model, holds every part of it against its contract, and makes no clip: the fact `contract` is
    /// what stands for a `model.yaml` that is not there. For `spotloom models check`.
    #[serde(default)]
    #[schemars(extend("x-models" = {"families": ["ambient", "wan", "ltx", "cogvideox", "diffusers"]}))]
    pub check_model: bool,
    /// Step caching: a denoising step is left out when what it would give is expected to differ by less than this share
    /// from what is known, and drawn on from the steps before; 0.05 leaves out few, 0.2 many. 0 leaves out none.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub step_cache: f64,
    /// Whether guidance asks the model in one call for both, or in two calls that take half the memory. Left out, as
    /// was faster for the model's family.
    pub guidance_calls: Option<Calls>,
    /// `int8` takes the quantised weights that the exporter's `quantise` puts beside a model's own: faster on the
    /// processor, a little less exact.
    #[serde(default)]
    #[schemars(extend("x-only-with" = limits::weights()))]
    pub weights: Weights,
    /// Whether prompts that this process has encoded before are not encoded again.
    #[serde(default = "yes")]
    pub embedding_cache: bool,
    /// How frames come out of the model's latents: `whole`, in `tiles` where the model's family can (`wan`, `ltx`, `cogvideox`), which takes less memory
    /// and more time, or `auto`: in tiles only where whole frames do not fit.
    #[serde(default)]
    #[schemars(extend("x-only-with" = limits::decode()))]
    pub decode: Decode,
    /// How ONNX Runtime is set up.
    #[serde(default)]
    pub session: SessionOptions,
    /// Film grain on luma, as a standard deviation in 8-bit steps; 0 leaves only the dither that prevents banding.
    #[serde(default = "grain")]
    #[schemars(range(min = 0, max = 16))]
    pub grain: f32,
}

fn width() -> u32 {
    1280
}

fn height() -> u32 {
    720
}

fn fps() -> f64 {
    30.0
}

fn stem() -> String {
    "clip".into()
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn grain() -> f32 {
    0.5
}

/// Parameters that make sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub width: u32,
    pub height: u32,
    /// Numerator and denominator.
    pub fps: (u32, u32),
    pub grain: f32,
    pub provider: Provider,
    /// Where the clip will be shown.
    pub territory: Vec<String>,
}

impl Settings {
    /// The denoising steps when a model takes so many, and a quick look is wanted or not.
    #[must_use]
    pub fn steps(preview: bool, steps: usize) -> usize {
        if preview { (steps / 2).max(4).min(steps) } else { steps }
    }

    /// Frames per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        f64::from(self.fps.0) / f64::from(self.fps.1)
    }
}

impl Params {
    /// What is spent less, as asked for; `calls` is the family's own way.
    #[must_use]
    pub fn levers(&self, calls: Calls) -> Levers {
        Levers {
            step_cache: self.step_cache,
            calls: Some(self.guidance_calls.unwrap_or(calls)),
            weights: self.weights,
            embedding_cache: self.embedding_cache,
            decode: self.decode,
        }
    }

    /// Holds every figure against its range.
    ///
    /// # Errors
    /// `bad-params`, naming the parameter.
    pub fn check(&self) -> Result<Settings, Error> {
        for (name, value) in [("width", self.width), ("height", self.height)] {
            if !(64..=4096).contains(&value) || value % 2 == 1 {
                return Err(Error::Param {
                    name,
                    value: value.to_string(),
                    expected: "expected an even number of pixels from 64 to 4096".into(),
                });
            }
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() || self.name.starts_with(['.', '-', '_']) || !self.name.chars().all(plain) {
            let expected = "expected letters, digits, `.`, `_` and `-`, a letter or digit first".into();
            return Err(Error::Param { name: "name", value: self.name.clone(), expected });
        }
        let ranges: [(_, Option<f64>, _); 11] = [
            ("strength", self.strength, 0.05..=1.0),
            ("from", self.from, 0.0..=600.0),
            ("to", self.to, 0.0..=600.0),
            ("variations", Some(f64::from(self.variations)), 1.0..=16.0),
            ("fps", Some(self.fps), 1.0..=120.0),
            ("steps", self.steps.map(|v| v as f64), 1.0..=200.0),
            ("guidance", self.guidance.map(f64::from), 1.0..=20.0),
            ("shift", self.shift, 0.1..=20.0),
            ("motion-fps", self.motion_fps, 1.0..=60.0),
            ("step-cache", Some(self.step_cache), 0.0..=1.0),
            ("grain", Some(f64::from(self.grain)), 0.0..=16.0),
        ];
        for (name, value, range) in ranges {
            if let Some(value) = value.filter(|v| !range.contains(v)) {
                let expected = format!("expected {} to {}", range.start(), range.end());
                return Err(Error::Param { name, value: value.to_string(), expected });
            }
        }
        let provider = Provider::chosen(self.provider).map_err(|e| Error::Param {
            name: "provider",
            value: e.name,
            expected: e.expected,
        })?;
        if self.session.cuda_graphs && !provider.has_graphs() {
            let expected = format!("it needs `provider: cuda` or `tensorrt`, and this is `{provider}`");
            return Err(Error::Param { name: "session: cuda-graphs", value: "true".into(), expected });
        }
        // Even, and never less than a frame may have.
        let side = |pixels: u32| if self.preview { (pixels / 6 * 2).max(64) } else { pixels };
        Ok(Settings {
            width: side(self.width),
            height: side(self.height),
            fps: rate::exact(self.fps),
            grain: self.grain,
            provider,
            territory: self.territory.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_out_of_range_is_named() {
        let check = |yaml: serde_json::Value, expected: &str| {
            let params: Params = serde_json::from_value(yaml).expect("parameters");
            let message = params.check().expect_err("out of range").to_string();
            assert_eq!(message, expected);
        };
        check(
            serde_json::json!({"width": 1281}),
            "the parameter `width` is 1281; expected an even number of pixels from 64 to 4096",
        );
        check(serde_json::json!({"fps": 0}), "the parameter `fps` is 0; expected 1 to 120");
        check(serde_json::json!({"steps": 0}), "the parameter `steps` is 0; expected 1 to 200");
        check(serde_json::json!({"guidance": 0.5}), "the parameter `guidance` is 0.5; expected 1 to 20");
        check(serde_json::json!({"grain": -1}), "the parameter `grain` is -1; expected 0 to 16");
    }
}
