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


def widen(tensors, sizes):
    """Parameters saved when some attribute slots had fewer classes: the new ones, at the end of each slot, begin as the
    mean of those that were there. The last nine tensors are the slots' rows and the pooling weight and bias."""
    rows, pool = tensors[-9:-2], tensors[-2]
    if [len(E) for E in rows] == list(sizes):
        return tensors
    grown, columns, first = [], [], 0
    for E, size in zip(rows, sizes):
        new = size - len(E)
        grown.append(torch.cat([E, E[1:].mean(0, keepdim=True).expand(new, -1)]))
        old = pool[:, first:first + len(E)]
        columns.append(torch.cat([old, old[:, 1:].mean(1, keepdim=True).expand(-1, new)], 1))
        first += len(E)
    return tensors[:-9] + grown + [torch.cat(columns, 1), tensors[-1]]
