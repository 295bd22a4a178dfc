//! Whether a contract's figures make sense, every mistake at once.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::ArrayD;
use spotloom_onnx::{Component, Derived, Described, Error, Licence, component};

use super::{Contract, FamilyName, Mode, Variant, diffusers, modes};
use crate::schedulers::{Schedule, scheduler};

impl Described for Contract {
    fn name(&self) -> &str {
        &self.name
    }

    fn licence(&self) -> &Licence {
        &self.licence
    }

    fn components(&self) -> &BTreeMap<String, Component> {
        &self.components
    }

    fn mistakes(&self) -> Vec<String> {
        if self.contract != 1 {
            return vec![format!("`contract` is {}; this Spotloom understands version 1", self.contract)];
        }
        let mut found = Vec::new();
        self.check_figures(&mut found);
        if found.is_empty() {
            self.check_shapes(&mut found);
        }
        self.check_scheduler(&mut found);
        if self.check_variant(&mut found) {
            self.check_modes(&mut found);
        }
        let missing = self.roles().into_iter().filter(|role| !self.components.contains_key(*role));
        found.extend(missing.map(|role| format!("`components` has no `{role}`, which this family needs")));
        found.extend(component::mistakes(&self.components));
        found.extend(
            self.attributes
                .iter()
                .filter(|slot| slot.words.is_empty())
                .map(|slot| format!("the attribute `{}` has no words", slot.name)),
        );
        let implied = self.attributes.iter().filter_map(|slot| Some((slot, &slot.implied.as_ref()?.word)));
        found.extend(
            implied.filter(|(slot, word)| !slot.words.contains(word)).map(|(slot, word)| {
                format!("the attribute `{}` implies `{word}`, which is none of its words", slot.name)
            }),
        );
        found
    }

    fn derive(folder: &Path) -> Result<Option<Derived>, Error> {
        diffusers::derive(folder)
    }
}

impl Contract {
    /// The components without which the family can't load the model, whatever is asked of it.
    fn roles(&self) -> Vec<&'static str> {
        let mut roles = vec!["tokenizer", "text-encoder", "transformer"];
        match self.family {
            FamilyName::Ambient | FamilyName::Ltx => roles.extend(["vae-decoder", "vae-encoder"]),
            FamilyName::CogVideoX => {
                roles.extend(["vae-decoder-first-1", "vae-decoder-first-2", "vae-decoder-first-3", "vae-decoder-next"]);
            }
            FamilyName::Wan => {
                roles.extend(["vae-decoder-first", "vae-decoder-next"]);
                roles.extend((self.variant == Some(Variant::A14b)).then_some("transformer-low"));
                roles.extend((self.variant == Some(Variant::I2vClip)).then_some("image-encoder"));
                let given = match self.variant {
                    Some(Variant::I2v | Variant::I2vClip | Variant::Ti2v) => true,
                    Some(Variant::A14b) => self.modes.contains(&Mode::ImageToVideo),
                    _ => false,
                };
                // Earlier exports have one graph for all frames.
                let has = |role| self.components.contains_key(role);
                let whole = has("vae-encoder") && !has("vae-encoder-first");
                let encoder: &[_] = if whole { &["vae-encoder"] } else { &["vae-encoder-first", "vae-encoder-next"] };
                roles.extend(given.then_some(encoder).into_iter().flatten());
            }
        }
        roles
    }

    fn check_figures(&self, found: &mut Vec<String>) {
        let [st, sy, sx] = self.latent.stride;
        let [pt, py, px] = self.latent.patch;
        let counts = [
            ("video.width", self.video.width, 16_384),
            ("video.height", self.video.height, 16_384),
            ("video.frames", self.video.frames, 16_384),
            ("latent.channels", self.latent.channels, 16_384),
            ("latent.stride", st.min(sy).min(sx), 256),
            ("latent.stride", st.max(sy).max(sx), 256),
            ("latent.patch", pt.min(py).min(px), 16),
            ("latent.patch", pt.max(py).max(px), 16),
            ("prompt.tokens", self.prompt.tokens, 16_384),
            ("sampling.steps", self.sampling.steps, 16_384),
            ("attention-heads", self.attention_heads.unwrap_or(1), 16_384),
        ];
        for (name, value, most) in counts {
            if value == 0 || value > most {
                found.push(format!("`{name}` is {value}; expected 1 to {most}"));
            }
        }
        let s = &self.sampling;
        let figures = [
            ("video.fps", Some(self.video.fps), 1.0, 240.0),
            ("latent.scale", Some(f64::from(self.latent.scale)), 1e-4, 1e4),
            ("sampling.shift", Some(s.shift), 0.01, 100.0),
            ("sampling.guidance", Some(f64::from(s.guidance)), 1.0, 100.0),
            ("sampling.guidance-low", s.guidance_low.map(f64::from), 1.0, 100.0),
            ("sampling.boundary", s.boundary, 0.0, 1.0),
            ("sampling.guidance-rescale", Some(f64::from(s.guidance_rescale)), 0.0, 1.0),
            ("sampling.decode-timestep", s.decode_timestep, 0.0, 1.0),
            ("sampling.decode-noise", s.decode_noise, 0.0, 1.0),
        ];
        for (name, value, least, most) in figures {
            if let Some(value) = value.filter(|v| !(least..=most).contains(v)) {
                found.push(format!("`{name}` is {value}; expected {least} to {most}"));
            }
        }
        // Every model of these two was trained on latents that are scaled by channel; without these they would be taken as they are.
        let scaled = matches!(self.family, FamilyName::Wan | FamilyName::Ltx);
        for (name, list) in [("latent.mean", &self.latent.mean), ("latent.std", &self.latent.std)] {
            let Some(list) = list else {
                found
                    .extend(scaled.then(|| format!("`{name}` is missing; this family needs a value for each channel")));
                continue;
            };
            if list.len() != self.latent.channels {
                found.push(format!("`{name}` has {} values for {} channels", list.len(), self.latent.channels));
            }
            if list.iter().any(|v| !v.is_finite() || name == "latent.std" && *v <= 0.0) {
                found.push(format!("`{name}` holds a value that no latents have"));
            }
        }
    }

    /// Every size must be one that the latents can have.
    fn check_shapes(&self, found: &mut Vec<String>) {
        let sizes = self.video.sizes.iter().copied().chain([[self.video.width, self.video.height]]);
        for [width, height] in sizes {
            if let Err(reason) = self.latent.cells(width, height, self.video.frames) {
                found.push(format!("`video` asks for {reason}"));
            }
        }
    }

    /// The scheduler is made once, so that what speaks against it is known before a prompt is encoded.
    fn check_scheduler(&self, found: &mut Vec<String>) {
        let (sampling, config) = (&self.sampling, &self.scheduler_config);
        if let Err(expected) = self.family.fits(sampling.scheduler) {
            found.push(format!("`sampling.scheduler` is {}; {expected}", sampling.scheduler));
            return;
        }
        let mut wrong = config.mistakes(sampling.scheduler);
        if self.takes_shift(sampling.scheduler) {
            for (name, value) in [("flow_shift", config.flow_shift), ("shift", config.shift)] {
                if let Some(value) = value.filter(|value| *value != sampling.shift) {
                    let ours = sampling.shift;
                    wrong.push(format!(
                        "`scheduler-config.{name}` is {value} and `sampling.shift` {ours}: leave the one out"
                    ));
                }
            }
        }
        // Figures that are told of already are not told of again.
        if wrong.is_empty() && found.is_empty() {
            let cells = self.latent.cells(self.video.width, self.video.height, self.video.frames);
            // Only LTX tells how many there are.
            let tokens = cells.ok().filter(|_| self.family == FamilyName::Ltx);
            let schedule = Schedule {
                name: sampling.scheduler,
                steps: sampling.steps,
                shift: sampling.shift,
                tokens: tokens.map(|cells| cells.iter().zip(self.latent.patch).map(|(n, patch)| n / patch).product()),
                config,
            };
            wrong.extend(scheduler::<ArrayD<f32>>(&schedule).err());
        }
        found.extend(wrong);
    }

    /// What is offered must be what a model of this make can do, since plans and pipelines go by it.
    fn check_modes(&self, found: &mut Vec<String>) {
        let able = modes::able(self.family, self.variant, self.modes.contains(&Mode::ImageToVideo), true);
        let list = |modes: &[Mode]| modes.iter().map(|mode| format!("`{mode}`")).collect::<Vec<_>>().join(", ");
        if self.modes.is_empty() {
            found.push(format!("`modes` is empty; expected some of {}", list(able)));
        }
        let unable: Vec<Mode> = self.modes.iter().copied().filter(|mode| !able.contains(mode)).collect();
        if !unable.is_empty() {
            let (unable, able) = (list(&unable), list(able));
            // Two experts come as either, and this is how a contract says which.
            let told =
                if self.variant == Some(Variant::A14b) { ", as `image-to-video` among them or not tells" } else { "" };
            found.push(format!(
                "`modes` has {unable}, which this kind of model can't do; expected some of {able}{told}"
            ));
        }
        if self.modes.contains(&Mode::Edit) && self.family == FamilyName::Wan && !self.encodes() {
            let roles = "`vae-encoder-first` and `vae-encoder-next`";
            found.push(format!("`modes` has `edit`, and `components` has no encoder for it: {roles}"));
        }
    }

    /// Whether a model of Wan can read pictures.
    fn encodes(&self) -> bool {
        let has = |role| self.components.contains_key(role);
        has("vae-encoder") || has("vae-encoder-first") && has("vae-encoder-next")
    }

    /// Whether the variant is one of the family's.
    fn check_variant(&self, found: &mut Vec<String>) -> bool {
        use Variant::{A14b, B2, B5, Base, I2v, I2vClip, T2v, Ti2v, Timestep, V15};
        let (names, known): (&str, &[Variant]) = match self.family {
            FamilyName::Ambient => ("none", &[]),
            FamilyName::Wan => ("t2v, i2v, i2v-clip, a14b or ti2v", &[T2v, I2v, I2vClip, A14b, Ti2v]),
            FamilyName::Ltx => ("base or timestep", &[Base, Timestep]),
            FamilyName::CogVideoX => ("2b, 5b or v1.5", &[B2, B5, V15]),
        };
        let fits = self.variant.is_none() == known.is_empty() && self.variant.is_none_or(|v| known.contains(&v));
        if !fits {
            found.push(format!("`variant` does not fit the family; expected {names}"));
        }
        if self.variant == Some(A14b) && self.sampling.boundary.is_none() {
            found.push("`sampling.boundary` is missing; a model of two experts needs it".into());
        }
        fits
    }
}
