"""`python -m spotloom_export SOURCE OUT --family wan`: see ../README.md."""

import argparse
import gc
import importlib
import json
import tempfile
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from .contract import Fallback, Folder
from .parity import Graphs, compare

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# How far a pixel may be off, of values from 0 to 1. In 16 bits both sides round, and not in the same places; what bfloat16 rounds is only
# in the reference.
LIMITS = {"fp32": 5e-4, "fp16": 2e-2, "bf16": 1e-1}
VIDEO = {
    "wan": {"width": 832, "height": 480, "frames": 81, "fps": 16.0, "sizes": [[832, 480], [480, 832]]},
    "ltx": {"width": 704, "height": 480, "frames": 161, "fps": 25.0},
    "cogvideox": {"width": 720, "height": 480, "frames": 49, "fps": 8.0},
}
VARIANTS = {
    "ti2v": {"width": 1280, "height": 704, "frames": 121, "fps": 24.0, "sizes": [[1280, 704], [704, 1280]]},
    "v1.5": {"width": 1360, "height": 768, "frames": 81, "fps": 16.0},
}
# Pipelines whose graphs would export, and whose way of sampling the runtime has not: it would make other frames without a word.
OTHERS = {
    "LTXConditionPipeline": "its coordinates in time, and the noise on frames that are given, are others than those of LTXPipeline and "
    "LTXImageToVideoPipeline, which the runtime samples as; put one of these in its place in model_index.json: the weights are the same",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="spotloom_export", description="Diffusers weights to a model folder.")
    parser.add_argument("source", type=Path, help="a diffusers checkout: the folder with model_index.json")
    parser.add_argument("out", type=Path, help="the model folder to write; its name is the model's name")
    parser.add_argument("--family", required=True, choices=sorted(VIDEO))
    parser.add_argument("--dtype", default="fp32", choices=sorted(DTYPES), help="of the weights; ports are f32")
    parser.add_argument("--licence", default="LicenseRef-unknown", help="SPDX identifier of the weights' licence")
    parser.add_argument("--notice", default="", help="what has to be said wherever the model is used")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--except", dest="excluded", help="countries it may not be used in: EU,GB,KR")
    where.add_argument("--only", help="the only countries it may be used in")
    parser.add_argument("--full", action="store_true", help="text encoder and transformer in fp32 besides: of fp16 three times the size")
    parser.add_argument("--check", action="store_true", help="compare with the reference pipeline afterwards")
    chosen = parser.parse_args()
    if not (chosen.source / "model_index.json").is_file():
        parser.error(f"{chosen.source} has no model_index.json; expected a diffusers checkout")
    pipeline = json.loads((chosen.source / "model_index.json").read_text()).get("_class_name")
    if pipeline in OTHERS:
        parser.error(f"{chosen.source} is for {pipeline}, which can't be exported: {OTHERS[pipeline]}")
    return chosen


def load(chosen: argparse.Namespace, dtype: str | None = None):
    dtype = DTYPES[dtype or chosen.dtype]
    # The autoencoder is small and loses most by rounding: it stays f32.
    return DiffusionPipeline.from_pretrained(chosen.source, torch_dtype={"default": dtype, "vae": torch.float32})


def short_run(pipe, family: str) -> dict:
    """Arguments of a call of three steps on a small clip, valid for every model of the family.

    Every graph takes part that a clip of the usual length needs: a CogVideoX of 17 frames has a first chunk and one after it.
    """
    call = {"prompt": "a cat on the grass", "negative_prompt": "blurry", "num_inference_steps": 3}
    call |= {"num_frames": 17 if family == "cogvideox" else 9, "width": 128, "height": 64}
    if family == "cogvideox" and not pipe.transformer.config.use_rotary_positional_embeddings:
        config = pipe.transformer.config  # a table of positions of one size
        call |= {"width": 8 * config.sample_width, "height": 8 * config.sample_height, "num_frames": config.sample_frames}
    if "ImageToVideo" in type(pipe).__name__:
        from PIL import Image

        call["image"] = Image.linear_gradient("L").convert("RGB").resize((call["width"], call["height"]))
    return call


def main() -> None:
    chosen = arguments()
    family = importlib.import_module(f".families.{chosen.family}", __package__)
    pipe = load(chosen)
    licence = {"spdx": chosen.licence, "notice": chosen.notice}
    for rule, countries in (("except", chosen.excluded), ("only", chosen.only)):
        if countries:
            licence["territories"] = {rule: countries.split(",")}
    about = {
        "name": chosen.out.name,
        "summary": f"{chosen.source.name}, {chosen.dtype}",
        "licence": licence,
        "video": VARIANTS.get(family.variant(pipe), VIDEO[chosen.family]),
    }
    torch.manual_seed(0)
    folder = Folder(chosen.out, chosen.dtype)
    family.export_pipeline(pipe, folder, about)
    del pipe  # what was exported is changed, and its memory is needed
    gc.collect()
    if chosen.full and chosen.dtype != "fp32":
        with tempfile.TemporaryDirectory() as scratch:
            family.export_pipeline(load(chosen, "fp32"), Fallback(folder, Path(scratch)), about)
        gc.collect()
    print(f"{chosen.out}: written", flush=True)
    if chosen.check:
        pipe = load(chosen)
        difference = compare(pipe, Graphs(chosen.out), family.substitute, short_run(pipe, chosen.family))
        print(f"{chosen.out}: frames differ from the reference by {difference:.1e} at most (values from 0 to 1)", flush=True)
        limit = LIMITS[chosen.dtype]
        # What is not a number is within no limit.
        if not difference <= limit:
            raise SystemExit(f"{chosen.out}: more than the {limit:.0e} that {chosen.dtype} may differ; the folder is not fit for use")


if __name__ == "__main__":
    main()
