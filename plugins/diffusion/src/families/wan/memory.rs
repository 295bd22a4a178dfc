//! What decoding takes in memory.

use crate::families::decoder::Decoder;
use crate::families::parts::{Part, WORK};
use crate::families::tiles::Tile;

/// Bytes of memory for each pixel of a frame that the two graphs take, weights left out: measured on the autoencoder of Wan 2.1
/// at 416x240 (2.1 and 7.4 GB) and 832x480. A quarter are the caches that go in and come out.
const BYTES: [u64; 2] = [21_000, 74_000];
/// Bytes of the caches of one latent frame for each pixel, of the same autoencoder: what a tile keeps while others are decoded.
const CACHES: u64 = 9_500;

/// Both graphs with what they take for frames in these tiles, in values.
pub(super) fn needs<'a>(decoder: &'a Decoder, tiles: &[Tile]) -> impl Iterator<Item = (&'a Part, u64)> + use<'a> {
    let pixels = tiles.iter().map(|tile| tile.pixels() as u64);
    let largest = pixels.clone().max().unwrap_or(0);
    let kept = (pixels.sum::<u64>() - largest).saturating_mul(CACHES);
    let values = BYTES.map(|bytes| largest.saturating_mul(bytes).saturating_add(kept) / WORK);
    decoder.parts().zip(values)
}
