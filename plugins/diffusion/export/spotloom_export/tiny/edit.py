"""Writes the case of a clip that is made again into the fixture `wan-t2v`: `python -m spotloom_export.tiny.edit ../tests/fixtures`.

With the tokenizer that is there, so that the other cases hold. The fixture must have an encoder (`tiny.encoder`).
"""

import sys
import tempfile
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from .golden import Golden
from .parts import SPECIAL
from .wan import Build


def main(fixtures: Path) -> None:
    torch.set_num_threads(1)
    folder = fixtures / "wan-t2v"
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as work:
        build = Build("t2v", Path(work))
    made = str(folder / "tokenizer.json")
    build.pipe.tokenizer = PreTrainedTokenizerFast(tokenizer_file=made, model_max_length=512, padding_side="right", **SPECIAL)
    golden = Golden()
    build.edit(golden, "edit", (48, 32), 9, 8, 3.0, 0.625, seed=9)
    golden.add_to(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
