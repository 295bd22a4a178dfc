"""Weights of 8 bits beside a model's own: `python -m spotloom_export.quantise MODEL-FOLDER`.

Writes `ROLE_int8.onnx` for the transformer (and the second expert), adds it to `model.yaml` as `ROLE-int8`, and prints how
far it is from the graph it was made from, on random inputs of the contract's size. A pipeline asks for it with
`weights: int8`. The matrix products with weights are quantised, one scale for each column of a weight; what goes into
them is quantised as it comes (dynamic quantisation, onnxruntime.quantization). Nothing else is touched.

Invariant: the folder's other files and the lines of `model.yaml` that were there stay as they are.
"""

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import yaml
from onnxruntime.quantization import QuantType, quantize_dynamic

from .contract import sha256

ROLES = ("transformer", "transformer-low")
LARGE = 1_900_000_000  # bytes above which weights lie in a file of their own


def quantise(source: Path, target: Path, narrow: bool) -> list[Path]:
    """Writes the quantised graph and gives its files of weights. `narrow`: 7 bits, for processors without VNNI."""
    large = sum(f.stat().st_size for f in source.parent.glob(source.name + "*")) > 4 * LARGE
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        named = Path(work) / "named.onnx"
        graph = onnx.load(source)
        for index, node in enumerate(graph.graph.node):
            node.name = node.name or f"n{index}"  # the quantiser tells nodes apart by their names
        onnx.save_model(graph, named, save_as_external_data=large, location="named.data")
        del graph
        quantize_dynamic(
            named, target, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=narrow,
            weight_type=QuantType.QInt8, use_external_data_format=large,
            extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
    return [target.with_name(target.name + ".data")] if large else []


def example(session: ort.InferenceSession, contract: dict) -> dict:
    """Random inputs of one clip in the contract's size; what a model is told of a prompt is normal too."""
    source, video, latent = np.random.default_rng(0), contract["video"], contract["latent"]
    st, sy, sx = latent["stride"]
    frames = video["frames"] // st if latent["rule"] == "even" else (video["frames"] - 1) // st + 1
    rows, columns = video["height"] // sy, video["width"] // sx
    cells = frames * rows * columns
    _, py, px = latent.get("patch", [1, 1, 1])
    cogvideox = contract["family"] == "cogvideox"
    tokens = cells if contract["family"] == "ltx" else cells // (py * px)
    inputs = {}
    for port in session.get_inputs():
        shape = [d if isinstance(d, int) else None for d in port.shape]
        grid = [1, frames, None, rows, columns] if cogvideox else [1, None, frames, rows, columns]
        free = {
            "latents": [1, tokens, None] if contract["family"] == "ltx" else grid, "latent": grid,
            "text": [1, contract["prompt"]["tokens"], None], "text_mask": [1, contract["prompt"]["tokens"]],
            "text_weight": [1, contract["prompt"]["tokens"]],
            "timestep": [1] if len(shape) == 1 else [1, tokens], "t": [1, frames], "coordinates": [1, 3, tokens],
            "tokens": [1, None, None], "pooled": [1, None], "image": [1, 257, None],
            "rope_cos": [tokens, None], "rope_sin": [tokens, None],
        }[port.name]  # fmt: skip
        shape = [have if have is not None else wanted for have, wanted in zip(shape, free)]
        if port.name in ("timestep", "t"):
            value = np.full(shape, 0.6 if port.name == "t" else 600)
        elif port.name in ("text_mask", "text_weight"):
            value = np.ones(shape)
        else:
            value = source.standard_normal(shape)
        inputs[port.name] = value.astype(np.int64 if port.type == "tensor(int64)" else np.float32)
    return inputs


def session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, ["CPUExecutionProvider"])


def error(own: Path, quantised: Path, contract: dict) -> float:
    """Root mean square of the difference, as a share of the own weights' output."""
    whole = session(own)
    inputs = example(whole, contract)
    wanted = whole.run(None, inputs)[0]
    del whole
    return float(np.sqrt(np.mean((session(quantised).run(None, inputs)[0] - wanted) ** 2) / np.mean(wanted**2)))


def add(model: Path, role: str, target: Path, data: list[Path]) -> None:
    """A line of `components`, the first; an older one of the role goes."""
    files = "".join(f", data: [{{file: {d.name}, sha256: {sha256(d)}}}]" for d in data)
    line = f"  {role}: {{file: {target.name}, sha256: {sha256(target)}{files}, dtype: int8}}\n"
    text = re.sub(rf"^  {role}: .*\n(    .*\n)*", "", model.read_text(), flags=re.M)
    model.write_text(re.sub(r"^components:.*\n", lambda m: m[0] + line, text, count=1, flags=re.M))


def main() -> None:
    parser = argparse.ArgumentParser(prog="spotloom_export.quantise", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a model folder")
    parser.add_argument("--narrow", action="store_true", help="7 bits, for processors without VNNI (before 2019 or so)")
    chosen = parser.parse_args()
    contract = yaml.safe_load((chosen.folder / "model.yaml").read_text())
    for role in (role for role in ROLES if role in contract["components"]):
        own = chosen.folder / contract["components"][role]["file"]
        target = own.with_name(own.stem + "_int8.onnx")
        data = quantise(own, target, chosen.narrow)
        add(chosen.folder / "model.yaml", f"{role}-int8", target, data)
        sizes = [sum(f.stat().st_size for f in p.parent.glob(p.name + "*")) / 1e6 for p in (own, target)]
        share = error(own, target, contract)
        print(f"{target}: {sizes[0]:.1f} MB to {sizes[1]:.1f} MB, differs by {100 * share:.2f} % (root mean square)")


if __name__ == "__main__":
    main()
