"""The judge: a small classifier of attributes, trained on rendered clips only, at four pixels a latent cell.

usage: probe.py SECONDS [CLIPS]      -> probe.pt, with its own accuracy on rendered clips it has not seen
It never sees anything generated. Clips of its own seeds, one half as drawn and one as they come back from the codec, which
is as clean as a generated clip can be; noise and blur while training.
"""
import os
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import codec
import weights
from attributes import SIZES, SLOTS
from codec import PIXELS
from render import SHAPES, render

FRAMES = [1, 6, 10, 15]


class Probe(nn.Module):
    def __init__(self):
        super().__init__()
        layer = lambda i, o, stride=1: [nn.Conv2d(i, o, 3, stride, 1), nn.BatchNorm2d(o), nn.ReLU()]
        self.c = nn.Sequential(*layer(24, 40, 2), *layer(40, 64, 2), *layer(64, 96, 2), *layer(96, 96), nn.AdaptiveAvgPool2d((5, 5)))
        self.f = nn.Linear(96 * 25, 160)
        self.heads = nn.ModuleList([nn.Linear(160, k) for k in SIZES])

    def forward(self, x):
        x = torch.cat([x, x - torch.roll(x, 3, 1)], 1)  # and the changes between frames
        y = F.relu(self.f(self.c(x).flatten(1)))
        return [head(y) for head in self.heads]


def small(video, block=PIXELS // 4):
    """uint8 [16, rows, columns, 3] -> float [12, rows/block, columns/block] in [-1, 1]"""
    _, h, w, _ = video.shape
    x = video[FRAMES].reshape(4, h // block, block, w // block, block, 3).astype(np.float32).mean((2, 4))
    return torch.from_numpy(x.transpose(0, 3, 1, 2).reshape(12, h // block, w // block) / 127.5 - 1)


def draw(clips):
    """Per shape: inputs (drawn, and back from the codec) and classes."""
    sets, encoder = [], codec.load()
    for k, shape in enumerate(SHAPES):
        drawn = [render(70_000_000 + i, shape) for i in range(k, clips, 3)]
        X = [torch.stack([small(v, 2), small(codec.decode(codec.encode(v, encoder), encoder), 2)]).half() for v, _ in drawn]
        sets.append((torch.stack(X), torch.tensor([a[:7] for _, a in drawn])))
    return sets


def load(path='probe.pt'):
    saved = torch.load(path)
    net = Probe()
    net.load_state_dict(saved['net'])
    return net.eval(), saved['accuracy']


def judge(net, video):
    """Class names of a generated clip, uint8 at the decoder's size."""
    with torch.no_grad():
        return {slot: SLOTS[slot][int(o.argmax())] for slot, o in zip(SLOTS, net(small(video)[None]))}


def main(seconds, clips):
    torch.set_num_threads(1)
    if os.path.exists('probe_data.pt'):
        sets = torch.load('probe_data.pt')
    else:
        sets = draw(clips)
        weights.put(sets, 'probe_data.pt')
    net, held = Probe(), len(sets[0][0]) // 10
    optimiser, start = torch.optim.AdamW(net.parameters(), 1.5e-3, weight_decay=.05), time.time()
    while (done := (time.time() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group['lr'] = 1.5e-3 * max(.01, 1 - done)
        X, Y = sets[int(torch.randint(len(sets), ()))]
        at = torch.randint(len(X) - held, (48,))
        x = X[at, torch.randint(2, (48,))].float()
        if torch.rand(()) < .4:
            x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        x = x + torch.randn(48, 1, 1, 1) * .03 + torch.randn_like(x) * .03 * torch.rand(())
        loss = sum(F.cross_entropy(o, Y[at, k]) for k, o in enumerate(net(x)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        right = [[o.argmax(1) == Y[-held:, k] for k, o in enumerate(net(X[-held:, 1].float()))] for X, Y in sets]
    accuracy = {slot: round(torch.cat([r[k] for r in right]).float().mean().item(), 3) for k, slot in enumerate(SLOTS)}
    print(accuracy)
    weights.put(dict(net=net.state_dict(), accuracy=accuracy), 'probe.pt')


if __name__ == '__main__':
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3000)
