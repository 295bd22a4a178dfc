"""What the transformer is trained on: times, given frames and attribute rows drawn for a batch of clips."""
import torch
import torch.nn.functional as F

from attributes import SIZES, SLOTS
from networks import FRAMES

# Share of clips that have frames given, by which latent frames those are.
GIVEN = [(.56, ()), (.14, (0,)), (.05, (3,)), (.07, (0, 3)), (.03, (0, 1)), (.03, (2, 3)), (.02, (0, 1, 2)), (.03, (0, 1, 3)),
         (.03, (0, 2, 3)), (.01, (1,)), (.01, (2,)), (.02, (1, 2))]
STILL = .4    # of those with nothing but the first and the last frame given: these are still pictures
FOLLOWED = .04  # largest noise on given latents, as on what was decoded and encoded again


def times(n):
    """Logit-normal times; half shifted towards noise, where the colour is decided, and a share close to pure noise."""
    u = torch.randn(n).sigmoid()
    shift = torch.where(torch.rand(n) < .5, 3., 1.2)
    t = shift * u / (1 + (shift - 1) * u)
    return torch.where(torch.rand(n) < .12, 1 - .12 * torch.rand(n), t)


def batch(z, still):
    """Clean latents -> (target clip, its noised state, noise, times [n, 4]); given frames have time 0."""
    n = len(z)
    t = times(n)[:, None].expand(n, FRAMES).clone()
    z = z.clone()
    kinds = torch.multinomial(torch.tensor([share for share, _ in GIVEN]), n, replacement=True)
    for i, kind in enumerate(kinds.tolist()):
        frames = GIVEN[kind][1]
        t[i, list(frames)] = 0.
        if frames in ((0,), (3,), (0, 3)) and torch.rand(()) < STILL:
            for frame in frames:
                z[i, :, frame] = still[i, 0 if frame == 0 else 1]
    noise, w = torch.randn_like(z), t[:, None, :, None, None]
    seen = (1 - w) * z + w * noise
    seen = seen + (w == 0) * torch.randn_like(z) * (torch.rand(n, 1, 1, 1, 1) * FOLLOWED)
    return z, seen, noise, t


def conditions(rows):
    """Attribute rows [n, 8] -> soft one-hot [n, classes]. Mentions are dropped at random; one row in ten is empty, which
    is what guidance leads away from."""
    n, parts = len(rows), []
    empty, tasteful = torch.rand(n) < .10, rows[:, 7] == 1
    share = dict(scene=.04, object=.04, time=.1, motion=.05, camera=.05,
                 color=torch.where(tasteful, .5, .02), second=torch.where(tasteful, .6, .05))
    for j, (slot, size) in enumerate(zip(SLOTS, SIZES)):
        unsaid = empty | (torch.rand(n) < share[slot])
        parts.append(F.one_hot(torch.where(unsaid, 0, rows[:, j]), size).float())
    return torch.cat(parts, 1)
