"""The fixed linear encoder: principal components of blocks of 4 frames x 8 x 8 pixels, 24 channels, and its inverse.

A latent is ((pixel/127.5 - 1) block - mean) @ P. Channels are scaled by a power of their variance, so that noise hides
strong and weak channels after one another. `fit` is needed once; networks trained on one fit belong to it.

usage: codec.py fit      -> encoder.npz, and the quality of several sizes
"""
import sys

import numpy as np

CHANNELS, T, S = 24, 4, 8  # channels; frames and pixels of a block
PIXELS = 32  # of the decoder, each way, for one block


def blocks(video):
    """[..., frames, rows, columns, 3] -> [..., frames/4, rows/8, columns/8, 768]"""
    *n, f, h, w, _ = video.shape
    k = len(n)
    x = video.reshape(*n, f // T, T, h // S, S, w // S, S, 3)
    return x.transpose(*range(k), *(k + i for i in (0, 2, 4, 1, 3, 5, 6))).reshape(*n, f // T, h // S, w // S, T * S * S * 3)


def unblocks(x):
    *n, f, h, w, _ = x.shape
    k = len(n)
    x = x.reshape(*n, f, h, w, T, S, S, 3).transpose(*range(k), *(k + i for i in (0, 3, 1, 4, 2, 5, 6)))
    return x.reshape(*n, f * T, h * S, w * S, 3)


def encode(video, encoder):
    """uint8 video -> latent [..., 24, frames/4, rows/8, columns/8]"""
    x = blocks(video).astype(np.float32) * (1 / 127.5) - 1
    return np.moveaxis((x - encoder['mu']) @ encoder['P'], -1, -4)


def decode(latent, encoder):
    """The linear inverse, uint8: what the latent holds, before the trained decoder smooths it."""
    x = np.moveaxis(latent, -4, -1).astype(np.float32) @ encoder['Q'] + encoder['mu']
    return (np.clip((unblocks(x) + 1) * 127.5, 0, 255) + .5).astype(np.uint8)


def still(frame):
    """The four frames that a picture stands for."""
    return np.repeat(frame[None], T, 0)


def load(path='encoder.npz'):
    return dict(np.load(path))


def fit():
    from render import SHAPES, render
    names = list(SHAPES)
    clips = [blocks(render(50_000_000 + i, names[i % 3])[0]).reshape(-1, 768) for i in range(260)]
    train = np.concatenate(clips[:220])
    train = train[np.random.default_rng(0).permutation(len(train))[:60000]].astype(np.float32) / 127.5 - 1
    mu = train.mean(0)
    w, U = np.linalg.eigh((train - mu).T @ (train - mu) / len(train))
    w, U = w[::-1], U[:, ::-1]
    held = [b.astype(np.float32) / 127.5 - 1 - mu for b in clips[220:]]
    for k in (12, 16, 20, 24, 32, 48):
        psnr = [10 * np.log10(4 / ((b - b @ U[:, :k] @ U[:, :k].T) ** 2).mean()) for b in held]
        print(f'{k} channels: {np.mean(psnr):.2f} dB, worst {np.min(psnr):.2f}')
    w, U = w[:CHANNELS], U[:, :CHANNELS]
    scale = w ** .35
    scale = scale * np.sqrt((w / scale ** 2).mean())
    np.savez('encoder.npz', mu=mu.astype(np.float32), P=(U / scale).astype(np.float32),
             Q=(U * scale).T.astype(np.float32), sc=scale.astype(np.float32), w=w)


if __name__ == '__main__':
    if sys.argv[1:] != ['fit']:
        sys.exit(__doc__)
    fit()
