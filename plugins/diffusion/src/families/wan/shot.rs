//! A clip of this family under way: what speaks against it, what it is denoised from, and its frames.

use ndarray::{ArrayD, Axis};
use spotloom_onnx::memory::check_elements;

use super::memory::needs as needs_of;
use super::{DECODER_WIDTH, Encoder, Given, Wan, conditioned};
use crate::contract::{Contract, Mode, Variant};
use crate::error::Error;
use crate::families::chain::{Clip, ClipFamily};
use crate::families::clip::{self, Decoding};
use crate::families::parts::{Call, Part};
use crate::families::text::Rows;
use crate::families::tiles::{self, Tile};
use crate::family::{Decode, Frames, Shot, Step};
use crate::picture::Picture;
use crate::schedulers::Skipped;

impl Wan {
    /// Lays a clip out, and refuses everything that can be refused, before a graph is loaded. Of a later clip memory is not asked
    /// again: the first one has it.
    fn lay_out(&mut self, shot: &Shot, later: bool) -> Result<Laid, Error> {
        self.loader.begin(shot)?;
        let [count, rows, columns] = clip::cells(&self.loader, shot, self.windowed())?;
        let contract = self.contract();
        let frames = contract.latent.pixels(count);
        self.check_given(shot, frames)?;
        let step = [DECODER_WIDTH, contract.latent.stride[0], shot.height, shot.width];
        check_elements("the decoder's widest layer", &step)?;
        let [_, py, px] = contract.latent.patch;
        let call = Call {
            batch: clip::batch(contract, shot),
            tokens: count.min(contract.window()) * (rows / py) * (columns / px),
            timed: contract.variant == Some(Variant::Ti2v),
        };
        let shape = [1, contract.latent.channels, count, rows, columns];
        let latents = check_elements("the latents", &shape)?;
        let experts: &[&Part] = match contract.variant {
            Some(Variant::A14b) => &[&self.transformer, &self.transformer_low],
            _ => &[&self.transformer],
        };
        let mut needs = Vec::new();
        for expert in experts {
            needs.push((*expert, latents.max(self.loader.transforming(expert, &call)?)));
        }
        let contract = &self.loader.model.contract;
        let prompts = clip::prompts(contract, shot);
        needs.extend(self.text_encoder.needs(&self.loader, &prompts));
        let encodes = !shot.conditions.is_empty() || shot.edit.is_some();
        if encodes {
            let frames = if conditioned(contract) || shot.edit.is_some() { frames } else { 1 };
            needs.extend(self.encoder.needs(shot, frames)?);
        }
        if contract.variant == Some(Variant::I2vClip) {
            needs.push((&self.image_encoder, 0));
        }
        let require = |tiles: &[Tile]| {
            let decoder = needs_of(&self.decoder, tiles);
            if later { Ok(()) } else { self.loader.require(&needs.iter().copied().chain(decoder).collect::<Vec<_>>()) }
        };
        let decoding = clip::decoding(&self.loader, shot, tiles::SIDE, &require)?;

        let prompts = clip::prompts(self.contract(), shot);
        let known = self.text_encoder.needs(&self.loader, &prompts).is_none();
        let (loader, parts) = self.split(encodes);
        // The text encoder is the first; nothing is asked of it when the prompts were encoded before.
        loader.inspect(&parts[usize::from(known)..])?;
        Ok(Laid { frames, shape, decoding })
    }

    /// What a clip that is laid out is denoised from.
    fn prepare(&mut self, shot: &Shot, laid: Laid) -> Result<Work, Error> {
        let given = self.encode_given(shot, laid.frames)?;
        let noise = clip::noise(&self.loader, shot, &laid.shape, Axis(2))?;
        Ok(Work { shot: shot.clone(), given, noise, tiles: laid.decoding.tiles })
    }
}

impl ClipFamily for Wan {
    fn begin<'a>(&'a mut self, clip: &Shot) -> Result<Box<dyn Clip + 'a>, Error> {
        let mut laid = self.lay_out(clip, false)?;
        self.split(true).1.into_iter().for_each(Part::reset);
        let prompts = clip::prompts(self.contract(), clip);
        let text = self.encode_text(&prompts)?;
        self.loader.warnings.extend(laid.decoding.told.take());
        let decode = laid.decoding.decode;
        let work = Some(self.prepare(clip, laid)?);
        Ok(Box::new(WanShot { model: self, text, work, decode }))
    }

    fn examine(&mut self, clip: &Shot) -> Result<(), Error> {
        self.lay_out(clip, false).map(drop)
    }

    fn contract(&self) -> &Contract {
        &self.loader.model.contract
    }

    fn try_out(&mut self) -> Result<(), Error> {
        let (loader, parts) = self.split(true);
        loader.inspect(&parts)?;
        parts.into_iter().try_for_each(|part| part.try_out(loader))
    }

    fn decodes_in_tiles(&self) -> bool {
        true
    }

    fn edits(&self) -> bool {
        let contract = self.contract();
        !conditioned(contract) && Encoder::roles(&self.loader.model).iter().all(|role| self.loader.model.has(role))
    }

    /// A model that takes a picture goes on from one.
    fn windowed(&self) -> bool {
        let contract = self.contract();
        !conditioned(contract) && !contract.modes.contains(&Mode::ImageToVideo)
    }
}

/// A clip that nothing speaks against.
struct Laid {
    /// Frames of it, whole latent frames.
    frames: usize,
    /// Of its latents.
    shape: [usize; 5],
    decoding: Decoding,
}

/// A shot of this family under way.
pub(super) struct WanShot<'a> {
    pub model: &'a mut Wan,
    /// The same for every clip.
    pub text: Vec<Rows>,
    /// What is to be denoised first.
    pub work: Option<Work>,
    pub decode: Decode,
}

pub(super) struct Work {
    shot: Shot,
    given: Given,
    noise: ArrayD<f32>,
    tiles: Vec<Tile>,
}

impl Clip for WanShot<'_> {
    fn go_on(&mut self, clip: &Shot) -> Result<(), Error> {
        let laid = self.model.lay_out(clip, true)?;
        self.work = Some(self.model.prepare(clip, laid)?);
        Ok(())
    }
}

impl Frames for WanShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        if let Some(Work { shot, given, noise, tiles }) = self.work.take() {
            let windows = clip::windows(self.model.contract(), noise.shape()[2]);
            let latents = self.model.denoise(&shot, &self.text, &given, noise, &mut clip::counted(windows, on_step))?;
            self.model.begin_decoding(latents, [shot.height, shot.width], tiles);
        }
        let Wan { decoder, loader, .. } = &mut *self.model;
        decoder.next(loader)
    }

    fn warnings(&self) -> &[String] {
        &self.model.loader.warnings
    }

    fn decode(&self) -> Decode {
        self.decode
    }

    fn skipped(&self) -> Option<Skipped> {
        self.model.loader.skipped
    }
}
