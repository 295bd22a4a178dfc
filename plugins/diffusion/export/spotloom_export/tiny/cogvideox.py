"""Tiny CogVideoX models: 2B (table of positions), 5B (rotary, both schedulers), 1.5 (patches over time)."""

from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXDPMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)

from ..schedulers import COGVIDEOX
from .golden import Golden
from .parts import NEGATIVE, PROMPT, scatter, text_encoder, tokenizer

TOKENS = 32


def autoencoder():
    vae = scatter(
        AutoencoderKLCogVideoX(
            in_channels=3, out_channels=3, down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4, block_out_channels=(8, 8, 8, 8), latent_channels=4,
            layers_per_block=1, norm_num_groups=2, temporal_compression_ratio=4, scaling_factor=0.7,
        ),
        7,
        0.2,
    )  # fmt: skip
    vae.decoder.conv_out.conv.weight.data *= 0.25  # random weights shout: most pixels would be black or white
    return vae


def transformer(kind: str):
    more = {"patch_size_t": 2, "patch_bias": False} if kind == "v1.5" else {}
    model = CogVideoXTransformer3DModel(
        num_attention_heads=4, attention_head_dim=16, in_channels=4, out_channels=4, time_embed_dim=2, text_embed_dim=32,
        num_layers=2, sample_width=6, sample_height=4, sample_frames=9, patch_size=2, temporal_compression_ratio=4,
        max_text_seq_length=TOKENS, use_rotary_positional_embeddings=kind != "2b", **more,
    )  # fmt: skip
    return scatter(model, {"2b": 6, "5b": 5, "v1.5": 8}[kind])


class Build:
    tokens = TOKENS

    def __init__(self, kind: str, folder: Path):
        self.kind = kind
        self.config = COGVIDEOX | {"snr_shift_scale": 3.0 if kind == "2b" else 1.0}
        first = CogVideoXDDIMScheduler if kind == "2b" else CogVideoXDPMScheduler
        self.pipe = CogVideoXPipeline(
            tokenizer(folder / "tokenizer"), text_encoder(False), autoencoder(), transformer(kind), first(**self.config)
        )

    def case(self, golden, name, kind, size, frames, steps, *, dynamic=False, seed=0):
        pipe = self.pipe
        pipe.scheduler = (CogVideoXDPMScheduler if kind == "sde-dpm" else CogVideoXDDIMScheduler)(**self.config)
        patch = pipe.transformer.config.patch_size_t or 1
        count = (frames - 1) // 4 + 1
        # 1.5 is given latent frames in whole patches; those too many come first and are dropped before decoding.
        shape = (1, count + -count % patch, 4, size[1] // 8, size[0] // 8)
        noise = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
        with torch.no_grad():
            text, other = pipe.encode_prompt(PROMPT, NEGATIVE, True, max_sequence_length=TOKENS)
        tensors = {"text": text, "negative_text": other}
        if kind == "sde-dpm":  # one draw at the first step, one more wherever the second order takes part
            state = torch.Generator().manual_seed(11)
            tensors["draws"] = torch.stack([torch.randn(shape, generator=state) for _ in range(2 * steps)])
        golden.run(
            name, "text-to-video", pipe, noise, prompt=PROMPT, negative=NEGATIVE, size=size, frames=frames,
            facts={"steps": steps, "guidance": 6.0, "scheduler": kind, "dynamic-guidance": dynamic}, tensors=tensors,
            num_inference_steps=steps, guidance_scale=6.0, use_dynamic_cfg=dynamic, max_sequence_length=TOKENS,
            generator=torch.Generator().manual_seed(11),
        )  # fmt: skip

    def lengths(self, golden) -> None:
        """Every way in which the decoder cuts a clip into chunks of latent frames: 1, 2 + 2 and 3 + 2. 2B has one length alone."""
        if self.kind == "2b":
            return
        for frames in (1, 13, 17):
            self.case(golden, f"{frames}-frames", "ddim", (32, 16), frames, 2, seed=frames)

    def short_run(self) -> dict:
        """Arguments of a call in which as many graphs as a model allows take part: 17 frames are two chunks."""
        call = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": 3, "max_sequence_length": TOKENS}
        return call | {"width": 48, "height": 32, "num_frames": 9 if self.kind == "2b" else 17}

    def cases(self) -> Golden:
        golden = Golden()
        if self.kind == "2b":
            self.case(golden, "ddim", "ddim", (48, 32), 9, 6)
        elif self.kind == "5b":
            self.case(golden, "ddim", "ddim", (32, 48), 9, 6)
            self.case(golden, "dpm-dynamic", "sde-dpm", (48, 32), 9, 6, dynamic=True, seed=1)
        else:
            self.case(golden, "dpm", "sde-dpm", (48, 32), 9, 4, dynamic=True, seed=2)
        self.lengths(golden)
        return golden


VIDEO = {
    "2b": {"width": 48, "height": 32, "frames": 9, "fps": 8.0},
    "5b": {"width": 48, "height": 32, "frames": 9, "fps": 8.0, "sizes": [[48, 32], [32, 48]]},
    "v1.5": {"width": 48, "height": 32, "frames": 9, "fps": 16.0},
}
