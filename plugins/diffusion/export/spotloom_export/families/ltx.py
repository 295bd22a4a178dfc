"""LTX-Video: packed tokens with their coordinates and times as inputs, so that any frame can be pinned."""

import torch
from diffusers.models.transformers.transformer_ltx import LTXAttention, LTXVideoAttnProcessor, apply_rotary_emb

from ..contract import Folder, scheduler_config
from ..graphs import Ports, attention, export, fix_times, fuse_gelus, replace_norms
from ..text import export_text

SCHEDULER = (
    "num_train_timesteps", "shift", "use_dynamic_shifting", "base_shift", "max_shift", "base_image_seq_len",
    "max_image_seq_len", "shift_terminal",
)  # fmt: skip


class ExportProcessor(LTXVideoAttnProcessor):
    """The reference's attention; the mask is broadcast over heads instead of being repeated for each."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, image_rotary_emb=None):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(context)), attn.to_v(context)
        if image_rotary_emb is not None:
            query, key = apply_rotary_emb(query, image_rotary_emb), apply_rotary_emb(key, image_rotary_emb)
        query, key, value = (x.unflatten(2, (attn.heads, -1)) for x in (query, key, value))
        if attention_mask is None:
            return attn.to_out[0](attention(query, key, value))
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        mask = attention_mask.unsqueeze(1)
        out = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return attn.to_out[0](out.transpose(1, 2).flatten(2, 3))


def variant(pipe) -> str:
    return "timestep" if pipe.vae.config.timestep_conditioning else "base"


def velocity(model, latents, text, timestep, text_mask, coordinates):
    return model(latents, text, timestep, text_mask, video_coords=coordinates, return_dict=False)[0]


def export_transformer(folder: Folder, model, tokens: int) -> None:
    model = fix_times(fuse_gelus(replace_norms(model)))
    for layer in model.modules():
        if isinstance(layer, LTXAttention):
            layer.set_processor(ExportProcessor())
    c, count = model.config, 24
    names = ["latents", "text", "timestep", "text_mask", "coordinates"]
    example = (
        torch.randn(2, count, c.in_channels),
        torch.randn(2, tokens, c.caption_channels),
        torch.rand(2, count) * 999,
        (torch.arange(tokens)[None] < torch.tensor([[tokens // 2], [tokens]])).long(),
        torch.rand(2, 3, count) * 30,
    )
    dynamic = {
        "latents": {0: "batch", 1: "tokens"},
        "text": {0: "batch", 1: "text_tokens"},
        "timestep": {0: "batch", 1: "tokens"},
        "text_mask": {0: "batch", 1: "text_tokens"},
        "coordinates": {0: "batch", 2: "tokens"},
    }
    path = folder.file("transformer")
    ports = Ports(model, names, velocity)
    folder.add("transformer", path, export(ports, example, path, ["velocity"], dynamic, dynamo=True))


def export_vae(folder: Folder, vae) -> None:
    free = {0: "batch", 2: "frames", 3: "height", 4: "width"}
    names, example = ["latents"], [torch.randn(2, vae.config.latent_channels, 3, 4, 6)]
    dynamic = {"latents": free}
    if vae.config.timestep_conditioning:
        names.append("timestep")
        example.append(torch.tensor([0.05, 0.05]))
        dynamic["timestep"] = {0: "batch"}
    path = folder.file("vae-decoder")
    ports = Ports(fix_times(vae), names, lambda vae, latents, timestep=None: vae.decoder(latents, timestep))
    folder.add("vae-decoder", path, export(ports, tuple(example), path, ["video"], dynamic, dynamo=True), "f32")
    path = folder.file("vae-encoder")
    ports = Ports(vae, ["video"], lambda vae, video: vae.encoder(video)[:, : vae.config.latent_channels])
    step, cells = vae.temporal_compression_ratio, vae.spatial_compression_ratio
    example = (torch.rand(2, 3, 2 * step + 1, 4 * cells, 6 * cells),)
    folder.add("vae-encoder", path, export(ports, example, path, ["latents_mean"], {"video": free}, dynamo=True), "f32")


def export_pipeline(pipe, folder: Folder, about: dict, tokens: int = 128) -> None:
    """All components and the contract; `pipe` is changed on the way."""
    vae, config = pipe.vae, pipe.transformer.config
    timed = vae.config.timestep_conditioning
    export_text(folder, pipe.tokenizer, pipe.text_encoder, tokens, masked=False)
    export_vae(folder, vae)
    export_transformer(folder, pipe.transformer, tokens)
    figures = scheduler_config(pipe.scheduler, SCHEDULER)
    # One that grows with the tokens is all there is.
    shift = 1.0 if figures.get("use_dynamic_shifting") else float(figures.get("shift", 1.0))
    sampling = {"scheduler": "flow-euler", "steps": 50, "shift": shift, "guidance": 3.0, "guidance-rescale": 0.0}
    sampling |= {"decode-timestep": 0.05, "decode-noise": 0.025} if timed else {}
    folder.write(
        {
            "name": about["name"],
            "summary": about["summary"],
            "family": "ltx",
            "variant": variant(pipe),
            "modes": ["text-to-video", "edit", "image-to-video", "extend"],
            "licence": about["licence"],
            "video": about["video"],
            "latent": {
                "channels": vae.config.latent_channels,
                "stride": [vae.temporal_compression_ratio, *[vae.spatial_compression_ratio] * 2],
                "patch": [config.patch_size_t, config.patch_size, config.patch_size],
                "rule": "causal",
                "mean": vae.latents_mean.tolist(),
                "std": vae.latents_std.tolist(),
                "scale": float(vae.config.scaling_factor),
            },
            "prompt": {"tokens": tokens, "negative": "used", "mask": "passed", "clean": False},
            "sampling": sampling | about.get("sampling", {}),
            "scheduler-config": figures,
        }
    )


def coordinates(batch: int, frames: int, height: int, width: int, scale) -> torch.Tensor:
    """Where each token lies: seconds, pixels, pixels. f32 [batch, 3, tokens]."""
    axes = [torch.arange(n, dtype=torch.float32) for n in (frames, height, width)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    return (grid * torch.tensor(scale, dtype=torch.float32)[:, None])[None].expand(batch, -1, -1)


def substitute(pipe, graphs) -> None:
    """Graphs in place of modules, for the parity check."""
    from ..parity import latent_distribution, substitute_text

    def transformer(hidden_states, encoder_hidden_states, timestep, encoder_attention_mask, num_frames, height, width,
                    rope_interpolation_scale, **_):  # fmt: skip
        batch, count, _ = hidden_states.shape
        return graphs.run(
            "transformer",
            latents=hidden_states,
            text=encoder_hidden_states,
            timestep=timestep.reshape(batch, -1).expand(batch, count),
            text_mask=encoder_attention_mask,
            coordinates=coordinates(batch, num_frames, height, width, rope_interpolation_scale),
        )

    def decode(latents, timestep=None, return_dict=False):
        return graphs.run("vae-decoder", latents=latents, **({} if timestep is None else {"timestep": timestep}))

    substitute_text(pipe, graphs)
    pipe.transformer.forward = transformer
    pipe.vae.decode = decode
    pipe.vae.encode = lambda video: latent_distribution(graphs.run("vae-encoder", video=video)[0])
