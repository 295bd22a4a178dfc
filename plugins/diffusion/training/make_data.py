"""Renders captioned clips and writes their latents, in shards of one shape each.

usage: make_data.py FIRST LAST      -> shard_000.npz ... for FIRST <= shard < LAST, skipping those that exist
A shard holds 480 clips: z float16 [n, 24, 4, h, w], still [n, 2, 24, h, w] (the latents of frame 3 and of frame 12 as
still pictures, for image to video), a int16 [n, 8] attribute rows. Of eight shards three are wide, three tall, two square.
"""
import os
import sys
import time

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np

import codec
from render import render

CLIPS = 480
ORDER = ['wide', 'tall', 'square', 'wide', 'tall', 'wide', 'square', 'tall']


def shard(k, encoder):
    shape, z, stills, rows = ORDER[k % 8], [], [], []
    for seed in range(k * CLIPS, (k + 1) * CLIPS):
        video, attributes = render(seed, shape)
        z.append(codec.encode(video, encoder).astype(np.float16))
        ends = np.stack([codec.still(video[3]), codec.still(video[12])])
        stills.append(codec.encode(ends, encoder)[:, :, 0].astype(np.float16))
        rows.append(attributes)
    return dict(z=np.stack(z), still=np.stack(stills), a=np.array(rows, np.int16))


if __name__ == '__main__':
    encoder, start = codec.load(), time.time()
    for k in range(int(sys.argv[1]), int(sys.argv[2])):
        path = f'shard_{k:03d}.npz'
        if os.path.exists(path):
            continue
        np.savez('partial_' + path, **shard(k, encoder))
        os.rename('partial_' + path, path)
        print(path, f'{time.time() - start:.0f} s', flush=True)
