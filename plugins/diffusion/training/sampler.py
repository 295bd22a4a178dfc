"""Sampling with ONNX Runtime and NumPy only: the reference for other runtimes.

usage: sampler.py MODELDIR OUT.jpg [STEPS GUIDANCE SHIFT]      a contact sheet
Times: u = 1 - k/steps, t = shift u / (1 + (shift - 1) u). Velocity is noise minus data; guided: v = v_empty + g (v_prompt
- v_empty). Adams-Bashforth of order two: w = v + (h / h_before) / 2 (v - v_before), first w = v; z = z - h w.
Given latent frames are put into z before every step, at time 0, and once more at the end.
"""
import sys
import time

import numpy as np
import onnxruntime

from codec import PIXELS
from render import SHAPES, sheet

PROMPTS = [
    ('golden bokeh lights drifting left, black background', 'wide'), ('teal and purple liquid gradient', 'tall'),
    ('sea waves at sunset', 'wide'), ('pink perfume bottle on a pedestal, white background', 'tall'),
    ('red soda can on a podium, teal background', 'square'), ('blue gift box on a gold background', 'wide'),
    ('golden light rays, dark background', 'tall'), ('purple silk fabric flowing', 'wide'),
    ('misty mountains at sunrise', 'tall'), ('green smoke rising, black background', 'square'),
    ('city skyline at dusk', 'wide'), ('white cream jar on a pink background, zoom in', 'square'),
    ('calm ocean at night', 'tall'), ('a red car driving right at sunset', 'wide'),
    ('pink bokeh, purple background', 'tall'), ('elegant champagne satin for a wedding video', 'square'),
    ('two people walking on a beach at sunset', 'wide'), ('a glass of orange juice on a kitchen table', 'square'),
    ('a green mug of coffee on a wooden table', 'wide'), ('blue sneaker on a pedestal, white background', 'square'),
    ('sunlight through a window on a pink wall', 'tall'), ('skyscrapers at night, zoom in', 'tall'),
    ('blue mountains, pan right', 'wide'), ('a phone on a desk, orange wall', 'square')]


class Sampler:
    def __init__(self, folder, threads=1, steps=16, guidance=2.5, shift=3.):
        from tokenizers import Tokenizer
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        load = lambda name: onnxruntime.InferenceSession(f'{folder}/{name}.onnx', options, providers=['CPUExecutionProvider'])
        self.text, self.net, self.decoder, self.encoder = map(load, ('text_encoder', 'transformer', 'vae_decoder', 'vae_encoder'))
        self.tokenizer = Tokenizer.from_file(f'{folder}/tokenizer.json')
        self.steps, self.guidance, self.shift = steps, guidance, shift

    def ids(self, prompts):
        return np.array([e.ids for e in self.tokenizer.encode_batch(list(prompts))], np.int64)

    def times(self):
        u = np.linspace(1, 0, self.steps + 1)
        return self.shift * u / (1 + (self.shift - 1) * u)

    @staticmethod
    def noise(seeds, shape='wide'):
        return np.stack([np.random.default_rng(s).standard_normal((24, 4, *SHAPES[shape])) for s in seeds]).astype(np.float32)

    def velocity(self, z, t, tokens, pooled):
        return self.net.run(None, dict(latent=z, t=t, tokens=tokens, pooled=pooled))[0]

    def latents(self, prompts, noise, given=None):
        """given: {latent frame: [batch, 24, h, w]}"""
        B, z, given = len(prompts), noise.copy(), given or {}
        tokens, pooled, _ = self.text.run(None, dict(input_ids=self.ids(list(prompts) + [''] * B)))
        times, before, h_before = self.times(), None, None
        for a, b in zip(times[:-1], times[1:]):
            t = np.full((2 * B, 4), a, np.float32)
            for i, latent in given.items():
                z[:, :, i], t[:, i] = latent, 0
            v = self.velocity(np.concatenate([z, z]), t, tokens, pooled)
            v, h = v[B:] + np.float32(self.guidance) * (v[:B] - v[B:]), a - b
            w = v if before is None else v + np.float32(.5 * h / h_before) * (v - before)
            z, before, h_before = z - np.float32(h) * w, v, h
        for i, latent in given.items():
            z[:, :, i] = latent
        return z

    def frames(self, z):
        """uint8 [batch, 16, height, width, 3]"""
        decoded = [self.decoder.run(None, dict(latent=x[None]))[0] for x in z]
        return ((np.concatenate(decoded).transpose(0, 2, 3, 4, 1) + 1) * 127.5 + .5).astype(np.uint8)

    @staticmethod
    def small(frames):
        """uint8 [4n, height, width, 3] -> [1, 3, 4n, 8h, 8w], what the encoder looks at"""
        f, h, w, _ = frames.shape
        k = PIXELS // 8
        x = frames.reshape(f, h // k, k, w // k, k, 3).astype(np.float32).mean((2, 4)) / 127.5 - 1
        return x.transpose(3, 0, 1, 2)[None]

    def encode(self, frames):
        """uint8 [4n, height, width, 3] -> [24, n, h, w]"""
        return self.encoder.run(None, dict(video=self.small(frames)))[0][0]

    def clip(self, prompt, seed, shape='wide', given=None):
        return self.frames(self.latents([prompt], self.noise([seed], shape), given))[0]


def main(folder, out, *settings):
    names = dict(zip(('steps', 'guidance', 'shift'), (int(settings[0]), *map(float, settings[1:])) if settings else ()))
    sampler, start = Sampler(folder, **names), time.time()
    clips = [sampler.clip(p, i, shape) for i, (p, shape) in enumerate(PROMPTS)]
    print(f'{(time.time() - start) / len(clips):.2f} s a clip')
    order = sorted(range(len(clips)), key=lambda i: list(SHAPES).index(PROMPTS[i][1]))
    sheet([clips[i][:, ::2, ::2] for i in order], out, 3, [PROMPTS[i][0] for i in order], 2)


if __name__ == '__main__':
    main(*sys.argv[1:])
