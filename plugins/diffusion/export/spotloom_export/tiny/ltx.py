"""Tiny LTX models: a decoder without a time and one with."""

from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXImageToVideoPipeline,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from PIL import Image

from ..schedulers import LTX
from .golden import Golden
from .parts import NEGATIVE, PROMPT, scatter, text_encoder, tokenizer
from .wan import picture

TOKENS = 32
# 7e-6 was seen: less than others are allowed, so that a rounding of the frequencies of time (1.6e-5 and more) is noticed.
FRAMES = 1e-5


def autoencoder(timed: bool):
    vae = scatter(
        AutoencoderKLLTXVideo(
            in_channels=3, out_channels=3, latent_channels=8, block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8), layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1), spatio_temporal_scaling=(True, True, True, False),
            decoder_spatio_temporal_scaling=(True, True, True, False), decoder_inject_noise=(False,) * 5,
            upsample_residual=(False,) * 4, upsample_factor=(1,) * 4, timestep_conditioning=timed, patch_size=4,
            patch_size_t=1, encoder_causal=True, decoder_causal=False,
        ),
        7,
        0.2,
    )  # fmt: skip
    source = torch.Generator().manual_seed(3)
    vae.latents_mean.copy_(torch.randn(8, generator=source) * 0.3)
    vae.latents_std.copy_(torch.rand(8, generator=source) + 0.5)
    return vae


def transformer():
    model = LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, patch_size=1, patch_size_t=1, num_attention_heads=4, attention_head_dim=8,
        cross_attention_dim=32, num_layers=2, caption_channels=32,
    )  # fmt: skip
    return scatter(model, 5)


class Late(FlowMatchEulerDiscreteScheduler):
    """The reference's schedule from one of its steps on."""

    first = 0

    def set_timesteps(self, num_inference_steps=None, device=None, sigmas=None, mu=None, timesteps=None):
        super().set_timesteps(num_inference_steps, device, sigmas, mu, timesteps)
        self.timesteps, self.sigmas = self.timesteps[self.first :], self.sigmas[self.first :]


class Build:
    tokens = TOKENS

    def __init__(self, timed: bool, folder: Path):
        self.timed = timed
        self.parts = {
            "scheduler": FlowMatchEulerDiscreteScheduler.from_config(LTX),
            "vae": autoencoder(timed),
            "text_encoder": text_encoder(False),
            "tokenizer": tokenizer(folder / "tokenizer"),
            "transformer": transformer(),
        }
        self.pipe = LTXPipeline(**self.parts)

    def case(self, golden, name, mode, size, frames, steps, *, rescale=0.0, pixels=None, seed=0):
        pipe = self.pipe if pixels is None else LTXImageToVideoPipeline(**self.parts)
        across, along = pipe.vae_spatial_compression_ratio, pipe.vae_temporal_compression_ratio
        f, h, w = (frames - 1) // along + 1, size[1] // across, size[0] // across
        noise = np.random.default_rng(seed).standard_normal((1, 8, f, h, w), dtype=np.float32)
        with torch.no_grad():
            text, mask, other, other_mask = pipe.encode_prompt(PROMPT, NEGATIVE, max_sequence_length=TOKENS)
        tensors = {"text": text, "negative_text": other, "text_mask": mask, "negative_text_mask": other_mask}
        start, call = noise, {}
        if pixels is not None:
            # The reference draws the first frame's latents from the encoder's distribution; the mean is given instead.
            tensors["image"], call["image"] = pixels, Image.fromarray(pixels)
            video = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None, :, None]
            with torch.no_grad():
                mean = pipe.vae.encode(video).latent_dist.mode()
            mean = pipe._normalize_latents(mean, pipe.vae.latents_mean, pipe.vae.latents_std)
            tensors["image_latents"] = mean
            start = noise.copy()
            start[:, :, :1] = mean.numpy()
        if self.timed:
            call |= {"decode_timestep": 0.05, "decode_noise_scale": 0.025}
            call["generator"] = torch.Generator().manual_seed(3)
            tensors["decode_noise"] = torch.randn(noise.shape, generator=torch.Generator().manual_seed(3))
        tensors["noise_grid"] = noise
        golden.run(
            name, mode, pipe, start.reshape(1, 8, -1).transpose(0, 2, 1), prompt=PROMPT, negative=NEGATIVE, size=size,
            frames=frames, facts={"steps": steps, "guidance": 3.0, "guidance-rescale": rescale, "fps": 25.0},
            tensors=tensors, num_inference_steps=steps, guidance_scale=3.0, guidance_rescale=rescale, frame_rate=25,
            max_sequence_length=TOKENS, **call,
        )  # fmt: skip

    def edit(self, golden, name, size, frames, steps, strength, seed):
        """A clip made again (SDEdit): encoded, under as much noise as `strength` says, and denoised from there by the pipeline
        from text. (`LTXConditionPipeline` has a `denoise_strength`, and other coordinates and steps.)"""
        pipe = LTXPipeline(**self.parts | {"scheduler": Late.from_config(self.parts["scheduler"].config)})
        clip = np.stack([picture(size, 20 + frame) for frame in range(frames)])
        video = torch.from_numpy(clip.astype(np.float32) / 127.5 - 1).permute(3, 0, 1, 2)[None]
        with torch.no_grad():
            text, mask, other, other_mask = pipe.encode_prompt(PROMPT, NEGATIVE, max_sequence_length=TOKENS)
            mean = pipe.vae.encode(video).latent_dist.mode()
        draft = pipe._normalize_latents(mean, pipe.vae.latents_mean, pipe.vae.latents_std)
        noise = np.random.default_rng(seed).standard_normal(tuple(draft.shape), dtype=np.float32)
        tensors = {"text": text, "negative_text": other, "text_mask": mask, "negative_text_mask": other_mask}
        tensors |= {"clip": clip, "draft": draft, "noise_grid": noise}
        shifts = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
        mu = calculate_shift(draft[0, 0].numel(), *(pipe.scheduler.config[shift] for shift in shifts))
        pipe.scheduler.first = steps - round(strength * steps)
        pipe.scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
        level = pipe.scheduler.sigmas[0].item()
        start = level * noise + (1 - level) * draft.numpy()
        golden.run(
            name, "edit", pipe, start.reshape(1, 8, -1).transpose(0, 2, 1), prompt=PROMPT, negative=NEGATIVE, size=size,
            frames=frames, tensors=tensors, num_inference_steps=steps, guidance_scale=3.0, frame_rate=25,
            facts={"steps": steps, "guidance": 3.0, "guidance-rescale": 0.0, "fps": 25.0, "strength": strength},
            max_sequence_length=TOKENS,
        )  # fmt: skip

    def short_run(self) -> dict:
        call = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": 3, "max_sequence_length": TOKENS}
        call |= {"decode_timestep": 0.05, "decode_noise_scale": 0.025} if self.timed else {}
        return call | {"width": 96, "height": 64, "num_frames": 17, "frame_rate": 24}

    def cases(self) -> Golden:
        golden = Golden(frames=FRAMES)
        self.case(golden, "text", "text-to-video", (64, 32), 17, 6)
        if not self.timed:
            self.case(golden, "rescale", "text-to-video", (32, 64), 9, 4, rescale=0.7, seed=1)
            self.case(golden, "image", "image-to-video", (64, 32), 9, 4, pixels=picture((64, 32), 7), seed=2)
            self.edit(golden, "edit", (64, 32), 9, 8, 0.625, seed=9)
        return golden


VIDEO = {"width": 64, "height": 32, "frames": 17, "fps": 25.0, "sizes": [[64, 32], [32, 64]]}
