//! 7. Latents to frames, one latent frame at a time: the first gives one frame, each later one four. The decoder hands
//!    its caches from one latent frame to the next, which gives what decoding the whole clip would, in constant memory.
//!    Where even that is too much, each latent frame is decoded in tiles, and every tile has caches of its own.

use std::collections::VecDeque;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_onnx::{Kept, Port, Tensor};

use crate::error::Error;
use crate::families::clip;
use crate::families::parts::{Loader, Part, WORK};
use crate::families::tiles::{Tile, tiles};
use crate::family::Decode;
use crate::picture::Picture;

/// Bytes of memory for each pixel of a frame that the two graphs take, weights left out: measured on the autoencoder of Wan 2.1
/// at 416x240 (2.1 and 7.4 GB) and 832x480. Nearly half are the caches that go in and come out.
const BYTES: [u64; 2] = [21_000, 74_000];
/// Bytes of the caches of one latent frame for each pixel, of the same autoencoder: what a tile keeps while others are decoded.
const CACHES: u64 = 9_500;

/// The decoder, and how far it has come.
pub struct Decoder {
    first: Part,
    next: Part,
    /// [1, channels, latent frames, rows, columns], scaled for the decoder.
    latents: ArrayD<f32>,
    /// Latent frames decoded so far.
    decoded: usize,
    /// One where the whole frame is decoded at once.
    tiles: Vec<Tile>,
    /// Of each tile.
    caches: Vec<Vec<Kept>>,
    ready: VecDeque<Picture>,
}

impl Decoder {
    pub fn new(latents: &Port, video: &Port) -> Self {
        let part = |role, inputs| Part::new(role, inputs, vec![video.clone(), Port::numbered("cache_out_")]);
        Self {
            first: part("vae-decoder-first", vec![latents.clone()]),
            next: part("vae-decoder-next", vec![latents.clone(), Port::numbered("cache_")]),
            latents: ArrayD::zeros(vec![0; 5]),
            decoded: 0,
            tiles: Vec::new(),
            caches: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    pub fn parts(&mut self) -> [&mut Part; 2] {
        [&mut self.first, &mut self.next]
    }

    /// Both graphs with what they take in memory for frames of so many rows and columns of latent cells, of so many pixels
    /// each, in values.
    pub fn needs(&self, cells: [usize; 2], pixels: [usize; 2], decode: Decode) -> [(&Part, u64); 2] {
        let whole = (cells[0] * pixels[0] * cells[1] * pixels[1]) as u64;
        let tiles: Vec<u64> = match decode {
            Decode::Tiles => tiles(cells, pixels).iter().map(|tile| tile.pixels() as u64).collect(),
            _ => vec![whole],
        };
        let tile = tiles.iter().max().copied().unwrap_or(whole);
        let kept = (tiles.iter().sum::<u64>() - tile).saturating_mul(CACHES);
        let [first, next] = BYTES.map(|bytes| tile.saturating_mul(bytes).saturating_add(kept) / WORK);
        [(&self.first, first), (&self.next, next)]
    }

    /// Starts with the latents of a clip, of cells of so many pixels; what was left of another is forgotten.
    pub fn begin(&mut self, latents: ArrayD<f32>, pixels: [usize; 2], decode: Decode) {
        let cells = [latents.shape()[3], latents.shape()[4]];
        // One tile as large as the frame is the whole.
        self.tiles = match decode {
            Decode::Tiles => tiles(cells, pixels),
            _ => Vec::new(),
        };
        (self.latents, self.decoded) = (latents, 0);
        self.caches = Vec::new();
        self.caches.resize_with(self.tiles.len().max(1), Vec::new);
        self.ready.clear();
    }

    /// The next frame, or `None` after the last.
    pub fn next(&mut self, loader: &mut Loader) -> Result<Option<Picture>, Error> {
        if self.ready.is_empty() && self.decoded < self.latents.shape()[2] {
            self.decode(loader)?;
        }
        Ok(self.ready.pop_front())
    }

    /// Decodes the next latent frame, all of it or tile by tile.
    fn decode(&mut self, loader: &mut Loader) -> Result<(), Error> {
        let range = Slice::from(self.decoded..=self.decoded);
        let slice = self.latents.slice_axis(Axis(2), range).as_standard_layout().into_owned();
        let video = if self.tiles.is_empty() {
            self.decode_tile(loader, 0, &slice)?
        } else {
            let mut video = ArrayD::zeros(vec![0; 5]);
            for k in 0..self.tiles.len() {
                let cut = self.tiles[k].cut(&slice);
                let part = self.decode_tile(loader, k, &cut)?;
                if k == 0 {
                    let [scale_y, scale_x] = [3, 4].map(|axis| part.shape()[axis] / cut.shape()[axis]);
                    let (rows, columns) = (slice.shape()[3] * scale_y, slice.shape()[4] * scale_x);
                    video = ArrayD::zeros(vec![1, part.shape()[1], part.shape()[2], rows, columns]);
                }
                self.tiles[k].lay(&part, &mut video);
            }
            video
        };
        if self.decoded == 0 {
            self.first.rest(loader);
        }
        self.decoded += 1;
        self.ready.extend((0..video.shape()[2]).map(|frame| clip::picture(&video, frame)));
        Ok(())
    }

    /// One tile of a latent frame, which goes on from what the tile of the frame before left.
    fn decode_tile(&mut self, loader: &mut Loader, tile: usize, latents: &ArrayD<f32>) -> Result<ArrayD<f32>, Error> {
        let part = if self.decoded == 0 { &mut self.first } else { &mut self.next };
        let caches = &mut self.caches[tile];
        let (video, mut results) = {
            let names: Vec<String> = (0..caches.len()).map(|i| format!("cache_{i}")).collect();
            let mut inputs = vec![("latents", Tensor::F32(latents.view()))];
            inputs.extend(names.iter().zip(&*caches).map(|(name, cache)| (name.as_str(), Tensor::Kept(cache))));
            part.run(loader, &inputs, "video", &|| "the decoded frames".into())?
        };
        *caches = results.keep("cache_out_");
        Ok(video)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use spotloom_onnx::{Engine, Provider, SessionOptions, runtime};

    use super::*;
    use crate::contract::Model;
    use crate::noise;

    const CELL: [usize; 2] = [8, 8];

    fn frames(decoder: &mut Decoder, loader: &mut Loader, latents: &ArrayD<f32>, decode: Decode) -> Vec<Picture> {
        decoder.begin(latents.clone(), CELL, decode);
        std::iter::from_fn(|| decoder.next(loader).expect("a frame")).collect()
    }

    /// Every tile must go on from its own caches, and lie where it belongs.
    #[test]
    fn tiles_are_what_each_of_them_decodes_to_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wan-t2v");
        let model = Model::open(&folder).expect("the fixture");
        let (provider, session) = (Provider::Cpu, SessionOptions::default());
        let engine = Engine { runtime: runtime().expect("ONNX Runtime"), threads: 2, provider, session };
        let mut loader = Loader::new(&model, &engine, &["vae-decoder-first", "vae-decoder-next"]).expect("a loader");
        let any = None;
        let video = Port::float("video", &[any, Some(3), any, any, any]);
        let channels = model.contract.latent.channels;
        let mut decoder = Decoder::new(&Port::float("latents", &[any, Some(channels), any, any, any]), &video);
        let latents = noise::normal(5, 0, &[1, channels, 3, 35, 40]);

        let tiled = frames(&mut decoder, &mut loader, &latents, Decode::Tiles);
        let mut expected = ArrayD::<f32>::zeros(vec![1, 3, tiled.len(), 280, 320]);
        let tiles = tiles([35, 40], CELL);
        assert_eq!(tiles.len(), 4);
        for tile in &tiles {
            let alone = frames(&mut decoder, &mut loader, &tile.cut(&latents), Decode::Whole);
            let pictures: Vec<_> = alone.iter().enumerate().collect();
            tile.lay(&clip::video(&pictures, alone.len(), 256, 256), &mut expected);
        }
        for (frame, picture) in tiled.iter().enumerate() {
            let expected = clip::picture(&expected, frame);
            let worst = picture.data.iter().zip(&expected.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "frame {frame}: {worst}");
        }
        assert_eq!(tiled.len(), 9);
    }
}
