"""The scene families without objects. Each function draws one clip: view -> [time, rows, columns, 3] in about [0, 1].

A view's X and Y are in units of half the long side of a 16:9 frame, zero in the middle, the same pixel size in every
shape of frame; ax and ay are the frame's half extents; t runs from 0 to 1; dx and dy are the clip's direction.
Families are kept smooth on purpose: the latents hold soft pictures well, and what moves moves as one.
"""
import numpy as np

from shading import backdrop, colour, mix, sky_colours, smooth, waves


def bokeh(r, view, a):
    """Round translucent discs before a glow: a faint layer of large ones that are far out of focus, and one of clear ones. Discs of
    a layer stand near the points of a fixed grid, most left out, and seldom touch: discs at any place at all, or about two latent
    cells wide, are learnt as lumps. Few of them, since guidance draws more than it was shown."""
    c = colour(a['color'], r)
    light = np.clip(c * .8 + .2, 0, 1)
    X, Y, t = view.X, view.Y, view.t
    glow = np.exp(-((X - r.uniform(-.3, .3) * view.ax) ** 2 + (Y - r.uniform(-.3, .3) * view.ay) ** 2) * 1.6) * .28
    image = mix(backdrop(a['second'], r, view), c, glow + 0 * t)
    for size, cell, shown, speed, dim, edge in ((.30, .78, .45, .26, .40, (.72, 1.16)), (.178, .47, .36, .42, .88, (.86, 1.08))):
        sway = r.uniform(0, 6.28)
        ox = view.dx * speed * (t - .5) + (0 if view.dx else .05 * np.sin(t * 2.2 + sway))
        oy = view.dy * speed * (t - .5) + (0 if view.dy else .04 * np.sin(t * 1.9 + sway))
        nx, ny = int(np.ceil((view.ax + .5) / cell)), int(np.ceil((view.ay + .5) / cell))
        cover = np.zeros(np.broadcast_shapes(X.shape, Y.shape, t.shape), np.float32)
        for j in range(-ny, ny + 1):
            for i in range(-nx, nx + 1):
                px, py = (i + .5 * (j % 2) + r.uniform(-.14, .14)) * cell, (j + r.uniform(-.14, .14)) * cell
                strength, twinkle, own = dim * r.uniform(.55, 1), r.uniform(0, 6.28), size * r.uniform(.82, 1.18)
                if r.random() > shown:
                    continue
                d = np.sqrt((X - px - ox) ** 2 + (Y - py - oy) ** 2) / own
                disc = (1 - smooth(*edge, d)) * (.88 + .12 * smooth(.3, .9, d))
                disc = disc * (strength * (.9 + .1 * np.sin(t * 3.5 + twinkle)))
                cover = np.maximum(cover, disc)
        image = mix(image, c if size > .2 else light, cover)
    return image


def gradient(r, view, a):
    """Two liquid colours that fold into each other, slowly: what folds fast is learnt as patches."""
    c1, c2 = colour(a['color'], r), colour(a['second'], r)
    U, V, t = view.X - view.dx * .5 * view.t, view.Y - view.dy * .42 * view.t, view.t
    q = waves(U, V, t, r, 2, 1.9, .7)
    w = waves(U + .30 * q, V + .30 * np.cos(q * 1.5), t, r, 2, 2.2, .7)
    image = c1 + (c2 - c1) * (.5 + .5 * np.sin(w * 2.))[..., None]
    sheen = .5 + .5 * np.sin(w * 4. + 1.)
    return image * (.82 + .18 * sheen[..., None]) + (.06 * sheen ** 4)[..., None]


def sun_and_sky(r, view, a, X, Y, horizon, height, reach=.34, disc=(.125, .205), glow=(2.6, .70)):
    """The sky above a horizon with one sun at one of three places, `reach` from the middle or in it, at one height; its edge
    between two radii (none: no disc; by day there is none), and the glow's fall and strength. Returns the picture, how far right the
    sun is, and the colours: low sky, high sky, sun.

    Large and soft on purpose: a disc two latent cells wide comes out of the codec with corners, and one at any place at all is learnt as two; at
    two heights, some are learnt as one that is pulled to both."""
    low, high, sun = sky_colours(r, a)
    sx = r.choice([-1., 0., 1.]) * reach * view.ax + r.uniform(-.03, .03)
    sy = horizon - height + r.uniform(-.015, .015)
    sky = mix(high, low, smooth(-view.ay * 1.1, horizon + .02, Y) + 0 * X + 0 * view.t)
    d = np.sqrt((X - sx) ** 2 + (Y - sy) ** 2)
    sky = mix(sky, sun, np.exp(-d * glow[0]) * glow[1])
    if disc and a['time'] != 'day':
        sky = mix(sky, np.clip(sun * .55 + .45, 0, 1), 1 - smooth(*disc, d))
    return sky, sx, low, high, sun


def sea(r, view, a):
    """A horizon, one sun and its road on moving water."""
    X, Y, t = view.X - view.dx * .35 * (view.t - .5), view.Y - view.dy * .18 * (view.t - .5), view.t
    horizon = r.uniform(-.06, .08)
    sky, sx, low, high, sun = sun_and_sky(r, view, a, X, Y, horizon, .09)
    depth = np.clip(Y - horizon, .012, 1.2)
    far = .11 / (depth + .09)
    p1, p2 = r.uniform(0, 6), r.uniform(0, 6)
    swell = .5 + .5 * np.sin(far * 22 + t * 3.2 + .9 * np.sin(X * 3 + t * 1.2 + p1) + X * 1.5)
    cross = .5 + .5 * np.sin(X * 5 - t * 2 + far * 9 + p2)
    water = mix(low * .62, high * .45, smooth(horizon, horizon + .5, Y) + 0 * X + 0 * t)
    water = water * (.74 + .32 * swell * (.4 + .6 * cross))[..., None]
    road = np.exp(-((X - sx) / (.09 + depth * .42)) ** 2) * (.3 + .7 * swell) * .75 * np.exp(-depth * .8)
    water = mix(water, sun, np.clip(road, 0, 1))
    return mix(sky, water, smooth(horizon - .025, horizon + .025, Y) + 0 * X)


def mountain(r, view, a):
    """Four ridges that grow darker towards the viewer, mist between them, one sun."""
    X, Y, t = view.X, view.Y - view.dy * .18 * (view.t - .5), view.t
    base = r.uniform(-.04, .06)
    far_x = X - view.dx * .12 * (t - .5)
    image, _, low, high, _ = sun_and_sky(r, view, a, far_x, Y, base, .23)
    haze, dark = np.clip(low * .82 + .08, 0, 1), low * .16 + high * .06
    for i in range(4):
        top = base + (.02 + .16 * i) * (.75 + .25 * view.ay / .556) + r.uniform(-.02, .02)
        Xi = X - view.dx * (.22 + .13 * i) * (t - .5)
        ridge = top + (.085 + .02 * i) * waves(Xi, 0 * Xi, 0 * t, r, 2, 2.8 + .5 * i, 0)
        near = (i + .6) / 3.6
        rock = haze * (1 - near) * .92 + dark * near
        below = np.clip((Y - ridge) / .20, 0, 1)  # valleys fill with mist
        mist = (below ** 1.5) * (.42 if i < 3 else .12) * (1 + .25 * np.sin(Xi * 2.2 + t * 1.5 + i))
        layer = mix(rock, haze, np.clip(mist, 0, .6))
        image = mix(image, layer, smooth(-.018, .018, Y - ridge))
    return image


def rays(r, view, a):
    """Broad soft beams that fan out from one point above the frame and sway."""
    c = colour(a['color'], r)
    X, Y, t = view.X, view.Y, view.t
    px, py = r.uniform(-.3, .3) * view.ax, -view.ay - r.uniform(.46, .54)  # far enough for beams of some width
    angle = np.arctan2(X - px, Y - py) - view.dx * .32 * (t - .5)
    distance = np.sqrt((X - px) ** 2 + (Y - py) ** 2)
    reach = 1.15 * view.ay + .60
    beams = np.float32(0)
    for k in range(-4, 5):
        width, strength = r.uniform(.085, .115), r.uniform(.25, 1.)
        centre = .30 * k + r.uniform(-.05, .05) + .05 * np.sin(t * 1.6 + r.uniform(0, 6.28))
        beams = beams + strength * np.exp(-((angle - centre) / width) ** 2)
    fall = np.exp(-np.maximum(distance - .45, 0) / reach * .9) * (1 + .25 * view.dy * (t - .5) * Y)
    light = np.clip(beams * fall * .92 + np.exp(-distance * 2.0) * 1.1, 0, .97)
    image = mix(backdrop(a['second'], r, view, .42), c, light)
    return mix(image, np.clip(c * .5 + .5, 0, 1), light ** 3 * .55)


def silk(r, view, a):
    """Cloth in long folds, lit from one side: the slope of a height field gives shade and highlight."""
    c = colour(a['color'], r)
    shade = colour(a['second'], r) if a['second'] != 'none' else c * .30
    t, lean = view.t, r.choice([-1., 1.]) * r.uniform(.35, .50)
    X, Y = view.X - view.dx * .5 * t, view.Y - view.dy * .42 * t
    u, v = X * np.float32(np.cos(lean)) + Y * np.float32(np.sin(lean)), Y * np.float32(np.cos(lean)) - X * np.float32(np.sin(lean))
    p = [r.uniform(0, 6.28) for _ in range(4)]
    k1, k2 = r.uniform(5.8, 6.6), r.uniform(1.3, 1.7)
    bend = .50 * np.sin(u * k2 + t * 1.1 + p[0]) + .14 * np.sin(u * k2 * 1.9 - t * .9 + p[1])
    phase = v * k1 + bend * 2. + p[2] + .3 * np.sin(v * 2.1 + t * .7 + p[3])
    slope = (np.cos(phase) + .30 * np.cos(phase * 1.7 + bend * 1.5 + 1.)) / 1.3  # of folds across v
    lit = .5 + .5 * slope
    image = shade + (c * .92 - shade) * (lit ** 1.2)[..., None]
    return image * (.72 + .28 * lit)[..., None] + (.26 * np.clip(slope, 0, 1) ** 6)[..., None] * (c * .5 + .5)


def veil(phase, sharp):
    """A sheet of smoke seen along itself: a crest across `phase`, one flank steeper than the other."""
    return np.exp(sharp * (np.sin(phase + .8 * np.sin(phase + 1.)) - 1))


# Lean, turns a unit, bend by the air, sharpness of the crest and strength of each layer of smoke.
VEILS = ((-.35, 3.6, 2.0, 1.8, .75), (.15, 5.0, 2.4, 2.6, .65), (.5, 6.6, 2.8, 3.4, .45))


def smoke(r, view, a):
    """Wisps before a dim wall: three layers of veils, bent by the same slow air."""
    c = colour(a['color'], r)
    U, V, t = view.X - view.dx * .40 * view.t, view.Y - view.dy * .40 * view.t, view.t
    q = waves(U, V, t, r, 2, 2.2, .8)
    s = waves(U + .25 * q, V, t, r, 2, 2.8, .8)
    clear = np.float32(1)
    for k, (lean, turns, bend, sharp, strength) in enumerate(VEILS):
        cos, sin = np.float32(np.cos(lean)), np.float32(np.sin(lean))
        phase = (U * cos + V * sin) * turns + bend * (s if k % 2 else q) + r.uniform(0, 6.28)
        along = .5 + .5 * np.sin(2.6 * (V * cos - U * sin) + 1.5 * (q if k % 2 else s) + r.uniform(0, 6.28))
        clear = clear * (1 - strength * (.12 + .88 * along) * veil(phase, sharp))
    body = (1 - clear) * np.exp(-((view.Y / view.ay) ** 4 * .5 + (view.X / view.ax) ** 4 * .5))
    image = mix(backdrop(a['second'], r, view, .55), c, np.clip(body * 1.15, 0, .97))
    return mix(image, np.clip(c * .5 + .5, 0, 1), smooth(.55, 1.0, body) * .6)


def studio(r, view, a):
    """An empty set: a soft spot on the wall, a floor that curves into it."""
    c = colour(a['color'], r)
    X, Y, t = view.X, view.Y, view.t
    lx, ly = r.uniform(-.5, .5) * view.ax, r.uniform(-.45, .15) * view.ay
    px = lx + (view.dx * .7 * (t - .5) if view.dx else .08 * np.sin(t * 2))
    py = ly + view.dy * .45 * (t - .5)
    spot = np.exp(-((X - px) ** 2 * r.uniform(.9, 1.6) + (Y - py) ** 2 * r.uniform(1.5, 3.)))
    floor = view.ay * r.uniform(.34, .60)
    image = ((.42 if a['color'] != 'black' else 1.2) + .62 * spot)[..., None] * c + (.16 * spot ** 2)[..., None]
    return image * (1 - .24 * smooth(floor - .12, floor + .12, Y) + 0 * X)[..., None]


def window(r, view, a):
    """Sunlight through a window on a plain wall: slanted panes of light that wander, and the soft shadow of a branch."""
    c = colour(a['color'], r)
    wall, t = np.clip(c * .80 + .10, 0, 1), view.t
    X, Y = view.X - view.dx * .45 * (t - .5), view.Y - view.dy * .35 * (t - .5)
    u = X + r.uniform(.34, .42) * Y + .03 * np.sin(t * 2.2 + r.uniform(0, 6.28)) + r.uniform(-.08, .08)
    v = Y + .06 * X + r.uniform(-.06, .06)
    pw, ph, gap, soft = .38, .40, .07, r.uniform(.05, .07)
    panes, rows = np.float32(0), (-1, 0) if view.ay < .7 else (-1.5, -.5, .5)
    for i in (-1, 0):
        for j in rows:
            du, dv = np.abs(u - (i + .5) * (pw + gap)) - pw / 2, np.abs(v - (j + .5) * (ph + gap)) - ph / 2
            panes = panes + (1 - smooth(-soft, soft, du)) * (1 - smooth(-soft, soft, dv))
    leaves = np.float32(0)
    for lu, lv, turn in ((-.26, -.18, .5), (-.12, .10, 1.2), (-.34, .22, .1)):
        angle = turn + r.uniform(-.15, .15) + .12 * np.sin(t * 2 + turn * 3)
        x, y = u - lu - r.uniform(-.04, .04), v - lv
        p, q = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        leaves = np.maximum(leaves, np.exp(-(p / .20) ** 2 - (q / .06) ** 2))
    shade = wall * (.50 - .06 * Y)[..., None]
    return mix(shade, np.clip(c * .86 + np.array([.20, .17, .10], np.float32), 0, 1), panes * (.95 - .57 * leaves) + 0 * t)


def scraps(r, view, a):
    """Moving shapes of any colour, sharp or soft, on a slope of two colours. No family of its own: what the decoder is
    trained on for pictures that are given and that no family draws."""
    tint = lambda: r.uniform(0, 1, 3).astype(np.float32) ** r.choice([.5, 1., 2.])
    angle = r.uniform(0, 6.28)
    image = mix(tint(), tint(), .5 + .5 * np.clip(view.X * np.cos(angle) + view.Y * np.sin(angle), -1, 1) + 0 * view.t)
    for _ in range(int(r.integers(3, 9))):
        angle, size, flat = r.uniform(0, 6.28), r.uniform(.04, .45), r.uniform(.2, 1.)
        x = view.X - r.uniform(-.9, .9) * view.ax - r.normal(0, .2) * view.t
        y = view.Y - r.uniform(-.9, .9) * view.ay - r.normal(0, .2) * view.t
        u, v = x * np.cos(angle) + y * np.sin(angle), (y * np.cos(angle) - x * np.sin(angle)) / flat
        power = r.choice([2., 2., 4., 8.])
        d = ((np.abs(u) ** power + np.abs(v) ** power) ** (1 / power) - size) * flat
        edge = r.choice([.008, .015, .05, .15])
        slope = .5 + u / size * .5 if r.random() < .6 else .5 + .5 * np.sin(u * r.uniform(10, 60))
        image = mix(image, mix(tint(), tint(), np.clip(slope, 0, 1)), (1 - smooth(-edge, edge, d)) * r.uniform(.5, 1.))
    return image
