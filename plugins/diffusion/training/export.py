"""Writes the ONNX files and model.yaml, and holds each graph against PyTorch in every shape of frame.

usage: export.py WEIGHTS OUTDIR      WEIGHTS: for example dit.ema.pt; the model is named after OUTDIR. Needs text.pt, decoder.pt,
encoder.npz here
"""
import hashlib
import os
import sys

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn

import captions
import codec
import weights
from attributes import SLOTS
from networks import CHANNELS, Conditions, Decoder, TextNet, Transformer
from render import SHAPES
from words import NOT_DRAWN, SAID_AS, SYNONYMS

FILES = {'tokenizer': 'tokenizer.json', 'text-encoder': 'text_encoder.onnx', 'transformer': 'transformer.onnx',
         'vae-decoder': 'vae_decoder.onnx', 'vae-encoder': 'vae_encoder.onnx'}
CONTRACT = '''\
# The contract of this model: everything the runtime checks before it samples.
# ../../README.md explains each field; README.md here is the model card.
contract: 1
name: {name}
summary: Soft-focus moving backgrounds from a caption, wide, tall or square, 16 frames of 576x320
family: ambient
modes: [text-to-video, image-to-video, first-last, extend, loop, bridge, edit, retake]
licence:
  spdx: MIT OR Apache-2.0
  notice: Trained from nothing on procedurally rendered clips; no third-party weights, footage or text.

video: {{width: 576, height: 320, frames: 16, fps: 10, sizes: [[320, 576], [448, 448]]}}
latent: {{channels: 24, stride: [4, 32, 32], patch: [1, 2, 2], rule: even}}
prompt: {{tokens: 32, negative: ignored}}
sampling: {{scheduler: flow-ab2, steps: 16, shift: 3.0, guidance: {guidance}}}

components:
{components}
# What the text encoder's `attributes` output stands for, in its order.
# The first word of each slot means "not mentioned".
attributes:
{attributes}
# What is said to the model in the place of words that it does not know, or takes for something else (`orange fruit` was a fruit
# of any colour).
said-as:
{said}
# Words that the text encoder knows and nothing is drawn of: things are told of wherever they are said, topics where nothing else of the
# prompt says a scene, both but in phrases that mean something else.
not-drawn:
{not_drawn}'''


class TextEncoder(nn.Module):
    def __init__(self, text, cond):
        super().__init__()
        self.text, self.cond = text, cond

    def forward(self, ids):
        p = [torch.softmax(2. * logits, -1) for logits in self.text(ids)]
        said, scene = (ids[:, 1:2] > 0).float(), p[0]  # a prompt without a known scene becomes a gradient
        p[0] = torch.cat([scene[:, :1] * (1 - said), scene[:, 1:2], scene[:, 2:3] + scene[:, :1] * said, scene[:, 3:]], 1)
        p = torch.cat(p, 1)
        return *self.cond(p), p


class Clamped(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, z):
        return self.decoder(z).clamp(-1, 1)


class Encoder(nn.Module):
    """codec.encode as one strided convolution."""

    def __init__(self, encoder):
        super().__init__()
        self.c = nn.Conv3d(3, CHANNELS, (4, 8, 8), stride=(4, 8, 8))
        kernel = torch.from_numpy(encoder['P']).T.reshape(CHANNELS, 4, 8, 8, 3).permute(0, 4, 1, 2, 3)
        with torch.no_grad():
            self.c.weight.copy_(kernel)
            self.c.bias.copy_(torch.from_numpy(-(encoder['mu'] @ encoder['P'])))

    def forward(self, video):
        return self.c(video)


def write(folder, role, module, examples, inputs, outputs, axes):
    """Exports with the first example, checks with all."""
    path = f'{folder}/{FILES[role]}'
    module.eval()
    torch.onnx.export(module, examples[0], path, input_names=inputs, output_names=outputs, dynamic_axes=axes,
                      opset_version=18, dynamo=False)
    onnx.checker.check_model(path)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    worst = 0.
    for example in examples:
        with torch.no_grad():
            expected = module(*example)
        expected = expected if isinstance(expected, tuple) else (expected,)
        found = session.run(None, {k: v.numpy() for k, v in zip(inputs, example)})
        worst = max([worst] + [float(np.abs(f - e.numpy()).max()) for f, e in zip(found, expected)])
    print(f'{role}: {os.path.getsize(path) / 1e6:.2f} MB, differs from PyTorch by at most {worst:.1e}', flush=True)
    assert worst < 1e-3, role


def contract(folder, guidance):
    lines = ''
    for role, file in FILES.items():
        with open(f'{folder}/{file}', 'rb') as f:
            lines += f'  {role}: {{file: {file}, sha256: {hashlib.sha256(f.read()).hexdigest()}}}\n'
    names = {'color': 'colour', 'second': 'second-colour'}
    said = sorted({word for phrase in SYNONYMS['scene']['gradient'] for word in phrase.lower().split()}
                  - {'background', 'color', 'colors', 'shapes'})  # which are said of other things too
    implied = {'scene': f", implied: {{word: gradient, said-by: [{', '.join(said)}]}}"}  # see TextEncoder
    slots = ''.join(f"  - {{name: {names.get(s, s)}, words: [{', '.join(words)}]{implied.get(s, '')}}}\n" for s, words in SLOTS.items())
    with open(f'{folder}/model.yaml', 'w') as f:
        said = ''.join(f'  {say}: [{words}]\n' for say, words in SAID_AS.items())
        not_drawn = ''.join(f'  {kind}: [{words}]\n' for kind, words in NOT_DRAWN.items())
        name = os.path.basename(os.path.abspath(folder))
        f.write(CONTRACT.format(name=name, guidance=guidance, components=lines, attributes=slots, said=said, not_drawn=not_drawn))


def main(source, folder, guidance=2.5):
    torch.set_num_threads(1)
    os.makedirs(folder, exist_ok=True)
    net, cond = Transformer(), Conditions()
    tensors, about = weights.load(source)
    for p, q in zip(list(net.parameters()) + list(cond.parameters()), tensors, strict=True):
        p.data.copy_(q)
    tokenizer = captions.make_tokenizer()
    tokenizer.save(f"{folder}/{FILES['tokenizer']}")
    text, decoder = TextNet(tokenizer.get_vocab_size()), Decoder()
    text.load_state_dict(torch.load('text.pt'))
    decoder.load_state_dict(torch.load('decoder.pt'))
    d, batch, grid = net.d, {0: 'batch'}, {0: 'batch', 3: 'rows', 4: 'columns'}
    ids = [(torch.randint(1, 300, (n, 32)),) for n in (2, 3)]
    write(folder, 'text-encoder', TextEncoder(text, cond), ids, ['input_ids'], ['tokens', 'pooled', 'attributes'],
          dict(input_ids=batch, tokens=batch, pooled=batch, attributes=batch))
    sizes = [(2, *SHAPES['wide']), (1, *SHAPES['tall']), (3, *SHAPES['square']), (1, 12, 16)]
    z = [torch.randn(n, CHANNELS, 4, h, w) for n, h, w in sizes]
    write(folder, 'transformer', net, [(x, torch.rand(len(x), 4), torch.randn(len(x), 7, d), torch.randn(len(x), d)) for x in z],
          ['latent', 't', 'tokens', 'pooled'], ['velocity'], dict(latent=grid, t=batch, tokens=batch, pooled=batch, velocity=grid))
    write(folder, 'vae-decoder', Clamped(decoder), [(x,) for x in z], ['latent'], ['video'],
          dict(latent=grid, video={0: 'batch', 3: 'height', 4: 'width'}))
    write(folder, 'vae-encoder', Encoder(codec.load()), [(torch.rand(n, 3, 4 * n, 8 * h, 8 * w) * 2 - 1,) for n, h, w in sizes],
          ['video'], ['latent'], dict(video={0: 'batch', 2: 'frames', 3: 'height', 4: 'width'},
                                      latent={0: 'batch', 2: 'latent_frames', 3: 'rows', 4: 'columns'}))
    contract(folder, guidance)
    print('transformer after', about)


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2])
