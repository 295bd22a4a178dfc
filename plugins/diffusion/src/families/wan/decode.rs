//! 7. Latents to frames, one latent frame at a time: the first gives one frame, each later one four. The decoder hands
//!    its caches from one latent frame to the next, which gives what decoding the whole clip would, in constant memory.
//!    Where even that is too much, each latent frame is decoded in tiles, and every tile has caches of its own.

use std::collections::VecDeque;

use ndarray::{ArrayD, Axis, Slice};
use spotloom_onnx::{Kept, Port, Tensor};

use crate::error::Error;
use crate::families::clip;
use crate::families::parts::{Loader, Part, WORK};
use crate::families::tiles::Tile;
use crate::picture::Picture;

/// Bytes of memory for each pixel of a frame that the two graphs take, weights left out: measured on the autoencoder of Wan 2.1
/// at 416x240 (2.1 and 7.4 GB) and 832x480. A quarter are the caches that go in and come out.
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
    /// Of a frame; one where it is decoded as a whole.
    tiles: Vec<Tile>,
    /// Rows and columns of pixels of a frame.
    size: [usize; 2],
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
            size: [0; 2],
            caches: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    pub fn parts(&mut self) -> [&mut Part; 2] {
        [&mut self.first, &mut self.next]
    }

    /// Both graphs with what they take in memory for frames in these tiles, in values.
    pub fn needs(&self, tiles: &[Tile]) -> [(&Part, u64); 2] {
        let pixels = tiles.iter().map(|tile| tile.pixels() as u64);
        let largest = pixels.clone().max().unwrap_or(0);
        let kept = (pixels.sum::<u64>() - largest).saturating_mul(CACHES);
        let [first, next] = BYTES.map(|bytes| largest.saturating_mul(bytes).saturating_add(kept) / WORK);
        [(&self.first, first), (&self.next, next)]
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

    /// Decodes the next latent frame, tile by tile.
    fn decode(&mut self, loader: &mut Loader) -> Result<(), Error> {
        let range = Slice::from(self.decoded..=self.decoded);
        let slice = self.latents.slice_axis(Axis(2), range).into_owned();
        let [height, width] = self.size;
        let mut video = ArrayD::zeros(vec![0; 5]);
        for k in 0..self.tiles.len() {
            let part = self.decode_tile(loader, k, &self.tiles[k].cut(&slice))?;
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
    use crate::families::tiles;
    use crate::noise;

    const CELL: [usize; 2] = [8, 8];

    fn frames(decoder: &mut Decoder, loader: &mut Loader, latents: &ArrayD<f32>, tiles: Vec<Tile>) -> Vec<Picture> {
        let size = [3, 4].map(|axis| latents.shape()[axis] * CELL[0]);
        decoder.begin(latents.clone(), size, tiles);
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

        let tiles = tiles::tiles([35, 40], CELL);
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
            assert!(worst < 1e-5, "frame {frame}: {worst}");
        }
        assert_eq!(tiled.len(), 9);

        // A decoder that makes other sizes than its contract says is told, not a panic.
        decoder.begin(noise::normal(5, 0, &[1, channels, 1, 4, 4]), [64, 64], tiles::whole([4, 4], [16, 16]));
        let error = decoder.next(&mut loader).expect_err("another size").to_string();
        assert!(error.contains("makes pictures of [32, 32]"), "{error}");
    }
}
