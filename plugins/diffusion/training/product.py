"""The family with an object (bottle, jar, can, box, phone, glass of drink, fruit) on a round pedestal in a studio.

Outlines are signed distances (negative inside), two to three pixels soft, so that nothing shimmers when the object moves.
"""
import numpy as np

from shading import colour, mix, smooth

EDGE = .015
GOLD_CAP, STEEL = np.array([.84, .70, .40], np.float32), np.array([.86, .87, .88], np.float32)


def rounded(x, y, w, h, radius):
    """Signed distance to a rectangle of half size w, h with rounded corners."""
    dx, dy = np.abs(x) - (w - radius), np.abs(y) - (h - radius)
    return np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2) + np.minimum(np.maximum(dx, dy), 0) - radius


def inside(distance, edge=EDGE):
    return 1 - smooth(-edge, edge, distance)


def cylinder(x, w, light):
    """Brightness across an upright cylinder of half width w lit from `light` in -1 (left) .. 1: core shade and rim."""
    s = np.clip(x / w, -1, 1)
    body = .52 + .42 * np.sqrt(np.clip(1 - s * s * .92, 0, 1)) + .14 * s * light
    return body - .10 * smooth(.55, 1., np.abs(s))


def highlight(x, w, place, width=.20):
    return np.exp(-((x / w - place) / width) ** 2)


def bottle(x, y, c, light, glint):
    """Round shoulders, a gilded cap."""
    w = .135
    body, neck = rounded(x, y - .10, w, .205, .075), rounded(x, y + .13, .050, .07, .012)
    cap = rounded(x, y + .205, .064, .062, .016)
    skin = c * cylinder(x, w, light)[..., None] + (.34 * highlight(x, w, glint))[..., None]
    top = GOLD_CAP * cylinder(x, .064, light)[..., None] + (.25 * highlight(x, .064, glint))[..., None]
    return [(inside(np.minimum(body, neck)), skin), (inside(cap), top)], w


def jar(x, y, c, light, glint):
    """Wide and low, a steel lid."""
    w = .195
    body, lid = rounded(x, y - .155, w, .150, .050), rounded(x, y + .045, w * .95, .065, .020)
    skin = c * cylinder(x, w, light)[..., None] + (.30 * highlight(x, w, glint))[..., None]
    top = STEEL * cylinder(x, w * .95, light)[..., None] + (.20 * highlight(x, w * .95, glint))[..., None]
    return [(inside(body), skin), (inside(lid), top)], w


def can(x, y, c, light, glint):
    """Metal rims, a broad slanted band."""
    w = .125
    body, top, foot = rounded(x, y - .075, w, .200, .035), rounded(x, y + .145, w * .86, .030, .014), rounded(x, y - .290, w * .86, .020, .010)
    skin = c * cylinder(x, w, light)[..., None] + (.36 * highlight(x, w, glint, .18))[..., None]
    band = inside(np.abs(y - .075 - .35 * x) - .055, .022)
    skin = mix(skin, np.clip(c * .2 + .76, 0, 1) * cylinder(x, w, light)[..., None], band * .9)
    metal = STEEL * cylinder(x, w * .86, light)[..., None]
    return [(inside(np.minimum(top, foot)), metal), (inside(body), skin)], w


def box(x, y, c, light, glint):
    """Two faces of a carton and a broad ribbon."""
    w, split = .185, .065
    body = rounded(x, y - .085, w, .215, .014)
    front = smooth(-.014, .014, x + split)  # left of the split is the side in shade
    side, face = (.62, .98) if light > 0 else (.98, .66)
    skin = c * (side + (face - side) * front + .06 * y)[..., None]
    ribbon = inside(np.abs(x - .060) - .030, .018) * front
    skin = mix(skin, np.clip(c * .25 + .72, 0, 1) * (.85 + .1 * light), np.clip(ribbon, 0, 1) * .95)
    return [(inside(body), skin + (.05 * highlight(x, w, glint, .4))[..., None])], w


def phone(x, y, c, light, glint):
    """A dark slab whose screen shines in the colour."""
    w, h = .150, .285
    body, screen = rounded(x, y - .020, w, h, .040), rounded(x, y - .020, w - .022, h - .024, .028)
    rim = STEEL * (.34 + .10 * highlight(x, w, light, .5))[..., None]
    up = np.clip((y - .020) / h, -1, 1)
    shine = c * (.86 - .22 * up)[..., None] + (.22 * np.exp(-((x - .5 * y * light) / .07) ** 2) * (.5 - .5 * up))[..., None]
    return [(inside(body), rim + 0 * shine), (inside(screen), shine + (.05 * highlight(x, w, glint, .4))[..., None])], w


def glass(x, y, c, light, glint):
    """A tumbler, three quarters full."""
    w = .135 - .10 * (y - .08)
    body = np.maximum(np.abs(x) - w, rounded(x, y - .085, .3, .220, .02))
    drink = np.maximum(np.abs(x) - w + .020, rounded(x, y - .120, .3, .155, .02))
    clear = np.clip(.72 + .20 * light * x / .14, 0, 1)[..., None] * np.array([.92, .96, 1.], np.float32)
    full = c * (1.02 - 1.1 * (y - .12) * .6)[..., None] * cylinder(x, .15, light)[..., None] * 1.1
    full = full + (.32 * highlight(x, .13, glint))[..., None]
    return [(inside(body) * .62, clear + 0 * full), (inside(drink), full)], .125


def fruit(x, y, c, light, glint):
    """A round fruit with a stalk and a leaf."""
    R, cy = .185, .118
    d = np.sqrt(x ** 2 + ((y - cy) * 1.03) ** 2)
    lit = np.clip(.5 + .5 * (light * x * .62 - (y - cy) * .78) / R, 0, 1)
    skin = c * (.50 + .54 * lit)[..., None]
    skin = skin + (.34 * np.exp(-((x - R * glint) ** 2 + (y - cy + R * .42) ** 2) / .0042))[..., None]
    lx, ly = (x - .060) * .86 - (y + .105) * .5, (y + .105) * .86 + (x - .060) * .5
    leaf = np.sqrt((lx / .075) ** 2 + (ly / .030) ** 2) * .035 - .035
    stalk = rounded(x + .004, y + .080, .013, .035, .008)
    brown, green = np.array([.30, .20, .12], np.float32), np.array([.22, .50, .20], np.float32)
    return [(inside(stalk), brown), (inside(d - R), skin), (inside(leaf), green * (.8 + .3 * lit)[..., None])], .15


OBJECTS = {'bottle': bottle, 'jar': jar, 'can': can, 'box': box, 'phone': phone, 'glass': glass, 'fruit': fruit}


def product(r, view, a):
    """The set, the pedestal, the object and its shadow."""
    c, wall = colour(a['color'], r), colour(a['second'], r) * (1. if a['second'] == 'black' else r.uniform(.74, .92))
    t, light = view.t, r.choice([-1., 1.]) * r.uniform(.5, 1.)
    size = 1.4
    X = (view.X - view.dx * .22 * (t - .5)) / size
    Y = (view.Y - .04) / size
    glow = np.exp(-((view.X + light * .10) ** 2 * 1.3 + (view.Y + .08) ** 2 * 1.6))
    image = (.56 + .52 * glow)[..., None] * wall + (.08 * glow)[..., None]
    image = image * (1 - .22 * smooth(.24, .40, Y) + 0 * X)[..., None]
    top, pw = .30, r.uniform(.28, .33)
    shade = cylinder(X, pw, light)
    stone = np.clip(wall * .55 + .36, 0, 1)
    plate = inside(np.sqrt(X * X + ((Y - top) * 3.4) ** 2) - pw, .022)
    column = inside(np.abs(X) - pw) * smooth(top, top + .016, Y)
    image = mix(image, stone * (.74 * shade)[..., None], column)
    image = mix(image, stone * (1.02 + .06 * light * X / pw)[..., None], plate + 0 * t)
    phase = r.uniform(0, 6.28)
    lift = .16 * view.dy * (t - .5) - .07 if view.dy else .014 * np.sin(t * 3 + phase) - .012
    x, y = X, Y - lift
    layers, foot = OBJECTS[a['object']](x, y, c, light, light * .45 + .18 * np.sin(t * 2 + phase))
    shadow = .55 * np.exp(-(X / (foot * 1.25)) ** 2 - ((Y - top) / .045) ** 2)
    image = image * (1 - shadow + 0 * t)[..., None]
    for mask, skin in layers:
        image = mix(image, np.clip(skin, 0, 1), mask)
    return image
