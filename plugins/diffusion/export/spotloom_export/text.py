"""Text encoders (T5, UMT5) and their tokenizers, the same for every family."""

import shutil
from pathlib import Path

import torch

from .contract import Folder
from .graphs import Ports, export


def encode_masked(model, input_ids, attention_mask):
    return model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def encode_plain(model, input_ids):
    return model(input_ids=input_ids).last_hidden_state


def export_text(folder: Folder, tokenizer, encoder, tokens: int, masked: bool) -> None:
    """`masked`: the encoder is told which tokens are padding (Wan); else it is not (LTX, CogVideoX)."""
    source = Path(tokenizer.name_or_path) / "tokenizer.json"
    target = folder.path / "tokenizer.json"
    if source.is_file():
        shutil.copyfile(source, target)
    else:
        tokenizer.backend_tokenizer.save(str(target))
    folder.add("tokenizer", target)
    ids = torch.randint(3, encoder.config.vocab_size, (2, tokens), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, tokens // 2 :] = 0
    names = ["input_ids", "attention_mask"] if masked else ["input_ids"]
    path = folder.file("text-encoder")
    data = export(
        Ports(encoder, names, encode_masked if masked else encode_plain),
        (ids, mask) if masked else (ids,),
        path,
        ["hidden_states"],
        {name: {0: "batch", 1: "tokens"} for name in names},
    )
    folder.add("text-encoder", path, data)
