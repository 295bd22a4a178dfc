"""Writes the case of a clip that is made again into the fixtures `wan-t2v` and `ltx`, or one of them: `python -m
spotloom_export.tiny.edit ../tests/fixtures [wan-t2v] [ltx]`.

With the tokenizer that is there, so that the other cases hold. The fixture must have an encoder (`tiny.encoder`).
"""

import sys
import tempfile
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from . import ltx, wan
from .golden import Golden
from .parts import SPECIAL


def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    made = str(folder / "tokenizer.json")
    return PreTrainedTokenizerFast(tokenizer_file=made, model_max_length=512, padding_side="right", **SPECIAL)


def main(fixtures: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    for name in names or ["wan-t2v", "ltx"]:
        folder = fixtures / name
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as work:
            build = wan.Build("t2v", Path(work)) if name == "wan-t2v" else ltx.Build(False, Path(work))
        build.parts["tokenizer"] = build.pipe.tokenizer = tokenizer(folder)
        if name == "wan-t2v":
            golden = Golden()
            build.edit(golden, "edit", (48, 32), 9, 8, 3.0, 0.625, seed=9)
        else:
            golden = Golden(frames=ltx.FRAMES)
            build.edit(golden, "edit", (64, 32), 9, 8, 0.625, seed=9)
        golden.add_to(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
