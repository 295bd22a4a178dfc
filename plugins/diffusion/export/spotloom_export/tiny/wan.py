"""Tiny Wan models: every variant the runtime knows, and one of quite other shapes."""

from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

from .golden import Golden
from .parts import NEGATIVE, PROMPT, scatter, text_encoder, tokenizer

UNTIDY = "  A cat walks  on the grass, &lt;realistic&gt; \n &amp;amp; fast "


def autoencoder(kind: str, z: int = 16, base: int = 4):
    torch.manual_seed(0)
    common = {"z_dim": z, "num_res_blocks": 1, "temperal_downsample": [False, True, True], "dim_mult": [1, 2, 2, 2]}
    source = np.random.default_rng(z)
    common["latents_mean"] = [round(float(x), 4) for x in source.normal(0, 0.3, z)]
    common["latents_std"] = [round(float(x), 4) for x in source.uniform(0.6, 1.5, z)]
    if kind == "ti2v":
        more = {"is_residual": True, "patch_size": 2, "in_channels": 12, "out_channels": 12, "scale_factor_spatial": 16}
        return scatter(AutoencoderKLWan(base_dim=base, decoder_base_dim=2 * base, **common, **more), 0)
    return scatter(AutoencoderKLWan(base_dim=base, **common), 0)


def transformer(inputs: int, outputs: int, seed: int, *, image=False, heads=2, head=12, layers=2, text=32, ffn=32):
    more = {"image_dim": 24, "added_kv_proj_dim": heads * head} if image else {}
    model = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=heads, attention_head_dim=head, in_channels=inputs,
        out_channels=outputs, text_dim=text, freq_dim=64, ffn_dim=ffn, num_layers=layers, cross_attn_norm=True,
        qk_norm="rms_norm_across_heads", rope_max_seq_len=64, **more,
    )  # fmt: skip
    return scatter(model, seed)


def clip():
    torch.manual_seed(4)
    config = CLIPVisionConfig(
        hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, image_size=224, patch_size=14
    )
    return scatter(CLIPVisionModel(config), 4), CLIPImageProcessor()


def scheduler(shift: float):
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=shift
    )


def text_tensors(pipe, prompt, negative, tokens) -> dict:
    with torch.no_grad():
        positive, other = pipe.encode_prompt(
            prompt=prompt, negative_prompt=negative, max_sequence_length=tokens, do_classifier_free_guidance=True
        )
    return {"text": positive, "negative_text": other}


def picture(size, seed: int) -> np.ndarray:
    """A smooth picture with some noise, u8 [height, width, 3]."""
    source = np.random.default_rng(seed)
    coarse = Image.fromarray(source.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize(size, Image.BICUBIC)
    return np.clip(np.asarray(coarse, np.int16) + source.integers(-8, 9, (size[1], size[0], 3)), 0, 255).astype(np.uint8)


class Build:
    """A pipeline and the cases to run on it."""

    def __init__(self, kind: str, folder: Path, other: bool = False):
        self.kind, self.other, self.tokens = kind, other, 512 if kind == "i2v-clip" else 24
        conditioned, experts = kind in ("i2v", "i2v-clip", "a14b-i2v"), kind.startswith("a14b")
        z = 8 if other else 16
        self.vae = autoencoder(kind, z, 6 if other else 4)
        inputs = 2 * z + 4 if conditioned else z
        shape = {"heads": 3, "head": 16, "layers": 3, "text": 40, "ffn": 56} if other else {}
        parts = {
            "tokenizer": tokenizer(folder / "tokenizer"),
            "text_encoder": text_encoder(True, 40 if other else 32),
            "vae": self.vae,
            "scheduler": scheduler(5.0 if kind == "ti2v" else 3.0),
            "transformer": transformer(inputs, z, 2, image=kind == "i2v-clip", **shape),
        }
        if experts:
            parts |= {"transformer_2": transformer(inputs, z, 9), "boundary_ratio": 0.875}
        if kind == "ti2v":
            parts["expand_timesteps"] = True
        if conditioned:
            encoder, processor = clip() if kind == "i2v-clip" else (None, None)
            parts |= {"image_encoder": encoder, "image_processor": processor}
        self.parts = parts
        self.pipe = (WanImageToVideoPipeline if conditioned else WanPipeline)(**parts)

    def noise(self, size, frames, seed):
        scale = self.vae.config.scale_factor_spatial
        shape = (1, self.vae.config.z_dim, (frames - 1) // 4 + 1, size[1] // scale, size[0] // scale)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    def case(self, golden, name, mode, size, frames, steps, shift, *, prompt=PROMPT, seed=0, pipe=None, guidance=5.0,
             pictures=(), low=None):  # fmt: skip
        pipe = pipe or self.pipe
        pipe.scheduler = scheduler(shift)
        tensors, call = text_tensors(pipe, prompt, NEGATIVE, self.tokens), {}
        for role, pixels in zip(("image", "last_image"), pictures):
            tensors[role] = pixels
            call[role] = Image.fromarray(pixels)
        if self.kind == "i2v-clip":
            shown = [call[name] for name in call]
            tensors["pixels"] = pipe.image_processor(images=shown, return_tensors="pt").pixel_values
            with torch.no_grad():
                tensors["image_embedding"] = pipe.encode_image(shown if len(shown) > 1 else shown[0], "cpu")
        if low is not None:
            call["guidance_scale_2"] = low
        facts = {"steps": steps, "shift": shift, "guidance": guidance}
        facts |= {} if low is None else {"guidance-low": low}
        golden.run(
            name, mode, pipe, self.noise(size, frames, seed), prompt=prompt, negative=NEGATIVE, size=size, frames=frames,
            facts=facts, tensors=tensors, num_inference_steps=steps, guidance_scale=guidance,
            max_sequence_length=self.tokens, **call,
        )  # fmt: skip

    def edit(self, golden, name, size, frames, steps, shift, strength, seed):
        """A clip made again (SDEdit): encoded, under as much noise as `strength` says, and denoised from there."""
        named = ("tokenizer", "text_encoder", "transformer", "vae", "scheduler")
        pipe = WanVideoToVideoPipeline(**{part: getattr(self.pipe, part) for part in named})
        pipe.scheduler = scheduler(shift)
        clip = np.stack([picture(size, 20 + frame) for frame in range(frames)])
        shape = self.noise(size, frames, seed).shape
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).numpy()
        video = torch.from_numpy(clip.astype(np.float32) / 127.5 - 1).permute(3, 0, 1, 2)[None]
        with torch.no_grad():
            mean = self.vae.encode(video).latent_dist.mode()
        spread = [torch.tensor(getattr(self.vae.config, part)).view(1, -1, 1, 1, 1) for part in ("latents_mean", "latents_std")]
        tensors = text_tensors(pipe, PROMPT, NEGATIVE, self.tokens) | {"clip": clip, "draft": (mean - spread[0]) / spread[1]}
        golden.record(
            name, "edit", pipe, noise, prompt=PROMPT, negative=NEGATIVE, size=size, frames=frames, tensors=tensors,
            facts={"steps": steps, "shift": shift, "guidance": 5.0, "strength": strength}, num_inference_steps=steps,
            guidance_scale=5.0, strength=strength, max_sequence_length=self.tokens,
            video=[Image.fromarray(frame) for frame in clip], generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip

    def short_run(self) -> dict:
        """Arguments of a call in which every graph takes part."""
        size, pipe = (64, 32), self.pipe
        call = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": 3, "num_frames": 9}
        call |= {"width": size[0], "height": size[1], "max_sequence_length": self.tokens}
        if isinstance(pipe, WanImageToVideoPipeline):
            call["image"] = Image.fromarray(picture(size, 1))
        return call

    def cases(self) -> Golden:
        golden = Golden()
        if self.other:
            self.case(golden, "tall", "text-to-video", (32, 64), 9, 6, 3.0, seed=5, guidance=3.5)
            self.case(golden, "one-frame", "text-to-video", (64, 32), 1, 4, 8.0, seed=6)
        elif self.kind == "t2v":
            self.case(golden, "eight-steps", "text-to-video", (48, 32), 9, 8, 3.0)
            self.case(golden, "untidy-prompt", "text-to-video", (32, 48), 5, 4, 5.0, prompt=UNTIDY, seed=1)
            self.case(golden, "one-step", "text-to-video", (32, 32), 5, 1, 3.0, seed=2)
            self.edit(golden, "edit", (48, 32), 9, 8, 3.0, 0.625, seed=9)
        elif self.kind == "a14b":
            self.case(golden, "two-experts", "text-to-video", (48, 32), 9, 8, 3.0, guidance=4.0, low=3.0)
        elif self.kind == "ti2v":
            self.case(golden, "text", "text-to-video", (64, 32), 9, 6, 5.0)
            parts = {name: part for name, part in self.parts.items()}
            pipe = WanImageToVideoPipeline(**parts, image_encoder=None, image_processor=None)
            shown = [picture((64, 32), 7)]
            self.case(golden, "image", "image-to-video", (64, 32), 9, 6, 5.0, pipe=pipe, pictures=shown, seed=3)
        else:
            size = (48, 32)
            shown = [picture(size, 7), picture(size, 8)]
            low = 3.0 if self.kind == "a14b-i2v" else None
            self.case(golden, "image", "image-to-video", size, 9, 6, 3.0, pictures=shown[:1], low=low)
            if self.kind != "i2v-clip":
                self.case(golden, "first-last", "first-last", size, 9, 6, 3.0, pictures=shown, seed=4, low=low)
        return golden


VIDEO = {
    "ti2v": {"width": 64, "height": 32, "frames": 9, "fps": 16.0},
    "t2v": {"width": 48, "height": 32, "frames": 9, "fps": 16.0, "sizes": [[48, 32], [32, 48], [32, 32]]},
    "other": {"width": 32, "height": 64, "frames": 9, "fps": 24.0, "sizes": [[32, 64], [64, 32]]},
    "a14b": {"width": 48, "height": 32, "frames": 9, "fps": 16.0},
    "a14b-i2v": {"width": 48, "height": 32, "frames": 9, "fps": 16.0},
    "i2v": {"width": 48, "height": 32, "frames": 9, "fps": 16.0},
    "i2v-clip": {"width": 48, "height": 32, "frames": 9, "fps": 16.0},
}
