//! Whether a contract's figures make sense, every mistake at once.

use std::collections::BTreeMap;
use std::path::Path;

use spotloom_onnx::{Component, Derived, Described, Error, Licence, component};

use super::{Contract, FamilyName, Mode, Variant, diffusers};

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
        self.check_variant(&mut found);
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
        if self.modes.is_empty() {
            found.push("`modes` is empty; expected at least one, such as text-to-video".into());
        }
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
        for (name, list) in [("latent.mean", &self.latent.mean), ("latent.std", &self.latent.std)] {
            let Some(list) = list else { continue };
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

    fn check_variant(&self, found: &mut Vec<String>) {
        use Variant::{A14b, B2, B5, Base, I2v, I2vClip, T2v, Ti2v, Timestep, V15};
        let (names, known): (&str, &[Variant]) = match self.family {
            FamilyName::Ambient => ("none", &[]),
            FamilyName::Wan => ("t2v, i2v, i2v-clip, a14b or ti2v", &[T2v, I2v, I2vClip, A14b, Ti2v]),
            FamilyName::Ltx => ("base or timestep", &[Base, Timestep]),
            FamilyName::CogVideoX => ("2b, 5b or v1.5", &[B2, B5, V15]),
        };
        if self.variant.is_none() != known.is_empty() || self.variant.is_some_and(|v| !known.contains(&v)) {
            found.push(format!("`variant` does not fit the family; expected {names}"));
        }
        if self.variant == Some(A14b) && self.sampling.boundary.is_none() {
            found.push("`sampling.boundary` is missing; a model of two experts needs it".into());
        }
    }
}
