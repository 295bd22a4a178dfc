//! What frames in between take in memory, told before the network is loaded.

use spotloom_onnx::memory::{Available, check_elements, require};
use spotloom_onnx::{Error, Layers, Model, Provider};
use spotloom_plugin_sdk::api::Failure;

use crate::between::PARTS;
use crate::contract::{Contract, NETWORK, Times};

/// Bytes of a pixel as a network takes it: three values of 32 bits.
const PICTURE: u64 = 3 * 4;
/// Bytes for each pixel of the frames on their way: two that were read, as 16-bit RGB as well, and one that was made, before and
/// after it is written.
const FRAMES: u64 = 2 * (3 + 6) + 6 + 2 * 3;

/// A clip between whose frames others are to be made.
pub(crate) struct Motion<'a> {
    pub model: &'a Model<Contract>,
    pub provider: Provider,
    /// Width and height of its pictures.
    pub size: (usize, usize),
}

impl Motion<'_> {
    /// Refuses what there is no memory for, and pictures whose layers are too large to be computed reliably. A network sees whole
    /// pictures, as motion needs: there is no smaller part that would do.
    ///
    /// # Errors
    /// `not-enough-memory`, `tensor-too-large`, and of files that are missing.
    pub(crate) fn check(&self, available: Option<&Available>) -> Result<(), Failure> {
        self.fits(available).map_err(|error| match error {
            Error::NotEnoughMemory { .. } | Error::TensorTooLarge { .. } => Failure::from(error).hint(
                "interpolate before the clip is enlarged, give a smaller clip, use a smaller model, or leave `model` out: FFmpeg makes \
                 the frames then; or free memory, or raise its limit",
            ),
            other => other.into(),
        })
    }

    fn fits(&self, available: Option<&Available>) -> Result<(), Error> {
        let name = &self.model.contract.name;
        let (layers, [width, height]) = (self.layers(), self.picture());
        check_elements("a picture for the network", &[1, 3, height, width])?;
        layers.check(name, width * height)?;
        let what = format!("{name} (frames between pictures of {width}x{height})");
        require(&what, self.needs(&layers)?, available)
    }

    /// The layers that the graph declares, and at least two pictures that go in and one that comes out.
    fn layers(&self) -> Layers {
        Layers::of(self.model, NETWORK).at_least(3, 9)
    }

    /// Bytes in all.
    fn needs(&self, layers: &Layers) -> Result<u64, Error> {
        let [width, height] = self.picture();
        let pixels = (width * height) as u64;
        let pictures = match self.model.contract.times {
            // Two, and what is made of them.
            Times::Any => 3,
            // All middles of middles between them, and the one that is taken.
            Times::Middle => PARTS + 2,
        };
        let kept = pixels * (pictures * PICTURE + FRAMES);
        Ok(layers.bytes(self.model, NETWORK, self.provider, width * height)?.saturating_add(kept))
    }

    /// Width and height as the network takes them.
    fn picture(&self) -> [usize; 2] {
        [self.size.0, self.size.1].map(|side| side.next_multiple_of(self.model.contract.multiple))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn motion(model: &str, size: (usize, usize), check: impl FnOnce(Motion<'_>)) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(model);
        let model = Model::open(&folder).expect("a model of the tests");
        check(Motion { model: &model, provider: Provider::Cpu, size });
    }

    #[test]
    fn memory_is_reckoned_from_frames_and_layers() {
        fn check(model: &str, size: (usize, usize), pixels: u64, pictures: u64) {
            motion(model, size, |motion| {
                let layers = motion.layers();
                assert_eq!(layers.largest, 3.0, "{model}");
                let weights = 2 * motion.model.bytes_on_disk(NETWORK).expect("the file");
                let working = (layers.alive * pixels as f64 * 12.0) as u64;
                let expected = weights + working + pixels * (pictures * 12 + 30);
                assert_eq!(motion.needs(&layers).expect("figures"), expected, "{model} at {size:?}");
            });
        }
        check("rife", (1920, 1080), 1920 * 1088, 3);
        check("rife", (71, 45), 96 * 64, 3);
        check("film", (1920, 1080), 1920 * 1088, 18);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_figures() {
        fn check(model: &str, bytes: u64, expected: Option<&str>) {
            motion(model, (1920, 1080), |motion| {
                let available = Available { bytes, limit: "free on this machine" };
                let failure = motion.check(Some(&available)).err();
                assert_eq!(failure.as_ref().map(|f| f.message.as_str()), expected);
                if let Some(failure) = failure {
                    assert_eq!(failure.code, "not-enough-memory");
                    assert!(failure.hint.is_some_and(|hint| hint.contains("leave `model` out")));
                }
            });
        }
        check("rife", 2_000_000_000, None);
        check(
            "rife",
            100_000_000,
            Some(
                "rife (frames between pictures of 1920x1088) needs about 439 MB, and 100 MB are free (free on this machine)",
            ),
        );
        check(
            "film",
            100_000_000,
            Some(
                "film (frames between pictures of 1920x1088) needs about 815 MB, and 100 MB are free (free on this machine)",
            ),
        );
    }
}
