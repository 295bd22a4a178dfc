//! What an enlargement takes in memory, told before the network is loaded.

use spotloom_onnx::memory::{Available, check_elements, human, require};
use spotloom_onnx::{Error, Layers, Model, Provider};
use spotloom_plugin_sdk::api::Failure;

use crate::contract::{Contract, NETWORK};
use crate::tiles::window;

/// Bytes for each pixel of the whole picture that goes in: a frame of 16-bit RGB, and the same in values of 32 bits.
const GIVEN: u64 = 6 + 12;
/// Bytes for each pixel of the whole picture that comes out: the frame, its copy in the filter, and as it is encoded.
const MADE: u64 = 6 + 6 + 2 * 3;
/// Sides of tiles below this are no advice.
const LEAST: usize = 32;

/// A clip that is to be enlarged.
pub(crate) struct Enlargement<'a> {
    pub model: &'a Model<Contract>,
    pub provider: Provider,
    /// Width and height of its pictures.
    pub size: (usize, usize),
    pub tile: usize,
}

impl Enlargement<'_> {
    /// Refuses what there is no memory for, and tiles whose layers are too large to be computed reliably, with what would do.
    ///
    /// # Errors
    /// `not-enough-memory`, `tensor-too-large`, and of files that are missing.
    pub(crate) fn check(&self, available: Option<&Available>) -> Result<(), Failure> {
        let layers = self.layers();
        let Err(error) = self.fits(&layers, self.tile, available) else { return Ok(()) };
        if !matches!(error, Error::NotEnoughMemory { .. } | Error::TensorTooLarge { .. }) {
            return Err(error.into());
        }
        let smaller = std::iter::successors(Some(self.largest_side().min(self.tile) / 2), |tile| Some(tile / 2));
        let mut smaller = smaller.take_while(|tile| *tile >= LEAST);
        let fitting = smaller.find(|tile| self.fits(&layers, *tile, available).is_ok());
        let hint = match fitting {
            Some(tile) => {
                let needed = human(self.needs(&layers, tile)?);
                format!("set `tile: {tile}`, which needs about {needed} and takes a little longer, or use a smaller model")
            }
            None => "close other programs, raise the memory limit, give a smaller clip, use a smaller model, or leave `model` \
                     out: FFmpeg enlarges the clip then"
                .into(),
        };
        Err(Failure::from(error).hint(hint))
    }

    fn fits(&self, layers: &Layers, tile: usize, available: Option<&Available>) -> Result<(), Error> {
        let Contract { name, scale, .. } = &self.model.contract;
        let [width, height] = self.window(tile);
        check_elements("an enlarged tile", &[1, 3, height * scale, width * scale])?;
        layers.check(name, width * height)?;
        let what = format!("{name} (enlarging in tiles of {width}x{height})");
        require(&what, self.needs(layers, tile)?, available)
    }

    /// The layers that the graph declares, and at least what goes in and what comes out.
    fn layers(&self) -> Layers {
        let made = 3 * self.model.contract.scale.pow(2);
        Layers::of(self.model, NETWORK).at_least(made, 3 + made)
    }

    /// Bytes in all.
    fn needs(&self, layers: &Layers, tile: usize) -> Result<u64, Error> {
        let [width, height] = self.window(tile);
        let pixels = (self.size.0 * self.size.1) as u64;
        let scale = self.model.contract.scale as u64;
        let frames = pixels * (GIVEN + MADE * scale * scale);
        Ok(layers.bytes(self.model, NETWORK, self.provider, width * height)?.saturating_add(frames))
    }

    fn window(&self, tile: usize) -> [usize; 2] {
        let pad = self.model.contract.pad;
        [self.size.0, self.size.1].map(|side| window(side, tile, pad))
    }

    fn largest_side(&self) -> usize {
        self.size.0.max(self.size.1)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The model of the tests: twelve values of each pixel in its widest layer, with the four pixels that it makes of one.
    fn enlargement(size: (usize, usize), tile: usize, check: impl FnOnce(Enlargement<'_>)) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/double");
        let model = Model::open(&folder).expect("the model of the tests");
        check(Enlargement { model: &model, provider: Provider::Cpu, size, tile });
    }

    #[test]
    fn memory_is_reckoned_from_tiles_and_layers() {
        fn check(size: (usize, usize), tile: usize, window: usize) {
            enlargement(size, tile, |job| {
                let layers = job.layers();
                // What goes in, what the convolution makes, and what is shuffled of it.
                assert_eq!((layers.largest, layers.alive), (12.0, 3.0 + 12.0 + 12.0));
                let weights = 2 * job.model.bytes_on_disk(NETWORK).expect("the file");
                let frames = (size.0 * size.1) as u64 * (18 + 4 * 18);
                let expected = weights + frames + 27 * 12 * window as u64;
                assert_eq!(job.needs(&layers, tile).expect("figures"), expected, "{size:?} in tiles of {tile}");
            });
        }
        check((1920, 1080), 512, 520 * 520);
        check((1920, 1080), 4096, 1920 * 1080);
        check((71, 45), 32, 40 * 40);
        check((71, 20), 32, 40 * 20);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_figures_and_what_would() {
        fn check(tile: usize, bytes: u64, expected: Result<(), (&str, &str)>) {
            enlargement((1920, 1080), tile, |job| {
                let available = Available { bytes, limit: "free on this machine" };
                match (job.check(Some(&available)), expected) {
                    (Ok(()), Ok(())) => {}
                    (Err(failure), Err((message, hint))) => {
                        assert_eq!((failure.code.as_str(), failure.message.as_str()), ("not-enough-memory", message));
                        assert!(failure.hint.as_deref().is_some_and(|told| told.starts_with(hint)), "{failure:?}");
                    }
                    (found, expected) => panic!("{found:?} is not {expected:?}"),
                }
            });
        }
        check(4096, 1_000_000_000, Ok(()));
        let message =
            "double (enlarging in tiles of 1920x1080) needs about 859 MB, and 300 MB are free (free on this machine)";
        check(4096, 300_000_000, Err((message, "set `tile: 480`, which needs about 264 MB")));
        let message =
            "double (enlarging in tiles of 520x520) needs about 275 MB, and 100 MB are free (free on this machine)";
        check(512, 100_000_000, Err((message, "close other programs")));
    }
}
