"""Small functions every renderer is made of. Grids are float32 arrays that broadcast to [time, rows, columns]."""
import numpy as np

from attributes import COLOURS, SKY


def colour(name, r, jitter=.03):
    """The named colour as float32 RGB in [0, 1], a little different in every clip."""
    return np.clip(np.array(COLOURS[name], np.float32) + r.normal(0, jitter, 3).astype(np.float32), 0, 1)


def smooth(a, b, x):
    """Smoothstep from 0 at a to 1 at b."""
    x = np.clip((x - a) * (1. / (b - a)), 0, 1)
    return x * x * (3 - 2 * x)


def mix(a, b, m):
    """a where the mask m is 0, b where it is 1; a and b have channels last."""
    return a + (b - a) * m[..., None]


def waves(X, Y, t, r, n, f, speed):
    """Sum of n travelling sines of frequency f and above, roughly in [-1, 1]."""
    v, total = np.float32(0), 0.
    for i in range(n):
        angle, k, weight = r.uniform(0, 6.28), f * r.uniform(.7, 1.3) * 1.45 ** i, .75 ** i
        phase = t * float(speed * r.uniform(-1, 1)) + r.uniform(0, 6.28)
        v = v + weight * np.sin(X * float(k * np.cos(angle)) + Y * float(k * np.sin(angle)) + phase)
        total += weight
    return v * (1.4 / total)


def backdrop(name, r, view, dim=.5):
    """A dim wall of the named colour with a slight vignette, behind light."""
    c = colour(name, r) * (dim if name not in ('white', 'black') else .9)
    return (1.1 - .25 * ((view.X / view.ax) ** 2 * .6 + (view.Y / view.ay) ** 2 * .4))[..., None] * c


def sky_colours(r, a):
    """Low sky, high sky and sun of a landscape."""
    low, high, sun = SKY[a['time']]
    if a['color'] != 'none':
        low = a['color']
        sun = 'white' if low not in ('gold', 'orange', 'red', 'pink') else 'gold'
    dim_low, dim_high = {'night': (.45 if a['color'] == 'none' else .55, .9), 'day': (1., 1.)}.get(a['time'], (1., .75))
    return colour(low, r) * dim_low, colour(high, r) * dim_high, colour(sun, r)
