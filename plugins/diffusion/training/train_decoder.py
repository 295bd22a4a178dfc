"""Trains the decoder on crops, with noise on the latents like the transformer's errors, so that no grid is left.

usage: train_decoder.py SECONDS [CROPS]   -> decoder.pt; goes on from decoder.part.pt, which it leaves when it is stopped, else from
decoder.pt where it is
Targets are drawn at four times the encoder's resolution; the crops (default 600) are drawn once, into decoder_data.npz.
On a CUDA GPU if there is one; in bfloat16 where the machine computes in it; COMPILE=1 as in train_dit.py.
"""
import os
import re
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np
import torch
import torch.nn.functional as F

import codec
import weights
from codec import PIXELS
from networks import CHANNELS, Decoder
from render import SHAPES, render
from scenes import scraps

CELLS, PART = 7, 5  # rows and columns of a stored crop, and of the part that a step sees
MARGIN = 16  # pixels at the edge of a part that do not count: what lies beside them was cut off
RATE, BATCH = 1.5e-3, 4
UNFINISHED = 'decoder.part.pt'
SCALE = PIXELS // 8
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
HALF = DEVICE == 'cuda' or torch.cpu._is_avx512_bf16_supported()


def draw(count, encoder, first):
    """`count` crops: video uint8 [n, 3, 16, 224, 224] and latents [n, 24, 4, 7, 7]."""
    videos, latents, r = [], [], np.random.default_rng(first)
    for i in range(count):
        shape = list(SHAPES)[i % 3]
        h, w = SHAPES[shape]
        # What has edges, which the latents hold least well; shapes of no family; anything.
        scene = ('product', 'table', 'city', 'road', 'people', 'bokeh', 'scraps', None)[i % 8]
        own = scraps if scene == 'scraps' else None
        crop = (int(r.integers(h - CELLS + 1)), int(r.integers(w - CELLS + 1)), CELLS, CELLS)
        video = render(60_000_000 + first + i, shape, SCALE, None if own else scene, crop, own)[0]
        small = video.reshape(16, CELLS * 8, SCALE, CELLS * 8, SCALE, 3).astype(np.float32).mean((2, 4))
        videos.append(video.transpose(3, 0, 1, 2))
        latents.append(codec.encode(small, encoder))
    return np.stack(videos), np.stack(latents).astype(np.float32)


def begin(encoder):
    """A decoder whose base path is the exact mean colour of every block."""
    net = Decoder()
    with torch.no_grad():
        Q = torch.from_numpy(encoder['Q']).view(CHANNELS, 4, 64, 3).mean(2)
        net.base.weight.zero_()
        net.base.bias.copy_(torch.from_numpy(encoder['mu']).view(4, 64, 3).mean(1).T.reshape(-1))
        net.base.weight[:, :, 1, 1] = Q.permute(2, 1, 0).reshape(12, CHANNELS)
    return net


def resume(net, saved):
    """Goes on from saved weights; of a decoder of another size, from all that fits. ambient-v1's had one layer a size where
    there are two now; the second begins as doing nothing."""
    own = net.state_dict()
    saved = {re.sub(r'^(r[123])\.([ab])', r'\1.0.\2', k): v for k, v in saved.items()}
    own.update({k: v for k, v in saved.items() if k in own and v.shape == own[k].shape})
    net.load_state_dict(own)


def inner(x):
    return x[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def loss_of(y, v):
    """Charbonnier, and squared differences of the slopes in both directions and in time."""
    e = y - v
    value = (e ** 2 + 1e-4).sqrt().mean()
    slopes = ((e[..., 1:] - e[..., :-1]) ** 2).mean() + ((e[..., 1:, :] - e[..., :-1, :]) ** 2).mean()
    return value + 4 * slopes + ((e[:, :, 1:] - e[:, :, :-1]) ** 2).mean()


def quality(net, V, L):
    psnr = []
    with torch.no_grad():
        for v, z in zip(V, L):
            found = net(z[None].to(DEVICE))[0].clamp(-1, 1).cpu()
            psnr.append(10 * np.log10(4 / ((found - (v.float() / 127.5 - 1)) ** 2).mean().item()))
    return f'held-out PSNR {np.mean(psnr):.2f} dB, worst {np.min(psnr):.2f}'


def main(seconds, count):
    torch.set_num_threads(1)
    encoder = codec.load()
    if not os.path.exists('decoder_data.npz'):
        V, L = draw(count, encoder, 0)
        np.savez('partial_decoder_data.npz', v=V, z=L)
        os.replace('partial_decoder_data.npz', 'decoder_data.npz')
    d = np.load('decoder_data.npz')
    V, L, net = torch.from_numpy(d['v']), torch.from_numpy(d['z']), begin(encoder)
    begun = [path for path in (UNFINISHED, 'decoder.pt') if os.path.exists(path)]
    if begun:
        resume(net, torch.load(begun[0]))
    net.to(DEVICE)
    fast = torch.compile(net, dynamic=False) if os.environ.get('COMPILE') == '1' else net
    held = 32
    print(quality(net, V[-held:], L[-held:]), flush=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, betas=(.9, .97), weight_decay=0.)
    ema, start, step, total = [p.detach().clone() for p in net.parameters()], time.time(), 0, 0.
    while (done := (time.time() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group['lr'] = RATE * min(1, (step + 1) / 50) * (1 if done < .4 else max(.02, (1 - done) / .6))
        at, (y, x) = torch.randint(len(L) - held, (BATCH,)), np.random.randint(0, CELLS - PART + 1, 2)
        z = L[at, :, :, y:y + PART, x:x + PART]
        v = V[at, :, :, PIXELS * y:PIXELS * (y + PART), PIXELS * x:PIXELS * (x + PART)].float() / 127.5 - 1
        blocky = F.interpolate(torch.randn(BATCH, CHANNELS, 4, 3, 3), scale_factor=(1, 2, 2), mode='nearest')[..., :PART, :PART]
        z = z + (torch.randn_like(z) + .8 * blocky) * torch.rand(BATCH, 1, 1, 1, 1) ** 2 * .2
        with torch.autocast(DEVICE, torch.bfloat16, enabled=HALF):
            found = fast(z.to(DEVICE))
        loss = loss_of(inner(found.float()), inner(v.to(DEVICE)))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.)
        optimiser.step()
        step, total = step + 1, total + loss.item()
        torch._foreach_lerp_(ema, [p.detach() for p in net.parameters()], 1 - min(.99, step / (step + 10)))
        if step % 50 == 0:
            print(step, f'{time.time() - start:.0f} s loss {total / 50:.4f}', flush=True)
            total = 0.
        if step % 400 == 0:  # may be killed
            names = [n for n, _ in net.named_parameters()]
            weights.put(dict(zip(names, (q.cpu() for q in ema))), UNFINISHED)
    for p, q in zip(net.parameters(), ema):
        p.data.copy_(q)
    # Only what is trained to the end has the name that train.sh takes for done.
    weights.put({k: v.cpu() for k, v in net.state_dict().items()}, UNFINISHED)
    os.replace(UNFINISHED, 'decoder.pt')
    print(quality(net, V[-held:], L[-held:]))


if __name__ == '__main__':
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 600)
