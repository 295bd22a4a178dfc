"""CogVideoX 2B, 5B and 1.5: the decoder in chunks as the reference cuts them, rotary positions as inputs."""

import torch
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0

from ..contract import Folder, scheduler_config
from ..graphs import Ports, attention, export, fuse_gelus
from ..text import export_text

SCHEDULER = (
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type", "timestep_spacing",
    "rescale_betas_zero_snr", "snr_shift_scale", "set_alpha_to_one", "steps_offset",
)  # fmt: skip


def rotate(x, cos, sin):
    first, second = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return (x.float() * cos + torch.stack([-second, first], -1).flatten(3).float() * sin).to(x.dtype)


class ExportProcessor(CogVideoXAttnProcessor2_0):
    """The reference's joint attention; text is passed by, not assigned into, when positions are rotated."""

    def __call__(self, attn, hidden_states, encoder_hidden_states, attention_mask=None, image_rotary_emb=None):
        text = encoder_hidden_states.shape[1]
        joint = torch.cat([encoder_hidden_states, hidden_states], 1)
        query, key, value = (
            layer(joint).unflatten(2, (attn.heads, -1)).transpose(1, 2) for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        query = query if attn.norm_q is None else attn.norm_q(query)
        key = key if attn.norm_k is None else attn.norm_k(key)
        if image_rotary_emb is not None:
            query, key = (
                torch.cat([x[:, :, :text], rotate(x[:, :, text:], *image_rotary_emb)], 2) for x in (query, key)
            )
        out = attn.to_out[0](attention(*(x.transpose(1, 2) for x in (query, key, value))))
        return out[:, text:], out[:, :text]


def variant(pipe) -> str:
    config = pipe.transformer.config
    if config.patch_size_t is not None:
        return "v1.5"
    return "5b" if config.use_rotary_positional_embeddings else "2b"


def with_rope(model, latents, text, timestep, rope_cos, rope_sin):
    return model(latents, text, timestep, image_rotary_emb=(rope_cos, rope_sin), return_dict=False)[0]


def without_rope(model, latents, text, timestep):
    return model(latents, text, timestep, return_dict=False)[0]


def export_transformer(folder: Folder, model, tokens: int) -> None:
    for layer in model.modules():
        if hasattr(layer, "set_processor") and isinstance(getattr(layer, "processor", None), CogVideoXAttnProcessor2_0):
            layer.set_processor(ExportProcessor())
    model = fuse_gelus(model)
    c, rope = model.config, model.config.use_rotary_positional_embeddings
    frames, height, width = 4, 8, 12
    names, free = ["latents", "text", "timestep"], {0: "batch", 1: "frames", 3: "height", 4: "width"}
    if not rope:  # its table of positions is of one size, and so is the graph
        frames, height, width = (c.sample_frames - 1) // c.temporal_compression_ratio + 1, c.sample_height, c.sample_width
        free = {0: "batch"}
    latents = torch.randn(2, frames, c.in_channels, height, width)
    example = [latents, torch.randn(2, tokens, c.text_embed_dim), torch.tensor([500, 500])]
    dynamic = {"latents": free, "text": {0: "batch"}, "timestep": {0: "batch"}}
    if rope:
        count = frames // (c.patch_size_t or 1) * (height // c.patch_size) * (width // c.patch_size)
        names += ["rope_cos", "rope_sin"]
        example += [torch.randn(count, c.attention_head_dim) for _ in range(2)]
        dynamic |= {"rope_cos": {0: "tokens"}, "rope_sin": {0: "tokens"}}
    path = folder.file("transformer")
    ports = Ports(model, names, with_rope if rope else without_rope)
    folder.add("transformer", path, export(ports, tuple(example), path, ["prediction"], dynamic))


def leaves(cache: dict) -> list[torch.Tensor]:
    """The tensors of the decoder's nested cache, in the order of its keys."""
    found = []
    for value in cache.values():
        found += leaves(value) if isinstance(value, dict) else [] if value is None else [value]
    return found


def regrow(shape: dict, tensors) -> dict:
    """A nested cache of the given shape out of its tensors."""
    return {
        name: regrow(value, tensors) if isinstance(value, dict) else None if value is None else next(tensors)
        for name, value in shape.items()
    }


class ChunkDecoder(torch.nn.Module):
    """Latents of one chunk, unscaled, and caches, to frames and new caches. `shape`: the nested cache before; None at first.

    The normalisation goes over the frames of a chunk, so that the chunks must be the reference's own: three latent
    frames first when their number is odd, else two; then two and two.
    """

    def __init__(self, vae, shape: dict | None):
        super().__init__()
        self.vae, self.shape = vae, shape

    def forward(self, latents, *caches):
        if self.vae.post_quant_conv is not None:
            latents = self.vae.post_quant_conv(latents)
        before = None if self.shape is None else regrow(self.shape, iter(caches))
        video, after = self.vae.decoder(latents, conv_cache=before)
        return (video, *leaves(after))


def export_decoder(folder: Folder, vae) -> None:
    def latents(frames):
        return torch.randn(1, vae.config.latent_channels, frames, 4, 6)

    with torch.no_grad():
        _, shape = vae.decoder(latents(2), conv_cache=None)
    caches = leaves(shape)
    outputs = ["video"] + [f"cache_out_{i}" for i in range(len(caches))]
    before = [f"cache_{i}" for i in range(len(caches))]
    free = {0: "batch", 3: "height", 4: "width"}
    for role, frames, given in (
        ("vae-decoder-first-1", 1, ()),
        ("vae-decoder-first-2", 2, ()),
        ("vae-decoder-first-3", 3, ()),
        ("vae-decoder-next", 2, tuple(caches)),
    ):
        names = ["latents", *(before if given else [])]
        dynamic = {"latents": free} | {n: {0: "batch", 3: f"{n}_height", 4: f"{n}_width"} for n in names[1:]}
        module = ChunkDecoder(vae, shape if given else None)
        ports = Ports(module, names, lambda module, *tensors: module(*tensors))
        path = folder.file(role)
        folder.add(role, path, export(ports, (latents(frames), *given), path, outputs, dynamic), "f32")


def export_pipeline(pipe, folder: Folder, about: dict, tokens: int = 226) -> None:
    """All components and the contract; `pipe` is changed on the way."""
    kind, vae, config = variant(pipe), pipe.vae.config, pipe.transformer.config
    export_text(folder, pipe.tokenizer, pipe.text_encoder, tokens, masked=False)
    export_decoder(folder, pipe.vae)
    export_transformer(folder, pipe.transformer, tokens)
    scheduler = "sde-dpm" if "DPM" in type(pipe.scheduler).__name__ else "ddim"
    spatial = 2 ** (len(vae.block_out_channels) - 1)
    contract = {
        "name": about["name"],
        "summary": about["summary"],
        "family": "cogvideox",
        "variant": kind,
        "modes": ["text-to-video"],
        "licence": about["licence"],
        "video": about["video"],
        "latent": {
            "channels": vae.latent_channels,
            "stride": [vae.temporal_compression_ratio, spatial, spatial],
            "patch": [config.patch_size_t or 1, config.patch_size, config.patch_size],
            "rule": "causal",
            "scale": float(vae.scaling_factor),
        },
        "prompt": {"tokens": tokens, "negative": "used", "mask": "none", "clean": False},
        "sampling": {"scheduler": scheduler, "steps": 50, "guidance": 6.0, "dynamic-guidance": scheduler == "sde-dpm"}
        | about.get("sampling", {}),
        "scheduler-config": scheduler_config(pipe.scheduler, SCHEDULER),
    }
    if config.use_rotary_positional_embeddings:
        wide, high = config.sample_width // config.patch_size, config.sample_height // config.patch_size
        contract["rope"] = {"head-dim": config.attention_head_dim, "base-width": wide, "base-height": high}
    folder.write(contract)


def substitute(pipe, graphs) -> None:
    """Graphs in place of modules, for the parity check."""
    from types import SimpleNamespace

    from ..parity import chunk_decode, substitute_text

    def transformer(hidden_states, encoder_hidden_states, timestep, image_rotary_emb=None, **_):
        rope = {} if image_rotary_emb is None else {"rope_cos": image_rotary_emb[0], "rope_sin": image_rotary_emb[1]}
        return graphs.run("transformer", latents=hidden_states, text=encoder_hidden_states, timestep=timestep, **rope)

    substitute_text(pipe, graphs)
    pipe.transformer.forward = transformer
    pipe.vae.decode = lambda latents: SimpleNamespace(sample=chunk_decode(graphs, latents))
