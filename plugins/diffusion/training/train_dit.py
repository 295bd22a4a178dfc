"""Trains the transformer on the latent shards: on a CUDA GPU if there is one, else in single-threaded processes whose
gradients are averaged over gloo. In bfloat16 where the machine computes in it (PRECISION=fp32: not), weights in float32.

usage: [BATCH=16] [RATE=1] [ANNEAL=1] torchrun --nproc_per_node=2 train_dit.py SECONDS [NAME]
Goes on from NAME.raw.pt and NAME.ema.pt where they are (NAME: dit), else begins; saves both every two minutes and at the
end, so that it may be killed at any time. Shards that come or go are noticed while it runs. ANNEAL=1 lets the learning rate fall to
zero over the run: for the last one. RATE scales the learning rates. COMPILE=1 on a processor: the network is compiled for each of
the three shapes, some minutes the first time, and then trains 1.7 times as fast where there is AMX.
"""
import glob
import os
import sys
import time

import numpy as np
import torch
import torch.distributed as dist

import flow
import weights
from attributes import SIZES
from muon import Muon
from networks import Conditions, Transformer

SECONDS, NAME = float(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else 'dit'
ANNEAL, BATCH, RATE = os.environ.get('ANNEAL') == '1', int(os.environ.get('BATCH', 16)), float(os.environ.get('RATE', 1))
WORLD, RANK = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
MUON_RATE, ADAM_RATE, SAVE_EVERY = .02, 2e-3, 120
AVERAGE = .99 if ANNEAL else .998  # of the weights; a falling rate averages by itself
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
HALF = os.environ.get('PRECISION', 'bf16') == 'bf16' and (DEVICE == 'cuda' or torch.cpu._is_avx512_bf16_supported())
torch.set_num_threads(1)


def shards():
    """Clips by shape: list of (latents, stills, rows), this process's share of the files."""
    by_shape, files = {}, sorted(glob.glob('shard_*.npz'))
    for path in files[RANK::WORLD] if len(files) > 16 else files:
        d = np.load(path)
        by_shape.setdefault(d['z'].shape[-2:], []).append([d['z'], d['still'], d['a']])
    return [[torch.from_numpy(np.concatenate(parts)) for parts in zip(*group)] for group in by_shape.values()], files


class Run:
    def __init__(self):
        self.net, self.cond, self.step = Transformer().to(DEVICE), Conditions().to(DEVICE), 0
        named = list(self.net.named_parameters())
        self.all = [p for _, p in named] + list(self.cond.parameters())
        matrices = [p for n, p in named if n.startswith('b.') and p.ndim == 2 and 'tab' not in n]
        known = {id(p) for p in matrices}
        self.other = [p for p in self.all if id(p) not in known]
        self.muon = Muon(matrices, lr=MUON_RATE, dtype=torch.bfloat16 if HALF else torch.float32)
        self.adam = torch.optim.AdamW(self.other, lr=ADAM_RATE, betas=(.9, .98), weight_decay=.01)
        if os.path.exists(f'{NAME}.raw.pt'):
            start, about = weights.load(f'{NAME}.raw.pt')
            start, self.step = weights.widen(start, SIZES), about['step']
            self.ema = weights.widen(weights.load(f'{NAME}.ema.pt')[0], SIZES)
        else:
            start = []
        for p, q in zip(self.all, start):
            if q is not None:
                p.data.copy_(q)
        self.ema = [q.to(DEVICE) for q in getattr(self, 'ema', [])] or [p.detach().clone() for p in self.all]
        if os.environ.get('COMPILE') == '1':
            self.net.compile(dynamic=False)
        scale = torch.from_numpy(np.load('encoder.npz')['sc']).float().sqrt()
        self.weight = (scale / scale.mean())[None, :, None, None, None].to(DEVICE)  # channels that are seen more count more

    def loss(self, z, still, rows):
        z, seen, noise, t = flow.batch(z.float(), still.float())
        said = flow.conditions(rows.long())
        z, seen, noise, t, said = (x.to(DEVICE) for x in (z, seen, noise, t, said))
        with torch.autocast(DEVICE, torch.bfloat16, enabled=HALF):
            velocity = self.net(seen, t, *self.cond(said)).float()
        error = (velocity - (noise - z)) ** 2 * self.weight
        return (error * (t > 0)[:, None, :, None, None]).mean()

    def update(self, loss, rate):
        for optimiser, top in ((self.muon, MUON_RATE), (self.adam, ADAM_RATE)):
            for group in optimiser.param_groups:
                group['lr'] = top * rate
            optimiser.zero_grad()
        loss.backward()
        if WORLD > 1:
            flat = torch._utils._flatten_dense_tensors([p.grad for p in self.all])
            dist.all_reduce(flat)
            flat /= WORLD
            for p, g in zip(self.all, torch._utils._unflatten_dense_tensors(flat, [p.grad for p in self.all])):
                p.grad.copy_(g)
        torch.nn.utils.clip_grad_norm_(self.other, 1.)
        self.muon.step()
        self.adam.step()
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.all], 1 - min(AVERAGE, (self.step + 1) / (self.step + 15)))
        self.step += 1

    def save(self, about):
        for kind, tensors in (('raw', self.all), ('ema', self.ema)):
            weights.save(f'{NAME}.{kind}.pt', tensors, dict(step=self.step, batch=BATCH * WORLD, **about))


def main():
    if WORLD > 1:
        dist.init_process_group('gloo')
    torch.manual_seed(0)
    run = Run()
    torch.manual_seed(100 + RANK + run.step)
    pick = np.random.default_rng(7 + run.step)  # the same in all processes: all train on one shape at a time
    data, files = shards()
    start, first, saved, total, count = time.time(), run.step, time.time(), 0., 0
    while True:
        done = (time.time() - start) / SECONDS
        stop = torch.tensor([float(done >= 1)])
        if WORLD > 1:
            dist.broadcast(stop, 0)
        if stop.item():
            break
        share = np.array([len(rows) for _, _, rows in data], float)
        z, still, rows = data[int(pick.choice(len(data), p=share / share.sum()))]
        at = torch.randint(len(rows), (BATCH,))
        loss = run.loss(z[at], still[at], rows[at])
        rate = RATE * min(1, (run.step - first + 1) / 30) * (max(.01, 1 - done) if ANNEAL else 1.)
        run.update(loss, rate)
        total, count = total + loss.item(), count + 1
        if RANK == 0 and run.step % 20 == 0:
            speed = (run.step - first) * BATCH * WORLD / (time.time() - start)
            print(f'{run.step} {time.time() - start:.0f} s loss {total / count:.4f} {speed:.1f} clips/s shards {len(files)}', flush=True)
            total = count = 0
        if RANK == 0 and time.time() - saved > SAVE_EVERY:
            saved = time.time()
            run.save(dict(loss=total / max(count, 1)))
        if run.step % 100 == 0 and sorted(glob.glob('shard_*.npz')) != files:
            data, files = shards()
    if RANK == 0:
        run.save({})
    if WORLD > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == '__main__':
    main()
