"""Writes the cases of other lengths into the fixtures `cogvideox-5b` and `cogvideox-v1.5`: `python -m spotloom_export.tiny.lengths
../tests/fixtures`.

With the tokenizers that are there, so that the graphs and the other cases hold.
"""

import sys
import tempfile
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from .cogvideox import Build
from .golden import Golden
from .parts import SPECIAL


def main(fixtures: Path) -> None:
    torch.set_num_threads(1)
    for kind in ("5b", "v1.5"):
        folder = fixtures / f"cogvideox-{kind}"
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as work:
            build = Build(kind, Path(work))
        made = str(folder / "tokenizer.json")
        build.pipe.tokenizer = PreTrainedTokenizerFast(tokenizer_file=made, model_max_length=512, padding_side="right", **SPECIAL)
        golden = Golden()
        build.lengths(golden)
        golden.add_to(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
