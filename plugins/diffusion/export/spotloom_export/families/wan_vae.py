"""Wan's autoencoder without the reference's Python loop over chunks.

Encoder and decoder become two graphs each that are run once for each latent frame: `first` (1 frame of video) and `next`
(4 frames), which hand what each causal convolution looks back at to the following run: its last two frames, or one where
frames are halved. They give what the reference gives, and their memory does not grow with the clip.

Convolutions over time become ones over the frames of each moment, side by side as channels: ONNX Runtime's processor lays
out all that a convolution in three dimensions looks at, 27 times its input, which is 16 to 33 GB a layer at 832x480.

Invariant: the caches of `first` and `next` are the same in number, order and shape.
"""

import copy

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl_wan import (
    WanCausalConv3d,
    WanResample,
    WanUpsample,
    patchify,
    unpatchify,
)

KEPT = 2  # frames that a causal convolution of three looks back


def per_frame(resample, x):
    b, c, t, h, w = x.shape
    x = resample(x.permute(0, 2, 1, 3, 4).reshape(-1, c, h, w))
    return x.reshape(b, -1, x.shape[1], x.shape[2], x.shape[3]).permute(0, 2, 1, 3, 4)


class Tape:
    """Caches of one run: `before` in the order of use, `after` as they are made."""

    def __init__(self):
        self.before, self.after = None, []


def moment_by_moment(conv: torch.nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
    """What `conv` makes of frames that have what it looks back at before them, and no edges around them yet."""
    if conv.kernel_size == (1, 1, 1):
        return torch.nn.Conv3d.forward(conv, x)
    seen, step = conv.kernel_size[0], conv.stride[0]
    weight = conv.weight.flatten(1, 2)
    edges = (conv._padding[2], conv._padding[0])
    moments = range(0, int(x.shape[2]) - seen + 1, step)
    made = [F.conv2d(x[:, :, m : m + seen].flatten(1, 2), weight, conv.bias, conv.stride[1:], edges) for m in moments]
    return torch.stack(made, 2)


class StepConv(WanCausalConv3d):
    """A causal convolution that takes its past from the tape."""

    def forward(self, x, cache_x=None):
        past = self._padding[4]
        if past == 0:
            return moment_by_moment(self, x)
        if self.tape.before is None:
            x = F.pad(x, (0, 0, 0, 0, KEPT, 0))
        else:
            x = torch.cat([next(self.tape.before), x], 2)
        self.tape.after.append(x[:, :, -KEPT:])
        return moment_by_moment(self, x)


class StepResample(WanResample):
    """Doubles or halves the frames, but for the first latent frame, which is one frame of video."""

    def forward(self, x, feat_cache=None, feat_idx=None):
        if self.mode == "upsample3d":
            b, c, t, h, w = x.shape
            if self.tape.before is None:
                self.tape.after.append(F.pad(x * 0, (0, 0, 0, 0, KEPT - t, 0)))
            else:
                x = self.time_conv(x).reshape(b, 2, c, t, h, w).permute(0, 2, 3, 1, 4, 5).reshape(b, c, 2 * t, h, w)
        x = per_frame(self.resample, x)
        if self.mode == "downsample3d":
            self.tape.after.append(x[:, :, -1:])
            if self.tape.before is not None:
                x = self.time_conv(torch.cat([next(self.tape.before), x], 2))
        return x


def convert(module, changes: dict, tape: Tape | None = None):
    """A copy of the module in which layers are of the subclasses named; weights and names stay."""
    module = copy.deepcopy(module)
    for layer in module.modules():
        if type(layer) in changes:
            layer.__class__ = changes[type(layer)]
            layer.tape = tape
        if isinstance(layer, WanUpsample):
            layer.mode = "nearest"  # the same as nearest-exact at twice the size, and an operator of ONNX
    return module


class StepDecoder(torch.nn.Module):
    """Latents of one frame, not normalised, and caches, to frames in [-1, 1] and new caches."""

    def __init__(self, vae, first: bool):
        super().__init__()
        self.first, self.patch, self.tape = first, vae.config.patch_size, Tape()
        changes = {WanCausalConv3d: StepConv, WanResample: StepResample}
        self.decoder = convert(vae.decoder, changes, self.tape)
        self.quant = convert(vae.post_quant_conv, changes, self.tape)

    def forward(self, latents, *caches):
        self.tape.before, self.tape.after = (None if self.first else iter(caches)), []
        x = self.decoder(self.quant(latents), first_chunk=self.first)
        if self.patch is not None:
            x = unpatchify(x, self.patch)
        return (x.clamp(-1, 1), *self.tape.after)


class StepEncoder(torch.nn.Module):
    """The frames of one latent frame in [-1, 1], and caches, to the mean of its latents, not normalised, and new caches."""

    def __init__(self, vae, first: bool):
        super().__init__()
        self.first, self.patch, self.tape = first, vae.config.patch_size, Tape()
        changes = {WanCausalConv3d: StepConv, WanResample: StepResample}
        self.encoder = convert(vae.encoder, changes, self.tape)
        self.quant = convert(vae.quant_conv, changes, self.tape)

    def forward(self, video, *caches):
        self.tape.before, self.tape.after = (None if self.first else iter(caches)), []
        if self.patch is not None:
            video = patchify(video, self.patch)
        mean = self.quant(self.encoder(video)).chunk(2, 1)[0]
        return (mean, *self.tape.after)
