"""From a torch module to an ONNX file whose ports have the contract's names.

Invariant: a graph takes and gives f32 (or i64) whatever its weights are; a graph above 1.9 GB keeps its weights in one
file beside it, because an ONNX file itself can't be larger than 2 GB.
"""

import math
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import onnx
import torch
from diffusers.models.activations import GELU
from diffusers.models.embeddings import Timesteps

OPSET = 18
EXTERNAL_ABOVE = 1_900_000_000


class PrimitiveRMSNorm(torch.nn.Module):
    """torch.nn.RMSNorm in plain operations: there is no such operator before opset 23."""

    def __init__(self, norm: torch.nn.RMSNorm):
        super().__init__()
        self.weight = norm.weight
        self.eps = norm.eps if norm.eps is not None else torch.finfo(torch.float32).eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        narrow = wide.to(x.dtype)
        return narrow if self.weight is None else narrow * self.weight


def replace_norms(module: torch.nn.Module) -> torch.nn.Module:
    """Puts a PrimitiveRMSNorm, sharing the weight, in place of each RMSNorm."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.RMSNorm):
                setattr(parent, name, PrimitiveRMSNorm(child))
    return module


class ExportTimesteps(torch.nn.Module):
    """The reference's embedding of times (`Timesteps`) with its frequencies as numbers: the newer exporter works them out by another
    exponential, and the last bit of one turns the wave of a time of 700 by 4e-5."""

    def __init__(self, times: Timesteps):
        super().__init__()
        self.scale, self.flipped = times.scale, times.flip_sin_to_cos
        half = times.num_channels // 2
        exponent = -math.log(10000) * torch.arange(half, dtype=torch.float32) / (half - times.downscale_freq_shift)
        self.register_buffer("frequencies", torch.exp(exponent))
        some = torch.tensor([0.0, 0.05, 1.0, 700.0, 999.0])
        if not torch.equal(self(some), times(some)):
            raise SystemExit("the reference embeds times in another way than it did; see ExportTimesteps")

    def forward(self, timesteps: torch.Tensor) -> torch.Tensor:
        angles = self.scale * (timesteps[:, None].float() * self.frequencies.float())
        waves = [angles.cos(), angles.sin()] if self.flipped else [angles.sin(), angles.cos()]
        return torch.cat(waves, dim=-1)


def fix_times(module: torch.nn.Module) -> torch.nn.Module:
    """Puts an ExportTimesteps in place of each Timesteps."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Timesteps):
                setattr(parent, name, ExportTimesteps(child))
    return module


def of_any_size(x):
    """The type of a traced value without the example's sizes, which ONNX Runtime would take for those of every run."""
    return x.type().with_sizes([None] * x.type().dim())


class FusedGelu(torch.autograd.Function):
    """GELU by the tangent, and the bias before it, as ONNX Runtime's one operator: written out they are nine passes over the
    widest tensor of a layer."""

    @staticmethod
    def symbolic(g, x, bias):
        return g.op("com.microsoft::FastGelu", x, bias).setType(of_any_size(x))

    @staticmethod
    def forward(ctx, x, bias):
        return torch.nn.functional.gelu(x + bias, approximate="tanh")


class LinearGelu(torch.nn.Module):
    """The reference's linear layer with a GELU by the tangent behind it, sharing its weights."""

    def __init__(self, layer: GELU):
        super().__init__()
        self.proj = layer.proj

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, bias = torch.nn.functional.linear(x, self.proj.weight), self.proj.bias
        if torch.compiler.is_exporting():  # the newer of torch's exporters
            return torch.onnx.ops.symbolic("com.microsoft::FastGelu", (x, bias), {}, dtype=x.dtype, shape=x.shape, version=1)
        return FusedGelu.apply(x, bias)


def fuse_gelus(module: torch.nn.Module) -> torch.nn.Module:
    """Puts a LinearGelu in place of each of the reference's layers that it can stand for."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, GELU) and child.approximate == "tanh" and child.proj.bias is not None:
                setattr(parent, name, LinearGelu(child))
    return module


class FusedAttention(torch.autograd.Function):
    """ONNX Runtime's own operator, which never writes the scores out: tokens x tokens for each head are 51 GB in every layer
    of Wan 2.1 1.3B at 832x480 and 81 frames."""

    @staticmethod
    def symbolic(g, query, key, value, heads: int, bias):
        given = [query, key, value]
        if bias is not None:
            none = g.op("prim::Constant").setType(torch._C.OptionalType.ofTensor())
            given += [none, none, bias]  # neither a bias of the projections nor a mask
        return g.op("com.microsoft::MultiHeadAttention", *given, num_heads_i=heads).setType(of_any_size(query))

    @staticmethod
    def forward(ctx, query, key, value, heads: int, bias):
        split = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
        return torch.nn.functional.scaled_dot_product_attention(*split, attn_mask=bias).transpose(1, 2).flatten(2)


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Attention without a mask: [batch, tokens, heads, width] to [batch, tokens, heads * width]. `bias` is added to the
    scores: [batch or 1, heads or 1, tokens of the query, tokens of the key]; for the older exporter only."""
    heads = int(query.shape[2])
    query, key, value = (x.flatten(2) for x in (query, key, value))
    if torch.compiler.is_exporting():  # the newer of torch's exporters
        assert bias is None
        name, given = "com.microsoft::MultiHeadAttention", (query, key, value)
        return torch.onnx.ops.symbolic(name, given, {"num_heads": heads}, dtype=query.dtype, shape=query.shape, version=1)
    return FusedAttention.apply(query, key, value, heads, bias)


class Ports(torch.nn.Module):
    """A module with f32 ports around one of another precision. `call` gets the inputs by name and gives the outputs."""

    def __init__(self, module: torch.nn.Module, inputs: list[str], call):
        super().__init__()
        self.module, self.inputs, self.call = module, inputs, call
        # That of most weights: the reference keeps some of a model's modules in f32 (Wan's table of shifts comes first).
        weights = Counter()
        for p in module.parameters():
            weights[p.dtype] += p.numel() if p.is_floating_point() else 0
        self.dtype = max(weights, key=weights.get, default=torch.float32)

    def forward(self, *tensors: torch.Tensor):
        if self.dtype != torch.float32:
            keep = ("timestep", "text_weight", "coordinates", "rope_cos", "rope_sin")
            pairs = zip(self.inputs, tensors)
            tensors = [t.to(self.dtype) if t.is_floating_point() and n not in keep else t for n, t in pairs]
        outputs = self.call(self.module, *tensors)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        outputs = tuple(o.float() if o.is_floating_point() else o for o in outputs)
        return outputs if len(outputs) > 1 else outputs[0]


def export(
    ports: Ports, example: tuple, path: Path, outputs: list[str], dynamic: dict[str, dict[int, str]], dynamo=False, fold=True
) -> list[Path]:
    """Writes the graph and gives the files of its weights, none when they are inside.

    `dynamic` names the free axes of each input. `dynamo` takes the newer of torch's two exporters, which a few graphs
    need; the older gives smaller graphs. Without `fold` what is worked out of weights alone stays to be done: a large table
    that every layer takes parts of would otherwise be written once for each.
    """
    ports = ports.eval()
    # What folds constants in the older exporter knows no bfloat16; ONNX Runtime folds them when it loads the graph.
    fold = fold and ports.dtype != torch.bfloat16
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = Path(work) / "graph.onnx"
        names = {"input_names": ports.inputs, "output_names": outputs, "opset_version": OPSET}
        with torch.no_grad():
            if dynamo:
                free = {name: {axis: torch.export.Dim.DYNAMIC for axis in axes} for name, axes in dynamic.items()}
                shapes = (tuple(free.get(name) for name in ports.inputs),)
                torch.onnx.export(
                    ports, example, raw, dynamo=True, dynamic_shapes=shapes, external_data=True, verbose=False, **names
                )
            else:
                # A path in words: only then are weights of more than 2 GB written beside the graph.
                torch.onnx.export(ports, example, str(raw), dynamo=False, dynamic_axes=dynamic, do_constant_folding=fold, **names)
        graph = onnx.load(raw)
    graph.producer_version = ""
    for node in graph.graph.node:
        if ports.dtype == torch.bfloat16 and node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.COMPLEX128:
            # torch's own number for bfloat16 is ONNX's for complex numbers; its attention writes that one.
            node.attribute[0].i = onnx.TensorProto.BFLOAT16
        node.name = node.doc_string = ""  # where in Python it came from: half of a small file
        del node.metadata_props[:]
    size = sum(t.ByteSize() for t in graph.graph.initializer)
    if size < EXTERNAL_ABOVE:
        onnx.save_model(graph, path)
        return []
    data = path.with_name(path.name + ".data")
    data.unlink(missing_ok=True)
    onnx.save_model(graph, path, save_as_external_data=True, all_tensors_to_one_file=True, location=data.name)
    return [data]
