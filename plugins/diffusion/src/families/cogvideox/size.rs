//! How large decoding gets: its widest tensor, and the size that would be small enough.
//!
//! Of the decoder's four blocks, of 512, 256, 256 and 128 channels, the third enlarges its frames to full size, and the fourth takes
//! them so before it narrows them. (Source: `CogVideoXDecoder3D`, `CogVideoXUpBlock3D` and `CogVideoXCausalConv3d` of diffusers.)

use spotloom_onnx::{Error as ModelError, memory};

use super::CHUNK;
use crate::contract::Latent;
use crate::families::decoder::first_piece;
use crate::families::parts::WORK;
use crate::families::tiles::Tile;

/// Channels at full size, at most.
const WIDTH: usize = 256;
/// Frames before its own that a convolution over three is given.
const BEFORE: usize = 2;
/// Rows above and below, and columns beside a frame, that it is given.
const AROUND: usize = 2;

/// Bytes of the caches of a chunk for each pixel: two frames of what goes into each convolution over three, some 4,000 values by the
/// widths of the layers. It has not been measured.
const CACHES: u64 = 16_000;

/// Values that a graph of the decoder is reckoned with, when a clip of so many frames is decoded in these tiles.
///
/// # Errors
/// Those of [`widest`].
pub(super) fn decoding(latent: &Latent, frames: usize, tiles: &[Tile]) -> Result<u64, ModelError> {
    let pixels = tiles.iter().map(|tile| tile.pixels() as u64);
    let largest = tiles.iter().max_by_key(|tile| tile.pixels()).map_or([0; 2], Tile::size);
    let kept = pixels.clone().sum::<u64>() - pixels.max().unwrap_or(0);
    Ok(widest(latent, frames, largest)?.saturating_add(kept.saturating_mul(CACHES) / WORK))
}

/// Values of the widest tensor when a clip of so many frames is decoded, chunk by chunk.
///
/// # Errors
/// `tensor-too-large`, with a smaller size of nearly the same shape that is not.
fn widest(latent: &Latent, frames: usize, [width, height]: [usize; 2]) -> Result<u64, ModelError> {
    let first = first_piece(latent.frames(frames), CHUNK);
    // The frames of an odd latent frame go one by themselves and then the rest, those of an even number all the same.
    let frames = if first % 2 == 1 { latent.pixels(first) } else { first * latent.stride[0] };
    let elements = |[width, height]: [usize; 2]| {
        memory::check_elements("the decoder's widest layer", &[WIDTH, frames + BEFORE, height + AROUND, width + AROUND])
    };
    elements([width, height]).map_err(|error| {
        let cell = [latent.stride[2] * latent.patch[2], latent.stride[1] * latent.patch[1]];
        let smaller = (1..width / cell[0]).rev().map(|columns| {
            let wide = columns * cell[0];
            let rows = (height * wide) as f64 / (width * cell[1]) as f64;
            [wide, (rows.round() as usize).max(1) * cell[1]]
        });
        let fits = smaller.into_iter().find(|size| elements(*size).is_ok());
        error.instead(fits.map(|[width, height]| {
            format!(
                "it is decoded in chunks, however long it is, so `decode: tiles` helps, or a smaller picture, such as {width}x{height}, \
                 whose size is put under `video` in model.yaml"
            )
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Rule;

    #[test]
    fn what_is_decoded_at_once_is_reckoned() {
        let latent = |patch: usize| Latent {
            channels: 16,
            stride: [4, 8, 8],
            patch: [patch, 2, 2],
            rule: Rule::Causal,
            mean: None,
            std: None,
            scale: 0.7,
        };
        let check = |patch: usize, frames: usize, size: [usize; 2], expected: Result<u64, &str>| match (
            widest(&latent(patch), frames, size),
            expected,
        ) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{size:?}"),
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{e}"),
            (found, expected) => panic!("{size:?}: {found:?} is not {expected:?}"),
        };
        // The sizes that 2B and 5B were trained for: three latent frames are nine, with two before them.
        check(1, 49, [720, 480], Ok(256 * 11 * 482 * 722));
        // Those of 1.5 do not fit, whatever the number of frames.
        check(2, 81, [1360, 768], Err("of 2953251840 values"));
        check(2, 81, [1360, 768], Err("such as 1152x656"));
        check(2, 77, [1360, 768], Err("of 2684774400 values"));
        check(2, 81, [768, 1360], Err("such as 640x1136"));
        // A picture alone does.
        check(2, 1, [1360, 768], Ok(256 * 3 * 770 * 1362));
        // The edge.
        check(2, 81, [1152, 656], Ok(256 * 11 * 658 * 1154));
        check(2, 81, [1168, 656], Err("2147483647"));
        check(2, 81, [976, 768], Ok(256 * 11 * 770 * 978));
        check(2, 81, [768, 768], Ok(256 * 11 * 770 * 770));
        check(2, 77, [1152, 720], Ok(256 * 10 * 722 * 1154));
    }
}
