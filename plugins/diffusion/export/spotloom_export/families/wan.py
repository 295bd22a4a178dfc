"""Wan 2.1 and 2.2: text to video, image to video with and without CLIP, two experts, TI2V."""

import torch
from diffusers.models.transformers.transformer_wan import WanAttention, WanAttnProcessor

from ..contract import Folder, scheduler_config
from ..graphs import Ports, attention, export, fuse_gelus, replace_norms
from ..text import export_text
from .wan_vae import StepDecoder, StepEncoder

SCHEDULER = (
    "num_train_timesteps", "solver_order", "solver_type", "prediction_type", "use_flow_sigmas", "predict_x0",
    "lower_order_final",
)  # fmt: skip


def rotate(x, cos, sin):
    """Rotary positions on pairs, by stack and flatten: the reference's slice assignment becomes a slow scatter."""
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[..., 0::2], sin[..., 1::2]
    return torch.stack([first * cos - second * sin, first * sin + second * cos], -1).flatten(-2).type_as(x)


class ExportProcessor(WanAttnProcessor):
    """The reference's attention in operations that ONNX has. `text` is the number of text tokens behind the image's.

    `bias`, set before a call, is added to the scores of text tokens.
    """

    def __init__(self, text: int):
        super().__init__()
        self.text, self.bias = text, None

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        image = None
        if attn.add_k_proj is not None:
            split = context.shape[1] - self.text
            image, context = context[:, :split], context[:, split:]
        query, key, value = attn.norm_q(attn.to_q(hidden_states)), attn.norm_k(attn.to_k(context)), attn.to_v(context)
        query, key, value = (x.unflatten(2, (attn.heads, -1)) for x in (query, key, value))
        if rotary_emb is not None:
            query, key = rotate(query, *rotary_emb), rotate(key, *rotary_emb)
        out = attention(query, key, value, None if encoder_hidden_states is None else self.bias)
        if image is not None:
            key, value = attn.norm_added_k(attn.add_k_proj(image)), attn.add_v_proj(image)
            out = out + attention(query, *(x.unflatten(2, (attn.heads, -1)) for x in (key, value)))
        return attn.to_out[0](out)


def variant(pipe) -> str:
    """Which kind of Wan this is, by its configuration."""
    if pipe.config.get("expand_timesteps"):
        return "ti2v"
    if pipe.config.get("boundary_ratio") is not None:
        return "a14b"
    config = pipe.transformer.config
    if config.image_dim is not None:
        return "i2v-clip"
    return "t2v" if config.in_channels == config.out_channels else "i2v"


def velocity(model, latents, timestep, text, weight):
    """`weight` says how many of the reference's tokens each text token stands for: [batch, tokens]. The rows behind a prompt
    are all zero, so their keys and values are the same: one of them with the logarithm of their number added to its scores
    weighs in the softmax what all of them do."""
    frames, height, width = model.config.patch_size
    # The size comes from the input: a traced one of something further in would be that of the example.
    tokens = latents[:, 0, ::frames, ::height, ::width].flatten(1).shape[1]
    bias = weight.log().to(text.dtype)[:, None, None].expand(-1, 1, tokens, -1)
    for layer in model.modules():
        if isinstance(layer, WanAttention):
            layer.processor.bias = bias
    return model(latents, timestep, text, return_dict=False)[0]


def velocity_seeing(model, latents, timestep, text, image):
    return model(latents, timestep, text, encoder_hidden_states_image=image, return_dict=False)[0]


def folded(text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A prompt's rows, [batch, tokens, width], with one in place of the empty ones behind it, and for how many each stands."""
    tokens = text.shape[1]
    length = int(text.abs().amax((0, 2)).nonzero().max()) + 1
    kept = min(length + 1, tokens)
    weight = torch.ones(text.shape[0], kept)
    weight[:, -1] = tokens - kept + 1
    return text[:, :kept], weight


def export_transformer(folder: Folder, role: str, model, kind: str, tokens: int) -> None:
    model = fuse_gelus(replace_norms(model))
    for layer in model.modules():
        if isinstance(layer, WanAttention):
            layer.set_processor(ExportProcessor(tokens))
    c = model.config
    frames, height, width = 3, 4, 6
    time = torch.full((2,), 500)
    if kind == "ti2v":
        time = torch.full((2, frames * height * width // 4), 500.0)
    example = [torch.randn(2, c.in_channels, frames, height, width), time, torch.randn(2, tokens, c.text_dim)]
    names, call = ["latents", "timestep", "text"], velocity
    dynamic = {
        "latents": {0: "batch", 2: "frames", 3: "height", 4: "width"},
        "timestep": {0: "batch", 1: "tokens"} if kind == "ti2v" else {0: "batch"},
        "text": {0: "batch"} if c.image_dim else {0: "batch", 1: "text_tokens"},
    }
    if c.image_dim is None:
        names.append("text_weight")
        example.append(torch.ones(2, tokens))
        dynamic["text_weight"] = {0: "batch", 1: "text_tokens"}
    else:
        call = velocity_seeing
        names.append("image")
        example.append(torch.randn(2, 257, c.image_dim))
        dynamic["image"] = {0: "batch", 1: "image_tokens"}
    path = folder.file(role)
    folder.add(role, path, export(Ports(model, names, call), tuple(example), path, ["velocity"], dynamic))


def export_steps(folder: Folder, vae, step, role: str, shapes: list[tuple], port: str, output: str) -> None:
    """The graphs `ROLE-first` and `ROLE-next`. `shapes` of the port in the one and in the other."""
    free = {0: "batch", 3: "height", 4: "width"}
    first = step(vae, True)
    with torch.no_grad():
        caches = first(torch.randn(shapes[0]))[1:]
    before = [f"cache_{i}" for i in range(len(caches))]
    outputs = [output] + [f"cache_out_{i}" for i in range(len(caches))]
    for kind, module, names, example in (
        ("first", first, [port], (torch.randn(shapes[0]),)),
        ("next", step(vae, False), [port, *before], (torch.randn(shapes[1]), *caches)),
    ):
        dynamic = {port: free} | {n: {0: "batch", 3: f"{n}_height", 4: f"{n}_width"} for n in names[1:]}
        ports = Ports(module, names, lambda module, *tensors: module(*tensors))
        path = folder.file(f"{role}-{kind}")
        folder.add(f"{role}-{kind}", path, export(ports, example, path, outputs, dynamic), "f32")


def export_decoder(folder: Folder, vae) -> None:
    shape = (2, vae.config.z_dim, 1, 4, 6)
    export_steps(folder, vae, StepDecoder, "vae-decoder", [shape, shape], "latents", "video")


def export_encoder(folder: Folder, vae) -> None:
    scale = vae.config.scale_factor_spatial
    shapes = [(2, 3, frames, 4 * scale, 6 * scale) for frames in (1, vae.config.scale_factor_temporal)]
    export_steps(folder, vae, StepEncoder, "vae-encoder", shapes, "video", "latents_mean")


def export_image_encoder(folder: Folder, model) -> None:
    """CLIP's last layer but one, as the reference takes it."""
    path = folder.file("image-encoder")
    ports = Ports(model, ["pixels"], lambda m, pixels: m(pixel_values=pixels, output_hidden_states=True).hidden_states[-2])
    example = (torch.randn(2, 3, 224, 224),)
    folder.add("image-encoder", path, export(ports, example, path, ["image"], {"pixels": {0: "batch"}}))


def export_pipeline(pipe, folder: Folder, about: dict, tokens: int = 512) -> None:
    """All components and the contract. `about`: name, summary, licence, video, and sampling defaults that differ.

    The modules of `pipe` are changed on the way: use it for nothing else afterwards.
    """
    kind, vae = variant(pipe), pipe.vae.config
    conditioned = kind in ("i2v", "i2v-clip", "ti2v") or pipe.transformer.config.in_channels != vae.z_dim
    export_text(folder, pipe.tokenizer, pipe.text_encoder, tokens, masked=True)
    export_decoder(folder, pipe.vae)
    # Without a picture to begin with, the encoder is what a clip is made again from.
    export_encoder(folder, pipe.vae)
    export_transformer(folder, "transformer", pipe.transformer, kind, tokens)
    if kind == "a14b":
        export_transformer(folder, "transformer-low", pipe.transformer_2, kind, tokens)
    if kind == "i2v-clip":
        export_image_encoder(folder, pipe.image_encoder)
    sampling = {"scheduler": "unipc", "steps": 50, "shift": float(pipe.scheduler.config.flow_shift), "guidance": 5.0}
    if kind == "a14b":
        sampling |= {"guidance-low": 3.0, "boundary": float(pipe.config.boundary_ratio)}
    # A last picture is told by the mask, which the others have not: what needs one needs that.
    both_ends = [] if kind in ("ti2v", "i2v-clip") else ["first-last", "extend", "loop", "bridge", "retake"]
    image = ["image-to-video"] + (both_ends or ["extend"])
    modes = ["text-to-video", "edit"] * (kind == "ti2v" or not conditioned) + image * conditioned
    folder.write(
        {
            "name": about["name"],
            "summary": about["summary"],
            "family": "wan",
            "variant": kind,
            "modes": modes,
            "licence": about["licence"],
            "video": about["video"],
            "latent": {
                "channels": vae.z_dim,
                "stride": [vae.scale_factor_temporal, vae.scale_factor_spatial, vae.scale_factor_spatial],
                "patch": list(pipe.transformer.config.patch_size),
                "rule": "causal",
                "mean": list(vae.latents_mean),
                "std": list(vae.latents_std),
            },
            "prompt": {"tokens": tokens, "negative": "used", "mask": "zeroed", "clean": True},
            "sampling": sampling | about.get("sampling", {}),
            "scheduler-config": scheduler_config(pipe.scheduler, SCHEDULER),
        }
    )


def substitute(pipe, graphs) -> None:
    """Graphs in place of modules, for the parity check."""
    from ..parity import latent_distribution, step_decode, step_encode, substitute_text

    def transformer(role):
        def forward(hidden_states, timestep, encoder_hidden_states, encoder_hidden_states_image=None, **_):
            latents = {"latents": hidden_states, "timestep": timestep}
            if encoder_hidden_states_image is not None:
                return graphs.run(role, **latents, text=encoder_hidden_states, image=encoder_hidden_states_image)
            text, weight = folded(encoder_hidden_states)
            return graphs.run(role, **latents, text=text, text_weight=weight)

        return forward

    substitute_text(pipe, graphs)
    pipe.transformer.forward = transformer("transformer")
    if graphs.has("transformer-low"):
        pipe.transformer_2.forward = transformer("transformer-low")
    if graphs.has("vae-encoder-first"):
        pipe.vae.encode = lambda video: latent_distribution(step_encode(graphs, video))
    pipe.vae.decode = lambda latents, return_dict=False: (step_decode(graphs, latents),)
