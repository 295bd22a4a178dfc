//! A shot of this family under way: what speaks against it, what it is denoised from, and its frames.

use ndarray::{ArrayD, Axis};
use spotloom_onnx::memory;

use super::{Given, Ltx};
use crate::contract::Contract;
use crate::error::Error;
use crate::families::chain::{Clip, ClipFamily};
use crate::families::clip::{self, Decoding};
use crate::families::parts::{Call, Part, WORK};
use crate::families::text::Rows;
use crate::families::tiles::Tile;
use crate::family::{Condition, Decode, Draft, Edit, Frames, Shot, Step};
use crate::footage::Footage;
use crate::picture::Picture;
use crate::schedulers::Skipped;

/// Channels of the decoder's and the encoder's layers at a quarter of the full size, the widest there are.
const WIDTH: usize = 128;
/// Pixels of a tile's side, at most, as in the reference (`enable_tiling` of `AutoencoderKLLTXVideo`).
const TILE: usize = 512;

impl Ltx {
    /// Pictures that the clip begins with; anything else that is given is refused.
    fn beginning<'s>(&self, shot: &'s Shot) -> Result<Option<&'s [Picture]>, Error> {
        let [Condition { start: 0, pictures }] = &shot.conditions[..] else {
            return match shot.conditions.is_empty() {
                true => Ok(None),
                false => Err(self.loader.unable("pictures elsewhere than at the beginning of the clip")),
            };
        };
        let whole = self.contract().latent.whole(pictures.len());
        if whole != pictures.len() {
            let reason = format!("{} frames to begin with; the nearest this model takes are {whole}", pictures.len());
            return Err(self.loader.unable(reason));
        }
        Ok(Some(pictures))
    }

    /// Lays a clip out, and refuses everything that can be refused, before a graph is loaded. Of a later clip memory is not
    /// asked again: the first one has it.
    fn lay_out(&mut self, shot: &Shot, later: bool) -> Result<Laid, Error> {
        self.loader.begin(shot)?;
        let [count, rows, columns] = clip::cells(&self.loader, shot, false)?;
        let first = self.beginning(shot)?.map(<[Picture]>::len);
        let contract = self.contract();
        let frames = contract.latent.pixels(count);
        let call = Call { batch: clip::batch(contract, shot), tokens: count * rows * columns, timed: true };
        let transforming = self.loader.transforming(&self.transformer, &call)?;
        let contract = &self.loader.model.contract;
        let prompts = clip::prompts(contract, shot);
        let text = self.text_encoder.needs(&self.loader, &prompts);
        // A clip that is made again is encoded at once; a few pictures take next to nothing.
        let encoded = shot.edit.as_ref().map(|_| [WIDTH, frames, shot.height / 4, shot.width / 4]);
        let encoding = encoded.map(|layer| memory::check_elements("the encoder's widest layer", &layer)).transpose()?;
        let encoder = (&self.encoder, encoding.unwrap_or(0));
        let needs: Vec<_> = text.into_iter().chain([encoder, (&self.transformer, transforming)]).collect();
        let require = |tiles: &[Tile]| -> Result<(), Error> {
            let largest = tiles.iter().max_by_key(|tile| tile.pixels()).map_or([0; 2], Tile::size);
            let layer = [WIDTH, frames, largest[1] / 4, largest[0] / 4];
            let layer = memory::check_elements("the decoder's widest layer", &layer)?;
            // The clip itself, and what a tile adds to it.
            let clip = 3 * (frames * (shot.width * shot.height + largest[0] * largest[1])) as u64;
            let layer = layer + clip / WORK;
            let all: Vec<_> = needs.iter().copied().chain([(&self.decoder, layer)]).collect();
            if later { Ok(()) } else { self.loader.require(&all) }
        };
        let decoding = clip::decoding(&self.loader, shot, TILE, &require)?;
        let shape = [1, contract.latent.channels, count, rows, columns];
        memory::check_elements("the latents", &shape)?;
        if first.is_some_and(|pictures| pictures >= frames) {
            return Err(self.loader.unable(format!("as many frames to begin with as the clip has, {frames}")));
        }

        let prompts = clip::prompts(self.contract(), shot);
        let known = self.text_encoder.needs(&self.loader, &prompts).is_none();
        let (loader, parts) = self.split();
        // The text encoder is the first; nothing is asked of it when the prompts were encoded before.
        loader.inspect(&parts[usize::from(known)..])?;
        Ok(Laid { frames, shape, decoding })
    }

    /// What a clip that was laid out is denoised from.
    fn prepare(&mut self, shot: &Shot, laid: Laid) -> Result<Work, Error> {
        let first = self.beginning(shot)?.map(<[Picture]>::to_vec);
        let first = first.map(|pictures| self.encode_pictures(&pictures)).transpose()?;
        let draft = match &shot.edit {
            Some(Edit { draft: Draft::Clip(footage), .. }) => {
                let footage = Footage { count: laid.frames, ..footage.clone() };
                Some(self.encode_clip(&mut footage.pictures()?, laid.frames)?)
            }
            _ => None,
        };
        let noise = clip::noise(&self.loader, shot, &laid.shape, Axis(2))?;
        Ok(Work { shot: shot.clone(), noise, given: Given { first, draft }, tiles: laid.decoding.tiles })
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

impl ClipFamily for Ltx {
    fn begin<'a>(&'a mut self, clip: &Shot) -> Result<Box<dyn Clip + 'a>, Error> {
        let mut laid = self.lay_out(clip, false)?;
        self.split().1.into_iter().for_each(Part::reset);
        let prompts = clip::prompts(self.contract(), clip);
        let text = self.encode_text(&prompts)?;
        let decode = laid.decoding.decode;
        self.loader.warnings.extend(laid.decoding.told.take());
        let work = Some(self.prepare(clip, laid)?);
        Ok(Box::new(LtxShot { model: self, text, work, decode, video: None, shown: 0 }))
    }

    fn examine(&mut self, clip: &Shot) -> Result<(), Error> {
        self.lay_out(clip, false).map(drop)
    }

    fn contract(&self) -> &Contract {
        &self.loader.model.contract
    }

    fn try_out(&mut self) -> Result<(), Error> {
        let (loader, parts) = self.split();
        loader.inspect(&parts)?;
        parts.into_iter().try_for_each(|part| part.try_out(loader))
    }

    fn decodes_in_tiles(&self) -> bool {
        true
    }

    fn edits(&self) -> bool {
        true
    }
}

/// What a clip is denoised from.
struct Work {
    shot: Shot,
    noise: ArrayD<f32>,
    given: Given,
    tiles: Vec<Tile>,
}

/// A shot of this family under way.
struct LtxShot<'a> {
    model: &'a mut Ltx,
    /// The same for every clip.
    text: Vec<Rows>,
    /// What is to be denoised first.
    work: Option<Work>,
    decode: Decode,
    /// The whole clip: this family's decoder looks ahead, so that time can't be cut.
    video: Option<ArrayD<f32>>,
    /// Frames handed out so far.
    shown: usize,
}

impl Clip for LtxShot<'_> {
    fn go_on(&mut self, clip: &Shot) -> Result<(), Error> {
        (self.video, self.shown) = (None, 0);
        let laid = self.model.lay_out(clip, true)?;
        self.work = Some(self.model.prepare(clip, laid)?);
        Ok(())
    }
}

impl Frames for LtxShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        if let Some(Work { shot, noise, given, tiles }) = self.work.take() {
            let latents = self.model.denoise(&shot, &self.text, &noise, &given, &mut clip::counted(1, on_step))?;
            let noise = self.model.decoder_noise(shot.seed, latents.shape());
            let mut pause = || on_step(Step { clip: 1, step: shot.steps, decoding: true });
            self.video = Some(self.model.decode(latents, noise.as_ref(), &tiles, &mut pause)?);
        }
        let video = self.video.as_ref().filter(|v| self.shown < v.shape()[2]);
        let picture = video.map(|video| clip::picture(video, self.shown));
        self.shown += 1;
        Ok(picture)
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
