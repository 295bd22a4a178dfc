"""Captioned clips drawn by procedure: a seed, a shape of frame and attributes give 16 frames of RGB.

usage: render.py OUT.png      a contact sheet of every family in every shape
Invariant: the same seed, shape and attributes draw the same scene at every scale.
"""
import sys
from dataclasses import dataclass

import numpy as np

import places
import scenes
from attributes import DIRECTIONS, SLOTS, draw_attributes, row
from product import product, table

FRAMES = 16
# Shape name to latent rows and columns; a latent cell is 8x8 pixels of the encoder, 16x16 of the decoder.
SHAPES = {'wide': (10, 18), 'tall': (18, 10), 'square': (14, 14)}
UNIT = 72  # encoder pixels that are one unit of X and Y
FAMILIES = dict(bokeh=scenes.bokeh, gradient=scenes.gradient, sea=scenes.sea, rays=scenes.rays, mountain=scenes.mountain,
                silk=scenes.silk, smoke=scenes.smoke, product=product, studio=scenes.studio,
                window=scenes.window, city=places.city, table=table, road=places.road, people=places.people)


@dataclass
class View:
    """Where and when a clip is looked at; see scenes.py."""
    X: np.ndarray
    Y: np.ndarray
    t: np.ndarray
    ax: float
    ay: float
    dx: float
    dy: float


def axis(cells, scale, first=0, count=None):
    """Pixel centres of `count` cells from `first` on, in units, zero in the middle of the whole axis."""
    count = count or cells
    n = 8 * scale
    return ((np.arange(first * n, (first + count) * n, dtype=np.float32) + .5) / n - cells / 2) * (8 / UNIT)


def render(seed, shape='wide', scale=1, scene=None, crop=None, draw=None, span=(0, FRAMES), **forced):
    """uint8 [frames, rows, columns, 3] at `scale` times 8 pixels a latent cell, and the attribute row.

    crop: (first row, first column, rows, columns) in latent cells, or everything; span: first frame and how many; draw: a
    renderer of the caller's in the place of the scene's own."""
    r = np.random.default_rng(seed)
    a = draw_attributes(r, scene, **forced)
    h, w = SHAPES[shape]
    y0, x0, ch, cw = crop or (0, 0, h, w)
    t = np.linspace(0, 1, FRAMES, dtype=np.float32)[span[0]:span[0] + span[1], None, None]
    travel = .18 if a['object'] != 'none' else .30
    zoom = {'in': 1 - travel * t, 'out': 1 - travel + travel * t, 'none': 1 + 0 * t}[a['camera']].astype(np.float32)
    view = View(axis(w, scale, x0, cw)[None, None, :] * zoom, axis(h, scale, y0, ch)[None, :, None] * zoom, t,
                w * 4 / UNIT, h * 4 / UNIT, *DIRECTIONS[a['motion']])
    image = (draw or FAMILIES[a['scene']])(r, view, a)
    image = np.broadcast_to(image, (len(t), ch * 8 * scale, cw * 8 * scale, 3))
    return (np.clip(image, 0, 1) * 255 + .5).astype(np.uint8), row(a)


def sheet(clips, path, frames=4, captions=None, columns=1):
    """Contact sheet: `frames` frames of each clip in a row, `columns` clips side by side. Clips may differ in shape."""
    from PIL import Image, ImageDraw
    bar, rows = (12 if captions else 0), []
    for first in range(0, len(clips), columns):
        group = clips[first:first + columns]
        height = max(c.shape[1] for c in group) + bar
        strip = Image.new('RGB', (sum(frames * c.shape[2] + 8 for c in group), height))
        draw, x = ImageDraw.Draw(strip), 0
        for k, c in enumerate(group):
            if captions:
                draw.text((x + 2, 0), captions[first + k][:110], fill=(255, 255, 255))
            for j in range(frames):
                frame = c[round(j * (len(c) - 1) / max(frames - 1, 1))]
                strip.paste(Image.fromarray(frame), (x + j * c.shape[2], bar))
            x += frames * c.shape[2] + 8
        rows.append(strip)
    page = Image.new('RGB', (max(s.width for s in rows), sum(s.height for s in rows)))
    y = 0
    for strip in rows:
        page.paste(strip, (0, y))
        y += strip.height
    page.save(path)


def describe(indices):
    return ' '.join(words[i] for words, i in zip(SLOTS.values(), indices) if i)


if __name__ == '__main__':
    clips, captions = [], []
    for i, (family, shape) in enumerate((f, s) for f in FAMILIES for s in ('wide', 'square', 'tall')):
        clip, indices = render(100 + i, shape, 2, family)
        clips.append(clip)
        captions.append(describe(indices))
    sheet(clips, sys.argv[1], 2, captions, 3)
