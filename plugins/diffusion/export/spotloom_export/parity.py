"""Whether a model folder does what the reference does: a short run of the reference pipeline, once as it is and once
with the folder's graphs, through ONNX Runtime, in place of its modules; and the largest difference between the two.

Invariant: the scheduler and everything between the modules are the reference's own in both runs, so that a difference
is the graphs'.
"""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime as ort
import torch
import yaml

F16, BF16, F32 = onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT


def widened(path: Path, narrow: set[int], work: Path) -> Path:
    """A graph with `narrow` types of 16 bits as it would compute with the same weights in 32, in `work`; without any, as it
    is. So structure and weights can be looked at where the processor has no such arithmetic; the rounding of that can't."""
    model = onnx.load(path, load_external_data=False)
    if not any(tensor.data_type in narrow for tensor in model.graph.initializer):
        return path
    onnx.load_external_data_for_model(model, str(path.parent))

    def tensor(proto: onnx.TensorProto) -> None:
        if proto.data_type in narrow:
            values = onnx.numpy_helper.to_array(proto).astype(np.float32)
            proto.CopyFrom(onnx.numpy_helper.from_array(values, proto.name))

    def walk(graph: onnx.GraphProto) -> None:
        for proto in graph.initializer:
            tensor(proto)
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.tensor_type.elem_type in narrow:
                value.type.tensor_type.elem_type = F32
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name in ("to", "dtype") and attribute.i in narrow:
                    attribute.i = F32
                if attribute.HasField("t"):
                    tensor(attribute.t)
                if attribute.HasField("g"):
                    walk(attribute.g)

    walk(model.graph)
    wide = work / path.name
    onnx.save_model(model, wide, save_as_external_data=True, all_tensors_to_one_file=True, location=wide.name + ".data")
    return wide


class Graphs:
    """The graphs of a model folder, opened when they are first asked for."""

    def __init__(self, folder: Path, exactly: bool = False):
        """`exactly`: in 32 bits, whatever the weights are stored in. The processor's ONNX Runtime has no bfloat16 at all."""
        self.folder, self.sessions, self.narrow = folder, {}, {F16, BF16} if exactly else {BF16}
        self.files = {role: entry["file"] for role, entry in yaml.safe_load((folder / "model.yaml").read_text())["components"].items()}

    def has(self, role: str) -> bool:
        return role in self.files

    def run(self, role: str, **inputs) -> list[torch.Tensor]:
        """Feeds the ports the graph has, in the types it has; inputs without a port are left out."""
        if role not in self.sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads, options.log_severity_level = 1, 3
            with tempfile.TemporaryDirectory(dir=self.folder) as work:
                graph = widened(self.folder / self.files[role], self.narrow, Path(work))
                self.sessions[role] = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        session = self.sessions[role]
        types = {port.name: np.int64 if port.type == "tensor(int64)" else np.float32 for port in session.get_inputs()}
        plain = {n: torch.as_tensor(v) for n, v in inputs.items() if n in types}
        # NumPy has no bfloat16.
        plain = {n: v.float() if v.is_floating_point() else v for n, v in plain.items()}
        given = {n: np.ascontiguousarray(v.numpy(), types[n]) for n, v in plain.items()}
        return [torch.from_numpy(out) for out in session.run(None, given)]


def latent_distribution(mean: torch.Tensor):
    """What the reference's encoder gives, for a known mean."""
    return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: mean, sample=lambda generator=None: mean, mean=mean))


def substitute_text(pipe, graphs: Graphs) -> None:
    """The text encoder; its output is both an attribute and the first item, as the references use either."""

    class Output(tuple):
        last_hidden_state = property(lambda self: self[0])

    def forward(input_ids, attention_mask=None, **_):
        mask = {} if attention_mask is None else {"attention_mask": attention_mask}
        return Output(graphs.run("text-encoder", input_ids=input_ids, **mask))

    pipe.text_encoder.forward = forward


def in_steps(graphs: Graphs, role: str, port: str, pieces) -> torch.Tensor:
    """Wan: piece after piece, with the caches of the one before."""
    made, caches = [], {}
    for index, piece in enumerate(pieces):
        out, *after = graphs.run(f"{role}-{'next' if index else 'first'}", **{port: piece}, **caches)
        caches = {f"cache_{i}": cache for i, cache in enumerate(after)}
        made.append(out)
    return torch.cat(made, 2)


def step_decode(graphs: Graphs, latents: torch.Tensor) -> torch.Tensor:
    return in_steps(graphs, "vae-decoder", "latents", latents.split(1, 2))


def step_encode(graphs: Graphs, video: torch.Tensor) -> torch.Tensor:
    """The first frame is a latent frame by itself; then four are one."""
    return in_steps(graphs, "vae-encoder", "video", [video[:, :, :1], *(video[:, :, 1:].split(4, 2) if video.shape[2] > 1 else [])])


def chunk_decode(graphs: Graphs, latents: torch.Tensor) -> torch.Tensor:
    """CogVideoX: two latent frames at a time; an odd one out goes with the first two."""
    count = latents.shape[2]
    first = 1 if count == 1 else 3 if count % 2 else 2
    frame, *after = graphs.run(f"vae-decoder-first-{first}", latents=latents[:, :, :first])
    frames = [frame]
    for index in range(first, count, 2):
        caches = {f"cache_{i}": cache for i, cache in enumerate(after)}
        frame, *after = graphs.run("vae-decoder-next", latents=latents[:, :, index : index + 2], **caches)
        frames.append(frame)
    return torch.cat(frames, 2)


def compare(pipe, graphs: Graphs, substitute, arguments: dict) -> float:
    """The largest difference of any value of any frame, frames in [0, 1]. `pipe` is not the reference any more then."""
    pipe.set_progress_bar_config(disable=True)

    def frames():
        arguments["generator"] = torch.Generator().manual_seed(7)
        with torch.no_grad():
            return np.asarray(pipe(output_type="np", **arguments).frames)

    reference = frames()
    substitute(pipe, graphs)
    return float(np.abs(frames() - reference).max())
