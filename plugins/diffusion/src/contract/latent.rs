//! The space a model works in: how pixels and frames become latent cells, and how latents are scaled.

use ndarray::{ArrayD, Axis};
use serde::Deserialize;

/// The latents of a model.
#[derive(Clone, Debug, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Latent {
    pub channels: usize,
    /// Frames, rows and columns of pixels that one latent cell stands for.
    pub stride: [usize; 3],
    /// Latent cells, in the same order, that make one token of the transformer.
    #[serde(default = "one")]
    pub patch: [usize; 3],
    #[serde(default)]
    pub rule: Rule,
    /// Mean of each channel; taken off before the transformer and put back before the decoder.
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of each channel.
    pub std: Option<Vec<f32>>,
    /// What the encoder's latents are multiplied by after that.
    #[serde(default = "unit")]
    pub scale: f32,
}

/// How many frames a clip may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The first latent frame is one frame, each later one `stride` frames: `stride * k + 1`.
    Causal,
    /// Every latent frame is `stride` frames: `stride * k`.
    #[default]
    Even,
}

impl Latent {
    /// Latent frames of so many frames. Frames that do not fill one count as if they did.
    #[must_use]
    pub fn frames(&self, frames: usize) -> usize {
        match self.rule {
            Rule::Causal => frames.saturating_sub(1).div_ceil(self.stride[0]) + 1,
            Rule::Even => frames.div_ceil(self.stride[0]),
        }
    }

    /// Frames of so many latent frames.
    #[must_use]
    pub fn pixels(&self, latent_frames: usize) -> usize {
        match self.rule {
            Rule::Causal => latent_frames.saturating_sub(1) * self.stride[0] + 1,
            Rule::Even => latent_frames * self.stride[0],
        }
    }

    /// The least number of frames, at least `frames`, that a clip may have.
    #[must_use]
    pub fn whole(&self, frames: usize) -> usize {
        self.pixels(self.frames(frames.max(1)))
    }

    /// Latent frames, rows and columns of a clip. Latent frames come in whole patches, so that there may be more than the
    /// frames need.
    ///
    /// # Errors
    /// One sentence when cells or patches do not divide the size.
    pub fn cells(&self, width: usize, height: usize, frames: usize) -> Result<[usize; 3], String> {
        let [_, sy, sx] = self.stride;
        let [pt, py, px] = self.patch;
        let (wide, high) = (sx * px, sy * py);
        if width == 0 || height == 0 || !width.is_multiple_of(wide) || !height.is_multiple_of(high) {
            return Err(format!("{width}x{height} pixels; this model makes multiples of {wide}x{high}"));
        }
        let whole = self.whole(frames);
        if whole != frames || frames == 0 {
            return Err(format!("{frames} frames; the nearest this model makes are {whole}"));
        }
        Ok([self.frames(frames).next_multiple_of(pt), height / sy, width / sx])
    }

    /// From the encoder's latents to the transformer's: `(x - mean) / std * scale`, channel by channel of axis 1.
    pub fn normalise(&self, latents: &mut ArrayD<f32>) {
        for (channel, mut values) in latents.axis_iter_mut(Axis(1)).enumerate() {
            let (mean, std) = self.statistics(channel);
            values.mapv_inplace(|x| (x - mean) / std * self.scale);
        }
    }

    /// From the transformer's latents to the decoder's: `x / scale * std + mean`, channel by channel of axis 1.
    pub fn denormalise(&self, latents: &mut ArrayD<f32>) {
        for (channel, mut values) in latents.axis_iter_mut(Axis(1)).enumerate() {
            let (mean, std) = self.statistics(channel);
            values.mapv_inplace(|x| x / self.scale * std + mean);
        }
    }

    fn statistics(&self, channel: usize) -> (f32, f32) {
        let of = |list: &Option<Vec<f32>>| list.as_ref().and_then(|l| l.get(channel)).copied();
        (of(&self.mean).unwrap_or(0.0), of(&self.std).unwrap_or(1.0))
    }
}

fn one() -> [usize; 3] {
    [1; 3]
}

fn unit() -> f32 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent(stride: [usize; 3], patch: [usize; 3], rule: Rule) -> Latent {
        Latent { channels: 2, stride, patch, rule, mean: Some(vec![1.0, 2.0]), std: Some(vec![2.0, 4.0]), scale: 0.5 }
    }

    #[test]
    fn frames_and_cells_follow_the_rule() {
        let wan = latent([4, 8, 8], [1, 2, 2], Rule::Causal);
        assert_eq!(wan.cells(832, 480, 81), Ok([21, 60, 104]));
        assert_eq!((wan.whole(1), wan.whole(2), wan.whole(81), wan.whole(82)), (1, 5, 81, 85));
        assert!(wan.cells(840, 480, 81).expect_err("a width").contains("multiples of 16x16"));
        assert!(wan.cells(832, 480, 80).expect_err("frames").contains("the nearest this model makes are 81"));
        let ambient = latent([4, 16, 16], [1, 1, 1], Rule::Even);
        assert_eq!(ambient.cells(288, 160, 16), Ok([4, 10, 18]));
        assert_eq!((ambient.whole(16), ambient.whole(17)), (16, 20));
        let cog = latent([4, 8, 8], [2, 2, 2], Rule::Causal);
        assert_eq!((cog.cells(64, 64, 9), cog.cells(64, 64, 13)), (Ok([4, 8, 8]), Ok([4, 8, 8])));
    }

    #[test]
    fn scaling_there_and_back() {
        let latent = latent([4, 8, 8], [1, 1, 1], Rule::Causal);
        let raw = ArrayD::from_shape_vec(vec![1, 2, 1, 1, 2], vec![1.0, 3.0, 2.0, -6.0]).expect("a shape");
        let mut x = raw.clone();
        latent.normalise(&mut x);
        assert_eq!(x.iter().copied().collect::<Vec<_>>(), [0.0, 0.5, 0.0, -1.0]);
        latent.denormalise(&mut x);
        assert_eq!(x, raw);
    }
}
