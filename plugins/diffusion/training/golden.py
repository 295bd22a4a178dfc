"""Writes golden.npz, the numbers other runtimes are held against; all from ONNX Runtime on the processor.

usage: golden.py MODELDIR
Wide: every stage of one clip. Tall: a clip with its first and last latent frames given.
"""
import sys

import numpy as np

from sampler import Sampler

PROMPT, TALL = 'golden bokeh lights drifting left, black background', 'waves at sunset'


def main(folder):
    s = Sampler(folder)
    noise, ids = s.noise([1234]), s.ids([PROMPT, ''])
    tokens, pooled, attributes = s.text.run(None, dict(input_ids=ids))
    step0 = s.velocity(np.concatenate([noise, noise]), np.ones((2, 4), np.float32), tokens, pooled)
    latent = s.latents([PROMPT], noise)
    frames = s.frames(latent)[0]
    small = s.small(frames[:4]).astype(np.float16)
    tall_noise = s.noise([4321], 'tall')
    plain = s.latents([TALL], tall_noise)
    pinned = s.latents([TALL], s.noise([77], 'tall'), {0: plain[:, :, 0], 3: plain[:, :, 3]})
    np.savez_compressed(
        f'{folder}/golden.npz', prompt=np.array(PROMPT), input_ids=ids, noise=noise, times=s.times(),
        guidance=np.float32(s.guidance), tokens=tokens, pooled=pooled, attributes=attributes, velocity_step0=step0,
        latent_final=latent, frame_first=frames[0], frame_last=frames[-1], encoder_input=small,
        encoder_latent=s.encoder.run(None, dict(video=small.astype(np.float32)))[0], tall_prompt=np.array(TALL),
        tall_noise=s.noise([77], 'tall'), tall_first=plain[:, :, 0], tall_last=plain[:, :, 3], tall_latent=pinned,
        tall_frame=s.frames(pinned)[0][0])


if __name__ == '__main__':
    main(sys.argv[1])
