"""Writes Wan's step-wise encoder into a fixture: `python -m spotloom_export.tiny.encoder ../tests/fixtures wan-i2v`.

The weights of the tiny models are the same each time, so that golden values which are there already hold. Nothing else
of the fixture changes: making it anew would give another tokenizer, and with it other golden values.
"""

import sys
from pathlib import Path

import torch
import yaml

from ..contract import Folder
from ..families.wan import export_encoder
from ..parity import Graphs, step_encode
from .wan import autoencoder


def main(out: Path, name: str) -> None:
    torch.set_num_threads(1)
    vae = autoencoder(name.removeprefix("wan-"))
    folder = Folder(out / name, "fp32")
    export_encoder(folder, vae)
    contract = yaml.safe_load((out / name / "model.yaml").read_text())
    whole = contract["components"].pop("vae-encoder", None)
    if whole:
        (out / name / whole["file"]).unlink()
    folder.components = contract.pop("components") | folder.components
    del contract["contract"]
    folder.write(contract)
    video = torch.rand(1, 3, 13, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        reference = vae.encode(video).latent_dist.mode()
    difference = float((step_encode(Graphs(out / name), video) - reference).abs().max())
    print(f"{name}: step by step and the reference differ by {difference:.1e} at most")
    if difference > 2e-5:
        raise SystemExit("that is too much")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
