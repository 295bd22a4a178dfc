"""The judge of objects: a classifier of single frames, trained on rendered clips only, at the encoder's full resolution.

usage: object_probe.py SECONDS [CLIPS]      -> object_probe.pt, with its accuracy on rendered clips it has not seen
It looks at the ten by ten cells in the middle of the frame, where the object stands in every shape; a clip's verdict is the
mean over four frames. Nothing that the transformer made is ever seen: clips of its own seeds are drawn and passed
through the codec, and what a small model gets wrong is put in by chance: noise, blur and a share of another clip in the
latents, outlines that wobble, stretched and softened pictures, other colours. Needs encoder.npz and decoder.pt.
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
from attributes import SLOTS
from codec import CHANNELS, PIXELS
from networks import Decoder
from render import SHAPES, render

NAMES = SLOTS['object'][1:]
CELLS, SIDE = 10, 80   # cells each way that are looked at, and pixels
FRAMES = [1, 6, 10, 15]
HELD, DECODED = 210, 510  # the last clips: those it is not trained on, and those that go through the trained decoder too
HALF = torch.cpu._is_avx512_bf16_supported()


class ObjectProbe(nn.Module):
    """Frames [n, 3, 80, 80] in [-1, 1] -> scores of the objects."""

    def __init__(self):
        super().__init__()
        layer = lambda i, o, stride: [nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        self.c = nn.Sequential(*layer(3, 24, 2), *layer(24, 48, 2), *layer(48, 64, 1), *layer(64, 96, 2), *layer(96, 128, 2))
        self.f, self.o = nn.Linear(128 * 25, 128), nn.Linear(128, len(NAMES))

    def forward(self, x):
        x = x - x.mean((2, 3), keepdim=True)
        return self.o(F.dropout(F.relu(self.f(self.c(x).flatten(1))), .3, self.training))


def middle(video, pixels):
    """uint8 [16, rows, columns, 3] at `pixels` a cell -> float [4, 3, 80, 80] of its middle."""
    _, h, w, _ = video.shape
    side, k = CELLS * pixels, pixels * CELLS // SIDE
    y, x = (h - side) // 2, (w - side) // 2
    part = video[FRAMES][:, y:y + side, x:x + side].reshape(4, SIDE, k, SIDE, k, 3).astype(np.float32).mean((2, 4))
    return torch.from_numpy(part.transpose(0, 3, 1, 2) / 127.5 - 1)


def spoil(z, others):
    """Latents [n, 24, 4, 10, 10] as a small model might have made them: strength by chance for each clip."""
    n = len(z)
    chance = lambda top: torch.rand(n, 1, 1, 1, 1) ** 2 * top
    soft = lambda x: F.avg_pool3d(F.pad(x, (1, 1, 1, 1, 0, 0), mode='replicate'), (1, 3, 3), 1)
    z = z + chance(.7) * (soft(z) - z)
    z = z + chance(.35) * (others - z)
    return z + chance(.35) * torch.randn_like(z) + chance(.7) * soft(torch.randn_like(z))


def distort(x):
    """Frames [n, 3, 80, 80], changed by chance: place, size, outline, sharpness, colours, noise."""
    n = len(x)
    uniform = lambda a, b: a + (b - a) * torch.rand(n)
    turn, sx, sy = torch.randn(n) * .03, uniform(.84, 1.18), uniform(.84, 1.18)
    rows = torch.stack([sx, turn, uniform(-.1, .1), -turn, sy, uniform(-.1, .1)], 1).view(n, 2, 3)
    wobble = F.interpolate(torch.randn(n, 2, 7, 7) * .03 * torch.rand(n, 1, 1, 1), (SIDE, SIDE), mode='bicubic', align_corners=True)
    x = F.grid_sample(x, F.affine_grid(rows, list(x.shape), align_corners=False) + wobble.permute(0, 2, 3, 1), padding_mode='border', align_corners=False)
    for radius in (3, 5):
        x = x + (F.avg_pool2d(x, radius, 1, radius // 2, count_include_pad=False) - x) * (torch.rand(n, 1, 1, 1) - .3).clamp(min=0)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * torch.rand(n, 1, 1, 1) * 1.2
    x = x * (1 + .2 * torch.randn(n, 3, 1, 1)) + .12 * torch.randn(n, 3, 1, 1)
    mixed = torch.stack([f[torch.randperm(3)] for f in x])
    x = torch.where(torch.rand(n, 1, 1, 1) < .3, mixed, x)
    return x + torch.randn_like(x) * .05 * torch.rand(n, 1, 1, 1)


def decoded(z, decoder):
    """Latents -> their frames from the trained decoder, uint8 [n, 4, 3, 80, 80]."""
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, enabled=HALF):
        x = decoder(z).float()[:, :, FRAMES].transpose(1, 2).flatten(0, 1)
    x = F.avg_pool2d(x, x.shape[-1] // SIDE).clamp(-1, 1)
    return ((x + 1) * 127.5 + .5).to(torch.uint8).view(len(z), 4, 3, SIDE, SIDE)


def draw(clips):
    """Frames as drawn, uint8 [n, 4, 3, 80, 80]; latents; classes; and of the last DECODED clips the frames back from the
    trained decoder, with spoilt latents."""
    encoder, decoder, shapes = codec.load(), Decoder(), list(SHAPES)
    decoder.load_state_dict(torch.load('decoder.pt'))
    drawn, latents, classes = [], [], []
    for i in range(clips):
        h, w = SHAPES[shapes[i % 3]]
        video, a = render(80_000_000 + i, shapes[i % 3], 1, ('product', 'product', 'table')[i // 3 % 3], ((h - CELLS) // 2, (w - CELLS) // 2, CELLS, CELLS))
        drawn.append(((middle(video, 8) + 1) * 127.5 + .5).to(torch.uint8))
        latents.append(torch.from_numpy(codec.encode(video, encoder)))
        classes.append(a[1] - 1)
    z = torch.stack(latents).float()
    print('drawn', flush=True)
    spoilt = spoil(z, z[torch.randperm(clips)])[-DECODED:]
    back = torch.cat([decoded(part, decoder) for part in spoilt.split(8)])
    return torch.stack(drawn), z.half(), torch.tensor(classes), back


def linear(z, encoder):
    """The codec's own inverse: latents [n, 24, 4, 10, 10] -> frames [n, 3, 80, 80], one of the 16 each, by chance."""
    n = len(z)
    part, inner = torch.randint(4, (n,)), torch.randint(4, (n,))
    x = z[torch.arange(n), :, part].permute(0, 2, 3, 1) @ encoder['Q'].view(CHANNELS, -1) + encoder['mu']
    x = x.view(n, CELLS, CELLS, 4, 8, 8, 3)[torch.arange(n), :, :, inner]
    return x.permute(0, 5, 1, 3, 2, 4).reshape(n, 3, SIDE, SIDE).clamp(-1, 1)


def load(path='object_probe.pt'):
    saved = torch.load(path)
    net = ObjectProbe()
    net.load_state_dict(saved['net'])
    return net.eval(), saved['accuracy']


def judge(net, video):
    """The object of a generated clip, uint8 at the decoder's size, and how sure the judge is of it."""
    with torch.no_grad():
        share = net(middle(video, PIXELS)).softmax(1).mean(0)
    return NAMES[int(share.argmax())], round(float(share.max()), 2)


def quality(net, X, Z, Y, back, encoder):
    """Share of right verdicts on held-out clips: as drawn, through the codec, through codec and decoder with spoilt
    latents, and the last distorted besides; and of each object in the third."""
    net.eval()
    verdict = lambda frames: torch.stack([net(f) for f in frames]).softmax(2).mean(0).argmax(1) == Y
    unit = lambda x: x.transpose(0, 1).float() / 127.5 - 1
    with torch.no_grad():
        kinds = dict(drawn=verdict(unit(X)), codec=verdict([linear(Z.float(), encoder) for _ in range(4)]),
                     spoilt=verdict(unit(back)), distorted=verdict([distort(f) for f in unit(back)]))
    found = {name: round(right.float().mean().item(), 3) for name, right in kinds.items()}
    return found | {name: round(kinds['spoilt'][Y == k].float().mean().item(), 3) for k, name in enumerate(NAMES)}


def main(seconds, clips):
    torch.set_num_threads(1)
    torch.manual_seed(3)
    if not os.path.exists('object_data.pt'):
        weights.put(draw(clips), 'object_data.pt')
    X, Z, Y, back = torch.load('object_data.pt')
    encoder = {k: torch.from_numpy(v).float() for k, v in codec.load().items()}
    net, start, step = ObjectProbe().to(memory_format=torch.channels_last), time.time(), 0
    optimiser = torch.optim.AdamW(net.parameters(), 1.5e-3, weight_decay=.05)
    known, far = len(X) - HELD, DECODED - HELD  # clips to train on, and of those the last that are decoded
    while (done := (time.time() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group['lr'] = 1.5e-3 * max(.01, 1 - done)
        # 16 as drawn, 24 through the codec with spoilt latents, 24 from the trained decoder.
        at = torch.cat([torch.randint(known, (40,)), torch.randint(far, (24,)) + known - far])
        frame = torch.randint(4, (64,))
        z = spoil(Z[at[16:40]].float(), Z[torch.randint(known, (24,))].float())
        x = torch.cat([X[at[:16], frame[:16]].float() / 127.5 - 1, linear(z, encoder),
                       back[at[40:] - known + far, frame[40:]].float() / 127.5 - 1])
        with torch.autocast('cpu', torch.bfloat16, enabled=HALF):
            scores = net(distort(x).contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(scores.float(), Y[at], label_smoothing=.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 400 == 0:
            print(step, f'{time.time() - start:.0f} s', quality(net, X[-HELD:], Z[-HELD:], Y[-HELD:], back[-HELD:], encoder), flush=True)
            net.train()
    accuracy = quality(net, X[-HELD:], Z[-HELD:], Y[-HELD:], back[-HELD:], encoder)
    print(step, accuracy)
    weights.put(dict(net=net.state_dict(), accuracy=accuracy), 'object_probe.pt')


if __name__ == '__main__':
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1500)
