"""Writes fixtures: `python -m spotloom_export.tiny OUT [NAME…]`.

Each goes the whole way: random weights, saved as a diffusers folder, read again and exported as real weights would be;
the golden values come from the reference pipeline on the same weights.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from ..__main__ import DTYPES
from ..contract import Folder
from ..parity import Graphs, compare
from .golden import Golden

DTYPE = "fp32"
# Above fp32, the rounding of the type: constants of a graph, such as an attention's scale, are rounded too.
LIMITS = {"fp32": 2e-5, "fp16": 5e-4, "bf16": 4e-3}
HALF = {"text": 5e-3, "latents": 1e-2, "frames": 2e-3}
LICENCE = {"spdx": "Apache-2.0", "notice": ""}


def wan(name: str, work: Path, out: Path) -> None:
    from ..families.wan import export_pipeline, substitute
    from .wan import VIDEO, Build

    kind = name.removeprefix("wan-")
    build = Build("t2v" if kind == "t2v-other" else kind, work, other=kind == "t2v-other")
    finish(build, VIDEO["other" if build.other else kind], name, work, out, export_pipeline, substitute)


def finish(build, video: dict, name: str, work: Path, out: Path, export_pipeline, substitute) -> None:
    """Golden values, the folder, and the proof that the two agree."""
    about = {"name": f"tiny-{name}", "summary": "random weights, for tests", "licence": LICENCE, "video": video}
    if DTYPE != "fp32":
        # No fixture: the proof alone. The reference computes in 32 bits, from the weights that were rounded.
        build.pipe.save_pretrained(work / "pipeline")
        load = lambda: DiffusionPipeline.from_pretrained(work / "pipeline", torch_dtype={"default": DTYPES[DTYPE], "vae": torch.float32})
        export_pipeline(load(), Folder(out, DTYPE), about | {"sampling": {"steps": 8}}, build.tokens)
        prove(out, load().to(torch.float32), substitute, build.short_run())
        return
    golden = build.cases()
    build.pipe.save_pretrained(work / "pipeline")
    pipe = DiffusionPipeline.from_pretrained(work / "pipeline")
    export_pipeline(pipe, Folder(out, "fp32"), about | {"sampling": {"steps": 8}}, build.tokens)
    golden.write(out)
    prove(out, build.pipe, substitute, build.short_run())


def prove(out: Path, pipe, substitute, arguments: dict) -> None:
    """Refuses a fixture whose graphs do not do what the reference does."""
    difference = compare(pipe, Graphs(out, exactly=True), substitute, arguments)
    print(f"{out.name}: graphs and reference differ by {difference:.1e} at most", flush=True)
    if difference > LIMITS[DTYPE]:
        raise SystemExit(f"{out.name}: that is too much")


def cogvideox(name: str, work: Path, out: Path) -> None:
    from ..families.cogvideox import export_pipeline, substitute
    from .cogvideox import VIDEO, Build

    kind = name.removeprefix("cogvideox-")
    finish(Build(kind, work), VIDEO[kind], name, work, out, export_pipeline, substitute)


def ltx(name: str, work: Path, out: Path) -> None:
    from ..families.ltx import export_pipeline, substitute
    from .ltx import VIDEO, Build

    finish(Build(name == "ltx-timestep", work), VIDEO, name, work, out, export_pipeline, substitute)


def half(name: str, work: Path, out: Path) -> None:
    """A Wan in 16 bits. The reference computes in 32, from the weights that were rounded: how far a runtime may be off is the rounding of
    what it computes with."""
    from ..families.wan import export_pipeline
    from .wan import VIDEO, Build

    build = Build("t2v", work)
    build.pipe.save_pretrained(work / "pipeline")
    load = lambda: DiffusionPipeline.from_pretrained(work / "pipeline", torch_dtype={"default": torch.float16, "vae": torch.float32})
    about = {"name": f"tiny-{name}", "summary": "random weights, for tests", "licence": LICENCE, "video": VIDEO["t2v"]}
    export_pipeline(load(), Folder(out, "fp16"), about | {"sampling": {"steps": 8}}, build.tokens)
    build.pipe = load().to(torch.float32)
    golden = Golden()
    build.case(golden, "eight-steps", "text-to-video", (48, 32), 9, 8, 3.0)
    golden.cases[0]["tolerance"] = HALF
    golden.write(out)


MAKERS = {name: wan for name in ("wan-t2v", "wan-t2v-other", "wan-i2v", "wan-i2v-clip", "wan-a14b", "wan-a14b-i2v", "wan-ti2v")}
MAKERS |= {"wan-t2v-f16": half}
MAKERS |= {name: cogvideox for name in ("cogvideox-5b", "cogvideox-2b", "cogvideox-v1.5")}
MAKERS |= {name: ltx for name in ("ltx", "ltx-timestep")}


def main() -> None:
    arguments = argparse.ArgumentParser(description="Tiny random models with golden values, for the tests.")
    arguments.add_argument("out", type=Path, help="the folder of fixtures, tests/fixtures")
    arguments.add_argument("names", nargs="*", choices=[[], *MAKERS], help="which; all when none is named")
    arguments.add_argument("--dtype", default="fp32", choices=sorted(DTYPES), help="another than fp32: a proof, no fixture")
    chosen = arguments.parse_args()
    global DTYPE
    DTYPE = chosen.dtype
    torch.set_num_threads(1)
    for name in chosen.names or MAKERS:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as work:
            MAKERS[name](name, Path(work), chosen.out / name)


if __name__ == "__main__":
    main()
