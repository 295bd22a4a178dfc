"""Trains the text encoder on captions alone; each attribute slot is a classification.

usage: train_text.py SECONDS      -> text.pt, text.json; goes on from text.pt where it is (two minutes suffice)
"""
import json
import os
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np
import torch
import torch.nn.functional as F

import weights
from attributes import SLOTS
from captions import caption, caption_attributes, make_tokenizer
from networks import TextNet


def batch(tokenizer, n, r):
    attributes = [caption_attributes(r) for _ in range(n)]
    texts = [caption(a, r) for a in attributes]
    ids = torch.tensor([e.ids for e in tokenizer.encode_batch(texts)])
    classes = torch.tensor([[SLOTS[k].index(a[k]) for k in SLOTS] for a in attributes])
    classes[torch.tensor([not text.strip() for text in texts])] = 0  # nothing is said in an empty prompt
    return ids, classes


def main(seconds):
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    net, r = TextNet(tokenizer.get_vocab_size()), np.random.default_rng(int(time.time()))
    if os.path.exists('text.pt'):
        net.load_state_dict(torch.load('text.pt'))
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, betas=(.9, .98), weight_decay=.02)
    start, step = time.time(), 0
    while (done := (time.time() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group['lr'] = 2e-3 * min(1, (step + 1) / 50) * (1 if done < .3 else max(.01, (1 - done) / .7))
        ids, classes = batch(tokenizer, 192, r)
        ids[:8], classes[:8] = 0, 0
        ids[:8, 0] = 2
        loss = sum(F.cross_entropy(o, classes[:, i], label_smoothing=.01) for i, o in enumerate(net(ids)))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.)
        optimiser.step()
        step += 1
    weights.put(net.state_dict(), 'text.pt')
    ids, classes = batch(tokenizer, 3000, np.random.default_rng(987654))
    with torch.no_grad():
        right = torch.stack([o.argmax(1) == classes[:, i] for i, o in enumerate(net.eval()(ids))], 1).float()
    report = {k: round(right[:, i].mean().item(), 4) for i, k in enumerate(SLOTS)}
    report['all'] = round(right.prod(1).mean().item(), 4)
    print(report)
    with open('text.json', 'w') as f:
        json.dump(report, f)


if __name__ == '__main__':
    main(float(sys.argv[1]))
