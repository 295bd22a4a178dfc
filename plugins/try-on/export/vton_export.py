"""From the weights of FASHN VTON 1.5 to a model folder: `python vton_export.py WEIGHTS OUT`. See README.md.

WEIGHTS is what the reference's `download_weights.py` fills: model.safetensors, dwpose/yolox_l.onnx and
dwpose/dw-ll_ucoco_384.onnx. The transformer is exported; the two others are ONNX files already, and are copied.
"""

import argparse
import shutil
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import onnxruntime as ort
import torch
from fashn_vton import tryon_mmdit
from fashn_vton.utils import load_checkpoint

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "diffusion/export"))
from spotloom_export.contract import Folder  # noqa: E402
from spotloom_export import graphs  # noqa: E402
from spotloom_export.graphs import Ports, export  # noqa: E402

# ONNX Runtime multiplies no matrices in bf16 on a processor.
DTYPES = {"fp32": torch.float32, "fp16": torch.float16}
PORTS = ["sample", "timestep", "person", "garment", "person_pose", "garment_pose", "category"]
CATEGORIES = ["tops", "bottoms", "one-pieces"]
NOTICE = "FASHN VTON 1.5 by FASHN AI; pose by DWPose (IDEA-Research), people by YOLOX (Megvii)"


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, pe: torch.Tensor) -> torch.Tensor:
    """The reference's, with ONNX Runtime's own operator: written out, the scores of person and garment for each other are 1.9 GB
    a layer, several times over."""
    q, k = tryon_mmdit.apply_rope(q, k, pe)
    return graphs.attention(*(x.transpose(1, 2) for x in (q, k, v)))


class Positions(torch.nn.Module):
    """Rotary positions as a table: they depend on the size alone, and the reference works them out in f64."""

    def __init__(self, model: tryon_mmdit.TryOnModel):
        super().__init__()
        image = torch.zeros(1, 1, *(side // model.patch_size for side in model.input_shape))
        self.register_buffer("table", model.pe_embedder(tryon_mmdit.prepare(image)[1]))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.table


class Time(torch.nn.Module):
    """The reference's embedding of the time, worked out in f32 whatever the weights are."""

    def __init__(self, embedder: tryon_mmdit.TimestepEmbedder, dtype: torch.dtype):
        super().__init__()
        self.mlp, self.size, self.dtype = embedder.mlp, embedder.frequency_embedding_size, dtype

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.mlp(tryon_mmdit.timestep_embedding(t, self.size).to(self.dtype))


def velocity(model, sample, timestep, person, garment, person_pose, garment_pose, category):
    made = model(sample, timestep, person, garment, person_pose, garment_pose, garment_categories=category)
    return made["x"]


def example(model, seed: int = 0) -> tuple:
    draw = torch.Generator().manual_seed(seed)
    maps = [torch.randn(1, c, *model.input_shape, generator=draw) for c in (3, 3, 3, 1, 1)]
    return (maps[0], torch.tensor([0.25]), *maps[1:], torch.tensor([2]))


def export_transformer(model, folder: Folder, dtype: torch.dtype) -> None:
    """Without the reference's switch for the unconditional half: zeros and the category 0 do the same."""
    positions = Positions(model)
    model = model.to(dtype)
    model.pe_embedder, model.t_embedder = positions, Time(model.t_embedder, dtype)
    path = folder.file("transformer")
    always = mock.patch.object(tryon_mmdit, "apply_conditional_dropout", lambda tensor, mask: tensor)
    with always, mock.patch.object(tryon_mmdit, "attention", attention):
        data = export(Ports(model, PORTS, velocity), example(model), path, ["velocity"], {}, fold=False)
    folder.add("transformer", path, data)


def copy_graph(source: Path, folder: Folder, role: str, inputs: list[str], outputs: list[str]) -> None:
    """A graph as it is, with the contract's names for its ports."""
    path = folder.file(role)
    graph = onnx.load(source)
    names = {port.name: new for port, new in zip(graph.graph.input, inputs)}
    names |= {port.name: new for port, new in zip(graph.graph.output, outputs)}
    if all(old == new for old, new in names.items()):
        shutil.copyfile(source, path)
    else:
        for node in graph.graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        for port in [*graph.graph.input, *graph.graph.output]:
            port.name = names.get(port.name, port.name)
        onnx.save_model(graph, path)
    folder.add(role, path, dtype="f32")


def export_folder(model, poses: Path, folder: Folder, about: dict, dtype: torch.dtype = torch.float32) -> None:
    height, width = model.input_shape
    copy_graph(poses / "yolox_l.onnx", folder, "person-detector", ["images"], ["output"])
    copy_graph(poses / "dw-ll_ucoco_384.onnx", folder, "pose", ["input"], ["simcc_x", "simcc_y"])
    export_transformer(model, folder, dtype)
    contract = {"name": about["name"], "summary": about["summary"], "family": "fashn-vton"}
    contract |= {"licence": {"spdx": about["licence"], "notice": about["notice"]}}
    contract |= {"width": width, "height": height, "categories": CATEGORIES}
    folder.write(contract | {"sampling": {"steps": 30, "guidance": 1.5, "shift": 1.5, "unguided": 1}})


def difference(model, folder: Path) -> float:
    """The largest one between the reference and the graph, with person and garment and without."""
    session = ort.InferenceSession(str(folder / "transformer.onnx"), providers=["CPUExecutionProvider"])
    worst = 0.0
    for keep in (True, False):
        given = example(model, seed=1)
        with torch.no_grad():
            sample, time, person, garment, person_pose, garment_pose, category = given
            mask = torch.tensor([keep])
            expected = model(
                sample, time, person, garment, person_pose, garment_pose, mask=mask, garment_categories=category
            )["x"]
        if not keep:
            given = (sample, time, *(torch.zeros_like(t) for t in given[2:]))
        found = session.run(None, {name: value.numpy() for name, value in zip(PORTS, given)})[0]
        worst = max(worst, float(np.abs(found - expected.numpy()).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description="FASHN VTON 1.5 to a model folder.")
    parser.add_argument("weights", type=Path, help="the folder with model.safetensors and dwpose/")
    parser.add_argument("out", type=Path, help="the model folder to write; its name is the model's name")
    parser.add_argument("--dtype", default="fp32", choices=sorted(DTYPES), help="of the transformer's weights")
    parser.add_argument("--check", action="store_true", help="compare with the reference afterwards")
    chosen = parser.parse_args()
    missing = [f for f in ("model.safetensors", "dwpose/yolox_l.onnx", "dwpose/dw-ll_ucoco_384.onnx") if not (chosen.weights / f).is_file()]
    if missing:
        parser.error(f"{chosen.weights} has no {', '.join(missing)}; the reference's download_weights.py fetches them")

    def load():
        model = tryon_mmdit.TryOnModel()
        model.load_state_dict(load_checkpoint(str(chosen.weights / "model.safetensors"), device="cpu"))
        return model.eval()

    about = {"name": chosen.out.name, "summary": f"FASHN VTON 1.5, {chosen.dtype}", "licence": "Apache-2.0", "notice": NOTICE}
    export_folder(load(), chosen.weights / "dwpose", Folder(chosen.out, chosen.dtype), about, DTYPES[chosen.dtype])
    print(f"{chosen.out}: written", flush=True)
    if chosen.check:
        print(f"{chosen.out}: velocity differs from the reference by {difference(load(), chosen.out):.1e} at most")


if __name__ == "__main__":
    main()
