//! Latents to frames, piece by piece: Wan's pieces are single latent frames, those of CogVideoX are two, and its first has the odd
//! one besides. The decoder hands its caches from one piece to the next, which gives what decoding the whole clip would,
//! in constant memory. Where even that is too much, each piece is decoded in tiles, and every tile has caches of its own.

use std::collections::VecDeque;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_onnx::{Kept, Tensor};

use crate::error::Error;
use crate::families::clip;
use crate::families::parts::{Loader, Part};
use crate::families::tiles::Tile;
use crate::picture::Picture;

/// The decoder, and how far it has come.
pub struct Decoder {
    /// The graphs of a first piece of one latent frame, of two, and so on.
    first: Vec<Part>,
    next: Part,
    /// Latent frames of a later piece.
    piece: usize,
    /// [1, channels, latent frames, rows, columns], scaled for the decoder.
    latents: ArrayD<f32>,
    /// Latent frames decoded so far.
    decoded: usize,
    /// Of a frame; one where it is decoded as a whole.
    tiles: Vec<Tile>,
    /// Rows and columns of pixels of a frame.
    size: [usize; 2],
    /// Of each tile.
    caches: Vec<Vec<Kept>>,
    ready: VecDeque<Picture>,
}

impl Decoder {
    /// `next` takes `piece` latent frames, the graphs of `first` one, two and so on.
    pub fn new(first: Vec<Part>, next: Part, piece: usize) -> Self {
        Self {
            first,
            next,
            piece,
            latents: ArrayD::zeros(vec![0; 5]),
            decoded: 0,
            tiles: Vec::new(),
            size: [0; 2],
            caches: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// All of its graphs, the last of them for later pieces.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.first.iter().chain([&self.next])
    }

    /// The same, to be loaded.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        self.first.iter_mut().chain([&mut self.next])
    }

    /// Starts with the latents of a clip, whose frames are `height` by `width` pixels; what was left of another is forgotten.
    pub fn begin(&mut self, latents: ArrayD<f32>, [height, width]: [usize; 2], tiles: Vec<Tile>) {
        (self.latents, self.decoded, self.size) = (latents, 0, [height, width]);
        self.caches = tiles.iter().map(|_| Vec::new()).collect();
        self.tiles = tiles;
        self.ready.clear();
    }

    /// The next frame, or `None` after the last.
    pub fn next(&mut self, loader: &mut Loader) -> Result<Option<Picture>, Error> {
        if self.ready.is_empty() && self.decoded < self.latents.shape()[2] {
            self.decode(loader)?;
        }
        Ok(self.ready.pop_front())
    }

    /// Decodes the next piece, tile by tile.
    fn decode(&mut self, loader: &mut Loader) -> Result<(), Error> {
        let left = self.latents.shape()[2] - self.decoded;
        let count = if self.decoded == 0 { first_piece(left, self.piece) } else { self.piece.min(left) };
        let range = Slice::from(self.decoded..self.decoded + count);
        let slice = self.latents.slice_axis(Axis(2), range).into_owned();
        let [height, width] = self.size;
        let mut video = ArrayD::zeros(vec![0; 5]);
        for k in 0..self.tiles.len() {
            let part = self.decode_tile(loader, k, &self.tiles[k].cut(&slice), count)?;
            if k == 0 {
                video = ArrayD::zeros(vec![1, part.shape()[1], part.shape()[2], height, width]);
            }
            if !self.tiles[k].lay(&part, &mut video) {
                let reason = format!(
                    "a decoder that makes pictures of {:?}; latents and `stride` say others",
                    &part.shape()[3..]
                );
                return Err(loader.unable(reason));
            }
        }
        if self.decoded == 0 {
            self.first.iter_mut().for_each(|part| part.rest(loader));
        }
        self.decoded += count;
        if self.decoded == self.latents.shape()[2] {
            self.next.rest(loader);
            self.caches.clear();
        }
        self.ready.extend((0..video.shape()[2]).map(|frame| clip::picture(&video, frame)));
        Ok(())
    }

    /// One tile of a piece of `count` latent frames, which goes on from what the tile of the piece before left.
    fn decode_tile(
        &mut self,
        loader: &mut Loader,
        tile: usize,
        latents: &ArrayD<f32>,
        count: usize,
    ) -> Result<ArrayD<f32>, Error> {
        let part = match self.decoded {
            0 => self.first.get_mut(count - 1).unwrap_or(&mut self.next),
            _ => &mut self.next,
        };
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

/// Latent frames of the first piece of so many: those that fill no piece of `piece` go with it.
pub fn first_piece(latents: usize, piece: usize) -> usize {
    if latents <= piece { latents } else { piece + latents % piece }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use spotloom_onnx::{Engine, Port, Provider, SessionOptions, runtime};

    use super::*;
    use crate::contract::Model;
    use crate::families::tiles;
    use crate::noise;

    const CELL: [usize; 2] = [8, 8];

    fn frames(decoder: &mut Decoder, loader: &mut Loader, latents: &ArrayD<f32>, tiles: Vec<Tile>) -> Vec<Picture> {
        let size = [3, 4].map(|axis| latents.shape()[axis] * CELL[0]);
        decoder.begin(latents.clone(), size, tiles);
        std::iter::from_fn(|| decoder.next(loader).expect("a frame")).collect()
    }

    #[test]
    fn what_fills_no_piece_goes_with_the_first() {
        let check = |piece, expected: &[usize]| {
            let found: Vec<_> = (1..=expected.len()).map(|latents| first_piece(latents, piece)).collect();
            assert_eq!(found, expected, "{piece}");
        };
        check(1, &[1, 1, 1, 1]);
        check(2, &[1, 2, 3, 2, 3, 2]);
    }

    /// Every tile must go on from its own caches, and lie where it belongs.
    fn check(fixture: &str, roles: &[&'static str], piece: usize, latent_frames: usize, count: usize) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
        let model = Model::open(&folder).expect("the fixture");
        let (provider, session) = (Provider::Cpu, SessionOptions::default());
        let engine = Engine { runtime: runtime().expect("ONNX Runtime"), threads: 2, provider, session };
        let mut loader = Loader::new(&model, &engine, roles).expect("a loader");
        let any = None;
        let channels = model.contract.latent.channels;
        let part = |role: &'static str| {
            let latents = Port::float("latents", &[any, Some(channels), any, any, any]);
            let caches = role.ends_with("next").then(|| Port::numbered("cache_"));
            let video = Port::float("video", &[any, Some(3), any, any, any]);
            Part::new(role, std::iter::once(latents).chain(caches).collect(), vec![video, Port::numbered("cache_out_")])
        };
        let (next, first) = roles.split_last().expect("roles");
        let mut decoder = Decoder::new(first.iter().copied().map(part).collect(), part(next), piece);
        // Quiet, so that no value is cut off at black or white: a tile's is not, before it is laid.
        let latents = noise::normal(5, 0, &[1, channels, latent_frames, 35, 40]) * 0.2;

        let tiles = tiles::tiles([35, 40], CELL, tiles::SIDE);
        let tiled = frames(&mut decoder, &mut loader, &latents, tiles.clone());
        let mut expected = ArrayD::<f32>::zeros(vec![1, 3, tiled.len(), 280, 320]);
        assert_eq!(tiles.len(), 4);
        for tile in &tiles {
            let alone = frames(&mut decoder, &mut loader, &tile.cut(&latents), tiles::whole([32, 32], CELL));
            let pictures: Vec<_> = alone.iter().enumerate().collect();
            assert!(tile.lay(&clip::video(&pictures, alone.len(), 256, 256), &mut expected));
        }
        for (frame, picture) in tiled.iter().enumerate() {
            let expected = clip::picture(&expected, frame);
            let worst = picture.data.iter().zip(&expected.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{fixture}, frame {frame}: {worst}");
        }
        assert_eq!(tiled.len(), count, "{fixture}");

        // A decoder that makes other sizes than its contract says is told, not a panic.
        decoder.begin(noise::normal(5, 0, &[1, channels, 1, 4, 4]), [64, 64], tiles::whole([4, 4], [16, 16]));
        let error = decoder.next(&mut loader).expect_err("another size").to_string();
        assert!(error.contains("makes pictures of [32, 32]"), "{fixture}: {error}");
    }

    #[test]
    fn tiles_are_what_each_of_them_decodes_to_alone() {
        check("wan-t2v", &["vae-decoder-first", "vae-decoder-next"], 1, 3, 9);
        let pieces = ["vae-decoder-first-1", "vae-decoder-first-2", "vae-decoder-first-3", "vae-decoder-next"];
        check("cogvideox-2b", &pieces, 2, 5, 17);
    }
}
