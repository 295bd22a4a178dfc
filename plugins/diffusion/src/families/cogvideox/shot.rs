//! A shot of this family under way: what speaks against it, what it is denoised from, and its frames.

use ndarray::{ArrayD, Axis};
use spotloom_onnx::memory;

use super::{CogVideoX, TILE, size};
use crate::contract::Contract;
use crate::error::Error;
use crate::families::chain::{Clip, ClipFamily};
use crate::families::clip::{self, Decoding};
use crate::families::parts::{Call, Part};
use crate::families::text::Rows;
use crate::families::tiles::Tile;
use crate::family::{Decode, Frames, Shot, Step};
use crate::noise;
use crate::picture::Picture;
use crate::schedulers::{Draw, Skipped};

impl CogVideoX {
    /// Lays a clip out, and refuses everything that can be refused, before a graph is loaded.
    fn lay_out(&mut self, shot: &Shot) -> Result<Laid, Error> {
        self.loader.begin(shot)?;
        clip::new_only(&self.loader, shot)?;
        let [count, rows, columns] = clip::cells(&self.loader, shot, true)?;
        if !shot.conditions.is_empty() {
            return Err(self.loader.unable("a given picture or clip; it makes clips from text alone"));
        }
        let contract = self.contract();
        let frames = clip::frames(&self.loader, shot, true)?;
        let [pt, py, px] = contract.latent.patch;
        let tokens = count.min(contract.window()) / pt * (rows / py) * (columns / px) + contract.prompt.tokens;
        let call = Call { batch: clip::batch(contract, shot), tokens, timed: false };
        let shape = [1, count, contract.latent.channels, rows, columns];
        let latents = memory::check_elements("the latents", &shape)?;
        let largest = latents.max(self.loader.transforming(&self.transformer, &call)?);
        let contract = &self.loader.model.contract;
        let prompts = clip::prompts(contract, shot);
        let text = self.text_encoder.needs(&self.loader, &prompts);
        let needs: Vec<_> = text.into_iter().chain([(&self.transformer, largest)]).collect();
        let require = |tiles: &[Tile]| -> Result<(), Error> {
            let layer = size::decoding(&contract.latent, frames, tiles)?;
            let decoder = self.decoder.parts().map(|part| (part, layer));
            self.loader.require(&needs.iter().copied().chain(decoder).collect::<Vec<_>>())
        };
        let decoding = clip::decoding(&self.loader, shot, TILE, &require)?;
        let prompts = clip::prompts(self.contract(), shot);
        let known = self.text_encoder.needs(&self.loader, &prompts).is_none();
        let (loader, parts) = self.split();
        // The text encoder is the first; nothing is asked of it when the prompts were encoded before.
        loader.inspect(&parts[usize::from(known)..])?;
        Ok(Laid { frames, shape, decoding })
    }

    /// Everything of a clip up to its first step.
    fn prepare(&mut self, shot: &Shot) -> Result<(Work, Decode), Error> {
        let Laid { frames, shape, decoding } = self.lay_out(shot)?;
        self.split().1.into_iter().for_each(Part::reset);
        let prompts = clip::prompts(self.contract(), shot);
        let text = self.encode_text(&prompts)?;
        self.loader.warnings.extend(decoding.told);
        let noise = clip::noise(&self.loader, shot, &shape, Axis(1))?;
        Ok((Work { shot: shot.clone(), text, noise, frames, tiles: decoding.tiles }, decoding.decode))
    }
}

/// A clip that nothing speaks against.
struct Laid {
    frames: usize,
    /// Of its latents.
    shape: [usize; 5],
    decoding: Decoding,
}

impl ClipFamily for CogVideoX {
    fn begin<'a>(&'a mut self, clip: &Shot) -> Result<Box<dyn Clip + 'a>, Error> {
        let (work, decode) = self.prepare(clip)?;
        Ok(Box::new(CogShot { work: Some(work), decode, model: self }))
    }

    fn examine(&mut self, clip: &Shot) -> Result<(), Error> {
        self.lay_out(clip).map(drop)
    }

    fn contract(&self) -> &Contract {
        &self.loader.model.contract
    }

    fn try_out(&mut self) -> Result<(), Error> {
        let (loader, parts) = self.split();
        loader.inspect(&parts)?;
        parts.into_iter().try_for_each(|part| part.try_out(loader))
    }

    fn windowed(&self) -> bool {
        true
    }

    fn decodes_in_tiles(&self) -> bool {
        true
    }
}

/// A shot of this family under way.
pub(super) struct CogShot<'a> {
    pub model: &'a mut CogVideoX,
    /// What is to be denoised first.
    pub work: Option<Work>,
    pub decode: Decode,
}

pub(super) struct Work {
    shot: Shot,
    text: Vec<Rows>,
    noise: ArrayD<f32>,
    frames: usize,
    tiles: Vec<Tile>,
}

impl Clip for CogShot<'_> {
    fn go_on(&mut self, clip: &Shot) -> Result<(), Error> {
        let (work, decode) = self.model.prepare(clip)?;
        (self.work, self.decode) = (Some(work), decode);
        Ok(())
    }
}

impl Frames for CogShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        if let Some(Work { shot, text, noise, frames, tiles }) = self.work.take() {
            let mut drawn = 0;
            // Each draw is a stream of its own, counted from the end: the clip's noise is stream 0.
            let draw: &mut Draw<'_> = &mut |shape| {
                drawn += 1;
                noise::normal(shot.seed, clip::STIR - drawn, shape)
            };
            let windows = clip::windows(self.model.contract(), noise.shape()[1]);
            let latents = self.model.denoise(&shot, &text, noise, draw, &mut clip::counted(windows, on_step))?;
            self.model.begin_decoding(&latents, frames, tiles);
        }
        let CogVideoX { decoder, loader, .. } = &mut *self.model;
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
