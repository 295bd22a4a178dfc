//! `model.yaml`: what a model is, which files it is made of, and how it is sampled.
//!
//! Invariant: the contract of a [`Model`] has figures that fit each other; those that must fit an ONNX graph are held
//! against its ports when it is loaded.

mod check;
mod diffusers;
mod latent;
mod modes;
mod sampling;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
pub use spotloom_onnx::{Component, Licence};

pub use self::latent::{Latent, Rule};
pub use self::sampling::{Mask, Negative, Prompt, Sampling, SchedulerName};
pub use crate::schedulers::SchedulerConfig;

/// A model folder whose contract has been read and checked.
pub type Model = spotloom_onnx::Model<Contract>;

/// The content of `model.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contract {
    /// Version of this format; always 1.
    pub contract: u32,
    /// The model's name, with its version.
    pub name: String,
    /// One line for lists.
    pub summary: String,
    /// Whose rules it follows: the file under `families/`.
    pub family: FamilyName,
    /// Which of the family's kinds it is; a family that has only one leaves it out.
    pub variant: Option<Variant>,
    /// What the stage may be asked to do with it.
    #[serde(default = "modes")]
    pub modes: Vec<Mode>,
    pub licence: Licence,
    pub video: Video,
    pub latent: Latent,
    pub prompt: Prompt,
    pub sampling: Sampling,
    /// Figures of the reference's scheduler, by the reference's own names.
    #[serde(default)]
    pub scheduler_config: SchedulerConfig,
    /// Rotary positions that are fed to the transformer; only CogVideoX has them.
    pub rope: Option<Rope>,
    /// Heads whose attention scores the transformer's graph writes out, tokens x tokens for each: what that takes is
    /// reckoned before anything is loaded. Left out where attention is fused.
    pub attention_heads: Option<usize>,
    /// Files by role; the family says which roles it needs.
    pub components: BTreeMap<String, Component>,
    /// What the text encoder reports to have understood, when it does.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// Words and phrases of a prompt, in lower case and of three words at most, that the model does not know or takes for
    /// something else, by what is said to it in their place. Only `ambient` reads it.
    #[serde(default)]
    pub said_as: BTreeMap<String, Vec<String>>,
    /// Words and phrases of a prompt that the text encoder knows and the model draws nothing of. Only `ambient` reads it.
    #[serde(default)]
    pub not_drawn: NotDrawn,
}

/// Words that the text encoder knows and the model draws nothing of: in lower case, phrases of three words at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NotDrawn {
    /// What is missing from the picture wherever it is said.
    pub things: Vec<String>,
    /// What is missing where nothing else of the prompt asks for a picture: beside something else they only say what it is for.
    pub topics: Vec<String>,
    /// Phrases with such words that mean something else.
    pub except: Vec<String>,
}

/// The families there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyName {
    Ambient,
    Wan,
    Ltx,
    #[serde(rename = "cogvideox")]
    CogVideoX,
}

/// Kinds of a family. Wan: `t2v`, `i2v`, `i2v-clip`, `a14b`, `ti2v`; LTX: `base`, `timestep` (its decoder takes a
/// time); CogVideoX: `2b`, `5b`, `v1.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    T2v,
    I2v,
    I2vClip,
    A14b,
    Ti2v,
    Base,
    Timestep,
    #[serde(rename = "2b")]
    B2,
    #[serde(rename = "5b")]
    B5,
    #[serde(rename = "v1.5")]
    V15,
}

/// What the stage can be asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    TextToVideo,
    /// The first frame is given.
    ImageToVideo,
    /// The first and the last frame are given.
    FirstLast,
    /// A clip goes on, after its end or before its beginning.
    Extend,
    /// The last frame leads into the first.
    Loop,
    /// From one clip to another.
    Bridge,
    /// A clip is made again, nearer to a prompt.
    Edit,
    /// A part of a clip is made again.
    Retake,
}

impl Contract {
    /// Whether `shift` changes anything with a scheduler: not where the shift grows with the tokens, nor in discrete schedules.
    #[must_use]
    pub fn takes_shift(&self, scheduler: SchedulerName) -> bool {
        scheduler.takes_velocity() && !self.scheduler_config.dynamic()
    }

    /// Frames of the longest clip.
    #[must_use]
    pub fn most(&self) -> usize {
        self.latent.whole(self.video.frames)
    }

    /// Latent frames that the transformer sees at once, at most.
    #[must_use]
    pub fn window(&self) -> usize {
        self.latent.frames(self.video.frames).next_multiple_of(self.latent.patch[0])
    }

    /// Frames that a clip is handed on by: from one that is given, or from one clip of a shot to the next. Those of a latent
    /// frame where any may be given; where the family knows a first picture only, that one. LTX goes on from several, which tell
    /// it how things move (`LTXConditionPipeline`).
    #[must_use]
    pub fn carried(&self) -> usize {
        match self.family {
            FamilyName::Ambient => self.latent.stride[0],
            FamilyName::Ltx => Some(self.latent.pixels(2)).filter(|two| 2 * two < self.most()).unwrap_or(1),
            FamilyName::Wan | FamilyName::CogVideoX => 1,
        }
    }
}

impl FamilyName {
    /// The schedulers that walk along what the family's networks predict.
    #[must_use]
    pub const fn schedulers(self) -> &'static [SchedulerName] {
        match self {
            Self::CogVideoX => &[SchedulerName::Ddim, SchedulerName::SdeDpm],
            _ => &[SchedulerName::FlowEuler, SchedulerName::FlowAb2, SchedulerName::UniPc],
        }
    }

    /// What that is.
    #[must_use]
    pub const fn predicts(self) -> &'static str {
        match self {
            Self::CogVideoX => "v",
            _ => "a velocity",
        }
    }

    /// # Errors
    /// What is expected in place of a scheduler that does not fit.
    pub fn fits(self, scheduler: SchedulerName) -> Result<(), String> {
        let fitting = self.schedulers();
        if fitting.contains(&scheduler) {
            return Ok(());
        }
        let names = fitting.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(format!("expected one of {names}: this family predicts {}", self.predicts()))
    }
}

impl Mode {
    /// As contracts and pipelines write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TextToVideo => "text-to-video",
            Self::ImageToVideo => "image-to-video",
            Self::FirstLast => "first-last",
            Self::Extend => "extend",
            Self::Loop => "loop",
            Self::Bridge => "bridge",
            Self::Edit => "edit",
            Self::Retake => "retake",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one pass gives, and what the model was trained for.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Video {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Frames of one clip.
    pub frames: usize,
    /// Frames a second at which the motion looks natural.
    pub fps: f64,
    /// Widths and heights in pixels that the model was trained for besides; empty when there is only the one.
    #[serde(default)]
    pub sizes: Vec<[usize; 2]>,
}

impl Video {
    /// The size the model was trained for whose shape is nearest to that of `width` x `height`; of equally near ones
    /// the first, and the contract's own comes first of all.
    #[must_use]
    pub fn nearest(&self, width: u32, height: u32) -> (usize, usize) {
        let wanted = (f64::from(width) / f64::from(height)).ln();
        let far = |size: &(usize, usize)| ((size.0 as f64 / size.1 as f64).ln() - wanted).abs();
        let others = self.sizes.iter().map(|&[width, height]| (width, height));
        others.fold((self.width, self.height), |best, size| if far(&size) < far(&best) - 1e-9 { size } else { best })
    }
}

/// Rotary positions of CogVideoX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rope {
    /// Width of an attention head.
    pub head_dim: usize,
    /// Columns of patches the positions were trained for.
    pub base_width: usize,
    /// Rows of patches the positions were trained for.
    pub base_height: usize,
}

/// The word that holds where a prompt says none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Implied {
    pub word: String,
    /// Words of a prompt that ask for it.
    pub said_by: Vec<String>,
}

/// One slot of what was understood: `words[0]` means "not mentioned".
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Attribute {
    pub name: String,
    pub words: Vec<String>,
    /// What becomes of a prompt that says none of them.
    #[serde(default)]
    pub implied: Option<Implied>,
}

fn modes() -> Vec<Mode> {
    vec![Mode::TextToVideo]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_nearest_in_shape_is_taken() {
        let of = |sizes: &[[usize; 2]]| Video { width: 288, height: 160, frames: 16, fps: 10.0, sizes: sizes.to_vec() };
        let all = of(&[[288, 160], [160, 288], [224, 224]]);
        let check = |video: &Video, asked: (u32, u32), expected| {
            assert_eq!(video.nearest(asked.0, asked.1), expected, "{asked:?}");
        };
        check(&all, (1280, 720), (288, 160));
        check(&all, (720, 1280), (160, 288));
        check(&all, (1080, 1080), (224, 224));
        check(&all, (1080, 1350), (224, 224));
        check(&all, (1920, 800), (288, 160));
        check(&of(&[]), (720, 1280), (288, 160));
    }
}
