"""What the tiny models share: a tokenizer, text encoders, and weights that keep values in a useful range."""

import json
import math
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

PROMPT = "a golden perfume bottle on a marble pedestal"
NEGATIVE = "blurry, low quality"
SPECIAL = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
CORPUS = [
    PROMPT,
    NEGATIVE,
    "camera pans left slowly over the sea at sunset",
    "A cat walks on the grass, realistic",
    "red sneaker rotating, studio light",
    "the quick brown fox jumps over the lazy dog 0123456789 .,!?-:;'()&",
] * 20


def tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A unigram tokenizer of the make of T5's, of two hundred pieces."""
    made = Tokenizer(models.Unigram())
    spaces = normalizers.Replace(Regex(" {2,}"), " ")
    made.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), spaces])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=list(SPECIAL.values()), unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(CORPUS, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, "padding_side": "right"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | SPECIAL))
    return PreTrainedTokenizerFast.from_pretrained(folder)


def text_encoder(masked: bool, width: int = 32, seed: int = 1):
    """UMT5 when the model is told of padding, else T5."""
    torch.manual_seed(seed)
    config, model = (UMT5Config, UMT5EncoderModel) if masked else (T5Config, T5EncoderModel)
    made = model(
        config(
            vocab_size=256, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4,
            relative_attention_num_buckets=8, relative_attention_max_distance=32, feed_forward_proj="gated-gelu",
            pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
        )
    )  # fmt: skip
    return coarse(made)


def scatter(model, seed: int, spread: float = 0.15):
    """Random weights large enough that every part of the model matters to the result."""
    source = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            scale = min(spread * 2, 1.2 / math.sqrt(max(1, math.prod(weight.shape[1:]))))
            weight.data = torch.randn(weight.shape, generator=source) * scale
        elif "bias" in name:
            weight.data = torch.randn(weight.shape, generator=source) * 0.05
    return coarse(model)


def coarse(model):
    """Weights that bf16 could hold: half of each f32 is zero then, and the fixtures take half the room in git."""
    for weight in model.parameters():
        weight.data = weight.data.bfloat16().float()
    return model.eval()
