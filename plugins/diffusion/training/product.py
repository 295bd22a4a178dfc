"""The family with an object: a bottle, jar, can or box on a round pedestal in a studio.

Outlines are signed distances (negative inside), two pixels soft, so that nothing shimmers when the object moves.
"""
import numpy as np

from shading import colour, mix, smooth

EDGE = .012
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
    w = .135
    body, neck = rounded(x, y - .10, w, .205, .055), rounded(x, y + .13, .044, .07, .012)
    cap = rounded(x, y + .205, .060, .058, .014)
    skin = c * cylinder(x, w, light)[..., None] + (.34 * highlight(x, w, glint))[..., None]
    label = inside(rounded(x, y - .13, w * .70, .075, .012))
    skin = mix(skin, np.clip(c * .12 + .82, 0, 1) * cylinder(x, w, light)[..., None], label * .9)
    top = GOLD_CAP * cylinder(x, .060, light)[..., None] + (.25 * highlight(x, .060, glint))[..., None]
    return [(inside(np.minimum(body, neck)), skin), (inside(cap), top)], w, w


def jar(x, y, c, light, glint):
    w = .195
    body, lid = rounded(x, y - .155, w, .150, .050), rounded(x, y + .040, w * .93, .058, .018)
    skin = c * cylinder(x, w, light)[..., None] + (.30 * highlight(x, w, glint))[..., None]
    band = inside(np.abs(y - .17) - .050) * inside(np.abs(x) - w * .985)
    skin = mix(skin, np.clip(c * .15 + .80, 0, 1) * cylinder(x, w, light)[..., None], band * .85)
    top = STEEL * cylinder(x, w * .93, light)[..., None] + (.20 * highlight(x, w * .93, glint))[..., None]
    return [(inside(body), skin), (inside(lid), top)], w, w


def can(x, y, c, light, glint):
    w = .120
    body, top, foot = rounded(x, y - .075, w, .200, .030), rounded(x, y + .140, w * .88, .022, .012), rounded(x, y - .288, w * .88, .018, .010)
    skin = c * cylinder(x, w, light)[..., None] + (.36 * highlight(x, w, glint, .16))[..., None]
    sweep = inside(np.abs(y - .075 - .35 * x) - .050) * inside(np.abs(x) - w * .985)
    skin = mix(skin, np.clip(c * .15 + .82, 0, 1) * cylinder(x, w, light)[..., None], sweep * .9)
    metal = STEEL * cylinder(x, w * .88, light)[..., None]
    return [(inside(np.minimum(top, foot)), metal), (inside(body), skin)], w, w


def box(x, y, c, light, glint):
    """Two faces of a carton and a broad ribbon."""
    w, split = .185, .065
    body = rounded(x, y - .085, w, .205, .012)
    front = smooth(-.010, .010, x + split)  # left of the split is the side in shade
    side, face = (.62, .98) if light > 0 else (.98, .66)
    skin = c * (side + (face - side) * front + .06 * y)[..., None]
    ribbon = inside(np.abs(x - .060) - .024) * front
    skin = mix(skin, np.clip(c * .25 + .72, 0, 1) * (.85 + .1 * light), np.clip(ribbon, 0, 1) * .95)
    lid = inside(np.abs(y + .070) - .006) * .25
    return [(inside(body), skin * (1 - lid)[..., None] + (.05 * highlight(x, w, glint, .4))[..., None])], w, w * .95


OBJECTS = {'bottle': bottle, 'jar': jar, 'can': can, 'box': box}


def product(r, view, a):
    """The set, the pedestal, the object and its shadow."""
    c, wall = colour(a['color'], r), colour(a['second'], r) * (1. if a['second'] == 'black' else r.uniform(.74, .92))
    t, light = view.t, r.choice([-1., 1.]) * r.uniform(.5, 1.)
    size = 1.12 if view.ay < .7 else 1.2
    X = (view.X - view.dx * .22 * (t - .5)) / size
    Y = (view.Y - .02) / size
    glow = np.exp(-((view.X + light * .10) ** 2 * 1.3 + (view.Y + .08) ** 2 * 1.6))
    image = (.56 + .52 * glow)[..., None] * wall + (.08 * glow)[..., None]
    image = image * (1 - .22 * smooth(.24, .40, Y) + 0 * X)[..., None]
    top, pw = .30, r.uniform(.30, .36)
    shade = cylinder(X, pw, light)
    stone = np.clip(wall * .55 + .36, 0, 1)
    plate = inside(np.sqrt(X * X + ((Y - top) * 3.4) ** 2) - pw, .016)
    column = inside(np.abs(X) - pw) * smooth(top, top + .012, Y)
    image = mix(image, stone * (.74 * shade)[..., None], column)
    image = mix(image, stone * (1.02 + .06 * light * X / pw)[..., None], plate + 0 * t)
    phase = r.uniform(0, 6.28)
    lift = .16 * view.dy * (t - .5) - .07 if view.dy else .014 * np.sin(t * 3 + phase) - .012
    x, y = X, Y - lift
    layers, w, foot = OBJECTS[a['object']](x, y, c, light, light * .45 + .18 * np.sin(t * 2 + phase))
    shadow = .55 * np.exp(-(X / (foot * 1.25)) ** 2 - ((Y - top) / .045) ** 2)
    image = image * (1 - shadow + 0 * t)[..., None]
    for mask, skin in layers:
        image = mix(image, np.clip(skin, 0, 1), mask)
    return image
