"""Weight files: a list of fp16 tensors and a little about how they came to be. Written whole or not at all."""
import os

import torch


def save(path, tensors, about):
    torch.save(dict(w=[t.detach().half().clone() for t in tensors], meta=about), path + '.part')
    os.replace(path + '.part', path)


def load(path):
    saved = torch.load(path)
    return [t.float() for t in saved['w']], saved['meta']


def from_v0(tensors, names):
    """Parameters of ambient-v0's transformer, in today's order and shapes: its position tables were per row and column
    of one shape. `names` are today's; those that v0 lacks come back as None, for the caller to leave as they are."""
    old = iter(tensors)
    order = ['pt', 'ph', 'pw'] + [n for n in names if n not in ('pt', 'ph', 'pw') and not n.startswith('shape.')]
    found = dict(zip(order, old))
    rows = found['ph'].reshape(-1, found['ph'].shape[-1])                       # -2 .. 2
    first, last = rows[:1] + (rows[:1] - rows[1:2]) * .5, rows[-1:] + (rows[-1:] - rows[-2:-1]) * .5
    found['ph'] = torch.cat([first, first, rows, last, last])
    found['pt'], found['pw'] = (found[k].reshape(-1, found[k].shape[-1]) for k in ('pt', 'pw'))
    return [found.get(n) for n in names]
