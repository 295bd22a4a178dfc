"""Times denoising steps of the reference, for `make bench ARGS=--diffusion`.

`python -m spotloom_export.bench make OUT` writes a Wan of about 100 million random weights: `OUT/diffusers`, as the
reference keeps it, and `OUT/model`, exported. `python -m spotloom_export.bench time OUT --with torch` (or `onnxruntime`)
prints the seconds of each denoising step as JSON: two calls of the transformer, guidance, one step of UniPC, on the
same weights and shapes as the runtime's own loop (`examples/steps.rs`), and prompts of the same length: the reference gets them
padded to 512 rows, as it pads them for every Wan, the graph folded, as the runtime does. `--with products` times nothing but the
products of matrices of the reference's step, by PyTorch in float32: what is left of it when all else costs nothing.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import WanPipeline, WanTransformer3DModel
from tokenizers import Tokenizer
from transformers import UMT5Config, UMT5EncoderModel

from .contract import Folder
from .families.wan import export_pipeline, folded
from .tiny.parts import tokenizer
from .tiny.wan import autoencoder, scheduler, transformer

TOKENS, TEXT, SHIFT = 512, 768, 3.0
HEADS, HEAD, LAYERS, FFN = 12, 64, 10, 3072


def text_encoder():
    """A UMT5 of the size of T5-base's encoder."""
    torch.manual_seed(1)
    heads = {"d_kv": 64, "num_heads": 12, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128}
    ends = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    width = {"d_model": TEXT, "d_ff": 2048, "num_layers": 12, "vocab_size": 256, "feed_forward_proj": "gated-gelu"}
    return UMT5EncoderModel(UMT5Config(**width, **heads, **ends)).eval()


def make(out: Path, width: int, height: int, frames: int) -> None:
    parts = {
        "tokenizer": tokenizer(out / "tokenizer"),
        "text_encoder": text_encoder(),
        "vae": autoencoder("t2v"),
        "scheduler": scheduler(SHIFT),
        "transformer": transformer(16, 16, 2, heads=HEADS, head=HEAD, layers=LAYERS, text=TEXT, ffn=FFN),
    }
    weights = sum(p.numel() for p in parts["transformer"].parameters())
    pipe = WanPipeline(**parts)
    pipe.save_pretrained(out / "diffusers")
    about = {
        "name": "bench-wan",
        "summary": f"{weights / 1e6:.0f} million random weights, to be timed",
        "licence": {"spdx": "Apache-2.0", "notice": ""},
        "video": {"width": width, "height": height, "frames": frames, "fps": 16.0},
    }
    export_pipeline(pipe, Folder(out / "model", "fp32"), about | {"sampling": {"steps": 4}}, TOKENS)
    print(json.dumps({"weights": weights}))


def predictor(out: Path, kind: str, threads: int):
    """A function of latents, time and text, all numpy, that gives the velocity."""
    if kind == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(out / "model" / "transformer.onnx", options, ["CPUExecutionProvider"])

        def fold(x, t, text):
            text, weight = (v.numpy() for v in folded(torch.from_numpy(text)))
            return session.run(None, {"latents": x, "timestep": t, "text": text, "text_weight": weight})[0]

        return fold
    torch.set_num_threads(threads)
    model = WanTransformer3DModel.from_pretrained(out / "diffusers", subfolder="transformer").eval()

    def predict(x, t, text):
        with torch.inference_mode():
            tensors = [torch.from_numpy(v) for v in (x, t, text)]
            return model(tensors[0], tensors[1], tensors[2], return_dict=False)[0].numpy()

    return predict


def measure(out: Path, kind: str, shape: list[int], steps: int, threads: int, prompts: list[str]) -> None:
    predict, source = predictor(out, kind, threads), np.random.default_rng(0)
    sample = source.standard_normal(shape, dtype=np.float32)
    words, texts = Tokenizer.from_file(str(out / "model" / "tokenizer.json")), []
    for prompt in prompts:
        texts.append(np.zeros((1, TOKENS, TEXT), np.float32))
        length = len(words.encode(prompt).ids)
        texts[-1][:, :length] = source.standard_normal((1, length, TEXT))
    plan = scheduler(SHIFT)
    plan.set_timesteps(steps)
    seconds = []
    for moment in plan.timesteps:
        start, t = time.perf_counter(), np.array([int(moment)], np.int64)
        wanted, away = (predict(sample, t, text) for text in texts)
        velocity = torch.from_numpy(away + 5.0 * (wanted - away))
        sample = plan.step(velocity, moment, torch.from_numpy(sample), return_dict=False)[0].numpy()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds}))


def products(shape: list[int], steps: int, threads: int) -> None:
    """Two calls of the transformer's linear layers and attention, on matrices that are made once."""
    torch.set_num_threads(threads)
    tokens, width = shape[2] * (shape[3] // 2) * (shape[4] // 2), HEADS * HEAD
    linear = [(tokens, width, width)] * 6 + [(TOKENS, width, width)] * 2 + [(tokens, width, FFN), (tokens, FFN, width)]
    attention = [(tokens, HEAD, tokens), (tokens, tokens, HEAD), (tokens, HEAD, TOKENS), (tokens, TOKENS, HEAD)]
    pairs = [(torch.randn(a, b), torch.randn(b, c)) for a, b, c in linear]
    pairs += [(torch.randn(HEADS, a, b), torch.randn(HEADS, b, c)) for a, b, c in attention]
    seconds = []
    with torch.inference_mode():
        for _ in range(steps):
            start = time.perf_counter()
            for _ in range(2 * LAYERS):
                for a, b in pairs:
                    a @ b
            seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="spotloom_export.bench", description=__doc__.splitlines()[0])
    parser.add_argument("do", choices=["make", "time"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--with", dest="kind", choices=["torch", "onnxruntime", "products"], default="torch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--prompts", nargs=2, default=["a golden bottle", "blurry"], metavar=("PROMPT", "NEGATIVE"))
    parser.add_argument("--size", type=int, nargs=3, default=[256, 144, 17], metavar=("WIDTH", "HEIGHT", "FRAMES"))
    chosen = parser.parse_args()
    width, height, frames = chosen.size
    if chosen.do == "make":
        make(chosen.out, width, height, frames)
    else:
        shape = [1, 16, (frames - 1) // 4 + 1, height // 8, width // 8]
        if chosen.kind == "products":
            products(shape, chosen.steps, chosen.threads)
        else:
            measure(chosen.out, chosen.kind, shape, chosen.steps, chosen.threads, chosen.prompts)


if __name__ == "__main__":
    main()
