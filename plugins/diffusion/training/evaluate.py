"""Judges exported models on the held-out prompts of prompts.py. -> results.json, evaluate.png

usage: evaluate.py MODELDIR [EVERY [KIND]]      EVERY: only each n-th prompt, for a quick look (7 meets every kind and
shape); KIND: only the prompts of that kind, and no films
Without probe.pt here, only what needs no probe is judged: colour and motion; with object_probe.pt, objects by that.
Colour: a rule without learning; the chroma-weighted mean colour of the clip, nearest of eight prototypes measured the
same way on rendered clips of that family; the ceiling is the same rule on other rendered clips. Scene, object, time:
the probe. Motion: the shift that matches two frames best, and the probe. Continuation: each clip begins with the last
four frames of the one before, four clips; seam = change at the joint over the usual change between frames, drift =
distance of the mean colour and contrast of the last clip from the first's, in percent of the range.
"""
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np

import object_probe
import probe
from attributes import LANDSCAPES, SCENES
from codec import PIXELS
from prompts import COLOURS, FORMS, SECOND, prompts
from render import SHAPES, UNIT, render, sheet
from sampler import Sampler

PROBED, OBJECTS = os.path.exists('probe.pt'), os.path.exists('object_probe.pt')


def hue(video, scene):
    """Unit colour of the chroma-weighted mean; of a product only the object, of a road only the car."""
    _, h, w, _ = video.shape
    x = video[::5].astype(np.float32) / 255
    if scene == 'road':  # where places.road draws it
        rows = SHAPES['wide' if w > h else 'tall' if w < h else 'square'][0]
        unit, ay = h / rows * UNIT / 8, rows * 4 / UNIT
        foot = h / 2 + (.17 + .06 * ay + .065) * unit
        x = x[:, int(foot - .15 * unit):int(foot - .05 * unit), int(w / 2 - .28 * unit):int(w / 2 + .28 * unit)]
    elif scene in ('product', 'table'):
        side = int(.13 * min(w, 1.4 * h) / 2)
        x = x[:, int(h / 2 - .1 * min(h, w)):int(h / 2 + .2 * min(h, w)), w // 2 - side:w // 2 + side]
    elif scene == 'city' or scene == 'people':
        x = x[:, :int(.6 * h)]
    elif scene in ('sea', 'mountain'):
        x = x[:, int(.25 * h):]
    x = x.reshape(-1, 3)
    chroma = (x.max(1) - x.min(1)) ** 2
    mean = (x * chroma[:, None]).sum(0) / (chroma.sum() + 1e-6)
    return mean / (mean.max() + 1e-6)


class HueJudge:
    def __init__(self, scene, shape):
        forced = dict(motion='none', camera='none', tasteful=0, second=SECOND.get(scene, 'none'))
        if scene in LANDSCAPES:
            forced['time'] = 'sunset'
        if scene in ('product', 'table'):
            forced['object'] = 'bottle' if scene == 'product' else 'cup'
        seen = {c: [hue(render(40_000_000 + i, shape, 1, scene, color=c, **forced)[0], scene) for i in range(6)] for c in COLOURS}
        self.scene = scene
        self.prototypes = {c: np.mean(v[:4], 0) for c, v in seen.items()}
        self.ceiling = np.mean([self.nearest(x) == c for c, v in seen.items() for x in v[4:]])

    def nearest(self, x):
        return min(self.prototypes, key=lambda c: np.abs(self.prototypes[c] - x).sum())

    def __call__(self, video):
        return self.nearest(hue(video, self.scene))


def direction(video):
    """left, right, up, down or none: the whole shift of frame 11 that matches frame 3 best, at four pixels a latent cell."""
    _, h, w, _ = video.shape
    k = PIXELS // 4
    luma = video[[3, 11]].reshape(2, h // k, k, w // k, k, 3).astype(np.float32).mean((2, 4, 5))
    luma, (h, w), best = luma - luma.mean((1, 2), keepdims=True), (h // k, w // k), None
    for dy in range(-9, 10):
        for dx in range(-13, 14):
            a = luma[0, max(0, -dy):h - max(0, dy), max(0, -dx):w - max(0, dx)]
            b = luma[1, max(0, dy):h + min(0, dy), max(0, dx):w + min(0, dx)]
            error = ((a - b) ** 2).mean()
            if best is None or error < best[0]:
                best = (error, dx, dy)
    _, dx, dy = best
    if abs(dx) < 1 and abs(dy) < 1:
        return 'none'
    return ('left' if dx < 0 else 'right') if abs(dx) >= abs(dy) else ('up' if dy < 0 else 'down')


def work(folder, jobs):
    """Generates and judges; only small things travel back."""
    sampler, net, hues, rows = Sampler(folder), probe.load()[0] if PROBED else None, {}, []
    objects = object_probe.load()[0] if OBJECTS else None
    for job in jobs:
        video = sampler.clip(job['prompt'], job['seed'], job['shape'])
        found = probe.judge(net, video) if PROBED else {}
        if job['kind'] == 'object' and OBJECTS:
            found['object'], found['sure'] = object_probe.judge(objects, video)
        if job['kind'] == 'colour':
            key = job['scene'], job['shape']
            hues[key] = hues.get(key) or HueJudge(*key)
            found['hue'], found['ceiling'] = hues[key](video), float(hues[key].ceiling)
        if job['kind'] == 'motion':
            found['shift'] = direction(video)
        rows.append((job, found, video[[0, 8, 15]][:, ::4, ::4]))
        print(len(rows), job['prompt'], job['shape'], found, flush=True)
    return rows


def chain(folder, prompt, seed, shape, clips=4):
    """Seam and drift of a film of several clips."""
    sampler, film = Sampler(folder), []
    for k in range(clips):
        given = {0: sampler.encode(np.stack(film[-4:]))[None, :, 0]} if film else None
        film += list(sampler.clip(prompt, seed + k, shape, given)[4 if film else 0:])
    x = np.stack(film).astype(np.float32)
    change = np.abs(x[1:] - x[:-1]).mean((1, 2, 3))
    seams = [15 + 12 * k for k in range(clips - 1)]
    usual = np.median(np.delete(change, seams)) + .15
    first, last = x[:12], x[-12:]
    drift = max(np.abs(first.mean((0, 1, 2)) - last.mean((0, 1, 2))).max(), abs(first.std() - last.std())) / 2.55
    return dict(prompt=prompt, seam=round(float(max(change[i] for i in seams) / usual), 2), drift=round(float(drift), 2)), np.stack(film)


def share(rows, test):
    """Share of the clips that pass; None where there is nothing to judge by."""
    try:
        return round(float(np.mean([test(job, found) for job, found, _ in rows])), 3) if rows else None
    except KeyError:
        return None


def report(rows):
    of = lambda kind, scene=None: [r for r in rows if r[0]['kind'] == kind and scene in (None, r[0]['scene'])]
    colour = lambda j, f: f['hue'] == j['color']
    scene = lambda j, f: f['scene'] == j['scene']
    results = dict(clips=len(rows), colour=share(of('colour'), colour), scene=share(rows, scene),
                   object=share(of('object'), lambda j, f: f['object'] == j['object']),
                   time=share(of('time'), lambda j, f: f['time'] == j['time']),
                   motion_shift=share(of('motion'), lambda j, f: f['shift'] == j['motion']),
                   motion_probe=share(of('motion'), lambda j, f: f['motion'] == j['motion']))
    results['families'] = {s: dict(colour=share(of('colour', s), colour), ceiling=round(float(np.mean([f['ceiling'] for _, f, _ in of('colour', s)] or [0])), 3),
                                   scene=share([r for r in rows if r[0]['scene'] == s], scene),
                                   motion=share(of('motion', s), lambda j, f: f['shift'] == j['motion'])) for s in SCENES}
    results['shapes'] = {s: dict(scene=share([r for r in rows if r[0]['shape'] == s], scene),
                                 colour=share([r for r in of('colour') if r[0]['shape'] == s], colour)) for s in ('wide', 'tall', 'square')}
    return results


def main(folder, every, kind=None):
    judged = {'colour', 'motion'} | ({'scene', 'time', 'object'} if PROBED else set()) | ({'object'} if OBJECTS else set())
    start, jobs = time.time(), [j for j in prompts() if j['kind'] in judged and kind in (None, j['kind'])][::every]
    jobs.sort(key=lambda j: j['seed'] * 61 % 251)  # mixed, so that a run cut short has met all kinds
    with ProcessPoolExecutor(2) as pool:
        # Each family to one process: its prototypes are drawn once. Objects need none.
        half = lambda j: j['seed'] % 2 if j['kind'] == 'object' else SCENES.index(j['scene']) % 2
        parts = [pool.submit(work, folder, [j for j in jobs if half(j) == k]) for k in range(2)]
        rows = [row for part in parts for row in part.result()]
    results = report(rows)
    films = [chain(folder, FORMS[s][0].format('blue') + m, 70, shape) for s, m, shape in
             (('gradient', '', 'tall'), ('sea', '', 'wide'), ('silk', ', moving right', 'wide'), ('product', '', 'square'), ('bokeh', ', moving left', 'tall')) if kind is None]
    results['continuation'] = [r for r, _ in films]
    results['wrong objects'] = [f"{j['prompt']}, {j['shape']}: {f['object']} {f.get('sure', '')}" for j, f, _ in rows
                                if j['kind'] == 'object' and f['object'] != j['object']]
    results['probe on rendered clips'] = probe.load()[1] if PROBED else None
    results['object probe on rendered clips'] = object_probe.load()[1] if OBJECTS else None
    results['seconds'] = round(time.time() - start)
    with open('results.json', 'w') as f:
        json.dump(results, f, indent=1)
    print(json.dumps(results, indent=1))
    rows.sort(key=lambda r: (r[0]['shape'], r[0]['scene']))
    sheet([v for _, _, v in rows], 'evaluate.png', 3, [j['prompt'] for j, _, _ in rows], 4)
    wrong = [(j, f, v) for j, f, v in rows if j['kind'] == 'object' and f['object'] != j['object']]
    if wrong:
        sheet([v for _, _, v in wrong], 'wrong_objects.png', 3, [f"{j['prompt']}: {f['object']}" for j, f, _ in wrong], 4)
    if films:
        sheet([film[:, ::4, ::4] for _, film in films], 'continuation.png', 9, None, 1)


if __name__ == '__main__':
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1, *sys.argv[3:4])
