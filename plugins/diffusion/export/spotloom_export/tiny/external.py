"""Writes `external/`: the transformer of the fixture `wan-t2v` with its weights in a file of their own, as every graph
above 2 GB has them: `python -m spotloom_export.tiny.external ../tests/fixtures`.
"""

import sys
from pathlib import Path

import onnx


def main() -> None:
    fixtures = Path(sys.argv[1])
    target = fixtures / "external"
    target.mkdir(exist_ok=True)
    for old in target.glob("transformer.*"):
        old.unlink()
    onnx.save(
        onnx.load(fixtures / "wan-t2v" / "transformer.onnx"),
        target / "transformer.onnx",
        save_as_external_data=True,
        location="weights.data",
        size_threshold=256,
    )


if __name__ == "__main__":
    main()
